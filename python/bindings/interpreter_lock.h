// Owns: work done without the interpreter lock, and what becomes of its thread when the interpreter is gone
// by then. Must not know: what the work is.
#pragma once

#include <exception>
#include <utility>

#include "numpy_api.h"

namespace numapool_python {

/// For a thread that the ending interpreter would unwind. Call it where that is caught, before any destructor
/// drops a reference.
[[noreturn]] void wait_for_process_end() noexcept;

/// Takes the lock that `PyEval_SaveThread` gave up. Where the interpreter is ending, it never returns.
void take_interpreter_lock(PyThreadState* unlocked) noexcept;

/// Does the work while other Python threads run; what it throws is thrown on once the lock is held again.
template <class Work>
void without_interpreter_lock(Work&& work) {
    PyThreadState* unlocked = PyEval_SaveThread();
    std::exception_ptr failure;
    try {
        std::forward<Work>(work)();
    } catch (...) {
        failure = std::current_exception();
    }
    take_interpreter_lock(unlocked);
    if (failure) std::rethrow_exception(failure);
}

}  // namespace numapool_python
