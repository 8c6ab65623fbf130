"""The commands of the Python package: ``python -m numapool COMMAND``.

Owns their list. The native command ``numapool`` hands over every word that it does not know, so this one never
calls back.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

# A command's module has main(arguments) -> exit status, and is imported only when it is called.
COMMANDS = {
    "demo": (
        "numapool.demo.command",
        "one job on real photographs, with NumPy's allocation and with the pool",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; 2 for a word that is none."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if not words or words[0] not in COMMANDS:
        found = f'"{words[0]}" is no command' if words else "a command is needed"
        print(f"numapool: {found}\n{_usage()}", file=sys.stderr)
        return 2
    module = importlib.import_module(COMMANDS[words[0]][0])
    try:
        return int(module.main(words[1:]))
    except KeyboardInterrupt:
        return 130  # as a shell counts it: 128 + SIGINT


def _usage() -> str:
    width = max(map(len, COMMANDS))
    listed = [f"  {name:<{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: numapool COMMAND [options]",
            "commands of the Python package:",
            *listed,
            '"numapool --help" lists those of the native program',
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
