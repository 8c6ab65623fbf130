"""Owns the workloads: which there are, who takes part, and how one process of them is run and read.

Must not know rounds, ratios or reports. A workload is a set of cases of the programs in bench/workloads, run
together in one process of each contestant.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from contestants import POOL_UNMONITORED, Contestant, RunError, run

Figures = dict[str, dict[str, float]]  # by case, then by what was measured
_DRIFTS = ("random", "lengths", "alternating", "growing")
_PASSED_ON = ("larson", "mstress", "xmalloc", "msgpass")
_SEEDS = 16  # as bench/workloads/drift.h registers them
# What Google Benchmark says of its own in a row; all else are counters.
_ITS_OWN = {
    "name", "family_index", "per_family_instance_index", "run_name", "run_type", "repetitions", "repetition_index",
    "threads", "iterations", "real_time", "cpu_time", "time_unit", "error_occurred", "error_message",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Workload:
    """Cases whose names match `pattern`, in which {seed} stands for the round's own."""

    name: str
    pattern: str
    flags: tuple[str, ...]
    warm_bytes: int = 0  # what a process of it uses, about: warm_up.py has them ready
    unmonitored_too: bool = False

    def is_for(self, contestant: Contestant) -> bool:
        return self.unmonitored_too or contestant.name != POOL_UNMONITORED

    def measure(self, contestant: Contestant, programs: Path, number: int) -> Figures:
        """Run round `number` of one contestant; RunError if it fails."""
        arguments = [
            contestant.program(programs, "workloads"),
            "--benchmark_format=json",
            f"--benchmark_filter={self.pattern.format(seed=number % _SEEDS + 1)}",
            *self.flags,
        ]
        told = json.loads(run(arguments, contestant.whole_environment()).stdout)
        contestant.check_served_by(told["context"]["served_by"])
        figures = {}
        for row in told["benchmarks"]:
            if row.get("error_occurred"):
                raise RunError(f"{row['run_name']}: {row['error_message']}")
            figures[_case(row["run_name"])] = _figures(row)
        if not figures:
            raise RunError(f"no case is named {self.pattern}")
        return figures


def _case(run_name: str) -> str:
    """Return 'drift/random' of 'drift/random/3/iterations:400/manual_time': what all rounds have alike."""
    name = re.sub(r"/(iterations:\d+|manual_time)", "", run_name)
    return re.sub(r"^(drift/\w+)/\d+$", r"\1", name)


def _figures(row: dict[str, object]) -> dict[str, float]:
    # Where a workload keeps the time itself that is the figure; elsewhere it is the thread's CPU time.
    clock = "real_time" if str(row["run_name"]).endswith("manual_time") else "cpu_time"
    counters = {key: value for key, value in row.items() if key not in _ITS_OWN}
    return {key: float(f"{float(str(value)):.5g}") for key, value in ({"ns": row[clock]} | counters).items()}


def all_workloads(quick: bool) -> list[Workload]:
    """Return all of them, in the order in which they run."""
    pairs = ("--benchmark_min_time=0.004" if quick else "--benchmark_min_time=0.02",)
    steps = ("--drift_steps=60" if quick else "--drift_steps=160",)
    threads = ("--thread_ms=10" if quick else "--thread_ms=50",)
    longer = ("--thread_ms=20" if quick else "--thread_ms=200",)
    return [
        Workload("pair", "^pair/", pairs, 512 << 20, unmonitored_too=True),
        *(Workload(f"drift {name}", f"^drift/{name}/{{seed}}/", steps, 768 << 20) for name in _DRIFTS),
        Workload("touch", "^touch/", threads, 256 << 20),
        Workload("order", "^order/", threads, 256 << 20),
        *(Workload(f"passing {name}", f"^passing/{name}/", threads) for name in _PASSED_ON),
        # Its operations are the longest, so it takes the longest to settle.
        Workload("passing loader", "^passing/loader/", longer, 128 << 20),
        Workload("scratch", "^scratch/", threads),
        Workload("churn", "^churn/", threads),
        Workload("scaling", "^scaling/", threads),
    ]
