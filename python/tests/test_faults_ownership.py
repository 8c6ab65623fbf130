"""Owns the tests of rows F08 to F12 of docs/design/faults.md: who may see a returned array's bytes."""

from __future__ import annotations

import gc
import pickle
import weakref
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up, refused

VIEWS = {
    "slice": lambda a: a[1:2, ::2],
    "reshape": lambda a: a.reshape(-1),
    "transpose": lambda a: a.T,
    "row": lambda a: a[0],
    "view of a view": lambda a: a[1:].T[::-1][:, 1:],
    "other dtype": lambda a: a.view(np.uint8),
    "asarray of a memoryview": lambda a: np.asarray(memoryview(a)),
    "memoryview": memoryview,
    "subclass": lambda a: a.view(np.recarray),
    "newaxis": lambda a: a[None, ..., None],
}


@pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS.keys())
def test_f10_return_of_a_view(pool: numapool.MemoryPool, make: Any) -> None:
    array = pool.get_buffer((4, 6), np.float32)
    pool.return_buffer(make(array))
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="returned before"):
        pool.return_buffer(array)
    del array
    gc.collect()
    assert pool.get_statistics()["live_buffers"] == 0


EXPORTERS = {
    "view": lambda a: a[10:20],
    "memoryview": memoryview,
    "frombuffer": lambda a: np.frombuffer(a, np.uint8),
    "PickleBuffer": pickle.PickleBuffer,
    "dlpack capsule": lambda a: a.__dlpack__(),
    "from_dlpack": np.from_dlpack,
    "flat iterator": lambda a: a.flat,
    "ctypes": lambda a: a.ctypes.data_as(__import__("ctypes").c_void_p),
    "the owner": lambda a: a.base,
    "memoryview of the owner": lambda a: memoryview(a.base),
    "nditer": np.nditer,
    "bound method": lambda a: a.sum,
}


def torch_tensor(array: np.ndarray[Any, Any]) -> Any:
    return pytest.importorskip(
        "torch", reason="PyTorch is not installed; tools/setup torch does it"
    ).from_numpy(array)


@pytest.mark.parametrize("export", [*EXPORTERS.values(), torch_tensor], ids=[*EXPORTERS, "torch"])
@pytest.mark.parametrize("length", [100, 100_000, 1_000_000])
def test_f11_f12_no_reuse_while_something_looks(pool: numapool.MemoryPool, export: Any, length: int) -> None:
    array = pool.get_buffer(length, np.float32)
    array[:] = 7
    address = array.ctypes.data
    alive = export(array)
    pool.return_buffer(array)
    del array
    for _ in range(20):
        other = pool.get_buffer(length, np.float32)
        assert other.ctypes.data != address
        other[:] = -1
        pool.return_buffer(other)
        del other
    assert pool.get_statistics()["pending_buffers"] >= 1
    if isinstance(alive, (memoryview, np.ndarray)):
        assert bytes(alive)[:4] == np.float32(7).tobytes()
    del alive
    gc.collect()
    figures = pool.get_statistics()
    assert figures["pending_buffers"] == 0 and held_adds_up(figures)


def test_f11_a_weak_reference_keeps_the_array_from_reuse(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(1000)
    watcher = weakref.ref(array)
    pool.return_buffer(array)
    del array
    other = pool.get_buffer(1000)
    assert watcher() is not other


def test_f08_a_released_memoryview_leads_nowhere(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(10)
    view = memoryview(array)
    view.release()
    del array
    other = pool.get_buffer(10)
    with refused(pool, ValueError, "was not handed out"):
        pool.return_buffer(view)
    assert other.flags.writeable


def test_f11_many_pending_arrays_are_let_go_at_once(pool: numapool.MemoryPool) -> None:
    kept = [pool.get_buffer(1) for _ in range(100_000)]
    while kept:
        pool.return_buffer(kept[-1])
        kept.pop()
    assert pool.get_statistics()["pending_buffers"] == 0


def test_f10_views_by_strides(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(10)
    pool.return_buffer(np.lib.stride_tricks.sliding_window_view(array, 3))
    with pytest.raises(ValueError, match="returned before"):
        pool.return_buffer(array)
