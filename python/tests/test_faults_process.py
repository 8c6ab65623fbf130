"""Owns the tests of rows F15 to F31 of docs/design/faults.md that need a process of their own, or end one."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from interpreter_exits import ENDINGS, end_many
from processes import printed

FOLDER = pathlib.Path(__file__).parent

FLAT = """
import gc, numpy as np, numapool
pool = numapool.MemoryPool()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def drop(length): pool.get_buffer(length)
def give_back(length): pool.return_buffer(pool.get_buffer(length))
def give_back_a_view(length): pool.return_buffer(pool.get_buffer(length)[1:])
def give_back_a_memoryview(length): pool.return_buffer(memoryview(pool.get_buffer(length)))
def refused(length):
    try: pool.get_buffer(-length)
    except numapool.PoolValueError: pass
    try: pool.return_buffer(np.ones(3))
    except numapool.PoolValueError: pass
def known_by_its_dtype(length): give = pool.get_buffer(length, np.dtype([("a", "u1"), ("b", "i4")]))
def statistics(length):
    if length % 100 == 0: pool.get_statistics()

for work in (drop, give_back, give_back_a_view, give_back_a_memoryview, refused, known_by_its_dtype, statistics):
    for n in range(2000): work(1 + n % 200)
    gc.collect()
    before = resident()
    for n in range(100_000): work(1 + n % 200)
    gc.collect()
    grown = resident() - before
    assert grown < 2 * 2**20, (work.__name__, grown)  # 21 bytes each
print(pool.get_statistics()["live_buffers"])
"""


def test_f15_a_process_that_drops_and_returns_does_not_grow() -> None:
    assert printed(FLAT) == ["0"]


@pytest.mark.parametrize(
    "ways", [sorted(ENDINGS)[::2], sorted(ENDINGS)[1::2]], ids=["half", "the other half"]
)
def test_f17_a_process_ends_with_its_own_status(ways: list[str]) -> None:
    assert end_many(ways) == []


def test_f20_forks_beside_threads() -> None:
    # In a process of its own: pytest's is large, and copying its page tables would take most of the time.
    done = subprocess.run(
        [sys.executable, FOLDER / "fork_storm.py", "200"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


WORKERS = """
import multiprocessing, sys
import numpy as np, numapool

def double(array):
    result = numapool.empty(array.shape, array.dtype)
    np.multiply(array, 2, out=result)
    pool = numapool.default_pool()
    scratch = pool.get_buffer(array.shape)
    pool.return_buffer(scratch)
    return result, pool.get_statistics()["total_allocations"]

if __name__ == "__main__":
    pool = numapool.default_pool()
    arrays = [pool.get_buffer(length) for length in (1, 1000, 300_000) * 3]
    for stamp, array in enumerate(arrays):
        array[:] = stamp
    before = pool.get_statistics()
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as crew:
        results = crew.map(double, arrays, chunksize=1)
    for stamp, (array, (result, used)) in enumerate(zip(arrays, results)):
        assert (array == stamp).all() and (result == 2 * stamp).all() and used >= 2
        pool.return_buffer(array)
        try: pool.return_buffer(result)
        except numapool.PoolValueError: pass
        else: raise SystemExit("what came by pickle is no array of the pool")
    after = pool.get_statistics()
    assert after["total_allocations"] == before["total_allocations"], "the workers' requests are their own"
"""


@pytest.mark.parametrize("start", ["fork", "forkserver", "spawn"])
def test_f20_arrays_pass_between_worker_processes(tmp_path: pathlib.Path, start: str) -> None:
    program = tmp_path / "workers.py"
    program.write_text(WORKERS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program, start], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


SUBINTERPRETER = """
import sys
interpreters = __import__(sys.argv[1])
if sys.argv[2] == "first":
    import numapool
    early = numapool.empty(10)
for _ in range(3):
    inner = interpreters.create()
    interpreters.{run}(inner, '''if True:
        import sys
        try:
            import numapool
        except ImportError as error:
            assert "subinterpreter" in str(error) or "numapool" in str(error), error
            assert "numpy" not in sys.modules, "refused before anything happens"
        else:
            raise SystemError("numapool was imported into a subinterpreter")
    ''')
    interpreters.destroy(inner)
import numapool
pool = numapool.MemoryPool()
array = pool.get_buffer((10, 10))
pool.return_buffer(array)
try: pool.return_buffer(array)
except numapool.PoolValueError: print("fine", numapool.where(array).total)
"""


@pytest.mark.parametrize("order", ["first", "later"])
def test_f22_a_subinterpreter_is_refused(order: str) -> None:
    module, run = (
        ("_xxsubinterpreters", "run_string") if sys.version_info < (3, 13) else ("_interpreters", "exec")
    )
    done = subprocess.run(
        [sys.executable, "-c", SUBINTERPRETER.format(run=run), module, order],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and done.stdout == "fine 1\n", (done.returncode, done.stdout, done.stderr)


STORM = """
import faulthandler, signal, sys, threading, time
import numpy as np, numapool

faulthandler.dump_traceback_later(100, exit=True)
pool = numapool.MemoryPool()
kept, handled = [], 0

def checked(length, stamp):
    array = pool.get_buffer(length, np.int32)
    array[:] = stamp
    return array, stamp

def handler(number, frame):
    global handled
    handled += 1
    kept.append(checked((10, 3000, 100, 300_000)[handled % 4], -handled))
    while len(kept) > 3:
        array, stamp = kept.pop(0)
        assert (array == stamp).all(), "corrupt"
        pool.return_buffer(array)
    if handled % 10 == 0: pool.trim()
    if handled % 7 == 0: pool.get_statistics()

def busy():
    while not stop.is_set():
        pool.return_buffer(pool.get_buffer(3000, np.int32))

stop = threading.Event()
thread = threading.Thread(target=busy)
thread.start()
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
step = 0
while handled < 600:
    step += 1
    array, stamp = checked((10, 3000, 100, 600_000)[step % 4 if step % 50 == 0 else step % 3], step)
    view = array[1:]
    pool.return_buffer(array)
    del array
    assert (view == stamp).all(), "corrupt"
    del view
signal.setitimer(signal.ITIMER_REAL, 0)
stop.set()
thread.join()
kept.clear()
figures = pool.get_statistics()
assert figures["live_buffers"] == figures["pending_buffers"] == 0, figures
assert figures["idle_bytes"] == figures["memory_usage_bytes"], figures
print("fine")
"""


def test_f31_a_signal_handler_that_uses_the_pool() -> None:
    assert printed(STORM) == ["fine"]
