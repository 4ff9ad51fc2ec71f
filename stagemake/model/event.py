"""What happens during a build, told to reporters as it happens."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from stagemake.model.plan import Plan  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.result import BuildOutcome, StageResult  # noqa: TC001 - as above


@frozen
class PlanReady:
    """The plan is made and execution begins."""

    plan: Plan
    jobs: int


@frozen(slots=False)  # made twice as fast; for every stage
class StageStarted:
    """An action was started."""

    name: str
    description: str
    at_s: float  # since the start of the build
    console: bool = False  # it has the terminal: nothing else is to be printed until it ends


@frozen(slots=False)  # made twice as fast; for every stage
class StageSettled:
    """A stage ended, one way or the other. Fresh stages are not told one by one."""

    result: StageResult
    done: int  # stages settled so far, fresh ones included
    total: int


@frozen
class BuildFinished:
    """The build is over and its state is saved."""

    outcome: BuildOutcome


@frozen
class Notice:
    """Something a user should know that belongs to no stage."""

    text: str  # one line


@frozen
class WaitingForLock:
    """Another build holds this project."""

    holder: str


@frozen
class StageEvent:
    """Something that a stage, a hook or the program itself had to say: `context.events.emit`."""

    stage: str  # who said it; empty: the program
    name: str
    payload: Any = None  # Any: what JSON can hold
    at_s: float = 0.0  # since the start of the build; 0 outside of one


Event = (
    PlanReady | StageStarted | StageEvent | StageSettled | BuildFinished | Notice | WaitingForLock
)
