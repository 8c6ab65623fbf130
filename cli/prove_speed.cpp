// Owns: the second part of `numapool prove`: how fast each node's CPUs read each node's memory.
// Must not know: how that is shown.
#include "prove_speed.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstring>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "numapool/memory_pool.h"
#include "numapool/node_binding.h"

#include "memory_reading.h"
#include "text_table.h"
#include "touched_pages.h"

namespace numapool_cli {
namespace {

constexpr std::size_t kMiB = std::size_t{1024} * 1024;
constexpr std::size_t kLine = 64;
constexpr std::size_t kBufferAtMost = 512 * kMiB;
constexpr std::size_t kQuickBufferAtMost = 16 * kMiB;
constexpr std::size_t kBufferAtLeast = 1 * kMiB;
constexpr std::size_t kChainAtLeast = 64 * kMiB;
constexpr std::size_t kRoundsAtMost = 15;
constexpr std::size_t kQuickRounds = 5;
constexpr double kRoundsWanted = 9.0;
constexpr double kSliceAtLeast = 0.005;
constexpr double kSliceAtMost = 0.1;
constexpr double kQuickSliceAtMost = 0.03;

/// A buffer while it is read: what each reader has read so far of it, so that no sample begins with what the
/// one before has left in a cache.
struct ReadBuffer {
    numapool::Buffer memory;
    std::map<int, const void*> chain_at;                 // by CPU node
    std::map<int, std::vector<std::size_t>> offsets_at;  // by CPU node and thread
};

std::size_t buffer_bytes(int node, bool quick) {
    const std::size_t most = quick ? kQuickBufferAtMost : kBufferAtMost;
    return std::min<std::size_t>(room_on({node}, 0.25), most) / kMiB * kMiB;
}

void fill(const ProveMachine& machine, numapool::MemoryPool& pool, bool quick, SpeedBuffer& told,
          ReadBuffer& buffer) {
    told.bytes = buffer_bytes(told.node, quick);
    if (told.bytes < kBufferAtLeast) {
        told.dropped = fmt::format("a quarter of its free memory is {}; {} are needed at least",
                                   bytes_text(room_on({told.node}, 0.25)), bytes_text(kBufferAtLeast));
        return;
    }
    buffer.memory = pool.get_buffer(told.bytes, {.placement = numapool::Placement::on_node(told.node)});
    const Block block = buffer.memory.bytes();
    // Written before it is linked, so that pages appear in the order of their addresses.
    std::memset(block.data(), 1, block.size());
    told.chain_bytes =
        std::min(told.bytes, std::max<std::size_t>(kChainAtLeast, 4 * machine.last_level_cache_bytes));
    link_lines(block.first(told.chain_bytes));
    told.found = look_up_pages({&block, 1});
    const std::vector<int> home{told.node};
    const std::uint64_t elsewhere =
        told.found.total() - told.found.unknown - told.found.absent - pages_on(told.found, home);
    if (elsewhere > 0) {
        told.dropped =
            fmt::format("{} of {} pages of the buffer lie on other nodes", elsewhere, told.found.total());
    }
}

/// The CPUs of one node, reading one buffer after the other in step.
class Team {
public:
    Team(int node, std::size_t threads, double slice) : node_(node), wanted_(threads), slice_(slice) {}

    /// One sample of each pair. Throws what NodeBinding or std::thread throws, then without any sample.
    void take_samples(std::span<ReadBuffer* const> buffers, std::span<PairSpeed* const> pairs) {
        std::promise<std::barrier<>*> formed;
        const std::shared_future<std::barrier<>*> ready = formed.get_future().share();
        std::vector<std::thread> threads;
        try {
            while (threads.size() < wanted_) {
                threads.emplace_back([this, ready, index = threads.size(), buffers, pairs] {
                    work(*ready.get(), index, buffers, pairs);
                });
            }
        } catch (const std::system_error&) {
            if (threads.empty()) throw;  // fewer than wanted will do, and the result says how many
        }
        rates_.assign(threads.size(), 0.0);
        std::barrier<> barrier(static_cast<std::ptrdiff_t>(threads.size()));
        formed.set_value(&barrier);
        for (std::thread& thread : threads) thread.join();
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    void work(std::barrier<>& step, std::size_t index, std::span<ReadBuffer* const> buffers,
              std::span<PairSpeed* const> pairs) {
        std::optional<numapool::NodeBinding> binding;
        try {
            binding.emplace(node_);
            if (index == 0) {
                for (ReadBuffer* const buffer : buffers) buffer->offsets_at[node_].resize(rates_.size(), 0);
            }
        } catch (...) {
            const std::lock_guard lock(failing_);
            failure_ = std::current_exception();
        }
        step.arrive_and_wait();
        if (failure_) return;  // all see the same: it is written before the barrier only
        for (std::size_t i = 0; i < buffers.size(); ++i) {
            read_part(*buffers[i], index);
            step.arrive_and_wait();
            if (index == 0) {
                double sum = 0.0;
                for (const double rate : rates_) sum += rate;
                pairs[i]->threads = rates_.size();
                pairs[i]->gib_per_second.push_back(sum);
                pairs[i]->ns_per_load.push_back(follow_chain(buffers[i]->chain_at[node_], slice_));
            }
            step.arrive_and_wait();
        }
    }

    void read_part(ReadBuffer& buffer, std::size_t index) {
        const std::span<const std::byte> all = buffer.memory.bytes();
        const std::size_t part = all.size() / rates_.size() / kLine * kLine;
        rates_[index] = read_words(all.subspan(index * part, part), buffer.offsets_at[node_][index], slice_);
    }

    int node_;
    std::size_t wanted_;
    double slice_;
    std::vector<double> rates_;
    std::mutex failing_;
    std::exception_ptr failure_;
};

void fill_all(const ProveMachine& machine, numapool::MemoryPool& pool, bool quick, SpeedResult& result,
              std::vector<ReadBuffer>& buffers) {
    std::vector<std::thread> threads;
    const auto fill_one = [&](std::size_t i) {
        SpeedBuffer& told = result.buffers[i];
        try {
            std::optional<numapool::NodeBinding> near;
            if (machine.cpus_of(told.node) > 0) near.emplace(told.node);
            fill(machine, pool, quick, told, buffers[i]);
        } catch (const std::exception& error) {
            told.dropped = error.what();
        }
        if (!told.dropped.empty()) buffers[i].memory = {};
    };
    // Nodes fill at the same time; where there can be no more threads, one after the other.
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        try {
            threads.emplace_back(fill_one, i);
        } catch (const std::system_error&) {
            fill_one(i);
        }
    }
    for (std::thread& thread : threads) thread.join();
}

void set_starts(const ProveMachine& machine, ReadBuffer& buffer, std::size_t chain_bytes) {
    const std::size_t lines = chain_bytes / kLine;
    for (std::size_t i = 0; i < machine.cpu_nodes.size(); ++i) {
        const std::size_t line = lines * i / machine.cpu_nodes.size();
        buffer.chain_at[machine.cpu_nodes[i]] = buffer.memory.bytes().data() + line * kLine;
    }
}

}  // namespace

bool SpeedBuffer::verified() const {
    const std::vector<int> home{node};
    return found.total() > 0 && pages_on(found, home) == found.total();
}

const SpeedBuffer* SpeedResult::buffer_on(int node) const {
    for (const SpeedBuffer& buffer : buffers) {
        if (buffer.node == node) return &buffer;
    }
    return nullptr;
}

const PairSpeed* SpeedResult::pair(int cpu_node, int memory_node) const {
    for (const PairSpeed& pair : pairs) {
        if (pair.cpu_node == cpu_node && pair.memory_node == memory_node) return &pair;
    }
    return nullptr;
}

SpeedResult prove_speed(const ProveMachine& machine, const Deadline& deadline, bool quick) {
    SpeedResult result;
    numapool::MemoryPool pool({.name = "prove-speed"});
    std::vector<ReadBuffer> buffers(machine.memory_nodes.size());
    for (const int node : machine.memory_nodes) result.buffers.push_back({.node = node});
    fill_all(machine, pool, quick, result, buffers);

    std::vector<ReadBuffer*> read;
    std::vector<int> read_nodes;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
        if (buffers[i].memory.empty()) continue;
        set_starts(machine, buffers[i], result.buffers[i].chain_bytes);
        read.push_back(&buffers[i]);
        read_nodes.push_back(result.buffers[i].node);
    }
    for (const int cpu_node : machine.cpu_nodes) {
        for (const int node : read_nodes) result.pairs.push_back({.cpu_node = cpu_node, .memory_node = node});
    }
    if (result.pairs.empty()) return result;

    const double samples = 2.0 * static_cast<double>(result.pairs.size()) * kRoundsWanted;
    result.slice_seconds = std::clamp(deadline.seconds_left() / samples, kSliceAtLeast,
                                      quick ? kQuickSliceAtMost : kSliceAtMost);
    std::set<std::string> notes;
    while (result.rounds < (quick ? kQuickRounds : kRoundsAtMost) && !deadline.passed()) {
        for (std::size_t i = 0; i < machine.cpu_nodes.size() && !deadline.passed(); ++i) {
            const int cpu_node = machine.cpu_nodes[i];
            std::vector<PairSpeed*> pairs;
            pairs.reserve(read.size());
            for (std::size_t j = 0; j < read.size(); ++j) pairs.push_back(&result.pairs[i * read.size() + j]);
            try {
                Team(cpu_node, machine.cpus_of(cpu_node), result.slice_seconds).take_samples(read, pairs);
            } catch (const std::exception& error) {
                notes.insert(fmt::format("threads on node {}: {}", cpu_node, error.what()));
            }
        }
        ++result.rounds;
    }
    result.notes.assign(notes.begin(), notes.end());
    return result;
}

}  // namespace numapool_cli
