"""Owns the process's default pool and the NumPy-like functions that use it."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from .pool import MemoryPool

_lock = threading.Lock()
_pool: MemoryPool | None = None


def _renew_lock() -> None:
    # In a forked child whoever held the lock does not exist.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def default_pool() -> MemoryPool:
    """Return the pool behind `empty`, `zeros` and `empty_like`; made at the first call.

    It serves the whole process: do not close it.

    Returns
    -------
    MemoryPool
    """
    global _pool
    if _pool is None:
        with _lock:
            if _pool is None:
                _pool = MemoryPool(name="default")
    return _pool


def empty(shape: Any, dtype: Any = np.float64, order: str = "C") -> np.ndarray[Any, Any]:
    """Return an uninitialised array from the default pool; see `MemoryPool.empty`."""
    return default_pool().empty(shape, dtype, order)


def zeros(shape: Any, dtype: Any = np.float64, order: str = "C") -> np.ndarray[Any, Any]:
    """Return an array of zeros from the default pool; see `MemoryPool.zeros`."""
    return default_pool().zeros(shape, dtype, order)


def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> np.ndarray[Any, Any]:
    """Return an uninitialised array like another from the default pool; see `MemoryPool.empty_like`."""
    return default_pool().empty_like(prototype, dtype, order, subok, shape)
