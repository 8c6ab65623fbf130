"""Owns the tests of binding threads to nodes, within what a launcher left to the process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numapool
import pytest
from processes import printed
from refusals import number_of, refusing

needs_two_cpus = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one CPU cannot be narrowed")


def on_new_thread(work: Callable[[], Any]) -> Any:
    """Run on a thread of its own, so that the test program's threads stay as they were."""
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


@pytest.fixture
def optimizer(pool: numapool.MemoryPool) -> numapool.NUMAOptimizer:
    return numapool.NUMAOptimizer(pool)


def test_bound_threads_get_memory_of_their_node(
    pool: numapool.MemoryPool, optimizer: numapool.NUMAOptimizer
) -> None:
    nodes = optimizer.get_numa_nodes()
    assert nodes == sorted(nodes) and nodes

    def work(node: int) -> None:
        binding = optimizer.bind_thread_to_node(node)
        assert os.sched_getaffinity(0) == set(binding.cpus)
        array = pool.get_buffer(500_000, numa_node=node)
        array[:] = 1
        pages = numapool.where(array)
        if pages.evidence == "verified":
            assert pages.pages_on == {node: pages.total}

    for node in nodes:
        on_new_thread(lambda node=node: work(node))
    figures = optimizer.get_numa_statistics()
    assert set(figures) == set(nodes)
    assert all(
        figures[node]["allocations"] == 1 and figures[node]["local_access_ratio"] == 1.0 for node in nodes
    )


def test_a_plain_statement_binds_until_the_thread_is_unbound(optimizer: numapool.NUMAOptimizer) -> None:
    node = optimizer.get_numa_nodes()[0]

    def work() -> None:
        cpu = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpu})
        optimizer.unbind_thread()
        assert os.sched_getaffinity(0) == {cpu}, "nothing to undo"
        bound = set(optimizer.bind_thread_to_node(node).cpus)  # the object goes, the binding stays
        assert os.sched_getaffinity(0) == bound
        optimizer.bind_thread_to_node(node)
        assert os.sched_getaffinity(0) == bound
        optimizer.unbind_thread()
        assert os.sched_getaffinity(0) == {cpu}

    on_new_thread(work)


def test_a_with_block_undoes_its_binding(optimizer: numapool.NUMAOptimizer) -> None:
    node = optimizer.get_numa_nodes()[0]

    def work() -> None:
        cpu = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cpu})
        with optimizer.bind_thread_to_node(node) as binding:
            assert binding.node == node
            assert os.sched_getaffinity(0) == set(binding.cpus)
            with optimizer.bind_thread_to_node(node):
                pass
            assert os.sched_getaffinity(0) == set(binding.cpus)
        assert os.sched_getaffinity(0) == {cpu}
        with pytest.raises(KeyError), optimizer.bind_thread_to_node(node):
            raise KeyError
        assert os.sched_getaffinity(0) == {cpu}
        binding = optimizer.bind_thread_to_node(node)
        binding.undo()
        assert os.sched_getaffinity(0) == {cpu}
        binding.undo()

    on_new_thread(work)


def test_another_thread_cannot_undo(optimizer: numapool.NUMAOptimizer) -> None:
    node = optimizer.get_numa_nodes()[0]
    binding = optimizer.bind_thread_to_node(node)
    try:
        with pytest.raises(numapool.PlacementError, match="belongs to another thread"):
            on_new_thread(binding.undo)
    finally:
        binding.undo()


def test_nodes_that_cannot_be_bound_to_are_refused(optimizer: numapool.NUMAOptimizer) -> None:
    before = os.sched_getaffinity(0)
    for node in (999, -1, 1024, 2**70):
        with pytest.raises(numapool.PoolValueError, match=str(node)):
            optimizer.bind_thread_to_node(node)
    with pytest.raises(TypeError):
        optimizer.bind_thread_to_node("all")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        optimizer.bind_thread_to_node(0.5)  # type: ignore[arg-type]
    assert os.sched_getaffinity(0) == before


BIND = """
import logging, os, sys
logging.basicConfig(level=logging.INFO, format="%(levelname)s", stream=sys.stdout)
import numapool
optimizer = numapool.NUMAOptimizer(numapool.MemoryPool())
node = optimizer.get_numa_nodes()[0]
binding = optimizer.bind_thread_to_node(node)
optimizer.bind_thread_to_node(node)
print(sorted(os.sched_getaffinity(0)), binding.cpus)
print(binding.note)
print(binding)
"""


@needs_two_cpus
def test_what_a_launcher_left_is_not_widened() -> None:
    cpu = max(os.sched_getaffinity(0))
    lines = printed(BIND, lambda: os.sched_setaffinity(0, {cpu}))
    affinity, note, shown = lines[-3:]
    assert affinity == f"[{cpu}] [{cpu}]"
    assert f"the launcher allows CPU {cpu} of node" in note
    assert note in shown and shown.startswith("<ThreadBinding: node ")


def test_a_memory_policy_of_the_launcher_stays() -> None:
    get, bind = number_of("get_mempolicy"), number_of("set_mempolicy")
    policy = f"""
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
mask = ctypes.c_ulong(1)
if libc.syscall({bind}, 2, ctypes.byref(mask), 65) != 0:  # MPOL_BIND, to node 0
    sys.exit(77)
"""
    after = f"""
mode, mask = ctypes.c_int(), (ctypes.c_ulong * 16)()
libc.syscall({get}, ctypes.byref(mode), mask, 1025, 0, 0)
print(mode.value, mask[0])
"""
    lines = printed(policy + BIND + after)
    assert "the launcher's memory policy stays: membind=0" in lines[-3]
    assert lines[-1] == "2 1"


def test_f36_without_a_memory_policy_the_cpus_are_bound_all_the_same() -> None:
    lines = printed(BIND, refusing("set_mempolicy"))
    affinity, note, _ = lines[-3:]
    bound, cpus = affinity.split("] [")
    assert bound.strip("[]") == cpus.strip("[]")
    assert "memory policy could not be set (Operation not permitted)" in note
    assert lines[:-3].count("WARNING") == 1, "told once, not at every binding"
