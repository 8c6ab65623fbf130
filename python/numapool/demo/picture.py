"""The demo's picture: what each side costs, at a glance.

Owns the drawing: three columns, each a question, its answer in figures and the measurements behind it. Every
figure comes from the run, the traces or the summary.
"""

from __future__ import annotations

import statistics
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .measure import SIDES
from .photographs import CROP, LARGEST_BATCH

if TYPE_CHECKING:
    from pathlib import Path

    from .measure import Run
    from .memory import MemoryTrace
    from .summary import Summary

MIB = 1 << 20
INK = "#1d2433"
FAINT = "#727b8c"
PALE = "#e9ecf1"
COLOURS = {"numpy": "#e07b00", "pool": "#1f63b5"}
NAMES = {"numpy": "NumPy", "pool": "numapool"}
LEFT, RIGHT, GAP = 0.055, 0.98, 0.055  # of the figure's width
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": "#c9ced8",
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": PALE,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
}


def draw(output: Path, run: Run, traces: dict[str, MemoryTrace], summary: Summary) -> None:
    """Write the picture as PNG to ``output``."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    plain, pool = summary.sides["numpy"], summary.sides["pool"]
    low, high = summary.speedup_interval
    with pyplot.rc_context(STYLE):
        figure = pyplot.figure(figsize=(13.5, 6.6), dpi=150)
        grid = figure.add_gridspec(1, 3, left=LEFT, right=RIGHT, top=0.53, bottom=0.135, wspace=0.2)
        _draw_heading(figure, summary)
        _draw_answer(
            figure,
            0,
            "Page faults a step",
            {"numpy": _count(plain.faults), "pool": _count(pool.faults)},
            f"system time a step: {plain.system_ms:.1f} ms and {pool.system_ms:.1f} ms",
            "all page faults since the first step",
        )
        _draw_faults(figure.add_subplot(grid[0]), run)
        _draw_answer(
            figure,
            1,
            "Images a second",
            {"numpy": f"{plain.images_per_second:,.0f}", "pool": f"{pool.images_per_second:,.0f}"},
            f"numapool {summary.speedup:.2f}x as fast step by step; 95% interval {low:.2f} to {high:.2f}",
            "milliseconds a step by size of the batch; band: middle half",
        )
        _draw_times(figure.add_subplot(grid[1]), run)
        _draw_answer(
            figure,
            2,
            "Memory held at the peak, MiB",
            {"numpy": f"{plain.peak_held_bytes / MIB:,.0f}", "pool": f"{pool.peak_held_bytes / MIB:,.0f}"},
            f"most in use: {pool.peak_live_bytes / MIB:.0f}; kept between steps: {plain.between_steps_bytes / MIB:.0f} "
            f"and {pool.between_steps_bytes / MIB:.0f}",
            "each side alone in a process; grey: arrays in use",
        )
        _draw_memory(figure.add_subplot(grid[2]), traces)
        figure.text(LEFT, 0.022, _footer(summary), fontsize=8, color=FAINT)
        figure.savefig(output, format="png")
        pyplot.close(figure)


def _draw_heading(figure: Any, summary: Summary) -> None:
    figure.text(LEFT, 0.925, "One job, two ways to get its memory", fontsize=20, weight="bold")
    result = "the results are the same, bit for bit" if summary.equal else "the results are DIFFERENT"
    figure.text(
        LEFT,
        0.872,
        f"{summary.images:,} crops from two photographs in {summary.steps} batches of up to {LARGEST_BATCH}: cut, "
        f"normalise, gradient features, classify. Same code, same batches; {result}.",
        fontsize=10.5,
        color=FAINT,
    )
    for side, name_width, about, left in (
        ("numpy", 0.052, "a new array for every temporary", LEFT),
        ("pool", 0.074, "a buffer from a pool", LEFT + 0.26),
    ):
        figure.text(left, 0.806, "\u25cf", fontsize=13, color=COLOURS[side])
        figure.text(left + 0.014, 0.806, NAMES[side], fontsize=11, weight="bold", color=COLOURS[side])
        figure.text(left + 0.014 + name_width, 0.806, about, fontsize=10.5, color=FAINT)


def _draw_answer(
    figure: Any, column: int, title: str, figures: dict[str, str], note: str, chart_title: str
) -> None:
    left = LEFT + column * (RIGHT - LEFT + GAP - 0.005) / 3
    figure.text(left, 0.725, title, fontsize=12, weight="bold")
    figure.text(left, 0.652, figures["numpy"], fontsize=25, weight="bold", color=COLOURS["numpy"])
    figure.text(left + 0.115, 0.652, figures["pool"], fontsize=25, weight="bold", color=COLOURS["pool"])
    figure.text(left, 0.612, note, fontsize=8.8, color=FAINT)
    figure.text(left, 0.555, chart_title, fontsize=9.3, color=INK)


def _draw_faults(axes: Any, run: Run) -> None:
    for side in SIDES:
        total = [0, *accumulate(run.costs[side].faults)]
        axes.plot(total, color=COLOURS[side], linewidth=2.2, clip_on=False, solid_capstyle="round")
    axes.axvspan(0, run.warm_up, color=PALE, alpha=0.8, linewidth=0)
    axes.text(
        run.warm_up / 2,
        0.97,
        "warm-up",
        transform=axes.get_xaxis_transform(),
        rotation=90,
        fontsize=8,
        color=FAINT,
        ha="center",
        va="top",
    )
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, len(run.sizes))
    axes.set_xlabel("step")


def _draw_times(axes: Any, run: Run) -> None:
    counted = slice(run.warm_up, None)
    for side in SIDES:
        by_bin: dict[int, list[tuple[int, float]]] = {}
        for size, seconds in zip(run.sizes[counted], run.costs[side].seconds[counted], strict=True):
            by_bin.setdefault(size // 8, []).append((size, 1e3 * seconds))
        points = [by_bin[key] for key in sorted(by_bin)]
        sizes = [statistics.mean(size for size, _ in point) for point in points]
        low, middle, high = zip(*(_quartiles([time for _, time in point]) for point in points), strict=True)
        axes.fill_between(sizes, low, high, color=COLOURS[side], alpha=0.18, linewidth=0)
        axes.plot(sizes, middle, color=COLOURS[side], linewidth=2.2, marker="o", markersize=4.5)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, LARGEST_BATCH + 2)
    axes.set_xticks(range(0, LARGEST_BATCH + 1, 16))
    axes.set_xlabel(f"crops of {CROP} x {CROP} in the batch, by eights")


def _draw_memory(axes: Any, traces: dict[str, MemoryTrace]) -> None:
    trace = traces["pool"]
    axes.fill_between(
        _steps(trace), [amount / MIB for amount in trace.live], color="#b9c0cc", alpha=0.75, linewidth=0
    )
    for side in SIDES:
        axes.plot(
            _steps(traces[side]),
            [held / MIB for held in traces[side].held],
            color=COLOURS[side],
            linewidth=1.8,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, len(trace.step_ends))
    axes.set_xlabel("step, from cold")


def _steps(trace: MemoryTrace) -> list[float]:
    """Place the samples of each step evenly within it."""
    places: list[float] = []
    begin = 0
    for step, end in enumerate(trace.step_ends):
        samples = end + 1 - begin
        places += [step + (i + 1) / samples for i in range(samples)]
        begin = end + 1
    return places


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:.1f}"


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _footer(summary: Summary) -> str:
    machine = summary.machine
    nodes = f"{machine['nodes']} NUMA node{'s' if machine['nodes'] > 1 else ''}"
    parts = (
        f"numapool demo --steps {summary.steps} --seed {summary.seed}",
        f"numapool {machine['numapool']}, NumPy {machine['numpy']}, Python {machine['python']}, "
        f"Linux {machine['kernel']}, {machine['cpus']} CPUs, {nodes}, huge pages: {machine['huge_pages']}",
        "photographs: danielbuechele and vultilion, CC BY 2.0",
    )
    return "   \u00b7   ".join(parts)
