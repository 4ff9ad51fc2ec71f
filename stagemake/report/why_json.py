"""Why stages would run, or ran, as the documented JSON objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagemake.model.difference import Difference


def difference_object(difference: Difference) -> dict[str, Any]:
    """Return one difference; `old` and `new` are entries, values or digests of code."""
    return {
        "reason": difference.reason.code,
        "subject": difference.subject,
        "old": difference.old or None,
        "new": difference.new or None,
    }
