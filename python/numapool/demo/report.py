"""The demo's words: what is run, and the table of what was measured.

Owns the wording and the verdicts, which follow the figures whichever side they favour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich import box
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
        title=f"{summary.steps} steps, {summary.images:,} crops; {summary.warm_up} steps of warm-up before them do "
        "not count",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("")
    table.add_column("NumPy", justify="right")
    table.add_column("pool", justify="right")
    table.add_column("")
    for row in _rows(summary, plain, pool):
        table.add_row(*row)
    return Group(table, _notes(summary), _outcome(summary))


def _rows(summary: Summary, plain: SideSummary, pool: SideSummary) -> Iterator[tuple[str, str, str, str]]:
    yield (
        "images/s",
        f"{plain.images_per_second:.0f}",
        f"{pool.images_per_second:.0f}",
        _speed_verdict(summary),
    )
    yield "time a step, median", f"{plain.step_ms:.1f} ms", f"{pool.step_ms:.1f} ms", ""
    yield (
        "system time a step",
        f"{plain.system_ms:.2f} ms",
        f"{pool.system_ms:.2f} ms",
        _less(plain.system_ms, pool.system_ms),
    )
    yield (
        "minor page faults a step",
        f"{plain.faults:,.1f}",
        f"{pool.faults:,.1f}",
        _less(plain.faults, pool.faults),
    )
    yield (
        "memory held at the peak [2]",
        _mib(plain.peak_held_bytes),
        _mib(pool.peak_held_bytes),
        _less(plain.peak_held_bytes, pool.peak_held_bytes),
    )
    yield (
        "  over the most in use [3]",
        f"{plain.held_over_live:.2f}",
        f"{pool.held_over_live:.2f}",
        f"most in use: {_mib(plain.peak_live_bytes)}",
    )
    yield (
        "memory kept between steps [2]",
        _mib(plain.between_steps_bytes),
        _mib(pool.between_steps_bytes),
        _less(plain.between_steps_bytes, pool.between_steps_bytes),
    )
    yield "requests served from returned memory", "-", f"{summary.hit_ratio:.2%}", ""
    yield "pages of a buffer on each node [4]", _nodes(plain), _nodes(pool), ""


def _notes(summary: Summary) -> Table:
    low, high = summary.speedup_interval
    quarter, three_quarters = summary.speedup_quartiles
    notes = [
        "NumPy's time over the pool's on the same batch, median over the steps; the true median is between "
        f"{low:.2f}x and {high:.2f}x with 95% confidence, half of the steps are between {quarter:.2f}x and "
        f"{three_quarters:.2f}x.",
        "Growth of resident memory in a process that runs this side alone, from cold; what the libraries take for "
        f"themselves is in it. The pool itself counts {_mib(summary.pool_committed_bytes)}, "
        f"{_mib(summary.pool_peak_bytes)} at its peak. What it keeps between steps serves the next one; it goes "
        "back to the system when it is idle for about ten seconds.",
        "The most bytes of arrays that exist at once.",
        f"As the kernel answers for one array of {LARGEST_BATCH} crops that was just written.",
    ]
    grid = Table.grid(padding=(0, 1))
    for number, note in enumerate(notes, 1):
        grid.add_row(Text(f"[{number}]", style="dim"), Text(note, style="dim"))
    if summary.pool_disabled:
        grid.add_row("", "NUMAPOOL_DISABLE is set: the pool hands out plain memory and reuses nothing.")
    return grid


def _outcome(summary: Summary) -> Text:
    if summary.equal:
        return Text(
            "Features, probabilities and predictions are the same on both sides, bit for bit. The classifier told "
            f"{summary.accuracy:.1%} of the crops rightly.",
            style="bold",
        )
    return Text("The two sides computed DIFFERENT results.", style="bold red")


def _speed_verdict(summary: Summary) -> str:
    verdict = {"pool": "the pool is faster", "numpy": "NumPy is faster", "": "no clear difference"}
    return f"{verdict[summary.faster]}: {summary.speedup:.2f}x [1]"


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
    return f"{', '.join(parts)} {side.pages_evidence}"
