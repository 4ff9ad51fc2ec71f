"""What processors are shared by, and how much longer computing takes for it. Pure.

Whoever runs computes at times and waits at others. Where more compute at a moment than there are processors, these
are shared evenly, and computing takes the longer: on the average by what chance brings together at a moment. So
four that compute half of their time get in each other's way on two processors, though these would just do for them.

A build is measured by this, and the next one foreseen: what is measured as a share of waiting for processors comes
out again where as many run side by side.
"""

from __future__ import annotations

from math import erf, exp, pi, sqrt

from attrs import define

_CERTAIN = 1e-9


@define(eq=False)
class Demand:
    """What all that run ask for at a moment, in processors. Sums, so that who comes and goes adds and subtracts."""

    asked: float = 0.0  # mean
    squares: float = 0.0  # of the means
    swing: float = 0.0  # variance: each of them asks for all it can use, or for nothing

    def add(self, busy: float, most: float, sign: int = 1) -> None:
        """Take in who asks for up to `most` processors, `busy` of them on the average; -1: take out."""
        self.asked += sign * busy
        self.squares += sign * busy * busy
        self.swing += sign * busy * max(most - busy, 0.0)


def slowdown(demand: Demand, processors: int) -> float:
    """Return how many times as long whoever computes takes: 1 while there are enough processors.

    Seen by one of them, which computes: itself, and how many of the others compute at that moment, taken to be
    normally distributed.
    """
    asked = demand.asked
    if asked <= _CERTAIN:
        return 1.0
    swing = max(demand.swing, 0.0)
    mean = asked + swing / asked
    deviation = sqrt(swing * max(1.0 - demand.squares / asked**2, 0.0))
    over = mean - processors
    if deviation <= _CERTAIN:
        return max(mean / processors, 1.0)
    z = over / deviation
    share, density = 0.5 * (1.0 + erf(z / sqrt(2.0))), exp(-0.5 * z * z) / sqrt(2.0 * pi)
    return max(1.0 + (over * share + deviation * density) / processors, 1.0)
