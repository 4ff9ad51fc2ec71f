"""Columns for people, and lists cut with a count."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from stagemake.report.amount import plural
from stagemake.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence


_PLAIN = Style()
_NONE: Mapping[str, str] = MappingProxyType({})
_LEAST = 7  # characters of the last column, however narrow the terminal: `targets`


def table(
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    width: int = 0,
    style: Style = _PLAIN,
    colours: Mapping[str, str] = _NONE,
) -> Iterator[str]:
    """Yield one line for each row: columns as wide as their widest cell, empty columns left out.

    Args:
        rows: Cells, the heading first; all rows have the same number.
        right: Columns whose cells stand at the right.
        width: To cut the last column so that lines fit; 0: nothing is cut.
        style: Paints the heading bold.
        colours: By word: how it is painted in the first column.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    used = [at for at, column in enumerate(columns) if any(column[1:])]
    if width and used:
        before = sum(widths[at] + 2 for at in used[:-1])
        widths[used[-1]] = min(widths[used[-1]], max(width - before, _LEAST))
    for index, row in enumerate(rows):
        cells = [_cut(row[at], widths[at]) for at in used]
        cells = [
            cell.rjust(widths[at]) if at in right else cell.ljust(widths[at])
            for cell, at in zip(cells, used, strict=True)
        ]
        line = "  ".join(cells).rstrip()
        if not index:
            yield style.paint(line, "bold")
        elif cells and cells[0].rstrip() in colours:
            word = cells[0].rstrip()
            yield style.paint(word, colours[word]) + line[len(word) :]
        else:
            yield line


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def rest(left_out: int, noun: str, how_to_see: str) -> Iterator[str]:
    """Yield a line that says what a list leaves out, if it does."""
    if left_out > 0:
        yield f"and {plural(left_out, f'more {noun}')}: {how_to_see}"


def middle(text: str, width: int) -> str:
    """Return text no longer than `width`, its middle left out."""
    if len(text) <= width:
        return text
    head = max((width - 3) // 2, 1)
    return f"{text[:head]}...{text[len(text) - max(width - 3 - head, 1) :]}"
