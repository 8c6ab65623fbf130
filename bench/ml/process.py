"""Owns what the programs of this folder have in common: where arrays come from, the clock, and what is told.

Must not know any program.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import resource
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numapool
from numapool.demo.buffers import Buffers, PlainBuffers, PooledBuffers, resident_bytes

_WARM_UP = 3  # steps that no figure counts


class _DlInfo(ctypes.Structure):
    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def malloc_served_by() -> str:
    """Return the file of the library whose malloc this process uses."""
    process = ctypes.CDLL(None)
    info = _DlInfo()
    found = process.dladdr(ctypes.cast(process.malloc, ctypes.c_void_p), ctypes.byref(info))
    return info.file.decode() if found else "unknown"


class HighestResident:
    """The highest resident bytes of this process while a block runs, looked at every few milliseconds."""

    def __enter__(self) -> HighestResident:
        self.bytes = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._done.wait(0.005):
            self.bytes = max(self.bytes, resident_bytes())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.bytes = max(self.bytes, resident_bytes())


@contextlib.contextmanager
def _source(pooled: bool) -> Iterator[Buffers]:
    if not pooled:
        yield PlainBuffers()
        return
    with numapool.MemoryPool(name="bench") as pool:
        yield PooledBuffers(pool)


def run_program(prepare: Callable[[int], Callable[[int, Buffers], float]]) -> None:
    """Run `prepare(steps)`, then what it returns once a step, and print what a step cost as JSON.

    A step gets its number and the source of its arrays, and returns a number that depends on its result.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--pool", action="store_true", help="take the arrays from a MemoryPool")
    options = parser.parse_args()
    step = prepare(options.steps + _WARM_UP)
    nanoseconds: list[int] = []
    checksum = 0.0
    with _source(options.pool) as source, HighestResident() as highest:
        faults = 0
        for number in range(options.steps + _WARM_UP):
            if number == _WARM_UP:
                faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            began = time.perf_counter_ns()
            checksum += step(number, source)
            nanoseconds.append(time.perf_counter_ns() - began)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    told = {
        "ns": statistics.fmean(nanoseconds[_WARM_UP:]),
        "faults": faults / options.steps,
        "peak_resident_bytes": highest.bytes,
        "checksum": checksum,
        "served_by": str(Path(malloc_served_by())),
    }
    print(json.dumps(told))
