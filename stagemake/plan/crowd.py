"""Actions side by side: each for itself, or more of them than there are processors for. For the simulation.

Seconds of an action are those it takes alone. In a crowd processors are shared evenly, with the tool as well while
it starts an action or sees what came of one: what computes all the time takes the longer, the more is asked for;
what only waits takes no longer. See `model.sharing`.
"""

from __future__ import annotations

import heapq
import os
from operator import mul
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from stagemake.model.sharing import Demand, slowdown

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEVER_S = float("inf")
_MOST_STEPS, _CLOSE = 8, 0.005


def processor_count() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Running(Protocol):
    """Actions that have begun."""

    def start(self, at_s: float, seconds: float, stage_id: int) -> None:
        """Take in an action that begins then; no earlier than any before."""

    def beside(self, until_s: float) -> None:
        """Note that the tool computes until then, from where time has come to."""

    def first_end(self) -> tuple[float, int] | None:
        """Take out the action that ends first, and say when; None while none runs."""


@define(eq=False, repr=False)
class Alone:
    """Actions that don't meet: as many processors as they ask for. Cost: O(log running) each."""

    _ends: list[tuple[float, int]] = field(factory=list)  # a heap

    def start(self, at_s: float, seconds: float, stage_id: int) -> None:
        """See `Running`."""
        heapq.heappush(self._ends, (at_s + seconds, stage_id))

    def beside(self, until_s: float) -> None:
        """See `Running`: here is a processor for the tool."""

    def first_end(self) -> tuple[float, int] | None:
        """See `Running`."""
        return heapq.heappop(self._ends) if self._ends else None


@define(eq=False, repr=False)
class Crowd:
    """Actions that share processors. Cost: O(running) each where these are short, else as `Alone`."""

    _demand: Sequence[float]  # by stage: how many processors it keeps busy when it is alone
    _processors: int
    _now_s: float = 0.0
    _slow: float = 1.0  # as it was when last asked
    _running: list[tuple[float, int]] = field(factory=list)  # a heap: end if not slowed down, stage
    _ended: list[tuple[float, int]] = field(factory=list)  # a heap

    def start(self, at_s: float, seconds: float, stage_id: int) -> None:
        """See `Running`."""
        self._pass_until(at_s, 1)
        heapq.heappush(self._running, (at_s + seconds, stage_id))

    def beside(self, until_s: float) -> None:
        """See `Running`."""
        if until_s > self._now_s:
            self._pass_until(until_s, 1)

    def first_end(self) -> tuple[float, int] | None:
        """See `Running`."""
        if not self._ended:
            self._pass_until(_NEVER_S, 0)
        return heapq.heappop(self._ended) if self._ended else None

    def _pass_until(self, until_s: float, tools: int) -> None:
        """Let time pass, up to the first end if there is no other limit; so many tools compute beside actions."""
        running = self._running
        while running:
            if len(running) > self._processors:
                self._pass_crowded(until_s, tools)
            elif running[0][0] <= until_s:
                self._now_s = running[0][0]
            else:
                self._now_s = until_s
            if running[0][0] > self._now_s:
                return
            _, stage_id = heapq.heappop(running)
            heapq.heappush(self._ended, (self._now_s, stage_id))
            if until_s == _NEVER_S:
                return
        if until_s != _NEVER_S:
            self._now_s = until_s

    def _pass_crowded(self, until_s: float, tools: int) -> None:
        """Let time pass to the first end, or to the limit; what runs then ends the later."""
        now_s, running = self._now_s, self._running
        slower = self._slower([stage_id for _, stage_id in running], tools)
        lefts_s = [max(end_s - now_s, 0.0) for end_s, _ in running]
        passed_s = min(map(mul, lefts_s, slower))
        is_end = now_s + passed_s <= until_s
        if not is_end:
            passed_s = until_s - now_s
        self._now_s = now_s = now_s + passed_s
        for place, (left_s, slow) in enumerate(zip(lefts_s, slower, strict=True)):
            running[place] = (now_s + left_s - passed_s / slow, running[place][1])
        heapq.heapify(running)
        if is_end:  # exactly, whatever rounding says
            running[0] = (now_s, running[0][1])

    def _slower(self, stage_ids: Sequence[int], tools: int) -> list[float]:
        """Return by which factor each of these takes longer than alone.

        What is slowed down computes, or asks for a processor, a larger part of its time, by which all are slowed
        down again.
        """
        wanted = [self._demand[stage_id] for stage_id in stage_ids]
        slow = self._slow
        for _ in range(_MOST_STEPS):
            demand = Demand(tools, tools, 0.0)
            for one in wanted:
                part = one * slow / (1.0 + one * (slow - 1.0)) if one < 1.0 else one
                demand.add(part, max(one, 1.0))
            before, slow = slow, slowdown(demand, self._processors)
            if abs(slow - before) <= _CLOSE * before:
                break
        self._slow = slow
        return [1.0 + min(one, 1.0) * (slow - 1.0) for one in wanted]
