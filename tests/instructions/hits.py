#!/usr/bin/env python3
"""Owns the check that a hit's pair of allocate and deallocate takes no more instructions than it may.

Must not know nanoseconds, nor the pool. Counted with callgrind in a build that is optimised as a release is,
whatever the preset. Status 77, which ctest shows as skipped, where valgrind is missing.

Usage: tests/instructions/hits.py <the program pool_hit_instructions>
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import callgrind

# bytes of the block -> instructions that a pair may take. What the count is when this is written, and no more: who
# makes a hit cheaper lowers them; who makes it dearer has to say why.
AT_MOST = {
    256: 58,
    64 << 10: 71,
    16 << 20: 112,
}
_SKIPPED = 77


def main() -> int:
    """Count each size; 1 if one takes too many."""
    if (why := callgrind.missing()) is not None:
        print(f"skipped: {why}")
        return _SKIPPED
    failed = False
    for size, most in AT_MOST.items():
        counted = round(callgrind.instructions_per_pair(sys.argv[1], size))
        verdict = "ok" if counted <= most else "TOO MANY"
        print(f"{size:>9} bytes: {counted} instructions a pair, at most {most}: {verdict}")
        failed = failed or counted > most
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
