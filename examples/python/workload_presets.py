"""Shows: the presets for common workloads, and how much of a burst of buffers each keeps for a later burst."""

import time

import numapool
import numpy as np

BUFFERS = 100
SHAPE = (2, 1024, 1024)  # 2 MiB of bytes


def burst(pool: numapool.MemoryPool) -> None:
    """Hold a hundred 2 MiB buffers at once, as prefetched batches do, and return them."""
    held = [pool.get_buffer(SHAPE, np.uint8) for _ in range(BUFFERS)]
    while held:
        pool.return_buffer(held.pop())


def show(name: str, pool: numapool.MemoryPool) -> None:
    """Run two bursts a while apart; print what the second one found and what was given back to the system."""
    with pool:
        burst(pool)
        time.sleep(1.5)  # what goes beyond max_buffers waits half a second for whoever comes right back
        burst(pool)
        statistics = pool.get_statistics()
        evicted = statistics["evictions"].get("max_buffers", {"bytes": 0})["bytes"]
        hits = f"{statistics['cache_hits']}/{statistics['total_allocations']}"
        print(f"{name:<17} {hits:>17} {evicted / 2**20:14.0f} {statistics['memory_usage_mb']:11.0f}")


print(f"{'preset':<17} {'hits/allocations':>17} {'evicted (MiB)':>14} {'held (MiB)':>11}")
for preset in ("default", "inference", "training", "batch_processing"):
    show(preset, numapool.MemoryPool.for_workload(preset))

# Your own: bounding idle memory by bytes replaces the bound by number of large buffers.
show("own", numapool.MemoryPool(max_idle_bytes=256 * 2**20))
