"""Owns the test of the pool against a reference model, over random sequences of everything that one can do to it.

``pytest --hypothesis-profile=soak`` runs many more of them, others each time.
"""

from __future__ import annotations

import gc
import math
import warnings
import weakref
from typing import Any

import numapool
import numpy as np
from array_ways import CHANGES, COPIES, RETURNS
from exporters import EXPORTERS
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pool_model import Array, Held, Models, PoolModel, bytes_at, run

DTYPES = ["u1", "?", "i2", "f4", "f8", "c16", "V5", "S3", "U2", "M8[s]", ">i4", "i1,f4", "(2,)f4"]
# Few shapes come often, so that what was returned serves again; the others are of every tier.
few = st.sampled_from([(10, 10), (100,), 100, (), (3, 0), (1, 7, 1), (70_000,), (300, 400)])
small = st.lists(st.integers(0, 9), max_size=4).map(tuple)
any_size = st.one_of(st.integers(0, 5000), st.integers(5000, 300_000), st.integers(300_000, 3_000_000))
shapes = st.one_of(few, few, small, any_size)
dtypes = st.one_of(st.sampled_from(["u1", "f4"]), st.sampled_from(DTYPES))
which = st.integers(0, 10_000)
stamps = st.integers(1, 255)
of_ten = st.integers(0, 9).map(lambda n: n == 0)  # true now and then


def small_enough(shape: Any, dtype: Any) -> bool:
    return math.prod(np.atleast_1d(shape).tolist()) * np.dtype(dtype).itemsize <= 6 * 2**20


def request_checked(pool: numapool.MemoryPool, shape: Any, dtype: Any, **options: Any) -> Array:
    array = pool.get_buffer(shape, dtype, **options)
    zeroed = options["zeroed"] and array.nbytes
    assert not zeroed or not bytes_at(array.ctypes.data, array.nbytes).any(), "zeroed is not zero"
    return array


def has_held(machine: PoolMachine) -> bool:
    return any(model.held for model in machine.models)


class PoolMachine(Models, RuleBasedStateMachine):
    """Two pools, one of them with a limit, and those that were closed before."""

    def __init__(self) -> None:
        super().__init__()
        gc.disable()  # what is in a cycle goes when a step says so

    @initialize(looks=st.booleans(), zeroing=of_ten)
    def begin(self, looks: bool, zeroing: bool) -> None:
        # Statistics let go of what waits, so a run that reads them at each step never hands an array out again.
        self.looks_each_step = looks
        self.models = [
            PoolModel(numapool.MemoryPool(zero_on_return=zeroing)),
            PoolModel(numapool.MemoryPool(max_bytes=8 * 2**20, name="limited")),
        ]

    @rule(
        number=st.integers(0, 1),
        wanted=st.tuples(shapes, dtypes).filter(lambda pair: small_enough(*pair)),
        order=st.sampled_from("CF"),
        alignment=st.sampled_from([64, 64, 64, 1, 128, 4096, 2**21]),
        zeroed=st.booleans(),
        node=st.sampled_from([None, None, 0]),
        stamp=stamps,
        thread=of_ten,
    )
    def get(
        self,
        number: int,
        wanted: Any,
        order: str,
        alignment: int,
        zeroed: bool,
        node: Any,
        stamp: int,
        thread: bool,
    ) -> None:
        shape, dtype = wanted
        options = {"order": order, "alignment": alignment, "zeroed": zeroed, "numa_node": node}
        model = self.models[number]
        pool = model.pool
        assert pool is not None

        array = self.request(model, lambda: request_checked(pool, shape, dtype, **options), stamp, thread)
        if array is not None:
            like = np.empty(shape, dtype, order=order)
            assert (array.shape, array.dtype) == (like.shape, like.dtype)
            assert array.strides == like.strides or not array.nbytes
            assert array.flags.writeable and array.flags.aligned and not array.flags.owndata
            assert not array.nbytes or array.ctypes.data % max(64, alignment) == 0

    @rule(number=st.integers(0, 1), shape=few, count=st.integers(1, 4), stamp=stamps, thread=of_ten)
    def get_some_alike(self, number: int, shape: Any, count: int, stamp: int, thread: bool) -> None:
        model = self.models[number]
        for n in range(count):
            self.request(model, lambda: model.pool.get_buffer(shape, "f4"), 1 + (stamp + n) % 255, thread)

    @precondition(has_held)
    @rule(numbers=st.lists(which, min_size=1, max_size=5), keep=of_ten, zeroed=st.booleans(), stamp=stamps)
    def return_and_get_alike(self, numbers: list[int], keep: bool, zeroed: bool, stamp: int) -> None:
        for number in numbers:
            if not has_held(self):
                return
            model, held = self.pick(number)
            pool, array = model.pool, held.array
            if pool is None or array is None or not held.live:
                continue
            held.check()
            shape, dtype = array.shape, array.dtype
            pool.return_buffer(array)
            held.live = False
            if not keep:
                held.array = None
                model.let_go(held)
            del array
            self.request(model, lambda: request_checked(pool, shape, dtype, zeroed=zeroed), stamp, False)  # noqa: B023

    @rule(
        number=st.integers(0, 1),
        shape=few,
        what=st.sampled_from(["empty", "zeros", "empty_like"]),
        stamp=stamps,
    )
    def as_numpy_does(self, number: int, shape: Any, what: str, stamp: int) -> None:
        model = self.models[number]
        argument = np.empty(shape, "f4", order="F") if what == "empty_like" else shape
        array = self.request(model, lambda: getattr(model.pool, what)(argument), stamp, False)
        assert (
            array is None
            or what != "empty_like"
            or not array.nbytes
            or array.strides == np.empty_like(argument).strides
        )

    @precondition(has_held)
    @rule(number=which, way=st.sampled_from(sorted(RETURNS)), keep=st.booleans(), thread=of_ten)
    def give_back(self, number: int, way: str, keep: bool, thread: bool) -> None:
        model, held = self.pick(number)
        if model.pool is None or held.array is None:
            return
        what, _, _ = run(lambda: RETURNS[way](held.array))
        if what is None or not held.nbytes:
            what = held.array
        pool = model.pool
        _, error, text = run(lambda: pool.return_buffer(what), thread)
        if held.live:
            assert error is None, text
            assert not held.array.flags.writeable
            held.live = False
        else:
            assert error is numapool.PoolValueError and "returned before" in text, text
        held.check()
        if keep:
            held.keepers.append(what)
        else:
            held.array = what = None
            model.let_go(held)

    @precondition(has_held)
    @rule(number=which)
    def drop_the_name(self, number: int) -> None:
        model, held = self.pick(number)
        held.array = None
        model.let_go(held)

    @precondition(has_held)
    @rule(number=which, exporters=st.lists(st.sampled_from(sorted(EXPORTERS)), min_size=1, max_size=3))
    def look(self, number: int, exporters: list[str]) -> None:
        held = self.pick(number)[1]
        if held.array is None or not held.nbytes:
            return
        for exporter in exporters:  # a dtype or a read-only array may not be exported that way
            keeper, _, _ = run(lambda: EXPORTERS[exporter](held.array))  # noqa: B023
            if keeper is not None:
                held.keepers.append(keeper)

    @precondition(has_held)
    @rule(number=which, keeper=which)
    def look_away(self, number: int, keeper: int) -> None:
        model, held = self.pick(number)
        if held.keepers:
            del held.keepers[keeper % len(held.keepers)]
            model.let_go(held)

    @precondition(has_held)
    @rule(number=which)
    def put_into_a_cycle(self, number: int) -> None:
        held = self.pick(number)[1]
        if held.array is not None:
            cycle: list[Any] = [held.array]
            cycle.append(cycle)
            held.in_cycle = True
            held.array = None

    @rule()
    def collect(self) -> None:
        gc.collect()
        for model in self.models:
            model.collect()

    @precondition(has_held)
    @rule(number=which)
    def return_to_the_wrong_pool(self, number: int) -> None:
        model, held = self.pick(number)
        other = next(one for one in self.models if one is not model)
        if held.array is None or other.pool is None:
            return
        pool = other.pool
        _, error, text = run(lambda: pool.return_buffer(held.array))
        assert error is numapool.PoolValueError and "belongs to pool" in text, text

    @precondition(has_held)
    @rule(number=which, way=st.sampled_from(sorted(COPIES)))
    def copies_are_foreign(self, number: int, way: str) -> None:
        model, held = self.pick(number)
        if held.array is None or model.pool is None:
            return
        twin, pool = COPIES[way](held.array), model.pool
        assert twin.tobytes("A") == held.array.tobytes("A") and not np.shares_memory(twin, held.array)
        _, error, text = run(lambda: pool.return_buffer(twin))
        assert error is numapool.PoolValueError and "not handed out by a pool" in text, text

    @precondition(has_held)
    @rule(number=which, change=st.sampled_from(sorted(CHANGES)))
    def change_in_place(self, number: int, change: str) -> None:
        held = self.pick(number)[1]
        if held.array is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run(lambda: CHANGES[change](held.array))

    @precondition(has_held)
    @rule(number=which)
    def lose_the_base(self, number: int) -> None:
        model, held = self.pick(number)
        if held.array is not None and not held.keepers and not held.in_cycle:
            held.array.__setstate__(np.ones(3).__reduce__()[2])
            held.array = None
            model.let_go(held)

    @precondition(has_held)
    @rule(number=which, stamp=stamps)
    def write(self, number: int, stamp: int) -> None:
        held = self.pick(number)[1]
        held.check()
        if held.array is None or not held.nbytes:
            return
        if held.live:
            held.write(stamp)
        else:
            _, error, _ = run(lambda: held.array.fill(0))
            assert error is ValueError, "a returned array is read-only"

    @precondition(has_held)
    @rule(number=which)
    def watch(self, number: int) -> None:
        held = self.pick(number)[1]
        if held.array is not None:
            self.watcher = weakref.ref(held.array)

    @rule(number=st.integers(0, 1), shape=few, keep=st.booleans(), fail=st.booleans(), stamp=stamps)
    def with_buffer(self, number: int, shape: Any, keep: bool, fail: bool, stamp: int) -> None:
        model = self.models[number]
        pool = model.pool
        assert pool is not None

        def work() -> None:
            with pool.buffer(shape) as array:
                self.hold(model, array, stamp)
                if fail:
                    raise KeyError("mine")

        before = len(model.held)
        _, error, _ = run(work)
        assert error in (None, KeyError, numapool.PoolMemoryError)
        if len(model.held) > before:
            assert (error is KeyError) == fail
            held = model.held[-1]
            held.live = False
            held.check()
            if not keep:
                held.array = None
                model.let_go(held)

    @rule(number=st.integers(0, 1), count=st.integers(1, 80), shape=few, kept=st.integers(0, 3), stamp=stamps)
    def many_at_once(self, number: int, count: int, shape: Any, kept: int, stamp: int) -> None:
        """More wait than one look takes in; the names of a few live on."""
        model = self.models[number]
        pool = model.pool
        assert pool is not None
        arrays = []
        for _ in range(count if math.prod(np.atleast_1d(shape).tolist()) < 1000 else min(count, 8)):
            array, error, _ = run(lambda: pool.get_buffer(shape, "f4"))
            if array is None:
                assert error is numapool.PoolMemoryError
                break
            model.count_request(array.nbytes)
            arrays.append(array)
        kept = min(kept, len(arrays))
        for array in arrays:
            pool.return_buffer(array)
        if kept and not self.looks_each_step:
            for array in arrays[-kept:]:
                held = Held(array, array.ctypes.data, array.nbytes, stamp, live=False)
                held.write(stamp)  # by its address: the holder's own bytes until it lets go
                model.held.append(held)

    @rule(number=st.integers(0, 1), keep=st.sampled_from([0, 2**20, 2**30]), thread=of_ten)
    def trim(self, number: int, keep: int, thread: bool) -> None:
        model = self.models[number]
        pool = model.pool
        assert pool is not None
        _, error, text = run(lambda: pool.trim(keep), thread)
        assert error is None, text
        if keep == 0:
            assert model.check() is not None

    @rule(number=st.integers(0, 1), mebibytes=st.integers(0, 10))
    def initialize_more(self, number: int, mebibytes: int) -> None:
        pool = self.models[number].pool
        assert pool is not None
        _, error, text = run(lambda: pool.initialize(mebibytes * 2**20))
        assert error is None or (error is numapool.PoolMemoryError and number == 1), text

    @rule(number=st.integers(0, 1), now_and_then=of_ten)
    def close(self, number: int, now_and_then: bool) -> None:
        if not now_and_then:
            return
        model = self.models[number]
        pool = model.pool
        assert pool is not None
        pool.close()
        model.closed = True
        assert self.request(model, lambda: pool.get_buffer(10), 1, False) is None
        self.models.append(model)
        limit = 8 * 2**20 if number == 1 else None
        self.models[number] = PoolModel(numapool.MemoryPool(max_bytes=limit))

    @precondition(lambda self: len(self.models) > 2)
    @rule(number=which)
    def forget_a_closed_pool(self, number: int) -> None:
        self.models[2 + number % (len(self.models) - 2)].pool = None

    @rule()
    def read_statistics(self) -> None:
        for model in self.models:
            model.check()

    @invariant()
    def contents_and_figures_are_as_they_should_be(self) -> None:
        for _, held in self.all_held():
            if held.nbytes <= 4096:
                held.check()
        if self.looks_each_step:
            self.read_statistics()

    def teardown(self) -> None:
        try:
            self.end()
        finally:
            gc.enable()

    def end(self) -> None:
        for _, held in self.all_held():
            held.check()
        self.collect()
        for model in self.models:
            for held in list(model.held):
                held.array = None
                held.keepers.clear()
                model.let_go(held)
        gc.collect()
        self.read_statistics()
        for model in self.models:
            if model.pool is not None and not model.closed:
                model.pool.get_buffer(2**20, "u1")
                model.pool.close()
            if model.pool is not None:
                assert model.figures()["live_buffers"] == model.figures()["pending_buffers"] == 0


TestPool = PoolMachine.TestCase
TestPool.settings = settings(stateful_step_count=50)
