"""How much longer actions took for want of processors, by what ran beside them. Pure; asked at a build's end."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.sharing import Demand, slowdown
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST = 1.05  # below, it is noise
_MOST_ROUNDS, _CLOSE_S = 24, 0.0005  # the latter by seconds of all that ran
_LARGEST_SHARE = 0.9


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


def stretches(ran: Sequence[Ran], processors: int, tool_s: float = 0.0) -> dict[int, float]:
    """Return by which factor actions took longer than alone, by stage; those that did not are left out.

    What an action does not compute it waits, for processors or for other things: for processors as long as `sharing`
    says of those that ran beside it. These wait, too, and ask for a processor while they do; so this is gone through
    until it holds for all of them.

    Args:
        ran: What ran, in any order.
        processors: That there are.
        tool_s: How long the tool asked for one meanwhile, to start actions and to see what came of them.

    Cost: O(n log n) for n actions, some 60 µs each.
    """
    crowd = _Crowd.of(ran, processors, tool_s)
    if crowd is None:
        return {}
    found = {}
    for one, wait_s in zip(ran, _settled(crowd), strict=True):
        if wait_s > 0 and one.wall_s / (one.wall_s - wait_s) >= _LEAST:
            found[one.stage_id] = one.wall_s / (one.wall_s - wait_s)
    return found


def _settled(crowd: _Crowd) -> list[float]:
    """Return seconds of waiting that come out again if all have waited as long.

    Each round comes nearer by a share that is nearly the same, and small where many ask for much. Two rounds show it,
    and where that leads is what the next two begin with (Aitken's method, by the sum): some six rounds where it took dozens.
    """
    most_s = [max(one.wall_s - one.cpu_s, 0.0) for one in crowd.ran]  # that any can have waited
    waits_s, step_s = most_s, 0.0
    for _ in range(_MOST_ROUNDS):
        before_s, waits_s = waits_s, crowd.waits_s(waits_s)
        moved_s = sum(abs(now - was) for was, now in zip(before_s, waits_s, strict=True))
        if moved_s <= _CLOSE_S * crowd.all_s:
            break
        last_s, step_s = step_s, sum(waits_s) - sum(before_s)
        if last_s:
            share = min(max(step_s / last_s, 0.0), _LARGEST_SHARE)
            waits_s = [
                min(max(was + (now - was) / (1.0 - share), 0.0), most)
                for was, now, most in zip(before_s, waits_s, most_s, strict=True)
            ]
            step_s = 0.0
    return waits_s


@frozen
class _Crowd:
    """When which actions ran."""

    ran: Sequence[Ran]
    processors: int
    tool: float  # the share of the time that it asks for a processor
    # By action: the first and the last of `lengths_s`, that one not included.
    spans: Sequence[tuple[int, int]]
    lengths_s: Sequence[float]  # between any start and end
    is_short: Sequence[bool]  # by length: whether more ran than there are processors
    all_s: float  # of all actions

    @classmethod
    def of(cls, ran: Sequence[Ran], processors: int, tool_s: float) -> _Crowd | None:
        """Return what is looked at; None if there never were more actions than processors."""
        points = sorted({at for one in ran for at in (one.started_s, one.started_s + one.wall_s)})
        place = {at: index for index, at in enumerate(points)}
        spans = [(place[one.started_s], place[one.started_s + one.wall_s]) for one in ran]
        steps = [0] * max(len(points), 1)
        for begin, end in spans:
            steps[begin] += 1
            steps[end] -= 1
        lengths_s = [until - at for at, until in pairwise(points)]
        tool = min(tool_s / (points[-1] - points[0]), 1.0) if len(points) > 1 else 0.0
        is_short = [many > processors for many in accumulate(steps[:-1])]
        all_s = sum(one.wall_s for one in ran)
        made = cls(ran, processors, tool, spans, lengths_s, is_short, all_s)
        return made if any(is_short) else None

    def waits_s(self, known_s: Sequence[float]) -> list[float]:
        """Return how long each action waited for processors, if it was as long as `known_s` that the others did."""
        points = len(self.is_short) + 1
        asked, squares, swings = [0.0] * points, [0.0] * points, [0.0] * points
        for one, wait_s, (begin, end) in zip(self.ran, known_s, self.spans, strict=True):
            if begin < end:
                rate = one.rate
                asks = rate + wait_s / one.wall_s
                swing = asks * max(max(rate, 1.0) - asks, 0.0)
                asked[begin] += asks
                asked[end] -= asks
                squares[begin] += asks * asks
                squares[end] -= asks * asks
                swings[begin] += swing
                swings[end] -= swing
        tool = self.tool
        extra_s = [0.0]  # seconds, each times what computing then took longer
        moments = zip(accumulate(asked), accumulate(squares), accumulate(swings), strict=True)
        for (mean, square, swing), is_short, length_s in zip(
            moments, self.is_short, self.lengths_s, strict=False
        ):
            slow = 1.0
            if is_short:
                demand = Demand(mean + tool, square + tool * tool, swing + tool * (1.0 - tool))
                slow = slowdown(demand, self.processors)
            extra_s.append(extra_s[-1] + length_s * (slow - 1.0))
        return [
            min(one.rate * (extra_s[end] - extra_s[begin]), max(one.wall_s - one.cpu_s, 0.0))
            for one, (begin, end) in zip(self.ran, self.spans, strict=True)
        ]  # fmt: skip
