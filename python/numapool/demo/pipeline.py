"""The job itself: crops to features to predictions.

Owns the arithmetic. Every temporary is taken from the ``Buffers`` that it is given and filled with ``out=``, so
the same code runs on NumPy's allocation and on a pool, and must give the same bits.

The features are those of a small HOG (Dalal and Triggs, 2005): for each cell of 28 x 28 pixels the energy of
the gradient along six directions, relative to its magnitude, then the magnitudes and the colour means.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .buffers import PlainBuffers
from .photographs import CROP, Batch, draw_batch, halves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .buffers import Buffers

CELL = 28  # pixels a side
CELLS = CROP // CELL
DIRECTIONS = 6
CHANNELS = 3
FEATURES = DIRECTIONS * CELLS**2 + CELLS**2 + CHANNELS
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
TRAINING_CROPS = 512


@dataclass(frozen=True)
class Job:
    """What every step needs: the photographs, their mean and spread, and the trained classifier."""

    photographs: NDArray[np.uint8]
    mean: NDArray[np.float32]  # per channel, of the training columns
    deviation: NDArray[np.float32]
    classifier: Any  # None until trained


@dataclass(frozen=True)
class Outcome:
    """What a step computes, kept outside the buffers."""

    features: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    predictions: NDArray[np.int64]

    def same_bits(self, other: Outcome) -> bool:
        """Tell whether every number is the same, bit for bit."""
        return (
            self.features.tobytes() == other.features.tobytes()
            and self.probabilities.tobytes() == other.probabilities.tobytes()
            and self.predictions.tobytes() == other.predictions.tobytes()
        )


def run_step(job: Job, batch: Batch, buffers: Buffers) -> Outcome:
    """Cut one batch, compute its features and say for each crop which photograph it is from."""
    features = extract_features(job, batch, buffers)
    probabilities = job.classifier.predict_proba(features)
    outcome = Outcome(features.copy(), probabilities, probabilities.argmax(axis=1))
    buffers.give_back(features)
    return outcome


def extract_features(job: Job, batch: Batch, buffers: Buffers) -> Any:
    """Return a buffer of shape (crops, ``FEATURES``)."""
    crops = gather_crops(job, batch, buffers)
    pixels = normalise(job, batch, crops, buffers)
    buffers.give_back(crops)
    del crops

    features = buffers.take((batch.size, FEATURES))
    colour_means(pixels, features[:, -CHANNELS:], buffers)
    grey = to_grey(pixels, buffers)
    buffers.give_back(pixels)
    del pixels

    across, down = gradients(grey, buffers)
    buffers.give_back(grey)
    del grey
    cells = features[:, :-CHANNELS].reshape(batch.size, DIRECTIONS + 1, CELLS, CELLS)
    magnitudes = cells[:, DIRECTIONS]
    gradient_magnitudes(across, down, magnitudes, buffers)
    for direction in range(DIRECTIONS):
        directed_energy(across, down, math.pi * direction / DIRECTIONS, cells[:, direction], buffers)
    cells[:, :DIRECTIONS] /= magnitudes[:, np.newaxis] + np.float32(1e-3)
    buffers.give_back(across)
    buffers.give_back(down)
    return features


def gather_crops(job: Job, batch: Batch, buffers: Buffers) -> Any:
    """Copy the crops out of the photographs, some of them flipped: (crops, 224, 224, 3) uint8."""
    crops = buffers.take((batch.size, CROP, CROP, CHANNELS), np.uint8)
    for i in range(batch.size):
        top, left = batch.tops[i], batch.lefts[i]
        crop = job.photographs[batch.labels[i], top : top + CROP, left : left + CROP]
        crops[i] = crop[:, ::-1] if batch.flips[i] else crop
    return crops


def normalise(job: Job, batch: Batch, crops: Any, buffers: Buffers) -> Any:
    """Apply brightness, mean and deviation: float32 of the crops' shape, channels last."""
    pixels = buffers.take(crops.shape)
    # Whole rows of pixels at a time: NumPy would loop over the three channels otherwise.
    scale = np.tile(1 / job.deviation, CROP)
    offset = np.tile(job.mean / job.deviation, CROP)
    for i in range(batch.size):
        row_pixels = pixels[i].reshape(CROP, CROP * CHANNELS)
        np.multiply(crops[i].reshape(CROP, CROP * CHANNELS), scale * batch.gains[i], out=row_pixels)
        np.subtract(row_pixels, offset, out=row_pixels)
    return pixels


def colour_means(pixels: Any, out: Any, buffers: Buffers) -> None:
    """Average each channel over each crop into ``out``, (crops, 3)."""
    rows = buffers.take((len(pixels), CROP * CHANNELS))
    np.add.reduce(pixels.reshape(len(pixels), CROP, CROP * CHANNELS), axis=1, out=rows)
    np.add.reduce(rows.reshape(len(pixels), CROP, CHANNELS), axis=1, out=out)
    np.divide(out, CROP * CROP, out=out)
    buffers.give_back(rows)


def to_grey(pixels: Any, buffers: Buffers) -> Any:
    """Weigh the three channels into one: (crops, 224, 224)."""
    grey = buffers.take(pixels.shape[:3])
    weighted = buffers.take(pixels.shape[:3])
    np.multiply(pixels[..., 0], np.float32(GREY[0]), out=grey)
    for channel in (1, 2):
        np.multiply(pixels[..., channel], np.float32(GREY[channel]), out=weighted)
        np.add(grey, weighted, out=grey)
    buffers.give_back(weighted)
    return grey


def gradients(grey: Any, buffers: Buffers) -> tuple[Any, Any]:
    """Return central differences across and down; they are 0 at the edges."""
    across = buffers.take(grey.shape)
    np.subtract(grey[:, :, 2:], grey[:, :, :-2], out=across[:, :, 1:-1])
    across[:, :, 0] = across[:, :, -1] = 0
    down = buffers.take(grey.shape)
    np.subtract(grey[:, 2:], grey[:, :-2], out=down[:, 1:-1])
    down[:, 0] = down[:, -1] = 0
    return across, down


def gradient_magnitudes(across: Any, down: Any, out: Any, buffers: Buffers) -> None:
    """Average the gradient's magnitude over each cell into ``out``."""
    magnitude = buffers.take(across.shape)
    square = buffers.take(across.shape)
    np.multiply(across, across, out=magnitude)
    np.multiply(down, down, out=square)
    np.add(magnitude, square, out=magnitude)
    buffers.give_back(square)
    del square
    np.sqrt(magnitude, out=magnitude)
    average_cells(magnitude, out, buffers)
    buffers.give_back(magnitude)


def directed_energy(across: Any, down: Any, angle: float, out: Any, buffers: Buffers) -> None:
    """Average how strong the gradient is along one direction over each cell into ``out``."""
    energy = buffers.take(across.shape)
    part = buffers.take(across.shape)
    np.multiply(across, np.float32(math.cos(angle)), out=energy)
    np.multiply(down, np.float32(math.sin(angle)), out=part)
    np.add(energy, part, out=energy)
    buffers.give_back(part)
    del part
    np.abs(energy, out=energy)
    average_cells(energy, out, buffers)
    buffers.give_back(energy)


def average_cells(image: Any, out: Any, buffers: Buffers) -> None:
    """Average over cells of 28 x 28: (crops, 224, 224) into (crops, 8, 8)."""
    rows = buffers.take((len(image), CELLS, CROP))
    np.add.reduce(image.reshape(len(image), CELLS, CELL, CROP), axis=2, out=rows)
    np.add.reduce(rows.reshape(len(image), CELLS, CELLS, CELL), axis=3, out=out)
    np.divide(out, CELL * CELL, out=out)
    buffers.give_back(rows)


def train(photographs: NDArray[np.uint8], random: np.random.Generator) -> Job:
    """Train the classifier on crops from the training columns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, height, width, _ = photographs.shape
    columns = halves(width)["train"]
    seen = photographs[:, :, slice(*columns)].astype(np.float32)
    job = Job(photographs, seen.mean(axis=(0, 1, 2)), seen.std(axis=(0, 1, 2)), None)
    features, labels = [], []
    for _ in range(TRAINING_CROPS // 32):
        batch = draw_batch(random, 32, height, columns)
        features.append(extract_features(job, batch, PlainBuffers()))
        labels.append(batch.labels)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    classifier.fit(np.concatenate(features), np.concatenate(labels))
    return Job(photographs, job.mean, job.deviation, classifier)
