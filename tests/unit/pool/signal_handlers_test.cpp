// Owns: checks of what a pool answers to a signal handler that came while its thread held one of the locks.
// Must not know: which locks there are.
#include <csignal>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "numapool/errors.h"

#include "base/held_locks.h"
#include "os/system_calls.h"
#include "played_pool.h"
#include "pool/failure_message.h"

namespace numapool::detail {
namespace {

PlayedPool* pool_of_handler = nullptr;
void* block_of_handler = nullptr;
std::vector<ErrorCode> requests;
std::vector<ErrorCode> returns;

void use_the_pool(int) {
    if (!base::holds_locks()) return;
    for (const std::size_t bytes : {20 * kKiB, 3 * kMiB}) {
        void* block = pool_of_handler->get(bytes);
        requests.push_back(block != nullptr ? ErrorCode::kOk : pool_of_handler->failure().code);
    }
    returns.push_back(PlayedPool::give(block_of_handler));
}

// Memory is made usable with an arena's lock held, mostly.
int protect_and_be_interrupted(void* address, std::size_t bytes, int protection) {
    std::raise(SIGUSR1);
    return os::kKernelCalls.protect(address, bytes, protection);
}

// F31: without an answer the handler would wait for the thread that it interrupted.
TEST(SignalHandlers, F31_OnTheLongWayTheyAreRefusedAndNothingChanges) {
    PlayedPool other(quiet_options(), "numa:1 core:2 pu:1");
    PlayedPool pool(quiet_options(), "numa:1 core:2 pu:1");
    void* held = pool.get(300 * kKiB);
    ASSERT_NE(held, nullptr);
    std::memset(held, 7, 300 * kKiB);
    pool_of_handler = &pool;
    block_of_handler = held;
    requests.clear();
    returns.clear();
    requests.reserve(100);  // a handler must not allocate
    returns.reserve(100);
    std::signal(SIGUSR1, use_the_pool);
    os::SystemCalls calls = os::kKernelCalls;
    calls.protect = protect_and_be_interrupted;
    os::replace_system_calls(&calls);
    void* block = other.get(8 * kMiB);
    os::replace_system_calls(nullptr);
    std::signal(SIGUSR1, SIG_DFL);
    EXPECT_NE(block, nullptr) << "what was interrupted goes on";
    ASSERT_FALSE(requests.empty());
    for (const ErrorCode code : requests) EXPECT_EQ(code, ErrorCode::kInterrupted);
    for (const ErrorCode code : returns) EXPECT_EQ(code, ErrorCode::kInterrupted);
    EXPECT_EQ(pool->statistics().live_buffers, 1U) << "a block whose return is refused stays live";
    EXPECT_EQ(static_cast<char*>(held)[300 * kKiB - 1], 7);
    EXPECT_EQ(PlayedPool::give(held), ErrorCode::kOk);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_NE(block = pool.get(3 * kMiB), nullptr);
    EXPECT_EQ(PlayedPool::give(block), ErrorCode::kOk);
    EXPECT_THROW(throw_failure(pool.core(), {ErrorCode::kInterrupted}), OutOfMemoryError);
    EXPECT_THROW(throw_refused_return(pool.core(), ErrorCode::kInterrupted, held), ArgumentError);
}

}  // namespace
}  // namespace numapool::detail
