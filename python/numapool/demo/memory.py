"""How much memory each side holds: one process a side, so that neither is mistaken for the other.

Owns the two processes and what they sample. The figure is the growth of the process's resident memory over the
moment before its first step: it is what the machine gives up, whoever in the process keeps it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import numapool

from .buffers import PlainBuffers, PooledBuffers, WatchedBuffers, resident_bytes
from .measure import SIDES, draw_batches
from .pipeline import FEATURES, run_step

if TYPE_CHECKING:
    from .buffers import Buffers
    from .photographs import Batch
    from .pipeline import Job

STEPS = 40  # at most: what a side holds has long settled by then


@dataclass
class MemoryTrace:
    """Samples of one side, several a step and one after it; all in bytes."""

    live: list[int]  # of the arrays in use
    held: list[int]  # growth of the process's resident memory
    step_ends: list[int]  # indices of the samples that were taken between two steps
    statistics: dict[str, Any] = field(default_factory=dict)  # the pool's own, for the side that has one

    @property
    def peak_live(self) -> int:
        """The most bytes in use at once."""
        return max(self.live)

    @property
    def peak_held(self) -> int:
        """The most bytes held."""
        return max(self.held)

    @property
    def held_between_steps(self) -> float:
        """The median of what is held while nothing is in use."""
        return statistics.median(self.held[i] for i in self.step_ends)


def watch_both(job: Job, seed: int, steps: int) -> dict[str, MemoryTrace]:
    """Run each side alone in a new process, both at the same time."""
    batches = draw_batches(seed, 0, min(steps, STEPS), job.photographs.shape)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(SIDES), mp_context=context) as processes:
        # One task a process: a second one would find what the first left behind.
        futures = {side: processes.submit(watch, side, job, batches) for side in SIDES}
        return {side: future.result() for side, future in futures.items()}


def watch(side: str, job: Job, batches: list[Batch]) -> MemoryTrace:
    """Run the batches on one side and sample this process's memory."""
    pool = numapool.MemoryPool(name="demo") if side == "pool" else None
    source: Buffers = PlainBuffers() if pool is None else PooledBuffers(pool)
    buffers = WatchedBuffers(source)
    job.classifier.predict_proba(
        np.zeros((64, FEATURES), np.float32)
    )  # what the libraries set up for themselves
    _give_back_free_heap()
    before = resident_bytes()
    step_ends = []
    for batch in batches:
        run_step(job, batch, buffers)
        buffers.sample()
        step_ends.append(len(buffers.live) - 1)
    held = [resident - before for resident in buffers.resident]
    return MemoryTrace(buffers.live, held, step_ends, dict(pool.get_statistics()) if pool is not None else {})


def _give_back_free_heap() -> None:
    """Have the C library give back what it keeps free, so that no side starts with a store."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if malloc_trim is not None:
        malloc_trim(0)
