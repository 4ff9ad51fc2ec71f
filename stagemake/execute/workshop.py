"""What carrying out a plan needs at hand: one bundle, made by the manager, owned by one build."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from stagemake.execute.interrupt import Interrupt
from stagemake.execute.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.cache.port import Store
    from stagemake.digesting import Digester
    from stagemake.execute.guard import Guard
    from stagemake.execute.watching import Watching
    from stagemake.hooks import Facts
    from stagemake.model.event import Event
    from stagemake.model.request import BuildRequest
    from stagemake.model.result import StageResult
    from stagemake.model.stage import Stage
    from stagemake.plan.world import World
    from stagemake.runner.port import Runner
    from stagemake.state import StateStore


def physical_memory_bytes() -> int:
    """Return how much memory the machine has; 1 PiB where it doesn't say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 1 << 50


class Hooks(Protocol):
    """Called round every stage that is executed, in the tool's own process."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody wants to be called after a stage."""

    def before(self, stage: Stage, facts: Facts) -> str:
        """Run what comes before a stage; return what went wrong, empty for nothing."""

    def after(self, stage: Stage, facts: Facts, result: StageResult) -> str:
        """Run what comes after a stage; return what went wrong, empty for nothing."""


class NoHooks:
    """Hooks of a build that has none."""

    is_empty = True

    def before(self, stage: Stage, facts: Facts) -> str:
        """Return an empty text."""
        del stage, facts
        return ""

    def after(self, stage: Stage, facts: Facts, result: StageResult) -> str:
        """Return an empty text."""
        del stage, facts, result
        return ""


def _no_store() -> None:
    """Stand for a build without a cache."""


@define(eq=False, repr=False)
class Workshop:
    """Everything a build works with. `now_s` and `wall_clock_s` can be cranked by tests."""

    root: str
    request: BuildRequest
    jobs: int
    world: World
    digester: Digester
    state: StateStore
    runner: Runner
    emit: Callable[[Event], None]
    base_env: Mapping[str, str]  # of commands; `call_env` of functions, if it is another
    environ: Mapping[str, str]
    pools: Mapping[str, int]
    interrupt: Interrupt = field(factory=Interrupt)
    hooks: Hooks = field(factory=NoHooks)
    began_s: float = 0.0  # by `now_s`
    now_s: Callable[[], float] = time.monotonic
    wall_clock_s: Callable[[], float] = time.time
    kept_at: str = ""  # where this build puts files of the user's, relative to the root
    kept: list[tuple[str, str]] = field(factory=list)  # path, where it is now
    umask: int = 0o022  # of everything made and restored, whatever the user's is
    watching: Watching | None = None  # None: nobody wants to know what stages read
    guard: Guard | None = None  # holds the build to a plan file
    call_env: Mapping[str, str] | None = None
    slots: Slots = field(factory=Slots)  # tokens of a jobserver
    memory_bytes: int = field(factory=physical_memory_bytes)  # what `memory=` is measured against
    open_store: Callable[[], Store | None] = _no_store  # gives the same one each time

    @property
    def store(self) -> Store | None:
        """The cache, opened by whoever asks first, as no stage needs it to start; None: there is none."""
        return self.open_store()
