// Owns: the hand-over behind python_log.h.
// Must not know: what messages are about.
#include "python_log.h"

#include <string>

#include "numapool/log.h"

#include "interpreter_lock.h"
#include "numpy_api.h"

namespace numapool_python {
namespace {

struct Message {
    numapool::LogLevel level;
    std::string text;
};

int python_level(numapool::LogLevel level) noexcept {
    return 10 * (static_cast<int>(level) + 1);  // DEBUG is 10, INFO 20, WARNING 30, ERROR 40
}

void tell_logger(const Message& message) {
    PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject* logging = PyImport_ImportModule("logging");
    PyObject* logger =
        logging != nullptr ? PyObject_CallMethod(logging, "getLogger", "s", "numapool") : nullptr;
    PyObject* done = logger != nullptr
                         ? PyObject_CallMethod(logger, "log", "iss", python_level(message.level), "%s",
                                               message.text.c_str())
                         : nullptr;
    if (done == nullptr) PyErr_WriteUnraisable(logger);
    Py_XDECREF(done);
    Py_XDECREF(logger);
    Py_XDECREF(logging);
    PyErr_Restore(type, value, traceback);
}

void tell(const Message& message) noexcept {
    try {
        tell_logger(message);
    } catch (...) {  // a handler is Python code, and the interpreter may end meanwhile
        wait_for_process_end();
    }
}

int tell_later(void* argument) noexcept {
    auto* message = static_cast<Message*>(argument);
    tell(*message);
    delete message;
    return 0;
}

void receive(numapool::LogLevel level, const char* text, void* /*user*/) {
    if (Py_IsInitialized() == 0) return;
    if (PyGILState_Check() != 0) {
        tell({level, text});
        return;
    }
    auto* message = new Message{level, text};
    if (Py_AddPendingCall(tell_later, message) != 0) delete message;
}

}  // namespace

void send_log_to_python() noexcept { numapool::set_log_callback(receive, nullptr); }

}  // namespace numapool_python
