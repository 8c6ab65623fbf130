// Owns: handing a command over to the Python package.
// Must not know: which commands that has.
#pragma once

namespace numapool_cli {

/// Replaces this process by `python3 -m numapool` with `arguments`, which end with a null pointer: by the
/// python3 beside this program (as in a virtual environment), else by the one in PATH. Returns only if
/// neither can be run, after saying so: the exit status, 127 if there is none.
int run_python_command(char** arguments);

}  // namespace numapool_cli
