"""Owns which bytes an object's elements take; knows nothing of where their pages lie."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import PoolTypeError, PoolValueError

Ranges = npt.NDArray[np.uint64]
"""Rows of address and bytes."""


class Layout(NamedTuple):
    """Where an object's elements are: ``address`` is the first one's, ``strides`` are in bytes."""

    address: int
    shape: Sequence[int]
    strides: Sequence[int]
    itemsize: int


def layout_of(thing: Any) -> Layout:
    """Return where the elements of an array, tensor, buffer or ``(address, size)`` pair are.

    Raises
    ------
    PoolTypeError
        The object gives no access to memory of this machine.
    PoolValueError
        The pair has a negative number, or one that no address could be.
    """
    if isinstance(thing, np.ndarray):
        return _of_ndarray(thing)
    if isinstance(thing, tuple):
        return _of_pair(thing)
    try:
        return _of_foreign(thing)
    except (TypeError, ValueError, BufferError, RuntimeError, NotImplementedError) as error:
        if isinstance(error, PoolTypeError):
            raise
        raise PoolTypeError(
            f"{type(thing).__name__} gives no access to its memory ({error}); an array, a tensor, a buffer or "
            "an (address, size) pair is needed"
        ) from error


def _of_ndarray(array: np.ndarray[Any, Any]) -> Layout:
    return Layout(array.__array_interface__["data"][0], array.shape, array.strides, array.itemsize)


def _of_pair(pair: tuple[Any, ...]) -> Layout:
    try:
        address, size = (operator.index(number) for number in pair)
    except (TypeError, ValueError) as error:
        raise PoolTypeError(f"{pair!r} is no pair of integers; (address, size) in bytes is needed") from error
    if not 0 <= address < 2**64 or not 0 <= size < 2**63:
        raise PoolValueError(
            f"address {address} and size {size}; 0 to 2^64 - 1 and 0 to 2^63 - 1 are possible"
        )
    return Layout(address, (size,), (1,), 1)


def _of_foreign(thing: Any) -> Layout:
    if all(hasattr(thing, name) for name in ("data_ptr", "stride", "element_size", "device", "shape")):
        return _of_tensor(thing)
    if hasattr(thing, "__cuda_array_interface__"):
        raise _elsewhere(thing, "a GPU")
    if hasattr(thing, "__array_interface__") and not isinstance(thing, np.generic):
        # An interface may also hand out bytes made for the occasion, which say nothing of the object's own.
        if not isinstance(thing.__array_interface__.get("data"), tuple):
            raise TypeError("its __array_interface__ names no address")
        return _of_ndarray(np.asarray(thing))
    if hasattr(thing, "__dlpack__"):
        device = int(thing.__dlpack_device__()[0])
        if device != 1:
            raise _elsewhere(thing, f"a device of DLPack's kind {device}")
        return _of_ndarray(np.from_dlpack(thing))
    return Layout(*_core.buffer_layout(thing))


def _of_tensor(tensor: Any) -> Layout:
    # Asked by its methods, not by a protocol: those refuse bfloat16 or tensors that require a gradient.
    if tensor.device.type != "cpu":
        raise _elsewhere(tensor, tensor.device)
    itemsize = tensor.element_size()
    strides = [step * itemsize for step in tensor.stride()]
    return Layout(tensor.data_ptr(), tuple(tensor.shape), strides, itemsize)


def _elsewhere(thing: Any, device: object) -> PoolTypeError:
    return PoolTypeError(
        f"{type(thing).__name__} is on {device}, whose memory has no nodes; copy it to the CPU first"
    )


def byte_ranges(layout: Layout, page_bytes: int) -> Ranges:
    """Return byte ranges that overlap exactly the pages which the elements overlap, ascending, without overlap.

    There are never more of them than pages, however many elements there are, and never are many more looked at.
    Gaps between elements of less than a page are filled: no page can lie in one.

    Parameters
    ----------
    layout : Layout
    page_bytes : int

    Returns
    -------
    numpy.ndarray
        Rows of address and bytes, of dtype uint64.
    """
    address, shape, strides, itemsize = layout
    if itemsize == 0 or 0 in shape:
        return np.empty((0, 2), np.uint64)
    axes = []
    for extent, stride in zip(shape, strides, strict=True):
        if stride < 0:
            address += (extent - 1) * stride
        if extent > 1 and stride != 0:
            axes.append((abs(stride), extent))
    # Offsets from the lowest element on, ascending; gaps between them are of a page or more.
    starts = np.zeros(1, np.int64)
    ends = np.full(1, itemsize, np.int64)
    for stride, extent in sorted(axes):
        starts, ends = _repeat(starts, ends, stride, extent, page_bytes)
    ranges = np.empty((len(starts), 2), np.uint64)
    ranges[:, 0] = starts.astype(np.uint64) + np.uint64(address)
    ranges[:, 1] = ends - starts
    return ranges


_Offsets = npt.NDArray[np.int64]


def _repeat(
    starts: _Offsets, ends: _Offsets, stride: int, extent: int, page_bytes: int
) -> tuple[_Offsets, _Offsets]:
    """Return the ranges together with `extent` - 1 copies of them, each `stride` bytes behind the one before."""
    span = int(ends[-1])  # the first start is 0
    if len(starts) == 1 and stride - span < page_bytes:
        return starts, ends + (extent - 1) * stride
    if stride >= span:  # the copies do not overlap
        steps = np.arange(extent, dtype=np.int64)[:, np.newaxis] * stride
        return _merge((steps + starts).ravel(), (steps + ends).ravel(), page_bytes)
    # Overlapping ones, as of sliding windows, are doubled and merged, so that duplicates never pile up.
    copies = 1
    while copies < extent:
        step = min(copies, extent - copies)
        starts, ends = _merge(
            np.concatenate([starts, starts + step * stride]),
            np.concatenate([ends, ends + step * stride]),
            page_bytes,
        )
        copies += step
    return starts, ends


def _merge(starts: _Offsets, ends: _Offsets, page_bytes: int) -> tuple[_Offsets, _Offsets]:
    """Return the ranges ascending, with gaps of less than a page filled."""
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    ends = np.maximum.accumulate(ends[order])
    apart = starts[1:] - ends[:-1] >= page_bytes
    return starts[np.concatenate([[True], apart])], ends[np.concatenate([apart, [True]])]
