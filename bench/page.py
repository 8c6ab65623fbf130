"""Owns the text of docs/benchmarks.md and of README's figures, made from a run's results.

Must not know how pictures are drawn, or where anything is written.
"""

from __future__ import annotations

import textwrap

import behind
import sections
import wording
from contestants import POOL
from results import Results
from tables import Table

README_BEGIN = "<!-- what follows is made by bench/publish.py -->"
README_END = "<!-- what precedes is made by bench/publish.py -->"
_README_PEERS = ("glibc", "jemalloc", "tcmalloc", "mimalloc", "oneTBB")
# label, case, what
_README_ROWS = (
    ("5-25 MiB at random: page faults a step", "drift/random", "faults"),
    ("time a step", "drift/random", "ns"),
    ("memory held over live", "drift/random", "resident_ratio"),
    ("1-64 MiB, lengths of sequences: page faults a step", "drift/lengths", "faults"),
    ("time a step", "drift/lengths", "ns"),
    ("memory held over live", "drift/lengths", "resident_ratio"),
    ("256 B taken and freed", "pair/untouched/256", "ns"),
    ("64 KiB taken and freed", "pair/untouched/65536", "ns"),
    ("16 MiB taken and freed", "pair/untouched/16777216", "ns"),
    ("100 MiB taken, each page written, freed", "pair/touched/104857600", "ns"),
    ("1-8 MiB from a loader's thread to another", "passing/loader/threads:2", "ns"),
)


def _markdown(table: Table) -> str:
    lines = [f"**{table.title}**", ""] if table.title else []
    lines.append(f"| {' | '.join(table.headings)} |")
    lines.append("|---" + "|---:" * (len(table.headings) - 1) + "|")
    lines += [f"| {' | '.join(row)} |" for row in table.rows]
    return "\n".join(lines)


def _wrapped(words: str) -> str:
    return textwrap.fill(words, 120, break_long_words=False, break_on_hyphens=False)


def _machine(results: Results) -> str:
    machine = results.told["machine"]
    huge = machine["transparent_huge_pages"]
    before, after = (
        ", ".join(str(figure) for figure in results.told[when]) for when in ("load_before", "load_after")
    )
    lines = [
        f"- machine: {machine['cpu']}, {machine['cpus_usable']} CPUs, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, NUMA nodes: {machine['numa_nodes']}",
        f"- Linux {machine['kernel']}, {machine['c_library']}, Python {machine['python']}; transparent huge pages "
        f"`{huge['enabled']}`, defrag `{huge['defrag']}`",
        f"- load average over 1, 5 and 15 minutes: {before} before, {after} after {results.told['seconds']:.0f} s",
    ]
    return "\n".join(lines)


def _setting(results: Results) -> str:
    settings = results.told["settings"]
    text = (
        f"Everybody ran in turn, each in a new process, in {settings['rounds']} rounds whose order rotates; the "
        f"programs in {settings['program_rounds']}. A cell is the median of the rounds. A ratio is taken within a "
        "round, against whoever was best in that round; shown are the median and the quartiles, and the peer that "
        "was best most often. Below 1 the pool is ahead. The pool runs with its default options unless its column "
        "says 'tuned'."
    )
    if settings["quick"]:
        text += " **This was a quick run (`QUICK=1`): fewer rounds, shorter ones; its figures are rough.**"
    return text


def _contestants(results: Results) -> str:
    revision = f"revision {results.told['machine']['numapool_revision']}"
    rows = [
        [name, told["version"] or revision, told["missing"] or told["what"]]
        for name, told in results.told["contestants"].items()
    ]
    lines = ["| | version | what it is |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _losses(results: Results) -> str:
    table = behind.table(results)
    if not table.rows:
        return "In no case of this run was the lower quartile of numapool / best peer above 1."
    words = (
        f"All cases whose lower quartile of numapool / best peer is above 1: {len(table.rows)} of "
        f"{behind.compared(results)} compared, the largest factor first. The best peer is whichever of all, tuned "
        "ones too, was best in that case."
    )
    return f"{_wrapped(words)}\n\n{_markdown(Table('', table.headings, table.rows))}"


def document(results: Results, pictures: str) -> str:
    """Return docs/benchmarks.md, whose pictures lie in the folder `pictures`, as seen from it."""
    parts = [
        "# Benchmarks",
        "<!-- Made by bench/publish.py from docs/benchmarks/results.json: change those, not this. -->",
        _wrapped(
            "What `make bench` measured: the pool beside the allocators that a program could use instead. To take all "
            "figures anew and write this page: `make bench`, then `make page`."
        ),
        _machine(results),
        _wrapped(_setting(results)),
        _contestants(results),
        "## Where the pool is behind",
        _losses(results),
    ]
    for section in sections.SECTIONS:
        made = section.tables(results)
        if not made:
            continue
        parts += [f"## {section.heading}", _wrapped(section.text)]
        if section.picture is not None:
            parts.append(f"![{section.alternative}]({pictures}/{section.picture}.png)")
        parts += [_markdown(table) for table in made]
    missing = [f"- {what}: {why}" for what, why in results.told["not_measured"].items()]
    parts += ["## Not measured", "\n".join(missing) if missing else "Everything was."]
    return "\n\n".join(parts) + "\n"


def readme_figures(results: Results, picture: str, page: str) -> str:
    """Return what stands between README's markers, markers included."""
    who = [POOL, *(name for name in _README_PEERS if not results.told["contestants"][name]["missing"])]
    rows = []
    for label, case, what in _README_ROWS:
        write = wording.time if what == "ns" else wording.three_digits
        figures = [results.middle(case, name, what) for name in who]
        rows.append([label, *("-" if figure is None else write(figure) for figure in figures)])
    machine = results.told["machine"]
    losses = len(behind.losses(results))
    text = (
        f"Medians of {results.told['settings']['rounds']} rounds on {machine['cpus_usable']} CPUs ({machine['cpu']}); "
        f"default settings in the table, tuned ones too in the picture. [All figures]({page}), with spreads, threads "
        f"and real programs, and the [{losses} of {behind.compared(results)} cases]({page}#where-the-pool-is-behind) "
        "in which some peer is ahead."
    )
    if results.told["settings"]["quick"]:
        text += " **From a quick run: rough.**"
    parts = [
        README_BEGIN,
        f"![Page faults a step over memory held, a dot for each allocator]({picture})",
        _markdown(Table("", ["", *who], rows)),
        _wrapped(text),
        README_END,
    ]
    return "\n\n".join(parts)
