"""What happens during a build as lines of JSON, for programs that follow it: `build --events FILE`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.model.event import (
    BuildFinished,
    Notice,
    PlanReady,
    StageEvent,
    StageSettled,
    StageStarted,
    WaitingForLock,
)
from stagemake.model.plan import Verdict
from stagemake.model.result import Outcome
from stagemake.report.json_form import SCHEMA, result_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.event import Event


class NobodyReads(Exception):
    """The reader of a pipe has gone; not to be taken for our own stdout that was closed."""


class EventLines:
    """Writes each event as one line, at once.

    Args:
        write: Takes a line's bytes.
    """

    name = "--events"

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def handle(self, event: Event) -> None:
        """Write the event's line.

        Raises:
            NobodyReads: It goes to a pipe that nobody reads any more.
            OSError: It can't be written.
        """
        line = json.dumps(event_object(event), separators=(",", ":")) + "\n"
        try:
            self._write(line.encode("ascii"))
        except BrokenPipeError:
            raise NobodyReads("nobody reads them any more") from None


def event_object(event: Event) -> dict[str, Any]:
    """Return an event as `stagemake/schemas/event.schema.json` has it. `at_s` counts from the build's start."""
    if isinstance(event, StageSettled):
        return _settled(event)
    if isinstance(event, StageStarted):
        return {
            "event": "stage_started",
            "at_s": round(event.at_s, 6),
            "stage": event.name,
            "description": event.description,
            "console": event.console,
        }
    if isinstance(event, StageEvent):
        return {
            "event": "stage_event",
            "at_s": round(event.at_s, 6),
            "stage": event.stage or None,
            "name": event.name,
            "payload": event.payload,
        }
    if isinstance(event, Notice):
        return {"event": "notice", "text": event.text}
    if isinstance(event, WaitingForLock):
        return {"event": "waiting", "holder": event.holder}
    if isinstance(event, BuildFinished):
        return _finished(event)
    return _planned(event)


def _planned(event: PlanReady) -> dict[str, Any]:
    steps = event.plan.steps
    return {
        "event": "plan",
        "schema": SCHEMA,
        "stagemake": stagemake.__version__,
        "jobs": event.jobs,
        "totals": {each.value: sum(step.verdict is each for step in steps) for each in Verdict},
    }


def _settled(event: StageSettled) -> dict[str, Any]:
    result = event.result
    fields = result_object(result)
    began = result.started_s if result.wall_s or result.exit_code is not None else None
    return {
        "event": "stage_finished",
        "stage": fields.pop("name"),
        **fields,
        "started_s": None if began is None else round(began, 6),
        "peak_rss_bytes": result.peak_rss_bytes or None,
        "problem": result.problem or None,
        "done": event.done,
        "total": event.total,
    }


def _finished(event: BuildFinished) -> dict[str, Any]:
    outcome = event.outcome
    return {
        "event": "finished",
        "schema": SCHEMA,
        "ok": outcome.ok,
        "wall_s": round(outcome.wall_s, 6),
        "interrupted_by": outcome.interrupted_by or None,
        "outcomes": {each.value: outcome.count(each) for each in Outcome},
    }
