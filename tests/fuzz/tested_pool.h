// Owns: what the model asks of a pool and of the machine that it is on, whichever they are.
// Must not know: the model; how a pool works.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "numapool/numapool.h"

namespace numapool::fuzz {

class ByteReader;

/// Which of a pool's functions is called, where several do the same.
enum class Way { kPlain, kThrowing, kTrying };

/// A pool; its destructor is the pool's. Every failure is a code.
class TestedPool {
public:
    TestedPool() = default;
    TestedPool(const TestedPool&) = delete;
    TestedPool& operator=(const TestedPool&) = delete;
    virtual ~TestedPool() = default;

    /// Way::kPlain only for a default request.
    virtual void* take(Way way, std::size_t bytes, const Request& request, ErrorCode& why) = 0;
    virtual ErrorCode give(Way way, void* block) = 0;
    virtual ErrorCode initialize(std::size_t bytes) = 0;
    virtual std::optional<BlockInfo> find(const void* block, bool held) const = 0;
    virtual std::optional<Placement> resolve(const Placement& placement) const = 0;
    virtual Statistics statistics() const = 0;
    virtual std::vector<PlacementCheck> verify_placement() const = 0;
    virtual std::size_t resident_bytes() const = 0;
    virtual std::size_t trim(std::size_t keep) = 0;
    virtual void close() = 0;
    /// The public pool, if it is one.
    virtual MemoryPool* pool() noexcept { return nullptr; }
};

class Machine {
public:
    Machine() = default;
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    virtual ~Machine() = default;

    /// Null if the machine refused.
    virtual std::unique_ptr<TestedPool> make_pool(const PoolOptions& options) = 0;
    /// The nodes that have memory and CPUs.
    virtual std::vector<int> nodes() const = 0;
    /// The node that the calling thread runs on; -1 if that may change at any time.
    virtual int current_node() const = 0;
    /// Whether another thread may make system calls: then pools have no decay over time.
    virtual bool decay_allowed() const = 0;
    /// Does something to the machine or to the calling thread's place on it.
    virtual void disturb(ByteReader& bytes) = 0;
    /// Nothing is refused from here on.
    virtual void calm() = 0;
    /// Whether the machine may be refusing things at present.
    virtual bool refuses() const = 0;
    /// Whether pools watch all of their blocks for misuse: these are longer then, and who misuses one is told
    /// off.
    virtual bool watched() const { return false; }
    /// Whether it ever refused to place or tell of pages.
    virtual bool placed_all() const = 0;
};

/// The machine that this runs on, through the public headers.
std::unique_ptr<Machine> real_machine(bool watched);
/// One of four nodes, whose system calls can be refused. One at a time.
std::unique_ptr<Machine> played_machine();

}  // namespace numapool::fuzz
