"""Reasons in words: what reports of all kinds say."""

from __future__ import annotations

from stagemake.model.plan import Reason
from stagemake.report.amount import printable

_REASONS = {reason.code: reason.value for reason in Reason}


def reason_text(code: str, subject: str) -> str:
    """Return a reason for people: `input changed: src/a.c`."""
    text = _REASONS.get(code, code)
    return f"{text}: {printable(subject)}" if subject else text
