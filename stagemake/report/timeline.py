"""A build as a timeline that trace viewers load: `build --timeline FILE`.

The format is the JSON of Chrome's trace events, which Perfetto and chrome://tracing read:
"Trace Event Format", the Catapult project.
"""

from __future__ import annotations

import heapq
import json
from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.model.event import BuildFinished, PlanReady
from stagemake.model.printable import printable
from stagemake.model.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stagemake.model.event import Event
    from stagemake.model.plan import Plan
    from stagemake.model.result import BuildOutcome, StageResult

_PID = 1
_US = 1_000_000  # in a second


class Timeline:
    """Writes the timeline when a build has ended, well or not.

    Args:
        write: Takes the whole text.
    """

    name = "--timeline"

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._plan: Plan | None = None

    def handle(self, event: Event) -> None:
        """Note the plan, and write when all is over.

        Raises:
            OSError: It can't be written.
        """
        if isinstance(event, PlanReady):
            self._plan = event.plan
        elif isinstance(event, BuildFinished):
            text = json.dumps(trace_object(event.outcome, self._plan), separators=(",", ":"))
            self._write(text.encode("ascii") + b"\n")


def trace_object(outcome: BuildOutcome, plan: Plan | None) -> dict[str, Any]:
    """Return the object a trace viewer loads: slices by lane, what each had waited for last, how many ran.

    A lane is not a processor: it is the lowest place that was free when the stage began.
    Costs O(n log n + edges) for n stages that did something.
    """
    done = sorted(filter(_took_time, outcome.results), key=lambda one: (one.started_s, one.name))
    lanes = lanes_of([(one.started_s, one.started_s + one.wall_s) for one in done])
    events = [_named("process_name", 0, "stagemake")]
    events += [_named("thread_name", lane, f"lane {lane}") for lane in sorted(set(lanes))]
    lane_of = {one.name: lane for one, lane in zip(done, lanes, strict=True)}
    events += [_slice(one, lane_of[one.name]) for one in done]
    events += _arrows(done, lane_of, plan)
    events += _counts(done)
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "stagemake": stagemake.__version__,
            "wall_s": round(outcome.wall_s, 6),
            "ok": outcome.ok,
        },
    }


def lanes_of(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return for each span the lowest lane, from 1, in which nothing else is then.

    Args:
        spans: Begin and end, sorted by begin.
    """
    free: list[int] = []  # a heap
    busy: list[tuple[float, int]] = []  # a heap of end, lane
    lanes = []
    for begin, end in spans:
        while busy and busy[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(busy) + 1
        heapq.heappush(busy, (end, lane))
        lanes.append(lane)
    return lanes


def _took_time(result: StageResult) -> bool:
    ended_by_itself = result.outcome not in {Outcome.FRESH, Outcome.CUT_OFF, Outcome.BLOCKED}
    return ended_by_itself and (result.exit_code is not None or result.wall_s > 0)


def _named(what: str, lane: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": _PID, "tid": lane, "name": what, "args": {"name": name}}


def _slice(result: StageResult, lane: int) -> dict[str, Any]:
    told = {
        "outcome": result.outcome.value,
        "reason": result.reason,
        "subject": printable(result.subject),
        "cpu_s": round(result.cpu_s, 6) if result.exit_code is not None else None,
        "exit_code": result.exit_code,
        "peak_rss_bytes": result.peak_rss_bytes or None,
        "output_bytes": result.output_bytes,
        "problem": printable(result.problem),
        "expected_s": None if result.expected_s is None else round(result.expected_s.p50, 6),
    }
    return {
        "ph": "X",
        "pid": _PID,
        "tid": lane,
        "ts": _us(result.started_s),
        # Not the rounded length: it would reach a microsecond into the next slice now and then.
        "dur": _us(result.started_s + result.wall_s) - _us(result.started_s),
        "cat": result.outcome.value,
        "name": printable(result.name),
        "args": {name: value for name, value in told.items() if value not in {None, ""}},
    }


def _arrows(
    done: Iterable[StageResult], lane_of: dict[str, int], plan: Plan | None
) -> list[dict[str, Any]]:
    """Return an arrow to each stage from the one that it waited for last, of those that did something."""
    if plan is None:
        return []
    pipeline = plan.pipeline
    id_of: dict[str, int] = {stage.name: stage_id for stage_id, stage in enumerate(pipeline.stages)}
    by_name = {one.name: one for one in done}
    arrows = []
    for result in by_name.values():
        above = [
            by_name.get(pipeline.stages[up].name) for up in pipeline.upstream[id_of[result.name]]
        ]
        waited = [one for one in above if one is not None]
        if not waited:
            continue
        last = max(waited, key=lambda one: (one.started_s + one.wall_s, one.name))
        same = {"pid": _PID, "cat": "waits for", "name": "waits for", "id": id_of[result.name]}
        # Inside the slices, a tick from their edges: else viewers can't tell which one is meant.
        end, begin = _us(last.started_s + last.wall_s), _us(result.started_s)
        arrows.append({"ph": "s", "tid": lane_of[last.name], "ts": min(end, begin), **same})
        arrows.append({"ph": "f", "bp": "e", "tid": lane_of[result.name], "ts": begin, **same})
    return arrows


def _counts(done: Iterable[StageResult]) -> list[dict[str, Any]]:
    """Return how many stages were at work, at each moment in which that changed."""
    steps: dict[int, int] = {}
    for result in done:
        begin, end = _us(result.started_s), _us(result.started_s + result.wall_s)
        steps[begin] = steps.get(begin, 0) + 1
        steps[end] = steps.get(end, 0) - 1
    counts, now = [], 0
    for at, step in sorted(steps.items()):
        now += step
        counts.append(
            {"ph": "C", "pid": _PID, "name": "at work", "ts": at, "args": {"stages": now}}
        )
    return counts


def _us(seconds: float) -> int:
    return round(seconds * _US)
