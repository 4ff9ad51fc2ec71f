"""What GitHub Actions reads in a log: folds, and annotations that it shows beside the lines they are about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.event import PlanReady
from stagemake.model.result import Outcome
from stagemake.report.amount import printable
from stagemake.report.compiler_messages import messages
from stagemake.report.log_text import shown_log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.model.event import Event
    from stagemake.model.result import StageResult
    from stagemake.model.stage import Stage
    from stagemake.report.compiler_messages import Message

_MOST = 10  # of a level: GitHub shows no more of one step


@define(eq=False)
class GitHubMarks:
    """Marks for one build's log; a reporter too, to be told before the one that prints them.

    Args:
        root: The project's, absolute.
        workspace: The checkout's root, absolute: annotations name files from there.
    """

    root: str
    workspace: str
    _stages: dict[str, Stage] = field(factory=dict)
    _given: dict[str, int] = field(factory=dict)  # annotations so far, by level

    def handle(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, PlanReady):
            self._stages = {stage.name: stage for stage in event.plan.pipeline.stages}
            self._given.clear()

    def opening(self, title: str) -> str:
        """Return the line that begins a fold."""
        return f"::group::{_data(title)}"

    def closing(self) -> str:
        """Return the line that ends it."""
        return "::endgroup::"

    def remarks(self, result: StageResult) -> Iterator[str]:
        """Give annotations of what a stage that ran or failed has printed about lines of files."""
        has_failed = result.outcome is Outcome.FAILED
        if not has_failed and result.outcome is not Outcome.RAN:
            return
        seen = set()
        has_error = False
        for message in self._messages(result):
            if not has_failed and not message.level:
                continue  # a test that passed may print what it likes
            # An error that did not keep the stage from passing is none.
            level = (message.level or "error") if has_failed else "warning"
            place = self._place(message.path, result.name)
            if not place or (message, place) in seen:
                continue
            seen.add((message, place))
            has_error = has_error or level == "error"
            where = {"file": place, "line": str(message.line)}
            if message.column:
                where["col"] = str(message.column)
            yield from self._annotation(level, where, result.name, message.text)
        if has_failed and not has_error:
            yield from self._annotation(
                "error", self._declared(result.name), result.name, result.problem
            )

    def _messages(self, result: StageResult) -> Iterator[Message]:
        told_traceback = ""
        for data in (result.stdout, result.stderr):
            for message in messages(shown_log(data, keep_colour=False)):
                if message.text == told_traceback:  # a frame further out: the first in here counts
                    continue
                if message.column == 0 and self._place(message.path, result.name):
                    told_traceback = message.text
                yield message

    def _annotation(
        self, level: str, where: dict[str, str], title: str, text: str
    ) -> Iterator[str]:
        self._given[level] = self._given.get(level, 0) + 1
        if self._given[level] <= _MOST:
            words = {**where, "title": title}
            properties = ",".join(f"{name}={_property(value)}" for name, value in words.items())
            yield f"::{level} {properties}::{_data(text)}"

    def _declared(self, name: str) -> dict[str, str]:
        stage = self._stages.get(name)
        if stage is None or stage.location is None:
            return {}
        place = self._place(stage.location.file, name)
        return {"file": place, "line": str(stage.location.line)} if place else {}

    def _place(self, path: str, name: str) -> str:
        """Return a path from the workspace; empty if there is no such file in it."""
        stage = self._stages.get(name)
        for directory in dict.fromkeys((stage.cwd if stage is not None else "", "")):
            full = os.path.normpath(os.path.join(self.root, directory, path))
            place = os.path.relpath(full, self.workspace)
            if not place.startswith("..") and os.path.isfile(full):
                return place
        return ""


def _data(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
