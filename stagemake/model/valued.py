"""Comparing, hashing and printing of frozen values, written once instead of made for each class as it is imported."""

from __future__ import annotations

from typing import Any

from attrs import fields


class Valued:
    """Has a class of attrs, made with `eq=False, repr=False`, compare, hash and print as attrs would have it.

    What attrs makes for each class takes 0.5 ms of every start. This takes some microseconds of each comparison, so it
    is for values that are seldom compared.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return _compared(self) == _compared(other)

    def __hash__(self) -> int:
        return hash((self.__class__, *_compared(self)))

    def __repr__(self) -> str:
        name = self.__class__.__qualname__.rpartition(">.")[2]
        told = [f"{one.name}={getattr(self, one.name)!r}" for one in _fields(self) if one.repr]
        return f"{name}({', '.join(told)})"


def _compared(value: object) -> list[Any]:  # Any: of whatever types the fields are
    return [getattr(value, one.name) for one in _fields(value) if one.eq]


def _fields(value: object) -> tuple[Any, ...]:  # Any: attrs' own attributes
    found: tuple[Any, ...] = fields(value.__class__)  # type: ignore[arg-type]  # of attrs, all that have this base
    return found
