"""Each Python example, run as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
EXAMPLES = sorted((FOLDER / "python").glob("*.py"))
CPP_ALONE = {"pool_per_socket_openmp", "pool_per_socket_threads"}  # threads that compute side by side


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert not done.stderr
    assert not list(tmp_path.iterdir()), "an example leaves files behind"


def test_both_languages_show_the_same():
    assert {path.stem for path in EXAMPLES} == {
        path.stem for path in (FOLDER / "cpp").glob("*.cpp")
    } - CPP_ALONE
    assert len(EXAMPLES) >= 6
