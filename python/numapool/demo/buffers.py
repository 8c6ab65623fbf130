"""Where the job's temporaries come from: NumPy's own allocation, or a pool.

Owns the one difference between the two sides of the demo. Both offer ``take`` and ``give_back``; whoever gives
an array back also drops its name, so that either side may reuse or free the memory.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import numapool


class Buffers(Protocol):
    """A source of uninitialised arrays."""

    def take(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        """Return an array whose contents are undefined."""

    def give_back(self, array: Any) -> None:
        """Take an array back; the caller drops its name."""


class PlainBuffers:
    """What a NumPy program does without a pool: ``np.empty``, and dropping the name."""

    def take(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        """Return a new array."""
        return np.empty(shape, dtype)

    def give_back(self, array: Any) -> None:
        """Do nothing: the memory is freed when the caller drops the name."""


class PooledBuffers:
    """The same through a pool."""

    def __init__(self, pool: numapool.MemoryPool) -> None:
        self._pool = pool

    def take(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        """Return a buffer of the pool."""
        return self._pool.get_buffer(shape, dtype)

    def give_back(self, array: Any) -> None:
        """Return the buffer to the pool."""
        self._pool.return_buffer(array)


class WatchedBuffers:
    """Another source of buffers, and how much memory the process holds while they are in use.

    Attributes
    ----------
    live : list of int
        Bytes of the arrays in use, sampled each time before one is given back, when all have been written.
    resident : list of int
        Bytes of the process in physical memory at the same moments.
    """

    def __init__(self, source: Buffers) -> None:
        self._source = source
        self._in_use = 0
        self.live: list[int] = []
        self.resident: list[int] = []

    def take(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        """Return an array of the source."""
        array = self._source.take(shape, dtype)
        self._in_use += array.nbytes
        return array

    def give_back(self, array: Any) -> None:
        """Take a sample, then give the array back to the source."""
        self.sample()
        self._in_use -= array.nbytes
        self._source.give_back(array)

    def sample(self) -> None:
        """Note what is in use and what the process holds."""
        self.live.append(self._in_use)
        self.resident.append(resident_bytes())


def resident_bytes() -> int:
    """Return this process's bytes in physical memory, as the kernel counts them."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
