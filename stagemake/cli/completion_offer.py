"""What TAB offers of a Stagefile's names, and the texts in which shells ask and are answered.

Both ways to an answer use it: `completion_noted`, which only looks at what builds have noted, and the long way.
Everything here is plain, since the first of them starts nothing else.
"""

from __future__ import annotations

import os

from stagemake.cli.command_names import COMMANDS
from stagemake.cli.completion_line import escaped, split_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Candidate = tuple[str, str, bool]
"""A word that could stand at the cursor, a help text, and whether more of the same word follows: a path below, a value."""

Answer = tuple["Sequence[Candidate]", str]
"""Candidates, and what the shell should offer besides of what it knows of the disk: `file`, `dir` or nothing."""

Declared = tuple[str, tuple[str, ...], "Sequence[tuple[str, str, tuple[str, ...]]]"]
"""The root, absolute; pipelines; of each stage its name, what is said of it, and its outputs: as registered."""


def commands() -> list[Candidate]:
    """Return all commands."""
    return [(name, text, False) for name, text in COMMANDS.items()]


def named(
    declared: Declared | None,
    directory: str,
    incomplete: str,
    arguments: Sequence[str],
    *,
    with_commands: bool,
) -> list[Candidate]:
    """Return what may be named: commands, pipelines, stages; outputs if none of these fits, or a path is typed.

    Args:
        declared: What there is to build; None for nothing.
        directory: What outputs are relative to, absolute.
        incomplete: As typed so far.
        arguments: What is named already.
        with_commands: Whether it may be a command.

    Cost: 0.3 us a stage; where outputs are asked for below the root, 10 us.
    """
    found = matching(commands(), incomplete) if with_commands else []
    hidden = {*arguments, *(COMMANDS if with_commands else ())}
    wanted = [] if declared is None else _targets(declared, directory, incomplete, bool(found))
    return [*found, *(each for each in wanted if each[0] not in hidden)]


def _targets(
    declared: Declared, directory: str, incomplete: str, is_command: bool
) -> list[Candidate]:
    root, pipelines, stages = declared
    found = matching([(name, "a pipeline", False) for name in pipelines], incomplete)
    found += matching([(name, text, False) for name, text, _ in stages], incomplete)
    if not (found or is_command) or "/" in incomplete:
        outputs: Iterable[str] = [output for _, _, outputs in stages for output in outputs]
        start = os.path.realpath(directory)
        if start != root:
            outputs = [
                os.path.relpath(os.path.join(root, output), start)
                + ("/" if output.endswith("/") else "")
                for output in outputs
            ]
        found += _next_parts(outputs, incomplete)
    return found


def matching(candidates: Iterable[Candidate], incomplete: str) -> list[Candidate]:
    """Return those that begin as typed, without such as could drive a terminal."""
    return [each for each in candidates if each[0].startswith(incomplete) and each[0].isprintable()]


def _next_parts(paths: Iterable[str], incomplete: str) -> list[Candidate]:
    """Return paths that begin as typed, each up to the next `/`, sorted; as `matching`."""
    found: dict[str, bool] = {}
    start = len(incomplete)
    for path in paths:
        if path.startswith(incomplete):
            slash = path.find("/", start)
            part = path if slash < 0 else path[: slash + 1]
            found[part] = found.get(part, False) or part != path
    return [(part, "", goes_on) for part, goes_on in sorted(found.items()) if part.isprintable()]


class Question:
    """What a script of ours asks.

    bash sends the line up to the cursor and the part of it that it will replace; the others the words.
    """

    def __init__(self, shell: str, given: Sequence[str]) -> None:
        self._kept = ""  # of the word at the cursor, what the shell leaves where it is
        self._quote: str | None = None  # that is open around it, or empty; None: the shell quotes
        if shell == "bash":
            # bash cuts words at characters like `:` and `=` (COMP_WORDBREAKS) and replaces only what is
            # behind the last one.
            line, replaced = (*given, "")[:2]
            words, (raw, self.incomplete, self._quote) = split_line(line)
            self._kept = split_line(raw.removesuffix(replaced))[1][1]
            self.words = words[1:]
        else:
            *rest, last = given
            self.words = tuple(rest)
            # fish sends the last word as typed
            self.incomplete = split_line(last)[1][1] if shell == "fish" else last

    def text(self, answer: Answer) -> str:
        """Return what to print: one line a candidate, without what the shell keeps."""
        candidates, files = answer
        lines = [f"{files}\t\t"] if files else []
        for word, help_text, goes_on in candidates:
            text = word.removeprefix(self._kept)
            if self._quote is not None:
                text = escaped(text, self._quote)
            if not help_text.isprintable():
                help_text = "".join([char if char.isprintable() else " " for char in help_text])  # noqa: PLW2901
            lines.append(f"{'part' if goes_on else 'word'}\t{text}\t{help_text}")
        return "".join([f"{line}\n" for line in lines])
