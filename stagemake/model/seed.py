"""Stages and hooks as classes, for programs that embed stagemake. Stagefiles make `Stage` values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence  # noqa: TC003 - part of the public types
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from stagemake.model.context import StageContext
    from stagemake.model.operation import DryRunnable
    from stagemake.model.stage import StageDependency


@runtime_checkable
class StageLike(Protocol):
    """What `StageManager.register_stage` takes besides a Stage value.

    Optional, and so not in this Protocol: `supports_dry_run()`, True when left out;
    `dry_run_description()`, one line; `plan_operations(context)`, see `BaseStage`; and an attribute for
    each keyword of a stage: `inputs`, `outputs`, `params`, `uses`, `provides`, …
    """

    @property
    def name(self) -> str:
        """The stage's name, unique in its manager; an attribute will do."""

    def dependencies(self) -> Iterable[StageDependency]:
        """Return the order this stage needs."""

    def execute(self, context: StageContext) -> Any:  # Any: None, or a coroutine that gives None
        """Do the work; plain or `async`. Runs in a process of its own."""


class BaseStage:
    """A convenient base: override `name`, `execute` and whatever else differs."""

    name: str = ""
    inputs: Sequence[Any] = ()  # Any: paths and Stage values, as in a Stagefile
    outputs: Sequence[str] = ()
    params: Mapping[str, Any] | None = None  # Any: plain values
    uses: Sequence[str] = ()
    provides: Sequence[str] = ()

    def dependencies(self) -> Iterable[StageDependency]:
        """Return the order this stage needs; none by default."""
        return ()

    def execute(self, context: StageContext) -> Any:  # Any: None, or a coroutine that gives None
        """Do the work; may be `async def`."""
        raise NotImplementedError(f"{type(self).__name__}.execute")

    def supports_dry_run(self) -> bool:
        """Return whether a dry run can foresee what this stage costs."""
        return True

    def dry_run_description(self) -> str:
        """Return one line on what this stage would do."""
        return (type(self).__doc__ or "").strip().split("\n", 1)[0]

    def plan_operations(self, context: StageContext) -> Iterable[DryRunnable] | None:
        """Say in detail what `execute` would do: by `context.storage`, which only notes, or by returning it.

        Called by dry runs, in a process of its own, in place of `execute`.
        """
        del context
        return None


class StageHook:
    """Called round every stage that is executed, in the tool's own process. Override either method.

    Either may be `async def`. What they return does not matter; an exception fails the stage.
    """

    name: str = ""  # for messages; the class's name when empty

    def before_stage(self, stage_name: str, context: StageContext) -> Any:  # Any: ignored
        """Run before a stage starts; an exception keeps it from running."""

    def after_stage(self, stage_name: str, context: StageContext) -> Any:  # Any: ignored
        """Run after a stage ended, well or not; how it ended is in `context.results[stage_name]`."""
