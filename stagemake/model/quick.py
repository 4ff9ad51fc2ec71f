"""Frozen values that are made for every stage: the same as attrs makes them, several times faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import NOTHING, fields

if TYPE_CHECKING:
    from typing import Self


class QuicklyMade:
    """Gives a frozen attrs class without slots a second constructor.

    With slots, or through `__init__`, each field costs a call or an assignment, given or not: 10 and 3.5 us
    for a Stage, where `of` takes 1. At ten thousand stages that is a tenth of a no-op.
    """

    @classmethod
    def of(cls, **given: Any) -> Self:  # Any: fields by name; types are the caller's duty
        """Return a value from the fields that differ from their defaults; all others are the class's."""
        made = object.__new__(cls)
        made.__dict__.update(given)
        return made


def give_defaults(kind: type) -> None:
    """Put the defaults of an attrs class on the class, where what `of` leaves out is found."""
    for one in fields(kind):
        if one.default is not NOTHING:
            setattr(kind, one.name, one.default)
