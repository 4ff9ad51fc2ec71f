"""What a plan costs: critical path, simulated makespan, bytes."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from stagemake.model.plan import Interval, Verdict
from stagemake.model.report import DryRunReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.plan import Plan
    from stagemake.model.report import Conflict

_RESTORE_BYTES_PER_S = 400e6
_RESTORE_S = 0.001


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


def makespan(upstream: Sequence[tuple[int, ...]], duration_s: Sequence[float], jobs: int) -> float:
    """Return the seconds that list scheduling takes with `jobs` side by side, critical path first.

    This is the scheduler's own rule without pools and starts up no process.

    Cost: O(edges + stages log stages).
    """
    weight = priorities(upstream, duration_s)
    waiting = [len(set(above)) for above in upstream]
    downstream: list[list[int]] = [[] for _ in upstream]
    for stage_id, above in enumerate(upstream):
        for other in set(above):
            downstream[other].append(stage_id)
    ready = [(-weight[i], i) for i, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < jobs:
            _, stage_id = heapq.heappop(ready)
            heapq.heappush(running, (now + duration_s[stage_id], stage_id))
        now, done = heapq.heappop(running)
        for other in downstream[done]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (-weight[other], other))
    return now


def report_of(
    plan: Plan,
    jobs: int,
    *,
    conflicts: tuple[Conflict, ...] = (),
    cache_bytes: int = 0,
    free_bytes: int = 0,
) -> DryRunReport:
    """Return a plan with its costs, from the estimates in its steps."""
    stages, upstream = plan.pipeline.stages, plan.pipeline.upstream
    likely, late = [0.0] * len(stages), [0.0] * len(stages)
    new_bytes = restore_bytes = unestimated = 0
    opaque = []
    for step in plan.steps:
        stage_id = step.stage_id
        if step.verdict is Verdict.HIT and step.cached is not None:
            restore_bytes += step.cached.output_bytes
            seconds = _RESTORE_S + step.cached.output_bytes / _RESTORE_BYTES_PER_S
            likely[stage_id] = late[stage_id] = seconds
        elif step.verdict in {Verdict.MISS, Verdict.MAYBE}:
            if not stages[stage_id].supports_dry_run:
                opaque.append(stage_id)
            elif step.estimate.duration_s is None:
                unestimated += 1
            else:
                likely[stage_id] = step.estimate.duration_s.p50
                late[stage_id] = step.estimate.duration_s.p90
                new_bytes += step.estimate.output_bytes or 0
    path, path_s = critical_path(upstream, likely)
    work_s = sum(
        likely[step.stage_id]
        for step in plan.steps
        if step.verdict in {Verdict.MISS, Verdict.MAYBE}
    )
    return DryRunReport(
        plan=plan,
        jobs=jobs,
        new_bytes=new_bytes,
        restore_bytes=restore_bytes,
        work_s=work_s,
        wall_s=Interval(makespan(upstream, likely, jobs), makespan(upstream, late, jobs)),
        critical_path=path,
        critical_path_s=path_s,
        unestimated=unestimated,
        opaque=tuple(opaque),
        conflicts=conflicts,
        cache_bytes=cache_bytes,
        free_bytes=free_bytes,
    )
