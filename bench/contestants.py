"""Owns who is compared, and how one contestant's program is run once.

Must not know rounds, ratios or reports. A peer is malloc and free of one library, put under a program that
knows nothing of numapool by LD_PRELOAD, in a process of its own.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import machine

POOL = "numapool"
_LIBRARY_FOLDERS = ("/usr/local/lib", "/usr/lib", "/usr/lib64")
_PEER_LIBRARIES = {
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "mimalloc": "libmimalloc.so.2",
    "oneTBB": "libtbbmalloc_proxy.so.2",
}
# Never mapped block by block, never given back: what one can ask of glibc for large arrays.
_GLIBC_TUNABLES = f"glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold={2**62}"
_SECONDS_AT_MOST = 300


class RunError(Exception):
    """A contestant's program failed; the text says how."""


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Somebody whose blocks are timed. `program_prefix` names the programs: pool_… or malloc_…."""

    name: str
    what: str
    program_prefix: str
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    library: Path | None = None
    missing: str | None = None  # why it cannot be run

    def described(self) -> dict[str, object]:
        """Return what a reader of the results should know."""
        described: dict[str, object] = {"what": self.what}
        if self.library is not None:
            described["library"] = self.library.name
            described["package"] = machine.package_of(self.library)
        described["missing"] = self.missing
        return described


def _find(library: str) -> Path | None:
    for folder in map(Path, _LIBRARY_FOLDERS):
        for path in (folder / library, *sorted(folder.glob(f"*-linux-*/{library}"))):
            if path.exists():
                return path
    return None


def _preloaded(name: str, path: Path | None, missing: str | None) -> Contestant:
    environment = {"LD_PRELOAD": str(path)} if path is not None else {}
    return Contestant(name, "malloc by LD_PRELOAD", "malloc", environment, path, missing)


def all_contestants(extra: Mapping[str, Path]) -> list[Contestant]:
    """Return the pool, glibc and every peer, `extra` ones by name and library too."""
    result = [
        Contestant(POOL, "MemoryPool, default options", "pool"),
        Contestant("glibc", "malloc of the C library", "malloc"),
        Contestant(
            "glibc tuned", f"the same, {_GLIBC_TUNABLES}", "malloc", {"GLIBC_TUNABLES": _GLIBC_TUNABLES}
        ),
    ]
    for name, library in _PEER_LIBRARIES.items():
        path = _find(library)
        result.append(_preloaded(name, path, None if path else f"{library} is not installed"))
    for name, path in extra.items():
        path = path.resolve()
        result.append(_preloaded(name, path, None if path.exists() else f"{path.name} does not exist"))
    return result


def command(contestant: Contestant, programs: Path, program: str) -> str:
    """Return the executable `program` (allocate_return, say) of a contestant."""
    return str(programs / f"{contestant.program_prefix}_{program}")


def environment(contestant: Contestant) -> dict[str, str]:
    """Return this process's environment as a contestant is to see it."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("LD_PRELOAD", "GLIBC_TUNABLES", "MALLOC_CONF") and not key.startswith("NUMAPOOL_")
    }
    return {**kept, **contestant.environment}


def run(arguments: list[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command and return it done; RunError if it failed."""
    try:
        return subprocess.run(
            arguments, env=env, capture_output=True, text=True, check=True, timeout=_SECONDS_AT_MOST
        )
    except FileNotFoundError as error:
        raise RunError(f"{Path(arguments[0]).name} is not there") from error
    except subprocess.TimeoutExpired as error:
        raise RunError(f"took more than {_SECONDS_AT_MOST} s") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr or "").strip().splitlines()[-1:]
        raise RunError(f"exit status {error.returncode}: {' '.join(last)}") from error


def time_allocate_return(
    contestant: Contestant, programs: Path, seconds: float, repetitions: int
) -> dict[str, float]:
    """Return nanoseconds for one pair by case ('untouched/256'): the median of the repetitions.

    It is the thread's CPU time, its page faults included: on a machine that others use too, the time on the
    wall would tell of them.
    """
    arguments = [
        command(contestant, programs, "allocate_return"),
        "--benchmark_format=json",
        f"--benchmark_min_time={seconds}",
        f"--benchmark_repetitions={repetitions}",
    ]
    told = json.loads(run(arguments, environment(contestant)).stdout)
    if contestant.library is not None:
        serving = Path(told["context"].get("malloc", "unknown"))
        if serving.resolve() != contestant.library.resolve():
            raise RunError(f"malloc is served by {serving.name}, not by {contestant.library.name}")
    by_case: dict[str, list[float]] = {}
    for row in told["benchmarks"]:
        if row["run_type"] == "iteration":
            by_case.setdefault(row["run_name"], []).append(row["cpu_time"])
    return {case: sorted(times)[len(times) // 2] for case, times in by_case.items()}
