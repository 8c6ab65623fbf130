// Owns: a pool's core on a played machine of four nodes, whose system calls can be refused.
// Must not know: the model.
#include <cerrno>

#include "byte_reader.h"
#include "fakes/fake_system_calls.h"
#include "pool/fast_path.h"
#include "tested_pool.h"

namespace numapool::fuzz {
namespace {

using detail::PoolCore;
using fakes::Call;
using fakes::FakeSystemCalls;

class CorePool final : public TestedPool {
public:
    explicit CorePool(PoolCore& core) noexcept : core_(core) {}
    ~CorePool() override { core_.release(); }

    void* take(Way way, std::size_t bytes, const Request& request, ErrorCode& why) override {
        why = ErrorCode::kOk;
        if (way == Way::kPlain) {
            if (void* block = core_.allocate_hot(bytes); block != nullptr) return block;
        }
        base::Failure failure;
        void* block = core_.allocate(bytes, request, failure);
        if (block == nullptr) why = failure.code;
        return block;
    }
    ErrorCode give(Way way, void* block) override {
        if (way == Way::kPlain) return return_block(block);
        if (core_.return_hot(block)) return ErrorCode::kOk;
        return PoolCore::return_block(block, ReturnedBy::kCaller, &core_);
    }
    ErrorCode initialize(std::size_t bytes) override {
        const auto done = core_.initialize(bytes);
        return done ? ErrorCode::kOk : done.failure().code;
    }
    std::optional<BlockInfo> find(const void* block, bool held) const override {
        return core_.find_block(block, held);
    }
    std::optional<Placement> resolve(const Placement& placement) const override {
        return core_.resolve(placement);
    }
    Statistics statistics() const override { return core_.statistics(); }
    std::vector<PlacementCheck> verify_placement() const override { return core_.verify_placement(); }
    std::size_t resident_bytes() const override { return core_.resident_bytes(); }
    std::size_t trim(std::size_t keep) override { return core_.trim(keep, EvictionCause::kTrim); }
    void close() override { core_.close(); }

private:
    PoolCore& core_;
};

thread_local int node_of_thread = 0;

class PlayedMachine final : public Machine {
public:
    PlayedMachine() { move_thread(0); }

    std::unique_ptr<TestedPool> make_pool(const PoolOptions& options) override {
        detail::CoreSettings settings;
        settings.topology = &topology();
        settings.range_bytes = std::size_t{1} << 30;
        PoolCore* core = PoolCore::create(options, settings);
        return core != nullptr ? std::make_unique<CorePool>(*core) : nullptr;
    }
    std::vector<int> nodes() const override { return {0, 1, 2, 3}; }
    int current_node() const override { return node_of_thread; }
    bool decay_allowed() const override { return false; }

    void disturb(ByteReader& bytes) override {
        const unsigned what = bytes.byte();
        if (what < 150) {
            move_thread(static_cast<int>(what % 4));
        } else if (what < 190) {
            calm();
        } else if (what < 197) {
            FakeSystemCalls::fill_node(static_cast<int>(what % 4), static_cast<int>((what + 1) % 4));
            refuses_ = true;
            placed_all_ = false;
        } else if (what < 202) {
            FakeSystemCalls::allow_nodes({static_cast<int>(what % 4)});
            refuses_ = true;
            placed_all_ = false;
        } else if (what < 207) {
            // Pages cannot be moved to where they should go, and someone else was faster to map memory there.
            FakeSystemCalls::refuse(Call::kRemap, ENOMEM, 1 + bytes.below(4), 1 + bytes.below(4));
            FakeSystemCalls::refused_remaps_unmap(true);
            FakeSystemCalls::refuse_maps_of_free_addresses();
            refuses_ = true;
            placed_all_ = false;
        } else {
            static constexpr Call kCalls[] = {Call::kMap,    Call::kProtect,  Call::kAdvise,
                                              Call::kRemap,  Call::kResident, Call::kBind,
                                              Call::kLocate, Call::kUnmap,    Call::kRemap};
            static constexpr int kErrors[] = {ENOMEM, ENOMEM, EAGAIN, EPERM, EINVAL};
            const Call call = bytes.one_of(kCalls);
            FakeSystemCalls::refuse(call, bytes.one_of(kErrors), 1 + bytes.below(6), 1 + bytes.below(8));
            FakeSystemCalls::refused_remaps_unmap(what % 2 == 0);
            refuses_ = true;
            placed_all_ = false;
        }
    }
    void calm() override {
        FakeSystemCalls::allow_all();
        FakeSystemCalls::allow_nodes({0, 1, 2, 3});
        refuses_ = false;
    }
    bool refuses() const override { return refuses_; }
    bool placed_all() const override { return placed_all_; }

private:
    static const Topology& topology() {
        static const Topology made = synthetic_topology("numa:4 core:2 pu:1");
        return made;
    }
    void move_thread(int node) {
        FakeSystemCalls::run_on(node);
        node_of_thread = node;
    }

    FakeSystemCalls fake_;
    bool refuses_ = false;
    bool placed_all_ = true;
};

}  // namespace

std::unique_ptr<Machine> played_machine() { return std::make_unique<PlayedMachine>(); }

}  // namespace numapool::fuzz
