"""What carrying out a plan needs at hand: one bundle, made by the manager, owned by one build."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from stagemake.execute.interrupt import Interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stagemake.cache.port import Store
    from stagemake.digesting import Digester
    from stagemake.model.event import Event
    from stagemake.model.request import BuildRequest
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.runner.port import Runner
    from stagemake.state import StateStore


class Hooks(Protocol):
    """Called round every stage that runs, in the tool's own process."""

    def before(self, stage: Stage) -> str:
        """Run what comes before a stage; return what went wrong, empty for nothing."""

    def after(self, stage: Stage) -> str:
        """Run what comes after a stage; return what went wrong, empty for nothing."""


class NoHooks:
    """Hooks of a build that has none."""

    def before(self, stage: Stage) -> str:
        """Return an empty text."""
        del stage
        return ""

    def after(self, stage: Stage) -> str:
        """Return an empty text."""
        del stage
        return ""


@define
class Workshop:
    """Everything a build works with. `now_s` and `wall_clock_s` can be cranked by tests."""

    root: str
    request: BuildRequest
    jobs: int
    world: World
    digester: Digester
    state: StateStore
    store: Store | None  # None: no cache at all
    runner: Runner
    emit: Callable[[Event], None]
    base_env: Mapping[str, str]
    environ: Mapping[str, str]
    pools: Mapping[str, int]
    interrupt: Interrupt = field(factory=Interrupt)
    hooks: Hooks = field(factory=NoHooks)
    now_s: Callable[[], float] = time.monotonic
    wall_clock_s: Callable[[], float] = time.time
    kept_at: str = ""  # where this build puts files of the user's, relative to the root
    kept: list[tuple[str, str]] = field(factory=list)  # path, where it is now
    umask: int = 0o022

    def tell(self, events: Sequence[Event]) -> None:
        """Emit several events in order."""
        for event in events:
            self.emit(event)
