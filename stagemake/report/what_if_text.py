"""What a dry run was told to assume, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.report.amount import plural, printable
from stagemake.report.width import cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.what_if import Assumption, How

_MOST_NAMES = 5  # for each way of reading


def assumed_lines(assumed: Sequence[Assumption], columns: int) -> Iterator[str]:
    """Yield a line for each path, with who has to do with it; cut where it would not fit.

    Args:
        assumed: The paths.
        columns: Of the terminal; 0: whatever the length.
    """
    for one in assumed:
        line = f"if {_what(one)}: {_who(one)}"
        yield cut(line, columns) if columns else line
        if one.note:
            yield f"   {printable(one.note)}"


def assumed_objects(assumed: Sequence[Assumption]) -> list[dict[str, Any]]:
    """Return the same for JSON."""
    return [
        {
            "path": one.path,
            "files": one.files,
            "is_new": one.is_new,
            "stages": [{"name": reader.name, "how": reader.how.code} for reader in one.readers],
            "note": one.note,
        }
        for one in assumed
    ]


def _what(one: Assumption) -> str:
    path = printable(one.path)
    if one.is_new:
        return f"`{path}` was there"
    if one.files > 1:
        return f"{plural(one.files, 'file')} in `{path}` changed"
    return f"`{path}` changed"


def _who(one: Assumption) -> str:
    names: dict[How, list[str]] = {}
    for reader in one.readers:
        names.setdefault(reader.how, []).append(printable(reader.name))
    if not names:
        return "none of these stages has to do with it"
    return "; ".join(f"{how.value} {_listed(names[how])}" for how in names)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
