// Owns: telling the library where a thread is in Python.
// Must not know: what the library does with it.
#pragma once

namespace numapool_python {

/// Has reports of misuse name the Python line beside the stack's frames.
void name_python_places() noexcept;

}  // namespace numapool_python
