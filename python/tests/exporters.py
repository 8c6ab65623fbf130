"""Owns the ways to look at an array's bytes that outlive its name; knows nothing of pools."""

from __future__ import annotations

import ctypes
import pickle
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

import numpy as np
import pytest

Array = np.ndarray[Any, Any]


class Described:
    """An object that NumPy reads by its `__array_interface__`."""

    def __init__(self, array: Array) -> None:
        self.__array_interface__ = array.__array_interface__
        self.array = array


def out_of_band(array: Array) -> Any:
    """Return an array that pickle made over another's memory."""
    buffers: list[Any] = []
    return pickle.loads(pickle.dumps(array, 5, buffer_callback=buffers.append), buffers=buffers)


def traceback_of(array: Array) -> TracebackType | None:
    """Return a traceback, one of whose frames has the array as a local variable."""
    try:
        raise KeyError(array.nbytes)
    except KeyError:
        return sys.exc_info()[2]


def suspended(array: Array) -> Any:
    """Return a generator that waits with the array as a local variable."""

    def generator(held: Array) -> Any:
        yield
        yield held

    waiting = generator(array)
    next(waiting)
    return waiting


def torch_tensor(array: Array) -> Any:
    return pytest.importorskip(
        "torch", reason="PyTorch is not installed; tools/setup torch does it"
    ).from_numpy(array)


EXPORTERS: dict[str, Callable[[Array], Any]] = {
    "view": lambda a: a[..., 1:],
    "memoryview": memoryview,
    "part of a memoryview": lambda a: memoryview(a)[1:],
    "cast of a memoryview": lambda a: memoryview(a).cast("B"),
    "frombuffer": lambda a: np.frombuffer(a, np.uint8),
    "ndarray over the buffer": lambda a: np.ndarray((a.nbytes,), np.uint8, buffer=a),
    "PickleBuffer": pickle.PickleBuffer,
    "raw PickleBuffer": lambda a: pickle.PickleBuffer(a).raw(),
    "out-of-band pickle": out_of_band,
    "dlpack capsule": lambda a: a.__dlpack__(),
    "from_dlpack": np.from_dlpack,
    "array interface": lambda a: np.asarray(Described(a)),
    "array struct": lambda a: a.__array_struct__,
    "flat iterator": lambda a: a.flat,
    "ctypes pointer": lambda a: a.ctypes.data_as(ctypes.c_void_p),
    "ctypes from_buffer": lambda a: (ctypes.c_ubyte * a.nbytes).from_buffer(a),
    "ctypeslib": np.ctypeslib.as_ctypes,
    "the owner": lambda a: a.base,
    "memoryview of the owner": lambda a: memoryview(a.base),
    "strides": lambda a: np.lib.stride_tricks.as_strided(a, (2,), (0,)),
    "broadcast": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "masked array": lambda a: np.ma.masked_array(a),
    "nditer": lambda a: np.nditer(a),
    "bound method": lambda a: a.sum,
    "traceback": traceback_of,
    "generator": suspended,
}
