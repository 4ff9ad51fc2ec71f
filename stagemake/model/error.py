"""Every mistake stagemake can tell a user about. Raised where it is seen, rendered at the rim.

StagemakeError
├── UsageError              the command line or the API was called wrongly
│   ├── UnknownTarget
│   ├── UnforeseeableChange (what an edit of the Stagefile would cost)
│   └── GitFailed           (git is not there, or does not know what was asked)
├── StagefileError          something in a Stagefile is wrong
│   ├── NoStagefile         (no Stagefile from here upwards)
│   ├── DuplicateStage, DuplicateOutput, NestedOutput, OutputIsInput
│   ├── UnknownDependency, BadPath, BadKeyword, BadValue, BadPlaceholder
│   ├── EvaluationFailed    (the Stagefile raised, or does not parse)
│   ├── CaptureFailed       (a program failed that the Stagefile asks)
│   └── DependencyCycle
├── MissingProgram          a program that a Stagefile needs is not on this machine
├── UndeclaredAccess        an action asked for what its stage doesn't declare
├── CannotWatch             the system can't watch or confine stages, and that was asked for
├── PlanDrifted             a plan file does not fit any more
├── MissingInput            an input is neither there nor made by a stage
├── UnreadableInput         an input is there and can't be read
├── PluginError             a plugin can't do what it is needed for
│   └── UnknownPlugin       (it is named, but not installed)
├── LifecycleFailed         a stage of the session raised
└── ProjectLocked           another build holds the project and waiting was declined
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self


class StagemakeError(Exception):
    """A mistake with its facts. `str()` is the whole message without colour.

    Args:
        headline: One line, lower case, no full stop.
        facts: Label and value, in the order to show them.
        hint: What to do about it; empty for none.
    """

    exit_code = 2

    def __init__(
        self, headline: str, *, facts: Iterable[tuple[str, str]] = (), hint: str = ""
    ) -> None:
        super().__init__(headline)
        self.headline = headline
        self.facts = tuple(facts)
        self.hint = hint

    def at(self, what: str, location: object) -> Self:
        """Return this error with the place of the declaration among its facts."""
        if not any(str(location) in value for _, value in self.facts):
            self.facts = (*self.facts, ("declared", f"{location}, {what}"))
        return self

    def __str__(self) -> str:
        return self.text()

    def text(self, columns: int = 0) -> str:
        """Return the whole message without colour.

        Args:
            columns: Break lines that are longer, but for those of files; 0: none.
        """
        width = max((len(label) for label, _ in self.facts), default=0)
        lines = _broken("error: ", printable(self.headline), columns)
        for label, value in self.facts:
            is_name = value[:1] == "`" == value[-1:]  # a line of the Stagefile may be several lines
            first, *rest = map(printable, [value] if is_name else value.split("\n"))
            head = f"  {label:<{width}}  "
            # Below a line of code a caret may stand: neither is broken.
            lines += _broken(head, first, columns if not rest and label != "line" else 0)
            lines.extend(f"{'':<{len(head)}}{line}" for line in rest)
        if self.hint:
            lines += _broken("hint: ", printable(self.hint), columns)
        return "\n".join(lines)


class UsageError(StagemakeError):
    """The command line or the API was used wrongly."""


class UnknownTarget(UsageError):
    """A target is no stage, pipeline, output path or matching pattern."""

    target = ""
    is_near = False  # whether the hint names what is near


class UnforeseeableChange(UsageError):
    """What was to be assumed decides what the stages are."""


class GitFailed(UsageError):
    """What differs from a revision can't be told."""


class StagefileError(StagemakeError):
    """Something in a Stagefile is wrong."""


class NoStagefile(StagefileError):
    """There is no Stagefile here or above."""


class DuplicateStage(StagefileError):
    """Two stages have one name."""


class DuplicateOutput(StagefileError):
    """Two stages own one output."""


class NestedOutput(StagefileError):
    """One stage's output lies inside another stage's directory output."""


class OutputIsInput(StagefileError):
    """A stage reads what it writes."""


class UnknownDependency(StagefileError):
    """A required dependency names no stage."""


class BadPath(StagefileError):
    """A path is absolute, escapes the root or can't be used."""


class BadKeyword(StagefileError):
    """A keyword isn't one of the Stagefile language."""


class BadValue(StagefileError):
    """A value has the wrong type or range."""


class BadPlaceholder(StagefileError):
    """A command has a placeholder that means nothing."""


class EvaluationFailed(StagefileError):
    """A Stagefile doesn't parse, or raised while it ran."""


class CaptureFailed(StagefileError):
    """A program that a Stagefile asks did not start, failed, or took too long."""


class DependencyCycle(StagefileError):
    """Stages wait for each other in a circle."""


class MissingProgram(StagemakeError):
    """A program that a Stagefile needs is not on this machine.

    Args:
        names: What would do, first choice first.
        facts: As for every error.
        hint: As for every error.
    """

    def __init__(
        self, names: tuple[str, ...], *, facts: Iterable[tuple[str, str]] = (), hint: str = ""
    ) -> None:
        shown = " or ".join(f"`{name}`" for name in names)
        super().__init__(f"the program {shown} is not there", facts=facts, hint=hint)
        self.names = names


class UndeclaredAccess(StagemakeError):
    """An action asked for a value that its stage doesn't declare."""


class MissingInput(StagemakeError):
    """An input is neither there nor made by any stage."""


class UnreadableInput(StagemakeError):
    """An input is there and can't be read, or is nothing that could be: a FIFO, a socket, a device."""


class CannotWatch(StagemakeError):
    """The system does not offer what it takes to watch stages, or to keep them from files."""


class PlanDrifted(StagemakeError):
    """Something moved since a plan file was made: it is not carried out at all."""

    exit_code = 4


class PluginError(StagemakeError):
    """A plugin can't do what it is needed for."""


class UnknownPlugin(PluginError):
    """A plugin is named, but not installed."""


class LifecycleFailed(StagemakeError):
    """A stage of the session raised."""


class ProjectLocked(StagemakeError):
    """Another build holds the project."""

    exit_code = 75


def _broken(head: str, text: str, columns: int) -> list[str]:
    """Return a text behind `head` as lines of no more than `columns`, where words allow it."""
    if not 0 < columns < len(head) + len(text):
        return [head + text]
    import textwrap  # noqa: PLC0415 - gate, 1 ms, a long error on a terminal only

    room = max(columns - len(head), 20)
    lines = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)
    return [head + line if not at else " " * len(head) + line for at, line in enumerate(lines)]


_LESS_LIKE = 0.15  # a match that is so much less like the name than the best one is a guess


def near_matches(name: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Return the known names most like `name`, best first; empty when none is close."""
    import difflib  # noqa: PLC0415 - gate, 2 ms, mistakes only

    near = difflib.get_close_matches(name, list(known), n=most, cutoff=0.6)
    alike = [difflib.SequenceMatcher(None, match, name).ratio() for match in near]
    return tuple(
        match for match, ratio in zip(near, alike, strict=True) if ratio > alike[0] - _LESS_LIKE
    )


def either(words: Sequence[str]) -> str:
    """Return `a`, `a or b`, `a, b or c`."""
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint naming near matches, or an empty text."""
    near = near_matches(name, known)
    return f"did you mean {either([f'`{match}`' for match in near])}?" if near else ""
