// Owns: the library's messages on their way to Python's logging.
// Must not know: what they are about.
#pragma once

namespace numapool_python {

/// From now on messages go to the logger named numapool. Those from threads without the interpreter lock are
/// told as soon as Python's main thread can.
void send_log_to_python() noexcept;

}  // namespace numapool_python
