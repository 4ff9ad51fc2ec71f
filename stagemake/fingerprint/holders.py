"""Which values hold, at any depth, a mutable thing that another value holds too: who changes it there changes it here.

Asked when an identity is summed up: it depends on what the one function reaches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from stagemake.fingerprint.component import Component


class Holders:
    """Which things more than one value holds, of all values so far: seldom any, so that no function has to look."""

    def __init__(self) -> None:
        self._met: set[int] = set()
        self.several: set[int] = set()  # ids

    def add(self, held: Iterable[int]) -> None:
        """Take in what one value holds, by id. Cost: O(held), once a value."""
        for one in held:
            (self.several if one in self._met else self._met).add(one)


def held_in_common(
    order: Iterable[Component], candidates: AbstractSet[int]
) -> dict[int, list[tuple[int, int]]]:
    """Return, by id of a component, (number in it, number among all) of what it shares with other values.

    Two names of one value are no two values: what these share is told by their edges.

    Args:
        order: All that a function reaches, in an order that depends on the shape alone.
        candidates: See `Holders.several`.

    Cost: O(candidates x values), nothing where there are none.
    """
    if not candidates:
        return {}
    components = [component for component in order if component.held]
    by_id = {id(component.held): component.held for component in components}
    if len(by_id) < 2:
        return {}
    met: set[int] = set()
    several: set[int] = set()
    for held in by_id.values():
        both = held.keys() & candidates
        several |= both & met
        met |= both
    if not several:
        return {}
    number: dict[int, int] = {}
    found = {}
    for component in components:
        inner = sorted((component.held[one][1], one) for one in several if one in component.held)
        rows = [(mark, number.setdefault(one, len(number))) for mark, one in inner]
        if rows:
            found[id(component)] = rows
    return found
