"""Owns the description of the machine and of the software that figures were taken on.

Must not know what is measured. Nothing of it names the host, a user or a folder.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil


def _first_line(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()[0]
    except (OSError, IndexError):
        return None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def c_library() -> str | None:
    """Return the C library and its version."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None


def _revision(project: Path) -> str | None:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def load() -> list[float]:
    """Return the load averages over 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]


def describe(project: Path) -> dict[str, Any]:
    """Return what a reader needs to judge figures taken here."""
    huge_pages = "/sys/kernel/mm/transparent_hugepage/"
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(logical=False),
        "cpus_usable": len(os.sched_getaffinity(0)),
        "numa_nodes": _first_line("/sys/devices/system/node/online"),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release().partition("-")[0],  # what follows names a distribution or a host
        "c_library": c_library(),
        "transparent_huge_pages": {
            "enabled": _first_line(huge_pages + "enabled"),
            "defrag": _first_line(huge_pages + "defrag"),
        },
        "python": platform.python_version(),
        "numapool_revision": _revision(project),
    }


def package_of(library: Path) -> str | None:
    """Return the Debian package that a library came with, as 'name version', or None."""
    for path in (library, library.resolve()):
        try:
            owner = subprocess.run(["dpkg-query", "--search", str(path)], capture_output=True, text=True)
            if owner.returncode != 0:
                continue
            name = owner.stdout.split(": ")[0].split(",")[0].strip()
            told = subprocess.run(
                ["dpkg-query", "--show", "--showformat", "${Package} ${Version}", name],
                capture_output=True,
                text=True,
            )
        except OSError:
            return None
        if told.returncode == 0:
            return told.stdout
    return None
