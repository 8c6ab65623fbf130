"""Owns what one can do with an array that a pool handed out: ways back, copies, changes in place."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

COPIES: dict[str, Callable[[Array], Array]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda a: pickle.loads(pickle.dumps(a)),
    "pickle 5": lambda a: pickle.loads(pickle.dumps(a, 5)),
}
# Of the very array that was handed out, or what leads back to it.
RETURNS: dict[str, Callable[[Array], Any]] = {
    "array": lambda a: a,
    "view": lambda a: a[...],
    "transpose": lambda a: a.T,
    "new axis": lambda a: a[None, ..., None],
    "reshape": lambda a: a.ravel(order="K"),
    "bytes": lambda a: a.ravel(order="K").view(np.uint8),
    "memoryview": memoryview,
    "array of a memoryview": lambda a: np.asarray(memoryview(a)),
    "subclass": lambda a: a.view(np.matrix) if a.ndim == 2 else a.view(np.recarray),
    "strides": lambda a: np.lib.stride_tricks.as_strided(a),
}
CHANGES: dict[str, Callable[[Array], None]] = {
    "shape": lambda a: setattr(a, "shape", (-1,) if a.flags.c_contiguous else a.shape[::-1]),
    "dtype": lambda a: setattr(a, "dtype", a.dtype.newbyteorder()),
    "bytes": lambda a: setattr(a, "dtype", np.dtype(("V", a.itemsize))),
    "strides": lambda a: setattr(a, "strides", a.strides),
    "flags": lambda a: a.setflags(align=False),
}
