"""Owns counting the instructions of one allocate-and-return pair, with Valgrind.

Must not know time. The count is the difference between two runs with different numbers of pairs, so that
start-up falls out; it is exact where a hit always takes the same path, whatever else the machine does.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import contestants

SIZES = (256, 64 << 10, 16 << 20)
_FEW_PAIRS = 1000
_MANY_PAIRS = 5000


def missing() -> str | None:
    """Return why nothing can be counted, or None."""
    return None if shutil.which("valgrind") else "valgrind is not installed"


def _total(contestant: contestants.Contestant, programs: Path, size: int, pairs: int) -> int:
    arguments = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    arguments += [contestants.command(contestant, programs, "hit_instructions"), str(size), str(pairs)]
    told = contestants.run(arguments, contestants.environment(contestant)).stderr
    found = re.search(r"Collected : (\d+)", told)
    if found is None:
        raise contestants.RunError("callgrind told no count")
    return int(found.group(1))


def per_pair(contestant: contestants.Contestant, programs: Path, size: int) -> float:
    """Return instructions per pair of blocks of `size` bytes; RunError if they cannot be counted."""
    many = _total(contestant, programs, size, _MANY_PAIRS)
    few = _total(contestant, programs, size, _FEW_PAIRS)
    return (many - few) / (_MANY_PAIRS - _FEW_PAIRS)
