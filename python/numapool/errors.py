"""Owns the package's exceptions; knows nothing of what raises them."""

from __future__ import annotations


class PoolError(Exception):
    """What all errors of this package have in common.

    Each concrete one also derives from the built-in exception that a Python user expects. A refused call hands out
    nothing and leaves the pool's statistics as they were.
    """


class PoolValueError(PoolError, ValueError):
    """A bad shape, node, option or alignment; an array that cannot be returned here."""


class PoolTypeError(PoolError, TypeError):
    """A dtype that holds Python objects, or an argument of the wrong kind."""


class PoolMemoryError(PoolError, MemoryError):
    """The pool's limit or the system's memory is exhausted, also after idle memory was given back."""


class PoolClosedError(PoolError, RuntimeError):
    """The pool is closed."""


class PlacementError(PoolError, OSError):
    """Strict binding was asked for and a page is not on its node, or a thread could not be bound."""
