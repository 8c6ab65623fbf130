"""Owns what all tests of the package share; knows nothing of any one of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numapool
import pytest
from hypothesis import HealthCheck, settings

# Tests of exact figures want no sample among their buffers; read when a pool is made.
os.environ["NUMAPOOL_CHECK"] = "0"

# The same examples each time, so that a test which passed here passes there; a soak draws others.
slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "repeatable", derandomize=True, print_blob=True, deadline=None, suppress_health_check=slow
)
settings.register_profile(
    "soak", max_examples=200, derandomize=False, print_blob=True, deadline=None, suppress_health_check=slow
)
settings.load_profile("repeatable")


@pytest.fixture
def pool() -> Iterator[numapool.MemoryPool]:
    """A pool of its own for each test, with default options."""
    with numapool.MemoryPool() as made:
        yield made


def held_adds_up(figures: numapool.Statistics) -> bool:
    """Whether live + pending + idle = committed, over all, by tier and by node."""
    whole = figures["live_bytes"] + figures["pending_bytes"] + figures["idle_bytes"]
    tiers = sum(t["live_bytes"] + t["pending_bytes"] + t["idle_bytes"] for t in figures["tiers"].values())
    nodes = sum(n["live_bytes"] + n["pending_bytes"] + n["idle_bytes"] for n in figures["nodes"].values())
    return whole == tiers == nodes == figures["memory_usage_bytes"]


@contextlib.contextmanager
def refused(pool: numapool.MemoryPool, kind: type[BaseException], match: str | None = None) -> Iterator[None]:
    """The block raises `kind`, and the pool's figures stay what they were."""

    def figures() -> dict[str, Any]:
        # A thread's first request, refused or not, makes the records of its cache.
        return {name: value for name, value in pool.get_statistics().items() if name != "metadata_bytes"}

    before = figures()
    with pytest.raises(kind, match=match):
        yield
    assert figures() == before
