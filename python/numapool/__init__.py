"""A NUMA-aware memory pool for the arrays of machine-learning and numerical programs."""

from ._core import PageMap, __version__, current_node
from .aligned import AlignedAllocator
from .default_pool import default_pool, empty, empty_like, zeros
from .errors import (
    PlacementError,
    PoolClosedError,
    PoolError,
    PoolMemoryError,
    PoolTypeError,
    PoolValueError,
)
from .numa import NUMAOptimizer, ThreadBinding
from .placement import Interleave, where
from .pool import MemoryPool
from .statistics import Eviction, NodeStatistics, PlacementCheck, Statistics, TierStatistics

__all__ = [
    "AlignedAllocator",
    "Eviction",
    "Interleave",
    "MemoryPool",
    "NUMAOptimizer",
    "NodeStatistics",
    "PageMap",
    "PlacementCheck",
    "PlacementError",
    "PoolClosedError",
    "PoolError",
    "PoolMemoryError",
    "PoolTypeError",
    "PoolValueError",
    "Statistics",
    "ThreadBinding",
    "TierStatistics",
    "__version__",
    "current_node",
    "default_pool",
    "empty",
    "empty_like",
    "where",
    "zeros",
]
