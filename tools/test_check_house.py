"""Plants each violation in a small project and sees tools/check_house refuse it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent
GOOD = {
    "include/numapool/pool.h": '// Owns: the pool.\n#include "numapool/version.h"\n',
    "include/numapool/version.h": "// Owns: the version.\n",
    "src/base/bits.h": "// Owns: bits.\n#include <bit>\n",
    "src/os/pages.cpp": "// Owns: pages.\n#include <sys/mman.h>\nauto p = ::mmap(0, 1, 2, 3, 4, 5);\n",
    "src/os/pages.h": '// Owns: pages.\n#include "base/bits.h"\n',
    "src/topology/topology.cpp": '// Owns: topology.\n#include <hwloc.h>\n\n#include "os/pages.h"\n',
    "src/topology/topology.h": "// Owns: topology.\n",
    "src/trace/ring.h": "// Owns: rings; mmap( in a comment is no call.\n",
    "src/arena/arena.cpp": '// Owns: arenas.\nos::mmap(1); log("mbind("); x.move_pages(2);\n',
    "src/arena/arena.h": '// Owns: arenas.\n#include "os/pages.h"\n#include "numapool/pool.h"\n',
    "src/cache/depot.h": "/* Owns: depots. */\n",
    "cli/main.cpp": '// Owns: main.\n#include <numapool/pool.h>\n\n#include "command.h"\n',
    "cli/command.h": "// Owns: a command.\n",
    "python/bindings/module.cpp": "// Owns: the module.\n#include <nanobind/nanobind.h>\n",
    "tests/unit/arena/arena_test.cpp": '// Owns: tests.\n#include "arena/arena.h"\n#include "base/bits.h"\n',
    "tests/contract/pool_test.cpp": "// Owns: tests.\n#include <sys/mman.h>\nauto p = mmap(1);\n",
    "docs/long.md": "many lines\n" * 1000,
    "README.md": "The network/home is in build/home/x.\n",
}
MACHINE = "/ho" + "me/"

INCLUDES_BITS = '// A.\n#include "base/bits.h"\n'
INCLUDES_ARENA = '// A.\n#include "arena/arena.h"\n'

VIOLATIONS = {
    "upward": ("src/os/a.cpp", INCLUDES_ARENA, "upward"),
    "upward, file to come": ("src/os/a.cpp", '// A.\n#include "pool/memory_pool.h"\n', "upward"),
    "sideways": ("src/trace/a.cpp", '// A.\n#include "topology/topology.h"\n', "sideways"),
    "two dots": ("src/arena/a.cpp", '// A.\n#include "../os/pages.h"\n', "without '..'"),
    "public sees private": ("include/numapool/a.h", INCLUDES_BITS, "upward"),
    "cli sees private": ("cli/a.cpp", INCLUDES_BITS, "include/numapool only"),
    "bindings see private": ("python/bindings/a.cpp", INCLUDES_BITS, "include/numapool only"),
    "contract sees private": ("tests/contract/a.cpp", INCLUDES_BITS, "include/numapool only"),
    "stress sees private": ("tests/stress/a.cpp", "// A.\n#include <base/bits.h>\n", "include/numapool only"),
    "unit test sees higher": ("tests/unit/os/a.cpp", INCLUDES_ARENA, "that room and lower"),
    "unknown room": ("src/attic/a.cpp", "// A.\n", "in no room"),
    "hwloc": ("src/os/a.cpp", "// A.\n#include <hwloc.h>\n", "<hwloc.h>"),
    "mman": ("src/arena/a.cpp", "// A.\n#include <sys/mman.h>\n", "memory headers"),
    "mempolicy": ("cli/a.cpp", "// A.\n#include <linux/mempolicy.h>\n", "memory headers"),
    "mmap": ("src/arena/a.cpp", "// A.\nauto p = mmap(0);\n", "memory system calls"),
    "mbind": ("src/pool/a.cpp", "// A.\nint r = ::mbind(0);\n", "memory system calls"),
    "raw system call": ("src/pool/a.cpp", "// A.\nint n = SYS_move_pages;\n", "memory system calls"),
    "Python.h": ("src/pool/a.cpp", "// A.\n#include <Python.h>\n", "Python.h"),
    "nanobind": ("cli/a.cpp", "// A.\n#include <nanobind/ndarray.h>\n", "nanobind"),
    "long C++": ("src/os/a.cpp", "// A.\n" * 401, "401 lines"),
    "long Python": ("python/numapool/a.py", "a = 1\n" * 401, "401 lines"),
    "vague name": ("src/os/page_utils.h", "// A.\n", "'utils'"),
    "vague Python name": ("python/numapool/common.py", "a = 1\n", "'common'"),
    "no opening comment": ("src/os/a.h", "#pragma once\n", "does not open with a comment"),
    "machine path": ("docs/a.md", f"See {MACHINE}main.\n", "path of one machine"),
}


@pytest.fixture
def project(tmp_path):
    """Return the root of a small project that keeps every rule."""
    for path, text in GOOD.items():
        write(tmp_path, path, text)
    (tmp_path / "tools").mkdir()
    shutil.copy(TOOLS / "floors.txt", tmp_path / "tools/floors.txt")
    lines = (tmp_path / "tools/floors.txt").read_text().splitlines(keepends=True)
    (tmp_path / "tools/floors.txt").write_text("".join(line for line in lines if not line.startswith("long")))
    return tmp_path


def write(root, path, text):
    """Write a file, making its folders."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def check_house(root):
    """Run the tool; return its exit status and what it printed."""
    done = subprocess.run(
        [sys.executable, str(TOOLS / "check_house"), str(root)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_accepts_what_keeps_the_rules(project):
    assert check_house(project) == (0, f"tools/check_house: 0 violations in {len(GOOD) + 1} files\n")


@pytest.mark.parametrize("name", VIOLATIONS)
def test_refuses(project, name):
    path, text, message = VIOLATIONS[name]
    write(project, path, text)
    status, output = check_house(project)
    assert status == 1
    assert output.startswith(f"{path}:")
    assert message in output
    assert "1 violations" in output


def test_a_long_file_with_a_reason_passes(project):
    write(project, "src/os/a.cpp", "// A.\n" * 401)
    floors = project / "tools/floors.txt"
    floors.write_text(floors.read_text() + "long src/os/a.cpp one table, generated\n")
    assert check_house(project)[0] == 0


def test_an_excuse_without_a_long_file_is_refused(project):
    floors = project / "tools/floors.txt"
    floors.write_text(floors.read_text() + "long src/os/pages.cpp it was long once\n")
    status, output = check_house(project)
    assert status == 1
    assert "excused for its length" in output
