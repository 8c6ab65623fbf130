"""Owns a thread's relation to the nodes: which there are, binding to one, what a pool did on each."""

from __future__ import annotations

import operator
from types import TracebackType

from . import _core
from .errors import PoolTypeError, PoolValueError
from .pool import MemoryPool
from .statistics import NodeStatistics


class ThreadBinding:
    """A binding of one thread to a node; `NUMAOptimizer.bind_thread_to_node` makes it.

    The binding stays when this object goes. Bindings nest: undoing one brings back exactly what the thread had before
    it.
    """

    __slots__ = ("_binding",)

    def __init__(self, binding: _core.NodeBinding) -> None:
        self._binding = binding

    @property
    def node(self) -> int:
        """int: The node."""
        return self._binding.node

    @property
    def cpus(self) -> list[int]:
        """List of int: The CPUs that the thread was bound to, ascending."""
        return self._binding.cpus

    @property
    def note(self) -> str:
        """str: What of a launcher's settings was respected, or what the system refused; empty if nothing was."""
        return self._binding.note

    def undo(self) -> None:
        """Bring back the CPUs and the memory policy from before; a second call does nothing.

        Bindings that were made since end with it, except those whose ``with`` block still runs.

        Raises
        ------
        PlacementError
            Another thread than the bound one calls, or the system refused; the binding stays.
        """
        self._binding.undo()

    def __enter__(self) -> ThreadBinding:
        """Return the binding; leaving the ``with`` block undoes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Undo the binding."""
        self.undo()

    def __repr__(self) -> str:
        """Return the node, the CPUs and the note."""
        cpus = ", ".join(map(str, self.cpus))
        return f"<ThreadBinding: node {self.node}, CPUs {cpus}{f'; {self.note}' if self.note else ''}>"


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

    def bind_thread_to_node(self, node: int) -> ThreadBinding:
        """Bind the calling thread to a node: to its CPUs, and memory that no other policy covers to its memory.

        What a launcher (``taskset``, ``numactl``, ``mpirun``, a cpuset) left to the process is never widened: the
        thread gets those of the node's CPUs that the process was allowed when the library first looked, and a memory
        policy that the process was started with stays.

        Parameters
        ----------
        node : int
            One of `get_numa_nodes`.

        Returns
        -------
        ThreadBinding
            The binding stays unless it is undone: by its ``undo()``, at the end of a ``with`` block around it, or by
            `unbind_thread`.

        Raises
        ------
        PoolValueError
            The node does not exist or has no CPUs that this process may use; the message names those that have.
        PlacementError
            The system refused to bind the CPUs. Where it refuses the memory policy only, the CPUs are bound, and
            ``note`` says so.

        Examples
        --------
        >>> optimizer = NUMAOptimizer(MemoryPool())
        >>> with optimizer.bind_thread_to_node(0) as binding:
        ...     local = np.zeros(1_000_000)
        """
        number = operator.index(node)
        if not 0 <= number < 1024:
            raise PoolValueError(f"node is {number}; nodes are numbered 0 to 1023")
        return ThreadBinding(_core.bind_thread(number))

    def unbind_thread(self) -> None:
        """Bring back the CPUs and the memory policy that the calling thread had before its first binding.

        Nothing happens if it was not bound.

        Raises
        ------
        PlacementError
            The system refused.
        """
        _core.unbind_thread()

    def get_numa_statistics(self) -> dict[int, NodeStatistics]:
        """Return the pool's figures for each node of `get_numa_nodes`, used yet or not, and for nodes without CPUs.

        Returns
        -------
        dict of int to NodeStatistics
            Among them ``allocations``, ``memory_usage_mb`` (MiB) and ``local_access_ratio``, the share of the node's
            arrays that were requested from a CPU of the same node.
        """
        return self.pool.get_statistics()["nodes"]
