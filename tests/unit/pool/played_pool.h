// Owns: a pool on a played machine: made-up nodes, system calls that can be refused, made-up CPUs.
// Must not know: what is tested of it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "numapool/topology.h"

#include "fakes/fake_system_calls.h"
#include "fakes/messages.h"
#include "pool/fast_path.h"

namespace numapool::detail {

inline constexpr std::size_t kKiB = std::size_t{1} << 10;
inline constexpr std::size_t kMiB = std::size_t{1} << 20;
inline constexpr std::size_t kGiB = std::size_t{1} << 30;

using fakes::Call;
using fakes::FakeSystemCalls;
using fakes::Messages;

/// Options without decay, so that no other thread makes system calls while they are counted or refused.
inline PoolOptions quiet_options() {
    PoolOptions options;
    options.name = "played";
    options.idle_decay = std::nullopt;
    return options;
}

class PlayedPool {
public:
    explicit PlayedPool(const PoolOptions& options = quiet_options(),
                        const std::string& machine = "numa:4 core:2 pu:1", CheckMode check = CheckMode::kOff)
        : PlayedPool(options, synthetic_topology(machine), "", check) {}
    /// `files_root` stands before "/proc" and "/sys" where free memory is read.
    PlayedPool(const PoolOptions& options, const Topology& topology, const std::string& files_root = "",
               CheckMode check = CheckMode::kOff)
        : topology_(topology) {
        CoreSettings settings;
        settings.topology = &topology_;
        settings.files_root = files_root;
        settings.range_bytes = kGiB;
        settings.check = check;
        core_ = PoolCore::create(options, settings);
    }
    PlayedPool(const PlayedPool&) = delete;
    PlayedPool& operator=(const PlayedPool&) = delete;
    ~PlayedPool() {
        if (core_ != nullptr) release();
    }
    /// There is no pool then; blocks that are out may still be given back.
    void release() { std::exchange(core_, nullptr)->release(); }

    /// Whether the pool could be made: not where calls were refused then.
    explicit operator bool() const noexcept { return core_ != nullptr; }
    PoolCore* operator->() const noexcept { return core_; }
    PoolCore& core() const noexcept { return *core_; }

    /// A block, or null and its failure in failure().
    void* get(std::size_t bytes, const Request& request = {}) {
        failure_ = {};
        return core_->allocate(bytes, request, failure_);
    }
    void* get_on(int node, std::size_t bytes) { return get(bytes, {.placement = Placement::on_node(node)}); }
    const base::Failure& failure() const noexcept { return failure_; }
    static ErrorCode give(void* block) noexcept {
        return PoolCore::return_block(block, ReturnedBy::kCaller, nullptr);
    }
    /// The node whose memory the block is; -1 if it is no live block.
    int node_of(const void* block) const {
        const auto info = core_->find_block(block);
        return info ? info->placement.node() : -1;
    }

private:
    const Topology topology_;
    PoolCore* core_ = nullptr;
    base::Failure failure_;
};

}  // namespace numapool::detail
