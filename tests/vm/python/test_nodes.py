"""Owns: checks that Python's arrays lie on the nodes that they were asked for, whatever nodes the machine has."""

import mmap
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numapool
import numpy as np
import pytest

NODES = Path("/sys/devices/system/node")


def nodes_that_have(what: str) -> list[int]:
    """Return what the kernel says, not what numapool does."""
    nodes: list[int] = []
    for part in (NODES / f"has_{what}").read_text().strip().split(","):
        first, _, last = part.partition("-")
        nodes += range(int(first), int(last or first) + 1)
    return nodes


MEMORY = nodes_that_have("memory")
BOTH = sorted(set(MEMORY) & set(nodes_that_have("cpu")))
needs_two = pytest.mark.skipif(len(BOTH) < 2, reason="fewer than two nodes have both CPUs and memory")


def on_node(node: int, work: Callable[[], Any]) -> Any:
    """Run on a thread bound to the node, and return what it returns."""
    optimizer = numapool.NUMAOptimizer(numapool.MemoryPool())
    results: queue.Queue[Any] = queue.Queue()

    def run() -> None:
        with optimizer.bind_thread_to_node(node):
            results.put(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results.get_nowait()


def lies_on(array: Any, node: int) -> bool:
    pages = numapool.where(array)
    return pages.evidence == "verified" and pages.pages_on == {node: pages.total}


@pytest.mark.parametrize("node", MEMORY)
@pytest.mark.parametrize("shape", [100, 5000, 300_000])
@pytest.mark.parametrize("bind", [None, "strict"])
def test_pages_lie_on_the_node_asked_for(node: int, shape: int, bind: str | None) -> None:
    pool = numapool.MemoryPool()
    for _ in range(3):
        array = pool.get_buffer(shape, numa_node=node, bind=bind)
        array[:] = 1
        assert lies_on(array, node), numapool.where(array)
        pool.return_buffer(array)
    assert all(check["elsewhere"] == check["unknown"] == 0 for check in pool.verify_placement())


def test_threads_can_be_bound_where_there_are_cpus_and_memory() -> None:
    optimizer = numapool.NUMAOptimizer(numapool.MemoryPool())
    assert set(optimizer.get_numa_nodes()) >= set(BOTH)


@pytest.mark.parametrize("node", BOTH)
def test_a_bound_thread_gets_its_own_nodes_memory_from_pool_and_system(node: int) -> None:
    pool = numapool.MemoryPool()

    def work() -> tuple[bool, bool]:
        pooled = pool.zeros(400_000)
        pooled[:] = 1
        # Fresh from the system: malloc may hand out memory that another node's thread touched.
        plain = np.frombuffer(mmap.mmap(-1, 1 << 21), np.uint8)
        plain[:] = 1
        return lies_on(pooled, node), lies_on(plain, node)

    assert on_node(node, work) == (True, True)


@needs_two
def test_what_a_loader_fills_on_one_node_never_serves_another() -> None:
    pool = numapool.MemoryPool()
    producer, consumer = BOTH[:2]

    def fill() -> list[Any]:
        batches = [pool.get_buffer((64, 8192)) for _ in range(4)]
        for batch in batches:
            batch[:] = 1
        return batches

    right = total = 0
    for _ in range(3):
        batches = on_node(producer, fill)

        def consume(batches: list[Any] = batches) -> int:
            while batches:
                pool.return_buffer(batches.pop())
            own = [pool.get_buffer((64, 8192)) for _ in range(4)]
            for array in own:
                array[:] = 2
            return sum(lies_on(array, consumer) for array in own)

        right += on_node(consumer, consume)
        total += 4
    print(f"numapool-vm: a loader's batches in Python: {right} of {total} lie on the consumer's node")
    assert right == total


@needs_two
def test_a_request_that_repeats_means_the_node_of_its_moment() -> None:
    pool = numapool.MemoryPool()
    first, second = BOTH[:2]

    def take(node: int | None, lies: int) -> int:
        array = pool.get_buffer(shape=(5000,), dtype=np.float32, numa_node=node)
        array[:] = 1
        assert lies_on(array, lies), numapool.where(array)
        pool.return_buffer(array)
        return id(array)

    def both() -> set[int]:
        arrays = [
            pool.get_buffer(shape=(5000,), dtype=np.float32, numa_node=node) for node in (first, second)
        ]
        for array in arrays:
            pool.return_buffer(array)
        return {id(array) for array in arrays}

    def here(node: int) -> set[int]:
        return {take(None, node) for _ in range(5)} | {take(node, node) for _ in range(5)}

    # Both nodes' arrays wait beside each other; each stays what it is, block and object.
    waiting = on_node(first, both)
    found = [on_node(node, lambda node=node: here(node)) for _ in range(3) for node in (first, second)]
    found += [on_node(first, lambda: {take(second, second) for _ in range(5)})]
    assert all(len(arrays) == 1 for arrays in found) and set.union(*found) == waiting, (waiting, found)
    figures = pool.get_statistics()
    assert figures["total_allocations"] == 67 and figures["cache_hits"] == 65
    nodes = figures["nodes"]
    assert nodes[first]["local_allocations"] == nodes[first]["allocations"] == 31
    assert nodes[second]["local_allocations"] == 30 and nodes[second]["allocations"] == 36


@needs_two
def test_a_view_answers_for_its_own_pages() -> None:
    pool = numapool.MemoryPool(huge_pages="never")
    first, second = BOTH[:2]
    array = pool.get_buffer((512, 4096), np.uint8, numa_node=numapool.Interleave([first, second]))
    array[:] = 1
    whole = numapool.where(array)
    assert whole.pages_on == {first: 256, second: 256}
    halves = [numapool.where(array[start::2]).pages_on for start in (0, 1)]
    assert sorted(list(half) for half in halves) == [[first], [second]]


@needs_two
def test_weights_deal_steps_of_two_mebibytes() -> None:
    pool = numapool.MemoryPool()
    first, second = BOTH[:2]
    array = pool.get_buffer(
        32 << 20, np.uint8, numa_node=numapool.Interleave([first, second], weights=[3, 1])
    )
    array[:] = 1
    pages = numapool.where(array)
    assert pages.pages_on[first] / pages.total == pytest.approx(0.75, abs=0.07)
    assert ((first, 3), (second, 1)) in pool.get_statistics()["interleaved"]


def test_other_numbers_are_refused_naming_the_nodes() -> None:
    pool = numapool.MemoryPool()
    wrong = next(number for number in range(1024) if number not in MEMORY)
    with pytest.raises(numapool.PoolValueError, match=str(MEMORY[0])):
        pool.get_buffer(10, numa_node=wrong)
