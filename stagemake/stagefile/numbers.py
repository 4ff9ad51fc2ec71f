"""Numbers and sizes as a Stagefile and its settings write them."""

from __future__ import annotations

import re

from stagemake.model.error import BadValue
from stagemake.stagefile.shown import shown_value

_LARGEST = 1e15  # of any number written down; above it nothing makes sense, and floats end


def number(word: str, value: object, least: float) -> float:
    """Return a value that is a number from `least` up.

    Raises:
        BadValue: It isn't; with the keyword that it was given for.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not least <= value <= _LARGEST
    ):
        raise BadValue(f"{word} is {shown_value(value)}, not a number from {least:g} up")
    return float(value)


# As schemas/pyproject.schema.json has it. Fifteen digits stay below _LARGEST.
_SIZE = re.compile(
    r"[ \t]*([0-9]{1,15}(?:\.[0-9]+)?)[ \t]*([kmgt]?)(?:i?b)?[ \t]*", re.ASCII | re.IGNORECASE
)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def size_in_bytes(value: object, word: str) -> int:
    """Return a size written as a number of bytes or a text such as `2 GiB` or `512M`.

    Raises:
        BadValue: It's neither.
    """
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if match is None:
            raise BadValue(
                f"{word} is {shown_value(value)}, not a size", hint='write a size as "2 GiB"'
            )
        return int(float(match[1]) * _UNITS[match[2].lower()])
    return int(number(word, value, 0))
