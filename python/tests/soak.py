"""Owns the long runs of the package's tests: ``python python/tests/soak.py`` runs all of them and says what failed.

``NUMAPOOL_STRESS_SECONDS`` (600) bounds the sequences against the model, ``NUMAPOOL_EXITS`` (1000) is how many
processes end and ``NUMAPOOL_FORKS`` (1000) how often one forks.
"""

from __future__ import annotations

import os
import pathlib
import random
import subprocess
import sys
import time

FOLDER = pathlib.Path(__file__).parent


def run(*arguments: object) -> bool:
    return (
        subprocess.run([sys.executable, *map(str, arguments)], cwd=FOLDER.parents[1], check=False).returncode
        == 0
    )


def sequences(seconds: float) -> bool:
    """Random sequences against the model, others each time, until the time is over or one fails."""
    ends = time.monotonic() + seconds
    seeds = random.SystemRandom()
    rounds = 0
    while time.monotonic() < ends:
        seed = seeds.randrange(2**32)
        rounds += 1
        print(f"sequences: round {rounds}, --hypothesis-seed={seed}", flush=True)
        test = FOLDER / "test_stateful.py"
        if not run("-m", "pytest", "-q", "--hypothesis-profile=soak", f"--hypothesis-seed={seed}", test):
            return False
    return True


def main() -> int:
    failed = []
    if not sequences(float(os.environ.get("NUMAPOOL_STRESS_SECONDS", "600"))):
        failed.append("sequences")
    if not run(FOLDER / "interpreter_exits.py", os.environ.get("NUMAPOOL_EXITS", "1000")):
        failed.append("exits")
    if not run(FOLDER / "fork_storm.py", os.environ.get("NUMAPOOL_FORKS", "1000")):
        failed.append("forks")
    print(f"soak of the Python tests: {'failed: ' + ', '.join(failed) if failed else 'all passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
