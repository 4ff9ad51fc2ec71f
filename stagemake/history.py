"""What stages cost in the past: durations, output sizes, how often outputs changed. A hint, never truth.

Lives in sqlite beside the snapshot. Losing it, or finding it damaged, loses estimates and no more.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from stagemake.model.plan import UNKNOWN, Estimate, Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLES = 20
"""How many runs of a stage are looked at, and kept."""

_SCHEMA = """
create table if not exists runs (
    stage text not null,
    started_s integer not null,
    duration_s real not null,
    cpu_s real not null,
    output_bytes integer not null,
    changed integer not null
) strict;
create index if not exists runs_by_stage on runs (stage, started_s);
pragma user_version = 1;
"""


@frozen
class Run:
    """One successful run of a stage."""

    stage: str
    started_s: int  # unix seconds; orders runs for people, decides nothing
    duration_s: float
    cpu_s: float
    output_bytes: int
    changed: bool  # whether the outputs differed from those before


@define
class History:
    """The history in one file; read when first asked, and only then."""

    path: str
    _estimates: dict[str, Estimate] | None = field(default=None)

    def estimate(self, stage_name: str) -> Estimate:
        """Return what a stage costs by its last runs; `UNKNOWN` where there are none."""
        if self._estimates is None:
            self._estimates = self._read()
        return self._estimates.get(stage_name, UNKNOWN)

    def _read(self) -> dict[str, Estimate]:
        if not os.path.exists(self.path):
            return {}
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with work to do
        from contextlib import closing  # noqa: PLC0415 - as above

        samples: dict[str, list[tuple[float, int, int]]] = {}
        try:
            with closing(sqlite3.connect(_read_only(self.path), uri=True)) as connection:
                for stage, *sample in connection.execute(
                    "select stage, duration_s, output_bytes, changed from runs order by rowid desc"
                ):
                    kept = samples.setdefault(stage, [])
                    if len(kept) < SAMPLES:
                        kept.append(tuple(sample))
        except sqlite3.Error:
            return {}
        return {stage: estimate_of(kept) for stage, kept in samples.items()}

    def add(self, runs: Iterable[Run]) -> None:
        """Store runs and forget all but the last `SAMPLES` of their stages. Never raises."""
        rows = [
            (run.stage, run.started_s, run.duration_s, run.cpu_s, run.output_bytes, run.changed)
            for run in runs
        ]
        if not rows:
            return
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with work to do

        try:
            self._write(rows)
        except sqlite3.DatabaseError:
            # Damaged, full or read-only: start anew next time if it was damage, else do without.
            self._estimates = {}

    def _write(self, rows: list[tuple[str, int, float, float, int, bool]]) -> None:
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with work to do
        from contextlib import closing  # noqa: PLC0415 - as above

        with closing(sqlite3.connect(self.path, timeout=5, isolation_level=None)) as connection:
            connection.execute("pragma synchronous = off")
            connection.executescript(_SCHEMA)
            connection.execute("begin immediate")
            connection.executemany("insert into runs values (?, ?, ?, ?, ?, ?)", rows)
            connection.executemany(
                "delete from runs where stage = :stage and rowid <= (select rowid from runs"
                " where stage = :stage order by rowid desc limit 1 offset :kept)",
                [{"stage": stage, "kept": SAMPLES} for stage in {row[0] for row in rows}],
            )
            connection.execute("commit")
        self._estimates = None


def _read_only(path: str) -> str:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode=ro"


def estimate_of(samples: list[tuple[float, int, int]]) -> Estimate:
    """Return an estimate from (seconds, bytes, changed), newest first; there is at least one."""
    durations = sorted(duration for duration, _, _ in samples)
    return Estimate(
        duration_s=Interval(_quantile(durations, 0.5), _quantile(durations, 0.9)),
        output_bytes=samples[0][1],
        samples=len(samples),
        changes_output_p=round(sum(changed for _, _, changed in samples) / len(samples), 3),
    )


def _quantile(ordered: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie, between neighbours linearly."""
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
