// Owns: the mistakes of misuse.h.
// Must not know: when they are made.
#include "misuse.h"

#include <cstring>
#include <string>
#include <utility>

#include "byte_reader.h"
#include "trace.h"

namespace numapool::fuzz {
namespace {

void expect(ErrorCode told, ErrorCode right) {
    NUMAPOOL_FUZZ_CHECK(told == right,
                        std::string("the pool says: ") + to_string(told) + "; right is: " + to_string(right));
}

}  // namespace

template <class Act>
void Misuse::unchanged(const ModelPool& pool, Act act) {
    const Figures before = PoolModel::figures(pool);
    trace().count_operations();
    act();
    NUMAPOOL_FUZZ_CHECK(PoolModel::figures(pool) == before, "a refused call changed the figures");
}

void Misuse::request(ModelPool& pool, const std::shared_ptr<ModelPool>& shared, const Wish& wish) {
    trace().add("bad request: %llu bytes, alignment %llu, node %lld", wish.bytes, wish.request.alignment,
                static_cast<std::uint64_t>(wish.request.placement.node()));
    const bool node_only = wish.request.placement.kind() == Placement::Kind::kNode;
    if (node_only && !pool.options.numa_aware) {
        static_cast<void>(model_.take(shared, wish));
        return;
    }
    unchanged(pool, [&] {
        const bool served = model_.take(shared, wish);
        NUMAPOOL_FUZZ_CHECK(!served, "a bad request was served");
    });
}

void Misuse::give(ByteReader& bytes, std::size_t index) {
    const unsigned what = bytes.byte();
    if (what < 40 || model_.blocks().empty()) {
        foreign(bytes);
    } else if (what < 100) {
        interior(bytes, index);
    } else if (what < 150) {
        to_another_pool(bytes, index);
    } else if (what < 230) {
        twice(bytes, index);
    } else {
        with_its_seal(index);
    }
}

void Misuse::foreign(ByteReader& bytes) {
    static std::uint64_t of_no_pool[64];
    std::uint64_t on_the_stack = 0;
    const ModelPool& pool = *model_.pools()[0];
    static constexpr std::uintptr_t kNowhere[] = {1,
                                                  64,
                                                  4096,
                                                  ~std::uintptr_t{0},
                                                  std::uintptr_t{1} << 47,
                                                  (std::uintptr_t{1} << 47) - 64,
                                                  std::uintptr_t{1} << 63};
    const unsigned which = bytes.byte();
    void* pointer = which < 50    ? static_cast<void*>(of_no_pool + which)
                    : which < 100 ? static_cast<void*>(&on_the_stack)
                                  : reinterpret_cast<void*>(kNowhere[which % 7]);
    if (which == 255) pointer = nullptr;
    const ErrorCode right = pointer == nullptr ? ErrorCode::kOk : ErrorCode::kForeignPointer;
    trace().add("give back what is no pool's: %llx", reinterpret_cast<std::uintptr_t>(pointer));
    unchanged(pool, [&] {
        for (const Way way : {Way::kPlain, Way::kThrowing, Way::kTrying})
            expect(pool.tested->give(way, pointer), right);
        NUMAPOOL_FUZZ_CHECK(!pool.tested->find(pointer, false), "it was found");
    });
}

void Misuse::interior(ByteReader& bytes, std::size_t index) {
    const ModelBlock& block = model_.blocks()[index];
    if (!block.pool->alive()) return;
    const std::size_t offsets[] = {1,
                                   8,
                                   63,
                                   64,
                                   512,
                                   4096,
                                   64 * kKiB,
                                   2 * kMiB,
                                   block.block_bytes / 2,
                                   block.block_bytes / 2 / 64 * 64,
                                   block.block_bytes - 1};
    const std::size_t offset = bytes.one_of(offsets);
    if (offset == 0 || offset >= block.block_bytes) return;
    char* pointer = static_cast<char*>(block.address) + offset;
    trace().add("give back %llx, %llu bytes inside a block", reinterpret_cast<std::uintptr_t>(pointer),
                offset);
    unchanged(*block.pool, [&] {
        for (const Way way : {Way::kPlain, Way::kThrowing, Way::kTrying})
            expect(block.pool->tested->give(way, pointer), ErrorCode::kInteriorPointer);
        NUMAPOOL_FUZZ_CHECK(!block.pool->tested->find(pointer, false), "it was found");
    });
    model_.look_at(index);
}

void Misuse::to_another_pool(ByteReader& bytes, std::size_t index) {
    const ModelBlock& block = model_.blocks()[index];
    ModelPool& other = *model_.pools()[bytes.below(static_cast<unsigned>(model_.pools().size()))];
    if (block.pool.get() == &other) return;
    trace().add("give %llx to another pool", reinterpret_cast<std::uintptr_t>(block.address));
    unchanged(other, [&] {
        for (const Way way : {Way::kThrowing, Way::kTrying}) {
            if (way == Way::kThrowing && other.tested->pool() == nullptr) continue;
            expect(other.tested->give(way, block.address), ErrorCode::kWrongPool);
        }
        NUMAPOOL_FUZZ_CHECK(!other.tested->find(block.address, false), "another pool found it");
        if (other.tested->pool() == nullptr) return;
        Buffer buffer(block.address, block.bytes);
        try {
            other.tested->pool()->return_buffer(std::move(buffer));
        } catch (const ArgumentError& error) {
            expect(error.code(), ErrorCode::kWrongPool);
        }
        NUMAPOOL_FUZZ_CHECK(buffer.release() == block.address, "the buffer lost its block");
    });
    model_.look_at(index);
}

void Misuse::twice(ByteReader& bytes, std::size_t index) {
    const ModelBlock block = model_.leave(index);
    ModelPool& pool = *block.pool;
    if (!pool.alive()) {
        model_.put_back(block);
        return;
    }
    static constexpr Way kWays[] = {Way::kPlain, Way::kThrowing, Way::kTrying};
    const Way way = bytes.one_of(kWays);
    trace().add("give %llx back twice, %llu bytes", reinterpret_cast<std::uintptr_t>(block.address),
                block.block_bytes);
    trace().count_operations();
    model_.returned(block, pool.tested->give(Way::kTrying, block.address), ReturnedBy::kCaller);
    unchanged(pool, [&] {
        const ErrorCode told = pool.tested->give(way, block.address);
        NUMAPOOL_FUZZ_CHECK(told != ErrorCode::kOk, "a second return was taken");
        const bool merges = block.block_bytes > kMiB || pool.options.max_buffers == 0;
        // Where the budget of what threads keep ready is spent, a slab may go with its last block.
        const bool slab_went = told == ErrorCode::kInteriorPointer;
        if (pool.keeps() && !merges && !slab_went) expect(told, ErrorCode::kAlreadyReturned);
        NUMAPOOL_FUZZ_CHECK(!pool.tested->find(block.address, false), "a returned block was found");
    });
}

// What a returned block's first word holds is what its next holder may write there by chance.
void Misuse::with_its_seal(std::size_t index) {
    if (model_.blocks()[index].block_bytes > 64 * kKiB || !model_.blocks()[index].pool->keeps()) return;
    const ModelBlock block = model_.leave(index);
    ModelPool& pool = *block.pool;
    if (!pool.alive() || pool.options.max_buffers == 0) {
        model_.put_back(block);
        return;
    }
    trace().add("give %llx back, and its next holder writes the same word",
                reinterpret_cast<std::uintptr_t>(block.address));
    model_.returned(block, pool.tested->give(Way::kTrying, block.address), ReturnedBy::kCaller);
    std::uint64_t sealed = 0;
    std::memcpy(&sealed, block.address, sizeof sealed);
    Wish wish;
    wish.bytes = block.block_bytes;
    wish.cover = Cover::kEnds;
    if (!model_.take(block.pool, wish)) return;
    const ModelBlock again = model_.leave(model_.blocks().size() - 1);
    std::memcpy(again.address, &sealed, sizeof sealed);
    trace().add("    which was %llx", reinterpret_cast<std::uintptr_t>(again.address));
    model_.returned(again, pool.tested->give(Way::kTrying, again.address), ReturnedBy::kCaller);
}

}  // namespace numapool::fuzz
