"""What Perfetto's reader of the trace event format asks of a timeline, for any build.

Its own `trace_processor` is a program that is loaded from the net when first used; these are the rules of the
format's page by which it takes events, or drops them and counts an error.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.model.pipeline import Pipeline
from stagemake.model.plan import Plan
from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.model.stage import Stage
from stagemake.report.timeline import trace_object

FIELDS = {
    "M": {"pid", "tid", "name", "args"},
    "X": {"pid", "tid", "ts", "dur", "cat", "name", "args"},
    "s": {"pid", "tid", "ts", "cat", "name", "id"},
    "f": {"pid", "tid", "ts", "cat", "name", "id", "bp"},
    "C": {"pid", "ts", "name", "args"},
}
TIMES = st.lists(
    st.tuples(st.floats(0, 3), st.floats(0, 2), st.sets(st.integers(0, 9))), max_size=10
)


def traced(times: list[tuple[float, float, set[int]]]) -> list[dict[str, Any]]:
    """Return the events of a build in which stages began and took so long, each after earlier ones."""
    upstream: list[tuple[int, ...]] = []
    results: list[StageResult] = []
    for at, (pause, took, above) in enumerate(times):
        before = tuple(sorted(i for i in above if i < at))
        begin = max([results[i].started_s + results[i].wall_s for i in before], default=0) + pause
        upstream.append(before)
        results.append(
            StageResult(f"s{at}\udcff", Outcome.RAN, started_s=begin, wall_s=took, exit_code=0)
        )
    stages = tuple(Stage(name=result.name) for result in results)
    plan = Plan(Pipeline(stages=stages, targets=(), upstream=tuple(upstream)), ())
    made = trace_object(BuildOutcome(tuple(results), 9.0), plan)
    json.dumps(made, allow_nan=False).encode("ascii")
    return list(made["traceEvents"])


@given(TIMES)
@example([(0.0, 0.0000014, set()), (0.0000014, 0.0000014, set())])
@example([(1.0000004, 1.0000004, set()), (2.0000008, 1.0, set())])
def test_slices_of_a_lane_follow_each_other_and_arrows_begin_and_end_in_them(
    times: list[tuple[float, float, set[int]]],
) -> None:
    events = traced(times)

    lanes: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        assert set(event) - {"ph"} == FIELDS[event["ph"]]
        numbers = [event[name] for name in ("pid", "tid", "ts", "dur", "id") if name in event]
        assert all(type(number) is int and number >= 0 for number in numbers)
        if event["ph"] == "X":
            lanes[event["tid"]].append(event)
    for mine in lanes.values():
        for before, after in pairwise(mine):
            assert before["ts"] + before["dur"] <= after["ts"]
    ends = {event["id"]: event for event in events if event["ph"] == "f"}
    starts = {event["id"]: event for event in events if event["ph"] == "s"}
    assert starts.keys() == ends.keys()
    for flow, start in starts.items():
        end = ends[flow]
        assert (start["cat"], start["name"]) == (end["cat"], end["name"])
        assert end["bp"] == "e"
        assert start["ts"] <= end["ts"]
        for event in (start, end):
            assert any(
                one["ts"] <= event["ts"] <= one["ts"] + one["dur"] for one in lanes[event["tid"]]
            )
    counters = [event for event in events if event["ph"] == "C"]
    assert [one["ts"] for one in counters] == sorted({one["ts"] for one in counters})
    assert all(type(one["args"]["stages"]) is int for one in counters)
    assert not counters or counters[-1]["args"]["stages"] == 0
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert named == set(lanes)
