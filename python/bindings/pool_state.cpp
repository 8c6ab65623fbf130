// Owns: handing out again, and its figures.
// Must not know: how arguments are parsed, or which array fits a request.
#include "pool_state.h"

#include <cstring>

namespace numapool_python {
namespace {

// From this many on, each return looks at a few of those that wait: what is returned and never asked for
// again must not pile up.
constexpr std::size_t kSweepFrom = 32;
constexpr std::size_t kSweepLooks = 8;

using numapool::BindMode;
using numapool::Placement;

}  // namespace

PoolState::PoolState(const numapool::PoolOptions& options)
    : pool_(options),
      zero_on_return_(pool_.options().zero_on_return),
      monitoring_(pool_.options().enable_monitoring),
      only_home_(pool_.get_statistics().nodes.size() == 1 ? pool_.resolve(Placement::current_node())
                                                          : std::nullopt),
      looks_pages_up_(pool_.options().numa_aware && pool_.options().bind != BindMode::kNone &&
                      (pool_.options().bind == BindMode::kStrict || !only_home_)),
      reuses_arrays_(!pool_.get_statistics().disabled &&
                     !(pool_.options().numa_aware && pool_.options().bind == BindMode::kStrict)) {}

std::size_t PoolState::find_figures(const Placement& placement) const noexcept {
    std::size_t index = 0;
    while (index < figures_.size() && !(figures_[index].placement == placement)) ++index;
    return index;
}

std::size_t PoolState::figures_index(const Placement& placement) {
    const std::size_t index = find_figures(placement);
    if (index == figures_.size()) figures_.push_back({placement, {}, {}});
    return index;
}

void PoolState::add_pending(PyObject* held, std::uint8_t bucket) {
    if (pending_.size() >= kSweepFrom) pending_.sweep(kSweepLooks);
    pending_.add(held, bucket);
}

std::optional<Placement> PoolState::resolve(const Placement& asked) const noexcept {
    const bool home = only_home_ && (asked.kind() == Placement::Kind::kCurrentNode || asked == *only_home_);
    return home ? only_home_ : pool_.resolve(asked);
}

PyObject* PoolState::reuse(const ArraySpec& spec, const numapool::Request& request) noexcept {
    if (pending_.size() == 0 || !reuses_arrays_ || request.bind || pool_.closed() ||
        !pool_.all_nodes_allowed() || pool_.watches_next()) {
        return nullptr;
    }
    const std::optional<Placement> from = resolve(request.placement);
    if (!from) return nullptr;
    const std::size_t index = find_figures(*from);
    if (index == figures_.size()) return nullptr;
    PyObject* array = pending_.take(spec, static_cast<std::uint32_t>(index));
    if (array == nullptr) return nullptr;
    auto* owner = reinterpret_cast<BlockOwner*>(PyArray_BASE(reinterpret_cast<PyArrayObject*>(array)));
    if (request.zeroed || zero_on_return_) std::memset(owner->block, 0, owner->bytes);
    // Relaxed: the interpreter lock guards who holds an array.
    owner->state.store(OwnerState::kLive, std::memory_order_relaxed);
    PyArray_ENABLEFLAGS(reinterpret_cast<PyArrayObject*>(array), NPY_ARRAY_WRITEABLE);
    ReuseFigures& figures = figures_[index];
    ++figures.allocations[owner->tier];
    figures.bytes[owner->tier] += owner->block_bytes;
    figures.remote += !only_home_ && request.placement.kind() == Placement::Kind::kNode &&
                      resolve(Placement::current_node()) != from;
    if (monitoring_) reused_requested_bytes_ += spec.bytes;
    return array;
}

}  // namespace numapool_python
