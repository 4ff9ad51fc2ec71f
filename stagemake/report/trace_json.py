"""Observations as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import asdict

import stagemake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.observation import Observation


def trace_object(observations: Sequence[Observation], *, ok: bool) -> dict[str, Any]:
    """Return what `trace --json` prints; `ok` says whether the stages ran well."""
    return {
        "schema": 1,
        "stagemake": stagemake.__version__,
        "ok": ok,
        "clean": all(seen.is_clean for seen in observations),
        "stages": [asdict(seen) for seen in observations],
    }
