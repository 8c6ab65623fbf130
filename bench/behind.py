"""Owns the list of what the pool is behind in: every case whose ratio's lower quartile is above 1.

Must not know how it is shown.
"""

from __future__ import annotations

import dataclasses

import ratios
import wording
from results import Results
from tables import Table

_WHAT = {"ns": "time", "faults": "page faults", "resident_ratio": "memory held"}


@dataclasses.dataclass(frozen=True)
class Loss:
    """One case in which the best peer is better in at least three of four rounds."""

    case: str
    what: str
    spread: dict[str, float]
    best: str


def losses(results: Results) -> list[Loss]:
    """Return them, the largest factor first."""
    found = []
    for case in results.cases:
        if case.startswith("pair/resident/") or "arithmetic" in case:
            continue  # controls: the allocator takes no part
        for what in ("ns", "resident_ratio"):
            spread = results.against_fastest(case, what)
            if spread is not None and spread["quartile_low"] > 1:
                found.append(Loss(case, _WHAT[what], spread, next(iter(spread["fastest"]))))
    runs = results.told.get("cold_start")
    if runs:
        ours, best = ([run[name]["wall_ms"] for run in runs] for name in ("initialize", "populate_huge"))
        spread = ratios.paired(ours, best)
        if spread["quartile_low"] > 1:
            found.append(Loss("cold start of 1 GiB", "time", spread, "MADV_POPULATE_WRITE"))
    for row in results.told.get("python", {}).get("rows", []):
        if row["ratio"]["quartile_low"] > 1:
            case = f"python/{row['variant']}/{row['bytes']}"
            found.append(Loss(case, "time", row["ratio"], "np.empty"))
    return sorted(found, key=lambda loss: -loss.spread["median"])


def _case_text(case: str) -> str:
    """Return a case's name with its size readable."""
    return ", ".join(
        wording.size(int(part)) if part.isdigit() else part.replace("threads:", "threads: ")
        for part in case.split("/")
    )


def table(results: Results) -> Table:
    """Return the losses as a table."""
    rows = [
        [_case_text(loss.case), loss.what, wording.ratio(loss.spread), loss.best] for loss in losses(results)
    ]
    return Table("Where the pool is behind", ["case", "", "numapool / best peer", "best peer"], rows)
