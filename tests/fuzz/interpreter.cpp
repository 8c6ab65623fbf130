// Owns: which operation each byte stands for, and how often it comes.
// Must not know: what is right; the model does.
#include "interpreter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "numapool/log.h"

#include "byte_reader.h"
#include "choices.h"
#include "fakes/mapped_bytes.h"
#include "misuse.h"
#include "pool_model.h"
#include "threads.h"
#include "trace.h"

namespace numapool::fuzz {
namespace {

constexpr std::size_t kMostBlocks = 400;
constexpr std::size_t kMostLiveBytes = 96 * kMiB;
constexpr std::size_t kSizes = 8;
constexpr std::size_t kMostPools = 4;
constexpr std::uint64_t kCheckEvery = 64;
constexpr std::size_t kLeastRange = 1024 * kMiB;  // what a lost range of addresses has at least

// What the pool calls an error is a broken block: none of these operations breaks one.
void receive(LogLevel level, const char* message, void*) {
    NUMAPOOL_FUZZ_CHECK(level != LogLevel::kError, message);
}

class Interpreter {
public:
    Interpreter(std::span<const std::uint8_t> input, Machine& machine)
        : bytes_(input), machine_(machine), model_(machine) {}

    void run() {
        // Some inputs are about large blocks, which merge, are cut and are moved together.
        large_ = bytes_.once_in(4);
        for (std::size_t i = 0; i < kSizes; ++i) {
            if (large_ && i >= 2)
                sizes_[i] = read_many_bytes(bytes_);
            else
                sizes_[i] = i < 5 ? read_few_bytes(bytes_) : read_bytes(bytes_);
        }
        make_pool();
        while (!bytes_.done()) step(true);
        finish();
    }

private:
    void step(bool may_change_thread) {
        const unsigned what = bytes_.byte();
        if (what < 60) {
            take_one(false);
        } else if (what < 92) {
            take_one(true);
        } else if (what < 164) {
            give_one();
        } else if (what < 176) {
            take_many();
        } else if (what < 190) {
            give_many();
        } else if (what < 200) {
            drop();
        } else if (what < 212) {
            misuse(what);
        } else if (what < 222) {
            look();
        } else if (what < 234) {
            if (may_change_thread) change_thread();
        } else if (what < 246) {
            machine_.disturb(bytes_);
        } else {
            keep_house();
        }
        if (trace().operations() >= next_check_) check();
    }

    const std::shared_ptr<ModelPool>& some_pool() {
        if (model_.pools().empty()) make_pool();
        const auto count = static_cast<unsigned>(model_.pools().size());
        return model_.pools()[count == 1 ? 0 : bytes_.below(count)];
    }
    /// One to take from: a closed one is seldom asked, and makes room for another instead.
    std::shared_ptr<ModelPool> some_giving_pool() {
        const std::shared_ptr<ModelPool> pool = some_pool();
        if (!pool->closed || bytes_.once_in(4)) return pool;
        destroy(pool);
        return some_pool();
    }
    /// The newest, the oldest or any block.
    std::size_t some_block() {
        const std::size_t count = model_.blocks().size();
        const unsigned drawn = bytes_.byte();
        return drawn < 96 ? count - 1 : drawn * count / 256;
    }
    bool full(std::size_t bytes) const {
        return model_.blocks().size() >= kMostBlocks || model_.live_bytes() + bytes > kMostLiveBytes;
    }

    /// Mostly one of the input's few sizes, so that what came back is asked for again.
    std::size_t some_bytes() {
        const unsigned drawn = bytes_.byte();
        if (drawn >= 190) return read_bytes(bytes_);
        std::size_t& size = sizes_[drawn % kSizes];
        if (large_ && size > kMiB && bytes_.once_in(2)) size = read_many_bytes(bytes_);
        return size;
    }

    void make_pool() {
        PoolOptions options = read_options(bytes_, machine_.decay_allowed());
        if (large_ && !bytes_.once_in(4)) {  // idle memory stays, and is moved
            options.max_buffers = 64;
            options.max_idle_bytes = std::nullopt;
            options.movable = true;
        }
        trace().add("make a pool: max_buffers %llu, max_bytes %llu, max_idle_bytes %llu, idle_decay %lld ms",
                    options.max_buffers, options.max_bytes.value_or(0),
                    options.max_idle_bytes.value_or(~0ULL),
                    static_cast<std::uint64_t>(options.idle_decay ? options.idle_decay->count() : -1));
        trace().add("    zero_on_return %llu, movable %llu, numa_aware %llu, bind %llu",
                    options.zero_on_return, options.movable, options.numa_aware,
                    static_cast<std::uint64_t>(options.bind));
        trace().count_operations();
        while (model_.make_pool(options) == nullptr) machine_.calm();
    }

    void take_one(bool special) {
        const std::shared_ptr<ModelPool> pool = some_giving_pool();
        Wish wish;
        wish.bytes = some_bytes();
        if (special) {
            wish.request = read_request(bytes_, model_);
            wish.way = bytes_.once_in(2) ? Way::kThrowing : Way::kTrying;
        } else {
            wish.way = Way::kPlain;
        }
        wish.cover = read_cover(bytes_, wish.bytes);
        take(pool, wish);
    }
    void take(const std::shared_ptr<ModelPool>& pool, const Wish& wish) {
        if (full(std::max(wish.bytes, wish.request.alignment))) return;
        trace().add("take %llu bytes, alignment %llu, node %lld, zeroed %llu", wish.bytes,
                    wish.request.alignment, static_cast<std::uint64_t>(wish.request.placement.node()),
                    wish.request.zeroed);
        if (model_.take(pool, wish))
            trace().add("    at %llx", reinterpret_cast<std::uintptr_t>(model_.blocks().back().address));
    }
    /// Enough blocks of one size to fill magazines and slabs.
    void take_many() {
        const std::shared_ptr<ModelPool> pool = some_giving_pool();
        Wish wish;
        wish.way = Way::kPlain;
        wish.bytes = std::min(some_bytes(), 64 * kKiB);
        const unsigned count = 1 + bytes_.below(large_ ? 8 : 120);
        if (bytes_.once_in(4)) wish.way = Way::kTrying, wish.request = read_request(bytes_, model_);
        wish.cover = wish.bytes <= kKiB ? Cover::kWhole : Cover::kEnds;
        for (unsigned i = 0; i < count; ++i) take(pool, wish);
    }

    void give(std::size_t index, Way way) {
        trace().add("give %llx back, %llu bytes, way %llu",
                    reinterpret_cast<std::uintptr_t>(model_.blocks()[index].address),
                    model_.blocks()[index].block_bytes, static_cast<std::uint64_t>(way));
        model_.give(index, way);
    }
    Way some_way() {
        static constexpr Way kWays[] = {Way::kPlain, Way::kThrowing, Way::kTrying};
        return bytes_.one_of(kWays);
    }
    void give_one() {
        if (model_.blocks().empty()) return;
        const std::size_t index = some_block();
        give(index, some_way());
    }
    void give_many() {
        const unsigned order = bytes_.byte();
        std::size_t count = std::min<std::size_t>(1 + bytes_.byte(), model_.blocks().size());
        const Way way = some_way();
        for (std::size_t at = order; count != 0; --count) {
            const std::size_t live = model_.blocks().size();
            at = at * 5 + 3;
            give(order % 3 == 0 ? live - 1 : order % 3 == 1 ? 0 : at % live, way);
        }
    }
    /// Buffers that are moved, assigned over, swapped and dropped.
    void drop() {
        if (model_.blocks().empty()) return;
        const ModelBlock first = model_.leave(some_block());
        trace().add("drop %llx, %llu bytes", reinterpret_cast<std::uintptr_t>(first.address),
                    first.block_bytes);
        trace().count_operations();
        Buffer one(first.address, first.bytes);
        if (bytes_.once_in(2) && !model_.blocks().empty()) {
            const ModelBlock second = model_.leave(some_block());
            Buffer other(second.address, second.bytes);
            if (bytes_.once_in(2)) one.swap(other), other.swap(one);
            other = std::move(one);  // the second one goes
            model_.returned(second, ErrorCode::kOk, ReturnedBy::kDestructor);
            one = Buffer(std::move(other));
            NUMAPOOL_FUZZ_CHECK(!other && one.data() == first.address, "a moved buffer");
        }
        if (bytes_.once_in(4)) {
            NUMAPOOL_FUZZ_CHECK(one.release() == first.address && !one, "a released buffer");
            model_.put_back(first);
            return;
        }
        one = Buffer();
        model_.returned(first, ErrorCode::kOk, ReturnedBy::kDestructor);
    }

    void misuse(unsigned what) {
        if (machine_.watched()) return;
        if (what % 3 == 0) {
            const std::shared_ptr<ModelPool> pool = some_pool();
            Misuse(model_).request(*pool, pool, read_bad_wish(bytes_));
        } else {
            some_pool();
            Misuse(model_).give(bytes_, model_.blocks().empty() ? 0 : some_block());
        }
    }
    void look() {
        if (!model_.blocks().empty()) model_.look_at(some_block());
    }

    void change_thread() {
        const std::size_t who = bytes_.below(4);
        const unsigned count = 1 + bytes_.below(16);
        trace().add("thread %llu does the next %llu", who, count);
        threads_.run(who, [&] {
            for (unsigned i = 0; i < count && !bytes_.done(); ++i) step(false);
        });
        trace().add("    back in the first thread");
    }

    void keep_house() {
        const std::shared_ptr<ModelPool> pool = some_pool();
        const unsigned what = bytes_.byte();
        trace().count_operations();
        if (what < 60) {
            const std::size_t keep = bytes_.once_in(2) ? 0 : bytes_.byte() * 64 * kKiB;
            trace().add("trim to %llu", keep);
            model_.trim(*pool, keep);
        } else if (what < 80) {
            const std::size_t bytes = bytes_.once_in(4) ? 0 : bytes_.byte() * 8 * kKiB;
            trace().add("initialize %llu", bytes);
            model_.initialize(*pool, bytes);
        } else if (what < 84) {
            trace().add("close");
            model_.close_pool(*pool);
        } else if (what < 94) {
            if (model_.pools().size() < kMostPools) make_pool();
        } else if (what < 100) {
            destroy(pool);
        } else if (what < 106) {
            trace().add("verify placement");
            model_.check_placement(*pool);
        } else {
            check();
        }
    }
    void destroy(const std::shared_ptr<ModelPool>& pool) {
        trace().add("destroy a pool");
        const auto at = std::find(model_.pools().begin(), model_.pools().end(), pool);
        model_.destroy_pool(static_cast<std::size_t>(at - model_.pools().begin()));
    }

    void check() {
        for (const auto& pool : model_.pools()) model_.check_statistics(*pool);
        next_check_ = trace().operations() + kCheckEvery;
    }

    /// All blocks go back; then nothing may be left that cannot be given back.
    void finish() {
        trace().add("the end: all goes back");
        machine_.calm();
        while (!model_.blocks().empty()) give(model_.blocks().size() - 1, Way::kPlain);
        const auto trim = [&] {
            for (const auto& pool : model_.pools()) model_.trim(*pool, 0);
        };
        threads_.run_on_workers(trim);
        trim();
        for (const auto& pool : model_.pools()) {
            model_.check_statistics(*pool);
            const Statistics s = pool->tested->statistics();
            NUMAPOOL_FUZZ_CHECK(s.memory_usage_bytes == 0 || !pool->still(),
                                std::to_string(s.memory_usage_bytes) + " bytes are lost");
        }
        while (!model_.pools().empty()) model_.destroy_pool(0);
    }

    ByteReader bytes_;
    Machine& machine_;
    PoolModel model_;
    Threads threads_;
    std::array<std::size_t, kSizes> sizes_{};
    bool large_ = false;
    std::uint64_t next_check_ = trace().operations() + kCheckEvery;
};

}  // namespace

void interpret(std::span<const std::uint8_t> input, const std::string& origin) {
    if (input.empty()) return;
    trace().begin(origin);
    set_log_callback(receive, nullptr);
    const std::size_t before = fakes::mapped_bytes();
    {
        const std::unique_ptr<Machine> machine = input.front() % 4 == kPlayedMachine
                                                     ? played_machine()
                                                     : real_machine(input.front() % 16 == kWatchedMachine);
        Interpreter(input.subspan(1), *machine).run();
    }
    const std::size_t after = fakes::mapped_bytes();
    NUMAPOOL_FUZZ_CHECK(after < before + kLeastRange,
                        std::to_string((after - before) / kMiB) + " MiB of addresses stay mapped");
}

}  // namespace numapool::fuzz
