"""Owns the checks of `numapool prove` as a user runs it: the screen, JSON that adds up, refused calls, wrong flags."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from processes import command
from refusals import refusing

HANDOVERS = ("first", "second", "ended")


def report(prepare: Callable[[], None] | None = None, **variables: str) -> dict[str, Any]:
    """Return what a quick run with --json tells."""
    done = command("prove", "--quick", "--json", prepare=prepare, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """One quick run, for all tests that only read it."""
    return report()


def test_every_part_is_on_the_screen() -> None:
    done = command("prove", "--quick")
    assert done.returncode == 0, done.stderr
    for part in ("1. Asked for", "2. Local and remote", "3. Buffers that come back", "Verdict"):
        assert f"\n{part}" in done.stdout


def test_pages_add_up(told: dict[str, Any]) -> None:
    pages = told["pages"]
    assert pages["cases"]
    for case in pages["cases"]:
        assert case["pages"] == sum(case["found"].values()) + case["absent"] + case["unknown"]
        assert case["pages"] == case["right"] + case["elsewhere"] + case["absent"] + case["unknown"]
        least = case["buffers"] * case["buffer_bytes"] // told["machine"]["page_bytes"]
        assert case["pages"] >= least, "each buffer's pages are looked up"
    for count in ("pages", "right", "elsewhere"):
        assert pages[count] == sum(case[count] for case in pages["cases"])
    assert pages["unverified"] == pages["pages"] - pages["right"] - pages["elsewhere"]
    assert {case["bind"] for case in pages["cases"]} == {"advisory", "strict"}
    asked = {case["ask"] for case in pages["cases"]}
    assert {f"node {node}" for node in told["machine"]["memory_nodes"]} | {"current node"} <= asked


def test_each_pair_of_nodes_is_read(told: dict[str, Any]) -> None:
    machine, speed = told["machine"], told["speed"]
    read = [buffer["node"] for buffer in speed["buffers"] if not buffer["dropped"]]
    pairs = {(pair["cpu_node"], pair["memory_node"]) for pair in speed["pairs"]}
    assert pairs == {(cpus, memory) for cpus in machine["cpu_nodes"] for memory in read}
    for pair in speed["pairs"]:
        for figure in (pair["gib_per_second"], pair["ns_per_load"]):
            assert 0 < figure["quartile_low"] <= figure["median"] <= figure["quartile_high"]
        if pair["cpu_node"] == pair["memory_node"]:
            assert pair["of_local"] is None


def test_the_pool_and_the_c_library_meet_every_handover(told: dict[str, Any]) -> None:
    allocators = told["reuse"]["allocators"]
    assert [allocator["name"] for allocator in allocators[:2]] == ["numapool", told["machine"]["c_library"]]
    for allocator in allocators:
        assert bool(allocator["cases"]) or allocator["failure"]
        for case in allocator["cases"]:
            assert case["handover"] in HANDOVERS
            assert case["warm_rounds"] < case["rounds"]


def test_what_one_node_cannot_show_is_told(told: dict[str, Any]) -> None:
    if len(told["machine"]["memory_nodes"]) > 1:
        pytest.skip("this machine has several nodes")
    for part in ("pages", "speed", "reuse"):
        assert any("node" in limit for limit in told[part]["limits"])
    assert any("shows nothing of placement" in sentence for sentence in told["verdict"]["sentences"])
    assert told["reuse"]["across_nodes"] is False


def test_a_pool_that_is_off_claims_nothing() -> None:
    told = report(NUMAPOOL_DISABLE="1")
    assert told["verdict"]["placement"] == "disabled"
    assert told["machine"]["environment"]["NUMAPOOL_DISABLE"] == "1"


def test_bind_from_the_environment_is_what_is_shown() -> None:
    told = report(NUMAPOOL_BIND="none")
    assert told["pages"]["pool_bind"] == "none"
    assert {case["bind"] for case in told["pages"]["cases"]} == {"none", "strict"}


def test_pages_that_cannot_be_looked_up_one_by_one_are_said_to_be_known_by_mapping() -> None:
    try:
        told = report(prepare=refusing("move_pages", "get_mempolicy"))
    except subprocess.SubprocessError:
        pytest.skip("this system allows no system call filter")
    assert told["verdict"]["placement"] == "by mapping"
    assert told["pages"]["by_mapping"] == told["pages"]["pages"] > 0
    assert any("numa_maps" in sentence for sentence in told["verdict"]["sentences"])
    strict = [case for case in told["pages"]["cases"] if case["bind"] == "strict"]
    assert all(case["buffers"] == 0 and case["refusal"] for case in strict)
    assert {buffer["evidence"] for buffer in told["speed"]["buffers"]} == {"by mapping"}


LYING_KERNEL = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/syscall.h>
long syscall(long number, long a, long b, long c, long d, long e, long f) {
    long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    const long result = next(number, a, b, c, d, e, f);
    if (number == SYS_move_pages && d == 0 && result == 0) {
        for (long i = 0; i < b; ++i) ((int*)e)[i] += ((int*)e)[i] >= 0;
    }
    return result;
}
"""


def test_pages_found_elsewhere_that_the_pool_does_not_tell_of_fail(
    told: dict[str, Any], tmp_path: pathlib.Path
) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to make a kernel that lies with")
    if len(told["machine"]["memory_nodes"]) > 1:
        pytest.skip("with several nodes the pool looks pages up itself, and would tell")
    source, library = tmp_path / "lying.c", tmp_path / "lying.so"
    source.write_text(LYING_KERNEL)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    done = command("prove", "--quick", "--json", LD_PRELOAD=str(library))
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["verdict"]["placement"] == "broken"
    assert told["pages"]["broken"] == told["pages"]["elsewhere"] > 0
    assert any(sentence.startswith("FAILED: ") for sentence in told["verdict"]["sentences"])
    strict = [case for case in told["pages"]["cases"] if case["bind"] == "strict"]
    assert all(case["buffers"] == 0 for case in strict), "the pool looks these up itself"


def test_malloc_is_measured_in_a_process_of_its_own(told: dict[str, Any]) -> None:
    node = told["machine"]["cpu_nodes"][0]
    for handover in HANDOVERS:
        done = command("prove", "--measure-malloc", f"{handover}/20/1/{node}-{node},/65536x4,1048576x2,")
        assert done.returncode == 0, done.stderr
        malloc, *cases = (line.split() for line in done.stdout.splitlines())
        assert malloc[0] == "malloc" and "libc" in malloc[1]
        assert [case[:5] for case in cases] == [
            ["case", str(node), str(node), size, handover] for size in ("65536", "1048576")
        ]
        for case in cases:
            rounds, right, elsewhere, absent, unknown = map(int, case[5:10])
            size, buffers = {"65536": (65536, 4), "1048576": (1048576, 2)}[case[3]]
            page = told["machine"]["page_bytes"]
            # Of each buffer all pages but the two ends', which malloc's own words may share.
            pages = right + elsewhere + absent + unknown
            assert rounds * buffers * (size // page - 1) <= pages <= rounds * buffers * (size // page)


def test_what_is_preloaded_is_what_is_measured(told: dict[str, Any]) -> None:
    for allocator in told["reuse"]["allocators"][1:]:
        if allocator["name"] == told["machine"]["c_library"]:
            assert "libc" in allocator["file"]
        elif allocator["cases"]:
            assert "libc.so" not in allocator["file"]


@pytest.mark.parametrize(
    ("arguments", "told_of"),
    [
        (("--seconds", "0"), "0"),
        (("--nodes", "one"), "one"),
        (("--nodes", "1023"), "1023"),
        (("--measure-malloc", "much"), "much"),
        (("more",), "more"),
    ],
)
def test_wrong_usage_is_status_2_and_names_the_value(arguments: tuple[str, ...], told_of: str) -> None:
    done = command("prove", *arguments)
    assert done.returncode == 2
    assert told_of in done.stderr
    assert done.stdout == ""
