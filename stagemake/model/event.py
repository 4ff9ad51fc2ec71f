"""What happens during a build, told to reporters as it happens."""

from __future__ import annotations

from attrs import frozen

from stagemake.model.plan import Plan  # noqa: TC001 - attrs field type, read by tools
from stagemake.model.result import BuildOutcome, StageResult  # noqa: TC001 - as above


@frozen
class PlanReady:
    """The plan is made and execution begins."""

    plan: Plan
    jobs: int


@frozen
class StageStarted:
    """An action was started."""

    name: str
    description: str
    at_s: float  # since the start of the build
    console: bool = False  # it has the terminal: nothing else is to be printed until it ends


@frozen
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


Event = PlanReady | StageStarted | StageSettled | BuildFinished | Notice | WaitingForLock
