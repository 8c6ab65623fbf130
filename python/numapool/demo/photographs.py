"""What the demo works on: scikit-learn's two sample photographs, cut into crops at seeded places.

Owns the photographs, their credits and the drawing of batches. Knows nothing of buffers or features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("china.jpg", "flower.jpg")
CREDITS = (
    "china.jpg: photograph by danielbuechele (flickr.com/photos/danielbuechele/6061409035), CC BY 2.0",
    "flower.jpg: photograph by vultilion (flickr.com/photos/vultilion/6056698931), CC BY 2.0",
)
CROP = 224  # pixels a side
LARGEST_BATCH = 64
SMALLEST_BATCH = 8


@dataclass(frozen=True)
class Batch:
    """Where each crop of one batch is cut, and how it is altered; element i of every array is crop i."""

    labels: NDArray[np.int64]  # index of the photograph
    tops: NDArray[np.int64]
    lefts: NDArray[np.int64]
    flips: NDArray[np.bool_]  # left to right
    gains: NDArray[np.float32]  # brightness, 1 = as photographed

    @property
    def size(self) -> int:
        """The number of crops."""
        return len(self.labels)


def load() -> NDArray[np.uint8]:
    """Load both photographs as one array of shape (2, 427, 640, 3)."""
    from sklearn.datasets import load_sample_images

    return np.stack(load_sample_images().images).astype(np.uint8, copy=False)


def halves(width: int) -> dict[str, tuple[int, int]]:
    """Return the columns that training and prediction may use; they share none."""
    return {"train": (0, width // 2), "predict": (width // 2, width)}


def draw_batch(
    random: np.random.Generator, size: int, height: int, columns: tuple[int, int], photographs: int = 2
) -> Batch:
    """Draw ``size`` crops of ``CROP`` pixels a side that lie within ``columns``."""
    return Batch(
        labels=random.integers(0, photographs, size),
        tops=random.integers(0, height - CROP + 1, size),
        lefts=random.integers(columns[0], columns[1] - CROP + 1, size),
        flips=random.random(size) < 0.5,
        gains=random.uniform(0.6, 1.4, size).astype(np.float32),
    )


def draw_sizes(random: np.random.Generator, steps: int) -> list[int]:
    """Draw batch sizes as dynamic batching gives them: what has arrived meanwhile, 64 at most.

    At least one of them is 64.
    """
    arrived = random.integers(SMALLEST_BATCH, LARGEST_BATCH + 17, steps)
    sizes = np.minimum(arrived, LARGEST_BATCH)
    if LARGEST_BATCH not in sizes:
        sizes[random.integers(0, steps)] = LARGEST_BATCH
    return [int(size) for size in sizes]
