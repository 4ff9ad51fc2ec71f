"""Columns for people, and lists cut with a count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.report.amount import plural

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


_LEAST = 12  # characters of the last column, however narrow the terminal


def table(
    rows: Sequence[Sequence[str]], *, right: Collection[int] = (), width: int = 0
) -> Iterator[str]:
    """Yield one line for each row: columns as wide as their widest cell, empty columns left out.

    Args:
        rows: Cells, the heading first; all rows have the same number.
        right: Columns whose cells stand at the right.
        width: To cut the last column so that lines fit; 0: nothing is cut.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    used = [at for at, column in enumerate(columns) if any(column[1:])]
    if width and used:
        before = sum(widths[at] + 2 for at in used[:-1])
        widths[used[-1]] = min(widths[used[-1]], max(width - before, _LEAST))
    for row in rows:
        cells = [_cut(row[at], widths[at]) for at in used]
        cells = [
            cell.rjust(widths[at]) if at in right else cell.ljust(widths[at])
            for cell, at in zip(cells, used, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def cut(left_out: int, noun: str, how_to_see: str) -> Iterator[str]:
    """Yield a line that says what a list leaves out, if it does."""
    if left_out > 0:
        yield f"and {plural(left_out, f'more {noun}')}: {how_to_see}"


def middle(text: str, width: int) -> str:
    """Return text no longer than `width`, its middle left out."""
    if len(text) <= width:
        return text
    head = max((width - 3) // 2, 1)
    return f"{text[:head]}...{text[len(text) - max(width - 3 - head, 1) :]}"
