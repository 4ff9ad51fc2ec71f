"""What verifying found, for people: one line a stage while it goes on, then what differs and a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.verification import Found, MismatchKind
from stagemake.report.amount import duration, joined, plural, printable
from stagemake.report.log_text import shown_log
from stagemake.report.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.verification import Checked, Mismatch, Verification

_COLOURS = {
    Found.SAME: "green",
    Found.DIFFERS: "red",
    Found.FAILED: "red",
    Found.SKIPPED: "dim",
    Found.CANCELLED: "yellow",
}
_WORDS = {
    Found.SAME: "same",
    Found.DIFFERS: "differ",
    Found.FAILED: "failed",
    Found.SKIPPED: "not compared",
    Found.CANCELLED: "interrupted",
}
_MOST_NAMES = 4
_MOST_LOG_LINES = 20


def progress_line(checked: Checked, done: int, total: int, style: Style) -> str:
    """Return the line of one stage, without its end."""
    word = style.paint(f"{checked.found.value:<9}", _COLOURS[checked.found])
    took = "" if checked.wall_s is None else f"  {duration(checked.wall_s)}"
    return f"[{done:>{len(str(total))}}/{total}] {word} {printable(checked.name)}{took}"


def verification_text(found: Verification, style: Style = Style()) -> str:  # noqa: B008 - frozen
    """Return what differs, what could not be compared, and a summary; ends with a newline."""
    return "\n".join(_lines(found, style)) + "\n"


def _lines(found: Verification, style: Style) -> Iterator[str]:
    for checked in found.checked:
        if checked.found is Found.DIFFERS:
            yield from _differing(checked, style)
        elif checked.found is Found.FAILED:
            yield from _failed(checked, style)
    yield from _skipped(found.checked)
    noisy = [one.name for one in found.checked if one.log_differs and one.found is Found.SAME]
    if noisy:
        yield f"same outputs, but another log: {_named(noisy)}"
    if found.ignores_hooks:
        yield "note: hooks were not called, and may be what makes the difference"
    if found.kept:
        yield f"kept: `{printable(found.kept)}`"
    yield _summary(found, style)


def _differing(checked: Checked, style: Style) -> Iterator[str]:
    yield style.paint(f"`{printable(checked.name)}` differs", "red")
    for one in checked.mismatches:
        yield from _mismatch(one)
    more = checked.mismatch_count - len(checked.mismatches)
    if more > 0:
        yield f"  and {plural(more, 'more output')}"
    if checked.holds_place:
        yield "  hint: it names the directory it ran in; results restored elsewhere name this one"
    if checked.log_differs:
        yield "  its log differs, too"


def _mismatch(one: Mismatch) -> Iterator[str]:
    name = f"value {one.path}" if one.kind is MismatchKind.VALUE else one.path
    yield f"  `{printable(name)}`: {printable(one.how)}"
    if one.old or one.new:
        yield f"    recorded  {printable(one.old)}"
        yield f"    rerun     {printable(one.new)}"


def _failed(checked: Checked, style: Style) -> Iterator[str]:
    head = style.paint(f"`{printable(checked.name)}` could not be compared", "red")
    yield f"{head}: {printable(checked.reason)}"
    lines = shown_log(checked.log.encode("utf-8", "surrogateescape"), keep_colour=style.is_on)
    shown = lines.splitlines()[-_MOST_LOG_LINES:]
    yield from (f"    {line}" for line in shown)
    yield "  hint: a rerun has what is declared and nothing else; see `docs/verify.md`"


def _skipped(checked: Sequence[Checked]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for one in checked:
        if one.found is Found.SKIPPED:
            by_reason.setdefault(one.reason, []).append(one.name)
    for reason, names in by_reason.items():
        yield f"not compared: {_named(names)}: {printable(reason)}"


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{printable(name)}`" for name in names[:_MOST_NAMES])
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _summary(found: Verification, style: Style) -> str:
    rerun = sum(one.found is not Found.SKIPPED for one in found.checked)
    parts = [
        style.paint(f"{found.count(one)} {_WORDS[one]}", _COLOURS[one])
        for one in Found
        if found.count(one)
    ]
    text = f"stagemake: {plural(rerun, 'stage')} verified: {joined(parts)}"
    if found.seed is not None:
        text += f"\nsample of {found.candidates}; once more: --sample {rerun} --seed {found.seed}"
    return text
