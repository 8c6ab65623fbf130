// Owns: the sentences of failure_message.h.
// Must not know: how to recover.
#include "pool/failure_message.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace numapool::detail {
namespace {

std::string named(const PoolCore& core) { return "pool \"" + core.options().name + "\": "; }

std::string list(const std::vector<int>& nodes) {
    std::string text;
    for (const int node : nodes) text += (text.empty() ? "" : ", ") + std::to_string(node);
    return text;
}

std::string placement_problem(const base::Failure& failure, const std::string& system) {
    switch (static_cast<PlacementFailure>(failure.bound)) {
        case PlacementFailure::kRefused:
            return " could not be asked for on the node" + system +
                   "; allow mbind (CAP_SYS_NICE in a container) and the node (cpuset.mems)";
        case PlacementFailure::kNoMemory:
            return " could not be faulted in on the node asked for" + system + "; free memory there";
        case PlacementFailure::kNotShown:
            return " could not be shown to lie on the node asked for" + system +
                   "; allow move_pages, or get_mempolicy (CAP_SYS_NICE in a container)";
        case PlacementFailure::kElsewhere:
            break;
    }
    return " could not be had on the node asked for; free memory there";
}

}  // namespace

void throw_failure(const PoolCore& core, const base::Failure& failure) {
    const std::string who = named(core);
    const std::string value = std::to_string(failure.value);
    const std::string system = failure.system_error == 0
                                   ? std::string()
                                   : std::string(" (") + std::strerror(failure.system_error) + ")";
    switch (failure.code) {
        case ErrorCode::kInvalidSize:
            throw ArgumentError(failure.code, who + value + " bytes were asked for; at most " +
                                                  std::to_string(failure.bound) + " can exist");
        case ErrorCode::kInvalidAlignment:
            throw ArgumentError(failure.code, who + "alignment " + value + "; a power of two from 1 to " +
                                                  std::to_string(failure.bound) + " is needed");
        case ErrorCode::kInvalidNode:
            throw ArgumentError(failure.code,
                                who + "node " + std::to_string(static_cast<int>(failure.value)) +
                                    " has no memory for this process; it may use: " + list(core.nodes()));
        case ErrorCode::kLimitExceeded:
            throw OutOfMemoryError(failure.code, who + value + " bytes more would pass the limit of " +
                                                     std::to_string(failure.bound) +
                                                     " bytes; return buffers or raise max_bytes");
        case ErrorCode::kPlacementFailed:
            throw PlacementError(failure.code, who + value + " bytes" + placement_problem(failure, system) +
                                                   ", or use bind=\"advisory\"");
        case ErrorCode::kClosed:
            throw ClosedError(failure.code, who + "it is closed; make a new pool to allocate from");
        case ErrorCode::kInterrupted:
            throw OutOfMemoryError(failure.code, who + value +
                                                     " bytes were asked for in a signal handler that "
                                                     "interrupted the pool; ask outside of handlers");
        case ErrorCode::kOutOfMemory:
            if (failure.bound == 0) break;
            if (failure.bound == base::kNoAddresses) {
                throw OutOfMemoryError(
                    failure.code, who + "the system refused " + value + " bytes of address space" + system +
                                      "; ask for less, close pools or raise the limit (ulimit -v)");
            }
            throw OutOfMemoryError(failure.code,
                                   who + value + " bytes cannot be faulted in: this process has " +
                                       std::to_string(failure.bound) +
                                       " available; ask for less, free memory or raise its control group's "
                                       "limit (numapool doctor names it)");
        default:
            break;
    }
    throw OutOfMemoryError(ErrorCode::kOutOfMemory, who + "the system refused " + value + " bytes" + system +
                                                        "; no idle memory could make up for it");
}

void throw_refused_return(const PoolCore& core, ErrorCode code, const void* block) {
    std::array<char, 32> address{};
    std::snprintf(address.data(), address.size(), "%p", block);
    const std::string what = named(core) + "the block at " + address.data();
    switch (code) {
        case ErrorCode::kAlreadyReturned:
            throw ArgumentError(code, what + " was returned before; return each block once");
        case ErrorCode::kInteriorPointer:
            throw ArgumentError(
                code, what + " is not the start of a live block; return the address that was handed out");
        case ErrorCode::kInterrupted:
            throw ArgumentError(code, what +
                                          " stays live: it was returned in a signal handler that interrupted "
                                          "the pool; return it outside of handlers");
        case ErrorCode::kWrongPool:
            throw ArgumentError(code, what + " belongs to another pool; return it there");
        default:
            throw ArgumentError(code,
                                what + " was not handed out by a pool; return only what came from this one");
    }
}

}  // namespace numapool::detail
