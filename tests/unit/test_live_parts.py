"""The live view's parts: where lines go on a screen, what they say, and what a fault of it does."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pyte
import pytest
from attrs import define
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plan_kit import estimate, plan_of
from rich.cells import cell_len
from screen_kit import trimmed

from stagemake.model.event import BuildFinished, PlanReady, StageSettled, StageStarted
from stagemake.model.plan import Verdict
from stagemake.model.result import BuildOutcome, Outcome, StageResult
from stagemake.report import live
from stagemake.report.live import LiveView
from stagemake.report.live_area import Area
from stagemake.report.live_text import Painter
from stagemake.report.port import FanOut
from stagemake.report.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from stagemake.model.event import Event

WIDTH, HEIGHT = 30, 12

texts = st.text(st.sampled_from("abc é"), max_size=WIDTH - 1).map(str.rstrip)
pictures = st.lists(texts, min_size=1, max_size=5)
prints = st.lists(st.text(st.sampled_from("xyz"), min_size=1, max_size=WIDTH - 1), max_size=4)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine, making the texts is
@given(st.lists(st.tuples(prints, st.none() | pictures), max_size=12))
def test_what_is_printed_stays_and_only_the_last_picture_is_below_it(
    calls: list[tuple[list[str], list[str] | None]],
) -> None:
    screen = pyte.HistoryScreen(WIDTH, HEIGHT, history=1000, ratio=0.5)
    screen.set_mode(pyte.modes.LNM)  # as a terminal's driver: a newline goes to the first column
    stream = pyte.Stream(screen)
    out = io.StringIO()
    area = Area(out)
    printed, last = [], []

    for above, lines in calls:
        text = "".join(f"{line}\n" for line in above)
        if lines is None:
            area.clear(text)
        else:
            area.show(text, lines)
        printed += above
        last = lines or []

    stream.feed(out.getvalue())
    scrolled = ["".join(row[i].data for i in range(WIDTH)) for row in screen.history.top]
    assert trimmed([*scrolled, *screen.display]) == trimmed([*printed, *last])
    assert len(scrolled) + screen.cursor.y == len(printed)
    assert screen.cursor.x == 0


def test_the_same_picture_again_writes_nothing() -> None:
    out = io.StringIO()
    area = Area(out)
    area.show("", ["a", "b"])
    before = out.getvalue()

    area.show("", ["a", "b"])
    assert out.getvalue() == before

    area.forget()
    area.show("", ["a", "b"])
    assert out.getvalue() == before + before.replace("\x1b[?2026h", "\x1b[?2026h\r\x1b[J")


rows = st.sampled_from(["one", "two", "three and more", "four", ""])


@given(
    st.lists(prints, max_size=1),
    st.lists(st.lists(rows, min_size=1, max_size=4), min_size=2, max_size=4),
)
@example([], [["one", "two"], ["three and more", "two", "four"], ["four", "two"]])
def test_a_line_that_stays_is_there_however_little_of_a_picture_has_arrived(
    printed: list[list[str]], shown: list[list[str]]
) -> None:
    screen = pyte.Screen(WIDTH, HEIGHT)
    screen.set_mode(pyte.modes.LNM)
    stream = pyte.Stream(screen)
    out = io.StringIO()
    area = Area(out)
    above = "".join(f"{line}\n" for lines in printed for line in lines)
    area.show(above, shown[0])
    stream.feed(out.getvalue())
    top = above.count("\n")

    for before, after in pairwise(shown):
        seen = len(out.getvalue())
        area.show("", after)
        picture = out.getvalue()[seen:]
        for character in picture:
            stream.feed(character)
            for row, (old, new) in enumerate(zip(before, after, strict=False)):
                assert old != new or screen.display[top + row].rstrip() == new
        assert picture.count("\x1b[?2026h") == picture.count("\x1b[?2026l") == bool(picture)


def test_a_colour_that_a_stage_leaves_on_does_not_reach_the_picture() -> None:
    out = io.StringIO()

    Area(out).show("\x1b[31mred\n", ["a"])

    assert out.getvalue() == "\x1b[?2026h\x1b[31mred\n\x1b[0m\x1b[?7la\x1b[J\r\x1b[?7h\x1b[?2026l"


def test_a_picture_for_a_wider_screen_than_there_is_by_now_takes_its_lines_and_no_more() -> None:
    screen = pyte.Screen(10, 5)
    screen.set_mode(pyte.modes.LNM)
    out = io.StringIO()
    area = Area(out)

    area.show("", ["a" * 25, "b" * 25])
    area.show("", ["c", "d"])

    pyte.Stream(screen).feed(out.getvalue())
    assert trimmed(screen.display) == ["c", "d"]


@define
class Clock:
    """Turned by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


PLAN = plan_of(
    [[]] * 4,
    [Verdict.MISS, Verdict.MISS, Verdict.MISS, Verdict.HIT],
    [estimate(5.0, 0.3), estimate(70.0, 0.2), estimate(None), estimate(None)],
)


def under_way(clock: Clock) -> Progress:
    progress = Progress(clock)
    progress.handle(PlanReady(PLAN, 2))
    for name in ("s0", "s1", "s2"):
        progress.handle(StageStarted(name, f"does {name}", 0.0))
    progress.handle(StageSettled(StageResult("s3", Outcome.RESTORED), 1, 4))
    return progress


def painted(
    columns: int, rows: int, passed_s: float, left_s: float | None = 65.0, *, colour: bool = False
) -> list[str]:
    clock = Clock()
    progress = under_way(clock)
    clock.now += passed_s
    return Painter(io.StringIO(), has_colour=colour).lines(progress, left_s, columns, rows)


def test_at_eighty_columns() -> None:
    assert painted(80, 24, 9.7) == [
        "[1/4] ━━━━━                 3 running, 1 hit, 9 s, ~1 m 05 s left",
        "  s0   9 s of ~5 s",
        "  s1   9 s of ~1 m 10 s",
        "  s2   9 s",
    ]


def test_a_wide_screen_has_descriptions_and_a_narrow_one_line() -> None:
    assert painted(120, 24, 65.2)[1:] == [
        "  s0  1 m 05 s of ~5 s       does s0",
        "  s1  1 m 05 s of ~1 m 10 s  does s1",
        "  s2  1 m 05 s               does s2",
    ]
    assert painted(40, 24, 3.0) == ["[1/4] ~1 m 05 s left, +2 s0 3 s"]
    assert painted(80, 6, 3.0, None) == ["[1/4] +2 s0 3 s"]
    assert painted(12, 24, 3.0) == ["[1/4] ~1 m…"]


def test_stages_that_have_just_begun_take_no_line_and_a_low_screen_few() -> None:
    assert painted(80, 24, 0.1, 0.4) == [
        "[1/4] ━━━━━                 3 running, 1 hit, 0 s, <1 s left"
    ]
    assert painted(80, 9, 2.0, None)[1:] == ["  s0   2 s of ~5 s", "  and 2 more"]


def test_colours_tell_what_is_late() -> None:
    late, due, unknown = painted(80, 24, 9.7, colour=True)[1:]

    assert late == "  s0   9 s\x1b[33m of ~5 s\x1b[0m"
    assert due == "  s1   9 s\x1b[2m of ~1 m 10 s\x1b[0m"
    assert unknown == "  s2   9 s"


@given(
    st.lists(st.text(max_size=50), min_size=1, max_size=30, unique=True),
    st.integers(1, 250),
    st.integers(1, 80),
    st.none() | st.floats(0, 1e6),
)
def test_no_line_is_as_wide_as_the_screen_and_most_of_the_screen_stays_free(
    names: list[str], columns: int, rows: int, left_s: float | None
) -> None:
    clock = Clock()
    progress = Progress(clock, total=len(names))
    for name in names:
        progress.handle(StageStarted(name, name, 0.0))
    clock.now += 3

    lines = Painter(io.StringIO(), has_colour=False).lines(progress, left_s, columns, rows)

    assert 1 <= len(lines) <= max(rows // 3, 1)
    assert all(cell_len(line) < max(columns, 2) for line in lines)
    assert all(line.isprintable() for line in lines)


# --- the reporter -------------------------------------------------------------------------------


@define
class Countdown:
    """Knows nothing, or breaks."""

    fault: Exception | None = None

    def handle(self, event: Event) -> None:
        pass

    def left_s(self) -> float | None:
        if self.fault is not None:
            raise self.fault
        return None


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    """Give the program's end of a terminal of 80 columns."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    with os.fdopen(slave, "w", encoding="utf-8") as stream:
        stream.master = master  # type: ignore[attr-defined]
        yield stream
    os.close(master)


def written(terminal: TextIO) -> str:
    os.set_blocking(terminal.master, False)  # type: ignore[attr-defined]
    try:
        return os.read(terminal.master, 1 << 16).decode()  # type: ignore[attr-defined]
    except BlockingIOError:
        return ""


FINISHED = BuildFinished(BuildOutcome((), 0.0))


@pytest.fixture
def _drawn_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the view's thread draw nothing, however long a test takes."""
    monkeypatch.setattr(live, "FIRST_S", 1e6)


@pytest.mark.usefixtures("_drawn_by_hand")
def test_a_build_that_ends_at_once_has_no_picture(terminal: TextIO) -> None:
    view = LiveView(terminal, Countdown(), has_colour=True)

    view.handle(PlanReady(PLAN, 2))
    view.stream.write("line\n")
    view.stream.flush()
    assert written(terminal) == "line\n"  # at once
    view.handle(FINISHED)

    assert written(terminal) == ""


@pytest.mark.usefixtures("_drawn_by_hand")
def test_closing_at_any_time_takes_the_picture_away_and_prints_what_waits(
    terminal: TextIO,
) -> None:
    view = LiveView(terminal, Countdown(), has_colour=False)
    view.handle(PlanReady(PLAN, 2))
    view.tick(Painter(terminal, has_colour=False))
    picture = written(terminal)

    view.stream.write("begun")
    view.stream.write(", done\nopen")
    assert written(terminal) == ""
    view.close()
    view.close()

    assert picture == (
        "\x1b[?2026h\x1b[?7l[0/4]                       0 running, 0 s\x1b[J\r\x1b[?7h\x1b[?2026l"
    )
    assert written(terminal) == "\r\x1b[Jbegun, done\nopen\n"
    assert view.stream.write("after") == 5


@pytest.mark.parametrize("error", [ValueError("mistake"), OSError(5, "gone")])
def test_a_fault_of_the_view_costs_the_view_only(terminal: TextIO, error: Exception) -> None:
    countdown = Countdown()
    view = LiveView(terminal, countdown, has_colour=False)
    told: list[Event] = []

    class Listener:
        def handle(self, event: Event) -> None:
            told.append(event)

    stdout, stderr = sys.stdout, sys.stderr
    reporters = FanOut([view, Listener()])
    reporters.handle(PlanReady(PLAN, 2))
    painter = Painter(terminal, has_colour=False)
    with view._lock:  # its thread comes by afterwards only
        view.tick(painter)
        view.stream.write("waits\n")
        written(terminal)
        countdown.fault = error
    while view._fault is None:  # its thread comes by
        time.sleep(0.01)

    reporters.handle(StageSettled(StageResult("s0", Outcome.RAN), 1, 4))

    assert written(terminal) == "\r\x1b[Jwaits\n"
    assert "LiveView failed and is told nothing more" in reporters.faults[0]
    assert (sys.stdout, sys.stderr) == (stdout, stderr)
    assert StageSettled in map(type, told)


@pytest.mark.usefixtures("_drawn_by_hand")
def test_a_second_build_has_a_view_again(terminal: TextIO) -> None:
    view = LiveView(terminal, Countdown(), has_colour=False)

    for _ in range(2):
        view.handle(PlanReady(PLAN, 2))
        view.tick(Painter(terminal, has_colour=False))
        assert "0 running" in written(terminal)
        view.handle(FINISHED)
        assert written(terminal) == "\r\x1b[J"
