"""Owns the tests of rows F08 to F12 of docs/design/faults.md: who may see a returned array's bytes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up, refused
from exporters import EXPORTERS, torch_tensor
from pool_model import bytes_at

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


exporters = pytest.mark.parametrize("export", [*EXPORTERS.values(), torch_tensor], ids=[*EXPORTERS, "torch"])


@exporters
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
    pool.trim()
    assert pool.get_statistics()["pending_buffers"] >= 1
    assert (bytes_at(address, 4 * length).view(np.float32) == 7).all()
    del alive
    gc.collect()
    figures = pool.get_statistics()
    assert figures["pending_buffers"] == 0 and held_adds_up(figures)


@exporters
@pytest.mark.parametrize("end", ["the pool is closed", "the pool goes too"])
def test_f11_f12_dropped_while_something_looks(export: Any, end: str) -> None:
    own = numapool.MemoryPool()
    array = own.get_buffer(1000, np.float32)
    array[:] = 7
    address = array.ctypes.data
    alive = export(array)
    del array
    for _ in range(20):
        other = own.get_buffer(1000, np.float32)
        assert other.ctypes.data != address
        other[:] = -1
    del other
    own.trim()
    figures = own.get_statistics()
    assert figures["live_buffers"] == 1 and figures["auto_returns"] == 20
    own.close()
    if end == "the pool goes too":
        del own
        gc.collect()
    assert (bytes_at(address, 4000).view(np.float32) == 7).all()
    del alive
    gc.collect()
    if end == "the pool is closed":
        figures = own.get_statistics()
        assert figures["live_buffers"] == 0 and figures["auto_returns"] == 21
        assert figures["memory_usage_bytes"] == 0


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


def test_f10_a_capsule_hides_its_owner(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(10)
    with refused(pool, numapool.PoolValueError, "was not handed out by a pool"):
        pool.return_buffer(np.from_dlpack(array))
    pool.return_buffer(array)


class OwnBase:
    """What looks as NumPy's own go-betweens do, and leads to itself or ever further."""

    __array_interface__: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, further: bool) -> None:
        self.further = further

    @property
    def base(self) -> OwnBase:
        return OwnBase(True) if self.further else self


@pytest.mark.parametrize("further", [False, True], ids=["itself", "ever further"])
def test_f08_a_chain_of_bases_without_an_end(pool: numapool.MemoryPool, further: bool) -> None:
    with refused(pool, numapool.PoolTypeError, "was not handed out by a pool"):
        pool.return_buffer(OwnBase(further))


class FailingBase:
    __array_interface__: dict[str, Any] = {}  # noqa: RUF012

    @property
    def base(self) -> Any:
        raise KeyboardInterrupt


def test_f08_an_error_on_the_way_to_the_owner_passes_through(pool: numapool.MemoryPool) -> None:
    with refused(pool, KeyboardInterrupt):
        pool.return_buffer(FailingBase())
