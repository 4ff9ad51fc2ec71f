"""By which power of the size of its inputs something of a stage grows: its time, or what it writes. Pure.

The median slope between pairs (Theil and Sen), a pair counting by how far apart its sizes are: what two runs that
read nearly the same differ by says little of size. Without a clear rise (Kendall's tau, counted likewise) it is 0.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from stagemake.model.quantile import weighted_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_TAU = 0.5
_MOST_SLOPE = 1.5
_SIZES_DIFFER = 1.15  # the largest by the smallest
_PAIR_DIFFERS = 0.01


def slope_of(sizes: Sequence[float], logs: Sequence[float], least_pairs: int) -> float | None:
    """Return d log(amount) / d log(size), from 0 to 1.5; 0 where it does not clearly rise.

    Args:
        sizes: Logarithms of sizes.
        logs: Logarithms of amounts, in the same order.
        least_pairs: Of different sizes.

    Returns:
        None where that can't be told: the sizes are alike, or there are too few pairs.

    Cost: O(n² log n) for n sizes that differ.
    """
    if len(sizes) < 2 or max(sizes) - min(sizes) < log(_SIZES_DIFFER):
        return None
    slopes, apart = [], []
    for i, (size, amount) in enumerate(zip(sizes, logs, strict=True)):
        for j in range(i):
            off = size - sizes[j]
            if abs(off) > _PAIR_DIFFERS:
                slopes.append((amount - logs[j]) / off)
                apart.append(abs(off))
    if len(slopes) < least_pairs:
        return None
    rising = sum(
        weight if slope > 0 else -weight if slope < 0 else 0.0
        for slope, weight in zip(slopes, apart, strict=True)
    )
    if rising < _LEAST_TAU * sum(apart):
        return 0.0
    return min(max(weighted_quantile(slopes, apart, 0.5), 0.0), _MOST_SLOPE)
