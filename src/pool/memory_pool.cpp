// Owns: the pool's face: values become exceptions here, and here only.
// Must not know: how a pool works.
#include "numapool/memory_pool.h"

#include <atomic>

#include "pool/failure_message.h"
#include "pool/fast_path.h"
#include "pool/plain_heap.h"
#include "pool/pool_core.h"
#include "topology/discovery.h"

namespace numapool {
namespace {

PoolOptions complete(const PoolOptions& options) {
    static constinit std::atomic<unsigned> number{0};
    PoolOptions result = options.with_environment();
    result.validate();
    if (result.name.empty()) result.name = "pool-" + std::to_string(number.fetch_add(1) + 1);
    return result;
}

detail::PoolCore* make_core(const PoolOptions& options) {
    detail::CoreSettings settings;
    settings.topology = &topology::system_topology();
    settings.disabled = detail::PlainHeap::wanted();
    settings.check = detail::wanted_check_mode();
    detail::PoolCore* core = detail::PoolCore::create(complete(options), settings);
    if (core == nullptr) {
        throw OutOfMemoryError(ErrorCode::kOutOfMemory, "no memory for another pool, or " +
                                                            std::to_string(cache::kMaxPools) +
                                                            " pools are alive; close some");
    }
    return core;
}

// Apart, so that the short way in needs no stack frame.
[[gnu::noinline]] void* allocate_or_throw(detail::PoolCore& core, std::size_t bytes, const Request& request) {
    base::Failure failure;
    void* block = core.allocate_slow(bytes, request, failure);
    if (block == nullptr) detail::throw_failure(core, failure);
    return block;
}

[[gnu::noinline]] void* allocate_cold(detail::PoolCore& core, std::size_t bytes) {
    const Request request;
    void* block = core.allocate_fast(bytes, request);
    return block != nullptr ? block : allocate_or_throw(core, bytes, request);
}

[[gnu::noinline]] ErrorCode try_return(detail::PoolCore& core, void* block) noexcept {
    return detail::PoolCore::return_block(block, ReturnedBy::kCaller, &core);
}

[[gnu::noinline]] void return_or_throw(detail::PoolCore& core, void* block) {
    if (const ErrorCode code = try_return(core, block); code != ErrorCode::kOk)
        detail::throw_refused_return(core, code, block);
}

}  // namespace

MemoryPool::MemoryPool(const PoolOptions& options) : core_(make_core(options)) {}
MemoryPool::~MemoryPool() { core_->release(); }

void MemoryPool::initialize(std::size_t reserve_bytes) {
    if (const auto done = core_->initialize(reserve_bytes); !done)
        detail::throw_failure(*core_, done.failure());
}

void* MemoryPool::allocate(std::size_t bytes) {
    detail::PoolCore& core = *core_;
    void* block = core.allocate_hot(bytes);
    return block != nullptr ? block : allocate_cold(core, bytes);
}

void* MemoryPool::allocate(std::size_t bytes, const Request& request) {
    void* block = core_->allocate_fast(bytes, request);
    return block != nullptr ? block : allocate_or_throw(*core_, bytes, request);
}

void* MemoryPool::try_allocate(std::size_t bytes, const Request& request, ErrorCode* why) noexcept {
    base::Failure failure;
    void* block = core_->allocate(bytes, request, failure);
    if (why != nullptr) *why = block != nullptr ? ErrorCode::kOk : failure.code;
    return block;
}

ErrorCode MemoryPool::try_deallocate(void* block) noexcept {
    return core_->return_hot(block) ? ErrorCode::kOk : try_return(*core_, block);
}

void MemoryPool::deallocate(void* block) {
    detail::PoolCore& core = *core_;
    if (core.return_hot(block)) [[likely]]
        return;
    return_or_throw(core, block);
}

void MemoryPool::return_buffer(Buffer&& buffer) {
    void* block = buffer.data();
    const ErrorCode code = try_deallocate(block);
    if (code != ErrorCode::kWrongPool) static_cast<void>(buffer.release());
    if (code != ErrorCode::kOk) detail::throw_refused_return(*core_, code, block);
}

std::optional<Placement> MemoryPool::resolve(const Placement& placement) const noexcept {
    return core_->resolve(placement);
}
bool MemoryPool::all_nodes_allowed() const noexcept { return core_->all_nodes_allowed(); }
bool MemoryPool::watches_next() const noexcept { return core_->watches_next(); }
std::optional<BlockInfo> MemoryPool::find_block(const void* block) const noexcept {
    return core_->find_block(block);
}

std::optional<BlockInfo> MemoryPool::find_held_block(const void* block) const noexcept {
    return core_->find_block(block, true);
}
Statistics MemoryPool::get_statistics() const { return core_->statistics(); }
std::vector<PlacementCheck> MemoryPool::verify_placement() const { return core_->verify_placement(); }
std::size_t MemoryPool::resident_bytes() const { return core_->resident_bytes(); }
std::size_t MemoryPool::trim(std::size_t keep_bytes) { return core_->trim(keep_bytes, EvictionCause::kTrim); }
void MemoryPool::close() noexcept { core_->close(); }
bool MemoryPool::closed() const noexcept { return core_->closed(); }
const PoolOptions& MemoryPool::options() const noexcept { return core_->options(); }

}  // namespace numapool
