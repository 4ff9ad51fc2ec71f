"""Which mutable parts of a value are one object: `[[0]] * 2` is not `[[0], [0]]`. Asked by the encoder."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Sharing:
    """Knows which mutable things one encoding has met before; good for one."""

    def __init__(self, is_own: Callable[[type], bool]) -> None:
        self._is_own = is_own
        self._met: dict[int, tuple[object, int]] = {}  # keeps the value, so ids stay unique

    def mark(self, value: object) -> int:
        """Return the number of something met before, 0 for what is new or can't change."""
        known = self._met.get(id(value))
        if known is not None:
            return known[1]
        kind = type(value)
        if isinstance(value, (list, dict, set)) or (
            not isinstance(value, (type, tuple, frozenset, enum.Enum)) and self._is_own(kind)
        ):
            self._met[id(value)] = value, len(self._met) + 1
        return 0

    @property
    def held(self) -> dict[int, tuple[object, int]]:
        """By id: each mutable thing that was met, which stays alive with this, and its number, from 1 on."""
        return self._met
