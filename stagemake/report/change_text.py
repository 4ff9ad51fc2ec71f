"""Differences for people: old and new value, words that changed, lines that changed. For `why` and `build -v`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.difference import CODE_PREFIX
from stagemake.model.entry import UNREADABLE
from stagemake.model.plan import Reason
from stagemake.report.amount import plural, printable, size
from stagemake.report.reason_words import reason_text
from stagemake.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stagemake.model.difference import Difference
    from stagemake.model.explanation import Change
    from stagemake.model.line_diff import LineDiff

_SAME_WORDS = 4  # kept on each side of a changed word
_PLAIN = Style()
_LINE_COLOURS = {"+": "green", "-": "red", "@": "dim"}
_FROM_CHARACTERS = 60  # shorter values are shown whole, without marks


def changes_text(
    changes: Iterable[Change],
    *,
    most_lines: int,
    said: str = "",
    above: set[Difference] | None = None,
    style: Style = _PLAIN,
) -> Iterator[str]:
    """Yield lines for differences: `because: …` for the first, `also: …` for those after it.

    Args:
        changes: What differs, the most telling first.
        most_lines: Lines to show of each diff.
        said: What is said already: a first difference of that text gets no line of its own.
        above: Differences whose values and lines stand further up: they are not told again. These are added.
        style: Colours of lines that came and went.
    """
    word = "also" if said else "because"
    for at, change in enumerate(changes):
        headline = reason_text(change.difference.reason.code, change.difference.subject)
        if at or headline != said:
            yield f"  {word}: {headline}"
        word = "also"
        details = [*_values(change)]
        if change.diff is not None:
            details += _lines(change.diff, most_lines, style)
        if above is not None and change.difference in above and len(details) > 1:
            details = ["      as above"]
        yield from details
        if above is not None:
            above.add(change.difference)


def _values(change: Change) -> Iterator[str]:
    """Yield the old and the new value; nothing where a diff says it all."""
    difference = change.difference
    old, new = value_text(difference.old), value_text(difference.new)
    is_code = difference.reason is Reason.CODE_CHANGED
    if is_code and old and new:
        return
    if is_code and (old or new):
        yield f"      {'was' if old else 'now'}  {old or new}"
        return
    if old and new and len(old) + len(new) > _FROM_CHARACTERS and " " in old + new:
        old, new = _marked(old, new), _marked(new, old)
    if old or new:
        yield f"      was  {old or '-'}"
        yield f"      now  {new or '-'}"


def _lines(diff: LineDiff, most: int, style: Style) -> Iterator[str]:
    if diff.note:
        yield f"      ({diff.note})"
    for line in diff.lines[:most]:
        shown, colour = _seen(printable(line)), _LINE_COLOURS.get(line[:1])
        yield f"      {style.paint(shown, colour) if colour else shown}"
    if len(diff.lines) > most:
        yield f"      ({plural(len(diff.lines) - most, 'more line')})"


def _seen(line: str) -> str:
    """Return a line of a diff whose trailing spaces can be seen where they may be what changed."""
    bare = line.rstrip(" ")
    return bare if line[:1] == " " else bare + "·" * (len(line) - len(bare))


def value_text(value: str) -> str:
    """Return an entry or a value for people; empty for a part of a function."""
    kind, _, rest = value.partition(":")
    if kind in {"f", "x"} and rest.count(":") == 1:
        digest, _, count = rest.partition(":")
        if count.isdecimal():
            return f"{'executable, ' if kind == 'x' else ''}{size(int(count))}, {digest[:12]}"
    if kind == "d" and len(rest) == 32:
        return f"directory {rest[:12]}"
    if kind == "l" and len(rest) == 32:
        return f"link {rest[:12]}"
    if value.startswith(CODE_PREFIX) and len(rest) == 32:
        return ""
    if value == UNREADABLE:
        return "nothing that could be read"
    return "missing" if value == "-" else printable(value.replace("\n", " "))


def _marked(text: str, other: str) -> str:
    """Return `text` with the words that `other` has not in brackets; long runs of equal words are cut."""
    import difflib  # noqa: PLC0415 - gate, 3 ms, only with something to compare

    words, others = text.split(" "), other.split(" ")
    parts: list[str] = []
    matcher = difflib.SequenceMatcher(None, words, others, autojunk=False)
    for kind, start, end, _, _ in matcher.get_opcodes():
        run = words[start:end]
        if kind != "equal":
            parts.extend([f"[{' '.join(run)}]"] if run else [])
            continue
        first = start == 0
        last = end == len(words)
        parts.extend(_shortened(run, keep_head=not first, keep_tail=not last))
    return " ".join(parts)


def _shortened(run: list[str], *, keep_head: bool, keep_tail: bool) -> list[str]:
    """Return a run of equal words without its middle, or the end that no change is near."""
    if len(run) <= 2 * _SAME_WORDS + 1:
        return run
    head = run[:_SAME_WORDS] if keep_head else run[:1]
    tail = run[-_SAME_WORDS:] if keep_tail else run[-1:]
    return [*head, "...", *tail]
