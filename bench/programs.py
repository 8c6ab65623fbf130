"""Owns the real programs of bench/ml: which there are, and how one is run for one contestant.

Must not know rounds, ratios or reports. A peer serves the whole process by LD_PRELOAD; the pool serves through
its API, in a process that is plain otherwise.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

from contestants import POOL, Contestant, run

_FOLDER = Path(__file__).resolve().parent / "ml"


@dataclasses.dataclass(frozen=True)
class Program:
    """A script of bench/ml, and the modules that it cannot do without."""

    name: str
    needs: tuple[str, ...]
    what: str

    def missing(self) -> str | None:
        """Return why it cannot be run here, or None."""
        absent = [module for module in self.needs if importlib.util.find_spec(module) is None]
        return f"{', '.join(absent)} cannot be imported; tools/setup bench installs it" if absent else None

    def is_for(self, contestant: Contestant) -> bool:
        return contestant.name == POOL or contestant.program_prefix == "malloc"

    def measure(self, contestant: Contestant, steps: int) -> dict[str, dict[str, float]]:
        """Run it once; RunError if it fails."""
        arguments = [sys.executable, str(_FOLDER / f"{self.name}.py"), "--steps", str(steps)]
        if contestant.name == POOL:
            arguments.append("--pool")
        told = json.loads(run(arguments, contestant.whole_environment()).stdout)
        contestant.check_served_by(told.pop("served_by"))
        return {self.name: told}


PROGRAMS = (
    Program("image_job", ("sklearn", "PIL"), "the demo's image job in NumPy: 8 to 64 crops a step"),
    Program(
        "learning", ("sklearn",), "scikit-learn: batches scaled and projected, a classifier updated by them"
    ),
    Program(
        "network", ("torch",), "PyTorch on the CPU: a small convolutional network reads batches made in NumPy"
    ),
)
