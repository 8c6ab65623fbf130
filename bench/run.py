#!/usr/bin/env python3
"""Owns a run of the benchmarks: who runs when, and where the results go.

Must not know how a contestant is run, ratios are taken or results look.

Usage: bench/run.py [--quick]    (make bench, make bench QUICK=1; the programs must have been built)

The contestants take turns, each in a process of its own, in rounds whose order rotates. Figures are compared
within a round only. Writes results.json below build/bench; bench/publish.py makes the documents from it. Nothing
here fails because something is slow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import callgrind
import contestants
import machine
import programs
import report
import suite
from contestants import POOL, Contestant, RunError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from warm_up import warm_up

PROJECT = Path(__file__).resolve().parent.parent
INSTRUCTION_SIZES = (64, 256, 4 << 10, 64 << 10, 1 << 20, 16 << 20)
_COLD_STARTS = ("initialize", "populate_huge", "populate_small", "touch_huge", "touch_small")
_COLD_BYTES = 5 << 28  # more than the gibibyte that each of them uses
_QUICK = (POOL, "glibc")  # whose programs and instructions --quick runs
_NOT_COUNTED = (
    "numapool tuned",
    "glibc tuned",
    "jemalloc tuned",
)  # a hit of theirs is that of the plain ones

Rounds = dict[
    str, dict[str, list[float]]
]  # by contestant, then by what was measured: a figure for each round
Measure = Callable[[Contestant, int], dict[str, dict[str, float]]]  # contestant, round -> case -> figures


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Times numapool and the allocators at hand, side by side.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under 2 minutes")
    parser.add_argument("--rounds", type=int, help="of all contestants (5, or 2 with --quick)")
    parser.add_argument("--only", help="only workloads and programs whose name holds this")
    parser.add_argument("--programs", type=Path, default=PROJECT / "build/release/bench/programs")
    parser.add_argument("--output", type=Path, default=PROJECT / "build/bench")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=LIBRARY",
        help="another malloc to compare with, by LD_PRELOAD; may be given several times",
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.program_rounds = 1 if options.quick else 3
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; at least 1 is needed")
    for peer in options.peer:
        if not all(peer.partition("=")):
            parser.error(f"--peer is '{peer}'; NAME=LIBRARY is needed")
    options.peers = {name: Path(path) for name, _, path in (peer.partition("=") for peer in options.peer)}
    return options


class Run:
    """One run: what could not be measured so far, and the progress shown."""

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self.options = options
        self.progress = progress
        self.contestants = contestants.all_contestants(options.peers)
        self.not_measured: dict[str, str] = {}

    def present(self) -> list[Contestant]:
        return [each for each in self.contestants if each.missing is None]

    def begin(self, what: str, steps: int) -> TaskID:
        if not self.progress.console.is_terminal:
            self.progress.console.print(what)  # no bar moves there
        return self.progress.add_task(what, total=steps)

    def wanted(self, name: str) -> bool:
        return self.options.only is None or self.options.only in name

    def rounds(
        self, what: str, who: list[Contestant], count: int, measure: Measure, warm_bytes: int
    ) -> dict[str, Rounds]:
        """Let everybody take turns; return figures by case. Who fails once is left out of all rounds."""
        taken: dict[str, list[dict[str, dict[str, float]]]] = {each.name: [] for each in who}
        task = self.begin(what, count * len(who))
        for number in range(count):
            first = number % len(who)
            for each in who[first:] + who[:first]:
                if each.name in taken:
                    warm_up(warm_bytes)
                    try:
                        taken[each.name].append(measure(each, number))
                    except RunError as error:
                        self.not_measured[f"{what}: {each.name}"] = str(error)
                        del taken[each.name]
                self.progress.advance(task)
        cases: dict[str, Rounds] = {}
        for name, rounds in taken.items():
            for case, figures in rounds[0].items():
                cases.setdefault(case, {})[name] = {
                    key: [figure[case][key] for figure in rounds] for key in figures
                }
        return cases

    def workloads(self) -> dict[str, Rounds]:
        """Run the C++ workloads; return figures by case."""
        cases: dict[str, Rounds] = {}
        for workload in suite.all_workloads(self.options.quick):
            if self.wanted(workload.name):
                who = [each for each in self.present() if workload.is_for(each)]

                def measure(
                    each: Contestant, number: int, workload: suite.Workload = workload
                ) -> suite.Figures:
                    return workload.measure(each, self.options.programs, number)

                cases |= self.rounds(workload.name, who, self.options.rounds, measure, workload.warm_bytes)
        return cases

    def real_programs(self) -> dict[str, Rounds]:
        """Run the programs of bench/ml; return figures by program."""
        cases: dict[str, Rounds] = {}
        steps = 5 if self.options.quick else 16
        for program in programs.PROGRAMS:
            if not self.wanted(program.name):
                continue
            if (why := program.missing()) is not None:
                self.not_measured[program.name] = why
                continue
            who = [each for each in self.present() if program.is_for(each)]
            if self.options.quick:
                who = [each for each in who if each.name in _QUICK]

            def measure(each: Contestant, _: int, program: programs.Program = program) -> suite.Figures:
                return program.measure(each, steps)

            cases |= self.rounds(program.name, who, self.options.program_rounds, measure, 256 << 20)
            checksums = {sum for told in cases[program.name].values() for sum in told["checksum"]}
            if len(checksums) > 1:
                self.not_measured[program.name] = f"the contestants' results differ: {sorted(checksums)}"
        return cases

    def count_instructions(self) -> dict[str, dict[str, float]]:
        """Count a pair's instructions, by size and contestant."""
        who = [each for each in self.present() if each.name not in _NOT_COUNTED]
        if self.options.quick:
            who = [each for each in who if each.name in _QUICK]
        if (why := callgrind.missing()) is not None:
            self.not_measured["instructions"] = why
            return {}
        task = self.begin("instructions", len(INSTRUCTION_SIZES) * len(who))
        counts: dict[str, dict[str, float]] = {str(size): {} for size in INSTRUCTION_SIZES}
        for each in who:
            program = each.program(self.options.programs, "hit_instructions")
            for size in INSTRUCTION_SIZES:
                try:
                    counted = callgrind.instructions_per_pair(program, size, each.whole_environment())
                    counts[str(size)][each.name] = round(counted, 1)
                except callgrind.CountError as error:
                    self.not_measured[f"instructions: {each.name}, {size} bytes"] = str(error)
                self.progress.advance(task)
        return counts

    def alone(self, what: str, commands: dict[str, list[str]], times: int) -> list[dict[str, Any]]:
        """Run programs of the pool's own in turn, several times; return what they printed, a run an entry."""
        task = self.begin(what, times * len(commands))
        runs = []
        try:
            for number in range(times):
                told = {}
                for name in sorted(commands, reverse=number % 2 == 1):
                    program, *arguments = commands[name]
                    warm_up(_COLD_BYTES if what == "cold start" else 0)
                    command = [str(self.options.programs / program), *arguments]
                    told[name] = json.loads(contestants.run(command).stdout)
                    self.progress.advance(task)
                runs.append(told)
        except RunError as error:
            self.not_measured[what] = str(error)
            return []
        return runs

    def python(self) -> dict[str, Any]:
        """Time the Python package, in a process of its own."""
        task = self.begin("Python", 1)
        arguments = [sys.executable, str(PROJECT / "bench/python_get_return.py")]
        arguments += ["--json", "--seconds", "0.02" if self.options.quick else "0.5"]
        try:
            told: dict[str, Any] = json.loads(contestants.run(arguments).stdout)
        except RunError as error:
            self.not_measured["Python"] = str(error)
            told = {"rows": []}
        self.progress.advance(task)
        return told

    def everything(self) -> dict[str, Any]:
        """Measure all that is wanted."""
        runs = 2 if self.options.quick else 5
        told: dict[str, Any] = {"workloads": self.workloads(), "programs": self.real_programs()}
        parts: dict[str, Callable[[], Any]] = {
            "cold_start": lambda: self.alone(
                "cold start", {start: ["cold_start", start] for start in _COLD_STARTS}, runs
            ),
            "metadata": lambda: self.alone("metadata", {"mixes": ["metadata"]}, 1),
            "sampling": lambda: self.alone("sampling", {"pairs": ["sampling"]}, runs),
            "placement": lambda: self.alone("placement", {"costs": ["placement_costs"]}, runs),
            "instructions": self.count_instructions,
            "python": self.python,
        }
        for name, measure in parts.items():
            if self.wanted(name):
                told[name] = measure()
        return told


def main() -> int:
    """Measure everything and write it down; 1 if the pool itself failed somewhere."""
    options = parse_options()
    options.output.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not console.is_terminal:
        console = Console(width=220)
    results: dict[str, Any] = {
        "machine": machine.describe(PROJECT),
        "load_before": machine.load(),
        "settings": {
            "quick": options.quick,
            "rounds": options.rounds,
            "program_rounds": options.program_rounds,
        },
    }
    started = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        run = Run(options, progress)
        if options.quick:
            others = ", ".join(each.name for each in run.present() if each.name not in _QUICK)
            run.not_measured[f"programs and instructions of {others}"] = "--quick leaves them out"
        results |= run.everything()
    results["seconds"] = round(time.monotonic() - started, 1)
    results["load_after"] = machine.load()
    results["contestants"] = {each.name: each.described() for each in run.contestants}
    results["not_measured"] = run.not_measured
    report.print_results(results, console)
    written = options.output / "results.json"
    written.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    console.print(
        f"{results['seconds']} s; figures: {written}; bench/publish.py makes the documents from them",
        soft_wrap=True,
    )
    return 1 if any(what.endswith(f": {POOL}") for what in run.not_measured) else 0


if __name__ == "__main__":
    sys.exit(main())
