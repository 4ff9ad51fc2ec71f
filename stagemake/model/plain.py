"""Values that cross from one process to another: what JSON can hold, exactly, and nothing else."""

from __future__ import annotations

import json

_SCALARS = (str, int, float, bool, type(None))


class NotPlain(ValueError):
    """A value that JSON can't hold as it is; the message says what and where."""


def plain_text(value: object) -> str:
    """Return the canonical JSON of a value: no spaces, mappings sorted; ASCII.

    Tuples are written as lists; everything else that JSON would change on the way is refused.

    Raises:
        NotPlain: It holds something other than text, finite numbers, booleans, None, lists, tuples
            and mappings by text, or nests too deep.
    """
    try:
        _check(value, "")
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except RecursionError:
        raise NotPlain("it nests too deep, or holds itself") from None


def _check(value: object, place: str) -> None:
    kind = type(value)
    if kind in _SCALARS:
        if kind is float and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124 - nan alone differs from itself
            raise NotPlain(f"{value!r}, which is no finite number{_at(place)}")
        return
    if isinstance(value, dict):
        for name, item in value.items():
            if type(name) is not str:
                raise NotPlain(f"the key {name!r} of a mapping, which is no text{_at(place)}")
            _check(item, f"{place}[{name!r}]")
    elif kind in {list, tuple}:
        for index, item in enumerate(value):  # type: ignore[arg-type]  # a list or a tuple
            _check(item, f"{place}[{index}]")
    else:
        shown = repr(value)
        if " at 0x" in shown or len(shown) > 80:
            shown = "an instance"
        raise NotPlain(f"{shown} ({kind.__module__}.{kind.__qualname__}){_at(place)}")


def _at(place: str) -> str:
    return f" at {place}" if place else ""
