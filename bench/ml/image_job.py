#!/usr/bin/env python3
"""Owns one program: the demo's image job, batches of 8 to 64 crops to features to predictions, in NumPy.

The temporaries, some MiB each, come from np.empty or from a pool.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numapool.demo import photographs, pipeline
from numapool.demo.buffers import Buffers
from numapool.demo.measure import draw_batches
from process import run_program


def prepare(steps: int) -> Callable[[int, Buffers], float]:
    """Train the classifier; return the step."""
    pictures = photographs.load()
    job = pipeline.train(pictures, np.random.default_rng([0, 0]))
    batches = draw_batches(0, 0, steps, pictures.shape)

    def step(number: int, source: Buffers) -> float:
        outcome = pipeline.run_step(job, batches[number], source)
        return float(outcome.probabilities.sum() + outcome.features.sum(dtype=np.float64))

    return step


if __name__ == "__main__":
    run_program(prepare)
