"""Owns the ways in which a process with a pool ends, and what its exit status must be.

``python interpreter_exits.py 1000`` ends so many processes, all ways in turn, and says what went wrong.
"""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import subprocess
import sys
from collections.abc import Iterable
from typing import NamedTuple

BEGIN = """
import atexit, gc, os, signal, sys, threading, time, weakref
import numpy as np, numapool

pool = numapool.MemoryPool()
kept = [pool.get_buffer(n) for n in (1, 1000, 10**6)]
pool.return_buffer(kept[1])
module_array = numapool.zeros(10)
view = kept[2][5:]

def forever(work):
    def go():
        while True:
            work()
    thread = threading.Thread(target=go, daemon=True)
    thread.start()

def get_and_return():
    array = pool.get_buffer(1000)
    pool.return_buffer(array)

def soon(work, seconds=0.01):
    def later():
        time.sleep(seconds)
        work()
    threading.Thread(target=later, daemon=True).start()
"""


class Ending(NamedTuple):
    code: str
    status: int = 0  # negative: the signal


ENDINGS = {
    "the end is reached": Ending("for _ in range(3): forever(get_and_return)"),
    "atexit": Ending(
        """
for _ in range(2): forever(get_and_return)
atexit.register(get_and_return)
atexit.register(lambda: kept.append(pool.get_buffer(10)))
atexit.register(lambda: pool.return_buffer(kept[0]))
weakref.finalize(pool, numapool.empty, 10)
"""
    ),
    "finalizers": Ending(
        """
class Late:
    def __init__(self): self.me, self.array = self, pool.get_buffer(50)
    def __del__(self):
        pool.return_buffer(self.array)
        pool.get_buffer(50)
late = [Late() for _ in range(10)]
gc.disable()
"""
    ),
    "pools in cycles": Ending(
        """
for _ in range(10):
    other = numapool.MemoryPool()
    other.me = other
    other.arrays = [other.get_buffer(n) for n in (10, 10**6)]
    other.return_buffer(other.arrays[0])
pool.me, pool.arrays = pool, kept
forever(get_and_return)
"""
    ),
    "closed at exit under threads": Ending(
        """
def request():
    try: get_and_return()
    except numapool.PoolClosedError: time.sleep(1)
for _ in range(2): forever(request)
atexit.register(pool.close)
"""
    ),
    "sys.exit beside threads": Ending("for _ in range(3): forever(get_and_return)\nsys.exit(3)", 3),
    "sys.exit in a thread": Ending(
        "thread = threading.Thread(target=lambda: (get_and_return(), sys.exit(9)))\nthread.start()\nthread.join()"
    ),
    "sys.exit in a with block": Ending("with pool.buffer(1000) as array: sys.exit(4)", 4),
    "an exception whose traceback holds arrays": Ending(
        "def fails(array): raise KeyError\nfails(pool.get_buffer(100))", 1
    ),
    "os._exit": Ending("for _ in range(3): forever(get_and_return)\nos._exit(5)", 5),
    "long requests in threads": Ending(
        """
for _ in range(2): forever(lambda: pool.get_buffer(30_000_000, "u1", zeroed=True))
time.sleep(0.01)
sys.exit(6)
""",
        6,
    ),
    "pages looked up in threads": Ending(
        """
forever(lambda: numapool.where(kept[2]))
forever(pool.verify_placement)
time.sleep(0.01)
sys.exit(7)
""",
        7,
    ),
    "memory set aside and given back in threads": Ending(
        """
forever(lambda: (pool.initialize(2**24), pool.trim()))
forever(lambda: (numapool.MemoryPool().get_buffer(10**6), pool.resident_bytes(), pool.get_statistics()))
time.sleep(0.01)
sys.exit(8)
""",
        8,
    ),
    "Python code below the pool in threads": Ending(
        """
def spin(*_):
    for _ in range(20_000): pass
class Slow:
    __array_interface__ = {}
    base = property(spin)
class Index:
    def __index__(self): return spin() or 3
class Finalized:
    def __del__(self): spin()
def foreign():
    try: pool.return_buffer(Slow())
    except numapool.PoolTypeError: pass
def watched():
    array = pool.get_buffer(7)
    watcher = weakref.ref(array, spin)
    pool.return_buffer(array)
    del array
    pool.get_buffer((Index(), 2), [("a", "u1"), ("b", "i4")])
def collected():
    cycle = Finalized()
    cycle.me = cycle
    del cycle
    pool.get_statistics()
gc.set_threshold(5)
for work in (foreign, watched, collected): forever(work)
time.sleep(0.02)
sys.exit(10)
""",
        10,
    ),
    "SIGTERM": Ending(
        "forever(get_and_return)\nsoon(lambda: os.kill(os.getpid(), signal.SIGTERM))\nwhile True: get_and_return()",
        -15,
    ),
    "SIGINT": Ending(
        """
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
forever(get_and_return)
soon(lambda: os.kill(os.getpid(), signal.SIGINT))
while True: get_and_return()
""",
        -2,
    ),
    "KeyboardInterrupt many times": Ending(
        """
def loop():
    while True:
        array = pool.get_buffer((10, 100))
        array[:] = interrupted
        pool.return_buffer(array)
        del array
def interrupt(number, frame):
    if frame.f_code is loop.__code__:
        raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
interrupted = 0
while interrupted < 20:
    try: loop()
    except KeyboardInterrupt: interrupted += 1
signal.setitimer(signal.ITIMER_REAL, 0)
del kept[:], view, module_array
figures = pool.get_statistics()
assert figures["live_buffers"] == figures["pending_buffers"] == 0, figures
assert figures["live_bytes"] + figures["idle_bytes"] == figures["memory_usage_bytes"], figures
""",
    ),
    "a forked child ends by itself": Ending(
        """
for _ in range(2): forever(get_and_return)
child = os.fork()
if child == 0:
    get_and_return()
    sys.exit(11)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        11,
    ),
}


def end_one(way: str) -> str | None:
    """End a process in one of the ways; return what was wrong with it."""
    code, status = ENDINGS[way]
    try:
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{way}: no end in 120 s"
    if done.returncode != status:
        return f"{way}: status {done.returncode} in place of {status}\n{done.stderr}"
    return None


def end_many(ways: Iterable[str]) -> list[str]:
    """End one process for each, two at a time; return what was wrong."""
    with concurrent.futures.ThreadPoolExecutor(2) as crew:
        return [wrong for wrong in crew.map(end_one, ways) if wrong is not None]


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    ways = list(itertools.islice(itertools.cycle(ENDINGS), count))
    wrong = end_many(ways)
    for text in wrong:
        print(text)
    print(f"{count} processes ended in {len(ENDINGS)} ways, {len(wrong)} of them not as they should")
    for text, times in collections.Counter(text.splitlines()[0] for text in wrong).items():
        print(f"  {times} x {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
