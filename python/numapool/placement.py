"""Owns what a caller may say about where an array's pages lie, and the question where they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import _core
from ._core import PageMap
from .errors import PoolValueError
from .memory_layout import byte_ranges, layout_of


class Interleave:
    """Pages dealt in turn over several nodes.

    Parameters
    ----------
    nodes : iterable of int
        Node numbers; order and repeats do not matter. A process can use 64 distinct sets.
    weights : iterable of int, optional
        One for each node, 1 to 255, no node twice: memory is then dealt in steps of 2 MiB, of which each node gets as
        many in a round as it weighs. An array that is small against a round lies on few nodes.

    Raises
    ------
    PoolValueError
        Weights that are not as many as the nodes, or for a node that is named twice.

    Examples
    --------
    >>> pool = MemoryPool()
    >>> shared = pool.get_buffer((1024, 1024), numa_node=Interleave([0]))
    >>> Interleave([0, 1], weights=[3, 1])
    Interleave([0, 1], weights=[3, 1])
    """

    __slots__ = ("nodes", "weights")

    def __init__(self, nodes: Iterable[int], weights: Iterable[int] | None = None) -> None:
        numbers = [int(node) for node in nodes]
        shares = [] if weights is None else [int(weight) for weight in weights]
        if weights is not None and (len(shares) != len(numbers) or len(set(numbers)) != len(numbers)):
            raise PoolValueError(
                f"weights {shares} for nodes {numbers}; one for each node, and each node once, is needed"
            )
        order = sorted(range(len(numbers)), key=numbers.__getitem__) if shares else []
        self.nodes = tuple(sorted(set(numbers)))
        self.weights = tuple(shares[i] for i in order)

    def __repr__(self) -> str:
        """Return the call that makes this value."""
        return f"Interleave({list(self.nodes)}{f', weights={list(self.weights)}' if self.weights else ''})"

    def __eq__(self, other: object) -> bool:
        """Compare by the set of nodes and their weights."""
        return isinstance(other, Interleave) and (self.nodes, self.weights) == (other.nodes, other.weights)

    def __hash__(self) -> int:
        """Hash by the set of nodes and their weights."""
        return hash((self.nodes, self.weights))


def where(array: Any) -> PageMap:
    """Look up on which node every page of an array lies.

    Parameters
    ----------
    array : array, tensor, buffer, or tuple of int
        Pooled or not: a NumPy array, a PyTorch tensor of any dtype on the CPU, any object with the buffer,
        ``__array_interface__`` or DLPack protocol, or ``(address, size)`` in bytes. A view answers for the pages that
        its own elements are on.

    Returns
    -------
    PageMap
        ``pages_on`` (dict of node to pages), ``absent`` (without memory behind them), ``unknown``, and ``evidence``:
        ``"verified"`` if the kernel told of every single page, ``"by mapping"`` if some of it follows from what the
        kernel counts for whole mappings, ``"unverified"`` if some pages are unknown. Nothing is guessed. The repr is
        short, for instance ``{1: 4883 pages} verified``.

    Raises
    ------
    PoolTypeError
        The object gives no access to memory on this machine, or lies on a device.
    PoolValueError
        The range passes the end of the address space.

    Notes
    -----
    Any thread may call this. Nothing is faulted in. Costs about 0.1 microseconds a page.

    Examples
    --------
    >>> column = np.ones((1000, 4096))[:, 0]
    >>> where(column).total
    1000
    """
    return _core.where(byte_ranges(layout_of(array), _core.PAGE_BYTES))
