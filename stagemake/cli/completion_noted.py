"""TAB answered from what the last build has noted, without the Stagefile, and without the command line's parser.

Only while nothing has changed that the Stagefile depended on: a stage that was just written is offered too. The entry
asks; whatever is not answered here is answered the long way, in the same words (`completion_candidates`).
"""

from __future__ import annotations

import os
from marshal import loads

import stagemake
from stagemake.cli import completion_offer as offer
from stagemake.cli.command_names import COMMANDS
from stagemake.freshness import identity, noop, place, survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SHELLS = ("bash", "zsh", "fish")
TAKE_TARGETS = ("build", "watch", "list", "why", "trace", "graph", "verify", "clean", "bench")
FLAGS = ("-k", "-n", "-q", "-B", "-s", "-v", "--json")
"""Of `build`: those that take no value, and are typed before targets. Others are left to the long way."""


def answer(argv: Sequence[str], package: str) -> str | None:
    """Return what to print of what may come next; None where that is not known here.

    Args:
        argv: As of the command line: `completion SHELL -- …`.
        package: Where stagemake was imported from.

    Cost: 0.5 us a stage, and a look at each file that the Stagefile depended on.
    """
    if len(argv) < 4 or argv[1] not in SHELLS or argv[2] != "--":
        return None
    question = offer.Question(argv[1], argv[3:])
    line = _read(question.words)
    if line is None:
        return None
    may_name_command, is_literal, arguments = line
    incomplete = question.incomplete
    if incomplete[:1] == "-" and not is_literal:
        return None
    declared = _noted(package)
    if declared is None:
        return None
    found = offer.named(
        declared, os.getcwd(), incomplete, arguments, with_commands=may_name_command
    )
    return question.text((found, ""))


def _read(words: Sequence[str]) -> tuple[bool, bool, list[str]] | None:
    """Return whether a command may be named, whether `--` was there, and the targets; None for all that is not plain."""
    if not words:
        return True, False, []
    command = words[0] if words[0] in COMMANDS else "build"
    if command not in TAKE_TARGETS:
        return None
    is_literal = False
    arguments = []
    for word in words[1:] if words[0] in COMMANDS else words:
        if is_literal or word[:1] != "-" or word == "-":
            arguments.append(word)
        elif word == "--":
            is_literal = True
        elif command != "build" or not (
            word in FLAGS or (word[:2] == "-j" and word[2:].isdecimal())
        ):
            return None
    return False, is_literal, arguments


def _noted(package: str) -> offer.Declared | None:
    """Return what the Stagefile would declare; None where it has to be run to know."""
    stagefile, _ = place.nearest_stagefile(os.getcwd())
    if not stagefile:
        return None
    root, name = os.path.split(os.path.realpath(stagefile))
    state = f"{root}/.stagemake"
    if place.fault_of_state(state):
        return None
    record = noop.load_names(f"{state}/{name}", stagemake.__version__)
    if record is None:
        return None
    tool = identity.tool_identity(package)

    def expand(base: str, pattern: str, excluded: tuple[str, ...]) -> tuple[str, ...]:
        from stagemake.stagefile.glob import expand  # noqa: PLC0415 - gate, 9 ms, where a globbed directory moved

        return expand(root, base, pattern, exclude=excluded)[0]

    if survey.moved_since(record, (), root, tool, expand) != {}:
        return None
    pipelines, stages = loads(record[noop.GRAPH])
    return root, pipelines, stages
