"""Chains of stages: what hangs on each, and which is the longest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def priorities(upstream: Sequence[tuple[int, ...]], duration_s: Sequence[float]) -> list[float]:
    """Return for every stage the seconds from its start to the end of what hangs on it.

    Args:
        upstream: Ordering edges; `upstream[i]` holds only ids below `i`.
        duration_s: Seconds per stage, same length.

    Returns:
        Same length. Starting the ready stage with the largest value first is critical path first.

    Cost: O(stages + edges).
    """
    below = [0.0] * len(upstream)
    for stage_id in range(len(upstream) - 1, -1, -1):
        total = below[stage_id] + duration_s[stage_id]
        below[stage_id] = total
        for above in upstream[stage_id]:
            below[above] = max(below[above], total)
    return below


def critical_path(
    upstream: Sequence[tuple[int, ...]], duration_s: Sequence[float]
) -> tuple[tuple[int, ...], float]:
    """Return the longest chain of stages by duration, first to last, and its seconds.

    Stages of no duration are left out at both ends. Ties go to the lower id.

    Cost: O(stages + edges).
    """
    until: list[float] = []
    before: list[int] = []
    for stage_id, above in enumerate(upstream):
        best, length = -1, 0.0
        for other in above:
            if until[other] > length:
                best, length = other, until[other]
        until.append(length + duration_s[stage_id])
        before.append(best)
    if not until or max(until) == 0:
        return (), 0.0
    at = until.index(max(until))
    total = until[at]
    path = []
    while at >= 0:
        if duration_s[at] > 0:
            path.append(at)
        at = before[at]
    return tuple(reversed(path)), total
