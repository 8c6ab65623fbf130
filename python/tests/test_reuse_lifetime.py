"""Owns the tests of returned arrays that wait: what may happen to them, and around them, before they are reused."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up
from processes import printed
from threads import run_in_threads

Array = np.ndarray[Any, Any]


def request(pool: numapool.MemoryPool) -> Array:
    return pool.get_buffer(shape=(10, 10), dtype=np.float64)


def fill_what_is_known(pool: numapool.MemoryPool, requests: int = 300) -> None:
    """Make so many different requests that nothing else is known any more."""
    for n in range(requests):
        pool.return_buffer(pool.get_buffer(shape=(n + 1, 3), dtype=np.int8))


def _reshape(array: Array) -> None:
    array.shape = (100,)


def _restride(array: Array) -> None:
    array.strides = (8, 80)


def _retype(array: Array) -> None:
    array.dtype = np.int64


def _lose_base(array: Array) -> None:
    array.__setstate__(np.ones((10, 10)).__reduce__()[2])


CHANGES: dict[str, Callable[[Array], None]] = {
    "shape": _reshape,
    "strides": _restride,
    "dtype": _retype,
    "alignment flag": lambda a: a.setflags(align=False),
    "base": _lose_base,
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_f57_changed_in_place_after_the_return(
    pool: numapool.MemoryPool, change: Callable[[Array], None]
) -> None:
    array = request(pool)
    pool.return_buffer(array)
    change(array)
    del array
    for _ in range(3):
        again = request(pool)
        assert again.shape == (10, 10) and again.strides == (80, 8) and again.dtype == np.float64
        assert again.flags.c_contiguous and again.flags.writeable and again.flags.aligned
        again[:] = 1
        pool.return_buffer(again)
        del again
    figures = pool.get_statistics()
    assert figures["live_buffers"] == figures["pending_buffers"] == 0 and held_adds_up(figures)


def test_f11_a_resurrected_array_is_not_reused(pool: numapool.MemoryPool) -> None:
    risen: list[Array] = []

    class Holder:
        def __init__(self, array: Array) -> None:
            self.me, self.array = self, array

        def __del__(self) -> None:
            risen.append(self.array)

    array = request(pool)
    array[:] = 3
    address = array.ctypes.data
    pool.return_buffer(array)
    Holder(array)
    del array
    gc.collect()
    other = request(pool)
    other[:] = 4
    assert other.ctypes.data != address and (risen[0] == 3).all() and not risen[0].flags.writeable
    with pytest.raises(ValueError, match="returned before"):
        pool.return_buffer(risen[0])


def test_f11_a_weak_reference_that_is_gone_allows_reuse(pool: numapool.MemoryPool) -> None:
    array = request(pool)
    address = array.ctypes.data
    watcher = weakref.ref(array)
    pool.return_buffer(array)
    del watcher, array
    assert request(pool).ctypes.data == address


def test_f16_a_request_within_the_same_request(pool: numapool.MemoryPool) -> None:
    """What a sweep lets go runs a callback, which makes hundreds of requests while the outer one is half done."""
    inner: list[Array] = []
    done: list[int] = []

    def use_the_pool(_: Any) -> None:
        fill_what_is_known(pool, 300 + 7 * len(done))  # what is known comes to lie elsewhere each time
        array = request(pool)
        array[:] = 1
        inner.append(array)

    for step in range(20):
        done.append(step)
        pool.return_buffer(request(pool))
        watched = pool.get_buffer(shape=(7,), dtype=np.uint8)
        watcher = weakref.ref(watched, use_the_pool)
        taken = request(pool)  # the only one that waits, so that the next request needs new memory
        pool.return_buffer(watched)
        del watched
        outer = request(pool)
        outer[:] = 2
        assert watcher() is None and len(inner) == 1
        assert outer.shape == (10, 10) and outer.dtype == np.float64
        assert (inner[0] == 1).all()
        for array in (outer, taken, inner.pop()):
            pool.return_buffer(array)
        del outer, taken, array
    figures = pool.get_statistics()
    assert figures["live_buffers"] == 0 and held_adds_up(figures)


def test_f16_a_callback_of_the_return_itself(pool: numapool.MemoryPool) -> None:
    """The sweep of a return runs a callback that takes the base from the very array that is being returned."""
    returning = [request(pool)]
    returning[0][:] = 5

    def interfere(_: Any) -> None:
        _lose_base(returning[0])
        fill_what_is_known(pool)

    waiting = [pool.get_buffer(shape=(3,), dtype=np.uint8) for _ in range(40)]
    watchers = [weakref.ref(other, interfere) for other in waiting]
    for other in waiting:
        pool.return_buffer(other)
    del other, waiting
    pool.return_buffer(returning[0])
    assert any(watcher() is None for watcher in watchers), "the return looked at what waits"
    assert (returning[0] == 1).all(), "what the callback put there"
    returning.clear()
    figures = pool.get_statistics()
    assert figures["live_buffers"] == figures["pending_buffers"] == 0 and held_adds_up(figures)


def test_f18_threads_with_the_same_few_requests(pool: numapool.MemoryPool) -> None:
    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        for step in range(3000):
            n = int(random.integers(1, 4)) * 50
            array = pool.get_buffer(shape=(n, n), dtype=np.int32)
            array[:] = stamp = seed * 10_000 + step
            view = array[1:, ::2] if step % 3 == 0 else None
            assert array.shape == (n, n) and (array == stamp).all()
            pool.return_buffer(array)
            assert view is None or (view == stamp).all()

    run_in_threads(4, work)
    figures = pool.get_statistics()
    assert figures["total_allocations"] == 4 * 3000
    assert figures["live_buffers"] == 0 and held_adds_up(figures)


def test_f20_arrays_that_wait_are_each_process_s_own(pool: numapool.MemoryPool) -> None:
    array = request(pool)
    array[:] = 1
    address = array.ctypes.data
    pool.return_buffer(array)
    del array
    child = os.fork()
    if child == 0:
        again = request(pool)
        same = again.ctypes.data == address
        again[:] = 2
        pool.return_buffer(again)
        figures = pool.get_statistics()
        os._exit(0 if same and figures["total_allocations"] == 2 and figures["pending_buffers"] == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
    again = request(pool)
    assert again.ctypes.data == address and (again == 1).all()
    assert pool.get_statistics()["total_allocations"] == 2


TWO_NODES = """
import numpy as np, os, numapool
os.environ["HWLOC_SYNTHETIC"] = "node:2 pu:1"
pool = numapool.MemoryPool(bind="none")
addresses = {0: set(), 1: set(), None: set()}
for _ in range(30):
    for node in addresses:
        array = pool.get_buffer(shape=(100,), dtype=np.float32, numa_node=node)
        addresses[node].add(array.ctypes.data)
        pool.return_buffer(array)
        del array
    for wrong in (2, 77):
        try: pool.get_buffer(shape=(100,), dtype=np.float32, numa_node=wrong)
        except numapool.PoolValueError: pass
        else: raise SystemExit("a node that there is not")
assert len(addresses[0]) == len(addresses[1]) == 1 and not addresses[0] & addresses[1], addresses
assert addresses[None] <= addresses[0] | addresses[1]
figures = pool.get_statistics()
assert figures["total_allocations"] == 90 and figures["cache_hits"] == 88, figures
assert sum(node["allocations"] for node in figures["nodes"].values()) == 90
assert all(node["allocations"] >= 30 for node in figures["nodes"].values())
print(sum(node["local_allocations"] for node in figures["nodes"].values()))
"""


def test_requests_that_differ_in_their_node_only() -> None:
    # 30 of the current node, and 30 for whichever of the two nodes the process runs on.
    assert printed(TWO_NODES)[-1] == "60"
