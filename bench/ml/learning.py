#!/usr/bin/env python3
"""Owns one program: scikit-learn learns from batches as they come: scaled, projected, classified.

Each batch is made in an array from np.empty or from a pool; what scikit-learn allocates inside stays its own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numapool.demo.buffers import Buffers
from process import run_program
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection

_COLUMNS = 512
_PROJECTED = 64
_ROWS = (4000, 16000)  # a batch's, at least and at most: 8 to 31 MiB


def prepare(steps: int) -> Callable[[int, Buffers], float]:
    """Draw what the batches are made from; return the step."""
    random = np.random.default_rng(0)
    told_apart = random.normal(size=_COLUMNS).astype(np.float32)
    base = random.normal(size=(_ROWS[1], _COLUMNS)).astype(np.float32)
    rows = random.integers(*_ROWS, size=steps)
    gains = random.uniform(0.5, 1.5, size=steps).astype(np.float32)
    scaler = StandardScaler(copy=False)
    projection = GaussianRandomProjection(_PROJECTED, random_state=0).fit(base[:100])
    classifier = SGDClassifier(loss="log_loss", random_state=0)

    def step(number: int, source: Buffers) -> float:
        count = int(rows[number])
        batch = source.take((count, _COLUMNS))
        np.multiply(base[:count], gains[number], out=batch)
        labels = base[:count] @ told_apart > 0
        squares = source.take((count, _COLUMNS))
        np.multiply(batch, batch, out=squares)
        np.add(batch, squares, out=batch)
        source.give_back(squares)
        del squares
        scaler.partial_fit(batch)
        scaler.transform(batch)  # in place
        classifier.partial_fit(projection.transform(batch), labels, classes=[False, True])
        source.give_back(batch)
        return float(np.abs(classifier.coef_).sum())

    return step


if __name__ == "__main__":
    run_program(prepare)
