"""Which values hold, at any depth, a mutable thing that another value holds too: who changes it there changes it here.

Asked when an identity is summed up: it depends on what the one function reaches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.fingerprint.component import Component


def held_in_common(order: Iterable[Component]) -> dict[int, list[str]]:
    """Return, by id of a component, "number in it, number among all" of what it shares with other values.

    Two names of one value are no two values: what these share is told by their edges.

    Args:
        order: All that a function reaches, in an order that depends on the shape alone.

    Cost: O(mutable things in values).
    """
    components = [component for component in order if component.held]
    values = {id(component.held): component.held for component in components}
    met: set[int] = set()
    several: set[int] = set()
    for held in values.values():
        several |= met & held.keys()
        met |= held.keys()
    if not several:
        return {}
    number: dict[int, int] = {}
    found = {}
    for component in components:
        inner = sorted((component.held[one][1], one) for one in several & component.held.keys())
        rows = [f"{mark} {number.setdefault(one, len(number))}" for mark, one in inner]
        if rows:
            found[id(component)] = rows
    return found
