#!/usr/bin/env python3
"""Owns the timing of get_buffer and return_buffer against np.empty and its release, in one process.

Must not know the other allocators. Small batches of the two alternate, each pair of batches gives a ratio,
and the order turns round every time. Both loops pay for the same `for`.

Usage: bench/python_get_return.py [--seconds S] [--json]
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numapool
import numpy as np
import ratios
import report
from rich.console import Console

SIZES = (400, 4_000, 40_000, 400_000, 19_000_000, 100_000_000)
FILLED_SIZES = (400_000, 19_000_000, 100_000_000)
_BATCH_NS = 200_000
_LEAST_PAIRS = 7

Loop = Callable[[int], int]  # runs that many times; returns nanoseconds


def let_go(pool: numapool.MemoryPool, n: int) -> tuple[Loop, Loop]:
    """Return loops whose array's last name goes right after the return."""

    def ours(count: int) -> int:
        start = perf_counter_ns()
        for _ in itertools.repeat(None, count):
            array = pool.get_buffer(shape=(n,), dtype=np.float32)
            pool.return_buffer(array)
            del array
        return perf_counter_ns() - start

    def theirs(count: int) -> int:
        start = perf_counter_ns()
        for _ in itertools.repeat(None, count):
            array = np.empty((n,), dtype=np.float32)
            del array
        return perf_counter_ns() - start

    return ours, theirs


def stays_bound(pool: numapool.MemoryPool, n: int) -> tuple[Loop, Loop]:
    """Return loops whose variable keeps the last array until the next one is there: two blocks take turns."""

    def ours(count: int) -> int:
        start = perf_counter_ns()
        for _ in itertools.repeat(None, count):
            array = pool.get_buffer(shape=(n,), dtype=np.float32)
            pool.return_buffer(array)
        return perf_counter_ns() - start

    def theirs(count: int) -> int:
        start = perf_counter_ns()
        for _ in itertools.repeat(None, count):
            array = np.empty((n,), dtype=np.float32)  # noqa: F841
        return perf_counter_ns() - start

    return ours, theirs


def filled(pool: numapool.MemoryPool, n: int) -> tuple[Loop, Loop]:
    """Return loops that write the whole array."""

    def ours(count: int) -> int:
        start = perf_counter_ns()
        for _ in itertools.repeat(None, count):
            array = pool.get_buffer(shape=(n,), dtype=np.float32)
            array.fill(1.0)
            pool.return_buffer(array)
            del array
        return perf_counter_ns() - start

    def theirs(count: int) -> int:
        start = perf_counter_ns()
        for _ in itertools.repeat(None, count):
            array = np.empty((n,), dtype=np.float32)
            array.fill(1.0)
            del array
        return perf_counter_ns() - start

    return ours, theirs


def batch_of(loop: Loop) -> int:
    """Return how often a loop runs in about a batch's time."""
    loop(3)
    nanoseconds = min(loop(1) for _ in range(3))
    return max(1, min(10_000, _BATCH_NS // max(nanoseconds, 1)))


def measure(loops: tuple[Loop, Loop], seconds: float) -> dict[str, Any]:
    """Return nanoseconds of each and the paired ratios, taken over about `seconds`."""
    counts = [batch_of(loop) for loop in loops]
    times: tuple[list[float], list[float]] = ([], [])
    order = [0, 1]
    until = perf_counter_ns() + int(seconds * 1e9)
    while len(times[0]) < _LEAST_PAIRS or perf_counter_ns() < until:
        for which in order:
            times[which].append(loops[which](counts[which]) / counts[which])
        order.reverse()
    ours, theirs = times
    return {"numapool_ns": ratios.spread(ours), "numpy_ns": ratios.spread(theirs)} | {
        "ratio": ratios.paired(ours, theirs)
    }


def measure_all(seconds: float) -> list[dict[str, Any]]:
    """Return a row for each variant and size."""
    variants = ((let_go, SIZES), (stays_bound, SIZES), (filled, FILLED_SIZES))
    rows = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        for variant, sizes in variants:
            for size in sizes:
                with numapool.MemoryPool() as pool:
                    row = measure(variant(pool, size // 4), seconds)
                rows.append({"variant": variant.__name__, "bytes": size, **row})
    finally:
        if collecting:
            gc.enable()
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="for each variant and size")
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    options = parser.parse_args()
    rows = measure_all(options.seconds)
    if options.json:
        json.dump({"numpy": np.__version__, "numapool": numapool.__version__, "rows": rows}, sys.stdout)
    else:
        Console().print(report.python_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
