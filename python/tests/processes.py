"""Owns running the command, or a few lines of Python, in a process of its own."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

COMMAND = pathlib.Path(sys.executable).with_name("numapool")
VARIABLES = ("NUMAPOOL_BIND", "NUMAPOOL_HUGE_PAGES", "NUMAPOOL_MAX_BYTES", "NUMAPOOL_DISABLE")
Prepare = Callable[[], None] | None


def command(*arguments: str, prepare: Prepare = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `numapool` in an environment that asks for nothing but `variables`; `prepare` runs there first."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [COMMAND, *arguments],
        env=environment | variables,
        preexec_fn=prepare,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def printed(code: str, prepare: Prepare = None) -> list[str]:
    """Return the lines that Python code prints; skip the test where `prepare` cannot be had."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            preexec_fn=prepare,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.SubprocessError:
        pytest.skip("this system cannot be made to refuse calls")
    if done.returncode == 77:
        pytest.skip("this system does not let a process set its memory policy")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
