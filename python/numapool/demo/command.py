"""The command ``numapool demo``: its options, its course and its exit status.

Owns what the user types and sees in which order. Exit status 0: done; 1: the results differ, or the demo cannot
run; 2: the options are wrong.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from .measure import Run
    from .pipeline import Job

STEPS = 200
SEED = 1
NEEDED = {"sklearn": "scikit-learn", "PIL": "pillow", "rich": "rich", "matplotlib": "matplotlib"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit status."""
    options = _parse(arguments)
    missing = [package for module, package in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        return _refuse(f"{', '.join(missing)} missing; pip install 'numapool[demo]' brings all that it needs")
    if not options.output.parent.is_dir() or not os.access(options.output.parent, os.W_OK):
        return _refuse(
            f"'{options.output.parent}' is no folder that can be written to; choose another --output"
        )
    return _run(options.steps, options.seed, options.output, options.json)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="numapool demo",
        description="Runs one job on real photographs with NumPy's allocation and with the pool, side by side, "
        "and shows what each costs. Takes less than a minute.",
    )
    parser.add_argument(
        "--steps",
        type=_positive,
        default=STEPS,
        help="batches that count, after the warm-up (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=_natural, default=SEED, help="of crops and sizes (default: %(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("numapool-demo.png"),
        metavar="FILE",
        help="where the picture goes (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    return parser.parse_args(arguments)


def _run(steps: int, seed: int, output: Path, as_json: bool) -> int:
    from rich.console import Console

    from . import picture, report
    from .memory import watch_both
    from .summary import summarise

    talk = Console(stderr=True)
    console = Console() if sys.stdout.isatty() else Console(width=110)
    if not as_json:
        console.print(report.introduction(), soft_wrap=False)
    with talk.status("training the classifier"):
        job = _train(seed)
    with talk.status("watching the memory of each side in a process of its own"):
        traces = watch_both(job, seed, steps)
    run = _measure(job, seed, steps, talk)
    summary = summarise(run, traces, seed)
    picture.draw(output, run, traces, summary)

    if as_json:
        print(json.dumps({**summary.as_json(), "picture": str(output)}, indent=2))
    else:
        console.print(report.results(summary))
        console.print(f"The picture is in {output}", highlight=False, soft_wrap=True)
    if run.different_steps:
        return _refuse(f"the results differ in steps {run.different_steps}")
    return 0


def _train(seed: int) -> Job:
    import numpy as np

    from . import photographs, pipeline

    return pipeline.train(photographs.load(), np.random.default_rng([seed, 0]))


def _measure(job: Job, seed: int, steps: int, talk: Console) -> Run:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from .measure import draw_batches, run_both

    warm_up = max(4, steps // 10)
    batches = draw_batches(seed, warm_up, steps, job.photographs.shape)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Refreshed between the steps only: a thread that draws would be measured too.
    with Progress(*columns, console=talk, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("both sides, in turns", total=len(batches))

        def on_step() -> None:
            progress.update(task, advance=1, refresh=talk.is_terminal)

        return run_both(job, batches, warm_up, on_step)


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: at least 1 is needed")
    return number


def _natural(word: str) -> int:
    number = int(word)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{number}: 0 or more is needed")
    return number


def _refuse(reason: str) -> int:
    print(f"numapool demo: {reason}", file=sys.stderr)
    return 1
