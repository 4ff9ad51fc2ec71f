"""What a dry run foresees: totals, disk, time and conflicts."""

from __future__ import annotations

import enum
from collections.abc import Callable  # noqa: TC003 - attrs field type, read by tools
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.model.operation import DryRunContext, PlannedOperation
from stagemake.model.plan import Chance, Interval, Plan, Verdict
from stagemake.model.what_if import Assumption  # noqa: TC001 - attrs field type, read by tools

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConflictKind(enum.Enum):
    """What could go wrong, or surprise, if the plan were carried out."""

    CASE_COLLISION = "outputs differ only in case"
    MISSING_INPUT = "an input is neither there nor made by a stage"
    UNREADABLE_INPUT = "an input can't be read"
    HAND_EDITED = "an output was changed by hand and would be replaced"
    FOREIGN_FILE = "a file that stagemake did not make would be replaced"
    DISK_FULL = "the plan needs more disk than is free"
    MISSING_PROGRAM = "a program that a stage starts is not on this machine"
    MISSING_DIRECTORY = "the working directory of a stage is neither there nor made by a stage"
    OUTPUT_IN_INPUT = (
        "an output lies in a directory that another stage reads without waiting for it"
    )
    NO_DRY_RUN = "does not support dry run: nothing can be said of what it does"
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
    path: str  # what it is about; empty: the stage itself
    stages: tuple[str, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        who = f" ({', '.join(self.stages)})" if self.stages else ""
        return f"{self.path}: {self.kind.value}{who}"


@frozen
class FileSystem:
    """One file system that a build writes to."""

    places: tuple[str, ...]  # what is on it: `project`, `state`, `cache`
    path: str  # of the first of them
    free_bytes: int | None  # for this user; None: not known
    needed_bytes: int

    @property
    def is_enough(self) -> bool:
        """Whether what is free will do, as far as known."""
        return self.free_bytes is None or self.needed_bytes <= self.free_bytes


@frozen
class Eviction:
    """What collecting the cache after the build would remove."""

    records: int = 0
    bytes: int = 0


@frozen(slots=False)  # for what is worked out when asked
class DryRunReport:
    """A plan with its costs. Bytes and seconds; what has no estimate is counted, never guessed."""

    plan: Plan
    jobs: int
    new_bytes: int  # by which the cache would grow: what is in it already counts once; a maybe by its chance
    restore_bytes: int  # exact, from the cached results
    work_s: float  # of all actions one after the other; a maybe by its chance
    wall_s: (
        Interval | None
    )  # simulated with `jobs` side by side; None: nothing that would run is known
    critical_path: tuple[int, ...]  # stage ids, first to last
    critical_path_s: float
    unestimated: int  # misses and maybes that nothing is known of, left out of the sums
    opaque: tuple[int, ...]  # stages that don't support dry run: named, left out of the sums
    conflicts: tuple[Conflict, ...] = ()
    cache_bytes: int = 0  # what the cache holds now
    free_bytes: int | None = (
        None  # on the file systems of the cache and the project, the smallest; None: not known
    )
    write_bytes: int = (
        0  # what actions would write as outputs, as far as known; a maybe by its chance
    )
    write_p90_bytes: int | None = None  # its ninth decile; None: as far as known no more than that
    unsized: int = 0  # misses and maybes with outputs of whose size nothing is known
    knows_writes: bool = True  # False: of nothing that would be written is the size known
    knows_growth: bool = True  # False: of nothing that would be stored
    chances: Mapping[int, Chance] = field(factory=dict)  # of the maybes, by stage id
    other_jobs: tuple[
        tuple[int, float], ...
    ] = ()  # how long it would take with so many jobs, ascending
    by_kind: int = 0  # misses and maybes estimated from others of their kind
    file_systems: tuple[FileSystem, ...] = ()
    evicted: Eviction = Eviction()
    assumed: tuple[Assumption, ...] = ()  # what is taken to have other content, as it was asked

    told_bytes: int = 0  # that stages without history said they would write; not in `write_bytes`
    foresee: Callable[[], tuple[PlannedOperation, ...]] = field(
        default=tuple, eq=False, repr=False
    )  # what `operations` asks, once

    @property
    def runs(self) -> tuple[int, int]:
        """How many stages run: at least, and at most."""
        least = self.count(Verdict.MISS)
        return least, least + self.count(Verdict.MAYBE)

    @property
    def cache_bytes_after(self) -> int:
        """What the cache would hold, collected if it would be, as far as known."""
        return max(self.cache_bytes + self.new_bytes - self.evicted.bytes, 0)

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
        return self.write_bytes + self.new_bytes + self.restore_bytes + self.told_bytes

    def estimated_duration(self) -> Interval:
        """Return the expected seconds by the clock: median and ninth decile; 0 of what is not known at all."""
        return self.wall_s or Interval(0.0, 0.0)

    def potential_conflicts(self) -> tuple[Conflict, ...]:
        """Return what to look at before building."""
        return self.conflicts

    def count(self, verdict: Verdict) -> int:
        """Return how many stages have this verdict."""
        return sum(1 for step in self.plan.steps if step.verdict is verdict)
