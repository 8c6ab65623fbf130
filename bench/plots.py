"""Owns the pictures, drawn from a run's results.

Must not know how figures are taken, or where pictures are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import wording
from contestants import POOL, POOL_TUNED
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from results import Results

_MARKERS = "osv^D<>pPX"
_DPI = 120


def _styles(results: Results) -> dict[str, dict[str, object]]:
    """Return colour and marker by contestant: the pool's are red, a peer's the same in every picture."""
    colours = plt.get_cmap("tab10").colors  # type: ignore[attr-defined]
    styles: dict[str, dict[str, object]] = {
        POOL: {"color": "crimson", "marker": "*"},
        POOL_TUNED: {"color": "lightcoral", "marker": "*"},
    }
    rest = [colour for number, colour in enumerate(colours) if number != 3]  # red is taken
    for number, name in enumerate(results.peers()):
        styles[name] = {"color": rest[number % len(rest)], "marker": _MARKERS[number % len(_MARKERS)]}
    return styles


def _machine(results: Results) -> str:
    machine = results.told["machine"]
    rounds = results.told["settings"]["rounds"]
    return f"{machine['cpu']}, Linux {machine['kernel']}, {machine['c_library']}; medians of {rounds} rounds"


def _dots(panel: Axes, results: Results, case: str, who: Sequence[str]) -> None:
    """Draw a dot for each contestant: page faults a step across, memory held upwards."""
    styles = _styles(results)
    for number, name in enumerate(who):
        across, up = (results.middle(case, name, what) for what in ("faults", "resident_ratio"))
        if across is None or up is None:
            continue
        ours = name in (POOL, POOL_TUNED)
        panel.scatter(
            [across],
            [up],
            s=420 if ours else 110,
            label=name,
            zorder=30 if name == POOL else 20 - number,
            edgecolors="black" if name == POOL else "white",
            linewidths=1,
            clip_on=False,
            **styles[name],  # type: ignore[arg-type]
        )
        if name == POOL:
            panel.annotate(
                name, (across, up), (18, 8), textcoords="offset points", fontweight="bold", zorder=40
            )
    panel.margins(y=0.12)  # room for the name
    panel.set_xscale("symlog", linthresh=1)
    panel.set_xlim(-0.2, 10_000)  # a dot at 0 stays off the edge
    panel.xaxis.set_major_locator(FixedLocator([0, 1, 10, 100, 1000, 10_000]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.axhline(1, color="grey", linewidth=0.8, linestyle=":")
    panel.set_xlabel("page faults a step")
    panel.grid(alpha=0.3)


def _panels(results: Results, cases: Sequence[tuple[str, str]], who: Sequence[str], rows: int) -> Figure:
    figure, axes = plt.subplots(
        rows, len(cases) // rows, figsize=(11, 4.9 * rows), layout="constrained", squeeze=False
    )
    for panel, (case, title) in zip(axes.flat, cases, strict=True):
        _dots(panel, results, case, who)
        panel.set_title(title, fontsize=11)
    for row in axes:
        row[0].set_ylabel("memory held / live, both at their highest")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", labelspacing=1.1)
    return figure


def _readme(results: Results) -> Figure:
    who = [name for name in results.who(["drift/random"]) if name != "pmr"]  # its large blocks are glibc's
    cases = (
        ("drift/random", "20 arrays of 5-25 MiB, sizes at random"),
        ("drift/lengths", "16 arrays of 1-64 MiB, lengths of sequences"),
    )
    figure = _panels(results, cases, who, 1)
    figure.suptitle(
        f"Sizes that change at every step: less of both is better\n{_machine(results)}", fontsize=11
    )
    return figure


def _drift(results: Results) -> Figure:
    cases = (
        ("drift/random", "random: 5-25 MiB"),
        ("drift/lengths", "lengths: 1-64 MiB, log-normal"),
        ("drift/alternating", "alternating: 7 and 7.1 MB"),
        ("drift/growing", "growing: batches of 8-96 images"),
    )
    figure = _panels(results, cases, results.who(["drift/random"]), 2)
    figure.suptitle(
        f"Sizes that change at every step: less of both is better\n{_machine(results)}", fontsize=11
    )
    return figure


def _pairs(results: Results) -> Figure:
    figure, panels = plt.subplots(1, 2, figsize=(13, 6), sharey=True, layout="constrained")
    styles = _styles(results)
    for panel, kind in zip(panels, ("untouched", "touched"), strict=True):
        cases = results.named(f"pair/{kind}/")
        for name in results.who(cases):
            points = [(int(case.split("/")[-1]), results.middle(case, name)) for case in cases]
            known = [(size, time) for size, time in points if time is not None]
            panel.plot(
                [size for size, _ in known],
                [time for _, time in known],
                linewidth=3 if name == POOL else 1.3,
                markersize=14 if name == POOL else 6,
                zorder=20 if name == POOL else 5,
                label=name,
                **styles[name],
            )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_title("untouched" if kind == "untouched" else "one byte written to each page")
        panel.set_xlabel("size of the block")
        panel.xaxis.set_major_locator(FixedLocator([2**power for power in range(6, 31, 4)]))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: wording.size(size)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda time, _: wording.time(time)))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("one allocate-and-free pair")
    panels[0].legend(loc="upper left", fontsize=10)
    figure.suptitle(f"Allocating and freeing one block, one thread\n{_machine(results)}", fontsize=11)
    return figure


_PICTURES: dict[str, tuple[str, Callable[[Results], Figure]]] = {  # file name -> what it needs, who draws it
    "faults_and_memory": ("drift/random", _readme),
    "drift": ("drift/random", _drift),
    "pairs": ("pair/", _pairs),
}


def draw(results: Results, folder: Path) -> list[Path]:
    """Write all pictures into a folder; return their paths."""
    written = []
    for name, (needed, drawn) in _PICTURES.items():
        if results.named(needed):
            figure = drawn(results)
            path = folder / f"{name}.png"
            figure.savefig(path, dpi=_DPI)
            plt.close(figure)
            written.append(path)
    return written
