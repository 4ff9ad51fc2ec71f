"""Which stages a range of commits touches."""

from __future__ import annotations

import enum

from attrs import frozen


class Cause(enum.Enum):
    """Why a stage is affected; the value is what people read before the path or stage."""

    PROGRAM = "starts"
    CODE = "has code in"
    INPUT = "reads"
    DISCOVERED = "discovered"
    OUTPUT = "makes"
    DECLARED = "is declared otherwise, by"
    UPSTREAM = "waits for"
    NEVER_RAN = "never ran: what it discovers is not known"
    EVERYTHING = "counts, as all do:"

    @property
    def code(self) -> str:
        """The snake_case code for machines."""
        return self.name.lower()


@frozen
class Chosen:
    """One affected stage."""

    name: str
    cause: Cause
    subject: str = ""  # the path or the stage behind it


@frozen
class Selection:
    """What differs from a revision, and the stages that it touches."""

    revision: str  # as typed
    commit: str  # full hash
    paths: tuple[str, ...]  # project paths that differ, sorted; absolute outside of the root
    submodules: tuple[str, ...]  # of these
    everything: str  # why all stages count; empty where they don't
    stages: tuple[Chosen, ...]  # in execution order
    wanted: int  # how many stages there were to choose from

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the affected stages, in execution order."""
        return tuple(one.name for one in self.stages)
