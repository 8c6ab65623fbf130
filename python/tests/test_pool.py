"""Owns the tests of what the pool promises when it is used as meant; faults are in test_faults.py."""

from __future__ import annotations

import inspect
import logging
import os
import subprocess
import sys
import time
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up
from threads import run_in_threads


def test_the_constructor_is_the_documented_one() -> None:
    parameters = inspect.signature(numapool.MemoryPool).parameters
    defaults = {name: p.default for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
    assert defaults == {
        "max_buffers": 32,
        "numa_aware": True,
        "enable_monitoring": True,
        "cleanup_threshold": 0.8,
    }


def test_methods_have_signatures_and_help() -> None:
    signature = inspect.signature(numapool.MemoryPool.get_buffer)
    assert list(signature.parameters) == [
        "self", "shape", "dtype", "numa_node", "order", "alignment", "zeroed", "bind",
    ]  # fmt: skip
    for name in (
        "get_buffer",
        "return_buffer",
        "initialize",
        "get_statistics",
        "trim",
        "close",
        "buffer",
        "empty",
    ):
        assert len(inspect.getdoc(getattr(numapool.MemoryPool, name)) or "") > 40, name


@pytest.mark.parametrize(
    "size", [0, 1, 63, 64, 65, 1000, 1023, 1024, 1025, 65536, 2**20, 2**20 + 1, 5_000_000]
)
def test_bytes_are_mine_alone(pool: numapool.MemoryPool, size: int) -> None:
    arrays = [pool.get_buffer(size, np.uint8) for _ in range(5)]
    for number, array in enumerate(arrays):
        array[:] = number
        assert array.ctypes.data % 64 == 0
    for number, array in enumerate(arrays):
        assert (array == number).all()
    assert held_adds_up(pool.get_statistics())


def test_a_returned_array_is_reused_as_block_and_object(pool: numapool.MemoryPool) -> None:
    first = pool.get_buffer(shape=(1000,), dtype=np.float32)
    address, identity = first.ctypes.data, id(first)
    pool.return_buffer(first)
    del first
    second = pool.get_buffer(shape=(1000,), dtype=np.float32)
    assert second.ctypes.data == address and id(second) == identity and second.flags.writeable
    assert pool.get_statistics()["cache_hits"] == 1


def test_a_loop_that_keeps_its_name_alternates_two_blocks(pool: numapool.MemoryPool) -> None:
    addresses = set()
    for _ in range(100):
        array = pool.get_buffer((1000, 1000))
        addresses.add(array.ctypes.data)
        pool.return_buffer(array)
    assert len(addresses) == 2
    figures = pool.get_statistics()
    assert figures["cache_hits"] == 98 and figures["pending_buffers"] == 1


def test_a_block_is_reused_across_shapes(pool: numapool.MemoryPool) -> None:
    for shape in ((1000, 300), (300, 1000), (290_000,), (100, 3, 1000), 299_999):
        pool.return_buffer(pool.get_buffer(shape))
    figures = pool.get_statistics()
    assert figures["cache_hits"] == 4, figures


def test_many_returned_names_that_live_on_stay_pending(pool: numapool.MemoryPool) -> None:
    arrays = [pool.get_buffer(100) for _ in range(500)]
    for number, array in enumerate(arrays):
        array[:] = number
        pool.return_buffer(array)
    assert pool.get_statistics()["pending_buffers"] == 500
    fresh = [pool.get_buffer(100) for _ in range(500)]
    for array in fresh:
        array[:] = -1
    assert all((array == number).all() for number, array in enumerate(arrays))
    del arrays, fresh, array
    figures = pool.get_statistics()
    assert figures["pending_buffers"] == figures["live_buffers"] == 0 and held_adds_up(figures)


def test_order_alignment_and_zeroed(pool: numapool.MemoryPool) -> None:
    column_major = pool.get_buffer((7, 5), order="F")
    assert column_major.flags.f_contiguous and not column_major.flags.c_contiguous
    pool.return_buffer(column_major)
    del column_major
    assert pool.get_buffer((7, 5)).flags.c_contiguous
    for alignment in (1, 64, 128, 4096, 2**16, 2**21):
        array = pool.get_buffer(100, alignment=alignment)
        assert array.ctypes.data % max(alignment, 64) == 0
        array[:] = 3
        pool.return_buffer(array)
        del array
    for length in (10, 10_000, 1_000_000):
        for _ in range(3):
            array = pool.get_buffer(length, zeroed=True)
            assert not array.any()
            array[:] = 9
            pool.return_buffer(array)
            del array


@pytest.mark.parametrize("owner", ["pool", "module"])
def test_numpy_like_functions(pool: numapool.MemoryPool, owner: str) -> None:
    space: Any = pool if owner == "pool" else numapool
    assert space.empty((3, 4), np.int16).dtype == np.int16
    assert not space.zeros(1000).any()
    like = np.asfortranarray(np.ones((3, 4), np.float32))
    assert space.empty_like(like).flags.f_contiguous
    assert space.empty_like(like, order="C").flags.c_contiguous
    assert space.empty_like(like, shape=(2,), dtype="i8").shape == (2,)
    assert space.empty_like([1, 2, 3]).dtype == np.array([1, 2, 3]).dtype


def test_the_context_managers(pool: numapool.MemoryPool) -> None:
    with pool.buffer((10, 10), np.float32) as array:
        array[:] = 1
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2
    with pytest.raises(KeyError), pool.buffer(10) as array:
        raise KeyError
    with numapool.MemoryPool() as inner:
        inner.get_buffer(3)
    assert inner.closed


def test_presets() -> None:
    for workload in ("default", "inference", "training", "batch_processing"):
        with numapool.MemoryPool.for_workload(workload) as pool:
            pool.return_buffer(pool.get_buffer(1000))
            assert pool.get_statistics()["monitoring"] == (workload != "inference")
    with pytest.raises(numapool.PoolValueError, match="'games'"):
        numapool.MemoryPool.for_workload("games")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"max_buffers": -1}, "max_buffers is -1"),
        ({"max_buffers": 2**40}, "max_buffers"),
        ({"cleanup_threshold": 1.5}, "cleanup_threshold is 1.5"),
        ({"max_bytes": 0}, "max_bytes is 0"),
        ({"max_bytes": -5}, "max_bytes is -5"),
        ({"bind": "tight"}, "bind is 'tight'"),
        ({"huge_pages": 3}, "huge_pages is 3"),
    ],
)
def test_bad_options(options: dict[str, Any], match: str) -> None:
    with pytest.raises(numapool.PoolValueError, match=match):
        numapool.MemoryPool(**options)


def test_aligned_allocator(pool: numapool.MemoryPool) -> None:
    allocator = numapool.AlignedAllocator(alignment=256, memory_pool=pool)
    array = allocator.allocate_aligned((33, 3), np.float32)
    assert array.ctypes.data % 256 == 0
    allocator.deallocate_aligned(array)
    for bad in (0, 3, -64, 2**31):
        with pytest.raises(numapool.PoolValueError, match=str(bad)):
            numapool.AlignedAllocator(bad, pool)
    with pytest.raises(numapool.PoolTypeError):
        numapool.AlignedAllocator(64, None)  # type: ignore[arg-type]


def test_requests_for_another_node_are_not_local() -> None:
    code = """
import os, numapool
pool = numapool.MemoryPool()
here = 0 if 0 in os.sched_getaffinity(0) else 1
for _ in range(50):
    array = pool.get_buffer(100, numa_node=1 - here)
    pool.return_buffer(array)
    del array
figures = pool.get_statistics()
node = figures["nodes"][1 - here]
assert node["allocations"] == 50 and figures["cache_hits"] == 49, figures
assert node["local_allocations"] in (0, 50), node
print(node["local_allocations"])
"""
    done = run(code, HWLOC_SYNTHETIC="node:2 pu:1", NUMAPOOL_BIND="none")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0", "asked for from the CPU of another node"


def test_strict_binding_looks_every_page_up() -> None:
    with numapool.MemoryPool(bind="strict") as pool:
        node = numapool.NUMAOptimizer(pool).get_numa_nodes()[0]
        probe = np.ones(10_000)
        if numapool.where(probe).unknown:
            with pytest.raises(numapool.PlacementError):
                pool.get_buffer(1_000_000, numa_node=node)
            return
        array = pool.get_buffer(1_000_000, numa_node=node)
        assert numapool.where(array).pages_on[node] == numapool.where(array).total
        figures = pool.get_statistics()["nodes"][node]
        assert figures["pages_looked_up"] == figures["pages_verified"] >= 8_000_000 // 4096
        pool.return_buffer(array)
        del array
        pool.get_buffer(1_000_000, numa_node=node)
        again = pool.get_statistics()["nodes"][node]
        assert again["pages_looked_up"] == 2 * figures["pages_looked_up"], "reused ones are looked up too"


def test_interleave_over_one_node_is_that_node(pool: numapool.MemoryPool) -> None:
    node = numapool.NUMAOptimizer(pool).get_numa_nodes()[0]
    assert numapool.Interleave([node, node]) == numapool.Interleave((node,))
    array = pool.get_buffer(10, numa_node=numapool.Interleave([node]))
    array[:] = 1
    with pytest.raises(numapool.PoolValueError):
        pool.get_buffer(10, numa_node=numapool.Interleave([]))
    with pytest.raises(numapool.PoolTypeError):
        pool.get_buffer(10, numa_node="everywhere")


def test_numa_unaware_accepts_and_ignores_nodes() -> None:
    with numapool.MemoryPool(numa_aware=False) as pool:
        pool.get_buffer(10, numa_node=700)[:] = 1


def test_initialize_prefaults_and_is_idempotent() -> None:
    with numapool.MemoryPool() as pool:
        pool.initialize()
        pool.initialize(reserve_bytes=8 * 2**20)
        pool.initialize(8 * 2**20)
        figures = pool.get_statistics()
        nodes = len(numapool.NUMAOptimizer(pool).get_numa_nodes())
        assert figures["idle_bytes"] == figures["memory_usage_bytes"] == 8 * 2**20 * nodes
        assert pool.resident_bytes() >= 8 * 2**20
        pool.get_buffer(4 * 2**20, np.uint8)
        figures = pool.get_statistics()
        assert figures["cache_hits"] == 0, "prefaulted memory was never returned by an earlier array"
        assert figures["memory_usage_bytes"] == 8 * 2**20 * nodes


def test_trim_gives_memory_back(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(50 * 2**20, np.uint8)
    array[:] = 1
    pool.return_buffer(array)
    del array
    assert pool.resident_bytes() >= 50 * 2**20
    assert pool.trim(keep_bytes=20 * 2**20) >= 30 * 2**20
    assert pool.get_statistics()["idle_bytes"] <= 20 * 2**20
    pool.trim()
    assert pool.get_statistics()["memory_usage_bytes"] == 0
    assert pool.resident_bytes() < 4 * 2**20
    assert pool.get_statistics()["evictions"]["trim"]["bytes"] == 50 * 2**20


def test_max_buffers_evictions_are_shown_as_such() -> None:
    def steps(pool: numapool.MemoryPool) -> numapool.Statistics:
        for _ in range(4):
            arrays = [pool.get_buffer(2**20 + 2**16, np.uint8) for _ in range(64)]
            while arrays:
                pool.return_buffer(arrays.pop())
        return pool.get_statistics()

    with numapool.MemoryPool(max_buffers=32) as few:
        figures = steps(few)
        assert figures["tiers"]["large"]["idle_buffers"] <= 32
        deadline = time.monotonic() + 30
        while (
            few.get_statistics()["evictions"]["max_buffers"]["events"] == 0
        ):  # nobody comes back for the rest
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with numapool.MemoryPool(max_idle_bytes=2**30) as many:
        figures = steps(many)
        assert figures["evictions"]["max_buffers"]["events"] == 0
        assert figures["cache_hits"] == 3 * 64


def test_monitoring_off_keeps_every_key() -> None:
    with numapool.MemoryPool() as on, numapool.MemoryPool(enable_monitoring=False) as off:
        for pool in (on, off):
            pool.return_buffer(pool.get_buffer(100))
            pool.return_buffer(pool.get_buffer(100))
        with_monitoring, without = on.get_statistics(), off.get_statistics()
        assert with_monitoring.keys() == without.keys()
        assert without["monitoring"] is False and without["bytes_requested"] == 0
        assert without["total_allocations"] == 2 and without["cache_hits"] == 1
        assert with_monitoring["bytes_requested"] == 1600


def test_threads_share_a_pool(pool: numapool.MemoryPool) -> None:
    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        held: list[Any] = []
        for step in range(2000):
            if held and random.random() < 0.5:
                array, stamp = held.pop(random.integers(len(held)))
                assert (array == stamp).all()
                pool.return_buffer(array)
            else:
                array = pool.get_buffer(int(random.integers(1, 60_000)), np.int64)
                array[:] = seed * 10_000 + step
                held.append((array, seed * 10_000 + step))

    run_in_threads(4, work)
    figures = pool.get_statistics()
    assert figures["live_buffers"] == 0 and held_adds_up(figures)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_environment_applies_to_every_pool() -> None:
    code = "import numapool; p = numapool.MemoryPool(max_bytes=2**30); p.get_buffer(2**20, 'u1')"
    assert "limit of 524288 bytes" in run(code, NUMAPOOL_MAX_BYTES="512K").stderr
    assert run(code, NUMAPOOL_MAX_BYTES="2G").returncode == 0
    for variable, value in (
        ("MAX_BYTES", "lots"),
        ("BIND", "tight"),
        ("HUGE_PAGES", "some"),
        ("DISABLE", "yes"),
    ):
        done = run(code, **{f"NUMAPOOL_{variable}": value})
        assert done.returncode == 1 and f'NUMAPOOL_{variable} is "{value}"' in done.stderr, done.stderr


def test_messages_reach_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    # The library's own fallbacks need a machine that refuses placement; what is tested here is that importing the
    # package leaves the logger to the program: no handler, no level of its own.
    logger = logging.getLogger("numapool")
    assert logger.handlers == [] and logger.level == logging.NOTSET
