"""What a dry run foresees in detail: single operations, by stage. Filled from the plan and by stages."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


@runtime_checkable
class DryRunnable(Protocol):
    """Something that can be foreseen without being done."""

    def supports_dry_run(self) -> bool:
        """Return whether `dry_run_description` tells all there is to tell."""

    def dry_run_description(self) -> str:
        """Return one line on what would be done."""


class OperationKind(enum.Enum):
    """What an operation does to its path."""

    CREATE = "create"
    COPY = "copy"
    MOVE = "move"
    DELETE = "delete"
    MODIFY = "modify"
    RUN = "run"
    CHMOD = "chmod"
    OTHER = "other"  # a DryRunnable of the program's own; `detail` is its description


@frozen
class PlannedOperation:
    """One operation that a build would do. A DryRunnable itself."""

    kind: OperationKind
    path: str = ""  # project path; of RUN and OTHER: empty
    stage: str = ""  # whose it is; empty: the build's own, like the removal of an orphan
    target: str = ""  # of COPY and MOVE: where to
    size_bytes: int | None = None  # of CREATE, MODIFY and COPY: what will be there; None: unknown
    detail: str = ""  # of RUN: the command; of CHMOD: the mode in octal
    is_foreseen: bool = True  # False: only named; its stage or author can't say more

    def supports_dry_run(self) -> bool:
        """Return whether this says all there is to say."""
        return self.is_foreseen

    def dry_run_description(self) -> str:
        """Return one line, like `copy a to b`."""
        kind = self.kind
        if kind is OperationKind.OTHER:
            return self.detail
        if kind is OperationKind.RUN:
            return f"run {self.detail}".rstrip()
        if kind is OperationKind.CHMOD:
            return f"chmod {self.detail} {self.path}"
        if kind in {OperationKind.COPY, OperationKind.MOVE}:
            return f"{kind.value} {self.path} to {self.target}"
        return f"{kind.value} {self.path}"


@define(eq=False, repr=False)
class DryRunContext:
    """The operations of a dry run so far, and what they amount to. Grows while the dry run is made.

    A stage's `plan_operations` has one of its own; the report's holds all.
    """

    stage: str = ""  # whose operations `add` takes when it isn't told; empty: the whole build's
    planned_operations: list[DryRunnable] = field(factory=list)  # in order of execution
    stage_operations: dict[str, list[DryRunnable]] = field(factory=dict)  # the same, by stage
    estimated_disk_usage: int = 0  # bytes that outputs and cache would take in addition
    estimated_duration_s: float = 0.0  # by the clock: the median
    potential_conflicts: list[str] = field(factory=list)  # one line each

    def add(self, operation: object, stage: str = "") -> None:
        """Add an operation of a stage; by default of the one that this context belongs to.

        Raises:
            TypeError: It is no DryRunnable.
        """
        if not isinstance(operation, DryRunnable):
            kind = type(operation).__qualname__
            raise TypeError(
                f"a planned operation has supports_dry_run() and dry_run_description(); {kind} has not"
            )
        self.planned_operations.append(operation)
        self.stage_operations.setdefault(stage or self.stage, []).append(operation)

    def extend(self, operations: Iterable[object], stage: str = "") -> None:
        """Add several operations."""
        for operation in operations:
            self.add(operation, stage)

    def total_operations(self) -> int:
        """Return how many operations are planned."""
        return len(self.planned_operations)
