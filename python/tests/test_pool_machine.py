"""Owns the test by random steps: nobody's bytes ever change while anything can see them, and figures add up."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

# Few, so that requests repeat; some have the same bytes, or the same extents.
REQUESTS: list[dict[str, Any]] = [
    {"shape": (16,), "dtype": np.float32},
    {"shape": 16, "dtype": np.int32},
    {"shape": [4, 4], "dtype": "f4"},
    {"shape": (4, 4), "dtype": np.float32, "order": "F"},
    {"shape": (4, 4), "dtype": np.float32, "zeroed": True},
    {"shape": (16,), "dtype": np.float32, "alignment": 4096},
    {"shape": (300_000,), "dtype": np.float32},
    {"shape": (), "dtype": [("a", "i4"), ("b", "f4")]},
    {"shape": (0, 3)},
]
VIEWS = [
    lambda a: a[...],
    lambda a: a.ravel(order="K"),
    lambda a: a.T,
    memoryview,
    lambda a: np.asarray(a.base) if a.base is not None else a[...],
]


class Held:
    """An array or a view of one, the bytes that it must show, and the hand-out that it is of."""

    def __init__(self, seen: Any, pool: numapool.MemoryPool, number: int) -> None:
        self.seen, self.pool, self.number = seen, pool, number
        self.watcher: weakref.ref[Any] | None = None

    def check(self) -> None:
        flat = np.asarray(self.seen).reshape(-1)
        shown = flat[:: 1 + flat.size // 1000].tobytes()
        assert shown == bytes([self.number % 256]) * len(shown), f"hand-out {self.number} changed"


WHICH = st.integers(0, 2**16)


class PoolMachine(RuleBasedStateMachine):
    """Gets, returns, drops, views and weak references in any order, on two pools.

    What is held is in lists of its own: Hypothesis's bundles keep what they once had.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pools = [numapool.MemoryPool(), numapool.MemoryPool(enable_monitoring=False)]
        self.live: list[Held] = []
        self.views: list[Held] = []  # and arrays that were returned
        self.returned: set[int] = set()
        self.counts = [0, 0]
        self.number = 0

    @rule(
        which=st.sampled_from((0, 0, 0, 1)),
        request=st.sampled_from(REQUESTS[:2] * 5 + REQUESTS),
        times=st.integers(1, 4),
    )
    def get(self, which: int, request: dict[str, Any], times: int) -> None:
        for _ in range(times):
            self.get_one(which, request)

    def get_one(self, which: int, request: dict[str, Any]) -> None:
        array = self.pools[which].get_buffer(**request)
        like = np.empty(request["shape"], request.get("dtype", float), request.get("order", "C"))
        assert array.shape == like.shape and array.dtype == like.dtype
        assert array.strides == like.strides or not like.nbytes
        assert array.flags.writeable and array.ctypes.data % request.get("alignment", 64) == 0
        assert not (request.get("zeroed") and array.any())
        self.counts[which] += array.nbytes != 0
        self.number += 1
        if array.nbytes:  # through the owner: an array of records has no bytes of its own to set
            np.asarray(array.base)[:] = self.number % 256
        self.live.append(Held(array, self.pools[which], self.number))

    @precondition(lambda self: self.live)
    @rule(which=WHICH, view=st.sampled_from(VIEWS))
    def look(self, which: int, view: Any) -> None:
        held = self.live[which % len(self.live)]
        self.views.append(Held(view(held.seen), held.pool, held.number))

    @precondition(lambda self: self.live)
    @rule(which=WHICH, times=st.integers(1, 4), keep=st.sampled_from((False, False, True)))
    def give_back(self, which: int, times: int, keep: bool) -> None:
        for _ in range(min(times, len(self.live))):
            held = self.live.pop(which % len(self.live))
            held.pool.return_buffer(held.seen)
            self.returned.add(held.number)
            if keep:
                self.views.append(held)

    @precondition(lambda self: self.live)
    @rule(which=WHICH)
    def drop(self, which: int) -> None:
        self.live.pop(which % len(self.live))

    @precondition(lambda self: self.views)
    @rule(which=WHICH)
    def forget(self, which: int) -> None:
        self.views.pop(which % len(self.views))

    @precondition(lambda self: self.live)
    @rule(which=WHICH)
    def watch(self, which: int) -> None:
        held = self.live[which % len(self.live)]
        held.watcher = weakref.ref(held.seen)

    @precondition(lambda self: self.live or self.views)
    @rule(which=WHICH)
    def return_what_must_be_refused(self, which: int) -> None:
        held = [*self.live, *self.views][which % len([*self.live, *self.views])]
        for pool in self.pools:
            if pool is held.pool and held.number not in self.returned:
                continue
            match = "returned before" if pool is held.pool else "belongs to pool"
            with pytest.raises(numapool.PoolValueError, match=match):
                pool.return_buffer(held.seen)

    @rule(which=st.integers(0, 1))
    def trim(self, which: int) -> None:
        self.pools[which].trim()

    @rule()
    def collect(self) -> None:
        gc.collect(0)

    @rule()  # no invariant: asking for figures lets go of what could be reused
    def figures_add_up(self) -> None:
        for pool, count in zip(self.pools, self.counts, strict=True):
            figures = pool.get_statistics()
            assert figures["total_allocations"] == count and held_adds_up(figures)
            live = [held for held in self.live if held.pool is pool and held.seen.nbytes]
            assert figures["live_buffers"] >= len(live)

    @invariant()
    def what_can_be_seen_is_unchanged(self) -> None:
        for held in (*self.live, *self.views):
            held.check()

    def teardown(self) -> None:
        self.figures_add_up()
        self.live.clear()
        self.views.clear()
        for pool in self.pools:
            figures = pool.get_statistics()
            assert figures["live_bytes"] == figures["pending_bytes"] == 0, figures
            pool.close()


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=80, deadline=None)
TestPoolMachine = PoolMachine.TestCase
