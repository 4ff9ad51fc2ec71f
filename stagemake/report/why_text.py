"""Why a stage would run, for people: every difference, old and new."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from stagemake.model.plan import Verdict
from stagemake.report.amount import printable, size
from stagemake.report.terminal import reason_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stagemake.explaining import Explanation
    from stagemake.model.difference import Difference

_VERDICTS = {
    Verdict.FRESH: "is fresh: nothing it depends on has changed",
    Verdict.HIT: "would be restored from the cache",
    Verdict.MISS: "would run",
    Verdict.MAYBE: "may run: that depends on what comes out upstream",
}


def why_text(explanation: Explanation) -> str:
    """Return the explanation as text that ends with a newline."""
    return "\n".join(_lines(explanation)) + "\n"


def _lines(explanation: Explanation) -> Iterator[str]:
    step = explanation.step
    name = printable(explanation.stage.name)
    yield f"`{name}` {_VERDICTS[step.verdict]}"
    if step.verdict is not Verdict.FRESH:
        yield f"  because: {reason_text(step.reason.code, step.subject)}"
    for difference in explanation.differences:
        yield from _difference(difference)
    for text in explanation.fallbacks:
        yield f"  note: {printable(text)}"
    if explanation.counts:
        yield "  its key counts " + ", ".join(explanation.counts)
    if explanation.last_run:
        yield f"  last result: {explanation.last_run}"


def _difference(difference: Difference) -> Iterator[str]:
    yield f"  - {reason_text(difference.reason.code, difference.subject)}"
    old, new = _shown(difference.old), _shown(difference.new)
    if old and new and len(old) + len(new) > 60:
        yield f"      was  {old}"
        yield f"      now  {_marked(old, new)}"
    elif old or new:
        yield f"      was  {old or '-'}"
        yield f"      now  {new or '-'}"


def _shown(value: str) -> str:
    """Return an entry or a value for people."""
    kind, _, rest = value.partition(":")
    if kind in {"f", "x"} and rest.count(":") == 1:
        digest, _, count = rest.partition(":")
        return f"{'executable, ' if kind == 'x' else ''}{size(int(count))}, {digest[:12]}"
    if kind == "d" and len(rest) == 32:
        return f"directory {rest[:12]}"
    if kind == "l" and len(rest) == 32:
        return f"link {rest[:12]}"
    return "missing" if value == "-" else printable(value.replace("\n", " "))


def _marked(old: str, new: str) -> str:
    """Return `new` with what differs from `old` in brackets, by words."""
    before, after = old.split(" "), new.split(" ")
    parts = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, _, _, start, end in matcher.get_opcodes():
        text = " ".join(after[start:end])
        if text:
            parts.append(text if kind == "equal" else f"[{text}]")
    return " ".join(parts)
