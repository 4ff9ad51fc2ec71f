"""Progress as plain lines: one when a stage ends, failures again at the end, one summary."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from stagemake.model.event import (
    BuildFinished,
    Notice,
    PlanReady,
    StageEvent,
    StageSettled,
    StageStarted,
    WaitingForLock,
)
from stagemake.model.result import Outcome
from stagemake.report.amount import about, duration, interval, plural, printable
from stagemake.report.divergence_text import divergence_lines
from stagemake.report.reason_words import reason_text
from stagemake.report.style import OUTCOME_COLOURS, Style
from stagemake.report.table import middle
from stagemake.report.width import columns_of, folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stagemake.model.event import Event
    from stagemake.model.explanation import Change
    from stagemake.model.result import BuildOutcome, StageResult
    from stagemake.report.port import Countdown, Marks, Sink

__all__ = ["Detail", "TerminalReporter", "reason_text"]

_WORDS = {Outcome.CUT_OFF: "unchanged", Outcome.FAILED: "FAILED"}  # the others are their codes
_CUT_SHORT = "cut short"  # interrupted, in a word that leaves names in their column
_DIFF_LINES = 12
_LEAST_NAME = 12  # columns: a name is not cut below
_SCORED_FROM_S = 0.5  # below, it is the machine's noise that would be scored


class Detail(enum.Enum):
    """How much to say."""

    SILENT = "silent"  # failures only
    NORMAL = "normal"  # and a line for what ran or came back, with its output
    VERBOSE = "verbose"  # and reasons, cut-offs, replayed logs


@define(eq=False, repr=False)
class TerminalReporter:
    """Writes to one text stream, usually stderr."""

    stream: Sink
    style: Style = field(factory=Style)
    detail: Detail = Detail.NORMAL
    rerun: Callable[[str], str] = "stagemake {}".format  # the command that failures name, by stage
    most_log_lines: int = 0  # of a failure; 0: all of them
    columns: Callable[[], int] = int  # of the terminal, as it is now; 0: no sentence is broken
    changes_of: Callable[[StageResult], Iterable[Change]] | None = None  # what changed, for details
    countdown: Countdown | None = None  # where somebody watches: shown with each line
    marks: Marks | None = None  # where a program reads it too
    _failed: list[StageResult] = field(factory=list)
    _has_printed: bool = False
    _left_width: int = 0
    _lent_to: str = ""  # the stage that has the terminal
    _held: list[str] = field(factory=list)  # what is printed when it has ended

    def handle(self, event: Event) -> None:
        """Print what the event is worth; later, while a stage has the terminal to itself."""
        if self.countdown is not None:
            self.countdown.handle(event)
        if isinstance(event, StageEvent):
            return  # said to programs: the stage's own output is what people read
        if isinstance(event, StageStarted):
            if event.console:
                self._release()  # a retry: between two attempts there is time to print
                self._lent_to = event.name
            return
        if isinstance(event, BuildFinished) or (
            isinstance(event, StageSettled) and event.result.name == self._lent_to
        ):
            self._release()
        if isinstance(event, StageSettled):
            self._settled(event)
        elif isinstance(event, BuildFinished):
            self._finished(event.outcome)
        elif isinstance(event, Notice) and self.detail is Detail.SILENT:
            return
        elif isinstance(event, Notice):
            self._line(self.style.paint(f"stagemake: {printable(event.text)}", "yellow"))
        elif isinstance(event, WaitingForLock):
            self._line(f"stagemake: waiting for another build of this project ({event.holder})")
        else:
            assert isinstance(event, PlanReady), "every kind of event is known"
        if not self._lent_to:
            self.stream.flush()

    def _line(self, text: str) -> None:
        self._write(text + "\n")

    def _write(self, text: str) -> None:
        self._has_printed = True
        if self._lent_to:
            self._held.append(text)
        else:
            self.stream.write(text)

    def _release(self) -> None:
        """Print what was held back; the terminal is ours again."""
        self._lent_to = ""
        self.stream.write("".join(self._held))
        self._held.clear()
        self.stream.flush()

    def _settled(self, event: StageSettled) -> None:
        result = event.result
        if result.outcome is Outcome.FAILED:
            self._failed.append(result)
        if self._is_hidden(result):
            return
        code = result.outcome.value
        word = _CUT_SHORT if result.was_interrupted else _WORDS.get(result.outcome, code)
        colour = OUTCOME_COLOURS[code]
        width = len(str(event.total))
        count = f"[{event.done:>{width}}/{event.total}{self._left(event)}]"
        tail = ""
        if result.outcome in {Outcome.RAN, Outcome.FAILED} and result.exit_code is not None:
            tail = f"  {duration(result.wall_s)}"
        name = self._name(result.name, len(f"{count} {word:<9} {tail}"))
        head = f"{count} {self.style.paint(f'{word:<9}', colour)} {name}"
        if (
            self.detail is Detail.VERBOSE
            and result.reason
            and result.outcome is not Outcome.CUT_OFF
        ):
            tail += self.style.paint(f"  ({reason_text(result.reason, result.subject)})", "dim")
        is_shown = result.outcome is Outcome.RAN or (
            self.detail is Detail.VERBOSE and result.outcome is not Outcome.FAILED
        )
        marks = self.marks if is_shown and (result.stdout or result.stderr) else None
        line = f"{head}{tail}"
        self._line(line if marks is None else marks.opening(line))
        if self.detail is Detail.VERBOSE and result.differences and self.changes_of is not None:
            from stagemake.report.change_text import changes_text  # noqa: PLC0415 - gate, -v only

            said = reason_text(result.reason, result.subject)
            for line in changes_text(self.changes_of(result), most_lines=_DIFF_LINES, said=said):
                self._line(self.style.paint(line, "dim"))
        if result.outcome is Outcome.FAILED:
            return  # all about it comes at the end, where it is not scrolled away
        if is_shown:
            self._output(result)
        if marks is not None:
            self._line(marks.closing())
        for note in result.notes:
            self._line(self.style.paint(f"  note: {printable(note)}", "yellow"))
        self._remarks(result)

    def _name(self, name: str, around: int) -> str:
        """Return a stage's name, its middle left out where it would not fit into a terminal's line."""
        shown, columns = printable(name), self.columns()
        if not columns or around + columns_of(shown) < columns:
            return shown
        return middle(shown, max(columns - 1 - around, _LEAST_NAME))

    def _left(self, event: StageSettled) -> str:
        """Return how long it still takes, in a column of its own once it was shown."""
        seconds = self.countdown.left_s() if self.countdown is not None else None
        text = "" if seconds is None or event.done == event.total else f" ~{about(seconds)}"
        self._left_width = max(self._left_width, len(text))
        return f"{text:<{self._left_width}}"

    def _is_hidden(self, result: StageResult) -> bool:
        if self.detail is Detail.SILENT:
            return True
        if self.detail is Detail.VERBOSE:
            return False
        return result.outcome in {Outcome.CUT_OFF, Outcome.FRESH}

    def _output(self, result: StageResult) -> None:
        """Print what the stage printed, as one block."""
        for data in (result.stdout, result.stderr):
            if data:
                from stagemake.report.log_text import shown_log  # noqa: PLC0415 - gate, 1 ms, where something was printed

                text = shown_log(data, keep_colour=self.style.is_on)
                self._write(text if text.endswith("\n") else text + "\n")

    def _finished(self, outcome: BuildOutcome) -> None:
        for path in outcome.removed:
            self._line(f"stagemake: removed `{printable(path)}`, which no stage makes any more")
        for path, where in outcome.kept:
            self._line(f"stagemake: `{printable(path)}` was yours; kept as `{printable(where)}`")
        for line in divergence_lines(outcome.results):
            self._line(self.style.paint(line, "yellow"))
        for result in self._failed:
            self._failure(result)
        blocked = outcome.with_outcome(Outcome.BLOCKED) if not outcome.ok else ()
        if blocked:
            names = ", ".join(f"`{printable(result.name)}`" for result in blocked[:8])
            more = f" and {len(blocked) - 8} more" if len(blocked) > 8 else ""
            head = "not run, because they need what failed: "
            self._line(folded(head, f"{names}{more}", self.columns()))
        if self.detail is not Detail.SILENT or not outcome.ok:
            self._line(self._summary(outcome))
        if self.detail is not Detail.SILENT and _is_worth_scoring(outcome):
            assert outcome.forecast_s is not None, "worth scoring only with a forecast"
            said, took = interval(outcome.forecast_s), duration(outcome.wall_s)
            self._line(self.style.paint(f"stagemake: forecast {said}, took {took}", "dim"))

    def _failure(self, result: StageResult) -> None:
        if self._has_printed:
            self._line("")
        head = f"failed: {printable(result.name)}"
        text = folded(head, f": {printable(result.problem)}", self.columns())
        self._line(text.replace(head, self.style.paint(head, "red"), 1))
        left_out = self._last_lines(result)
        for note in result.notes:
            self._line(f"  {printable(note)}")
        if result.log:
            words = f"all {left_out} lines that" if left_out else "what"
            self._line(f"  {words} it printed: `{printable(result.log)}`")
        self._line(f"  to run it again: {printable(self.rerun(result.name))}")
        self._remarks(result)

    def _remarks(self, result: StageResult) -> None:
        for line in self.marks.remarks(result) if self.marks is not None else ():
            self._line(line)

    def _last_lines(self, result: StageResult) -> int:
        """Print the end of what a stage printed; return how many lines that is the end of, 0 if it is all."""
        lines = b"\n".join(filter(None, (result.stdout.rstrip(b"\n"), result.stderr))).splitlines()
        if not result.log or not 0 < self.most_log_lines < len(lines):
            self._output(result)
            return 0
        self._line(f"  … the last {self.most_log_lines} lines:")
        self._output(evolve(result, stdout=b"", stderr=b"\n".join(lines[-self.most_log_lines :])))
        return len(lines)

    def _summary(self, outcome: BuildOutcome) -> str:
        count = outcome.count
        if count(Outcome.FRESH) == outcome.total and outcome.ok:
            return "stagemake: up to date" if outcome.total else "stagemake: no stages to build"
        cut_short = sum(1 for result in outcome.results if result.was_interrupted)
        counts = [
            (count(Outcome.RAN), "ran", "green"),
            (count(Outcome.RESTORED), "restored", "blue"),
            (count(Outcome.FRESH) + count(Outcome.CUT_OFF), "unchanged", "dim"),
            (count(Outcome.FAILED), "failed", "red"),
            (count(Outcome.BLOCKED), "blocked", "yellow"),
            (cut_short, "interrupted", "yellow"),
            (count(Outcome.CANCELLED) - cut_short, "not run", "yellow"),
        ]
        parts = [self.style.paint(f"{many} {word}", how) for many, word, how in counts if many]
        stages = plural(outcome.total, "stage")
        verb = "interrupted" if outcome.interrupted_by else "done" if outcome.ok else "failed"
        return f"stagemake: {verb}, {stages}: {', '.join(parts)} in {duration(outcome.wall_s)}"


def _is_worth_scoring(outcome: BuildOutcome) -> bool:
    """Whether to hold the forecast against what came: there was one, all was done, and not in a blink."""
    forecast = outcome.forecast_s
    return (
        forecast is not None
        and outcome.ok
        and outcome.count(Outcome.RAN) > 0
        and max(forecast.p90, outcome.wall_s) >= _SCORED_FROM_S
    )
