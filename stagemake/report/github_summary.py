"""A build as a page of Markdown, for GitHub's summary of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from stagemake.model.event import BuildFinished, PlanReady
from stagemake.model.result import Outcome
from stagemake.report.amount import duration, interval, plural, printable, size
from stagemake.report.log_text import shown_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.event import Event
    from stagemake.model.result import BuildOutcome, StageResult

_LINES = 40  # of a failed stage's log
_LOG_CHARACTERS = 20_000
_FAILURES = 10
_SLOWEST = 5
_COLUMNS = (
    ("ran", (Outcome.RAN,)),
    ("restored", (Outcome.RESTORED,)),
    ("unchanged", (Outcome.FRESH, Outcome.CUT_OFF)),
    ("failed", (Outcome.FAILED,)),
    ("interrupted", ()),
    ("not run", (Outcome.BLOCKED, Outcome.CANCELLED)),
)
_ENTITIES = {ord(char): f"&#{ord(char)};" for char in "&<>|*_`[]\\$~@#"}


@define
class GitHubSummary:
    """A reporter that writes one page when a build that had something to do is over."""

    write: Callable[[bytes], None]
    _has_begun: bool = False

    def handle(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, PlanReady):
            self._has_begun = True
        elif isinstance(event, BuildFinished) and self._has_begun:
            self._has_begun = False
            self.write(summary(event.outcome).encode("utf-8", "backslashreplace"))


def summary(outcome: BuildOutcome) -> str:
    """Return the page. No more than 300 kB: GitHub takes 1 MiB from one step."""
    verb = "interrupted" if outcome.interrupted_by else "done" if outcome.ok else "failed"
    cut_short = sum(1 for result in outcome.results if result.was_interrupted)
    counts = {word: sum(outcome.count(each) for each in these) for word, these in _COLUMNS}
    counts.update({"interrupted": cut_short, "not run": counts["not run"] - cut_short})
    shown = [(word, str(count)) for word, count in counts.items() if count]
    shown.append(("time", duration(outcome.wall_s)))
    if outcome.forecast_s is not None:
        shown.append(("forecast", interval(outcome.forecast_s)))
    cache = outcome.cache
    if cache.bytes_read or cache.bytes_written:
        shown.append(("from the cache", size(cache.bytes_read)))
        shown.append(("into it", size(cache.bytes_written)))
    parts = [
        f"### stagemake: {verb}, {plural(outcome.total, 'stage')}\n",
        _table([word for word, _ in shown], [[value for _, value in shown]]),
    ]
    failed = outcome.with_outcome(Outcome.FAILED)
    parts += [_failure(result) for result in failed[:_FAILURES]]
    if len(failed) > _FAILURES:
        parts.append(f"and {len(failed) - _FAILURES} more failed\n")
    ran = sorted(outcome.with_outcome(Outcome.RAN), key=lambda result: -result.wall_s)[:_SLOWEST]
    if ran:
        rows = [[_code(result.name), duration(result.wall_s)] for result in ran]
        parts.append(_table(["longest", "took"], rows))
    return "\n".join(parts) + "\n"


def _failure(result: StageResult) -> str:
    lines = [f"**{_code(result.name)}**: {_escaped(result.problem)}\n"]
    log = shown_log(result.stdout + result.stderr, keep_colour=False).rstrip().splitlines()
    if log:
        left_out = f", the last {_LINES} of {len(log)} lines" if len(log) > _LINES else ""
        text = "\n".join(log[-_LINES:])[-_LOG_CHARACTERS:]
        # An empty line would end the block of HTML, and Markdown begin again.
        body = "\n".join(_escaped(line) or "&nbsp;" for line in text.splitlines())
        lines.append(
            f"<details><summary>what it printed{left_out}</summary>\n<pre>{body}</pre></details>\n"
        )
    return "\n".join(lines)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _code(text: str) -> str:
    return f"<code>{_escaped(text)}</code>"


def _escaped(text: str) -> str:
    return printable(text).translate(_ENTITIES)
