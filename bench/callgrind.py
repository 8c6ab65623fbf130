"""Owns counting the instructions of one allocate-and-return pair, with Valgrind.

Must not know time, nor who is counted. The count is the difference between two runs with different numbers of
pairs, so that start-up falls out; it is exact where a hit always takes the same path, whatever else the machine
does. It needs nothing but Python's own library, because a test counts too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

_FEW_PAIRS = 1000
_MANY_PAIRS = 5000
_SECONDS_AT_MOST = 120


class CountError(Exception):
    """Nothing could be counted; the text says why."""


def missing() -> str | None:
    """Return why nothing can be counted, or None."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def _total(program: str, size: int, pairs: int, env: Mapping[str, str] | None) -> int:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        program,
        str(size),
        str(pairs),
    ]
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=True, timeout=_SECONDS_AT_MOST
        )
    except subprocess.TimeoutExpired as error:
        raise CountError(f"took more than {_SECONDS_AT_MOST} s") from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:]
        raise CountError(f"exit status {error.returncode}: {' '.join(last)}") from error
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise CountError("callgrind told no count")
    return int(found.group(1))


def instructions_per_pair(program: str, size: int, env: Mapping[str, str] | None = None) -> float:
    """Return instructions for one pair of blocks of `size` bytes of a ..._hit_instructions program."""
    many = _total(program, size, _MANY_PAIRS, env)
    few = _total(program, size, _FEW_PAIRS, env)
    return (many - few) / (_MANY_PAIRS - _FEW_PAIRS)
