#!/usr/bin/env python3
"""Owns the timing of get_buffer and return_buffer against np.empty and its release, in one process.

Must not know the other allocators. Small batches of the two alternate, each pair of batches gives a ratio,
and the order turns round every time. Both loops pay for the same `for`, and for the same names.

Usage: bench/python_get_return.py [--seconds S] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter_ns
from timeit import Timer
from typing import Any

import numapool
import numpy as np
import ratios
import report
from rich.console import Console

SIZES = (400, 4_000, 40_000, 400_000)
LARGE = (19_000_000, 100_000_000)
_BATCH_NS = 200_000
_LEAST_PAIRS = 7


@dataclass(frozen=True)
class Comparison:
    """Two statements that are run in turn, for arrays of each size; `n` is the number of float32 in one."""

    variant: str
    ours: str
    theirs: str
    sizes: tuple[int, ...] = SIZES
    setup: str = "pass"  # names that both statements know
    arrays: int = 1  # that each statement makes


_GET = "pool.get_buffer(shape=(n,), dtype=np.float32)"
_EMPTY = "np.empty((n,), dtype=np.float32)"

AGAINST_NUMPY = (
    # The array's last name goes right after the return.
    Comparison("let_go", f"a = {_GET}; pool.return_buffer(a); del a", f"a = {_EMPTY}; del a", SIZES + LARGE),
    # The name keeps the last array until the next one is there: two blocks take turns.
    Comparison("stays_bound", f"a = {_GET}; pool.return_buffer(a)", f"a = {_EMPTY}", SIZES + LARGE),
    Comparison(
        "filled",
        f"a = {_GET}; a.fill(1.0); pool.return_buffer(a); del a",
        f"a = {_EMPTY}; a.fill(1.0); del a",
        (400_000, *LARGE),
    ),
    Comparison("unnamed", f"pool.return_buffer({_GET})", _EMPTY),
    Comparison(
        "eight_alive",
        f"kept = [{_GET} for _ in range(8)]\nfor a in kept: pool.return_buffer(a)\nkept.clear(); del a",
        f"kept = [{_EMPTY} for _ in range(8)]\nkept.clear()",
        arrays=8,
    ),
    Comparison(
        "positional", "pool.return_buffer(pool.get_buffer((n,), np.float32))", "np.empty((n,), np.float32)"
    ),
    Comparison(
        "float64",
        "pool.return_buffer(pool.get_buffer(shape=(n // 2,)))",
        "np.empty(shape=(n // 2,))",
        SIZES[:2],
    ),
    Comparison(
        "dtype_instance",
        "pool.return_buffer(pool.get_buffer(shape=(n,), dtype=f4))",
        "np.empty((n,), dtype=f4)",
        SIZES[:2],
        setup="f4 = np.dtype('f4')",
    ),
    Comparison(
        "dtype_name",
        "pool.return_buffer(pool.get_buffer(shape=(n,), dtype='f4'))",
        "np.empty((n,), dtype='f4')",
        SIZES[:2],
    ),
    Comparison(
        "dtype_record",
        "pool.return_buffer(pool.get_buffer(shape=(n,), dtype=record))",
        "np.empty((n,), dtype=record)",
        SIZES[:2],
        setup="record = np.dtype([('a', 'i2'), ('b', 'i2')])",
    ),
    Comparison(
        "four_dimensions",
        "pool.return_buffer(pool.get_buffer(shape=(n // 100, 5, 5, 4), dtype=np.float32))",
        "np.empty((n // 100, 5, 5, 4), dtype=np.float32)",
    ),
    Comparison(
        "shape_list",
        "pool.return_buffer(pool.get_buffer(shape=[n], dtype=np.float32))",
        "np.empty([n], dtype=np.float32)",
        SIZES[:2],
    ),
    Comparison(
        "named_node",
        "pool.return_buffer(pool.get_buffer(shape=(n,), dtype=np.float32, numa_node=node))",
        _EMPTY,
        SIZES[:2],
        setup="node = numapool.NUMAOptimizer(pool).get_numa_nodes()[0]",
    ),
    Comparison(
        "zeroed",
        "pool.return_buffer(pool.get_buffer(shape=(n,), dtype=np.float32, zeroed=True))",
        "np.zeros((n,), dtype=np.float32)",
    ),
    # A thousand arrays were returned while names of theirs live on.
    Comparison(
        "thousand_pending",
        f"pool.return_buffer({_GET})",
        _EMPTY,
        SIZES[:2],
        setup=f"kept = [{_GET} for _ in range(1000)]\nfor a in kept: pool.return_buffer(a)\ndel a",
    ),
    # No two requests alike: nothing is known, and nothing that waits fits.
    Comparison(
        "new_shapes",
        "pool.return_buffer(pool.get_buffer(shape=(next(shapes),), dtype=np.float32))",
        "np.empty((next(shapes),), dtype=np.float32)",
        SIZES[:2],
        setup="import itertools; shapes = itertools.cycle(range(n, n + 5000))",
    ),
)

AGAINST_OTHERS = (
    Comparison(
        "filled_against_fill",
        f"a = {_GET}; a.fill(1.0); pool.return_buffer(a); del a",
        "mine.fill(1.0)",
        (400_000, *LARGE),
        setup=f"mine = {_EMPTY}",
    ),
    Comparison(
        "against_unmonitored",
        f"pool.return_buffer({_GET})",
        f"other.return_buffer({_GET.replace('pool', 'other')})",
        setup="other = numapool.MemoryPool(enable_monitoring=False)",
    ),
)


def batch_of(timer: Timer) -> int:
    """Return how often a statement runs in about a batch's time."""
    timer.timeit(3)
    nanoseconds = min(timer.timeit(1) for _ in range(3)) * 1e9
    return max(1, min(10_000, int(_BATCH_NS / max(nanoseconds, 1))))


def measure(comparison: Comparison, size: int, seconds: float) -> dict[str, Any]:
    """Return nanoseconds of each and the paired ratios, taken over about `seconds`."""
    with numapool.MemoryPool() as pool:
        names = {"numapool": numapool, "np": np, "pool": pool, "n": size // 4}
        exec(comparison.setup, names)
        timers = [
            Timer(statement, globals=names) for statement in (comparison.ours, comparison.theirs)
        ]  # which turn garbage collection off while they run
        counts = [batch_of(timer) for timer in timers]
        times: tuple[list[float], list[float]] = ([], [])
        order = [0, 1]
        until = perf_counter_ns() + int(seconds * 1e9)
        while len(times[0]) < _LEAST_PAIRS or perf_counter_ns() < until:
            for which in order:
                arrays = counts[which] * comparison.arrays
                times[which].append(timers[which].timeit(counts[which]) * 1e9 / arrays)
            order.reverse()
        names.clear()
    ours, theirs = times
    return {"variant": comparison.variant, "bytes": size} | {
        "numapool_ns": ratios.spread(ours),
        "numpy_ns": ratios.spread(theirs),
        "ratio": ratios.paired(ours, theirs),
    }


def measure_all(comparisons: tuple[Comparison, ...], seconds: float) -> Iterator[dict[str, Any]]:
    """Yield a row for each variant and size."""
    for comparison in comparisons:
        for size in comparison.sizes:
            yield measure(comparison, size, seconds)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="for each variant and size")
    parser.add_argument("--json", action="store_true", help="print JSON, not a table")
    options = parser.parse_args()
    rows = list(measure_all(AGAINST_NUMPY, options.seconds))
    others = list(measure_all(AGAINST_OTHERS, options.seconds))
    if options.json:
        versions = {"numpy": np.__version__, "numapool": numapool.__version__}
        json.dump(versions | {"rows": rows, "against_others": others}, sys.stdout)
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(width=110)
    console.print(report.python_table(rows))
    table = report.python_table(others)
    table.title = "Python: get_buffer + return_buffer against something else"
    table.columns[3].header = "that, ns"
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
