"""Owns the tests of the rows from F13 on of docs/design/faults.md: pools, threads, processes and arrays over time."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import threading
import weakref
from typing import Any

import numapool
import numpy as np
import pytest
from conftest import held_adds_up, refused


def test_f13_wrong_pool(pool: numapool.MemoryPool) -> None:
    with numapool.MemoryPool(name="other") as other:
        array = other.get_buffer(10)
        with refused(pool, numapool.PoolValueError, 'belongs to pool "other"'):
            pool.return_buffer(array)
        array[:] = 1
        other.return_buffer(array)


def test_f14_arrays_outlive_a_closed_pool() -> None:
    pool = numapool.MemoryPool()
    small, large = pool.get_buffer(100), pool.get_buffer(1_000_000)
    small[:], large[:] = 1, 2
    pool.close()
    pool.close()
    assert pool.closed
    with refused(pool, numapool.PoolClosedError, "closed"):
        pool.get_buffer(10)
    with refused(pool, RuntimeError):
        pool.get_buffer(0)
    assert small.sum() == 100 and large.sum() == 2_000_000
    pool.return_buffer(small)
    del small
    figures = pool.get_statistics()
    assert figures["live_buffers"] == 1 and held_adds_up(figures)
    del pool
    gc.collect()
    large += 1
    assert large.sum() == 3_000_000


def test_f14_closing_lets_returned_arrays_go() -> None:
    pool = numapool.MemoryPool()
    array = pool.get_buffer(1_000_000)
    watcher = weakref.ref(array)
    pool.return_buffer(array)
    del array
    pool.close()
    assert watcher() is None, "no request will look at it"


def test_f14_pools_go_with_their_last_array() -> None:
    for _ in range(8500):  # more than can be alive at a time
        array = numapool.MemoryPool().get_buffer(10)
        array[:] = 1


def test_f15_dropped_without_a_return(pool: numapool.MemoryPool) -> None:
    for _ in range(1_000_000):
        pool.get_buffer(100)
    figures = pool.get_statistics()
    assert figures["auto_returns"] == 1_000_000
    assert figures["live_buffers"] == 0 and figures["memory_usage_bytes"] == 65536
    for _ in range(100):
        pool.get_buffer(3_000_000, np.uint8)
    figures = pool.get_statistics()
    assert figures["auto_returns"] == 1_000_100 and figures["peak_memory_bytes"] < 4 * 2**20


def test_f16_garbage_collection_inside_a_request(pool: numapool.MemoryPool) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self
            self.array = pool.get_buffer(50)

        def __del__(self) -> None:
            pool.return_buffer(self.array)
            pool.get_buffer(50)

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(500):
            Cycle()
            pool.return_buffer(pool.get_buffer((5, 10)))
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert pool.get_statistics()["live_buffers"] == 0


EXIT = """
import atexit, threading, numpy as np, numapool
pool = numapool.MemoryPool()
kept = [pool.get_buffer(n) for n in (1, 1000, 10**6)]
pool.return_buffer(kept.pop())
class Late:
    def __del__(self):
        pool.return_buffer(kept[0])
late = Late(); late.me = late
atexit.register(lambda: pool.get_buffer(10))
def forever():
    while True:
        pool.return_buffer(pool.get_buffer(1000))
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
global_array = numapool.zeros(10)
"""


def test_f17_interpreter_exit_with_live_arrays_and_daemon_threads() -> None:
    for _ in range(10):
        done = subprocess.run([sys.executable, "-c", EXIT], timeout=60, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


def test_f18_two_threads_return_the_same_array(pool: numapool.MemoryPool) -> None:
    for _ in range(200):
        array = pool.get_buffer(1000)
        won: list[bool] = []
        barrier = threading.Barrier(4)

        def give_back(array: Any = array, won: list[bool] = won, barrier: Any = barrier) -> None:
            barrier.wait()
            try:
                pool.return_buffer(array)
                won.append(True)
            except ValueError:
                won.append(False)

        threads = [threading.Thread(target=give_back) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == [False, False, False, True]


def test_f20_a_forked_child_can_use_the_pool(pool: numapool.MemoryPool) -> None:
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            pool.return_buffer(pool.get_buffer(300_000))

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                try:
                    for size in (10, 1000, 1_000_000):
                        array = pool.get_buffer(size)
                        array[:] = 1
                        pool.return_buffer(array)
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda a: pickle.loads(pickle.dumps(a)),
        lambda a: pickle.loads(pickle.dumps(a, 5)),
    ],
    ids=["copy", "deepcopy", "pickle", "pickle protocol 5"],
)
def test_f21_copies_are_independent(pool: numapool.MemoryPool, duplicate: Any) -> None:
    array = pool.get_buffer((10, 10))
    array[:] = np.arange(100).reshape(10, 10)
    twin = duplicate(array)
    assert not np.shares_memory(twin, array)
    expected = array.copy()
    array[:] = -1
    pool.return_buffer(array)
    del array
    pool.get_buffer((10, 10))[:] = -2
    assert np.array_equal(twin, expected)
    with pytest.raises(ValueError, match="was not handed out by a pool"):
        pool.return_buffer(twin)


def test_f24_the_returned_array_is_read_only(pool: numapool.MemoryPool) -> None:
    array = pool.get_buffer(10)
    array.flags.writeable = False
    array.flags.writeable = True
    pool.return_buffer(array)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_f26_zero_on_return() -> None:
    secret = 0x5EC2E7
    with numapool.MemoryPool(zero_on_return=True) as pool:
        for length in (100, 10_000, 1_000_000):
            for step in range(8):
                # The same length is the same array again, another one the same memory under another.
                array = pool.get_buffer(length - step // 4, np.int64)
                assert not (array == secret).any()
                array[:] = secret
                if step % 2 == 0:
                    pool.return_buffer(array)
                del array


def test_f33_more_than_the_system_has(pool: numapool.MemoryPool) -> None:
    with refused(pool, numapool.PoolMemoryError, "the system refused"):
        pool.get_buffer(2**45, np.uint8)
    pool.return_buffer(pool.get_buffer(1000))


LITTLE_ADDRESS_SPACE = """
import re, resource, sys, numapool
held = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[1]), resource.RLIM_INFINITY))
with numapool.MemoryPool() as pool:
    kept = [pool.get_buffer(bytes, "u1") for bytes in (100, 1000, 40_000, 8_000_000)]
    try:
        for _ in range(5):
            kept.append(pool.get_buffer(900_000_000, "u1"))
    except numapool.PoolMemoryError as error:
        print(error)
    print(len(kept))
"""


@pytest.mark.parametrize(("gigabytes", "buffers"), [(3.5, 5), (4.5, 6)])
def test_f33_more_than_the_address_space_has(gigabytes: float, buffers: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_ADDRESS_SPACE, str(int(gigabytes * 2**30))],
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "refused 1073741824 bytes of address space (Cannot" in done.stdout
    assert "(ulimit -v)" in done.stdout
    assert done.stdout.split()[-1] == str(buffers)


def _restride(array: np.ndarray[Any, Any]) -> None:
    array.strides = (8, 8)


CHANGES = {
    "shape": lambda a: setattr(a, "shape", (100,)),
    "dtype": lambda a: setattr(a, "dtype", np.int64),
    "strides": _restride,
    "byte order": lambda a: setattr(a, "dtype", a.dtype.newbyteorder()),
    "setflags": lambda a: a.setflags(align=False),
    "resize to the same": lambda a: a.resize((100,), refcheck=False),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_f57_changed_in_place_before_the_return(pool: numapool.MemoryPool, change: Any) -> None:
    array = pool.get_buffer((10, 10))
    address = array.ctypes.data
    try:
        change(array)
    except (ValueError, AttributeError) as error:
        pytest.skip(f"this NumPy does not allow it: {error}")
    pool.return_buffer(array)
    del array
    again = pool.get_buffer((10, 10))
    assert again.ctypes.data == address, "the block is reused"
    assert again.shape == (10, 10) and again.dtype == np.float64 and again.strides == (80, 8)
    assert again.flags.c_contiguous and again.flags.writeable and again.flags.aligned


DISABLED = """
import numpy as np, numapool
pool = numapool.MemoryPool()
for shape, dtype in (((3, 4), "f4"), ((0, 2), "u1"), ((), "f8"), ((1000, 1000), "f8"), (5, "U3")):
    a = pool.get_buffer(shape, dtype, zeroed=True)
    assert a.shape == np.empty(shape).shape and a.ctypes.data % 64 == 0
    if a.nbytes: assert not a.tobytes().strip(b"\\0")
    pool.return_buffer(a)
    try: pool.return_buffer(a)
    except numapool.PoolValueError: pass
    else: raise SystemExit("second return")
    del a
aligned = numapool.AlignedAllocator(4096, pool)
b = aligned.allocate_aligned((10, 10), np.float32)
assert b.ctypes.data % 4096 == 0
aligned.deallocate_aligned(b); del b
with pool.buffer(10) as c: c[:] = 1
s = pool.get_statistics()
assert s["disabled"] and s["cache_hits"] == 0 and s["live_bytes"] == 0, s
c = pool.get_buffer(100); pool.close(); del pool; c[:] = 1
numapool.NUMAOptimizer(numapool.MemoryPool()).get_numa_statistics()
"""


def test_f58_disabled_by_the_environment() -> None:
    environment = {**os.environ, "NUMAPOOL_DISABLE": "1"}
    done = subprocess.run([sys.executable, "-c", DISABLED], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("length", [3, 5000])
def test_f57_a_returned_array_that_lost_its_base(pool: numapool.MemoryPool, length: int) -> None:
    array = pool.get_buffer(10)
    pool.return_buffer(array)
    array.__setstate__(np.ones(length).__reduce__()[2])
    assert pool.get_statistics()["live_buffers"] == 0
    del array
    pool.get_buffer(10)
    pool.trim()


def test_f14_a_callback_meets_a_return_to_a_closed_pool() -> None:
    pool = numapool.MemoryPool()
    array = pool.get_buffer(50)
    view = memoryview(array)
    watched = pool.get_buffer(20)
    watcher = weakref.ref(watched, lambda _: view.release())
    pool.close()
    pool.return_buffer(watched)
    del array, watched
    pool.return_buffer(view)
    figures = pool.get_statistics()
    assert watcher() is None and held_adds_up(figures)


def test_f20_the_default_pool_in_a_child_of_a_fork_during_its_making() -> None:
    code = """
import os, threading, time, numapool
from numapool import default_pool as _
import sys
module = sys.modules["numapool.default_pool"]
module._lock.acquire()
child = os.fork()
if child == 0:
    numapool.empty(3)[:] = 1
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True)
