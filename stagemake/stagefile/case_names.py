"""Names of a matrix' cases: readable, safe in names of stages and files, and never twice the same."""

from __future__ import annotations

import zlib
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

from stagemake.model.error import BadValue
from stagemake.stagefile.shown import shown_value

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_VALUE = 60  # bytes; a file name may have 255, and users put more around it
_LONGEST_CASE = 160
_SAFE = frozenset("._+-")


def name_values(axis: str, values: Sequence[object]) -> tuple[str, ...]:
    """Return a name for each of an axis' values.

    Texts keep letters, digits and `._+-`, all else becomes a dash; True and False become `axis` and
    `no-axis`. Where that makes two of them the same, those that it changed get a checksum behind.

    Raises:
        BadValue: A value is listed twice, or two of different types read the same.
    """
    texts = [_text(axis, value) for value in values]
    names = [_safe(text) for text in texts]
    count = Counter(names)
    for at, (text, name) in enumerate(zip(texts, names, strict=True)):
        if len(name.encode()) > _LONGEST_VALUE or (count[name] > 1 and name != text):
            names[at] = f"{_cut(name, _LONGEST_VALUE)}~{_checksum(text)}"
    seen: dict[str, object] = {}
    for name, value in zip(names, values, strict=True):
        if name in seen:
            raise BadValue(
                f"the axis `{axis}` holds {shown_value(value)} twice"
                if seen[name] == value
                else f"two values of the axis `{axis}` would have one name, `{name}`: "
                f"{shown_value(seen[name])} and {shown_value(value)}",
                hint=f'name them: {axis}={{"one": …, "other": …}}' if seen[name] != value else "",
            )
        seen[name] = value
    return tuple(names)


def name_cases(axes: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each combination of values' names: joined by dashes.

    Those that would be the same (`a-b`, `c` and `a`, `b-c`) have their axes written with them.
    """
    names = ["-".join(row) for row in rows]
    count = Counter(names)
    for at, (row, name) in enumerate(zip(rows, names, strict=True)):
        if count[name] > 1:
            names[at] = ",".join(f"{axis}={value}" for axis, value in zip(axes, row, strict=True))
        if len(names[at].encode()) > _LONGEST_CASE:
            names[at] = f"{_cut(names[at], _LONGEST_CASE)}~{_checksum(repr(row))}"
    assert len(set(names)) == len(names), "values have different names, and these say all of them"
    return names


def _text(axis: str, value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return axis if value else f"no-{axis}"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    return value.as_posix() if isinstance(value, PurePath) else str.__str__(value)


def _safe(text: str) -> str:
    """Return a text as it may stand anywhere in the name of a stage or a file."""
    if text.isascii():
        kept = "".join(char if char.isalnum() or char in _SAFE else " " for char in text)
    else:
        from unicodedata import category, normalize  # noqa: PLC0415 - gate, 1 ms, with other letters only

        # One spelling of é, as some file systems have it; marks make letters of many scripts.
        kept = "".join(
            char if char in _SAFE or category(char)[0] in "LMN" else " "
            for char in normalize("NFC", text)
        )
    name = "-".join(kept.split())
    if name[:1] == "-" and name[1:2].isdigit():  # a number below zero
        return name
    return name.lstrip("-.").rstrip("-") or "empty"


def _cut(name: str, most_bytes: int) -> str:
    return name.encode()[: most_bytes - 9].decode(errors="ignore")


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
