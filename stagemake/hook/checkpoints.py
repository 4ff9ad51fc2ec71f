"""A hook that keeps a file on how far a build has come, for whoever has to recover after a crash.

What had finished is not done again by the next build in any case; with `resumable=True` that holds for
stages that run in every build, too. The file tells people and programs what that was.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from attrs import frozen

from stagemake import durable
from stagemake.model.error import UsageError
from stagemake.model.event import BuildFinished
from stagemake.model.result import Outcome
from stagemake.model.seed import StageHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.model.context import StageContext
    from stagemake.model.event import Event

SCHEMA = 1


@frozen
class Checkpoint:
    """How far a build had come when it ended or was cut short."""

    pid: int  # of the process that built
    began_s: float  # unix
    finished: tuple[str, ...]  # stages that were executed well, in the order they ended
    failed: tuple[str, ...]
    running: tuple[str, ...]  # in order of their start: these were cut short


class Checkpoints(StageHook):
    """Writes a checkpoint whenever a stage starts or ends. Register it before and after stages.

    With `manager.events.subscribe(checkpoints.on_event)` the file goes when a build ends well: one that is
    there tells of a build that did not.

    Args:
        path: The file; its directory exists. Replaced in one step each time.
        now_s: The clock.
    """

    name = "checkpoints"

    def __init__(
        self, path: str | os.PathLike[str], *, now_s: Callable[[], float] = time.time
    ) -> None:
        self._path = os.path.abspath(path)
        self._now_s = now_s
        self._began_s = 0.0
        self._finished: list[str] = []
        self._failed: list[str] = []
        self._running: list[str] = []

    def left_over(self) -> Checkpoint | None:
        """Return what an earlier build left in the file; None when there is none.

        Raises:
            UsageError: The file holds something else.
        """
        try:
            with open(self._path, encoding="utf-8") as stream:
                text = stream.read()
        except FileNotFoundError:
            return None
        try:
            data: dict[str, Any] = json.loads(text)  # Any: checked by what is made of it
            if data["schema"] != SCHEMA:
                raise ValueError(data["schema"])
            lists = [tuple(map(str, data[word])) for word in ("finished", "failed", "running")]
            return Checkpoint(int(data["pid"]), float(data["began_s"]), *lists)
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"`{self._path}` is no checkpoint", hint="name another file, or remove it"
            ) from None

    def before_stage(self, stage_name: str, context: StageContext) -> None:  # noqa: ARG002 - a hook's shape
        """Note that a stage has started."""
        self._running.append(stage_name)
        self._write()

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        """Note that a stage has ended."""
        if stage_name in self._running:
            self._running.remove(stage_name)
        good = context.results[stage_name].outcome is Outcome.RAN
        (self._finished if good else self._failed).append(stage_name)
        self._write()

    def on_event(self, event: Event) -> None:
        """Start anew when a build has ended; remove the file if that was well."""
        if not isinstance(event, BuildFinished):
            return
        for names in (self._finished, self._failed, self._running):
            names.clear()
        self._began_s = 0.0
        if event.outcome.ok and os.path.exists(self._path):
            durable.remove(self._path)

    def _write(self) -> None:
        self._began_s = self._began_s or self._now_s()
        data = {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "began_s": round(self._began_s, 3),
            "finished": self._finished,
            "failed": self._failed,
            "running": self._running,
        }
        durable.write_atomic(self._path, json.dumps(data, indent=2).encode() + b"\n")
