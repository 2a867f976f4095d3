"""The statistics of a benchmark: medians, percentiles and ratios of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the values in terms of the median of the others."""
    return median(values) / median(others)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest of the values that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def rate(count: int, seconds: Sequence[float]) -> float:
    """Return how many a second, by the median time."""
    return count / median(seconds)


def short(number: float) -> str:
    """Return a number with as many digits as anybody reads."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def seconds(values: Sequence[float]) -> str:
    """Return the median of times as text."""
    middle = median(values)
    return f"{middle * 1000:.0f} ms" if middle < 1 else f"{short(middle)} s"
