#!/usr/bin/env python3
"""Owns a run of the benchmarks: who runs when, and where the results go.

Must not know how a contestant is run, ratios are taken or results look.

Usage: bench/run.py [--quick]    (make bench, make bench QUICK=1; the programs must have been built)

The contestants take turns, each in a process of its own, in rounds whose order rotates. Figures are compared
within a round only. Writes results.json and allocate_return.png below build/bench. Nothing here fails because
something is slow.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import contestants
import instructions
import machine
import ratios
import report
from contestants import POOL, Contestant, RunError
from rich.console import Console
from rich.progress import Progress, TaskID

PROJECT = Path(__file__).resolve().parent.parent


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Times numapool and the allocators at hand, side by side.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, under 90 s")
    parser.add_argument("--rounds", type=int, help="of all contestants (7, or 3 with --quick)")
    parser.add_argument("--programs", type=Path, default=PROJECT / "build/release/bench/micro")
    parser.add_argument("--output", type=Path, default=PROJECT / "build/bench")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=LIBRARY",
        help="another malloc to compare with, by LD_PRELOAD; may be given several times",
    )
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 7)
    if options.rounds < 1:
        parser.error(f"--rounds is {options.rounds}; at least 1 is needed")
    for peer in options.peer:
        if not all(peer.partition("=")):
            parser.error(f"--peer is '{peer}'; NAME=LIBRARY is needed")
    options.peers = {name: Path(path) for name, _, path in (peer.partition("=") for peer in options.peer)}
    return options


class Run:
    """One run: what is known so far, and the progress shown."""

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self.options = options
        self.progress = progress
        self.contestants = contestants.all_contestants(options.peers)
        self.missing = {each.name: each.missing for each in self.contestants if each.missing}
        self.not_measured: dict[str, str] = {}

    def present(self) -> list[Contestant]:
        return [each for each in self.contestants if each.name not in self.missing]

    def begin(self, what: str, steps: int) -> TaskID:
        return self.progress.add_task(what, total=steps)

    def allocate_return(self) -> list[dict[str, Any]]:
        """Time all rounds; return a row for each case."""
        seconds, repetitions = (0.005, 3) if self.options.quick else (0.03, 3)
        rounds: list[dict[str, dict[str, float]]] = []
        task = self.begin("allocate and return", self.options.rounds * len(self.present()))
        for number in range(self.options.rounds):
            figures: dict[str, dict[str, float]] = {}
            here = self.present()
            first = number % len(here)
            for each in here[first:] + here[:first]:
                try:
                    figures[each.name] = contestants.time_allocate_return(
                        each, self.options.programs, seconds, repetitions
                    )
                except RunError as error:
                    self.missing[each.name] = str(error)
                self.progress.advance(task)
            rounds.append(figures)
        self.progress.update(task, completed=self.options.rounds * len(self.contestants))
        if POOL in self.missing:
            self.not_measured["allocate and return"] = f"{POOL}: {self.missing[POOL]}"
            return []
        return [self.row(case, rounds) for case in rounds[0][POOL]]

    def row(self, case: str, rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
        kind, _, size = case.partition("/")
        taken = {each.name: [figures[each.name][case] for figures in rounds] for each in self.present()}
        ours = taken[POOL]
        peers = {name: figures for name, figures in taken.items() if name != POOL}
        return {
            "bytes": int(size),
            "touched": kind == "touched",
            "rounds_ns": taken,
            "nanoseconds": {name: ratios.spread(figures) for name, figures in taken.items()},
            "against_fastest_peer": ratios.against_fastest(ours, peers) if peers else None,
            "against": {name: ratios.paired(ours, figures) for name, figures in peers.items()},
        }

    def count_instructions(self) -> dict[str, Any]:
        """Count for the pool and glibc; for all, unless quick."""
        who = self.present()[:2] if self.options.quick else self.present()
        if (why := instructions.missing()) is not None:
            self.not_measured["instructions"] = why
            return {"per_pair": {}}
        task = self.begin("instructions", len(instructions.SIZES) * len(who))
        counts: dict[str, dict[str, float]] = {str(size): {} for size in instructions.SIZES}
        for each in who:
            try:
                for size in instructions.SIZES:
                    counts[str(size)][each.name] = instructions.per_pair(each, self.options.programs, size)
                    self.progress.advance(task)
            except RunError as error:
                self.not_measured[f"instructions of {each.name}"] = str(error)
                for row in counts.values():
                    row.pop(each.name, None)
        return {"per_pair": {size: row for size, row in counts.items() if row}}

    def placement(self) -> list[dict[str, float]]:
        """Time the reading of the current node, and of a page's beside the page's fault, in five runs."""
        program = str(self.options.programs / "placement_costs")
        try:
            return [json.loads(contestants.run([program]).stdout) for _ in range(5)]
        except RunError as error:
            self.not_measured["placement"] = str(error)
            return []

    def python(self) -> dict[str, Any]:
        """Time the Python package, in a process of its own."""
        seconds = 0.1 if self.options.quick else 2.0
        task = self.begin("Python", 1)
        arguments = [sys.executable, str(PROJECT / "bench/python_get_return.py")]
        arguments += ["--json", "--seconds", str(seconds)]
        try:
            told: dict[str, Any] = json.loads(contestants.run(arguments).stdout)
        except RunError as error:
            self.not_measured["Python"] = str(error)
            told = {"rows": []}
        self.progress.advance(task)
        return told


def main() -> int:
    """Measure everything and write it down; 1 if the pool itself could not be timed."""
    options = parse_options()
    options.output.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    results: dict[str, Any] = {
        "machine": machine.describe(PROJECT),
        "load_before": machine.load(),
        "settings": {
            "quick": options.quick,
            "rounds": options.rounds,
            "clock": "CPU time of the thread, page faults included",
            "pool": "default options, monitoring on",
        },
    }
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        run = Run(options, progress)
        results["allocate_return"] = run.allocate_return()
        results["instructions"] = run.count_instructions()
        results["placement"] = run.placement()
        results["python"] = run.python()
    results["seconds"] = round(time.monotonic() - started, 1)
    results["load_after"] = machine.load()
    results["contestants"] = {
        each.name: {**each.described(), "missing": run.missing.get(each.name)} for each in run.contestants
    }
    results["not_measured"] = run.not_measured
    report.print_tables(results, console)
    written = options.output / "results.json"
    written.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if results["allocate_return"]:
        report.write_plot(results, options.output / "allocate_return.png")
    console.print(f"{results['seconds']} s; figures and plot: {written.parent}", soft_wrap=True)
    return 0 if results["allocate_return"] else 1


if __name__ == "__main__":
    sys.exit(main())
