"""Owns who is compared, and how a process of one contestant is run.

Must not know rounds, ratios or reports. A peer is malloc and free of one library, put under a program that
knows nothing of numapool by LD_PRELOAD, in a process of its own; or a resource of the C++ library.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import machine

POOL = "numapool"
POOL_TUNED = "numapool tuned"
POOL_UNMONITORED = "numapool unmonitored"
_LIBRARY_FOLDERS = ("/usr/local/lib", "/usr/lib", "/usr/lib64")
_TUNED_LIKE_GLIBC = f"glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold={2**62}"
_TUNED_LIKE_JEMALLOC = "dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0"
_PEERS: tuple[tuple[str, str | None, dict[str, str], str], ...] = (
    # name, library (None: the C library's own), environment, what it is
    ("glibc", None, {}, "the C library's malloc"),
    (
        "glibc tuned",
        None,
        {"GLIBC_TUNABLES": _TUNED_LIKE_GLIBC},
        f"GLIBC_TUNABLES={_TUNED_LIKE_GLIBC}: maps nothing block by block, gives nothing back",
    ),
    ("jemalloc", "libjemalloc.so.2", {}, "by LD_PRELOAD"),
    (
        "jemalloc tuned",
        "libjemalloc.so.2",
        {"MALLOC_CONF": _TUNED_LIKE_JEMALLOC},
        f"by LD_PRELOAD, MALLOC_CONF={_TUNED_LIKE_JEMALLOC}: gives nothing back",
    ),
    ("tcmalloc", "libtcmalloc_minimal.so.4", {}, "by LD_PRELOAD"),
    ("mimalloc", "libmimalloc.so.2", {}, "by LD_PRELOAD"),
    ("oneTBB", "libtbbmalloc_proxy.so.2", {}, "by LD_PRELOAD"),
)
_OURS = (
    (POOL, "", "MemoryPool, default options, one for all threads"),
    (
        POOL_TUNED,
        "tuned",
        "MemoryPool, max_buffers=4096, idle_decay=none: keeps far more, gives nothing back by itself",
    ),
    (POOL_UNMONITORED, "unmonitored", "MemoryPool, enable_monitoring=false"),
)
_OTHERS_VARIABLES = ("LD_PRELOAD", "GLIBC_TUNABLES", "MALLOC_CONF")
_SECONDS_AT_MOST = 120


class RunError(Exception):
    """A contestant's program failed; the text says how."""


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Somebody whose blocks are timed. `program_prefix` names the programs: pool_…, malloc_… or pmr_…."""

    name: str
    what: str
    program_prefix: str
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    library: Path | None = None
    missing: str | None = None  # why it cannot be run

    @property
    def is_peer(self) -> bool:
        return self.program_prefix != "pool"

    def described(self) -> dict[str, str | None]:
        """Return what a reader of the results should know."""
        if self.library is not None:
            version = machine.package_of(self.library)
        elif self.program_prefix == "malloc":
            version = machine.c_library()
        elif self.program_prefix == "pmr":
            library = _find("libstdc++.so.6")
            version = machine.package_of(library) if library is not None else None
        else:
            version = None  # the revision that was measured is the machine's to tell
        return {"what": self.what, "version": version, "missing": self.missing}

    def program(self, programs: Path, name: str) -> str:
        """Return this contestant's executable of that name: workloads, hit_instructions."""
        return str(programs / f"{self.program_prefix}_{name}")

    def whole_environment(self) -> dict[str, str]:
        """Return this process's environment as the contestant's is to be."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if key not in _OTHERS_VARIABLES and not key.startswith("NUMAPOOL_")
        }
        return {**kept, **self.environment}

    def check_served_by(self, told: str) -> None:
        """Raise RunError unless the malloc that a program told of is this contestant's."""
        if self.program_prefix != "malloc":
            return
        serving = Path(told)
        right = (
            serving.name.startswith("libc.so")
            if self.library is None
            else serving.resolve() == self.library.resolve()
        )
        if not right:
            raise RunError(f"malloc is served by {serving.name}, not by {self.name}")


def _find(library: str) -> Path | None:
    for folder in map(Path, _LIBRARY_FOLDERS):
        for path in (folder / library, *sorted(folder.glob(f"*-linux-*/{library}"))):
            if path.exists():
                return path
    return None


def _preloaded(name: str, what: str, path: Path, environment: Mapping[str, str]) -> Contestant:
    missing = None if path.exists() else f"{path.name} is not installed"
    return Contestant(name, what, "malloc", {"LD_PRELOAD": str(path), **environment}, path, missing)


def all_contestants(extra: Mapping[str, Path]) -> list[Contestant]:
    """Return the pool's settings and every peer, `extra` ones by name and library too."""
    result = [
        Contestant(name, what, "pool", {"NUMAPOOL_BENCH": setting} if setting else {})
        for name, setting, what in _OURS
    ]
    for name, library, environment, what in _PEERS:
        if library is None:
            result.append(Contestant(name, what, "malloc", environment))
        else:
            result.append(_preloaded(name, what, _find(library) or Path(library), environment))
    result += [_preloaded(name, "by LD_PRELOAD", path.resolve(), {}) for name, path in extra.items()]
    result.append(Contestant("pmr", "std::pmr::synchronized_pool_resource over the C library", "pmr"))
    return result


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
