"""One thing that was looked at, and what came of it."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.error import StagemakeError

_MOST_NAMES = 4


class Level(enum.Enum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # worth knowing; nothing is broken
    PROBLEM = "problem"  # something does not work, or works against its user


@frozen
class Finding:
    """What is so, and what to do about it."""

    section: str
    code: str  # stable, for programs
    level: Level
    text: str  # one sentence without a full stop
    hint: str = ""


@define
class Findings:
    """The findings of one section, in the order in which they are shown."""

    section: str
    found: list[Finding] = field(factory=list)

    def ok(self, code: str, text: str) -> None:
        """Note that something is as it should be."""
        self.found.append(Finding(self.section, code, Level.OK, text))

    def note(self, code: str, text: str, hint: str = "") -> None:
        """Note something worth knowing."""
        self.found.append(Finding(self.section, code, Level.NOTE, text, hint))

    def problem(self, code: str, text: str, hint: str) -> None:
        """Note something that has to be mended, and how."""
        self.found.append(Finding(self.section, code, Level.PROBLEM, text, hint))


def told_shortly(error: StagemakeError) -> str:
    """Return a mistake in one line, without its hint."""
    # Of a line of code the caret below it is left out: what is wrapped has no columns.
    told = [
        (label, value.partition("\n")[0] if label == "line" else value)
        for label, value in error.facts
    ]
    facts = "; ".join(f"{label} {value}" for label, value in told).replace("\n", " ")
    return error.headline + (f" ({facts})" if facts else "")


def named(names: Iterable[str]) -> str:
    """Return names in backticks, the first four and how many more."""
    every = list(names)
    shown = ", ".join(f"`{name}`" for name in every[:_MOST_NAMES])
    more = len(every) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
