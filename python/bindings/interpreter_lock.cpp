// Owns: taking the interpreter lock again.
// Must not know: what was done without it.
#include "interpreter_lock.h"

#include <unistd.h>

namespace numapool_python {

// Up to Python 3.13 a daemon thread that asks for the lock of an ending interpreter is ended by pthread_exit,
// which unwinds its stack: noexcept functions and handlers for everything on the way end the process, and
// destructors drop references without the lock. It waits for the process to end, as from 3.14 on.
void wait_for_process_end() noexcept {
    for (;;) pause();
}

void take_interpreter_lock(PyThreadState* unlocked) noexcept {
    try {
        PyEval_RestoreThread(unlocked);
    } catch (...) {
        wait_for_process_end();
    }
}

}  // namespace numapool_python
