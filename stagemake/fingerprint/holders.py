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

    Cost: O(mutable things in all values but the one that has most).
    """
    components = [component for component in order if component.held]
    by_id = {id(component.held): component.held for component in components}
    if len(by_id) < 2:
        return {}
    *others, largest = sorted(by_id.values(), key=len)
    met: set[int] = set()
    several: set[int] = set()
    for held in others:
        several.update(one for one in held if one in met)
        met.update(held)
    several.update(one for one in met if one in largest)
    if not several:
        return {}
    number: dict[int, int] = {}
    found = {}
    for component in components:
        inner = sorted((component.held[one][1], one) for one in several if one in component.held)
        rows = [f"{mark} {number.setdefault(one, len(number))}" for mark, one in inner]
        if rows:
            found[id(component)] = rows
    return found
