// Owns: having a piece of work done by another thread and waiting for it.
// Must not know: what the work is.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>

namespace numapool::fuzz {

/// A thread that lives as long as the object and does what it is handed, one piece at a time.
class Worker {
public:
    Worker() : thread_([this] { serve(); }) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        say(State::kEnd);
        thread_.join();
    }
    /// Returns when the work is done.
    void run(const std::function<void()>& work) {
        work_ = &work;
        say(State::kWork);
        state_.wait(State::kWork, std::memory_order_acquire);
    }

private:
    enum class State { kIdle, kWork, kEnd };
    // Release pairs with the acquire of the other side's wait.
    void say(State state) {
        state_.store(state, std::memory_order_release);
        state_.notify_one();
    }
    void serve() {
        for (;;) {
            state_.wait(State::kIdle, std::memory_order_acquire);
            if (state_.load(std::memory_order_acquire) == State::kEnd) return;
            (*work_)();
            say(State::kIdle);
        }
    }

    std::atomic<State> state_{State::kIdle};
    const std::function<void()>* work_ = nullptr;
    std::thread thread_;
};

/// The threads of one input: the caller's, two that stay until the input ends, and ones that live for one
/// piece of work.
class Threads {
public:
    static constexpr std::size_t kWorkers = 2;

    /// `who` below kWorkers is that worker, started when it is first needed; any other a thread of its own.
    void run(std::size_t who, const std::function<void()>& work) {
        if (who >= kWorkers) {
            std::thread(work).join();
            return;
        }
        if (workers_[who] == nullptr) workers_[who] = std::make_unique<Worker>();
        workers_[who]->run(work);
    }
    /// Calls `work` on each worker that was started.
    void run_on_workers(const std::function<void()>& work) {
        for (auto& worker : workers_) {
            if (worker != nullptr) worker->run(work);
        }
    }

private:
    std::array<std::unique_ptr<Worker>, kWorkers> workers_;
};

}  // namespace numapool::fuzz
