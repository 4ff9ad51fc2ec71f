"""Past builds on their shelf: what is noted, what damage costs, what stays when, and the scores."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from stagemake import durable
from stagemake.model.difference import Difference
from stagemake.model.event import BuildFinished, PlanReady, StageSettled
from stagemake.model.pipeline import Pipeline
from stagemake.model.plan import Estimate, Interval, Plan, Reason, Step, Verdict
from stagemake.model.result import BuildOutcome, CacheUse, Outcome, StageResult
from stagemake.model.stage import Stage
from stagemake.past import shelf as shelf_module
from stagemake.past.build import PastBuild, PastStage
from stagemake.past.codec import NewerFormat, line_of
from stagemake.past.compare import Change, compare
from stagemake.past.decode import decode
from stagemake.past.ending import Ending
from stagemake.past.recorder import Recorder
from stagemake.past.score import Score, by_stage, overall
from stagemake.past.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STAGES = (Stage(name="a"), Stage(name="b"), Stage(name="weird\udcff"))
PLAN = Plan(
    Pipeline(stages=STAGES, targets=(2,), upstream=((), (0,), (1,))),
    (
        Step(
            0,
            Verdict.MISS,
            Reason.INPUT_CHANGED,
            "src",
            estimate=Estimate(Interval(1.0, 2.0), 3, 4),
        ),
        Step(1, Verdict.MAYBE, Reason.UPSTREAM_RUNS, "a.out"),
        Step(2, Verdict.FRESH, Reason.UNCHANGED),
    ),
)
RAN = StageResult(
    "a", Outcome.RAN, "input_changed", "src", "k" * 32, wall_s=1.5, cpu_s=0.5, exit_code=0,
    output_bytes=7, changed=True, started_s=0.25, peak_rss_bytes=4096, differences=(Difference(Reason.INPUT_CHANGED, "src\udcff", "f:1:1", "f:2:2"),),
)  # fmt: skip
CUT = StageResult("b", Outcome.CUT_OFF, "unchanged")
FRESH = StageResult("weird\udcff", Outcome.FRESH, "unchanged")
OUTCOME = BuildOutcome((RAN, CUT, FRESH), 1.75, CacheUse(0, 1, 0, 7))
EVENTS = (
    PlanReady(PLAN, 2), StageSettled(RAN, 1, 3), StageSettled(CUT, 2, 3), BuildFinished(OUTCOME),
)  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(str(tmp_path / "builds"))


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    durable.install(None)


def record(
    shelf: Shelf, events: tuple[object, ...] = EVENTS, forecast: Interval | None = None
) -> Recorder:
    recorder = Recorder(shelf, ("app",), forecast, wall_clock_s=lambda: 1_000_000.0)
    for event in events:
        recorder.handle(event)
    recorder.close()
    return recorder


def test_a_build_is_read_back_as_it_was_noted(shelf: Shelf) -> None:
    recorder = record(shelf, forecast=Interval(1.0, 2.0))

    build = shelf.read(1)

    assert recorder.problem == ""
    assert build is not None
    assert build == PastBuild(
        number=1, started_s=1_000_000.0, targets=("app",), jobs=2, version=build.version,
        ending=Ending.DONE, forecast_s=Interval(1.0, 2.0), wall_s=1.75,
        counts={
            "fresh": 1, "restored": 0, "cut_off": 1, "ran": 1, "failed": 0, "blocked": 0, "cancelled": 0,
        },
        stages=(
            PastStage("a", "ran", "input_changed", "src", "k" * 32, 1.5, 0.5, 0, 7, True, Interval(1.0, 2.0), RAN.differences, started_s=0.25, peak_rss_bytes=4096),
            PastStage("b", "cut_off", "unchanged"),
        ),
        roster=build.roster,
        cache=CacheUse(0, 1, 0, 7),
    )  # fmt: skip
    assert build.is_inside is True
    assert shelf.names(build.roster) == {"a", "b", "weird\udcff"}


def test_what_failed_and_what_was_blocked_is_noted(shelf: Shelf) -> None:
    failed = evolve(
        RAN, outcome=Outcome.FAILED, exit_code=1, stdout=b"so far\n", stderr=b"x" * 9000 + b"\xff\n"
    )
    blocked = StageResult("b", Outcome.BLOCKED, subject="a", problem="needs `a`")
    end = BuildFinished(BuildOutcome((failed, blocked, FRESH), 0.5))

    record(shelf, (EVENTS[0], StageSettled(failed, 1, 3), end))

    build = shelf.read(1)
    assert build is not None
    assert build.ending is Ending.FAILED
    assert [(stage.name, stage.outcome, stage.problem) for stage in build.stages] == [
        ("a", "failed", ""),
        ("b", "blocked", "needs `a`"),
    ]
    assert [stage.log for stage in build.stages] == ["so far\n" + "x" * 8190 + "\ufffd", ""]


def test_what_older_versions_did_not_note_is_unknown(shelf: Shelf) -> None:
    record(shelf)
    path = Path(shelf.directory) / "1"
    newer = {"at_s", "peak_rss_bytes", "problem", "log", "cache"}
    lines = [json.loads(line[9:]) for line in path.read_bytes().splitlines()]
    path.write_bytes(
        b"".join(
            line_of({name: value for name, value in record.items() if name not in newer})
            for record in lines
        )
    )

    build = shelf.read(1)

    assert build is not None
    assert build.cache is None
    assert [(one.started_s, one.peak_rss_bytes, one.problem) for one in build.stages] == [
        (None, None, ""),
        (None, None, ""),
    ]


@given(share=st.floats(0, 1), flip=st.booleans())
def test_a_file_cut_or_damaged_anywhere_gives_what_was_whole_before_that(
    tmp_path_factory: pytest.TempPathFactory, share: float, flip: bool
) -> None:
    shelf = Shelf(str(tmp_path_factory.mktemp("past")))
    record(shelf)
    data = Path(f"{shelf.directory}/1").read_bytes()
    at = int(share * (len(data) - 1))
    damaged = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if flip else data[:at]

    build = decode(1, damaged, is_running=False)

    whole = data[:at].count(b"\n")  # lines in front of the damage
    if build is None:
        assert whole == 0
    else:
        assert len(build.stages) >= min(whole - 1, 2)
        assert set(build.stages) <= set(shelf.read(1).stages)


def test_a_killed_build_leaves_what_had_settled(shelf: Shelf) -> None:
    record(shelf, EVENTS[:2])

    build = shelf.read(1)

    assert build is not None
    assert (build.ending, build.wall_s, build.counts) == (Ending.KILLED, None, {"ran": 1})
    assert evolve(shelf, is_locked=lambda: True).read(1).ending is Ending.RUNNING


def test_of_what_came_from_the_cache_a_kill_loses_a_few_lines_and_of_nothing_else(
    shelf: Shelf,
) -> None:
    restored = [
        StageSettled(StageResult(f"s{number}", Outcome.RESTORED), number + 1, 200)
        for number in range(100)
    ]
    ran = StageSettled(StageResult("ran", Outcome.RAN, exit_code=0), 101, 200)

    recorder = Recorder(shelf, ("app",), None, wall_clock_s=lambda: 1_000_000.0)
    found = []
    for event in (EVENTS[0], *restored, ran):
        recorder.handle(event)
        build = shelf.read(1)  # as if killed now
        found.append({} if build is None else build.counts)
    recorder.close()

    told = [each.get("restored", 0) for each in found]
    assert all(0 <= number - known < 64 for number, known in enumerate(told[:-1]))
    assert found[-1] == {"restored": 100, "ran": 1}


def full_after(count: int) -> Callable[[str, str], None]:
    """Return a fault: the disk is full from the so-manieth operation on."""
    left = [count]

    def full(operation: str, path: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    return full


def test_no_fault_of_the_disk_gets_out_and_the_builds_before_stay(shelf: Shelf) -> None:
    record(shelf)
    before = shelf.read(1)
    for at in range(40):
        durable.install(full_after(at))
        recorder = record(shelf)
        durable.install(None)

        assert shelf.read(1) == before
        if not recorder.problem:
            break
        assert recorder.problem == "no space left on device"
    else:
        raise AssertionError("it never got through")
    assert at >= 5  # mkdir is done; touch or write, open, and four writes


def test_a_directory_that_can_not_be_made_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "builds").write_text("in the way")

    recorder = record(Shelf(str(tmp_path / "builds")))

    assert recorder.problem == "not a directory"
    assert list(Shelf(str(tmp_path / "builds")).builds()) == []


def test_only_so_many_builds_are_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "MOST_BUILDS", 3)

    for _ in range(6):
        record(shelf)

    assert shelf.numbers() == [3, 4, 5, 6]  # bounded before a new one begins


def test_only_so_many_bytes_are_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    record(shelf)
    size = os.stat(f"{shelf.directory}/1").st_size
    monkeypatch.setattr(shelf_module, "MOST_BYTES", 2 * size + 10)

    for _ in range(6):
        record(shelf)

    assert shelf.numbers() == [5, 6, 7]


def test_names_that_no_kept_build_uses_are_removed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "MOST_BUILDS", 1)
    record(shelf)
    (names,) = [name for name in os.listdir(shelf.directory) if name.startswith("names-")]
    other = evolve(PLAN, pipeline=evolve(PLAN.pipeline, stages=(*STAGES[:2], Stage(name="c"))))

    for _ in range(3):
        record(shelf, (PlanReady(other, 1), EVENTS[-1]))

    assert not os.path.exists(f"{shelf.directory}/{names}")
    assert shelf.names(shelf.read(4).roster) == {"a", "b", "c"}


def test_names_are_bounded_however_fast_the_builds_and_whatever_the_clock(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "MOST_BUILDS", 3)

    for number in range(9):
        stages = (*STAGES[:2], Stage(name=f"c{number % 8}"))
        record(
            shelf,
            (PlanReady(evolve(PLAN, pipeline=evolve(PLAN.pipeline, stages=stages)), 1), EVENTS[-1]),
        )
        for name in os.listdir(shelf.directory):
            day_s = (number % 3 - 1) * 1e6
            os.utime(f"{shelf.directory}/{name}", (1e9 + day_s, 1e9 + day_s))

    builds = list(shelf.builds())
    names = [name for name in os.listdir(shelf.directory) if name.startswith("names-")]
    assert len(builds) == 4
    assert [shelf.names(build.roster) for build in builds] == [
        {"a", "b", f"c{number}"} for number in (0, 7, 6, 5)
    ]
    assert len(names) == 4


def test_names_that_a_build_of_a_newer_version_uses_stay(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(shelf)
    roster = shelf.note_names(["x", "y"])
    with open(f"{shelf.directory}/2", "wb") as stream:
        stream.write(line_of({"kind": "build", "format": 2, "stage_names": [roster]}))
    monkeypatch.setattr(shelf_module, "MOST_BUILDS", 1)

    record(shelf)

    assert shelf.numbers() == [2, 3]
    assert shelf.names(roster) == {"x", "y"}


def test_a_build_of_a_newer_version_is_left_out_and_counted(shelf: Shelf) -> None:
    record(shelf)
    with open(f"{shelf.directory}/2", "wb") as stream:
        stream.write(line_of({"kind": "build", "format": 2, "whatever": []}))

    record(shelf)

    assert [build.number for build in shelf.builds()] == [3, 1]
    assert shelf.newer_count() == 1
    with pytest.raises(NewerFormat):
        shelf.read(2)


def test_one_huge_build_is_cut_and_still_ends(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagemake.past.recorder.MOST_BYTES_A_BUILD", 2_000)
    many = tuple(StageSettled(evolve(RAN, name=f"s{i}"), i, 99) for i in range(99))

    record(shelf, (EVENTS[0], *many, EVENTS[-1]))

    build = shelf.read(1)
    assert build is not None
    assert build.ending is Ending.DONE
    assert 1 < len(build.stages) < 20


# --- scores ----------------------------------------------------------------------------------------


def build_of(
    number: int, took_s: float, forecast: Interval | None, *stages: PastStage
) -> PastBuild:
    return PastBuild(number, 0.0, (), 1, "0", Ending.DONE, forecast, took_s, {}, stages, "")


def test_scores_are_coverage_of_p90_and_the_median_error_of_p50() -> None:
    builds = [
        build_of(
            1,
            10.0,
            Interval(9.0, 12.0),
            PastStage("a", "ran", wall_s=2.0, expected_s=Interval(1.0, 1.5)),
        ),
        build_of(
            2,
            10.0,
            Interval(10.0, 12.0),
            PastStage("a", "failed", wall_s=9.0, expected_s=Interval(1.0, 1.5)),
        ),
        build_of(3, 10.0, Interval(6.0, 9.0)),
        build_of(4, 10.0, None),
    ]

    assert overall(builds) == Score(3, 2, 0.1)
    assert by_stage(builds) == {"a": Score(1, 0, 0.5)}
    assert overall(builds[3:]) == Score()


# --- comparing -------------------------------------------------------------------------------------


def test_two_builds_are_compared_stage_by_stage() -> None:
    def ran(name: str, wall_s: float, reason: str = "input_changed") -> PastStage:
        return PastStage(name, "ran", reason, "x", wall_s=wall_s)

    before = build_of(
        1,
        1,
        None,
        ran("gone", 1),
        ran("same", 1),
        ran("slow", 1),
        ran("fast", 2),
        ran("why", 1),
        ran("now fresh", 1),
    )
    after = build_of(
        2,
        1,
        None,
        ran("new", 1),
        ran("same", 1.1),
        ran("slow", 2),
        ran("fast", 1),
        ran("why", 1, "forced"),
    )
    common = {"same", "slow", "fast", "why", "now fresh", "always fresh"}

    found = compare(before, after, frozenset({"gone", *common}), frozenset({"new", *common}))

    assert [(one.name, one.changes) for one in found] == [
        ("new", (Change.ADDED,)), ("gone", (Change.REMOVED,)), ("fast", (Change.FASTER,)),
        ("now fresh", (Change.OUTCOME,)), ("slow", (Change.SLOWER,)), ("why", (Change.REASON,)),
    ]  # fmt: skip


@pytest.mark.parametrize("lost", [0, 1, 40])
def test_the_last_build_was_killed_when_the_word_of_its_end_is_not_whole(
    shelf: Shelf, lost: int
) -> None:
    record(shelf)
    record(shelf)
    path = Path(shelf.directory, "2")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - lost])

    last = shelf.last_killed()

    # A line without its newline is whole.
    found = None if last is None else (last.number, last.ending)
    assert found == (None if lost <= 1 else (2, Ending.KILLED))


def test_nothing_was_killed_where_there_is_no_build(shelf: Shelf) -> None:
    assert shelf.last_killed() is None


def test_a_build_that_ended_is_not_read_to_learn_that(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(shelf)
    read: list[int] = []
    monkeypatch.setattr(
        "stagemake.past.decode.decode", lambda number, *_, **__: read.append(number)
    )

    assert shelf.last_killed() is None

    assert read == []
