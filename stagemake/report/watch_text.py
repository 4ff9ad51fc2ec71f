"""What `stagemake watch` says between builds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.result import Outcome
from stagemake.report.amount import plural, printable
from stagemake.report.reason_words import reason_text

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.model.result import BuildOutcome

KEYS = (
    ("r", "build now, whatever has changed"),
    ("w", "show why stages ran in the last build"),
    ("q", "quit"),
    ("h, Enter", "show this"),
)
_MOST = 3  # names in one line


def changed_text(paths: Collection[str]) -> str:
    """Return a line on what has changed: `src/a.c and 3 more changed`."""
    names = sorted(paths)
    if not names:
        return "building again"
    shown = ", ".join(f"`{printable(name)}`" for name in names[:_MOST])
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{shown}{more} changed"


def waiting_text(*, has_keys: bool) -> str:
    """Return the line that is shown when all is done."""
    return f"waiting for changes ({'h for help' if has_keys else '^C to quit'})"


def keys_text() -> str:
    """Return what the keys do, one a line."""
    return "".join(f"  {key:<10}{what}\n" for key, what in KEYS)


def why_text(outcome: BuildOutcome | None) -> str:
    """Return why each stage of the last build did not stay as it was, one a line."""
    if outcome is None:
        return "nothing was built yet\n"
    acted = [
        result
        for result in outcome.results
        if result.outcome in {Outcome.RAN, Outcome.RESTORED, Outcome.FAILED, Outcome.CANCELLED}
        and result.reason
    ]
    if not acted:
        return f"nothing ran: all of {plural(len(outcome.results), 'stage')} was up to date\n"
    width = min(max(len(result.name) for result in acted), 40)
    return "".join(
        f"  {printable(result.name):<{width}}  {result.outcome.value:<9} "
        f"{reason_text(result.reason, result.subject)}\n"
        for result in acted
    )
