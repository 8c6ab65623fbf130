// Owns: the public pool, on the machine that this runs on.
// Must not know: anything beyond the public headers; the model.
#include <cstdlib>

#include "tested_pool.h"

namespace numapool::fuzz {
namespace {

/// What `call` throws, as a code.
template <class Call>
ErrorCode code_of(Call call) {
    try {
        call();
    } catch (const PoolError& error) {
        return error.code();
    }
    return ErrorCode::kOk;
}

class PublicPool final : public TestedPool {
public:
    explicit PublicPool(const PoolOptions& options) : pool_(options) {}

    void* take(Way way, std::size_t bytes, const Request& request, ErrorCode& why) override {
        void* block = nullptr;
        switch (way) {
            case Way::kPlain:
                why = code_of([&] { block = pool_.allocate(bytes); });
                break;
            case Way::kThrowing:
                why = code_of([&] { block = pool_.allocate(bytes, request); });
                break;
            case Way::kTrying:
                block = pool_.try_allocate(bytes, request, &why);
                break;
        }
        return block;
    }
    ErrorCode give(Way way, void* block) override {
        if (way == Way::kTrying) return pool_.try_deallocate(block);
        if (way == Way::kThrowing) return code_of([&] { pool_.deallocate(block); });
        return return_block(block);
    }
    ErrorCode initialize(std::size_t bytes) override {
        return code_of([&] { pool_.initialize(bytes); });
    }
    std::optional<BlockInfo> find(const void* block, bool held) const override {
        return held ? pool_.find_held_block(block) : pool_.find_block(block);
    }
    std::optional<Placement> resolve(const Placement& placement) const override {
        return pool_.resolve(placement);
    }
    Statistics statistics() const override { return pool_.get_statistics(); }
    std::vector<PlacementCheck> verify_placement() const override { return pool_.verify_placement(); }
    std::size_t resident_bytes() const override { return pool_.resident_bytes(); }
    std::size_t trim(std::size_t keep) override { return pool_.trim(keep); }
    void close() override { pool_.close(); }
    MemoryPool* pool() noexcept override { return &pool_; }

private:
    MemoryPool pool_;
};

class RealMachine final : public Machine {
public:
    explicit RealMachine(bool watched) : watched_(watched) {}
    std::unique_ptr<TestedPool> make_pool(const PoolOptions& options) override {
        ::setenv("NUMAPOOL_CHECK", watched_ ? "1" : "0", 1);
        return std::make_unique<PublicPool>(options);
    }
    std::vector<int> nodes() const override {
        static const std::vector<int> found = [] {
            std::vector<int> ids;
            for (const NumaNode& node : discover_topology().nodes) {
                if (node.allowed && node.total_bytes != 0) ids.push_back(node.id);
            }
            return ids;
        }();
        return found;
    }
    int current_node() const override { return nodes().size() == 1 ? nodes().front() : -1; }
    bool decay_allowed() const override { return true; }
    void disturb(ByteReader&) override {}
    void calm() override {}
    bool refuses() const override { return false; }
    bool watched() const override { return watched_; }
    bool placed_all() const override { return nodes().size() == 1; }

private:
    const bool watched_;
};

}  // namespace

std::unique_ptr<Machine> real_machine(bool watched) { return std::make_unique<RealMachine>(watched); }

}  // namespace numapool::fuzz
