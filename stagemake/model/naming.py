"""What a stage's name means where it is written. Asked about names inside included Stagefiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.error import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


def find_outward(name: str, within: str, known: Container[str]) -> str | None:
    """Return the full name that `name` stands for, or None when there is none.

    Args:
        name: As written.
        within: The prefix of the Stagefile it was written in, with its final dot; may be empty.
        known: All full names.

    Returns:
        The first that is known of `a.b.name`, `a.name`, `name`, when written within `a.b.`.
    """
    prefix = within
    while prefix:
        full = prefix + name
        if full in known:
            return full
        outer, dot, _ = prefix[:-1].rpartition(".")
        prefix = outer + dot
    return name if name in known else None


def did_you_mean_within(name: str, within: str, known: Iterable[str]) -> str:
    """Return a hint naming near matches as they would be written within a prefix, or an empty text."""
    names = list(known)
    start = len(within)
    shorter = [full[start:] if full.startswith(within) else full for full in names]
    return did_you_mean(name, dict.fromkeys(shorter)) or did_you_mean(name, names)
