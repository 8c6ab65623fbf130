"""Owns: the check that docs/design/faults.md and the tests name each other.

Must not know: what a test does.
"""

import re
from fnmatch import fnmatchcase
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TABLE = PROJECT / "docs/design/faults.md"
_ROW = re.compile(r"^\| F(\d\d) \|.*\| (?P<tests>[^|]*) \|$", re.MULTILINE)
_CPP = re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\((\w+),\s*(\w+)\)", re.MULTILINE)
_NUMBERS = re.compile(r"(?<![A-Za-z0-9])[Ff](\d\d)(?=_)")


def rows() -> dict[int, list[str]]:
    """Return each row's tests by its number, as the table names them."""
    text = TABLE.read_text(encoding="utf-8")
    return {int(row[1]): re.findall(r"`([^`]+)`", row["tests"]) for row in _ROW.finditer(text)}


def known_tests() -> set[str]:
    """Return the names of all tests, of the files that hold Python's, and of the emulated machines."""
    names = {machine.stem for machine in (PROJECT / "tests/vm/machines").glob("*.toml")}
    for source in (PROJECT / "tests").rglob("*.cpp"):
        names |= {f"{suite}.{name}" for suite, name in _CPP.findall(source.read_text(encoding="utf-8"))}
    for cmake in (PROJECT / "tests").rglob("CMakeLists.txt"):
        names |= set(re.findall(r"add_test\(NAME ([\w.]+)", cmake.read_text(encoding="utf-8")))
    for folder in ("python/tests", "tests/vm/python"):
        for source in (PROJECT / folder).glob("test_*.py"):
            names.add(source.name)
            names |= set(re.findall(r"^def (test_\w+)", source.read_text(encoding="utf-8"), re.MULTILINE))
    return names


def _names(pattern: str, test: str) -> bool:
    """Say whether the table's word, a setting after a slash left out, stands for the test."""
    return fnmatchcase(test, pattern.split("/")[0])


def test_every_test_of_the_table_exists() -> None:
    known = known_tests()
    table = rows()
    assert len(table) > 40, "the table was not understood"
    missing = [
        f"F{number:02}: {word}"
        for number, words in table.items()
        for word in words
        if not any(_names(word, test) for test in known)
    ]
    assert not missing, f"{TABLE.name} names tests that do not exist: {missing}"


def test_every_row_has_a_test() -> None:
    assert not [number for number, words in rows().items() if not words]


def test_every_test_with_a_number_stands_in_its_row() -> None:
    table = rows()
    absent = [
        f"F{number}: {test}"
        for test in sorted(known_tests())
        for number in _NUMBERS.findall(test)
        if not any(_names(word, test) for word in table.get(int(number), []))
    ]
    assert not absent, f"{TABLE.name} lacks tests in their rows: {absent}"
