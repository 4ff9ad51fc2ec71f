"""Quantiles of a few numbers, some counting more than others. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def weighted_quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the weight lies, between neighbours linearly.

    Args:
        values: At least one, in any order.
        weights: Same length, above 0.
        share: From 0 to 1.
    """
    pairs = sorted(zip(values, weights, strict=True))
    wanted = share * sum(weights)
    passed, before = 0.0, None
    for value, weight in pairs:
        place = passed + weight / 2  # each weight lies round its value
        if place >= wanted:
            if before is None:
                return value
            low, low_place = before
            return low + (value - low) * (wanted - low_place) / (place - low_place)
        before = (value, place)
        passed += weight
    return pairs[-1][0]


def median(values: Sequence[float]) -> float:
    """Return the median of at least one number."""
    return weighted_quantile(values, [1.0] * len(values), 0.5)
