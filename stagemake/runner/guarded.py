"""A plugin's runner behind a fence: what it raises or makes up is a failed action, not a failed tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.runner.port import Completion
from stagemake.runner.program import NOT_STARTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.runner.port import Runner, Work


class GuardedRunner:
    """The `Runner` that a build sees of a plugin's. After its first mistake in `wait`, nothing more is started."""

    def __init__(self, inner: Runner, name: str) -> None:
        self._inner = inner
        self._name = name
        self._running: dict[int, None] = {}  # stage ids in order of their start
        self._arrived: list[Completion] = []
        self._broken = ""

    def prepare(self) -> None:
        """Let it do what has to be done before there are threads."""
        prepare = getattr(self._inner, "prepare", None)
        if prepare is not None:
            try:
                prepare()
            except (Exception, SystemExit) as error:
                self._broken = self._told("prepare", error)

    def start(self, work: Work) -> None:
        """Begin; whatever it raises arrives as a `Completion`."""
        if not self._broken:
            self._running[work.stage_id] = None
            try:
                self._inner.start(work)
            except (Exception, SystemExit) as error:
                self._running.pop(work.stage_id, None)
                self._arrive(work.stage_id, self._told("start", error))
        else:
            self._arrive(work.stage_id, self._broken)

    def wait(self, timeout_s: float | None) -> Sequence[Completion]:
        """Return what has ended since."""
        if not self._arrived and self._running:
            try:
                self._take(self._inner.wait(timeout_s))
            except (Exception, SystemExit) as error:
                self._give_up(self._told("wait", error))
        arrived, self._arrived = self._arrived, []
        return arrived

    def stop(self, *, now: bool, typed: bool = False) -> None:
        """End whatever runs."""
        try:
            self._inner.stop(now=now, typed=typed)
        except (Exception, SystemExit) as error:
            self._give_up(self._told("stop", error))

    def close(self) -> None:
        """End everything and free the resources."""
        try:
            self._inner.close()
        except (Exception, SystemExit):
            return  # what ran has its completions; there is nobody left to tell

    def _take(self, completions: Sequence[Completion]) -> None:
        for completion in completions:
            if not isinstance(completion, Completion) or completion.stage_id not in self._running:
                raise TypeError(
                    f"it returned {completion!r}, which nothing that runs has to do with"
                )
            self._running.pop(completion.stage_id)
            self._arrived.append(completion)

    def _give_up(self, note: str) -> None:
        """Fail all that runs: whether and how it ends can't be known any more."""
        self._broken = note
        for stage_id in self._running:
            self._arrive(stage_id, note)
        self._running.clear()

    def _arrive(self, stage_id: int, note: str) -> None:
        self._arrived.append(Completion(stage_id, NOT_STARTED, note=note))

    def _told(self, method: str, error: BaseException) -> str:
        text = " ".join(str(error).split())
        return f"{self._name}: {method} raised {type(error).__name__}: {text}".rstrip(": ")[:300]
