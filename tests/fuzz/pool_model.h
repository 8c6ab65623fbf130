// Owns: what must be true of pools and their blocks, by a model that is too simple to be wrong: a list of
// live blocks, and sums. Must not know: which operations come when; how a pool works.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "contents.h"
#include "tested_pool.h"

namespace numapool::fuzz {

inline constexpr std::size_t kKiB = std::size_t{1} << 10;
inline constexpr std::size_t kMiB = std::size_t{1} << 20;

/// Sums over what a pool handed out and got back.
struct Sums {
    std::uint64_t allocations = 0;
    std::uint64_t live_buffers = 0;
    std::uint64_t live_bytes = 0;
};

/// What is known of one pool. It stays until its last block is back, also after the pool itself is gone.
struct ModelPool {
    std::unique_ptr<TestedPool> tested;  ///< null once destroyed
    PoolOptions options;
    bool closed = false;
    bool used_elsewhere = false;  ///< by a thread other than the model's
    Sums all;
    std::array<Sums, kTiers> tiers{};
    std::vector<Sums> places;  ///< by PoolModel::places()
    std::uint64_t requested = 0;
    std::uint64_t handed_out = 0;
    std::uint64_t auto_returns = 0;
    std::uint64_t peak = 0;  ///< the highest memory usage that was seen

    bool alive() const noexcept { return tested != nullptr; }
    /// Whether its figures change by calls alone.
    bool still() const noexcept { return !options.idle_decay; }
    /// Whether what comes back stays ready: nothing gives it to the system at once.
    bool keeps() const noexcept { return still() && !options.max_idle_bytes && !closed; }
};

struct ModelBlock {
    void* address = nullptr;
    std::size_t bytes = 0;        ///< as asked for
    std::size_t block_bytes = 0;  ///< of the block that holds them
    std::uint64_t stamp = 0;
    Cover cover = Cover::kEnds;
    std::size_t place = 0;
    std::shared_ptr<ModelPool> pool;
};

/// What an allocation asks for.
struct Wish {
    Way way = Way::kTrying;
    std::size_t bytes = 0;
    Request request;
    Cover cover = Cover::kEnds;
};

/// The exact figures of a pool, for "nothing has changed".
using Figures = std::array<std::uint64_t, 8>;

class PoolModel {
public:
    explicit PoolModel(Machine& machine);
    PoolModel(const PoolModel&) = delete;
    PoolModel& operator=(const PoolModel&) = delete;

    /// Placements that requests may ask for; the first is the current node.
    const std::vector<Placement>& places() const noexcept { return places_; }
    const std::vector<std::shared_ptr<ModelPool>>& pools() const noexcept { return pools_; }
    const std::vector<ModelBlock>& blocks() const noexcept { return blocks_; }
    std::size_t live_bytes() const noexcept { return live_bytes_; }

    /// Null if the machine refused it.
    std::shared_ptr<ModelPool> make_pool(const PoolOptions& options);
    /// Its blocks live on.
    void destroy_pool(std::size_t index);
    void close_pool(ModelPool& pool);

    /// Allocates, and checks all that is promised of the block, or of the refusal. False: refused.
    bool take(const std::shared_ptr<ModelPool>& pool, const Wish& wish);
    /// Takes the block out of the model, its contents checked; the caller returns it and says so.
    ModelBlock leave(std::size_t index);
    /// leave(), a return in one of the ways, and returned().
    void give(std::size_t index, Way way);
    void returned(const ModelBlock& block, ErrorCode code, ReturnedBy by);
    void put_back(const ModelBlock& block);
    void look_at(std::size_t index) const;

    void trim(ModelPool& pool, std::size_t keep);
    void initialize(ModelPool& pool, std::size_t bytes);
    void check_statistics(ModelPool& pool);
    void check_placement(ModelPool& pool);
    static Figures figures(const ModelPool& pool);

private:
    ErrorCode expected_of(const ModelPool& pool, const Wish& wish) const;
    void check_refusal(const ModelPool& pool, const Wish& wish, ErrorCode why) const;
    std::size_t place_of(const Placement& placement) const;
    void check_block(const ModelPool& pool, const Wish& wish, ModelBlock& block, int node_before);
    void count(ModelPool& pool, const ModelBlock& block);
    static void count_reached(const ModelPool& pool);

    Machine& machine_;
    const std::thread::id thread_ = std::this_thread::get_id();
    const std::vector<int> nodes_;
    std::vector<Placement> places_;
    std::vector<std::shared_ptr<ModelPool>> pools_;
    std::vector<ModelBlock> blocks_;
    std::map<std::uintptr_t, std::uintptr_t> occupied_;  ///< begin -> end of live blocks
    std::size_t live_bytes_ = 0;
    std::uint64_t stamps_ = 0;
};

}  // namespace numapool::fuzz
