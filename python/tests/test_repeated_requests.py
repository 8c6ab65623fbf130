"""Owns the tests of requests that repeat: what may be known of them, and what must be read each time."""

from __future__ import annotations

import gc
import itertools
import sys
import weakref
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up


def address_of(pool: numapool.MemoryPool, *arguments: Any, **named: Any) -> int:
    """Request an array, return and drop it, and return where it was."""
    array = pool.get_buffer(*arguments, **named)
    address: int = array.ctypes.data
    pool.return_buffer(array)
    return address


def test_every_spelling_of_a_request_finds_the_same_array(pool: numapool.MemoryPool) -> None:
    f4, n = np.dtype(np.float32), 1000
    spellings: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), {"shape": (n,), "dtype": np.float32}),
        ((), {"dtype": np.float32, "shape": (n,)}),
        (((n,),), {"dtype": f4}),
        (([n], "f4"), {}),
        ((n, "float32"), {"order": "C"}),
        ((np.int64(n), f4, None), {}),
        ((n, f4), {"order": "F"}),  # one dimension is both
        ((n, f4), {"alignment": 1, "zeroed": True, "bind": None}),
        ((n,), {"zeroed": False, "alignment": 64, "dtype": np.dtypes.Float32DType}),
    ]
    addresses = {address_of(pool, *given, **named) for _ in range(3) for given, named in spellings}
    assert len(addresses) == 1
    figures = pool.get_statistics()
    assert figures["total_allocations"] == 3 * len(spellings)
    assert figures["cache_hits"] == 3 * len(spellings) - 1
    assert figures["bytes_requested"] == 3 * len(spellings) * 4 * n


def test_bytes_of_reused_arrays_count_as_those_of_their_blocks(pool: numapool.MemoryPool) -> None:
    for size in (100, 5000, 3_000_000):
        before = pool.get_statistics()
        address_of(pool, size, np.uint8)
        once = pool.get_statistics()
        block = once["bytes_handed_out"] - before["bytes_handed_out"]
        assert block > size
        for _ in range(3):
            address_of(pool, size, np.uint8)
        figures = pool.get_statistics()
        assert figures["bytes_handed_out"] == once["bytes_handed_out"] + 3 * block
        assert figures["bytes_reused"] == once["bytes_reused"] + 3 * block


class Odd(int):
    """An int whose index is said to be another; its value counts, as for NumPy."""

    def __index__(self) -> int:
        return 99


@pytest.mark.parametrize("kinds", list(itertools.permutations([int, np.int64, Odd, bool], 2)))
def test_extents_of_equal_value_and_different_type(pool: numapool.MemoryPool, kinds: Any) -> None:
    for _ in range(3):
        for kind in kinds:
            for shape, plain in (((kind(1), 3), (1, 3)), ((3, kind(1)), (3, 1)), (kind(1), (1,))):
                array = pool.get_buffer(shape=shape, dtype=np.int16)
                assert array.shape == plain and array.dtype == np.int16
                pool.return_buffer(array)


def test_a_shape_that_changes_is_read_each_time(pool: numapool.MemoryPool) -> None:
    class Grows:
        value = 4

        def __index__(self) -> int:
            self.value += 1
            return self.value

    extents, grows, indices = [3, 4], Grows(), np.array([2, 3])
    mixed = (grows, 2)
    for step in range(5, 10):
        extents[0] = indices[1] = step
        assert pool.get_buffer(shape=extents).shape == (step, 4)
        assert pool.get_buffer(shape=indices).shape == (2, step)
        assert pool.get_buffer(shape=mixed).shape == (step, 2)
    assert pool.get_buffer(shape=grows).shape == (10,)


def test_dtypes_as_numpy_reads_them_each_time(pool: numapool.MemoryPool) -> None:
    class Says:
        dtype = np.dtype("f4")

    noted = np.dtype("f8", metadata={"unit": "m"})
    record = np.dtype([("a", "f4"), ("b", "i2", (3,))])
    spelled: list[Any] = [
        None, float, int, bool, complex, np.float32, np.float64, np.longlong, np.int64, np.bool_, np.float16,
        "f4", "<f4", ">f4", "i8", "M8[s]", "m8[D]", "S5", "U3", "V7", "f4,i2", "(2,3)f4",
        np.dtype(">i4"), np.dtype("f4"), noted, record, np.dtype((np.int32, (2, 2))), Says, Says(),
    ]  # fmt: skip
    for _ in range(3):
        for dtype in spelled:
            ours, numpys = pool.get_buffer(shape=(5, 2), dtype=dtype), np.empty((5, 2), dtype)
            assert ours.dtype == numpys.dtype and ours.shape == numpys.shape, dtype
            assert ours.dtype.metadata == numpys.dtype.metadata
            pool.return_buffer(ours)
            del ours
    Says.dtype = np.dtype("i8")
    assert pool.get_buffer(shape=(5, 2), dtype=Says).dtype == np.int64
    assert pool.get_buffer(shape=(5, 2), dtype=Says()).dtype == np.int64
    record.names = ("x", "y")
    assert pool.get_buffer(shape=(5, 2), dtype=record).dtype.names == ("x", "y")


def test_a_dtype_that_only_the_request_held_is_let_go(pool: numapool.MemoryPool) -> None:
    class Unit:
        pass

    unit = Unit()
    watcher = weakref.ref(unit)
    noted = np.dtype("f8", metadata={"unit": unit})
    for _ in range(3):
        address_of(pool, shape=(10,), dtype=noted)
    del unit, noted
    pool.trim()
    gc.collect()
    assert watcher() is None


@pytest.mark.parametrize(
    "shape", [(3, np.int64(4)), [3, np.int64(4)], (3, 4, 5, 6, 7, 8, 9, 1, 1), np.array([3, 4])]
)
def test_no_request_keeps_what_it_only_reads(pool: numapool.MemoryPool, shape: Any) -> None:
    count = sys.getrefcount(shape), sys.getrefcount(int), sys.getrefcount(None)
    for _ in range(1000):
        pool.return_buffer(pool.get_buffer(shape, int, None))
    now = sys.getrefcount(shape), sys.getrefcount(int), sys.getrefcount(None)
    assert max(abs(one - other) for one, other in zip(now, count, strict=True)) < 100


def test_wrong_calls_stay_wrong_beside_good_ones(pool: numapool.MemoryPool) -> None:
    class Name(str):
        pass

    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        (((3,), np.float32, None, "C"), {}, "at most 3 positional"),
        (((3,), np.float32), {"shape": (3,)}, "multiple values"),
        (((3,),), {"dtype": np.float32, "size": 3}, "unexpected keyword argument 'size'"),
        ((), {"dtype": np.float32}, "missing required argument 'shape'"),
        ((), {}, "missing required argument 'shape'"),
        ((), {"alignment": 3}, "missing required argument 'shape'"),
    ]
    for _ in range(3):
        address_of(pool, shape=(3,), dtype=np.float32)
        address_of(pool, (3,), np.float32)
        assert pool.get_buffer(**{Name("shape"): (3,), Name("dtype"): np.float32}).nbytes == 12
        for given, named, match in wrong:
            with pytest.raises(TypeError, match=match):
                pool.get_buffer(*given, **named)
        with pytest.raises(ValueError, match="alignment is 48"):
            pool.get_buffer((3,), np.float32, alignment=48)
        for extent in (-1, 2**62, 2**70):
            with pytest.raises(ValueError, match=r"negative|2\^63"):
                pool.get_buffer(shape=(extent,), dtype=np.float32)


def test_very_many_shapes(pool: numapool.MemoryPool) -> None:
    for _ in range(2):
        for n in range(5000):
            array = pool.get_buffer(shape=(n, 3), dtype=np.float32)
            assert array.shape == (n, 3) and array.strides == (12, 4)
            array[:] = n
            pool.return_buffer(array)
            del array
    figures = pool.get_statistics()
    assert figures["total_allocations"] == 2 * 4999 and held_adds_up(figures)
    assert figures["peak_memory_bytes"] < 16 * 2**20, "what waits is let go for other shapes"


def test_every_rank_keeps_its_strides(pool: numapool.MemoryPool) -> None:
    for _ in range(3):
        for rank in range(0, 33):
            shape = tuple(1 + (axis % 3 == 2) for axis in range(rank))
            for order in ("C", "F"):
                array = pool.get_buffer(shape, np.int8, order=order)
                assert array.strides == np.empty(shape, np.int8, order=order).strides
                pool.return_buffer(array)
                del array


def test_a_working_set_of_many_shapes_is_found_again(pool: numapool.MemoryPool) -> None:
    shapes = [(n, 7) for n in range(1, 21)]
    for step in range(5):
        arrays = [pool.get_buffer(shape=shape, dtype=np.float32) for shape in shapes]
        if step == 1:
            first = {id(array) for array in arrays}
        while arrays:
            pool.return_buffer(arrays[-1])
            arrays.pop()
    assert {id(pool.get_buffer(shape=shape, dtype=np.float32)) for shape in shapes} <= first
    figures = pool.get_statistics()
    assert figures["total_allocations"] - figures["cache_hits"] == len(shapes)


@pytest.mark.parametrize("kept", [10, 100, 5000])
def test_what_is_forgotten_goes_though_many_names_live_on(pool: numapool.MemoryPool, kept: int) -> None:
    names = [pool.get_buffer(shape=(10,), dtype=np.float32) for _ in range(kept)]
    for array in names:
        pool.return_buffer(array)
    forgotten = pool.get_buffer(shape=(99,), dtype=np.float32)
    watcher = weakref.ref(forgotten)
    pool.return_buffer(forgotten)
    del forgotten
    calls, enough = 0, 1 + kept / 32
    while watcher() is not None and calls <= enough:
        names.append(pool.get_buffer(shape=(10,), dtype=np.float32))  # never one of those that names hold
        pool.return_buffer(names[-1])
        calls += 1
    assert calls <= enough, "each request and return looks at some of those that wait"
    assert len({array.ctypes.data for array in names}) == len(names)


def test_orders_alignments_and_zeroes_do_not_mix(pool: numapool.MemoryPool) -> None:
    for _ in range(5):
        arrays = []
        for order, alignment, zeroed in itertools.product("CF", (64, 4096), (False, True)):
            array = pool.get_buffer((31, 33), np.int32, order=order, alignment=alignment, zeroed=zeroed)
            assert array.ctypes.data % alignment == 0
            assert array.flags.f_contiguous == (order == "F") and array.flags.c_contiguous == (order == "C")
            assert not (zeroed and array.any())
            array[:] = 7
            arrays.append(array)
        del array
        while arrays:
            pool.return_buffer(arrays[-1])
            arrays.pop()
    figures = pool.get_statistics()
    assert figures["total_allocations"] == 40 and held_adds_up(figures)


def test_the_same_values_under_other_names(pool: numapool.MemoryPool) -> None:
    for _ in range(3):
        array = pool.get_buffer((8,), np.int8, alignment=1)
        array[:] = 7
        pool.return_buffer(array)
        del array
        array = pool.get_buffer((8,), np.int8, zeroed=1)  # type: ignore[arg-type]
        assert not array.any()
        pool.return_buffer(array)
        del array


def test_two_pools_keep_their_arrays_apart() -> None:
    with numapool.MemoryPool() as one, numapool.MemoryPool(enable_monitoring=False) as other:
        addresses: dict[str, set[int]] = {"one": set(), "other": set()}
        for _ in range(20):
            addresses["one"].add(address_of(one, shape=(50, 50), dtype=np.float32))
            addresses["other"].add(address_of(other, shape=(50, 50), dtype=np.float32))
        assert len(addresses["one"]) == len(addresses["other"]) == 1
        assert addresses["one"] != addresses["other"]
        for pool in (one, other):
            figures = pool.get_statistics()
            assert figures["total_allocations"] == 20 and figures["cache_hits"] == 19
            assert figures["bytes_requested"] == (20 * 10_000 if pool is one else 0)


def test_a_known_request_to_a_closed_pool_or_an_unknown_node() -> None:
    pool = numapool.MemoryPool()
    node = numapool.NUMAOptimizer(pool).get_numa_nodes()[0]
    for _ in range(3):
        address_of(pool, shape=(10,), dtype=np.float32)
        address_of(pool, shape=(10,), dtype=np.float32, numa_node=node)
        with pytest.raises(numapool.PoolValueError, match="node 77"):
            pool.get_buffer(shape=(10,), dtype=np.float32, numa_node=77)
    array = pool.get_buffer(shape=(10,), dtype=np.float32)
    pool.close()
    for _ in range(3):
        with pytest.raises(numapool.PoolClosedError):
            pool.get_buffer(shape=(10,), dtype=np.float32)
    pool.return_buffer(array)
    with pytest.raises(numapool.PoolClosedError):
        pool.get_buffer(shape=(10,), dtype=np.float32)


def test_one_node_by_name_and_as_the_current_one_share_arrays(pool: numapool.MemoryPool) -> None:
    nodes = numapool.NUMAOptimizer(pool).get_numa_nodes()
    if len(nodes) != 1:
        pytest.skip("with several nodes the current one changes")
    default = address_of(pool, shape=(10,), dtype=np.float32)
    assert address_of(pool, shape=(10,), dtype=np.float32, numa_node=nodes[0]) == default
    figures = pool.get_statistics()
    assert figures["cache_hits"] == 1
    assert figures["nodes"][nodes[0]]["local_allocations"] == 2


def test_a_derived_class_may_have_methods_of_its_own() -> None:
    class Counting(numapool.MemoryPool):
        requests = 0

        def get_buffer(self, *arguments: Any, **named: Any) -> np.ndarray[Any, Any]:
            self.requests += 1
            return super().get_buffer(*arguments, **named)

    class Plain(numapool.MemoryPool):
        pass

    counting, plain = Counting(), Plain()
    for pool in (counting, plain):
        with pool.buffer(10) as array:
            array[:] = 1
        pool.return_buffer(pool.zeros((3, 3)))
    assert counting.requests == 2
    with pytest.raises(TypeError, match="not derived from"):
        numapool._core.with_own_methods(np.ndarray)
    with pytest.raises(TypeError, match="MemoryPool"):
        numapool.MemoryPool.get_buffer(object(), 3)  # type: ignore[arg-type]
