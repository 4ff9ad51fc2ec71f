"""What stages and builds cost in the past. A hint, never truth.

Lives in sqlite beside the snapshot: for each stage its last runs, packed, and what follows from them, so that a
forecast reads one short row a stage; for each of the last builds what the tool itself took. Losing it, or finding
it damaged or from another version, loses estimates and no more.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING, Any

from attrs import astuple, define, field

from stagemake import durable, history_tables
from stagemake.history_tables import BUILDS, FIT_COLUMNS, MOST_NAMES, SAMPLES, VARIANT_COLUMNS
from stagemake.model.fit import USUAL_VARIANCE, Fit, Run, told_variance, usual_variance
from stagemake.model.hindsight import FORETOLD_COLUMNS, Foretold, Hindsight, hindsight_of
from stagemake.model.pace import COLUMNS, BuildCosts, Pace, pace_of
from stagemake.model.size import WRITTEN_COLUMNS, Written
from stagemake.model.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["BUILDS", "SAMPLES", "History", "Run"]

_NO_BYTES = 2**62
_MOST_OF_A_KIND = 50
_MOST_KINDS = 50  # that are asked for by name
_READ_TIMEOUT_S = 0.2  # whoever holds the file for longer costs estimates, not time


@define(eq=False, repr=False)
class History:
    """The history in one file; read when asked, nothing kept in memory but what was asked for."""

    path: str
    _pace: Pace | None = field(default=None)
    _hindsight: Hindsight | None = field(default=None)

    def fits(self, stage_names: Sequence[str]) -> dict[str, Fit]:
        """Return what past runs say, by name; stages that never ran are left out."""
        if len(stage_names) > MOST_NAMES:
            wanted = set(stage_names)
            rows = [row for row in self._rows("", ()) if row[0] in wanted]
        else:
            marks = ",".join("?" * len(stage_names))
            rows = self._rows(f"where stage in ({marks})", stage_names)
        found = {row[0]: _fit_of(row[1:]) for row in rows}
        return {stage: made for stage, made in found.items() if made is not None}

    def variants(self, stage_names: Sequence[str]) -> dict[tuple[str, int], Variant]:
        """Return what runs under each variant say, by stage and number, of stages that ran under several."""
        where, asked = _among("stage", stage_names)
        query = f"select stage, {', '.join(VARIANT_COLUMNS)} from variants_1 {where}"  # noqa: S608 - constants only
        found = {}
        for stage, number, shift_log, sigma in self._select(query, asked):
            try:
                if -10 < shift_log < 10 and 0 <= sigma < 100:
                    found[stage, number] = Variant(number, shift_log, sigma)
            except TypeError:
                continue  # somebody has written something else there
        return found

    def written(self, stage_names: Sequence[str]) -> dict[str, list[Written]]:
        """Return how much stages wrote, by name, a value for each variant, in no order; stages not known are left out."""
        where, asked = _among("stage", stage_names)
        query = f"select stage, {', '.join(WRITTEN_COLUMNS)} from written_1 {where}"  # noqa: S608 - constants only
        found: dict[str, list[Written]] = {}
        for stage, *values in self._select(query, asked):
            made = Written(*values)
            try:
                is_sound = _are_bytes(made.made_bytes, made.read_bytes) and made.age >= 0
                is_sound = is_sound and (made.slope is None or 0 <= made.slope < 10)
                is_sound = is_sound and 0 <= made.apart < 100
            except TypeError:
                continue  # somebody has written something else there
            if is_sound:
                found.setdefault(stage, []).append(made)
        return found

    def amounts_of_kinds(self, kinds: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
        """Return bytes read and written in the last run of up to 50 stages of each of these kinds.

        Cost: 50 rows a kind; of many kinds, all rows.
        """
        found: dict[str, list[tuple[int, int]]] = {}
        for kind, read, made in self._select(*_amounts_query(kinds)):
            pairs = found.setdefault(kind, [])
            try:
                if _are_bytes(read, made) and len(pairs) < _MOST_OF_A_KIND:
                    pairs.append((read, made))
            except TypeError:
                continue  # as above
        return found

    def fits_of_kind(self, kind: str) -> list[Fit]:
        """Return what past runs say of up to 50 stages that run the same program or function."""
        rows = self._rows(f"where kind = ? limit {_MOST_OF_A_KIND}", (kind,))
        return [made for made in (_fit_of(row[1:]) for row in rows) if made is not None]

    def tail(self) -> tuple[float, float]:
        """Return how many of all runs were far out, as a share, and how far, as a mean logarithm."""
        query = (
            "select sum(outliers), sum(outlier_log), sum(samples) from fits_2 where samples >= 5"
        )
        try:
            count, far, runs = self._select(query, ())[0]
            return (count / runs, far / count) if count and runs else (0.0, 0.0)
        except (IndexError, TypeError):
            return (0.0, 0.0)

    def usual_variance(self) -> float:
        """Return how much runs of one stage vary here, as a variance of logarithms. Cost: some 1 µs a stage."""
        rows = self._select(
            "select samples, sigma from fits_2 where samples >= 5 and sigma between 0 and 100", ()
        )
        try:
            told = [told_variance(samples, sigma) for samples, sigma in rows]
            return usual_variance(sum(samples for samples, _ in rows), sum(told))
        except (TypeError, OverflowError):
            return USUAL_VARIANCE  # somebody has written something else there

    @property
    def pace(self) -> Pace:
        """What the tool itself takes, by the last builds. Read once."""
        if self._pace is None:
            rows = self._select(_last_builds("builds_2", COLUMNS), ())
            try:
                self._pace = pace_of([BuildCosts(*row) for row in rows])
            except (TypeError, ValueError, ZeroDivisionError, OverflowError):
                self._pace = Pace()  # somebody has written something else there
        return self._pace

    @property
    def hindsight(self) -> Hindsight:
        """What forecasts of the last builds were worth. Read once."""
        if self._hindsight is None:
            rows = self._select(_last_builds("foretold_1", FORETOLD_COLUMNS), ())
            try:
                self._hindsight = hindsight_of([Foretold(*row) for row in rows])
            except (TypeError, ValueError, OverflowError):
                self._hindsight = hindsight_of(())  # as above
        return self._hindsight

    def _rows(self, where: str, values: Sequence[object]) -> list[Any]:  # Any: columns of sqlite
        return self._select(f"select stage, {', '.join(FIT_COLUMNS)} from fits_2 {where}", values)  # noqa: S608 - constants only

    def _select(self, query: str, values: Sequence[object]) -> list[Any]:  # Any: as above
        if not os.path.exists(self.path):
            return []
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with work to do
        from contextlib import closing  # noqa: PLC0415 - as above

        try:
            with closing(
                sqlite3.connect(_read_only(self.path), uri=True, timeout=_READ_TIMEOUT_S)
            ) as connection:
                return connection.execute(query, tuple(values)).fetchall()
        except sqlite3.Error:
            return []

    def add(
        self,
        runs: Iterable[Run],
        build: BuildCosts | None = None,
        foretold: Foretold | None = None,
    ) -> None:
        """Store runs, a build and its forecast; forget all but the last `SAMPLES` and `BUILDS`. Never raises.

        Cost: some 40 µs a run.
        """
        by_stage: dict[str, list[Run]] = {}
        for run in runs:
            by_stage.setdefault(run.stage, []).insert(0, run)
        rows = _rows_of(build, foretold)
        if not by_stage and not rows:
            return
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with work to do

        self._pace = self._hindsight = None
        try:
            self._write(by_stage, rows)
        except sqlite3.OperationalError:
            return  # full, locked or read-only
        except (sqlite3.DatabaseError, struct.error, OverflowError):
            try:  # damaged: begin anew
                durable.remove(self.path)
                self._write(by_stage, rows)
            except (OSError, sqlite3.Error):
                return

    def _write(self, by_stage: dict[str, list[Run]], rows: dict[str, tuple[Any, ...]]) -> None:
        import sqlite3  # noqa: PLC0415 - gate, 7 ms, only with work to do
        from contextlib import closing  # noqa: PLC0415 - as above

        with closing(sqlite3.connect(self.path, timeout=5, isolation_level=None)) as connection:
            connection.execute("pragma synchronous = off")
            durable.reach("commit", self.path)
            history_tables.make(connection)
            connection.execute("begin immediate")
            history_tables.add_runs(connection, by_stage)
            history_tables.forget_oldest(connection)
            for table, row in rows.items():
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into {table} values ({marks})", row)  # noqa: S608 - constants only
                connection.execute(
                    f"delete from {table} where rowid <= (select max(rowid) from {table}) - ?",  # noqa: S608 - as above
                    (BUILDS,),
                )
            durable.reach("commit", self.path)
            connection.execute("commit")


def _among(column: str, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return what a query ends with to give the rows of these, and its values; of many, all rows."""
    if len(names) > MOST_NAMES:
        return "", ()
    return f"where {column} in ({','.join('?' * len(names))})", tuple(names)


def _amounts_query(kinds: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return a query for kinds of stages with what these read and wrote in their last runs, and its values."""
    columns = "select kind, read_bytes, made_bytes from fits_2 join written_1 using (stage)"
    if len(kinds) > _MOST_KINDS:
        return f"{columns} where age = 0", ()
    one = f"select * from ({columns} where kind = ? and age = 0 limit {_MOST_OF_A_KIND})"  # noqa: S608 - constants only
    return " union all ".join([one] * len(kinds)) or f"{columns} limit 0", tuple(kinds)


def _last_builds(table: str, columns: Sequence[str]) -> str:
    return f"select {', '.join(columns)} from {table} order by rowid desc limit {BUILDS}"  # noqa: S608 - constants only


def _rows_of(build: BuildCosts | None, foretold: Foretold | None) -> dict[str, tuple[Any, ...]]:
    """Return what there is to add of a build, by table."""
    rows = {} if build is None else {"builds_2": astuple(build)}
    if foretold is not None:
        rows["foretold_1"] = astuple(foretold)
    return rows


def _fit_of(row: Sequence[Any]) -> Fit | None:  # Any: columns of sqlite
    made = Fit.of(**dict(zip(FIT_COLUMNS, row, strict=True)))
    try:
        is_sound = made.samples > 0 and 0 < made.median_s < 1e9 and 0 <= made.sigma < 100
        is_sound = is_sound and 1 <= made.stretch < 1e6 and 0 <= made.slope < 10
        is_sound = is_sound and _are_bytes(made.output_bytes, made.stored_bytes, made.at_bytes)
        is_sound = is_sound and _are_bytes(made.least_bytes, made.most_bytes)
    except TypeError:
        return None
    return made if is_sound else None


def _are_bytes(*amounts: float) -> bool:
    """Return whether these can be amounts of bytes; what sqlite holds may be any number, infinity too."""
    return all(0 <= amount < _NO_BYTES for amount in amounts)


def _read_only(path: str) -> str:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode=ro"
