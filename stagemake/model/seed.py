"""Stages and hooks as classes, for programs that embed stagemake. Stagefiles make `Stage` values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence  # noqa: TC003 - part of the public types
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from stagemake.model.context import StageContext
    from stagemake.model.stage import StageDependency


@runtime_checkable
class StageLike(Protocol):
    """What `StageManager.register_stage` takes besides a Stage value."""

    name: str

    def dependencies(self) -> Iterable[StageDependency]:
        """Return the order this stage needs."""

    def execute(self, context: StageContext) -> Any:  # Any: plain or a coroutine
        """Do the work."""


class BaseStage:
    """A convenient base: override `name`, `execute` and whatever else differs."""

    name: str = ""
    inputs: Sequence[Any] = ()  # Any: paths and stages, as in a Stagefile
    outputs: Sequence[str] = ()
    params: Any = None

    def dependencies(self) -> Iterable[StageDependency]:
        """Return the order this stage needs; none by default."""
        return ()

    def execute(self, context: StageContext) -> Any:
        """Do the work; may be `async def`."""
        raise NotImplementedError(f"{type(self).__name__}.execute")

    def supports_dry_run(self) -> bool:
        """Return whether a dry run can foresee what this stage costs."""
        return True

    def dry_run_description(self) -> str:
        """Return one line on what this stage would do."""
        return (type(self).__doc__ or "").strip().split("\n", 1)[0]


class StageHook:
    """Called round every stage, in the tool's own process. Override either method."""

    def before_stage(self, stage_name: str, context: StageContext) -> Any:
        """Run before a stage starts; an exception fails the stage."""

    def after_stage(self, stage_name: str, context: StageContext) -> Any:
        """Run after a stage ended; an exception fails the stage."""
