// Owns: a thread that is bound to a node and does what it is told, one thing at a time.
// Must not know: what that is.
#include "bound_thread.h"

#include <utility>

#include "numapool/node_binding.h"

namespace numapool_cli {

BoundThread::BoundThread(int node) : node_(node), thread_([this, node] { serve(node); }) {
    try {
        wait_until_done();
    } catch (...) {
        thread_.join();
        throw;
    }
}

BoundThread::~BoundThread() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void BoundThread::run(const std::function<void()>& work) {
    {
        const std::lock_guard lock(mutex_);
        work_ = &work;
        busy_ = true;
    }
    changed_.notify_all();
    wait_until_done();
}

void BoundThread::wait_until_done() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !busy_; });
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void BoundThread::serve(int node) {
    std::unique_lock lock(mutex_);
    const auto done = [&](std::exception_ptr failure) {
        failure_ = std::move(failure);
        busy_ = false;
        changed_.notify_all();
    };
    try {
        const numapool::NodeBinding binding(node);
        note_ = binding.note();
        done(nullptr);
        while (true) {
            changed_.wait(lock, [&] { return busy_ || ending_; });
            if (ending_) return;
            std::exception_ptr failure;
            lock.unlock();
            try {
                (*work_)();
            } catch (...) {
                failure = std::current_exception();
            }
            lock.lock();
            done(std::move(failure));
        }
    } catch (...) {  // the binding was refused
        done(std::current_exception());
    }
}

}  // namespace numapool_cli
