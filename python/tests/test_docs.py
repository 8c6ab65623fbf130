"""Owns the checks that the documents say what the code does."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def sources() -> str:
    files = [*(ROOT / "tests").rglob("*.cpp"), *(ROOT / "python/tests").glob("*.py")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_the_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"pages?}", done.stdout), done.stdout


def test_the_reference_of_options_is_what_the_command_prints() -> None:
    command = pathlib.Path(sys.executable).with_name("numapool")
    printed = subprocess.run(
        [command, "options", "--markdown"], capture_output=True, text=True, check=True
    ).stdout
    kept = (ROOT / "docs/reference/options.md").read_text(encoding="utf-8")
    assert printed == kept, "run: numapool options --markdown > docs/reference/options.md"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document: pathlib.Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|include|python|docs|tools|tests|cli|bench)/[\w./-]+)`", text)
    missing = [name for name in named if not (ROOT / name).exists() and not list(ROOT.glob(f"{name}.*"))]
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    missing += [link for link in links if not (document.parent / link).exists()]
    assert not missing


def test_functions_that_the_tour_names_exist() -> None:
    text = (ROOT / "docs/tour.md").read_text(encoding="utf-8")
    named = {name.split("::")[-1] for name in re.findall(r"`([A-Za-z_]+(?:::[A-Za-z_]+)*)`", text)}
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("src", "include", "python/bindings", "python/numapool")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".h", ".cpp", ".py"}
    )
    words = set(re.findall(r"\w+", code))
    kernel = {"mmap", "mprotect", "madvise", "mbind", "move_pages"}
    assert not sorted(named - words - kernel)


def test_tests_that_the_fault_table_names_exist() -> None:
    table = (ROOT / "docs/design/faults.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_f\d\w*\*?|[A-Z]\w+\.[A-Z][\w*]*)`", table))
    assert len(named) > 40
    code = sources()
    missing = []
    for name in sorted(named):
        pattern = re.escape(name).replace(r"\*", r"\w*")
        suite, _, case = pattern.partition(r"\.")
        wanted = rf"TEST(?:_F|_P)?\({suite},\s*{case}\b" if case else rf"def {suite}\b"
        if not re.search(wanted, code):
            missing.append(name)
    assert not missing


def test_every_row_of_this_release_is_in_the_fault_table() -> None:
    rows = re.findall(
        r"^\| (F\d+) \|", (ROOT / "docs/design/faults.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    wanted = [f"F{row:02}" for row in (*range(1, 16), 17, 21, 33, 57, 58)]
    assert not [row for row in wanted if row not in rows]
    assert len(rows) == len(set(rows))
