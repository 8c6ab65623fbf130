"""Owns what a caller may say about where an array's pages lie, and the question where they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import _core
from ._core import PageMap
from .errors import PoolTypeError


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
    array : numpy.ndarray, or an object with the buffer, ``__array_interface__`` or DLPack protocol
        Pooled or not. A view answers for the pages between its first and last byte.

    Returns
    -------
    PageMap
        ``pages_on`` (dict of node to pages), ``absent`` and ``unknown``; its repr is short. Pages without memory
        behind them are absent, those that the kernel would not tell about are unknown: nothing is guessed.

    Raises
    ------
    PoolTypeError
        The object gives no access to memory on this machine.

    Notes
    -----
    Any thread may call this. Nothing is faulted in. Costs about 0.1 microseconds a page.
    """
    viewed = _as_array(array)
    if viewed.nbytes == 0:
        return _core.where(0, 0)
    first = last = viewed.__array_interface__["data"][0]
    for extent, stride in zip(viewed.shape, viewed.strides, strict=True):
        if stride < 0:
            first += (extent - 1) * stride
        else:
            last += (extent - 1) * stride
    return _core.where(first, last + viewed.itemsize - first)


def _as_array(array: Any) -> np.ndarray[Any, Any]:
    if isinstance(array, np.ndarray):
        return array
    try:
        if hasattr(array, "__array_interface__"):
            return np.asarray(array)
        if hasattr(array, "__dlpack__"):
            return np.from_dlpack(array)
        return np.frombuffer(array, dtype=np.uint8)
    except (TypeError, ValueError, BufferError, RuntimeError) as error:
        kind = type(array).__name__
        raise PoolTypeError(
            f"{kind} gives no access to its memory ({error}); an array, tensor or buffer is needed"
        ) from error
