"""How far figures of the same thing lie apart, and whether two sets of them differ by more than that."""

from __future__ import annotations

import enum
import math
import statistics
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

# Between two runs of `bench` other things differ than between the builds of one: however well these agree,
# a smaller difference says nothing.
LEAST_NOISE = 0.02
# Student's t for 95 %, by degrees of freedom; the next lower one counts.
_T = ((1, 12.71), (2, 4.30), (3, 3.18), (4, 2.78), (5, 2.57), (6, 2.45), (8, 2.31), (12, 2.18), (20, 2.09), (40, 2.02))  # fmt: skip

_MOST_EXPONENT = 100.0  # else its power is no number any more


@frozen
class Spread:
    """Several figures of the same thing."""

    median: float
    low: float
    high: float
    samples: tuple[float, ...]  # in the order taken

    @property
    def half(self) -> float:
        """Half of what lies between the extremes, as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def spread(figures: Iterable[float]) -> Spread:
    """Return the spread of at least one figure."""
    samples = tuple(figures)
    return Spread(statistics.median(samples), min(samples), max(samples), samples)


class Word(enum.Enum):
    """What can be said of a difference."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"  # none that can be told


@frozen
class Verdict:
    """The difference between now and before."""

    change: float  # 0.12: by 12 % slower, of medians
    noise: (
        float | None
    )  # a difference up to this may be chance; None: one of both was taken once only
    word: Word


def compare(before: Spread, now: Spread) -> Verdict:
    """Return what can be said about two sets of figures of the same thing, both above 0.

    The noise is what 95 of 100 pairs of sets without a difference stay within, judged by how far each
    set's own figures lie apart, and never below `LEAST_NOISE`. What disturbs a build makes it longer by a factor:
    logarithms are compared (Welch's t).
    """
    change = now.median / before.median - 1
    exponent = _noise(before, now)
    if exponent is None:
        return Verdict(change, None, Word.SAME)
    noise = max(math.expm1(exponent) if change > 0 else -math.expm1(-exponent), LEAST_NOISE)
    if abs(change) <= noise:
        return Verdict(change, noise, Word.SAME)
    return Verdict(change, noise, Word.SLOWER if change > 0 else Word.FASTER)


def _noise(before: Spread, now: Spread) -> float | None:
    """Return the noise of the logarithm of the ratio."""
    if min(len(before.samples), len(now.samples)) < 2:
        return None
    sides = [[math.log(figure) for figure in each.samples] for each in (before, now)]
    parts = [statistics.variance(side) / len(side) for side in sides]
    total = sum(parts)
    if not total:
        return 0.0
    degrees = total**2 / sum(
        part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True)
    )
    factor = [t for least, t in _T if least <= max(degrees, 1.0)][-1]
    return min(factor * math.sqrt(total), _MOST_EXPONENT)
