"""The demo's words: what is run, and the table of what was measured.

Owns the wording and the verdicts, which follow the figures whichever side they favour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from .photographs import CREDITS, CROP, LARGEST_BATCH, SMALLEST_BATCH
from .pipeline import CHANNELS, FEATURES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .summary import SideSummary, Summary

MIB = 1 << 20


def introduction() -> RenderableType:
    """Say what the job is."""
    largest = LARGEST_BATCH * CROP * CROP * CHANNELS * 4 / 1e6
    return Text(
        f"Telling two photographs apart by {CROP}x{CROP} crops: {SMALLEST_BATCH} to {LARGEST_BATCH} crops a step "
        f"(at {LARGEST_BATCH}, one array of float32 pixels is {largest:.1f} MB), cut, normalised, turned into "
        f"{FEATURES} gradient and colour features and classified by scikit-learn's LogisticRegression.\n"
        "Each batch runs twice with the same code, in turns: temporaries from np.empty, and from "
        "numapool.MemoryPool() with its default settings.\n" + "\n".join(CREDITS),
        style="dim",
    )


def results(summary: Summary) -> RenderableType:
    """Make the table and the notes that belong to it."""
    plain, pool = summary.sides["numpy"], summary.sides["pool"]
    table = Table(
        title=f"{summary.steps} steps, {summary.images} crops, after {summary.warm_up} steps of warm-up that no "
        "time, fault or hit below counts",
        title_justify="left",
    )
    table.add_column("")
    table.add_column("NumPy", justify="right")
    table.add_column("pool", justify="right")
    table.add_column("", justify="left")
    table.add_row(
        "images/s", f"{plain.images_per_second:.0f}", f"{pool.images_per_second:.0f}", _speed_verdict(summary)
    )
    table.add_row(
        "time a step, median", f"{plain.step_ms:.1f} ms", f"{pool.step_ms:.1f} ms", ""
    )
    table.add_row(
        "minor page faults a step", f"{plain.faults:,.1f}", f"{pool.faults:,.1f}", _less(plain.faults, pool.faults)
    )
    table.add_row(
        "system time a step",
        f"{plain.system_ms:.2f} ms",
        f"{pool.system_ms:.2f} ms",
        _less(plain.system_ms, pool.system_ms),
    )
    table.add_row(
        "memory held at the peak [1]",
        _mib(plain.peak_held_bytes),
        _mib(pool.peak_held_bytes),
        _less(plain.peak_held_bytes, pool.peak_held_bytes),
    )
    table.add_row(
        "  over the most in use [2]",
        f"{plain.held_over_live:.2f}",
        f"{pool.held_over_live:.2f}",
        f"in use: {_mib(plain.peak_live_bytes)}",
    )
    table.add_row(
        "memory held between steps [1]",
        _mib(plain.between_steps_bytes),
        _mib(pool.between_steps_bytes),
        _less(plain.between_steps_bytes, pool.between_steps_bytes),
    )
    table.add_row("served from returned memory", "-", f"{summary.hit_ratio:.2%}", "cache hits of the requests")
    table.add_row("a buffer's pages lie on [3]", _nodes(plain), _nodes(pool), "")
    return Group(table, _notes(summary), _outcome(summary))


def _notes(summary: Summary) -> Text:
    lines = [
        "[1] growth of resident memory in a process of its own that runs one side alone, from cold; it includes "
        "what the",
        "    libraries take for themselves. The pool itself counts "
        f"{_mib(summary.pool_committed_bytes)} committed, {_mib(summary.pool_peak_bytes)} at its peak.",
        "    Between steps nothing is in use: the pool keeps its memory for the next step and gives it back when "
        "idle for long.",
        "[2] the most bytes of all arrays of a step that exist at once",
        f"[3] node: pages, as the kernel answers for one array of {LARGEST_BATCH} crops that was just written",
    ]
    if summary.pool_disabled:
        lines.append("NUMAPOOL_DISABLE is set: the pool handed out plain memory, so there is nothing to compare.")
    return Text("\n".join(lines), style="dim")


def _outcome(summary: Summary) -> Text:
    if summary.equal:
        return Text(
            "Features, probabilities and predictions are the same on both sides, bit for bit. The classifier told "
            f"{summary.accuracy:.1%} of the crops rightly.",
            style="bold",
        )
    return Text("The two sides computed DIFFERENT results.", style="bold red")


def _speed_verdict(summary: Summary) -> str:
    low, high = summary.speedup_quartiles
    spread = f"{summary.speedup:.2f}x (quartiles of the steps {low:.2f} to {high:.2f})"
    verdict = {"pool": "the pool is faster", "numpy": "NumPy is faster", "": "no clear difference"}
    return f"{verdict[summary.faster]}: {spread}"


def _less(plain: float, pool: float) -> str:
    if abs(plain - pool) <= 0.02 * max(plain, pool):
        return "about the same"
    name = "the pool" if pool < plain else "NumPy"
    smaller, larger = sorted((plain, pool))
    if larger >= 100 * max(smaller, 0.0):
        return f"{name} needs next to none"
    return f"{name} needs {smaller / larger:.0%} of the other's"


def _mib(amount: float) -> str:
    return f"{amount / MIB:.1f} MiB"


def _nodes(side: SideSummary) -> str:
    parts = [f"{node}: {pages}" for node, pages in sorted(side.pages_on.items())]
    if side.pages_absent:
        parts.append(f"absent: {side.pages_absent}")
    if side.pages_unknown:
        parts.append(f"unknown: {side.pages_unknown}")
    return ", ".join(parts)
