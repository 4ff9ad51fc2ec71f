"""A word that names nothing to build may be a mistyped command; asked once it is known that it names nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.cli.command_names import COMMANDS
from stagemake.model.error import near_matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.error import UnknownTarget


def add_command(error: UnknownTarget, targets: Sequence[str]) -> UnknownTarget:
    """Return an error about the first of some targets with the command in its hint that is near, if nothing else is."""
    word = targets[0] if targets else ""
    near = near_matches(word, COMMANDS, most=1) if not error.is_near else ()
    if near and error.target == word:
        error.hint = f"did you mean the command `{near[0]}`? {error.hint}"
    return error
