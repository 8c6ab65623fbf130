"""Owns reading a run's results: whose figures there are for a case, and how the pool's compare.

Must not know how they were taken or how they are shown. A figure is lower where it is better, all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ratios
from contestants import POOL, POOL_TUNED, POOL_UNMONITORED

OURS = (POOL, POOL_TUNED, POOL_UNMONITORED)


class Results:
    """What one results.json holds."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.cases: dict[str, dict[str, dict[str, list[float]]]] = told["workloads"] | {
            f"program/{name}": figures for name, figures in told["programs"].items()
        }

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return the results of a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def named(self, prefix: str) -> list[str]:
        """Return the cases whose names start so, in the order in which they ran."""
        return [case for case in self.cases if case.startswith(prefix)]

    def peers(self) -> list[str]:
        """Return everybody who is not the pool."""
        return [name for name in self.told["contestants"] if name not in OURS]

    def who(self, cases: list[str]) -> list[str]:
        """Return whose figures there are for one of the cases, the pool first; not the unmonitored one."""
        names = [name for name in self.told["contestants"] if name != POOL_UNMONITORED]
        return [name for name in names if any(name in self.cases[case] for case in cases)]

    def rounds(self, case: str, name: str, what: str = "ns") -> list[float] | None:
        """Return a contestant's figures for a case, one a round, or None."""
        return self.cases.get(case, {}).get(name, {}).get(what)

    def middle(self, case: str, name: str, what: str = "ns") -> float | None:
        """Return the median over the rounds, or None."""
        rounds = self.rounds(case, name, what)
        return ratios.spread(rounds)["median"] if rounds else None

    def against_fastest(self, case: str, what: str = "ns") -> dict[str, Any] | None:
        """Return pool / best peer of the same round, with its spread and who that was; None without both."""
        ours = self.rounds(case, POOL, what)
        rounds = {name: self.rounds(case, name, what) for name in self.peers()}
        theirs = {name: figures for name, figures in rounds.items() if figures}
        if not ours or not theirs or not all(min(figures) > 0 for figures in theirs.values()):
            return None
        return ratios.against_fastest(ours, theirs)

    def paired(self, case: str, name: str, other: str) -> dict[str, float] | None:
        """Return one contestant's time over another's, round by round, or None."""
        figures, others = self.rounds(case, name), self.rounds(case, other)
        return ratios.paired(figures, others) if figures and others else None

    def scaling(self, size: str, name: str, lanes: int) -> dict[str, float] | None:
        """Return how much `lanes` threads do over one, over the same of arithmetic in the same process."""
        rounds = [
            self.rounds(f"scaling/{what}/threads:{count}", name)
            for what, count in ((size, 1), (size, lanes), ("arithmetic", 1), ("arithmetic", lanes))
        ]
        if not all(rounds):
            return None
        quotients = [
            (one / many) / (alone / beside)
            for one, many, alone, beside in zip(*(figures or [] for figures in rounds), strict=True)
        ]
        return ratios.spread(quotients)
