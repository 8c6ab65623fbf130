"""Owns a thread's relation to the nodes: which there are, binding to one, what a pool did on each."""

from __future__ import annotations

from .errors import PoolTypeError
from .pool import MemoryPool
from .statistics import NodeStatistics


class NUMAOptimizer:
    """NUMA helpers around one pool.

    Parameters
    ----------
    pool : MemoryPool
        The pool whose figures `get_numa_statistics` gives.
    """

    def __init__(self, pool: MemoryPool) -> None:
        if not isinstance(pool, MemoryPool):
            raise PoolTypeError(f"pool is a {type(pool).__name__}; a MemoryPool is needed")
        self.pool = pool

    def get_numa_nodes(self) -> list[int]:
        """Return the nodes that a thread can be bound to and memory taken from, ascending; at least one.

        Returns
        -------
        list of int
            Node numbers as the system has them; they may have gaps.
        """
        return self.pool._numa_nodes()

    def bind_thread_to_node(self, node: int) -> None:
        """Bind the calling thread to the CPUs of a node.

        Memory follows by itself: requests without a node are served from the node that the thread runs on.

        Parameters
        ----------
        node : int
            One of `get_numa_nodes`.

        Raises
        ------
        PoolValueError
            The node has no CPUs that this process may use.
        PlacementError
            The system refused.

        Notes
        -----
        Only the calling thread is bound, to those of the node's CPUs that the process was allowed when the first
        pool was made.
        """
        self.pool._bind_thread_to_node(node)

    def get_numa_statistics(self) -> dict[int, NodeStatistics]:
        """Return the pool's figures for each node of `get_numa_nodes`, also for those not used yet.

        Returns
        -------
        dict of int to NodeStatistics
            Among them ``allocations``, ``memory_usage_mb`` (MiB) and ``local_access_ratio``, the share of the node's
            arrays that were requested from a CPU of the same node.
        """
        figures = self.pool.get_statistics()["nodes"]
        return {node: figures[node] for node in self.get_numa_nodes()}
