"""Owns the checks of the benchmarks' arithmetic, and that what is published is what their results give."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Make the modules of bench/ importable."""
    monkeypatch.syspath_prepend(ROOT / "bench")
    return ROOT / "bench"


def made_up(**cases: dict[str, list[float]]) -> dict[str, Any]:
    """Return results in which contestants took so many nanoseconds, round by round."""
    names = {name: {"missing": None} for figures in cases.values() for name in figures}
    workloads = {case: {name: {"ns": ns} for name, ns in figures.items()} for case, figures in cases.items()}
    return {"contestants": names, "workloads": workloads, "programs": {}}


def test_the_documents_are_what_the_committed_results_give() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench/publish.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_ratio_is_taken_against_the_best_peer_of_its_own_round(bench: pathlib.Path) -> None:
    from results import Results

    figures = {
        "numapool": [10.0, 30.0],
        "numapool tuned": [1.0, 1.0],
        "one": [5.0, 60.0],
        "two": [20.0, 10.0],
    }
    against = Results(made_up(case=figures)).against_fastest("case")
    assert against is not None
    assert (against["least"], against["most"]) == (2.0, 3.0)  # 10 / 5 and 30 / 10
    assert against["fastest"] == {"one": 1, "two": 1}


def test_what_is_lost_in_three_of_four_rounds_is_told_and_nothing_else(bench: pathlib.Path) -> None:
    import behind
    from results import Results

    results = Results(
        made_up(
            won={"numapool": [1.0] * 4, "peer": [2.0] * 4},
            lost={"numapool": [2.0] * 4, "peer": [1.0] * 4},
            drawn={"numapool": [0.5, 0.9, 1.1, 2.0], "peer": [1.0] * 4},
        )
    )
    assert behind.compared(results) == 3
    assert [(loss.case, loss.spread["median"], loss.best) for loss in behind.losses(results)] == [
        ("lost", 2.0, "peer")
    ]
