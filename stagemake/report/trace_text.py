"""An observation in words: what a stage reads and writes that it does not declare, and what to write where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.report.amount import plural, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.observation import Observation, Undeclared

_SHOWN = 12


def trace_text(seen: Observation, *, shows_all: bool = False) -> str:
    """Return an observation as lines; the findings first, then the edit, then what is worth knowing."""
    most = None if shows_all else _SHOWN
    place = f", declared in {printable(seen.location)}" if seen.location else ""
    lines = [f"{printable(seen.stage)}: run and watched by {seen.means}{place}"]
    if seen.is_clean:
        lines.append(
            f"all that it reads and writes is declared ({plural(len(seen.used), 'input')} used)"
        )
    lines += _findings("reads and does not declare", seen.reads, most)
    lines += _findings("writes and does not declare", seen.writes, most)
    if seen.edits:
        lines.append("to declare that")
        for edit in seen.edits:
            where = f"{printable(edit.file)}:{edit.line}:{edit.column}"
            lines.append(f"  {where}  {printable(edit.shown)}")
    lines += [f"  {printable(text)}" for text in seen.advice]
    for label, paths in (
        ("declared, not even looked at", seen.unread),
        ("only looked up, and there", seen.looked_up),
        ("looked for, and not there", seen.absent),
        ("directories listed on the way to inputs", seen.listed),
        ("tools in the project", seen.tools),
        ("changed outside of the project", seen.outside),
    ):
        lines += _paths(label, paths, most)
    lines += [f"note: {text}" for text in seen.limits]
    return "\n".join(lines) + "\n"


def _findings(label: str, found: Sequence[Undeclared], most: int | None) -> list[str]:
    if not found:
        return []
    lines = [label]
    for each in found[:most]:
        owner = f" (made by `{printable(each.owner)}`)" if each.owner else ""
        more = "" if each.act == "reads" else f" ({each.act})"
        lines.append(f"  {printable(each.path)}{more}{owner}")
    return lines + _rest(len(found), most)


def _paths(label: str, paths: Sequence[str], most: int | None) -> list[str]:
    if not paths:
        return []
    return [label, *(f"  {printable(path)}" for path in paths[:most]), *_rest(len(paths), most)]


def _rest(count: int, most: int | None) -> list[str]:
    return [] if most is None or count <= most else [f"  and {count - most} more: -a lists all"]
