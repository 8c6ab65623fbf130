"""Owns the names and types of every figure that a pool tells; knows nothing of how they are counted."""

from __future__ import annotations

from typing import TypedDict


class TierStatistics(TypedDict):
    """One tier: small (< 1 KiB), medium (to 1 MiB) or large, by the size of the block that holds the array."""

    #: Requests served.
    allocations: int
    #: Arrays handed out and not yet back, and the bytes of their blocks.
    live_buffers: int
    live_bytes: int
    #: Arrays returned that something still refers to.
    pending_buffers: int
    pending_bytes: int
    #: Buffers kept ready (what ``max_buffers`` bounds), and all bytes handed out to no one.
    idle_buffers: int
    idle_bytes: int


class NodeStatistics(TypedDict):
    """One NUMA node's part of a pool."""

    allocations: int
    #: Committed: live + pending + idle.
    memory_usage_bytes: int
    memory_usage_mb: float
    live_bytes: int
    pending_bytes: int
    idle_bytes: int
    #: Arrays *requested* from a CPU of this node, and their share. Where pages lie is `verified_ratio`.
    local_allocations: int
    local_access_ratio: float
    #: Pages that were looked up, those found on this node, and their share (0.0 when none was). With several nodes,
    #: pages are looked up when small and medium arrays take new memory, when a large array of new memory goes back to
    #: the pool, for strict requests, and by `MemoryPool.verify_placement`.
    pages_looked_up: int
    pages_verified: int
    verified_ratio: float
    #: Arrays for which placement here could not be requested (the system refuses, or the process's cpuset no longer
    #: allows the node), or of which pages were found elsewhere.
    fallback_allocations: int
    #: True while the system refuses placement here, and every array is a fallback.
    placement_refused: bool
    tiers: dict[str, TierStatistics]


class PlacementCheck(TypedDict):
    """What `MemoryPool.verify_placement` found of one node's part of a pool, live and idle memory together."""

    node: int
    #: The nodes that this part is interleaved over; empty for one node's memory.
    interleaved_over: tuple[int, ...]
    #: Their weights; empty if all weigh the same.
    interleave_weights: tuple[int, ...]
    #: Pages by the node that the kernel says they lie on.
    pages_on: dict[int, int]
    #: Pages that lie where they should, on another node, or that the kernel would not tell about.
    home: int
    elsewhere: int
    unknown: int


class Eviction(TypedDict):
    """Idle memory given back to the system for one reason."""

    events: int
    bytes: int


class Statistics(TypedDict):
    """What `MemoryPool.get_statistics` returns. No figure is estimated unless its comment says so.

    Bytes are exact integers; keys ending in ``_mb`` are MiB (2**20 bytes).
    """

    name: str
    #: False: bytes_requested, allocation_efficiency, local_allocations and local_access_ratio stay 0.
    monitoring: bool
    #: True under ``NUMAPOOL_DISABLE=1``.
    disabled: bool
    #: get_buffer calls served (arrays of zero bytes need no memory and are not counted).
    total_allocations: int
    #: Those served wholly from memory that an earlier array had returned, and their share (0.0 when none was served).
    cache_hits: int
    cache_hit_ratio: float
    #: Hits for which pages were moved together.
    stitched: int
    #: Bytes asked for, bytes of the blocks that held them, and the part of those that an earlier array had returned.
    bytes_requested: int
    bytes_handed_out: int
    bytes_reused: int
    #: bytes_requested / bytes_handed_out, over all allocations so far.
    allocation_efficiency: float
    #: bytes_reused / bytes_handed_out.
    buffer_reuse_ratio: float
    #: Committed bytes (handed out or prefaulted, not given back since, in slices of 64 KiB) = live + pending + idle.
    memory_usage_bytes: int
    memory_usage_mb: float
    #: Its highest value so far.
    peak_memory_bytes: int
    peak_memory_mb: float
    live_buffers: int
    live_bytes: int
    #: Returned, but something still refers to them: a name that lives on, a view, a tensor.
    pending_buffers: int
    pending_bytes: int
    idle_bytes: int
    #: The pool's own records, beside memory_usage_bytes.
    metadata_bytes: int
    #: Arrays that were dropped without a return.
    auto_returns: int
    #: See `NodeStatistics`.
    fallback_allocations: int
    #: Buffers that were watched for misuse (NUMAPOOL_CHECK), and misuses that were found and told of.
    fenced_allocations: int
    misuses: int
    #: Pages of bytes_reused. An upper estimate: a page counts even if nobody had touched it.
    page_faults_avoided: int
    #: Memory given back, by cause: max_buffers, max_idle_bytes, max_bytes, decay, trim.
    evictions: dict[str, Eviction]
    #: small, medium, large.
    tiers: dict[str, TierStatistics]
    #: By node number.
    nodes: dict[int, NodeStatistics]
    #: By the nodes that memory is interleaved over; with weights, by pairs of node and weight.
    interleaved: dict[tuple[int, ...] | tuple[tuple[int, int], ...], NodeStatistics]
