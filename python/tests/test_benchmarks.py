"""Owns the check that what is published of the benchmarks is what their results give."""

from __future__ import annotations

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_documents_are_what_the_committed_results_give() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench/publish.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
