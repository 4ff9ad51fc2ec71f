"""What a build had to wait for, stage by stage, to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SLACK_S = 0.001  # clocks are read a little later than things happen


def waited_for(
    spans: Mapping[int, tuple[float, float]],
    lanes: Mapping[int, int],
    upstream: Sequence[Sequence[int]],
) -> tuple[int, ...]:
    """Return the stages that the end of a build waited for, first to last.

    Backwards from what ended last: the upstream stage that ended last, else what had the lane before.

    Args:
        spans: Begin and end of what took time, by position, in seconds.
        lanes: Which place each had; two in one lane follow each other.
        upstream: By position: what it waits for.
    """
    if not spans:
        return ()
    before = _before_in_lane(spans, lanes)
    at = max(spans, key=lambda i: (spans[i][1], -i))
    chain = [at]
    while True:
        begin = spans[at][0]
        needed = [i for i in upstream[at] if i in spans]
        last = max(needed, key=lambda i: (spans[i][1], -i), default=None)
        held = before.get(at)
        if held is not None and (last is None or spans[held][1] > spans[last][1] + _SLACK_S):
            last = held  # it was ready, and there was no room
        if last is None or spans[last][0] >= begin or last in chain:
            return tuple(reversed(chain))
        chain.append(last)
        at = last


def _before_in_lane(
    spans: Mapping[int, tuple[float, float]], lanes: Mapping[int, int]
) -> dict[int, int]:
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    for i in sorted(spans, key=lambda one: (spans[one][0], one)):
        if lanes[i] in last:
            before[i] = last[lanes[i]]
        last[lanes[i]] = i
    return before
