// Owns: the rules of pool_model.h for requests, returns and blocks.
// Must not know: which operations come when; how a pool works.
#include "pool_model.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "trace.h"

namespace numapool::fuzz {
namespace {

std::uintptr_t number_of(const void* address) noexcept { return reinterpret_cast<std::uintptr_t>(address); }

Tier tier_of(std::size_t block_bytes) noexcept {
    return block_bytes < kKiB ? Tier::kSmall : block_bytes <= kMiB ? Tier::kMedium : Tier::kLarge;
}

/// The most bytes that a block may have for a request of `bytes` without a special alignment.
std::size_t most_block_bytes(std::size_t bytes) noexcept {
    if (bytes <= kKiB) return std::max<std::size_t>(64, (bytes + 63) / 64 * 64);
    if (bytes <= kMiB) return bytes + bytes / 8;
    return bytes + bytes / 4 + 64 * kKiB;
}

std::string words(ErrorCode code) { return std::string("it is: ") + to_string(code); }

}  // namespace

PoolModel::PoolModel(Machine& machine) : machine_(machine), nodes_(machine.nodes()) {
    places_.push_back(Placement::current_node());
    for (const int node : nodes_) places_.push_back(Placement::on_node(node));
    const std::vector<int> one{nodes_.front()};
    if (nodes_.size() >= 4) {
        places_.push_back(Placement::interleave(nodes_));
        const std::vector<int> two{nodes_[1], nodes_[2]};
        const std::vector<int> weights{3, 1};
        places_.push_back(Placement::interleave(two));
        places_.push_back(Placement::interleave(two, weights));
    } else {
        places_.push_back(Placement::interleave(one));  // the same as on_node
    }
}

std::shared_ptr<ModelPool> PoolModel::make_pool(const PoolOptions& options) {
    auto made = std::make_shared<ModelPool>();
    made->options = options;
    made->places.resize(places_.size());
    made->tested = machine_.make_pool(options);
    if (made->tested == nullptr) {
        NUMAPOOL_FUZZ_CHECK(machine_.refuses(), "no pool could be made");
        return nullptr;
    }
    pools_.push_back(made);
    return made;
}

void PoolModel::destroy_pool(std::size_t index) {
    const std::shared_ptr<ModelPool> pool = pools_[index];
    check_statistics(*pool);
    count_reached(*pool);
    pools_.erase(pools_.begin() + static_cast<std::ptrdiff_t>(index));
    pool->tested.reset();
    pool->closed = true;
}

void PoolModel::close_pool(ModelPool& pool) {
    pool.tested->close();
    pool.closed = true;
}

ErrorCode PoolModel::expected_of(const ModelPool& pool, const Wish& wish) const {
    const std::size_t alignment = wish.request.alignment;
    if (pool.closed) return ErrorCode::kClosed;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > kMaxAlignment)
        return ErrorCode::kInvalidAlignment;
    if (wish.bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()))
        return ErrorCode::kInvalidSize;
    if (pool.options.numa_aware) {
        for (const int node : wish.request.placement.nodes()) {
            if (std::find(nodes_.begin(), nodes_.end(), node) == nodes_.end()) return ErrorCode::kInvalidNode;
        }
    }
    if (pool.options.max_bytes && wish.bytes > *pool.options.max_bytes) return ErrorCode::kLimitExceeded;
    if (wish.bytes >> 46 != 0) return ErrorCode::kOutOfMemory;
    return ErrorCode::kOk;
}

void PoolModel::check_refusal(const ModelPool& pool, const Wish& wish, ErrorCode why) const {
    trace().count_reached(std::string("refused: ") + to_string(why));
    const ErrorCode expected = expected_of(pool, wish);
    if (expected != ErrorCode::kOk) {
        NUMAPOOL_FUZZ_CHECK(why == expected, words(why) + ", not: " + to_string(expected));
        return;
    }
    if (why == ErrorCode::kLimitExceeded) {
        NUMAPOOL_FUZZ_CHECK(pool.options.max_bytes, words(why));
        // With nothing live and nothing in another thread's hands, all but a granule is there to be had.
        const std::size_t needed = most_block_bytes(std::max(wish.bytes, wish.request.alignment)) + 2 * kMiB;
        NUMAPOOL_FUZZ_CHECK(pool.all.live_buffers != 0 || pool.used_elsewhere || machine_.refuses() ||
                                machine_.watched() || needed > *pool.options.max_bytes,
                            words(why) + " although the pool is empty");
        return;
    }
    // A node whose policy was refused once is not asked again.
    const bool may_refuse =
        machine_.refuses() || (why == ErrorCode::kPlacementFailed && !machine_.placed_all());
    NUMAPOOL_FUZZ_CHECK(may_refuse, words(why) + " although nothing is refused");
    const BindMode bind = wish.request.bind.value_or(pool.options.bind);
    NUMAPOOL_FUZZ_CHECK(why == ErrorCode::kOutOfMemory || bind == BindMode::kStrict, words(why));
    NUMAPOOL_FUZZ_CHECK(why == ErrorCode::kOutOfMemory || why == ErrorCode::kPlacementFailed, words(why));
}

bool PoolModel::take(const std::shared_ptr<ModelPool>& pool, const Wish& wish) {
    const int node = machine_.current_node();
    ErrorCode why = ErrorCode::kOk;
    ModelBlock block;
    trace().count_operations();
    if (std::this_thread::get_id() != thread_) pool->used_elsewhere = true;
    block.address = pool->tested->take(wish.way, wish.bytes, wish.request, why);
    if (block.address == nullptr) {
        check_refusal(*pool, wish, why);
        return false;
    }
    NUMAPOOL_FUZZ_CHECK(why == ErrorCode::kOk, words(why) + " although there is a block");
    const ErrorCode expected = expected_of(*pool, wish);
    NUMAPOOL_FUZZ_CHECK(expected == ErrorCode::kOk, std::string("it should be: ") + to_string(expected));
    block.bytes = wish.bytes;
    block.cover = wish.cover;
    block.pool = pool;
    block.stamp = ++stamps_ * 0x9E3779B97F4A7C15ULL;
    check_block(*pool, wish, block, node);
    write_stamp(block.address, block.bytes, block.stamp, block.cover);
    count(*pool, block);
    blocks_.push_back(std::move(block));
    return true;
}

void PoolModel::check_block(const ModelPool& pool, const Wish& wish, ModelBlock& block, int node_before) {
    const std::uintptr_t begin = number_of(block.address);
    const std::size_t alignment = std::max(wish.request.alignment, kMinAlignment);
    NUMAPOOL_FUZZ_CHECK(begin % alignment == 0, "the block is at " + std::to_string(begin));

    const auto info = pool.tested->find(block.address, true);
    NUMAPOOL_FUZZ_CHECK(info, "the pool does not know its block");
    block.block_bytes = info->bytes;
    NUMAPOOL_FUZZ_CHECK(info->bytes >= block.bytes, std::to_string(info->bytes) + " bytes");
    NUMAPOOL_FUZZ_CHECK(
        machine_.watched() || alignment > kMinAlignment || info->bytes <= most_block_bytes(block.bytes),
        std::to_string(info->bytes) + " bytes for " + std::to_string(block.bytes));
    NUMAPOOL_FUZZ_CHECK(info->tier == tier_of(info->bytes), to_string(info->tier));

    Placement wanted = wish.request.placement;
    if (!pool.options.numa_aware) {
        wanted = Placement::current_node();
    } else if (wanted.kind() == Placement::Kind::kCurrentNode) {
        wanted = node_before >= 0 ? Placement::on_node(node_before) : info->placement;
    }
    NUMAPOOL_FUZZ_CHECK(info->placement == wanted, "the block belongs to node " +
                                                       std::to_string(info->placement.node()) + ", not " +
                                                       std::to_string(wanted.node()));
    block.place = place_of(info->placement);

    const std::uintptr_t end =
        begin + (machine_.watched() ? std::max<std::size_t>(block.bytes, 1) : info->bytes);
    const auto next = occupied_.lower_bound(begin);
    NUMAPOOL_FUZZ_CHECK(next == occupied_.end() || next->first >= end,
                        "it overlaps the live block behind it");
    NUMAPOOL_FUZZ_CHECK(next == occupied_.begin() || std::prev(next)->second <= begin,
                        "it overlaps the live block before it");
    occupied_.emplace_hint(next, begin, end);

    if (wish.request.zeroed) {
        const Cover cover = wish.cover == Cover::kEnds ? Cover::kSome : wish.cover;
        NUMAPOOL_FUZZ_CHECK(reads_zero(block.address, block.bytes, cover), "zeroed memory is not zero");
    }
}

std::size_t PoolModel::place_of(const Placement& placement) const {
    const auto found = std::find(places_.begin(), places_.end(), placement);
    NUMAPOOL_FUZZ_CHECK(found != places_.end(), "a placement that nobody asked for");
    return static_cast<std::size_t>(found - places_.begin());
}

void PoolModel::count(ModelPool& pool, const ModelBlock& block) {
    live_bytes_ += block.block_bytes;
    for (Sums* sums : {&pool.all, &pool.tiers[static_cast<std::size_t>(tier_of(block.block_bytes))],
                       &pool.places[block.place]}) {
        ++sums->allocations;
        ++sums->live_buffers;
        sums->live_bytes += block.block_bytes;
    }
    pool.requested += block.bytes;
    pool.handed_out += block.block_bytes;
}

void PoolModel::look_at(std::size_t index) const {
    const ModelBlock& block = blocks_[index];
    NUMAPOOL_FUZZ_CHECK(holds_stamp(block.address, block.bytes, block.stamp, block.cover),
                        "someone else wrote to the block at " + std::to_string(number_of(block.address)));
    if (!block.pool->alive()) return;
    for (const bool held : {true, false}) {
        const auto info = block.pool->tested->find(block.address, held);
        NUMAPOOL_FUZZ_CHECK(info && info->bytes == block.block_bytes, "the pool forgot its block");
        NUMAPOOL_FUZZ_CHECK(place_of(info->placement) == block.place, "the block changed its node");
    }
}

ModelBlock PoolModel::leave(std::size_t index) {
    NUMAPOOL_FUZZ_CHECK(
        holds_stamp(blocks_[index].address, blocks_[index].bytes, blocks_[index].stamp, blocks_[index].cover),
        "someone else wrote to the block at " + std::to_string(number_of(blocks_[index].address)));
    ModelBlock block = std::move(blocks_[index]);
    if (index + 1 != blocks_.size()) blocks_[index] = std::move(blocks_.back());
    blocks_.pop_back();
    return block;
}

void PoolModel::put_back(const ModelBlock& block) { blocks_.push_back(block); }

void PoolModel::give(std::size_t index, Way way) {
    const ModelBlock block = leave(index);
    trace().count_operations();
    const ErrorCode code =
        block.pool->alive() ? block.pool->tested->give(way, block.address) : return_block(block.address);
    returned(block, code, ReturnedBy::kCaller);
}

void PoolModel::returned(const ModelBlock& block, ErrorCode code, ReturnedBy by) {
    NUMAPOOL_FUZZ_CHECK(code == ErrorCode::kOk, "a live block was refused; " + words(code));
    ModelPool& pool = *block.pool;
    if (std::this_thread::get_id() != thread_) pool.used_elsewhere = true;
    occupied_.erase(number_of(block.address));
    live_bytes_ -= block.block_bytes;
    for (Sums* sums : {&pool.all, &pool.tiers[static_cast<std::size_t>(tier_of(block.block_bytes))],
                       &pool.places[block.place]}) {
        --sums->live_buffers;
        sums->live_bytes -= block.block_bytes;
    }
    if (by == ReturnedBy::kDestructor) ++pool.auto_returns;
}

}  // namespace numapool::fuzz
