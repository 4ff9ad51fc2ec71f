"""What a build measures of itself, what follows for the next one, and where places lie."""

from __future__ import annotations

from math import log
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from plan_kit import estimate, plan_of

from stagemake.execute.growth import Growth
from stagemake.execute.meter import Meter, load_of
from stagemake.forecasting import group_places
from stagemake.freshness import snapshot as columns
from stagemake.model.entry import OutputFile
from stagemake.model.pace import Pace, pace_of
from stagemake.model.plan import Verdict
from stagemake.model.result import ActionResult, Outcome, StageResult
from stagemake.report.amount import about, joined
from stagemake.runner.port import Completion

if TYPE_CHECKING:
    from pathlib import Path

PLAN = plan_of([(), ()], [Verdict.MISS] * 2, [estimate(1.0, 0.1), estimate(3.0, 0.1)])


def ran(name: str, wall_s: float) -> StageResult:
    return StageResult(name, Outcome.RAN, wall_s=wall_s, exit_code=0, output_bytes=100)


def test_the_load_is_what_all_stages_have_in_common() -> None:
    twice = load_of(PLAN, [ran("s0", 2.0), ran("s1", 6.0)])
    mixed = load_of(PLAN, [ran("s0", 8.0), ran("s1", 3.0)])

    assert twice[0] == pytest.approx(log(2))
    assert 0 < mixed[0] < log(2)  # one stage's own matter: weighed by its share, and capped
    assert twice[1] == pytest.approx(0.00625, rel=0.01)
    assert load_of(PLAN, [StageResult("s0", Outcome.CUT_OFF)] * 2) == (0.0, 0.0)


def test_costs_become_factors_of_the_next_forecast() -> None:
    meter = Meter()
    meter.note_launch(0, None, 10.0, 10.003)
    meter.note_end(Completion(0, 0, started_s=10.007, wall_s=1.0))
    meter.note_settled(ran("s0", 1.0), 0.002)
    meter.note_launch(1, StageResult("s1", Outcome.CUT_OFF), 11.0, 11.001)
    results = [ran("s0", 1.0), StageResult("s1", Outcome.CUT_OFF)]

    pace = pace_of([meter.costs(PLAN, results, started_s=1, before_s=0.3, after_s=0.1)])

    assert pace.launch_s == pytest.approx(0.003)
    assert pace.gap_s == pytest.approx(0.004)
    assert pace.settle_s(100) == pytest.approx(0.002)
    assert pace.check_s == pytest.approx(0.001)
    assert pace.before_s(2, 2) == pytest.approx(0.3)
    assert pace.after_s(1) == pytest.approx(0.1)
    assert pace.restore_s(100) == Pace().restore_s(100)


def test_what_is_lined_up_says_nothing_of_what_a_start_takes() -> None:
    alone, mixed = Meter(), Meter()
    alone.note_lined_up(None, 10.0, 10.001)
    mixed.note_lined_up(None, 10.0, 10.001)
    mixed.note_launch(1, None, 11.0, 11.006)
    mixed.note_lined_up(StageResult("s1", Outcome.CUT_OFF), 12.0, 12.002)
    results = [ran("s0", 1.0), ran("s1", 1.0)]

    cold, later = (
        pace_of([each.costs(PLAN, results, started_s=1, before_s=0.3, after_s=0.1)])
        for each in (alone, mixed)
    )

    assert cold.launch_s == Pace().launch_s
    assert later.launch_s == pytest.approx(0.006)
    assert later.check_s == pytest.approx(0.002)


def test_builds_that_vary_together_make_the_load_count() -> None:
    costs = Meter().costs(
        PLAN, [ran("s0", 1.0), ran("s1", 3.0)], started_s=1, before_s=1, after_s=1
    )
    steady = evolve(costs, settled=2, load_log=0.01, load_noise=0.001)
    uneasy = [evolve(steady, load_log=one) for one in (0.4, -0.4, 0.35, -0.3, 0.4)]

    assert pace_of([steady] * 9).load_sigma < 0.06
    assert pace_of(uneasy).load_sigma > 0.25


def test_a_content_makes_the_cache_grow_once() -> None:
    new, old = "a" * 32, "b" * 32
    growth = Growth()
    rows = (
        OutputFile("x", digest=new, size_bytes=5000),
        OutputFile("y", digest=old, size_bytes=700),
    )
    trace: list[object] = [()] * 9
    trace[columns.OUTPUTS] = (f"f:{old}:700",)

    first = growth.of(ActionResult(rows), tuple(trace))
    again = growth.of(ActionResult(rows), None)

    assert 5000 < first - again < 9000  # whole pages
    assert 0 < again < 2000  # records
    assert growth.total == first + again
    assert growth.measured == growth.total  # what was skipped is little beside it
    repeated = Growth()
    repeated.of(ActionResult(rows[1:]), tuple(trace))
    assert repeated.skipped > 0


def test_places_on_one_file_system_share_its_room(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()

    (one,) = group_places(
        [("project", str(tmp_path / "a"), 10), ("cache", str(tmp_path / "not/there/yet"), 5)]
    )

    assert (one.places, one.needed_bytes) == (("project", "cache"), 15)
    assert one.free_bytes is not None
    assert one.is_enough


def test_places_elsewhere_have_room_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = {str(tmp_path): 1, "/": 2}
    rooms = {str(tmp_path): 100, "/": 7}
    monkeypatch.setattr("os.stat", lambda path: SimpleNamespace(st_dev=devices[path]))
    monkeypatch.setattr("os.path.isdir", lambda path: path in devices)
    monkeypatch.setattr(
        "os.statvfs", lambda path: SimpleNamespace(f_bavail=rooms[path], f_frsize=1)
    )

    found = group_places([("project", str(tmp_path), 50), ("cache", "/elsewhere", 50)])

    assert [(one.places, one.free_bytes, one.is_enough) for one in found] == [
        (("project",), 100, True),
        (("cache",), 7, False),
    ]


def test_what_is_to_come_is_said_roughly() -> None:
    assert [about(seconds) for seconds in (0, 0.9, 1.2, 19.6, 22, 58, 71, 640, 3700)] == [
        "<1 s", "<1 s", "1 s", "20 s", "20 s", "1 m 00 s", "1 m 10 s", "11 m", "1 h 02 m",
    ]  # fmt: skip
    assert [joined(words) for words in ((), ("a",), ("a", "b"), ("a", "b", "c"))] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip
