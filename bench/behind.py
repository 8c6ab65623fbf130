"""Owns the list of what the pool is behind in: every case whose ratio's lower quartile is above 1.

Must not know how it is shown.
"""

from __future__ import annotations

import dataclasses

import ratios
import wording
from results import Results
from tables import Table

_WHAT = {"ns": "time", "resident_ratio": "memory held"}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The pool against the best peer in one case; `what` is compared."""

    case: str
    what: str
    spread: dict[str, float]
    best: str


def _all(results: Results) -> list[Comparison]:
    """Return every comparison, lost or won."""
    found = []
    for case in results.cases:
        if case.startswith("pair/resident/") or "arithmetic" in case:
            continue  # controls: the allocator takes no part
        for what, label in _WHAT.items():
            spread = results.against_fastest(case, what)
            if spread is not None:
                found.append(Comparison(case, label, spread, next(iter(spread["fastest"]))))
    runs = results.told.get("cold_start")
    if runs:
        ours, best = ([run[name]["wall_ms"] for run in runs] for name in ("initialize", "populate_huge"))
        found.append(
            Comparison("cold start of 1 GiB", "time", ratios.paired(ours, best), "MADV_POPULATE_WRITE")
        )
    for row in results.told.get("python", {}).get("rows", []):
        found.append(Comparison(f"python/{row['variant']}/{row['bytes']}", "time", row["ratio"], "np.empty"))
    return found


def compared(results: Results) -> int:
    """Return how many comparisons there are."""
    return len(_all(results))


def losses(results: Results) -> list[Comparison]:
    """Return those that are lost, the largest factor first."""
    lost = [each for each in _all(results) if each.spread["quartile_low"] > 1]
    return sorted(lost, key=lambda each: -each.spread["median"])


def _case_text(case: str) -> str:
    """Return a case's name with its size readable."""
    return ", ".join(
        wording.size(int(part)) if part.isdigit() else part.replace("threads:", "threads: ")
        for part in case.split("/")
    )


def table(results: Results) -> Table:
    """Return the losses as a table."""
    rows = [
        [_case_text(each.case), each.what, wording.ratio(each.spread), each.best] for each in losses(results)
    ]
    return Table("Where the pool is behind", ["case", "", "numapool / best peer", "best peer"], rows)
