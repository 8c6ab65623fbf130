"""Shows: one thread for each NUMA node, each working in its own node's memory, and where every page really lies.

On a machine with one node there is one thread.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import numapool
import numpy as np

pool = numapool.MemoryPool(name="numa-threads")
optimizer = numapool.NUMAOptimizer(pool)


def work(node: int) -> str:
    """Fill and average 19 MiB on one node."""
    # Without numa_node the memory comes from the node that the thread runs on.
    with bound_to(node), pool.buffer((5000, 1000), np.float32, numa_node=node) as rows:
        rows[:] = np.arange(1000) % 100
        return f"node {node}: mean {rows.mean():.2f}, pages on {numapool.where(rows)}"


def bound_to(node: int) -> AbstractContextManager[object]:
    """Bind the thread for the length of a block."""
    try:
        binding = optimizer.bind_thread_to_node(node)
    except numapool.PlacementError as error:
        # A sandbox may forbid binding; the request names the node, so its memory is right anyway.
        print(f"node {node}: not bound: {error}")
        return nullcontext()
    print(binding)
    return binding


nodes = optimizer.get_numa_nodes()
print(f"{len(nodes)} node(s) to work on")
with ThreadPoolExecutor(max_workers=len(nodes)) as threads:
    for line in threads.map(work, nodes):
        print(line)

for node, statistics in optimizer.get_numa_statistics().items():
    print(
        f"node {node}: {statistics['allocations']} allocation(s), {statistics['memory_usage_mb']:.1f} MiB held, "
        f"{statistics['local_access_ratio']:.0%} requested from a CPU of the node"
    )
