"""One thing that is not as it was when a stage last had a result: what `why` tells, and what history keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from stagemake.model.plan import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.model.stage import Stage

CODE_PREFIX = "c:"
"""What `old` and `new` begin with for a part of a function: the digest of the part follows."""

MOST_KEPT = 20
_LONGEST_KEPT = 500  # characters of `old` and `new` in what is kept
_HIDDEN = "***"


@frozen
class Difference:
    """One thing that is not as it was; `old` and `new` are entries, values or digests of code, see above."""

    reason: Reason
    subject: str = ""
    old: str = ""
    new: str = ""


def secret_values(stage: Stage, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that must not be shown with anything about `stage`, longest first.

    Also as Python and JSON write them: so they stand in tracebacks and in payloads.
    """
    if not stage.secret_env:  # of nearly all stages; this is asked some seven times a run
        return ()
    found = {environ[name] for name in stage.secret_env if environ.get(name)}
    found |= {json.dumps(one)[1:-1] for one in found} | {repr(one)[1:-1] for one in found}
    return tuple(sorted(found, key=len, reverse=True))


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the secrets."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def without_secrets(
    found: Iterable[Difference], secrets: tuple[str, ...]
) -> tuple[Difference, ...]:
    """Return differences that show none of the secrets."""
    if not secrets:
        return tuple(found)
    return tuple(
        evolve(
            one,
            subject=hide(one.subject, secrets),
            old=hide(one.old, secrets),
            new=hide(one.new, secrets),
        )
        for one in found
    )


def plain(found: Iterable[Difference]) -> list[list[str]]:
    """Return differences as lists of text, the first `MOST_KEPT`, long values cut."""
    rows = [
        [one.reason.code, one.subject, one.old[:_LONGEST_KEPT], one.new[:_LONGEST_KEPT]]
        for one in found
    ]
    return rows[:MOST_KEPT]


def from_plain(data: Any) -> tuple[Difference, ...]:  # Any: whatever a database held
    """Return what `plain` was made from, leaving out what is no such row."""
    if not isinstance(data, list):
        return ()
    by_code = {reason.code: reason for reason in Reason}
    return tuple(
        Difference(by_code[row[0]], *row[1:])
        for row in data
        if isinstance(row, list)
        and len(row) == 4
        and all(isinstance(text, str) for text in row)
        and row[0] in by_code
    )
