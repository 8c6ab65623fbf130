"""Owns how results look: tables and the plot.

Must not know how figures are taken; it reads the results as they are written to JSON.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter
from rich.console import Console
from rich.table import Table

Results = dict[str, Any]


def size_text(size: float) -> str:
    """Return a size as people write it: 64 KiB, 400 KB."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= one and size % one == 0:
            return f"{size // one:.0f} {unit}"
    return f"{size / 1000:.0f} KB" if size >= 10_000 else f"{size:.0f} B"


def time_text(nanoseconds: float) -> str:
    """Return nanoseconds with a fitting unit and three digits or so."""
    for unit, one in (("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= one:
            return f"{nanoseconds / one:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def _ratio_text(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.2f} ({ratio['quartile_low']:.2f}-{ratio['quartile_high']:.2f})"


def _allocate_return_table(results: Results, ran: list[str]) -> Table:
    table = Table(title="Allocate and return one block: median, and numapool / fastest peer (quartiles)")
    table.add_column("block", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ran:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("fastest peer", no_wrap=True)
    for row in results["allocate_return"]:
        against = row["against_fastest_peer"]
        table.add_row(
            size_text(row["bytes"]),
            "touched" if row["touched"] else "",
            *(time_text(row["nanoseconds"][name]["median"]) for name in ran),
            _ratio_text(against) if against else "",
            next(iter(against["fastest"])) if against else "",
        )
    return table


def _instruction_table(results: Results) -> Table:
    table = Table(title="Instructions for one allocate-and-return pair")
    rows = results["instructions"]["per_pair"]
    table.add_column("block", justify="right")
    names = list(next(iter(rows.values()), {}))
    for name in names:
        table.add_column(name, justify="right")
    for size, counts in rows.items():
        table.add_row(size_text(int(size)), *(f"{counts[name]:.0f}" for name in names))
    return table


def python_table(rows: list[Results]) -> Table:
    """Return the rows as a table to print."""
    table = Table(title="Python: get_buffer + return_buffer against np.empty + release", title_justify="left")
    for heading in ("variant", "bytes", "numapool ns", "np.empty ns", "ratio", "quartiles"):
        table.add_column(heading, justify="left" if heading == "variant" else "right", no_wrap=True)
    for row in rows:
        ratio = row["ratio"]
        table.add_row(
            row["variant"].replace("_", " "),
            f"{row['bytes']:,}",
            f"{row['numapool_ns']['median']:,.0f}",
            f"{row['numpy_ns']['median']:,.0f}",
            f"{ratio['median']:.3f}",
            f"{ratio['quartile_low']:.3f}-{ratio['quartile_high']:.3f}",
        )
    return table


def _placement_table(runs: list[dict[str, float]]) -> Table:
    table = Table(title=f"Placement: what it costs, CPU time of one thread, {len(runs)} runs")
    for heading in ("", "ns", "ratio", "least-most"):
        table.add_column(heading, justify="right" if heading else "left")

    def add(what: str, against: str, figures: list[float], others: list[float]) -> None:
        ratios = sorted(figure / other for figure, other in zip(figures, others, strict=True))
        middle = f"{statistics.median(ratios):.3f} of {against}"
        table.add_row(what, f"{statistics.median(figures):.2f}", middle, f"{ratios[0]:.3f}-{ratios[-1]:.3f}")

    node, getcpu = (
        [run[f"{what}_ns"] - run["empty_loop_ns"] for run in runs] for what in ("current_node", "getcpu")
    )
    add("current_node(), loop taken off", "getcpu()", node, getcpu)
    for what, prefix in (("a page of 4 KiB", ""), ("4 KiB of a huge page", "huge_")):
        fault, look_up = (
            [run[f"{prefix}{name}_ns_per_page"] for run in runs] for name in ("fault", "look_up")
        )
        add(f"looking {what} up", "its fault", look_up, fault)
    return table


def print_tables(results: Results, console: Console) -> None:
    """Print what was measured, and what was not."""
    ran = [name for name, told in results["contestants"].items() if not told["missing"]]
    if results["allocate_return"]:
        console.print(_allocate_return_table(results, ran))
    if results["instructions"]["per_pair"]:
        console.print(_instruction_table(results))
    if results["placement"]:
        console.print(_placement_table(results["placement"]))
    if results["python"]["rows"]:
        console.print(python_table(results["python"]["rows"]))
    for name, told in results["contestants"].items():
        if told["missing"]:
            console.print(f"[bold]missing[/]: {name}: {told['missing']}")
    for part, why in results["not_measured"].items():
        console.print(f"[bold]not measured[/]: {part}: {why}")


def write_plot(results: Results, path: Path) -> None:
    """Draw nanoseconds over sizes, one line a contestant: untouched on the left, touched on the right."""
    figure, panels = plt.subplots(1, 2, figsize=(13, 6), sharey=True, layout="constrained")
    ran = [name for name, told in results["contestants"].items() if not told["missing"]]
    markers = "osv^D<>pP*X"
    for panel, touched in zip(panels, (False, True), strict=True):
        rows = [row for row in results["allocate_return"] if row["touched"] == touched]
        for number, name in enumerate(ran):
            panel.plot(
                [row["bytes"] for row in rows],
                [row["nanoseconds"][name]["median"] for row in rows],
                marker=markers[number % len(markers)],
                linewidth=3 if number == 0 else 1.3,
                zorder=10 - number,
                label=name,
            )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log")
        panel.set_title("every page touched" if touched else "untouched")
        panel.set_xlabel("bytes of the block")
        panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: size_text(size)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: time_text(value)))
        panel.tick_params(axis="x", rotation=45)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("one allocate-and-return pair")
    panels[0].legend(loc="upper left", fontsize=11)
    peers = ", ".join(name for name in ran[1:])
    machine = results["machine"]
    figure.suptitle(
        f"Allocating and returning one block, one thread: {ran[0]} against {peers}\n"
        f"{machine['cpu']}, Linux {machine['kernel']}, {machine['c_library']}; "
        f"medians of {results['settings']['rounds']} interleaved rounds"
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)
