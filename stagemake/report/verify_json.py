"""What verifying found as the documented JSON object. Keys are never left out; null is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.model.verification import Found

if TYPE_CHECKING:
    from stagemake.model.verification import Checked, Mismatch, Verification

SCHEMA = 1


def verification_object(found: Verification) -> dict[str, Any]:
    """Return what `verify --json` prints."""
    return {
        "schema": SCHEMA,
        "stagemake": stagemake.__version__,
        "ok": found.ok,
        "candidates": found.candidates,
        "seed": found.seed,
        "totals": {one.value: found.count(one) for one in Found},
        "stages": [_checked(one) for one in found.checked],
        "kept": found.kept or None,
    }


def _checked(one: Checked) -> dict[str, Any]:
    return {
        "name": one.name,
        "outcome": one.found.value,
        "reason": one.reason or None,
        "key": one.key,
        "wall_s": None if one.wall_s is None else round(one.wall_s, 6),
        "differences": [_mismatch(each) for each in one.mismatches],
        "difference_count": one.mismatch_count,
        "log_differs": one.log_differs,
    }


def _mismatch(one: Mismatch) -> dict[str, Any]:
    return {
        "output": one.path,
        "kind": one.kind.value,
        "how": one.how,
        "offset": one.offset,
        "line": one.line,
        "old": one.old or None,
        "new": one.new or None,
    }
