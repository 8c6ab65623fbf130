"""Owns: checks that Python's arrays lie on the nodes that they were asked for, whatever nodes the machine has."""

from pathlib import Path

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


@pytest.mark.parametrize("node", nodes_that_have("memory"))
@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_pages_lie_on_the_node_asked_for(node: int, dtype: type) -> None:
    pool = numapool.MemoryPool()
    array = pool.get_buffer(1 << 20, dtype=dtype, numa_node=node)
    array[:] = 1
    pages = numapool.where(array)
    assert pages.pages_on == {node: pages.total}


def test_threads_can_be_bound_where_there_are_cpus_and_memory() -> None:
    optimizer = numapool.NUMAOptimizer(numapool.MemoryPool())
    both = set(nodes_that_have("memory")) & set(nodes_that_have("cpu"))
    assert set(optimizer.get_numa_nodes()) >= both
