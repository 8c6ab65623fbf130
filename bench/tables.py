"""Owns the tables: what stands in each, made from a run's results.

Must not know how a table is drawn: on a terminal (report.py) or in a document (page.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import ratios
import wording
from contestants import POOL, POOL_UNMONITORED
from results import Results

_DRIFTS = {
    "random": "5-25 MiB, 20 live",
    "lengths": "1-64 MiB log-normal, 16 live",
    "alternating": "7 and 7.1 MB in turn, 41 live",
    "growing": "batches of 8-96 images, 8 arrays live",
}
_PROGRAMS = {
    "image_job": "NumPy: image batches",
    "learning": "scikit-learn: learning from batches",
    "network": "PyTorch: convolutional network",
}


@dataclasses.dataclass
class Table:
    """Words in rows; the first column names the row."""

    title: str
    headings: list[str]
    rows: list[list[str]]


def _cells(results: Results, case: str, who: Sequence[str], what: str = "ns") -> list[str]:
    write = wording.time if what == "ns" else wording.three_digits
    figures = [results.middle(case, name, what) for name in who]
    return ["-" if figure is None else write(figure) for figure in figures]


def _compared(results: Results, case: str, what: str = "ns") -> list[str]:
    against = results.against_fastest(case, what)
    return ["-", "-"] if against is None else [wording.ratio(against), next(iter(against["fastest"]))]


def _by_contestant(
    results: Results, title: str, first: str, cases: dict[str, str], what: str = "ns"
) -> list[Table]:
    """Return a table with a row a case, if one of them was run: medians, and the pool over the best peer."""
    here = {case: label for case, label in cases.items() if case in results.cases}
    if not here:
        return []
    who = results.who(list(here))
    rows = [
        [label, *_cells(results, case, who, what), *_compared(results, case, what)]
        for case, label in here.items()
    ]
    return [Table(title, [first, *who, "numapool / best peer", "best peer"], rows)]


def pairs(results: Results) -> list[Table]:
    """Return the pairs of one thread: untouched, touched, and the faults of the touched."""

    def cases(kind: str) -> dict[str, str]:
        prefix = f"pair/{kind}/"
        return {case: wording.size(int(case.removeprefix(prefix))) for case in results.named(prefix)}

    tables = _by_contestant(results, "Allocate and free one block, untouched", "block", cases("untouched"))
    tables += _by_contestant(results, "Allocate, write one byte a page, free", "block", cases("touched"))
    who = results.who(list(cases("touched")))
    rows = []
    for case, label in cases("touched").items():
        row = [label]
        for name in who:
            touched = results.rounds(case, name)
            resident = results.rounds(case.replace("touched", "resident"), name)
            faults = results.middle(case, name, "faults")
            if touched and resident and faults is not None:
                extra = ratios.paired(touched, resident)["median"]
                row.append(f"{wording.three_digits(extra)}, {wording.three_digits(faults)}")
            else:
                row.append("-")
        rows.append(row)
    if rows:
        title = "The same over writing to a block that is kept, and page faults a pair"
        tables.append(Table(title, ["block", *who], rows))
    return tables


def drift(results: Results) -> list[Table]:
    """Return what a step costs while sizes change: time, faults, memory."""
    cases = {f"drift/{name}": f"{name}: {what}" for name, what in _DRIFTS.items()}
    return [
        *_by_contestant(results, "Page faults a step", "sizes", cases, "faults"),
        *_by_contestant(results, "CPU time a step", "sizes", cases),
        *_by_contestant(
            results, "Highest resident memory over highest live bytes", "sizes", cases, "resident_ratio"
        ),
    ]


def own_memory(results: Results) -> list[Table]:
    """Return what the pool says that it held at most, over what was live."""
    rows = []
    for case in results.named("drift/"):
        row = [case.removeprefix("drift/")]
        for name in results.who([case]):
            held = results.rounds(case, name, "held_bytes")
            live = results.rounds(case, name, "peak_live_bytes")
            if held and live:
                row.append(wording.ratio(ratios.paired(held, live)))
        rows.append(row)
    if not rows:
        return []
    return [Table("peak_memory_bytes over highest live bytes", ["sizes", "numapool", "numapool tuned"], rows)]


def _threads(results: Results, title: str, prefix: str, words: dict[str, str]) -> list[Table]:
    cases = {}
    for case in results.named(prefix):
        name, _, lanes = case.removeprefix(prefix).lstrip("/").partition("threads:")
        name = name.strip("/")
        label = words.get(name, wording.size(int(name)) if name.isdigit() else name)
        cases[case] = f"{label}, {lanes} thread{'s' if lanes != '1' else ''}".removeprefix(", ")
    return _by_contestant(results, title, "", cases)


def touch(results: Results) -> list[Table]:
    """Return allocate, touch, free, by size and threads."""
    return _threads(results, "Allocate, write to each cache line, free", "touch", {})


def order(results: Results) -> list[Table]:
    """Return many blocks freed in random order."""
    return _threads(results, "Many blocks, freed in random order: time a block", "order", {})


def passing(results: Results) -> list[Table]:
    """Return threads that pass blocks on."""
    words = {
        "larson": "larson (server threads)",
        "mstress": "mstress (exchanged blocks)",
        "xmalloc": "xmalloc (producers, consumers)",
        "msgpass": "msgpass (messages)",
        "loader": "loader (1-8 MiB arrays)",
    }
    tables = _threads(results, "Blocks that pass from thread to thread: time a block", "passing", words)
    tables += _threads(results, "cache-scratch: time a block and a thousand writes to it", "scratch", {})
    return tables + _threads(results, "Threads that come and go: time a thread's life", "churn", {})


def scaling(results: Results) -> list[Table]:
    """Return pairs beside each other in several threads, and two threads over one."""
    cases = [case for case in results.named("scaling/") if case.endswith(":1") and "arithmetic" not in case]
    sizes = [case.split("/")[1] for case in cases]
    who = results.who(cases)
    tables = []
    if sizes:
        rows = []
        for size in sizes:
            figures = [results.scaling(size, name, 2) for name in who]
            rows.append(
                [
                    wording.size(int(size)),
                    *("-" if figure is None else wording.ratio(figure) for figure in figures),
                ]
            )
        title = "Pairs a second of 2 threads over 1, over the same of arithmetic alone (1 is all there is to have)"
        tables.append(Table(title, ["block", *who], rows))
    return tables + _threads(results, "Pairs in threads beside each other: time a pair", "scaling", {})


def cold_start(results: Results) -> list[Table]:
    """Return what the first gibibyte costs."""
    runs = results.told.get("cold_start")
    if not runs:
        return []
    words = {
        "initialize": "MemoryPool.initialize(reserve_bytes=1 GiB)",
        "populate_huge": "MADV_POPULATE_WRITE, huge pages",
        "populate_small": "MADV_POPULATE_WRITE, 4 KiB pages",
        "touch_huge": "first touch, huge pages",
        "touch_small": "first touch, 4 KiB pages",
    }
    rows = []
    for name, label in words.items():
        wall = [run[name]["wall_ms"] for run in runs]
        cpu = ratios.spread([run[name]["cpu_ms"] for run in runs])["median"]
        against = ratios.paired(wall, [run["populate_huge"]["wall_ms"] for run in runs])
        rows.append(
            [label, f"{ratios.spread(wall)['median']:.0f} ms", f"{cpu:.0f} ms", wording.ratio(against)]
        )
    headings = ["", "on the wall", "CPU time", "over populating huge pages"]
    return [Table("1 GiB of memory that the process has not had before", headings, rows)]


def own_costs(results: Results) -> list[Table]:
    """Return what the pool's monitoring, records and placement cost."""
    rows = []
    for case in results.named("pair/untouched/"):
        compared = results.paired(case, POOL, POOL_UNMONITORED)
        if compared is not None:
            on, off = (wording.time(results.middle(case, name) or 0) for name in (POOL, POOL_UNMONITORED))
            rows.append([wording.size(int(case.split("/")[-1])), on, off, wording.ratio(compared)])
    tables = [Table("Monitoring: a pair with it and without", ["block", "on", "off", "on / off"], rows)]
    tables.append(_sampling([run["pairs"] for run in results.told.get("sampling") or []]))
    for told in (run["mixes"] for run in results.told.get("metadata") or []):
        rows = [
            [
                mix,
                f"{figures['blocks']:,}",
                f"{figures['held_bytes'] / 2**20:.1f} MiB",
                f"{figures['metadata_bytes'] / 2**10:.0f} KiB",
                f"{100 * figures['metadata_bytes'] / figures['held_bytes']:.2f}%",
            ]
            for mix, figures in told.items()
        ]
        headings = ["blocks of", "blocks", "held", "records", "records / held"]
        tables.append(Table("The pool's own records (metadata_bytes)", headings, rows))
    runs = [run["costs"] for run in results.told.get("placement") or []]
    if runs:
        rows = []
        node, getcpu = (
            [run[f"{what}_ns"] - run["empty_loop_ns"] for run in runs] for what in ("current_node", "getcpu")
        )
        rows.append(["current_node(), loop taken off", "getcpu()", *_own_ratio(node, getcpu)])
        for what, prefix in (("a page of 4 KiB", ""), ("4 KiB of a huge page", "huge_")):
            fault, look_up = (
                [run[f"{prefix}{name}_ns_per_page"] for run in runs] for name in ("fault", "look_up")
            )
            rows.append([f"looking {what} up", "its fault", *_own_ratio(look_up, fault)])
        tables.append(Table("Placement", ["", "against", "CPU time", "ratio"], rows))
    return [table for table in tables if table.rows]


def _sampling(runs: list[dict[str, dict[str, float]]]) -> Table:
    rows = []
    for size in runs[0] if runs else ():
        with_them, without = ([run[size][name] for run in runs] for name in ("with_ns", "without_ns"))
        samples = round(sum(run[size]["samples"] for run in runs))
        cost, compared = _own_ratio(with_them, without)
        rows.append([wording.size(int(size)), str(samples), cost, compared])
    headings = ["block", "samples", "a pair with them", "with / without"]
    return Table("Samples: a pair with a few blocks a second watched", headings, rows)


def _own_ratio(figures: list[float], others: list[float]) -> tuple[str, str]:
    middle = ratios.spread(figures)["median"]
    return wording.time(middle), wording.ratio(ratios.paired(figures, others))


def python_rows(told: Sequence[dict[str, Any]]) -> Table:
    """Return what bench/python_get_return.py measured."""
    rows = [
        [
            row["variant"].replace("_", " "),
            f"{row['bytes']:,}",
            wording.time(row["numapool_ns"]["median"]),
            wording.time(row["numpy_ns"]["median"]),
            wording.ratio(row["ratio"]),
        ]
        for row in told
    ]
    headings = ["variant", "bytes", "get_buffer + return_buffer", "np.empty + release", "ratio"]
    return Table("Python: the pool against NumPy's own allocation", headings, rows)


def python(results: Results) -> list[Table]:
    """Return the Python package against NumPy's own allocation."""
    told = results.told.get("python", {})
    tables = []
    if told.get("rows"):
        tables.append(python_rows(told["rows"]))
    if told.get("against_others"):
        table = python_rows(told["against_others"])
        table.title = (
            "Python: the pool against filling an array that is kept, and with monitoring against without"
        )
        table.headings[3] = "the other"
        tables.append(table)
    return tables


def programs(results: Results) -> list[Table]:
    """Return what a step of the real programs costs."""
    cases = {f"program/{name}": label for name, label in _PROGRAMS.items()}
    return [
        *_by_contestant(results, "Time a step", "program", cases),
        *_by_contestant(results, "Page faults a step", "program", cases, "faults"),
    ]


def instructions(results: Results) -> list[Table]:
    """Return the instructions of one pair."""
    counts = {size: row for size, row in results.told.get("instructions", {}).items() if row}
    who = [name for name in results.told["contestants"] if any(name in row for row in counts.values())]
    rows = [
        [wording.size(int(size)), *(f"{row[name]:,.0f}" if name in row else "-" for name in who)]
        for size, row in counts.items()
    ]
    return [Table("Instructions of one allocate-and-free pair", ["block", *who], rows)] if rows else []
