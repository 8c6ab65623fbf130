"""Owns the tests of rows F01 to F09 of docs/design/faults.md: bad requests, bad returns."""

from __future__ import annotations

import itertools
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up, refused
from hypothesis import given, settings
from hypothesis import strategies as st

shared = numapool.MemoryPool(name="hypothesis")


@given(st.lists(st.integers(-(2**70), 5), min_size=1, max_size=5).filter(lambda s: min(s) < 0))
def test_f01_negative_dimension(shape: list[int]) -> None:
    with refused(shared, ValueError):
        shared.get_buffer(shape)


def test_f01_message_names_the_value(pool: numapool.MemoryPool) -> None:
    with refused(pool, numapool.PoolValueError, "negative dimension -7"):
        pool.get_buffer((3, -7))


@given(
    st.lists(st.integers(2**21, 2**62), min_size=3, max_size=6), st.sampled_from(["u1", "f8", "c16", "V1000"])
)
def test_f02_overflow(shape: list[int], dtype: str) -> None:
    with refused(shared, ValueError, "overflow"):
        shared.get_buffer(shape, dtype)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 4), max_size=4),
    st.sampled_from(["f8", "?", "c16", "V0", "V5", "S0", "S3", "U0", "U2", "M8[s]", "f4,i2", "(2,3)f4", "S"]),
    st.sampled_from("CF"),
)
def test_f03_zero_size_and_scalars_as_numpy_gives_them(shape: list[int], dtype: str, order: str) -> None:
    ours, numpys = shared.get_buffer(shape, dtype, order=order), np.empty(shape, dtype, order=order)
    assert (ours.shape, ours.dtype, ours.nbytes) == (numpys.shape, numpys.dtype, numpys.nbytes)
    assert ours.flags.c_contiguous == numpys.flags.c_contiguous
    assert ours.flags.f_contiguous == numpys.flags.f_contiguous
    assert ours.flags.writeable and ours.flags.aligned
    if ours.nbytes:
        ours[...] = np.zeros((), ours.dtype)
        assert shared.get_statistics()["live_buffers"] == 1
    else:
        assert shared.get_statistics()["live_buffers"] == 0, "zero bytes need no block"
    shared.return_buffer(ours)
    with pytest.raises(ValueError, match="returned before"):
        shared.return_buffer(ours)


@pytest.mark.parametrize(
    "dtype",
    [object, "O", [("a", "f8"), ("b", "O")], [("a", [("b", "O")])], ("O", (2,)), [("a", "O", (2, 2))]],
)
def test_f04_object_dtype(pool: numapool.MemoryPool, dtype: Any) -> None:
    with refused(pool, TypeError, "holds references to Python objects"):
        pool.get_buffer(3, dtype)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="this NumPy has no StringDType")
def test_f04_string_dtype(pool: numapool.MemoryPool) -> None:
    with refused(pool, TypeError):
        pool.get_buffer(3, np.dtypes.StringDType())


def test_f05_index_raises_or_reenters(pool: numapool.MemoryPool) -> None:
    class Raises:
        def __index__(self) -> int:
            raise ZeroDivisionError("mine")

    inner: list[Any] = []

    class Reenters:
        def __index__(self) -> int:
            inner.append(pool.get_buffer(shape=(100,), dtype=np.float32))
            pool.return_buffer(inner[-1])
            return 100

    with refused(pool, ZeroDivisionError, "mine"):
        pool.get_buffer((2, Raises()))
    with refused(pool, ZeroDivisionError, "mine"):
        pool.get_buffer(3, alignment=Raises())
    with refused(pool, ZeroDivisionError, "mine"):
        pool.get_buffer(3, numa_node=Raises())
    outer = pool.get_buffer([Reenters(), 2])
    assert outer.shape == (100, 2) and len(inner) == 1
    assert not np.shares_memory(outer, inner[0])
    del inner[:], outer
    assert pool.get_statistics()["live_buffers"] == 0


@pytest.mark.parametrize("node", [1023, 77])
def test_f06_unknown_node_names_the_allowed(pool: numapool.MemoryPool, node: int) -> None:
    allowed = ", ".join(map(str, numapool.NUMAOptimizer(pool).get_numa_nodes()))
    with refused(pool, numapool.PoolValueError, f"node {node} .*: {allowed}"):
        pool.get_buffer(10, numa_node=node)
    with refused(pool, ValueError):
        pool.get_buffer(10, numa_node=-1)
    with refused(pool, ValueError):
        pool.get_buffer(10, numa_node=2**70)
    with refused(pool, ValueError):
        pool.get_buffer(0, numa_node=node)
    with refused(pool, ValueError):
        pool.get_buffer(10, numa_node=numapool.Interleave([0, node]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 3 * 2**20), max_size=12), st.integers(2**20, 8 * 2**20))
def test_f07_request_above_the_limit(sizes: list[int], limit: int) -> None:
    with numapool.MemoryPool(max_bytes=limit) as small:
        kept, messages = [], []
        for size in sizes:
            try:
                kept.append(small.get_buffer(size, np.uint8))
            except MemoryError as error:
                messages.append(str(error))
        assert all(f"limit of {limit} bytes" in message for message in messages)
        figures = small.get_statistics()
        assert figures["peak_memory_bytes"] <= limit and held_adds_up(figures)
        del kept[:]
        small.return_buffer(small.get_buffer(1000, np.uint8))
        with refused(small, MemoryError, str(limit + 1)):
            small.get_buffer(limit + 1, np.uint8)


def test_f07_returned_arrays_make_room() -> None:
    with numapool.MemoryPool(max_bytes=64 * 2**20) as small:
        for size in (40, 50, 60, 30):
            array = small.get_buffer(size * 2**20, np.uint8)
            small.return_buffer(array)
            del array


def test_f07_all_returned_arrays_that_nobody_holds_make_room() -> None:
    with numapool.MemoryPool(max_bytes=200 * 2**20) as small:
        arrays = [small.get_buffer(2**20, np.uint8) for _ in range(200)]
        for array in arrays:
            small.return_buffer(array)
        del arrays, array  # more at once than any one call looks at
        assert small.get_buffer(199 * 2**20, np.uint8).nbytes == 199 * 2**20


@pytest.mark.parametrize(
    "foreign", [np.ones(5), np.ones((3, 3))[1:], memoryview(b"abc"), np.frombuffer(b"abc", "u1")]
)
def test_f08_foreign_array(pool: numapool.MemoryPool, foreign: Any) -> None:
    with refused(pool, numapool.PoolValueError, "was not handed out by a pool"):
        pool.return_buffer(foreign)


@pytest.mark.parametrize("foreign", [None, 3, "array", [1.0], object()])
def test_f08_no_array_at_all(pool: numapool.MemoryPool, foreign: Any) -> None:
    with refused(pool, numapool.PoolTypeError, "was not handed out by a pool"):
        pool.return_buffer(foreign)


def test_f09_second_return(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(1000)
    view = array[::2]
    pool.return_buffer(array)
    for again in (array, view, array.T, memoryview(array)):
        with refused(pool, numapool.PoolValueError, "returned before"):
            pool.return_buffer(again)


@pytest.mark.parametrize("shape", [itertools.repeat(1), {3, 4}, (1.5,), "ab", object(), {2: 3}])
def test_f01_what_is_no_shape(pool: numapool.MemoryPool, shape: Any) -> None:
    with refused(pool, numapool.PoolTypeError):
        pool.get_buffer(shape)


def test_f02_too_many_dimensions(pool: numapool.MemoryPool) -> None:
    with refused(pool, numapool.PoolValueError, "at most"):
        pool.get_buffer((1,) * 100)
    with refused(pool, numapool.PoolValueError, "at most"):
        pool.get_buffer((1,) * 64, np.dtype(("f4", (2,))))


def test_shapes_and_dtypes_as_numpy_takes_them(pool: numapool.MemoryPool) -> None:
    assert pool.get_buffer(np.array([2, 3])).shape == (2, 3)
    assert pool.get_buffer(np.array(4)).shape == (4,)
    assert pool.get_buffer([2, np.int8(3)]).shape == (2, 3)
    if hasattr(np, "dtypes"):
        assert pool.get_buffer(2, np.dtypes.Float32DType).dtype == np.float32
