"""Owns forking, many times, a process whose threads are in the pool.

``python fork_storm.py 1000`` forks so often and says what went wrong.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from typing import Any

import numapool
import numpy as np

SECONDS_FOR_A_CHILD = 60


def use(pool: numapool.MemoryPool, stamp: int) -> None:
    """Take, fill, check and return arrays of every tier, also from another thread."""
    arrays = [pool.get_buffer(length, np.int32) for length in (10, 3000, 200_000, 600_000)]
    for array in arrays:
        array[:] = stamp
    for array in arrays:
        assert (array == stamp).all(), "somebody else wrote to it"
    thread = threading.Thread(target=lambda: [pool.return_buffer(array) for array in arrays])
    thread.start()
    thread.join()
    assert all((array == stamp).all() for array in arrays), "somebody else wrote to it after the return"


def child(pool: numapool.MemoryPool, inherited: list[Any], number: int) -> None:
    """What a forked child does: its copies are what they were, the pool serves, and what it has it can give back."""
    faulthandler.dump_traceback_later(SECONDS_FOR_A_CHILD, exit=True)
    for stamp, array in enumerate(inherited):
        assert (array == stamp).all(), "a copy of the parent's array is not what it was"
    use(pool, number)
    for array in inherited:
        array[:] = -1  # the child's own copy: the parent checks its own
        pool.return_buffer(array)
    use(pool, -number)
    pool.trim()
    figures = pool.get_statistics()
    held = figures["live_bytes"] + figures["pending_bytes"] + figures["idle_bytes"]
    assert held == figures["memory_usage_bytes"], figures
    with numapool.MemoryPool() as other:
        use(other, number)


def fork_many(count: int, threads: int = 2) -> list[str]:
    """Fork `count` times while `threads` threads use the pool; return what was wrong."""
    pool = numapool.MemoryPool()
    wrong: list[str] = []
    stop = threading.Event()

    def busy(seed: int) -> None:
        try:
            step = 0
            while not stop.is_set():
                step += 1
                use(pool, seed * 1_000_000 + step)
                numapool.empty(1 + step % 5000)[:] = 1
        except BaseException as error:
            wrong.append(f"a thread of the parent: {error!r}")

    crew = [threading.Thread(target=busy, args=(seed,)) for seed in range(1, threads + 1)]
    inherited = [pool.get_buffer(length, np.int16) for length in (7, 5000, 900_000)]
    for stamp, array in enumerate(inherited):
        array[:] = stamp
    for thread in crew:
        thread.start()
    try:
        for number in range(1, count + 1):
            process = os.fork()
            if process == 0:
                status = 1
                try:
                    child(pool, inherited, number)
                    status = 0
                except BaseException as error:
                    print(f"child {number}: {error!r}", file=sys.stderr, flush=True)
                finally:
                    os._exit(status)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if status != 0:
                wrong.append(f"child {number}: status {status}")
    finally:
        stop.set()
        for thread in crew:
            thread.join()
    for stamp, array in enumerate(inherited):
        if not (array == stamp).all():
            wrong.append("the parent's array was changed")
        pool.return_buffer(array)
    del inherited[:], array
    figures = pool.get_statistics()
    if figures["live_buffers"] or figures["pending_buffers"]:
        wrong.append(f"the parent has arrays that nobody holds: {figures}")
    return wrong


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    wrong = fork_many(count)
    for text in wrong:
        print(text)
    print(f"{count} forks, {len(wrong)} things not as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
