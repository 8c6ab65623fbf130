"""Owns allocation with one fixed alignment from a pool."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import PoolTypeError, PoolValueError
from .pool import MemoryPool

_LARGEST = 2**30


class AlignedAllocator:
    """Hands out arrays of a pool that all start at a multiple of one number of bytes.

    Parameters
    ----------
    alignment : int
        Bytes, a power of two up to 2**30. Every pooled array is aligned to 64 bytes at least.
    memory_pool : MemoryPool
        Where the memory comes from.

    Raises
    ------
    PoolValueError
        The alignment is no power of two in that range.
    """

    def __init__(self, alignment: int, memory_pool: MemoryPool) -> None:
        if not isinstance(memory_pool, MemoryPool):
            raise PoolTypeError(f"memory_pool is a {type(memory_pool).__name__}; a MemoryPool is needed")
        if not isinstance(alignment, int):
            raise PoolTypeError(f"alignment is {alignment!r}; an integer is needed")
        if alignment <= 0 or alignment & (alignment - 1) or alignment > _LARGEST:
            raise PoolValueError(f"alignment is {alignment}; a power of two from 1 to {_LARGEST} is needed")
        self.alignment = alignment
        self.memory_pool = memory_pool

    def allocate_aligned(self, shape: Any, dtype: Any = np.float64) -> np.ndarray[Any, Any]:
        """Return an array whose first byte is at a multiple of `alignment`.

        Parameters
        ----------
        shape : int or sequence of int
            The array's shape.
        dtype : data-type, optional
            Any dtype of plain bytes.

        Returns
        -------
        numpy.ndarray
            Contents are undefined. Errors are those of `MemoryPool.get_buffer`.
        """
        return self.memory_pool.get_buffer(shape, dtype, alignment=self.alignment)

    def deallocate_aligned(self, array: np.ndarray[Any, Any]) -> None:
        """Give the array back; see `MemoryPool.return_buffer`."""
        self.memory_pool.return_buffer(array)
