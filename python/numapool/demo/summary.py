"""The demo's figures: what a run and the memory traces amount to.

Owns every calculation between a measurement and what is shown. Nothing here prints or draws.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import numapool

from .measure import SIDES

if TYPE_CHECKING:
    from .measure import Run
    from .memory import MemoryTrace


@dataclass(frozen=True)
class SideSummary:
    """One side's figures over the steps that count."""

    images_per_second: float
    step_ms: float  # median
    system_ms: float  # mean, a step
    faults: float  # mean, a step
    peak_held_bytes: int
    peak_live_bytes: int
    between_steps_bytes: float
    pages_on: dict[int, int]
    pages_absent: int
    pages_unknown: int
    pages_evidence: str

    @property
    def held_over_live(self) -> float:
        """What is held at most, as a multiple of what is in use at most."""
        return self.peak_held_bytes / self.peak_live_bytes


@dataclass(frozen=True)
class Summary:
    """All figures of one run of the demo."""

    steps: int
    warm_up: int
    images: int
    accuracy: float
    equal: bool
    sides: dict[str, SideSummary]
    speedup: float  # median over the steps of NumPy's seconds / the pool's seconds
    speedup_quartiles: tuple[float, float]  # of the same ratios
    speedup_interval: tuple[float, float]  # holds the true median with 95% confidence
    hit_ratio: float  # over the steps that count
    pool_committed_bytes: int  # the pool's own figures, from its process of the memory run
    pool_peak_bytes: int
    pool_disabled: bool
    seed: int
    machine: dict[str, Any]

    @property
    def faster(self) -> str:
        """The faster side, or "" if that cannot be told with 95% confidence."""
        low, high = self.speedup_interval
        return "pool" if low > 1 else "numpy" if high < 1 else ""

    def as_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        plain = asdict(self)
        for side in SIDES:
            plain["sides"][side]["held_over_live"] = self.sides[side].held_over_live
        return plain


def summarise(run: Run, traces: dict[str, MemoryTrace], seed: int) -> Summary:
    """Add up what was measured after the warm-up."""
    counted = slice(run.warm_up, None)
    sizes = run.sizes[counted]
    ratios = [
        plain / pooled
        for plain, pooled in zip(
            run.costs["numpy"].seconds[counted], run.costs["pool"].seconds[counted], strict=True
        )
    ]
    before, after = run.statistics_before, run.statistics
    requests = after["total_allocations"] - before["total_allocations"]
    pool_figures = traces["pool"].statistics
    return Summary(
        steps=len(sizes),
        warm_up=run.warm_up,
        images=sum(sizes),
        accuracy=run.right / sum(sizes),
        equal=not run.different_steps,
        sides={side: _summarise_side(side, run, traces[side]) for side in SIDES},
        speedup=statistics.median(ratios),
        speedup_quartiles=_quartiles(ratios),
        speedup_interval=_median_interval(ratios),
        hit_ratio=(after["cache_hits"] - before["cache_hits"]) / requests if requests else 0.0,
        pool_committed_bytes=pool_figures["memory_usage_bytes"],
        pool_peak_bytes=pool_figures["peak_memory_bytes"],
        pool_disabled=bool(after["disabled"]),
        seed=seed,
        machine=_describe_machine(),
    )


def _summarise_side(side: str, run: Run, trace: MemoryTrace) -> SideSummary:
    costs = run.costs[side]
    counted = slice(run.warm_up, None)
    placement = run.placement[side]
    return SideSummary(
        images_per_second=sum(run.sizes[counted]) / sum(costs.seconds[counted]),
        step_ms=1e3 * statistics.median(costs.seconds[counted]),
        system_ms=1e3 * statistics.mean(costs.system_seconds[counted]),
        faults=statistics.mean(costs.faults[counted]),
        peak_held_bytes=trace.peak_held,
        peak_live_bytes=trace.peak_live,
        between_steps_bytes=trace.held_between_steps,
        pages_on=placement["pages_on"],
        pages_absent=placement["absent"],
        pages_unknown=placement["unknown"],
        pages_evidence=placement["evidence"],
    )


def _describe_machine() -> dict[str, Any]:
    with numapool.MemoryPool() as pool:
        nodes = numapool.NUMAOptimizer(pool).get_numa_nodes()
    return {
        "numapool": numapool.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "kernel": ".".join(platform.release().split("-")[0].split(".")[:2]),
        "cpus": len(os.sched_getaffinity(0)),
        "nodes": len(nodes),
        "huge_pages": _transparent_huge_pages(),
    }


def _transparent_huge_pages() -> str:
    try:
        setting = Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="ascii")
    except OSError:
        return "unavailable"
    return setting.partition("[")[2].partition("]")[0]


def _quartiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def _median_interval(values: list[float]) -> tuple[float, float]:
    """Return the order statistics between which the median lies with 95% confidence, whatever the distribution."""
    ordered = sorted(values)
    skipped = max(0, math.floor(len(ordered) / 2 - 0.98 * math.sqrt(len(ordered))))
    return ordered[skipped], ordered[-1 - skipped]
