"""Signs of life in a log, by a clock that the test turns."""

from __future__ import annotations

import io
import re
import time

from attrs import define
from plan_kit import estimate, plan_of

from stagemake.model.event import BuildFinished, PlanReady, StageSettled, StageStarted
from stagemake.model.plan import Verdict
from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.report.heartbeat import Heartbeat

PLAN = plan_of(
    [[]] * 6,
    [Verdict.MISS] * 6,
    [estimate(130.0), estimate(0.2), *[estimate(None)] * 4],
)


@define
class Clock:
    """Turned by hand."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def started(*names: str, console: bool = False) -> tuple[Heartbeat, Clock, io.StringIO]:
    clock, out = Clock(), io.StringIO()
    beat = Heartbeat(out, 60.0, clock)
    beat.handle(PlanReady(PLAN, 2))
    for name in names:
        beat.handle(StageStarted(name, "", 0.0, console))
    return beat, clock, out


def said_at(beat: Heartbeat, clock: Clock, out: io.StringIO, *passed_s: float) -> list[str]:
    lines = []
    for each in passed_s:
        clock.now = 1000.0 + each
        before = len(out.getvalue())
        beat.tick()
        lines.append(out.getvalue()[before:].removeprefix("stagemake: still running "))
    beat.close()
    return lines


def test_a_long_stage_is_named_once_a_minute() -> None:
    beat, clock, out = started("s0", "s2")

    assert said_at(beat, clock, out, 1, 59, 60, 90, 119.9, 125) == [
        "", "", "s0, 1 m 00 s of ~2 m 10 s; s2, 1 m 00 s\n", "", "",
        "s0, 2 m 05 s of ~2 m 10 s; s2, 2 m 05 s\n",
    ]  # fmt: skip


def test_what_has_ended_or_just_begun_is_not_named() -> None:
    beat, clock, out = started("s0", "s1")
    clock.now += 30
    beat.handle(StageSettled(StageResult("s0", Outcome.RAN), 1, 6))
    beat.handle(StageStarted("s2", "", 30.0))

    assert said_at(beat, clock, out, 61, 200) == [
        "s1, 1 m 01 s of <1 s\n",
        "s1, 3 m 20 s of <1 s; s2, 2 m 50 s\n",
    ]


def test_many_are_counted() -> None:
    beat, clock, out = started(*(f"s{i}" for i in range(1, 6)))

    assert said_at(beat, clock, out, 60) == [
        "s1, 1 m 00 s of <1 s; s2, 1 m 00 s; s3, 1 m 00 s; and 2 more\n"
    ]


def test_nothing_is_said_while_a_stage_has_the_console() -> None:
    beat, clock, out = started("s0")
    beat.handle(StageStarted("s1", "", 0.0, console=True))
    quiet = said_at(beat, clock, out, 60, 120)
    beat.handle(StageSettled(StageResult("s1", Outcome.RAN), 1, 6))

    assert [*quiet, *said_at(beat, clock, out, 121)] == ["", "", "s0, 2 m 01 s of ~2 m 10 s\n"]


def test_the_next_look_is_when_something_can_be_due() -> None:
    beat, clock, _ = started("s0")
    beat.handle(StageSettled(StageResult("s0", Outcome.RAN), 1, 6))
    clock.now += 90
    beat.handle(StageStarted("s1", "", 0.0))

    assert beat.tick() == 60.0
    clock.now += 59
    assert beat.tick() == 1.0
    beat.close()


def test_its_thread_says_it_by_itself_and_ends_with_the_build() -> None:
    out = io.StringIO()
    beat = Heartbeat(out, 0.01)
    beat.handle(PlanReady(PLAN, 2))
    beat.handle(StageStarted("s2", "", 0.0))
    while out.getvalue().count("\n") < 2:
        time.sleep(0.005)
    beat.handle(BuildFinished(BuildOutcome((), 0.0)))

    first = out.getvalue().splitlines()[0]
    assert re.fullmatch(r"stagemake: still running s2, \d+ s", first), first


def test_a_line_does_not_come_between_what_is_printed_together() -> None:
    beat, clock, out = started("s2")
    beat.stream.write("[1/2] ran ")
    assert said_at(beat, clock, out, 60) == ["s2, 1 m 00 s\n"]
    beat.stream.write("s1\n")
    beat.stream.flush()

    assert out.getvalue().endswith("s2, 1 m 00 s\n[1/2] ran s1\n")
