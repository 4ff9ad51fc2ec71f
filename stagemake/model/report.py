"""What a dry run foresees: totals, disk, time and conflicts."""

from __future__ import annotations

import enum
from collections.abc import Callable  # noqa: TC003 - attrs field type, read by tools
from functools import cached_property

from attrs import evolve, field, frozen

from stagemake.model.operation import DryRunContext, PlannedOperation
from stagemake.model.plan import Interval, Plan, Verdict  # noqa: TC001 - attrs field types, read by tools


class ConflictKind(enum.Enum):
    """What could go wrong, or surprise, if the plan were carried out."""

    CASE_COLLISION = "outputs differ only in case"
    MISSING_INPUT = "an input is neither there nor made by a stage"
    HAND_EDITED = "an output was changed by hand and would be replaced"
    FOREIGN_FILE = "a file that stagemake did not make would be replaced"
    DISK_FULL = "the plan needs more disk than is free"
    MISSING_PROGRAM = "a program that a stage starts is not on this machine"
    MISSING_DIRECTORY = "the working directory of a stage is neither there nor made by a stage"
    LOCKED = "another build holds the project"
    UNDECLARED_WRITE = "a stage would change what it does not declare"
    NOT_FORESEEN = "plan_operations() of a stage failed"

    @property
    def code(self) -> str:
        """The snake_case code for machines."""
        return self.name.lower()


@frozen
class Conflict:
    """One thing to look at before building."""

    kind: ConflictKind
    path: str
    stages: tuple[str, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        who = f" ({', '.join(self.stages)})" if self.stages else ""
        return f"{self.path}: {self.kind.value}{who}"


@frozen(slots=False)  # for what is worked out when asked
class DryRunReport:
    """A plan with its costs. Bytes and seconds; what has no history is counted, never guessed."""

    plan: Plan
    jobs: int
    new_bytes: int  # contents that runs would add to the cache, from history
    restore_bytes: int  # exact, from the cached results
    work_s: float  # sum over misses and maybes: an upper bound
    wall_s: Interval  # simulated with `jobs` side by side
    critical_path: tuple[int, ...]  # stage ids, first to last
    critical_path_s: float
    unestimated: int  # misses and maybes without history, left out of the sums
    opaque: tuple[int, ...]  # stages that don't support dry run: named, left out of the sums
    conflicts: tuple[Conflict, ...]
    cache_bytes: int  # what the cache holds now
    free_bytes: int  # on the file systems of the cache and the project, the smaller
    told_bytes: int = 0  # that stages without history said they would write
    foresee: Callable[[], tuple[PlannedOperation, ...]] = field(
        default=tuple, eq=False, repr=False
    )  # what `operations` asks, once

    def total_operations(self) -> int:
        """Return how many operations a build would do, at most; see `operations`."""
        return len(self.operations)

    @cached_property
    def operations(self) -> tuple[PlannedOperation, ...]:
        """What a build would do, one by one, in execution order; opaque stages are left out.

        Cost: O(stages that are not fresh) when first asked.
        """
        return self.foresee()

    def context(self) -> DryRunContext:
        """Return the operations by stage, with disk, time and conflicts."""
        made = DryRunContext(
            estimated_disk_usage=self.estimated_disk_usage(),
            estimated_duration_s=self.estimated_duration().p50,
            potential_conflicts=[str(conflict) for conflict in self.conflicts],
        )
        for operation in self.operations:
            made.add(operation, operation.stage)
        return made

    def estimated_disk_usage(self) -> int:
        """Return the bytes that outputs and cache would take in addition, as far as known."""
        return self.new_bytes + self.restore_bytes + self.told_bytes

    def estimated_duration(self) -> Interval:
        """Return the expected seconds by the clock: median and ninth decile."""
        return self.wall_s

    def potential_conflicts(self) -> tuple[Conflict, ...]:
        """Return what to look at before building."""
        return self.conflicts

    def with_conflicts(self, conflicts: tuple[Conflict, ...]) -> DryRunReport:
        """Return this report with what was found to look at."""
        return evolve(self, conflicts=conflicts)

    def count(self, verdict: Verdict) -> int:
        """Return how many stages have this verdict."""
        return sum(1 for step in self.plan.steps if step.verdict is verdict)
