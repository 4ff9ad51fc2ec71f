"""Which calls of the tool are timed for `bench`, and as what. Put in place in the measured process only.

So nothing is asked, counted or slower in any other build. A name that is not there any more is an error.
"""

from __future__ import annotations

import functools
import importlib
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field

from stagemake.manager import StageManager
from stagemake.runner.local import LocalRunner
from stagemake.throughput.stopwatch import Stopwatch, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.model.result import BuildOutcome
    from stagemake.runner.port import Completion, Work

SPAWN, HASH, STORE, DECIDE, WAIT = "spawn", "hash", "store", "decide", "wait"

POINTS: Mapping[str, tuple[str, ...]] = {
    SPAWN: (
        "stagemake.runner.local:LocalRunner.prepare",
        "stagemake.runner.local:LocalRunner.start",
        "stagemake.runner.local:LocalRunner.close",
    ),
    WAIT: ("stagemake.runner.local:LocalRunner.wait",),
    HASH: tuple(
        f"stagemake.digesting:Digester.{name}"
        for name in (
            "entry", "entries", "output_entry", "output_entries", "rows", "survey", "forget",
            "look_again", "signatures", "scan_output", "learn", "settle",
        )
    ),
    STORE: (
        "stagemake.executing:open_cache",
        "stagemake.executing:close_cache",
        "stagemake.execute.storing:Storing.add",
        "stagemake.execute.storing:Storing.finish",
        "stagemake.execute.storing:Storing.flush",
        "stagemake.execute.restoring:Restorer.bring_back",
        *(
            f"stagemake.cache.store:DiskStore.{name}"
            for name in ("get", "put", "touch", "missing", "read", "put_bytes", "put_file", "fetch")
        ),
    ),
    DECIDE: (
        "stagemake.project:Project.load",
        "stagemake.project:Project.pipeline",
        "stagemake.building:plan_pipeline",
        "stagemake.execute.launch:judge_again",
    ),
}  # fmt: skip
"""`module:name` or `module:Class.name` by kind. Functions are named where they are called from."""


@define
class Seen:
    """What the timed calls let pass by."""

    watch: Stopwatch = field(factory=Stopwatch)
    outcomes: list[BuildOutcome] = field(factory=list)
    _ordered_s: dict[int, float] = field(factory=dict)  # by stage id, until it has begun

    def install(self) -> None:
        """Time everything in `POINTS` from now on, and note outcomes."""
        replace(LocalRunner, "start", self._noting_order)
        replace(LocalRunner, "wait", self._noting_begin)
        replace(StageManager, "execute_pipeline", self._noting_outcome)
        for kind, names in POINTS.items():
            for name in names:
                owner, last = _place_of(name)
                replace(owner, last, functools.partial(self.watch.timed, kind))

    def _noting_order(self, start: Callable[[Any, Work], None]) -> Callable[[Any, Work], None]:
        def noting(runner: Any, work: Work) -> None:  # Any: the runner, here and below
            start(runner, work)
            self._ordered_s[work.stage_id] = time.monotonic()

        return noting

    def _noting_begin(
        self, wait: Callable[[Any, float | None], Sequence[Completion]]
    ) -> Callable[[Any, float | None], Sequence[Completion]]:
        def noting(runner: Any, timeout_s: float | None) -> Sequence[Completion]:
            arrived = wait(runner, timeout_s)
            for each in arrived:
                ordered_s = self._ordered_s.pop(each.stage_id, None)
                if ordered_s is not None and each.started_s:
                    # The tool goes on meanwhile: this is how long the stage waited for its process.
                    self.watch.add(SPAWN, max(each.started_s - ordered_s, 0.0))
            return arrived

        return noting

    def _noting_outcome(self, execute: Callable[..., BuildOutcome]) -> Callable[..., BuildOutcome]:
        def noting(*args: Any, **keywords: Any) -> BuildOutcome:
            outcome = execute(*args, **keywords)
            self.outcomes.append(outcome)
            return outcome

        return noting


def _place_of(name: str) -> tuple[Any, str]:  # Any: a module or a class
    """Return what holds the function that a name of `POINTS` means, and its name there."""
    module, _, inner = name.partition(":")
    owner = importlib.import_module(module)
    holder, _, last = inner.rpartition(".")
    return (getattr(owner, holder) if holder else owner), last
