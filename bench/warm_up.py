#!/usr/bin/env python3
"""Owns having memory that the machine can hand out at once, before something is timed.

Must not know what is timed. In a virtual machine, memory that the host has taken back, or not supplied yet, costs
many times what a page fault costs, and it would fall on whoever comes first.

Usage: bench/warm_up.py <bytes>    writes one byte a page of so many bytes, and lets go of them
"""

from __future__ import annotations

import mmap
import subprocess
import sys

_STEP = 1 << 28


def warm_up(size_bytes: int) -> None:
    """Write so many bytes in a process of its own: when it has ended they are the next to be handed out."""
    if size_bytes == 0:
        return
    subprocess.run([sys.executable, "-S", "-E", __file__, str(size_bytes)], check=True, timeout=120)


def main() -> int:
    """Write them."""
    total = int(sys.argv[1])
    memory = mmap.mmap(-1, total, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    ones = b"\1" * (_STEP // mmap.PAGESIZE)
    for begin in range(0, total, _STEP):
        end = min(begin + _STEP, total)
        memory[begin : end : mmap.PAGESIZE] = ones[: len(range(begin, end, mmap.PAGESIZE))]
    return 0


if __name__ == "__main__":
    sys.exit(main())
