"""Whether a stage makes the same from the same: two results under one action key, and what is known of a stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake.model.entry import MISSING
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CLEARED_BY = 3
"""So many checks in a row that find nothing, and a stage counts as reproducible again."""

_KINDS = {"f": "a file", "x": "an executable file", "l": "a link", "d": "a directory"}
_SHORT_DIGEST = 12


@frozen
class Divergence:
    """The first thing that differs between two results under one action key, and how many do."""

    output: str  # a path, or `value NAME` for a shared value
    how: str  # one line for people
    count: int = 1  # of outputs and values that differ


@frozen(eq=False, repr=False)
class Repeat(Valued):
    """What checks of one stage have found, as long as it declares the same."""

    stage: str
    weak: str  # its weak key, in hex
    checked_s: int = 0  # unix seconds of the last check
    differed_s: int = 0  # of the last one that found a difference
    compared: int = 0  # how many checks there were
    differed: int = 0  # how many of them found a difference
    same_since: int = 0  # how many have found none since
    output: str = ""  # as of the last `Divergence`
    how: str = ""
    found_by: str = ""  # "build" or "verify"

    @property
    def is_unsteady(self) -> bool:
        """Whether its outputs can't be foreseen from its inputs."""
        return self.differed > 0 and self.same_since < CLEARED_BY

    def and_differed(self, found: Divergence, found_by: str, now_s: int) -> Repeat:
        """Return this with one more check, which found a difference."""
        return evolve(
            self, checked_s=now_s, differed_s=now_s, compared=self.compared + 1,
            differed=self.differed + 1, same_since=0, output=found.output, how=found.how,
            found_by=found_by,
        )  # fmt: skip

    def and_same(self, now_s: int) -> Repeat:
        """Return this with one more check, which found none."""
        return evolve(
            self, checked_s=now_s, compared=self.compared + 1, same_since=self.same_since + 1
        )


def first_divergence(
    before: Mapping[str, str],
    after: Mapping[str, str],
    values_before: Iterable[tuple[str, str]] = (),
    values_after: Iterable[tuple[str, str]] = (),
) -> Divergence | None:
    """Return how two results under one key differ; None when they don't.

    Args:
        before: Entry of everything at the outputs, by path; of directories only that they are there.
        after: The same of the other result.
        values_before: Provided values as JSON, by name.
        values_after: The same of the other result.

    Cost: O(outputs).
    """
    if before == after and tuple(values_before) == tuple(values_after):
        return None
    found = [
        (path, _how(before.get(path, MISSING), after.get(path, MISSING)))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
    old, new = dict(values_before), dict(values_after)
    found.extend(
        (f"value {name}", f"{_short(old.get(name))}, before; {_short(new.get(name))}, now")
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )
    return Divergence(*found[0], len(found)) if found else None


def _how(old: str, new: str) -> str:
    """Return in what two entries differ, one line."""
    if MISSING in {old, new}:
        return "only the earlier run made it" if new == MISSING else "only the later run made it"
    if old[0] != new[0]:
        return f"{_KINDS[old[0]]}, before; {_KINDS[new[0]]}, now"
    if old[0] == "l":
        return "the link leads elsewhere"
    (_, was, size), (_, now, new_size) = old.split(":"), new.split(":")
    if size != new_size:
        return f"{size} B, before; {new_size} B, now"
    return f"{size} B with other contents: {was[:_SHORT_DIGEST]}, then {now[:_SHORT_DIGEST]}"


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    return value if len(value) <= 60 else f"{value[:57]}..."
