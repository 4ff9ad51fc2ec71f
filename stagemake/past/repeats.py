"""Which stages made the same from the same, and which did not: one small file, replaced in one step.

A hint, never truth: it makes plans more careful. Losing it, or finding it damaged or from another version,
loses what was found and no more.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import asdict, fields, frozen

from stagemake import durable
from stagemake.freshness.regular import read_regular
from stagemake.model.repeat import Repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagemake.model.repeat import Divergence

MOST_STAGES = 5_000
"""How many stages are remembered; those that were checked longest ago go first."""

_FORMAT = 1
_MOST_BYTES = 16 << 20
_TYPES = {one.name: int if one.name in {
    "checked_s", "differed_s", "compared", "differed", "same_since",
} else str for one in fields(Repeat)}  # fmt: skip


@frozen
class Repeats:
    """What is remembered in one file. Reading never raises."""

    path: str

    def read(self) -> dict[str, Repeat]:
        """Return what is known, by stage; empty where nothing is or can be read. Cost: O(stages in it)."""
        try:
            data = json.loads(read_regular(self.path, _MOST_BYTES, follows=False))
            if data["format"] != _FORMAT:
                return {}
            rows = list(data["stages"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}
        made = [one for one in map(_repeat_of, rows) if one is not None]
        return {one.stage: one for one in made}

    def note(
        self, checks: Sequence[tuple[str, str, Divergence | None]], *, found_by: str, now_s: int
    ) -> None:
        """Remember what checks have found.

        Args:
            checks: Stage, its weak key in hex, and how it differed; None: it made the same.
            found_by: "build" or "verify".
            now_s: Unix seconds.

        Raises:
            OSError: It can't be written.
        """
        if not checks:
            return
        known = self.read()
        for stage, weak, found in checks:
            before = known.pop(stage, None)
            if before is None or before.weak != weak:  # what it declared before is another matter
                before = Repeat(stage, weak)
            known[stage] = (
                before.and_same(now_s)
                if found is None
                else before.and_differed(found, found_by, now_s)
            )
        kept: Iterable[Repeat] = known.values()
        if len(known) > MOST_STAGES:
            kept = list(kept)[
                -MOST_STAGES:
            ]  # what was checked last is last, whatever the clock said
        rows = [asdict(one) for one in kept]
        text = json.dumps({"format": _FORMAT, "stages": rows}, separators=(",", ":"))
        durable.write_atomic(self.path, text.encode("ascii"), mode=0o600)


def _repeat_of(row: Any) -> Repeat | None:  # Any: as read
    if not isinstance(row, dict) or row.keys() != _TYPES.keys():
        return None
    if any(type(row[name]) is not kind for name, kind in _TYPES.items()):
        return None
    return Repeat(**row)
