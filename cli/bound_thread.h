// Owns: a thread that is bound to a node and does what it is told, one thing at a time.
// Must not know: what that is.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace numapool_cli {

class BoundThread {
public:
    /// Throws what numapool::NodeBinding throws, or std::system_error if there can be no more threads.
    explicit BoundThread(int node);
    BoundThread(const BoundThread&) = delete;
    BoundThread& operator=(const BoundThread&) = delete;
    /// Waits for the thread's end.
    ~BoundThread();

    /// Returns once the thread has done `work`; throws what it throws. For one caller at a time.
    void run(const std::function<void()>& work);
    int node() const noexcept { return node_; }
    /// What the binding respected of a launcher's settings; see numapool::NodeBinding::note.
    const std::string& note() const noexcept { return note_; }

private:
    void serve(int node);
    void wait_until_done();

    int node_;
    std::string note_;
    std::mutex mutex_;
    std::condition_variable changed_;
    const std::function<void()>* work_ = nullptr;
    std::exception_ptr failure_;
    bool busy_ = true;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace numapool_cli
