"""What a stage was seen to read and write, held against what it declares."""

from __future__ import annotations

from attrs import frozen


@frozen
class Undeclared:
    """One access to the project that nothing declares."""

    act: str  # reads, runs, lists, creates, changes, removes
    path: str  # relative to the root
    owner: str = ""  # the stage that makes it; for reads and changes
    is_input: bool = False  # for changes: it is an input of the stage itself


@frozen
class Edit:
    """A change of a Stagefile: `text` in place of what stands between two positions, which may be one."""

    file: str  # relative to the root
    line: int  # 1-based, as all four
    column: int  # in characters
    end_line: int
    end_column: int
    keyword: str
    text: str  # to put there
    shown: str  # the keyword with its values as they will be, or the values to add


@frozen
class Observation:
    """One run of one stage. Paths are relative to the root and sorted, unless said otherwise."""

    stage: str
    location: str  # of the declaration; empty for a stage that a program made
    means: str  # how it was watched: seccomp, strace, audit
    reads: tuple[Undeclared, ...] = ()  # these make `--check` fail
    writes: tuple[Undeclared, ...] = ()  # as well
    used: tuple[str, ...] = ()  # declared, and read or looked at
    unread: tuple[str, ...] = ()  # declared and not even looked at
    looked_up: tuple[str, ...] = ()  # only asked whether they are there, and they are
    absent: tuple[str, ...] = ()  # asked for, and not there
    listed: tuple[str, ...] = ()  # directories whose names were read, and that count as no finding
    tools: tuple[str, ...] = ()  # directories of tools in the project: virtual environments, caches
    outside: tuple[str, ...] = ()  # changed outside of the project; absolute
    edits: tuple[Edit, ...] = ()
    advice: tuple[str, ...] = ()  # where no edit helps, one line each
    limits: tuple[str, ...] = ()  # what could not be seen, one line each

    @property
    def is_clean(self) -> bool:
        """Whether all reads and writes are declared."""
        return not self.reads and not self.writes
