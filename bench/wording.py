"""Owns how figures are written: sizes, times, ratios, counts.

Must not know what they are figures of.
"""

from __future__ import annotations

from collections.abc import Mapping


def size(size_bytes: float) -> str:
    """Return a size as people write it: 64 KiB, 400 KB."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size_bytes >= one and size_bytes % one == 0:
            return f"{size_bytes // one:.0f} {unit}"
    return f"{size_bytes / 1000:.0f} KB" if size_bytes >= 10_000 else f"{size_bytes:.0f} B"


def three_digits(value: float) -> str:
    """Return a number with three digits or so: 1,234, 12.3, 0.123, 0."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) < 0.0005:
        return "<0.001"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def time(nanoseconds: float) -> str:
    """Return nanoseconds with a fitting unit and three digits or so."""
    for unit, one in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= one:
            return f"{three_digits(nanoseconds / one)} {unit}"
    return f"{three_digits(nanoseconds)} ns"


def ratio(spread: Mapping[str, float]) -> str:
    """Return a ratio's median and its quartiles."""
    low, high = three_digits(spread["quartile_low"]), three_digits(spread["quartile_high"])
    return f"{three_digits(spread['median'])} ({low}-{high})"
