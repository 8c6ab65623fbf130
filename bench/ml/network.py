#!/usr/bin/env python3
"""Owns one program: a small convolutional network in PyTorch, on the CPU, reads batches that NumPy makes.

Each batch is made in arrays from np.empty or from a pool, and torch.from_numpy hands it on without a copy; what
PyTorch allocates inside stays its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numapool.demo.buffers import Buffers
from process import run_program

_SIDE = 128  # pixels
_IMAGES = (16, 65)  # a batch's: 3 to 12 MiB as floats


def prepare(steps: int) -> Callable[[int, Buffers], float]:
    """Build the network; return the step."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 3, stride=2),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 10),
    ).eval()
    random = np.random.default_rng(0)
    images = random.integers(0, 256, size=(_IMAGES[1], 3, _SIDE, _SIDE), dtype=np.uint8)
    counts = random.integers(*_IMAGES, size=steps)

    def step(number: int, source: Buffers) -> float:
        count = int(counts[number])
        pixels = source.take((count, 3, _SIDE, _SIDE))
        np.multiply(images[:count], np.float32(1 / 255), out=pixels)
        mirrored = source.take((count, 3, _SIDE, _SIDE))
        np.copyto(mirrored, pixels[..., ::-1])
        np.add(pixels, mirrored, out=pixels)
        source.give_back(mirrored)
        del mirrored
        with torch.inference_mode():
            scores = network(torch.from_numpy(pixels))
        total = float(scores.double().sum())
        source.give_back(pixels)
        return total

    return step


if __name__ == "__main__":
    run_program(prepare)
