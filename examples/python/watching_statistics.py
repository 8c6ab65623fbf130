"""Shows: watching a pool while another thread works with it.

At the end it reads what the pool kept, reused and gave back, and why.
"""

import random
import threading
import time

import numapool
import numpy as np

MIB = 2**20
pool = numapool.MemoryPool(name="watched", max_idle_bytes=32 * MIB)
stopped = threading.Event()


def work() -> None:
    """Hold up to eight arrays of 1 KiB to 8 MiB at a time, in random order, until told to stop."""
    draw = random.Random(1)
    held: list = [None] * 8
    while not stopped.wait(0.0002):
        # The array that was there is dropped: it goes back by itself.
        held[draw.randrange(8)] = pool.zeros(2 ** draw.randint(10, 23), np.uint8)


worker = threading.Thread(target=work)
worker.start()
print(f"{'at':>8} {'live MiB':>10} {'idle MiB':>10} {'requests':>10} {'hit ratio':>10}")
for i in range(1, 6):
    time.sleep(0.1)
    now = pool.get_statistics()
    print(
        f"{i * 100:>5} ms {now['live_bytes'] / MIB:>10.1f} {now['idle_bytes'] / MIB:>10.1f} "
        f"{now['total_allocations']:>10} {now['cache_hit_ratio']:>10.1%}"
    )
stopped.set()
worker.join()

end = pool.get_statistics()
print(
    f"peak {end['peak_memory_mb']:.1f} MiB, resident now {pool.resident_bytes() / MIB:.1f} MiB, "
    f"{end['buffer_reuse_ratio']:.1%} of the bytes handed out were reused, {end['auto_returns']} arrays were dropped"
)
for name, tier in end["tiers"].items():
    print(f"  {name:<7} {tier['allocations']:>6} requests, {tier['idle_bytes'] / MIB:>5.1f} MiB idle")
for cause, eviction in end["evictions"].items():
    if eviction["events"]:
        print(f"  given back for {cause}: {eviction['events']} times, {eviction['bytes'] / MIB:.1f} MiB")
