"""Shows: a loop whose batches change in size, as dynamic batching makes them.

It runs once with new arrays and once with a pool; both add up to the same, and the page faults are counted.
"""

import resource
import time
from collections.abc import Callable

import numapool
import numpy as np

LARGEST_BATCH = 96
SIZES = np.random.default_rng(1).integers(8, LARGEST_BATCH + 1, 60).tolist()


def process(batch: np.ndarray, seed: int) -> float:
    """Stand for the real work: fill the batch, then read all of it."""
    batch.fill(seed)
    return float(batch.sum(dtype=np.float64))


def with_numpy(size: int, seed: int) -> float:
    """Work in a new array, which is freed at the end."""
    return process(np.empty((size, 224, 224, 3), np.float32), seed)


pool = numapool.MemoryPool.for_workload("batch_processing")
pool.initialize(LARGEST_BATCH * 224 * 224 * 3 * 4)  # faults the largest batch in, once


def with_pool(size: int, seed: int) -> float:
    """Work in a buffer, which is returned at the end."""
    with pool.buffer((size, 224, 224, 3), np.float32) as batch:
        return process(batch, seed)


def measured(name: str, run: Callable[[int, int], float]) -> float:
    """Run all batches and print what each costs; return the sum."""
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    begin = time.perf_counter()
    total = sum(run(size, seed) for seed, size in enumerate(SIZES))
    milliseconds = 1e3 * (time.perf_counter() - begin) / len(SIZES)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    print(f"{name:<12} {milliseconds:6.2f} ms and {faults / len(SIZES):6.0f} page faults a batch")
    return total


equal = measured("new arrays", with_numpy) == measured("pool", with_pool)
print(f"the sums are {'equal' if equal else 'DIFFERENT'}")
raise SystemExit(0 if equal else 1)
