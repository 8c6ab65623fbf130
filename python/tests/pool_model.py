"""Owns a reference model of a pool: which arrays are out, what lies in them, what statistics must say."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numapool
import numpy as np
from conftest import held_adds_up

Array = np.ndarray[Any, Any]


def bytes_at(address: int, length: int) -> Array:
    """Return the bytes at an address, whoever holds them."""
    return np.frombuffer((ctypes.c_ubyte * length).from_address(address), np.uint8)


def run(call: Callable[[], Any], in_thread: bool = False) -> tuple[Any, type[Exception] | None, str]:
    """Return what the call gives, or its error's type and text; no traceback lives on to hold its arrays."""
    result: list[Any] = [None, None, ""]

    def guarded() -> None:
        try:
            result[0] = call()
        except Exception as error:
            result[1:] = [type(error), str(error)]

    if in_thread:
        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()
    else:
        guarded()
    return result[0], result[1], result[2]


@dataclass(eq=False)
class Held:
    """One block that something refers to: the array's name, or what looks at its bytes."""

    array: Array | None
    address: int
    nbytes: int
    stamp: int
    block_bytes: int | None = None  # unknown where statistics are not read at each step
    live: bool = True
    keepers: list[Any] = field(default_factory=list)
    in_cycle: bool = False  # so that only the garbage collector ends it

    def write(self, stamp: int) -> None:
        self.stamp = stamp
        if self.nbytes:
            bytes_at(self.address, self.nbytes)[:] = stamp

    def check(self) -> None:
        if self.nbytes:
            assert (bytes_at(self.address, self.nbytes) == self.stamp).all(), "somebody else wrote to it"


class PoolModel:
    """A pool, and what must be true of it."""

    def __init__(self, pool: numapool.MemoryPool) -> None:
        self.pool: numapool.MemoryPool | None = pool
        self.closed = False
        self.held: list[Held] = []
        self.allocations = 0
        self.auto_returns = 0
        self.requested = 0

    def count_request(self, nbytes: int) -> None:
        """One request was served; zero bytes take no block and are not counted."""
        self.allocations += nbytes > 0
        self.requested += nbytes

    def let_go(self, held: Held) -> None:
        """Forget a block that nothing refers to any more."""
        if held.array is None and not held.keepers and not held.in_cycle:
            self.held.remove(held)
            self.auto_returns += held.live and held.nbytes > 0

    def collect(self) -> None:
        """The garbage collector ran."""
        for held in [held for held in self.held if held.in_cycle]:
            held.in_cycle = False
            self.let_go(held)

    def figures(self) -> numapool.Statistics:
        assert self.pool is not None
        return self.pool.get_statistics()

    def check(self) -> numapool.Statistics | None:
        """Compare with the pool's own figures."""
        if self.pool is None:
            return None
        figures = self.figures()
        blocks = [held for held in self.held if held.nbytes]
        live = [held for held in blocks if held.live]
        pending = [held for held in blocks if not held.live]
        assert figures["live_buffers"] == len(live)
        assert figures["pending_buffers"] == len(pending)
        assert figures["total_allocations"] == self.allocations
        assert figures["auto_returns"] == self.auto_returns
        assert figures["bytes_requested"] == self.requested
        assert figures["peak_memory_bytes"] >= figures["memory_usage_bytes"]
        assert held_adds_up(figures)
        for name, part in (("live_bytes", live), ("pending_bytes", pending)):
            assert figures[name] >= sum(held.nbytes for held in part)
            known = [held.block_bytes for held in part if held.block_bytes is not None]
            if len(known) == len(part):
                assert figures[name] == sum(known), name
        return figures


class Models:
    """Several pools, and all that is held of them."""

    def __init__(self) -> None:
        super().__init__()
        self.models: list[PoolModel] = []
        self.looks_each_step = False

    def all_held(self) -> list[tuple[PoolModel, Held]]:
        return [(model, held) for model in self.models for held in model.held]

    def pick(self, number: int) -> tuple[PoolModel, Held]:
        everything = self.all_held()
        return everything[number % len(everything)]

    def hold(self, model: PoolModel, array: Array, stamp: int) -> Held:
        """Note an array that was just handed out; nobody else's memory may be in it."""
        held = Held(array, array.ctypes.data, array.nbytes, stamp)
        for _, other in self.all_held():
            if held.nbytes and other.nbytes:
                apart = held.address + held.nbytes <= other.address
                assert apart or other.address + other.nbytes <= held.address, "a block with two owners"
        model.count_request(held.nbytes)
        if self.looks_each_step:
            known = sum(one.block_bytes or 0 for one in model.held if one.live)
            held.block_bytes = model.figures()["live_bytes"] - known
            assert held.block_bytes >= held.nbytes
        model.held.append(held)
        held.write(stamp)
        return held

    def request(self, model: PoolModel, call: Callable[[], Array], stamp: int, thread: bool) -> Array | None:
        array, error, text = run(call, thread)
        if array is None:
            closed = error is numapool.PoolClosedError and model.closed
            limited = error is numapool.PoolMemoryError and "limit of 8388608 bytes" in text
            assert closed or limited, (error, text)
            return None
        assert not model.closed
        self.hold(model, array, stamp)
        return array
