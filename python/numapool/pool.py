"""Owns the pool as Python users see it; its hot methods are compiled, in `_core`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np

from ._core import PageMap, PoolBase, with_own_methods, workload_options
from .errors import PoolValueError
from .placement import Interleave, where


@with_own_methods
class MemoryPool(PoolBase):
    """A NUMA-aware pool of array memory.

    A returned array's memory is handed out again without a page fault, always on the node that it came from.

    Parameters
    ----------
    max_buffers : int, optional
        How many idle buffers of more than 1 MiB each node keeps; what is idle beyond it gives its pages back to the
        system when no request had need of it for half a second. Of smaller ones threads keep twice this many MiB ready
        on each node. Arrays that are out are not limited.
    numa_aware : bool, optional
        False: one arena for all nodes, `numa_node` is accepted and ignored.
    enable_monitoring : bool, optional
        False: counters that only monitoring keeps stay 0; no statistics key goes away.
    cleanup_threshold : float, optional
        The share of the memory limit, 0.0 to 1.0, from which a pressure monitor has the pool give idle memory back.
    name : str, optional
        What the pool is called in statistics and messages; ``pool-N`` by default.
    max_bytes : int, optional
        The most bytes that the pool may hold, live and idle together.
    max_idle_bytes : int, optional
        Bounds idle memory by bytes over all nodes, in place of `max_buffers` for large buffers. What is free in a slab
        of which other blocks are live or kept ready cannot be given back and may pass it by some slabs.
    bind : {'none', 'advisory', 'strict'}, optional
        How hard to try to have pages on the node asked for. Strict looks every page up before the array is handed out.
    huge_pages : {'auto', 'never', 'always'}, optional
        Which memory asks for transparent huge pages; auto: large arrays.
    zero_on_return : bool, optional
        Overwrite every buffer with zeros before anyone else can hold it.
    movable : bool, optional
        Whether idle pages may be moved to other addresses, to make one long buffer of several short ones' memory. False
        where arrays are registered for RDMA, MPI or CUDA, or shared with other processes.

    Raises
    ------
    PoolValueError
        An option, or an environment variable, is outside its range.

    Notes
    -----
    All methods may be called from any thread. A forked child may use its copy of the pool. Arrays outlive the pool.
    The variables ``NUMAPOOL_MAX_BYTES``, ``NUMAPOOL_BIND``, ``NUMAPOOL_HUGE_PAGES`` and ``NUMAPOOL_DISABLE`` apply to
    every pool; ``numapool options`` lists them.

    Examples
    --------
    >>> pool = MemoryPool()
    >>> batch = pool.get_buffer(shape=(32, 224, 224, 3), dtype=np.float32)
    >>> batch[:] = 0.5
    >>> pool.return_buffer(batch)
    """

    def __init__(
        self,
        max_buffers: int = 32,
        numa_aware: bool = True,
        enable_monitoring: bool = True,
        cleanup_threshold: float = 0.8,
        *,
        name: str | None = None,
        max_bytes: int | None = None,
        max_idle_bytes: int | None = None,
        bind: str = "advisory",
        huge_pages: str = "auto",
        zero_on_return: bool = False,
        movable: bool = True,
    ) -> None:
        super().__init__(
            max_buffers,
            numa_aware,
            enable_monitoring,
            cleanup_threshold,
            name=name,
            max_bytes=max_bytes,
            max_idle_bytes=max_idle_bytes,
            bind=bind,
            huge_pages=huge_pages,
            zero_on_return=zero_on_return,
            movable=movable,
        )

    @classmethod
    def for_workload(cls, workload: str = "default") -> MemoryPool:
        """Make a pool with the options that suit a kind of work.

        Parameters
        ----------
        workload : {'default', 'inference', 'training', 'batch_processing'}
            Inference: 64 buffers a tier, monitoring off. Training: 256, cleans up early. Batch processing: 512.

        Returns
        -------
        MemoryPool

        Raises
        ------
        PoolValueError
            An unknown kind.
        """
        options = workload_options(workload)
        if options is None:
            raise PoolValueError(
                f"workload is {workload!r}; 'default', 'inference', 'training' or 'batch_processing' is needed"
            )
        return cls(**options)

    @contextmanager
    def buffer(
        self, shape: Any, dtype: Any = np.float64, numa_node: int | Interleave | None = None, **options: Any
    ) -> Iterator[np.ndarray[Any, Any]]:
        """Hand out an array for the length of a ``with`` block, and take it back at its end.

        The name after ``as`` lives on behind the block, and while it does the memory is not reused.

        Parameters
        ----------
        shape, dtype, numa_node, **options
            As for `get_buffer`.

        Yields
        ------
        numpy.ndarray
        """
        array = self.get_buffer(shape, dtype, numa_node, **options)
        try:
            yield array
        finally:
            self.return_buffer(array)

    def empty(self, shape: Any, dtype: Any = np.float64, order: str = "C") -> np.ndarray[Any, Any]:
        """Return an uninitialised array, as `numpy.empty` does.

        Parameters
        ----------
        shape, dtype, order
            As for `numpy.empty`; `order` is ``'C'`` or ``'F'``.

        Returns
        -------
        numpy.ndarray
            It goes back to the pool when it is dropped, or earlier by `return_buffer`.
        """
        return self.get_buffer(shape, dtype, order=order)

    def zeros(self, shape: Any, dtype: Any = np.float64, order: str = "C") -> np.ndarray[Any, Any]:
        """Return an array of zeros, as `numpy.zeros` does; parameters and result as for `empty`."""
        return self.get_buffer(shape, dtype, order=order, zeroed=True)

    def empty_like(
        self, prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
    ) -> np.ndarray[Any, Any]:
        """Return an uninitialised array with the shape and dtype of another, as `numpy.empty_like` does.

        Parameters
        ----------
        prototype : array_like
            What to take shape, dtype and order from.
        dtype : data-type, optional
            Overrides the dtype.
        order : {'C', 'F', 'A', 'K'}, optional
            ``'A'`` and ``'K'`` give column-major for a column-major prototype, else row-major: a pooled array is always
            contiguous.
        subok : bool, optional
            Accepted for NumPy's sake; the result is a plain ndarray.
        shape : int or sequence of int, optional
            Overrides the shape.

        Returns
        -------
        numpy.ndarray
        """
        if order not in ("C", "F", "A", "K"):
            raise PoolValueError(f"order is {order!r}; 'C', 'F', 'A' or 'K' is needed")
        like = prototype if isinstance(prototype, np.ndarray) else np.asarray(prototype)
        wanted = like.shape if shape is None else shape
        if order in ("A", "K"):
            same_rank = order == "A" or like.ndim == len(np.atleast_1d(wanted))
            order = "F" if same_rank and like.flags.f_contiguous and not like.flags.c_contiguous else "C"
        return self.get_buffer(wanted, like.dtype if dtype is None else dtype, order=order)

    def where(self, array: Any) -> PageMap:
        """Look up on which node every page of an array lies; the same as `numapool.where`."""
        return where(array)

    def __enter__(self) -> MemoryPool:
        """Return the pool; leaving the ``with`` block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the pool."""
        self.close()

    def __repr__(self) -> str:
        """Return the pool's name and what it holds."""
        figures = self.get_statistics()
        state = "closed, " if self.closed else ""
        return (
            f"<MemoryPool {figures['name']!r}: {state}{figures['memory_usage_mb']:.1f} MiB held, "
            f"{figures['live_buffers']} live, hit ratio {figures['cache_hit_ratio']:.1%}>"
        )
