"""Owns one measurement: what a pool holds over what is live while batches of images vary in size.

The arrays are those of an image pipeline, 8 to 64 images of 224 x 224 pixels a step, requested and returned as it
does.
Nothing is timed: the figures are the same at every run of a build, unless it takes so long that memory decays.
"""

from __future__ import annotations

import argparse

import numapool
import numpy as np


class Steps:
    """Runs steps on a pool and keeps count of what is live."""

    def __init__(self, pool: numapool.MemoryPool, seed: int) -> None:
        self.pool = pool
        self.random = np.random.default_rng(seed)
        self.live = self.peak_live = 0

    def take(self, shape: tuple[int, ...], dtype: type = np.float32) -> np.ndarray:
        array = self.pool.get_buffer(shape, dtype)
        self.live += array.nbytes
        self.peak_live = max(self.peak_live, self.live)
        return array

    def give(self, array: np.ndarray) -> None:
        self.live -= array.nbytes
        self.pool.return_buffer(array)

    def step(self) -> None:
        images = int(self.random.integers(8, 65))
        plane = (images, 224, 224)
        crops = self.take((*plane, 3), np.uint8)
        pixels = self.take((*plane, 3))
        self.give(crops)
        del crops
        features = self.take((images, 451))
        grey, scratch = self.take(plane), self.take(plane)
        self.give(scratch)
        self.give(pixels)
        del scratch, pixels
        across, down = self.take(plane), self.take(plane)
        self.give(grey)
        del grey
        for _ in range(3):
            magnitudes = self.take(plane)
            self.give(magnitudes)
            del magnitudes
        for array in (across, down, features):
            self.give(array)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with numapool.MemoryPool() as pool:
        steps = Steps(pool, options.seed)
        for _ in range(options.steps):
            steps.step()
        figures = pool.get_statistics()
    peak = steps.peak_live / 2**20
    print(f"peak live {peak:.1f} MiB, peak held {figures['peak_memory_mb']:.1f} MiB", end=", ")
    print(f"ratio {figures['peak_memory_mb'] / peak:.2f}, hits {figures['cache_hit_ratio']:.1%}")


if __name__ == "__main__":
    main()
