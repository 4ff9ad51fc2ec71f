"""What changed between two texts, as a unified diff without file names."""

from __future__ import annotations

from attrs import frozen

_CONTEXT = 2
_MOST_LINES = 3_000  # that differ from the first to the last difference: more would take seconds
_WIDEST = 200


@frozen
class LineDiff:
    """Lines of a unified diff from `@@` on; none, and a note in their place, where that can't be shown."""

    lines: tuple[str, ...] = ()
    note: str = ""


def line_diff(old: bytes, new: bytes) -> LineDiff:
    """Return what changed. Cost: quadratic in the lines between the first and the last difference, bounded."""
    if b"\0" in old or b"\0" in new:
        return LineDiff(note="binary: no lines to compare")
    try:
        before, after = old.decode("utf-8"), new.decode("utf-8")
    except UnicodeDecodeError:
        return LineDiff(note="binary: no lines to compare")
    a, b = _split(before), _split(after)
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    if max(len(a), len(b)) - head - tail > _MOST_LINES:
        return LineDiff(note="too much has changed to show it line by line")
    start = max(head - _CONTEXT, 0)
    end = max(tail - _CONTEXT, 0)
    return LineDiff(tuple(_hunks(a[start : len(a) - end], b[start : len(b) - end], start)))


def _split(text: str) -> list[str]:
    """Return the lines of a text; the last one says so when no newline ends it."""
    lines = text.split("\n")
    if lines[-1]:
        lines[-1] += "  (no newline at the end)"
    else:
        lines.pop()
    return lines


def _common(a: list[str], b: list[str]) -> int:
    """Return how many lines are equal at the beginning."""
    count = 0
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        count += 1
    return count


def _hunks(a: list[str], b: list[str], offset: int) -> list[str]:
    import difflib  # noqa: PLC0415 - gate, 3 ms, only with something to compare

    lines: list[str] = []
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        old = _range(first[1] + offset, last[2] + offset)
        new = _range(first[3] + offset, last[4] + offset)
        lines.append(f"@@ -{old} +{new} @@")
        for kind, a_from, a_to, b_from, b_to in group:
            if kind == "equal":
                lines.extend(" " + _cut(line) for line in a[a_from:a_to])
                continue
            lines.extend("-" + _cut(line) for line in a[a_from:a_to])
            lines.extend("+" + _cut(line) for line in b[b_from:b_to])
    return lines


def _range(start: int, end: int) -> str:
    length = end - start
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


def _cut(line: str) -> str:
    line = line.expandtabs()
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST - 3]}..."
