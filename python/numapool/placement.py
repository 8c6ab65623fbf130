"""Owns what a caller may say about where an array's pages lie, and the question where they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import _core
from ._core import PageMap
from .memory_layout import byte_ranges, layout_of


class Interleave:
    """Pages dealt in turn over several nodes.

    Parameters
    ----------
    nodes : iterable of int
        Node numbers; order and repeats do not matter. A process can use 64 distinct sets.

    Examples
    --------
    >>> pool = MemoryPool()
    >>> shared = pool.get_buffer((1024, 1024), numa_node=Interleave([0]))
    """

    __slots__ = ("nodes",)

    def __init__(self, nodes: Iterable[int]) -> None:
        self.nodes = tuple(sorted({int(node) for node in nodes}))

    def __repr__(self) -> str:
        """Return the call that makes this value."""
        return f"Interleave({list(self.nodes)})"

    def __eq__(self, other: object) -> bool:
        """Compare by the set of nodes."""
        return isinstance(other, Interleave) and self.nodes == other.nodes

    def __hash__(self) -> int:
        """Hash by the set of nodes."""
        return hash(self.nodes)


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
