"""Owns counting what the checks that are always on cost a pair: instructions with them over those without.

Must not know time. The build without them is made of a copy of the sources in which each check is taken out; nobody
can ask for such a library. Usage: .venv/bin/python bench/checks_cost.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import callgrind

PROJECT = Path(__file__).resolve().parents[1]
_SIZES = (256, 64 << 10, 16 << 20)
_COPIED = ("CMakeLists.txt", "cmake", "include", "src", "bench", "tests")

# What a check is, the file, what stands there, and what would without it. Each must stand there once.
_CHECKS: tuple[tuple[str, str, str, str], ...] = (
    (
        "a block that is handed out is sealed",
        "src/cache/magazine.h",
        "if (!arena::unseal(block)) return 0;",
        "if (newest == slots_.data()) return 0;",
    ),
    (
        "a small or medium block that comes back is not",
        "src/cache/magazine.h",
        "if (newest >= last_ || !arena::seal(block)) return false;",
        "if (newest >= last_) return false;",
    ),
    (
        "no handler of a signal uses a thread's large slots while the thread does",
        "src/cache/large_slots.h",
        "if (busy_.load(std::memory_order_relaxed)) return false;",
        "",
    ),
    (
        "a large block that comes back is claimed by one thread",
        "src/cache/large_slots.h",
        "if (!arena::SliceEntry::claim(entry, live)) return false;",
        "entry.store(arena::SliceEntry::block(live.slices(), arena::BlockState::kCached).word(),"
        " std::memory_order_relaxed);",
    ),
)


def take_out(folder: Path) -> None:
    """Take the checks out of the sources in `folder`."""
    for what, name, there, instead in _CHECKS:
        text = (folder / name).read_text(encoding="utf-8")
        if text.count(there) != 1:
            raise SystemExit(f"{name}: {there!r} stands there {text.count(there)} times; {what}: say it anew")
        (folder / name).write_text(text.replace(there, instead), encoding="utf-8")


def counted(folder: Path) -> dict[int, float]:
    """Build in `folder` and count."""
    build = folder / "build"
    tests_only = ["-DNUMAPOOL_BUILD_CLI=OFF", "-DNUMAPOOL_BUILD_EXAMPLES=OFF", "-DNUMAPOOL_INSTALL=OFF"]
    subprocess.run(
        ["cmake", "-S", folder, "-B", build, "-G", "Ninja", *tests_only],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(
        ["cmake", "--build", build, "--target", "pool_hit_instructions"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    program = str(build / "tests/instructions/pool_hit_instructions")
    environment = {**os.environ, "NUMAPOOL_CHECK": "0"}
    return {size: callgrind.instructions_per_pair(program, size, environment) for size in _SIZES}


def main() -> int:
    """Count both and print them."""
    if (why := callgrind.missing()) is not None:
        print(f"nothing is counted: {why}", file=sys.stderr)
        return 1
    told = []
    for without in (False, True):
        with tempfile.TemporaryDirectory(prefix="numapool-checks-") as name:
            folder = Path(name)
            for part in _COPIED:
                source = PROJECT / part
                (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / part)
            if without:
                take_out(folder)
            told.append(counted(folder))
    print("block        with   without   with / without")
    for size in _SIZES:
        own, bare = (round(each[size]) for each in told)
        print(f"{size:>9} {own:>7} {bare:>9}   {own / bare:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
