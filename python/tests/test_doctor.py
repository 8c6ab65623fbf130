"""Owns the checks of `numapool doctor` as a user runs it: exit statuses, the screen, JSON, refused calls."""

from __future__ import annotations

import errno
import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from processes import command
from refusals import refusing


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """Return the findings of a run with --json by their subjects."""
    return {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}


def test_nothing_asked_is_status_0_on_any_machine() -> None:
    done = command("doctor")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\nNothing was asked for; " in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


def test_json_says_what_the_screen_says() -> None:
    done = command("doctor", "--json", "--node", "1000")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["everything_asked_works"] is False
    assert {finding["state"] for finding in told["findings"]} <= {"ok", "limited", "cannot", "note"}
    assert findings(done)["node 1000"]["asked"] is True
    assert findings(done)["kernel"]["asked"] is False
    screen = command("doctor", "--node", "1000").stdout
    assert all(finding["subject"] in screen for finding in told["findings"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bind", "none", "--huge-pages", "never", "--max-bytes", "1M"],
        ["--bind=advisory", "--max-bytes", "65536"],
        ["--max-bytes", "1MiB"],
    ],
)
def test_what_can_work_is_status_0(arguments: list[str]) -> None:
    done = command("doctor", *arguments)
    assert done.returncode == 0, done.stdout
    assert "\nEverything asked for can work" in done.stdout


@pytest.mark.parametrize("arguments", [["--node", "1000"], ["--max-bytes", "16000T"]])
def test_what_cannot_work_is_status_1(arguments: list[str]) -> None:
    done = command("doctor", *arguments)
    assert done.returncode == 1, done.stdout
    assert "\nCannot work: " in done.stdout


def test_the_environment_asks_too() -> None:
    done = command("doctor", "--json", "--max-bytes", "1M", NUMAPOOL_MAX_BYTES="16000T")
    assert done.returncode == 1
    assert findings(done)["max_bytes 1 MiB"]["state"] == "ok"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--bind", "hard"],
        ["--huge-pages", "yes"],
        ["--node", "-1"],
        ["--node", "1024"],
        ["--node", "one"],
        ["--max-bytes", "0"],
        ["--max-bytes", ""],
        ["--max-bytes", "5X"],
        ["--max-bytes", "1 G"],
        ["--max-bytes", "99999999999999999999"],
        ["--max-bytes", "99999999T"],
        ["--nodes", "0"],
        ["0"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    done = command("doctor", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("numapool")


def test_a_variable_that_cannot_be_read_is_wrong_usage() -> None:
    done = command("doctor", NUMAPOOL_BIND="hard")
    assert done.returncode == 2
    assert "NUMAPOOL_BIND" in done.stderr


def under_filter(prepare: Callable[[], None], *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return command("doctor", "--json", *arguments, prepare=prepare)
    except subprocess.SubprocessError:
        pytest.skip("this system allows no system call filter")


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS])
def test_f36_calls_that_the_kernel_refuses_are_named_with_a_remedy(error: int) -> None:
    names = ("mbind", "set_mempolicy", "get_mempolicy")
    done = under_filter(refusing(*names, error=error))
    assert done.returncode == 0, "nothing was asked for"
    for name in names:
        finding = findings(done)[name]
        assert finding["state"] == "cannot"
        assert errno.errorcode[error] in finding["found"]
        assert finding["remedy"]


def test_f37_strict_needs_a_way_to_look_pages_up() -> None:
    usual = findings(command("doctor", "--json"))
    if {usual["mbind"]["state"], usual["get_mempolicy"]["state"]} != {"ok"}:
        pytest.skip("this system refuses more than is refused here on purpose")
    done = under_filter(refusing("move_pages"), "--bind", "strict")
    assert done.returncode == 0, done.stdout
    assert findings(done)["move_pages"]["state"] == "limited"
    done = under_filter(refusing("move_pages", "get_mempolicy"), "--bind", "strict")
    assert done.returncode == 1
    assert findings(done)["move_pages"]["state"] == "cannot"
    assert "EPERM" in findings(done)["bind strict"]["found"]
