"""What a dry run was told to assume, and which stages have to do with it."""

from __future__ import annotations

import enum

from attrs import frozen


class How(enum.Enum):
    """What a stage has to do with a file, most telling first; the value is what people read before the stage's name."""

    PROGRAM = "started by"
    CODE = "code of"
    INPUT = "read by"
    DISCOVERED = "discovered by"
    OUTPUT = "made by"

    @property
    def code(self) -> str:
        """The snake_case code for machines."""
        return self.name.lower()


@frozen
class Reader:
    """A stage that has to do with a file."""

    name: str
    how: How


@frozen
class Assumption:
    """A path that is taken to have other content."""

    path: str  # project path
    files: int  # how many files that is; more than one for a directory
    is_new: bool  # whether nothing is there now
    readers: tuple[
        Reader, ...
    ]  # each stage once, in execution order; empty: none of those that were planned
    note: str = ""  # what can't be said of it, or was probably meant
