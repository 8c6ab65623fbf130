"""Owns the order of what is reported, and the words that say what each part compares.

Must not know figures, or how they are drawn.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tables
from results import Results


@dataclasses.dataclass(frozen=True)
class Section:
    """One part of the report."""

    heading: str
    text: str
    tables: Callable[[Results], list[tables.Table]]
    picture: str | None = None  # its name; plots.py draws it
    alternative: str = ""  # what the picture shows, for who cannot see it


SECTIONS = (
    Section(
        "Sizes that change at every step",
        "One thread keeps some blocks live, at least 256 MiB in all. A step frees one, takes another of a new size and "
        "writes one byte to each of its pages. `random` and `lengths` replace a random block (its sizes are uniform, "
        "or log-normal as lengths of sequences are), `alternating` and `growing` the oldest. Each round has its "
        "own seed, the same for everybody, and each contestant a new process. Steps that fill, and half as many again "
        "as are measured, go before. Faults are the process's minor faults (`getrusage`), time is the thread's CPU "
        "time (faults included), memory the highest resident bytes beyond those at the start (`/proc/self/statm`, at "
        "every eighth step and at each new peak of what is live). Below 1, a peer gave memory back between two "
        "looks, or had some at the start.",
        tables.drift,
        "drift",
        "Page faults a step over memory held, one dot for each allocator and workload",
    ),
    Section(
        "What the pool says of itself meanwhile",
        "The pool's own `peak_memory_bytes` of the same runs.",
        tables.own_memory,
    ),
    Section(
        "One block at a time",
        "One thread takes a block and frees it at once; CPU time of the thread, page faults included. The third table "
        "holds, for the touched pairs, two figures: the time over that of writing one byte a page to a block that is "
        "kept (a control in the same process), and page faults a pair.",
        tables.pairs,
        "pairs",
        "Time of one pair over the block's size, one line for each allocator",
    ),
    Section(
        "Take, touch, free",
        "The pattern of Apache Arrow's memory_pool_benchmark: time on the wall for one block, all threads together.",
        tables.touch,
    ),
    Section(
        "Freed in random order",
        "The pattern of the Unified Memory Framework's multiple_malloc_free: 1,000 blocks of 64 B to 64 KiB, or 64 "
        "blocks of 64 KiB to 16 MiB, as many of each doubling, one byte written; time on the wall, all threads "
        "together.",
        tables.order,
    ),
    Section(
        "Blocks that pass from thread to thread",
        "Patterns known from mimalloc-bench and snmalloc, written anew; time on the wall, all threads together. "
        "`larson`: a thread replaces blocks of 16 B to 1 KB in random places, ends after 20,000 of them and "
        "leaves its places to the next thread. `mstress`: threads replace blocks of mixed sizes and exchange "
        "some through shared places. `xmalloc`: half of the threads take blocks of 16 B to 4 KiB, the others free "
        "them, through one box. `msgpass`: the same with short chains of messages, to each consumer in turn. "
        "`loader`: arrays of 1 to 8 MiB, one byte a page written, at most eight waiting. cache-scratch: blocks of "
        "16 B that two threads get side by side. Threads that come and go: each takes 64 blocks of 64 B to 256 KiB, "
        "writes to them, frees them and ends.",
        tables.passing,
    ),
    Section(
        "Threads beside each other",
        "Each thread takes and frees blocks of one size that it does not share; arithmetic in the same process says "
        "what two threads can have on this machine.",
        tables.scaling,
    ),
    Section(
        "Real programs",
        "`bench/ml`: an image job in NumPy, learning from batches with scikit-learn, and a small network in PyTorch. "
        "Peers serve the whole process by LD_PRELOAD; the pool serves the batches' arrays through its API "
        "in an otherwise plain process. All computed the same numbers. Mean time of a step on the wall.",
        tables.programs,
    ),
    Section(
        "Python",
        "`bench/python_get_return.py`: both sides in one process, in small alternating batches.",
        tables.python,
    ),
    Section(
        "Cold start",
        "Memory that the process has not had before, each run in a new process; the machine has written it once just "
        "before, so that no host is waited for.",
        tables.cold_start,
    ),
    Section(
        "What the pool's own services cost",
        "Monitoring: the same pairs with `enable_monitoring` on and off. Samples: pairs in "
        "turns of 1.5 s, with a few blocks a second watched for misuse, as it is unless one says otherwise, and with "
        "`NUMAPOOL_CHECK=0`. Records: `metadata_bytes` over "
        "`memory_usage_bytes`, all blocks live. Placement: CPU time of one thread.",
        tables.own_costs,
    ),
    Section(
        "Instructions",
        "Counted by Valgrind's callgrind over 5,000 pairs, untouched, the loop around them included. Where a peer "
        "calls the kernel, the kernel's own instructions are not counted.",
        tables.instructions,
    ),
)
