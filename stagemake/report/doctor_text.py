"""What `doctor` found, for people: sections, one line a finding, hints below."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from stagemake.model.printable import printable
from stagemake.report.amount import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.doctor.finding import Finding
    from stagemake.report.style import Style

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}
_INDENT = " " * 11  # two, the longest level, two


def doctor_text(findings: Sequence[Finding], width: int, style: Style) -> str:
    """Return the report, lines of no more than `width` characters where words allow it."""
    lines: list[str] = []
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            lines += ["", style.paint(section, "bold")] if lines else [style.paint(section, "bold")]
        level = finding.level.value
        first, *rest = _wrapped(finding.text, width)
        lines.append(f"  {style.paint(level, _COLOURS[level])}{' ' * (9 - len(level))}{first}")
        lines += [_INDENT + line for line in rest]
        if finding.hint:
            lines += [_INDENT + line for line in _wrapped(f"hint: {finding.hint}", width)]
    return "\n".join([*lines, "", _summary(findings)]) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(text),
        max(width - len(_INDENT), 20),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _summary(findings: Sequence[Finding]) -> str:
    levels = [finding.level.value for finding in findings]
    problems, notes = levels.count("problem"), levels.count("note")
    said = plural(problems, "problem") if problems else "no problems"
    return f"stagemake: {said}" + (f", {plural(notes, 'note')}" if notes else "")
