"""What a person reads during a build."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.model.event import BuildFinished, Notice, StageSettled, StageStarted, WaitingForLock
from stagemake.model.result import INTERRUPTED, BuildOutcome, Outcome, StageResult
from stagemake.report.amount import duration, plural, printable, size
from stagemake.report.log_text import shown_log
from stagemake.report.style import Style, style_for
from stagemake.report.terminal import Detail, TerminalReporter, reason_text

COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*m")


def told(*results: StageResult, detail: Detail = Detail.NORMAL, style: Style = Style()) -> str:  # noqa: B008 - frozen
    stream = io.StringIO()
    reporter = TerminalReporter(stream, style, detail)
    for done, result in enumerate(results, 1):
        reporter.handle(StageSettled(result, done, len(results)))
    reporter.handle(BuildFinished(BuildOutcome(results, 1.0)))
    return stream.getvalue()


def result(outcome: Outcome, name: str = "s", **fields: object) -> StageResult:
    return StageResult(name, outcome, **fields)  # type: ignore[arg-type]


def test_names_stand_in_one_column_whatever_came_of_their_stages() -> None:
    cut_short = result(Outcome.CANCELLED, "name", problem=INTERRUPTED)
    ends = [cut_short, *(result(outcome, "name") for outcome in Outcome)]

    lines = told(*ends, detail=Detail.VERBOSE).splitlines()

    assert {line.index("name") for line in lines[: len(ends)]} == {len("[1/9] restored  ")}


@given(st.binary())
@example(b"\x1b[31mred\x1b[0m\x1b]0;t\x07\x1b[2J\x1b")
@example(b"\x1b[1;5")
def test_no_control_character_gets_through_but_colours(data: bytes) -> None:
    plain = shown_log(data, keep_colour=False)
    coloured = shown_log(data, keep_colour=True)

    for text in (plain, COLOUR.sub("", coloured)):
        assert all(char in "\n\t" or char.isprintable() or ord(char) >= 160 for char in text)


SEQUENCES = {
    "cursor": "\x1b[2J\x1b[H\x1b[3A\x1b[10;1H\x1b7\x1b8\x1bc\x1bM",
    "title": "\x1b]0;title\x07\x1b]2;title\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "link": "\x1b]8;;file:///etc\x1b\\",
    "modes": "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b=\x1b>",
    "asks for an answer": "\x1b[c\x1b[6n\x1b[5n\x1b[>c\x1b[21t\x1b]10;?\x07\x1bZ\x1b[?4m",
    "keys": "\x1b[>4;2m\x1b[>1u",
    "device": '\x1bP$q"p\x1b\\\x1b_payload\x1b\\\x1b^x\x1b\\\x1bXy\x1b\\',
    "sets": "\x1b(0\x1b)B\x0e\x0f\x1b%G",
    "bytes of 8 bits": "\x9b2J\x9d0;t\x9c\x90q\x9c\x85",
    "controls in a colour": "\x1b[\x0831m\x1b[3\x0b1m\x1b[\x9b?4m",
    "others": "\x00\x01\x05\x07\x08\x0b\x0c\x7f\x1b",
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("keep_colour", [False, True])
def test_a_sequence_that_is_no_colour_is_gone(name: str, keep_colour: bool) -> None:
    shown = shown_log(f"a{SEQUENCES[name]}\nb\n".encode(), keep_colour=keep_colour)

    assert shown[0] == "a"
    assert shown.endswith("\nb\n")
    assert all(char == "\n" or char.isprintable() for char in shown)


def test_colours_stay_and_end_with_the_log() -> None:
    colours = "\x1b[1;31mred\x1b[38;5;9mmore\x1b[38:2::1:2:3mtrue\x1b[m \x1b[8mhidden"

    assert shown_log(colours.encode(), keep_colour=True) == f"{colours}\x1b[0m"
    assert shown_log(f"{colours}\n".encode(), keep_colour=True) == f"{colours}\x1b[0m\n"
    assert shown_log(b"\x1b[31mred\x1b[0m\n", keep_colour=True) == "\x1b[31mred\x1b[0m\n"
    assert shown_log(colours.encode(), keep_colour=False) == "redmoretrue hidden"


@pytest.mark.parametrize("keep_colour", [False, True])
def test_a_line_that_was_rewritten_is_shown_as_it_was_last(keep_colour: bool) -> None:
    text = b"  0 %\r 50 %\r100 %\r\r\nnext\r\n\rlast\r"

    assert shown_log(text, keep_colour=keep_colour) == "100 %\nnext\nlast"


def test_what_is_never_closed_takes_its_line_and_no_more() -> None:
    assert shown_log(b"a\x1b]0;never closed\nb\n\x1b[1;2\nc\n", keep_colour=True) == "a\nb\n\nc\n"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert shown_log(text.encode(), keep_colour=False) == text


@given(st.text())
def test_a_printable_name_is_one_line_that_drives_nothing(text: str) -> None:
    assert printable(text).isprintable()


def test_numbers_line_up() -> None:
    results = [result(Outcome.RAN, f"s{i}", exit_code=0, wall_s=0.01) for i in range(10)]

    lines = told(*results).splitlines()

    assert lines[0] == "[ 1/10] ran       s0  10 ms"
    assert lines[9] == "[10/10] ran       s9  10 ms"
    assert lines[10] == "stagemake: done, 10 stages: 10 ran in 1.0 s"


class Countdown:
    """Says what the test says."""

    def __init__(self, *said: float | None) -> None:
        self.said = list(said)
        self.told: list[object] = []

    def handle(self, event: object) -> None:
        self.told.append(event)

    def left_s(self) -> float | None:
        return self.said.pop(0)


def test_what_is_left_has_a_column_once_it_is_known_and_none_at_the_end() -> None:
    stream, countdown = io.StringIO(), Countdown(None, 70.2, 8.4, 0.0)
    reporter = TerminalReporter(stream, countdown=countdown)

    for done in range(1, 5):
        reporter.handle(StageSettled(result(Outcome.RAN, f"s{done}"), done, 4))

    assert stream.getvalue().splitlines() == [
        "[1/4] ran       s1",
        "[2/4 ~1 m 10 s] ran       s2",
        "[3/4 ~8 s     ] ran       s3",
        "[4/4          ] ran       s4",
    ]
    assert len(countdown.told) == 4


def test_what_did_nothing_is_shown_on_request_only() -> None:
    cut_off = result(Outcome.CUT_OFF, reason="unchanged")

    assert told(cut_off) == "stagemake: done, 1 stage: 1 unchanged in 1.0 s\n"
    assert told(cut_off, detail=Detail.VERBOSE).startswith("[1/1] unchanged s\n")


def test_when_all_is_fresh_one_line_says_so() -> None:
    stream = io.StringIO()
    fresh = BuildOutcome((result(Outcome.FRESH),), 0.0)

    TerminalReporter(stream).handle(BuildFinished(fresh))

    assert stream.getvalue() == "stagemake: up to date\n"


def test_a_silent_success_is_silent() -> None:
    assert told(result(Outcome.RAN, exit_code=0), detail=Detail.SILENT) == ""


def test_a_failure_comes_once_and_last_in_every_detail() -> None:
    failed = result(
        Outcome.FAILED, exit_code=1, stderr=b"boom", problem="exit status 1", notes=("n",)
    )

    for detail in Detail:
        text = told(failed, result(Outcome.RAN, "t", exit_code=0), detail=detail)

        assert text.count("boom") == 1
        assert text.index("boom") > text.index("failed: s")
        assert "  n\n  to run it again: stagemake s\n" in text


def test_many_blocked_stages_are_counted() -> None:
    blocked = [result(Outcome.BLOCKED, f"b{i}") for i in range(10)]

    assert "`b7` and 2 more\n" in told(result(Outcome.FAILED, problem="p"), *blocked)


def test_colours_are_painted_only_when_on() -> None:
    ran = result(Outcome.RAN, exit_code=0, stdout=b"\x1b[1mbold\x1b[0m")

    assert "\x1b" not in told(ran)
    assert "\x1b[1mbold\x1b[0m" in told(ran, style=Style(is_on=True))


def test_notices_and_waiting_are_single_lines() -> None:
    stream = io.StringIO()
    reporter = TerminalReporter(stream)

    reporter.handle(Notice("one\ntwo"))
    reporter.handle(WaitingForLock("process 1"))

    assert stream.getvalue() == (
        "stagemake: one\\ntwo\nstagemake: waiting for another build of this project (process 1)\n"
    )


def test_a_reason_is_put_into_words() -> None:
    assert reason_text("input_changed", "a.c") == "input changed: a.c"
    assert reason_text("never_built", "") == "never built"
    assert reason_text("from_the_future", "") == "from_the_future"


def test_who_decides_on_colour() -> None:
    cases = [
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"CLICOLOR_FORCE": "0"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
    ]

    for choice, environ, is_terminal, expected in cases:
        assert style_for(choice, environ, is_terminal=is_terminal).is_on is expected


def test_amounts_for_people() -> None:
    assert [duration(s) for s in (0, 0.012, 0.1, 59.9, 59.99, 61, 3600, 7384)] == [
        "0 ms", "12 ms", "0.1 s", "59.9 s", "1 m 00 s", "1 m 01 s", "1 h 00 m", "2 h 03 m",
    ]  # fmt: skip
    assert [size(n) for n in (0, 1023, 1024, 1536, 1024**3, 1024**4)] == [
        "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 GiB", "1.0 TiB",
    ]  # fmt: skip
    assert [plural(n, "stage") for n in (0, 1, 2)] == ["0 stages", "1 stage", "2 stages"]


def test_nothing_is_printed_while_a_stage_has_the_terminal_and_all_of_it_afterwards() -> None:
    stream = io.StringIO()
    reporter = TerminalReporter(stream)
    reporter.handle(StageStarted("other", "", 0.0))
    reporter.handle(StageStarted("ask", "", 0.0, console=True))

    reporter.handle(StageSettled(result(Outcome.RAN, "other", exit_code=0, stdout=b"out"), 1, 2))
    reporter.handle(Notice("something"))
    assert stream.getvalue() == ""
    reporter.handle(StageStarted("ask", "", 0.0, console=True))  # its second attempt
    first = "[1/2] ran       other  0 ms\nout\nstagemake: something\n"
    assert stream.getvalue() == first
    reporter.handle(Notice("more"))
    assert stream.getvalue() == first
    reporter.handle(StageSettled(result(Outcome.RAN, "ask", exit_code=0), 2, 2))

    assert stream.getvalue() == first + "stagemake: more\n[2/2] ran       ask  0 ms\n"


def test_the_end_of_the_build_ends_the_loan() -> None:
    stream = io.StringIO()
    reporter = TerminalReporter(stream)
    reporter.handle(StageStarted("ask", "", 0.0, console=True))
    reporter.handle(Notice("held"))

    reporter.handle(BuildFinished(BuildOutcome((), 1.0)))

    assert stream.getvalue().startswith("stagemake: held\n")


@pytest.mark.parametrize("columns", [80, 40])
def test_a_long_name_keeps_to_its_line_on_a_terminal(columns: int) -> None:
    name = "compile." + "very." * 30 + "deep"
    stream = io.StringIO()
    reporter = TerminalReporter(stream, columns=lambda: columns)
    ran = result(Outcome.RAN, name, exit_code=0, wall_s=1.5)

    reporter.handle(StageSettled(ran, 7, 10))

    line = stream.getvalue().removesuffix("\n")
    assert len(line) == columns - 1
    assert line.startswith("[ 7/10] ran       comp")
    assert line.endswith(".deep  1.5 s")
    assert name in told(ran)  # in a pipe it is whole
