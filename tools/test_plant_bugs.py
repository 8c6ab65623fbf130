"""Sees that every planted bug still fits the sources, and tools/plant_bugs refuse those that do not."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent
SOURCE = "int one() { return 1; }\nint two() { return 2; }\nint also_two() { return 2; }\n"
PLANT = """
[[plant]]
name = "one-is-two"
file = "src/base/one.cpp"
wrong = "one is two"
old = "return 1;"
new = "return 2;"
"""

MISFITS = {
    "text that is gone": (PLANT.replace("return 1", "return 3"), "is in src/base/one.cpp 0 times"),
    "text that is there twice": (PLANT.replace('"return 1', '"return 2'), "is in src/base/one.cpp 2 times"),
    "file that is gone": (PLANT.replace("one.cpp", "gone.cpp"), "there is no src/base/gone.cpp"),
    "no change": (PLANT.replace('"return 2', '"return 1'), "changes nothing"),
    "no reason": (PLANT.replace("wrong", "right"), "are needed"),
    "unknown suite": (PLANT + 'suite = "vm"\n', "suite is 'vm'"),
    "one name twice": (PLANT + PLANT, "is there twice"),
    "texts of unequal number": (
        PLANT.replace('old = "return 1;"', 'old = ["return 1;", "int one"]'),
        "2 old",
    ),
}


def plant_bugs(root, *words):
    """Run the tool; return its exit status and what it printed."""
    command = [sys.executable, str(TOOLS / "plant_bugs"), "--root", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def project(folder, plants):
    """Make a small project with one planted bug."""
    for path, text in {"src/base/one.cpp": SOURCE, "tools/planted_bugs/base.toml": plants}.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text)
    return folder


def test_every_plant_fits_the_sources():
    status, output = plant_bugs(TOOLS.parent, "--check")
    assert status == 0, output


def test_what_fits_is_accepted_and_listed(tmp_path):
    project(tmp_path, PLANT)
    assert plant_bugs(tmp_path, "--check") == (0, "tools/plant_bugs: 1 plants, 0 do not fit\n")
    status, output = plant_bugs(tmp_path, "--list")
    assert status == 0
    assert output.startswith("base.one-is-two")
    assert "src/base/one.cpp: one is two" in output


@pytest.mark.parametrize("name", MISFITS)
def test_refuses(tmp_path, name):
    plants, message = MISFITS[name]
    status, output = plant_bugs(project(tmp_path, plants), "--check")
    assert status == 1
    assert message in output


def test_an_unknown_name_is_told(tmp_path):
    status, output = plant_bugs(project(tmp_path, PLANT), "--only", "two-is-one")
    assert status != 0
    assert "there is no 'two-is-one'" in output
