// Owns: the requests that were read last, by their arguments, so that a repeated call reads nothing.
// Must not know: pools; what arguments mean.
//
// Kept are only requests whose arguments nobody can change: a shape of plain integers, a dtype that is
// NumPy's own, and plain values beside them. What an entry holds is of built-in types, so neither finding nor
// replacing one runs Python code. The interpreter lock guards all of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "array_request.h"
#include "numpy_api.h"

namespace numapool_python {

class RequestCache {
public:
    static constexpr int kSetBits = 4;

    /// The request that these arguments of get_buffer (in vectorcall form) were read as; nullptr if they have
    /// to be read. Valid until Python code runs.
    const ArrayRequest* find(PyObject* const* arguments, Py_ssize_t positional,
                             PyObject* names) const noexcept;
    /// Keeps what these arguments were read as, if they may be kept.
    void remember(PyObject* const* arguments, Py_ssize_t positional, PyObject* names,
                  const ArrayRequest& request) noexcept;

private:
    static constexpr std::size_t kWays = 4;

    struct Entry {
        PyObject* names = nullptr;
        Py_ssize_t positional = 0;
        Py_ssize_t count = 0;                               ///< of the arguments; 0: the entry is unused
        std::array<PyObject*, kMostArguments> arguments{};  ///< but for the first, the shape
        ArrayRequest request;
    };
    struct Set {  ///< of all requests for one shape, and for some others
        std::array<Entry, kWays> entries;
        std::size_t next = 0;  ///< the one to be replaced
    };

    std::array<Set, std::size_t{1} << kSetBits> sets_;
};

/// All pools share one. Never taken down: arrays are requested until the interpreter's last moment.
extern RequestCache known_requests;

}  // namespace numapool_python
