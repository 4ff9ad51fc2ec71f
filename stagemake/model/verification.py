"""What came of rerunning stages and comparing: for each stage, and for all of them."""

from __future__ import annotations

import enum

from attrs import frozen


class Found(enum.Enum):
    """What came of one stage."""

    SAME = "same"
    DIFFERS = "differs"
    FAILED = "failed"  # the rerun did: nothing could be compared
    SKIPPED = "skipped"  # there is nothing to compare with, or it can't be rerun apart
    CANCELLED = "cancelled"  # interrupted before it was compared


class MismatchKind(enum.Enum):
    """In what an output differs; the value is the code for machines."""

    CONTENT = "content"
    PLACE = "place"  # content that is the same but for the path of the directory it was made in
    MODE = "mode"  # the executable bit
    KIND = "kind"  # a file, a link, a directory
    LINK = "link"  # where it leads
    MISSING = "missing"  # the rerun did not make it
    EXTRA = "extra"  # only the rerun made it
    VALUE = "value"  # of a shared value


@frozen
class Mismatch:
    """One output that the rerun made differently."""

    path: str  # or the name of a shared value
    kind: MismatchKind
    how: str  # one line for people
    offset: int | None = None  # of the first byte that differs, from 0
    line: int | None = None  # the first line that differs, from 1; None where it is no text
    old: str = ""  # around that place, as recorded: the line, or hex and text of some bytes
    new: str = ""  # the same of the rerun


@frozen
class Checked:
    """What came of one stage."""

    name: str
    found: Found
    reason: str = ""  # why it was skipped, or failed; one line
    key: str | None = None  # its action key; None where it has none now
    wall_s: float | None = None  # of the rerun; None: nothing ran
    mismatches: tuple[Mismatch, ...] = ()  # by path; the first ones
    mismatch_count: int = 0  # of all
    log_differs: bool | None = None  # what it printed; None: not known. Says nothing of the outputs
    log: str = ""  # what a failed rerun printed, the end of it

    @property
    def holds_place(self) -> bool:
        """Whether all that differs is the path of the directory it ran in."""
        return self.found is Found.DIFFERS and all(
            one.kind is MismatchKind.PLACE for one in self.mismatches
        )


@frozen
class Verification:
    """What came of all."""

    checked: tuple[Checked, ...]  # in execution order
    candidates: int  # how many could have been rerun
    seed: int | None = None  # of the sample; None: all were taken
    interrupted_by: int = 0  # the signal's number; 0: ran to its end
    kept: str = ""  # where the trees of what differs or failed are; empty: removed
    ignores_hooks: bool = False  # there are hooks, and reruns don't call them

    def count(self, found: Found) -> int:
        """Return of how many stages this came."""
        return sum(one.found is found for one in self.checked)

    @property
    def ok(self) -> bool:
        """Whether all that could be rerun made the same; not if nothing could."""
        bad = sum(map(self.count, (Found.DIFFERS, Found.FAILED, Found.CANCELLED)))
        return not self.interrupted_by and not bad and self.count(Found.SAME) > 0
