"""What each step costs: both sides interleaved, step by step, on the same batches.

Owns the clock and the kernel's counters. Knows nothing of how the figures are shown.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import numapool

from .buffers import PlainBuffers, PooledBuffers
from .photographs import CROP, LARGEST_BATCH, draw_batch, draw_sizes, halves
from .pipeline import CHANNELS, run_step

if TYPE_CHECKING:
    from .buffers import Buffers
    from .photographs import Batch
    from .pipeline import Job, Outcome

SIDES = ("numpy", "pool")


@dataclass
class Costs:
    """What one side's steps cost; element i of every list is step i, warm-up included."""

    seconds: list[float] = field(default_factory=list)
    system_seconds: list[float] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)  # minor page faults of the whole process


@dataclass
class Run:
    """Both sides' costs, and what came out."""

    warm_up: int  # the first steps, which no figure counts
    sizes: list[int] = field(default_factory=list)
    costs: dict[str, Costs] = field(default_factory=lambda: {side: Costs() for side in SIDES})
    different_steps: list[int] = field(default_factory=list)  # where the sides' results are not the same bits
    right: int = 0  # crops told rightly, of those that count
    statistics_before: dict[str, Any] = field(default_factory=dict)  # the pool's, after the warm-up
    statistics: dict[str, Any] = field(default_factory=dict)
    placement: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # by side: where one buffer's pages lie


def draw_batches(seed: int, warm_up: int, steps: int, shape: tuple[int, ...]) -> list[Batch]:
    """Draw the batches of a run; the first one has 64 crops, and so has one that counts."""
    random = np.random.default_rng([seed, 1])
    sizes = draw_sizes(random, steps)
    if warm_up:
        sizes = [LARGEST_BATCH, *draw_sizes(random, warm_up)[1:], *sizes]
    columns = halves(shape[2])["predict"]
    return [draw_batch(random, size, shape[1], columns) for size in sizes]


def run_both(job: Job, batches: list[Batch], warm_up: int, on_step: Callable[[], None]) -> Run:
    """Run each batch on both sides, taking turns in going first, and compare the results."""
    run = Run(warm_up)
    with numapool.MemoryPool(name="demo") as pool:
        sides: dict[str, Buffers] = {"numpy": PlainBuffers(), "pool": PooledBuffers(pool)}
        for step, batch in enumerate(batches):
            if step == warm_up:
                run.statistics_before = dict(pool.get_statistics())
            order = SIDES if step % 2 == 0 else SIDES[::-1]
            outcomes = {side: _clocked_step(run.costs[side], job, batch, sides[side]) for side in order}
            run.sizes.append(batch.size)
            if not outcomes["numpy"].same_bits(outcomes["pool"]):
                run.different_steps.append(step)
            if step >= warm_up:
                run.right += int((outcomes["pool"].predictions == batch.labels).sum())
            on_step()
        run.statistics = dict(pool.get_statistics())
        run.placement = {side: _placement(sides[side]) for side in SIDES}
    return run


def _clocked_step(costs: Costs, job: Job, batch: Batch, buffers: Buffers) -> Outcome:
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    outcome = run_step(job, batch, buffers)
    costs.seconds.append(time.perf_counter() - began)
    after = resource.getrusage(resource.RUSAGE_SELF)
    costs.system_seconds.append(after.ru_stime - before.ru_stime)
    costs.faults.append(after.ru_minflt - before.ru_minflt)
    return outcome


def _placement(buffers: Buffers) -> dict[str, Any]:
    """Return how many pages of the largest buffer lie on which node."""
    array = buffers.take((LARGEST_BATCH, CROP, CROP, CHANNELS))
    array.fill(0)  # a page that nobody has written lies nowhere yet
    pages = numapool.where(array)
    buffers.give_back(array)
    return {
        "pages_on": dict(pages.pages_on),
        "absent": pages.absent,
        "unknown": pages.unknown,
        "evidence": pages.evidence,
    }
