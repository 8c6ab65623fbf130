"""Owns the arithmetic of comparing: paired ratios, one a round, and their spread.

Must not know what was measured, or how. A ratio is taken between two figures of the same round, minutes at
most apart, so that a machine that slows down for a while slows both; only then are rounds put together.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return the median, the quartiles and the extremes of at least one value."""
    if len(values) == 1:
        low = middle = high = values[0]
    else:
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "median": middle,
        "quartile_low": low,
        "quartile_high": high,
        "least": min(values),
        "most": max(values),
        "rounds": len(values),
    }


def paired(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Return the spread of ours / theirs, round by round."""
    return spread([own / their for own, their in zip(ours, theirs, strict=True)])


def against_fastest(ours: Sequence[float], peers: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return the spread of ours / the fastest peer of the same round, and which peer that was how often."""
    rounds = [{name: figures[i] for name, figures in peers.items()} for i in range(len(ours))]
    fastest = [min(figures, key=lambda name: figures[name]) for figures in rounds]
    result: dict[str, Any] = dict(
        spread([own / figures[best] for own, figures, best in zip(ours, rounds, fastest, strict=True)])
    )
    often = sorted(set(fastest), key=lambda name: (-fastest.count(name), name))
    result["fastest"] = {name: fastest.count(name) for name in often}
    return result
