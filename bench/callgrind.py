"""Owns counting the instructions of one allocate-and-return pair, with Valgrind.

Must not know time, nor who is counted. Only what the loop of pairs runs is counted, in its own thread: the count is
exact where a hit always takes the same path, whatever else the machine does. It needs nothing but Python's own
library, because a test counts too.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

_PAIRS = 5000
_COUNTED = "measured_pairs*"  # the function of bench/workloads/hit_instructions.cpp
_SECONDS_AT_MOST = 120


class CountError(Exception):
    """Nothing could be counted; the text says why."""


def missing() -> str | None:
    """Return why nothing can be counted, or None."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def instructions_per_pair(program: str, size: int, env: Mapping[str, str] | None = None) -> float:
    """Return instructions for one pair of blocks of `size` bytes of a ..._hit_instructions program."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command += [f"--toggle-collect={_COUNTED}", program, str(size), str(_PAIRS)]
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
    if found is None or int(found.group(1)) < _PAIRS:
        raise CountError("callgrind told no count")
    return int(found.group(1)) / _PAIRS
