"""How much longer actions took for want of processors, by what ran beside them. Pure; asked at a build's end."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUSY = 0.8  # of the processors: below, whoever waits doesn't wait for them
_LEAST = 1.05  # below, it is noise


@frozen(eq=False, repr=False)
class Ran(Valued):
    """When one action ran, on any clock, and how long it computed."""

    stage_id: int
    started_s: float
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """How many processors it kept busy."""
        return self.cpu_s / self.wall_s if self.wall_s > 0 else 0.0


def stretches(ran: Sequence[Ran], processors: int) -> dict[int, float]:
    """Return by which factor actions took longer than alone, by stage; those that did not are left out.

    Processors are short where more actions run than there are, and these keep them busy. There, what an action
    does not compute it waits for its share; one that computes much less than its share waits for other things, too.

    Cost: O(n log n) for n actions.
    """
    points = sorted({at for one in ran for at in (one.started_s, one.started_s + one.wall_s)})
    place = {at: index for index, at in enumerate(points)}
    count, rate = [0] * (len(points) + 1), [0.0] * (len(points) + 1)
    for one in ran:
        begin, end = place[one.started_s], place[one.started_s + one.wall_s]
        count[begin] += 1
        count[end] -= 1
        rate[begin] += one.rate
        rate[end] -= one.rate
    short_s, crowd_s = [0.0], [0.0]  # seconds when processors were short; times the actions then
    running, busy = accumulate(count), accumulate(rate)
    for (at, until), many, keeps in zip(pairwise(points), running, busy, strict=False):
        is_short = many > processors and keeps >= _BUSY * processors
        short_s.append(short_s[-1] + (until - at) * is_short)
        crowd_s.append(crowd_s[-1] + (until - at) * is_short * many)
    found = {}
    for one in ran:
        begin, end = place[one.started_s], place[one.started_s + one.wall_s]
        short, crowd = short_s[end] - short_s[begin], crowd_s[end] - crowd_s[begin]
        waited_s = (1.0 - one.rate) * min(short, crowd * one.rate / processors)
        if waited_s > 0 and one.wall_s / (one.wall_s - waited_s) >= _LEAST:
            found[one.stage_id] = one.wall_s / (one.wall_s - waited_s)
    return found
