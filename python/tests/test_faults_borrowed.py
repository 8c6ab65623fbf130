"""Owns the tests of row F19 of docs/design/faults.md: callers that hold no reference of their own."""

from __future__ import annotations

import ctypes
import weakref
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up


def call_with_borrowed(function: Any, container: list[Any]) -> None:
    """Call `function(container[0])` as C does: during the call only the container refers to the argument."""
    call = ctypes.pythonapi.PyObject_CallOneArg
    call.argtypes, call.restype = [ctypes.py_object, ctypes.c_void_p], ctypes.py_object
    call(function, id(container[0]))


def watch_waiting(pool: numapool.MemoryPool, callback: Any) -> list[Any]:
    """Have the next return run `callback`: it looks at what waits, and finds arrays whose last name is gone."""
    waiting = [pool.get_buffer(shape=(3,), dtype=np.uint8) for _ in range(40)]
    watchers = [weakref.ref(other, callback) for other in waiting]
    for other in waiting:
        pool.return_buffer(other)
    return watchers


@pytest.mark.parametrize("length", [100, 100_000, 1_000_000])
@pytest.mark.parametrize("as_view", [False, True], ids=["array", "view"])
def test_f19_only_a_container_refers_to_the_array(
    pool: numapool.MemoryPool, length: int, as_view: bool
) -> None:
    container = [pool.get_buffer(length, np.float32)]
    container[0][:] = 7
    address = container[0].ctypes.data
    if as_view:
        container[0] = container[0].reshape(2, -1)
    call_with_borrowed(pool.return_buffer, container)
    for _ in range(20):
        other = pool.get_buffer(length, np.float32)
        assert other.ctypes.data != address
        other[:] = -1
        pool.return_buffer(other)
        del other
    assert (container[0] == 7).all() and not container[0].flags.writeable
    with pytest.raises(ValueError, match="returned before"):
        call_with_borrowed(pool.return_buffer, container)
    container.clear()
    figures = pool.get_statistics()
    assert figures["live_buffers"] == figures["pending_buffers"] == 0 and held_adds_up(figures)


@pytest.mark.parametrize("as_view", [False, True], ids=["array", "view"])
def test_f19_the_container_lets_go_during_the_call(pool: numapool.MemoryPool, as_view: bool) -> None:
    container: list[Any] = []
    inner: list[Any] = []
    address = 0

    def let_go(_: Any) -> None:
        if container:
            container.clear()
            inner.append(pool.get_buffer(5000, np.float32))
            assert inner[0].ctypes.data != address, "reused during the return"
            inner[0][:] = -1

    container.append(pool.get_buffer(5000, np.float32))
    container[0][:] = 7
    address = container[0].ctypes.data
    if as_view:
        container[0] = container[0][1:]
    watchers = watch_waiting(pool, let_go)
    assert container and address
    call_with_borrowed(pool.return_buffer, container)
    assert any(watcher() is None for watcher in watchers), "the return looked at what waits"
    assert not container and len(inner) == 1
    assert (inner[0] == -1).all()
    inner.clear()
    figures = pool.get_statistics()
    assert figures["live_buffers"] == figures["pending_buffers"] == 0 and held_adds_up(figures)


def test_f19_the_pool_is_closed_meanwhile() -> None:
    pool = numapool.MemoryPool()
    container: list[Any] = [pool.get_buffer(5000, np.float32)]

    def let_go(_: Any) -> None:
        container.clear()

    watched = pool.get_buffer(10)
    watcher = weakref.ref(watched, let_go)
    pool.close()
    pool.return_buffer(watched)
    del watched
    call_with_borrowed(pool.return_buffer, container)  # lets go of what waits: no request will
    assert watcher() is None and not container
    figures = pool.get_statistics()
    assert figures["live_buffers"] == figures["pending_buffers"] == 0 and held_adds_up(figures)
