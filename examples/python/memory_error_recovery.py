"""Shows: what happens at a pool's limit, and how a program goes on.

It takes a smaller batch, or gives idle memory back. At the end: which mistakes the pool catches.
"""

import numapool
import numpy as np

pool = numapool.MemoryPool(name="small", max_bytes=64 * 2**20)


def largest_batch(images: int) -> np.ndarray:
    """Take a batch of `images`, or of half as many until it fits."""
    while True:
        try:
            batch = pool.get_buffer((images, 224, 224, 3), np.float32)
        except MemoryError as error:  # a numapool.PoolMemoryError
            print(f"a batch of {images} images does not fit: {error}")
            if images == 1:
                raise
            images //= 2
        else:
            print(f"a batch of {images} images fits")
            return batch


model = pool.get_buffer((40, 1024, 1024), np.uint8)
batch = largest_batch(256)
pool.return_buffer(batch)
del batch
print(f"trim gave back {pool.trim() / 2**20:.1f} MiB; ", end="")
print(f"{pool.get_statistics()['memory_usage_mb']:.1f} MiB of at most 64 are held")

# Mistakes are told, and change nothing.
twice = pool.get_buffer(64)
pool.return_buffer(twice)
for mistake, call in (
    ("a second return", lambda: pool.return_buffer(twice)),
    ("an array of NumPy's", lambda: pool.return_buffer(np.empty(1000))),
    ("a node that is not there", lambda: pool.get_buffer(64, numa_node=1000)),
    ("a negative extent", lambda: pool.get_buffer((4, -1))),
):
    try:
        call()
    except ValueError as error:  # a numapool.PoolValueError
        print(f"{mistake}: {error}")
    else:
        raise SystemExit(f"{mistake} was not told")
