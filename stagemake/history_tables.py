"""The tables of the history: their form, and how runs get into them. Asked by `history` only."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from attrs import astuple, fields

from stagemake.model.fit import Fit, fit
from stagemake.model.hindsight import FORETOLD_COLUMNS
from stagemake.model.pace import COLUMNS
from stagemake.model.packed import pack, unpack
from stagemake.model.size import WRITTEN_COLUMNS, written_by
from stagemake.model.variant import Variant, variants_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from stagemake.model.fit import Run

SAMPLES = 20
"""How many runs of a stage are looked at, and kept."""

BUILDS = 30
"""How many builds are looked at, and kept."""

MOST_NAMES = 500
"""Of more stages than these reading all is cheaper than asking by name."""

FIT_COLUMNS = tuple(each.name for each in fields(Fit))
VARIANT_COLUMNS = tuple(each.name for each in fields(Variant))

# The version is in the names: tables of another one are not seen.
_SCHEMA = f"""
drop table if exists runs;
drop table if exists runs_2;
create table if not exists runs_3 (
    stage text primary key, last_s integer not null, packed blob not null
) without rowid;
create table if not exists fits_2 (stage text primary key, {", ".join(FIT_COLUMNS)}) without rowid;
create table if not exists variants_1 (
    stage text, {", ".join(VARIANT_COLUMNS)}, primary key (stage, number)
) without rowid;
create table if not exists written_1 (
    stage text, {", ".join(WRITTEN_COLUMNS)}, primary key (stage, variant)
) without rowid;
create index if not exists fits_2_by_kind on fits_2 (kind);
create index if not exists fits_2_often on fits_2 (samples, sigma, outliers, outlier_log)
    where samples >= 5;
create table if not exists builds_2 ({", ".join(COLUMNS)});
create table if not exists foretold_1 ({", ".join(FORETOLD_COLUMNS)});
"""
_OURS = {
    "runs_3": ("stage", "last_s", "packed"),
    "fits_2": ("stage", *FIT_COLUMNS),
    "variants_1": ("stage", *VARIANT_COLUMNS),
    "written_1": ("stage", *WRITTEN_COLUMNS),
    "builds_2": COLUMNS,
    "foretold_1": FORETOLD_COLUMNS,
}
_values_of = attrgetter(*FIT_COLUMNS)  # of a Fit; `astuple` takes 8 µs
_written_of = attrgetter(*WRITTEN_COLUMNS)  # likewise
_MOST_STAGES = 50_000


def make(connection: sqlite3.Connection) -> None:
    """Have all tables there, in the form of this version.

    Those of ours whose columns are others are removed: nothing could be added to them.
    """
    for name, columns in _OURS.items():
        found = tuple(row[1] for row in connection.execute(f"pragma table_info({name})"))
        if found and found != columns:
            connection.execute(f"drop table {name}")
    connection.executescript(_SCHEMA)


def add_runs(connection: sqlite3.Connection, by_stage: dict[str, list[Run]]) -> None:
    """Put new runs, newest first, before those that are known, and fit anew. A statement a table for them all."""
    packed = _known_runs(connection, by_stage)
    runs, fits, variants, written = [], [], [], []
    for stage, new in by_stage.items():
        known = packed.get(stage)
        old = unpack(stage, new[0].kind, known) if known is not None else []
        kept = [*new, *old][:SAMPLES]
        runs.append((stage, new[0].started_s, pack(kept)))
        made = fit(kept)
        fits.append((stage, *_values_of(made)))
        variants += [(stage, *astuple(each)) for each in variants_of(kept, made)]
        written += [(stage, *_written_of(each)) for each in written_by(kept)]
    connection.executemany("insert or replace into runs_3 values (?, ?, ?)", runs)
    marks = ", ".join("?" * (1 + len(FIT_COLUMNS)))
    connection.executemany(f"insert or replace into fits_2 values ({marks})", fits)  # noqa: S608 - constants only
    for table, rows in (("variants_1", variants), ("written_1", written)):
        connection.executemany(f"delete from {table} where stage = ?", [row[:1] for row in runs])  # noqa: S608 - constants only
        marks = ", ".join("?" * len(_OURS[table]))
        connection.executemany(f"insert into {table} values ({marks})", rows)  # noqa: S608 - as above


def _known_runs(connection: sqlite3.Connection, names: Collection[str]) -> dict[str, object]:
    """Return the packed runs of these stages by name, as far as there are any."""
    if len(names) > MOST_NAMES:
        return dict(connection.execute("select stage, packed from runs_3"))
    marks = ",".join("?" * len(names))
    query = f"select stage, packed from runs_3 where stage in ({marks})"  # noqa: S608 - marks only
    return dict(connection.execute(query, tuple(names)))


def forget_oldest(connection: sqlite3.Connection) -> None:
    """Forget stages beyond `_MOST_STAGES`: those that ran longest ago."""
    (count,) = connection.execute("select count(*) from fits_2").fetchone()
    if count > _MOST_STAGES:
        old = "select stage from runs_3 order by last_s limit ?"
        for table in ("fits_2", "variants_1", "written_1", "runs_3"):
            query = f"delete from {table} where stage in ({old})"  # noqa: S608 - constants only
            connection.execute(query, (count - _MOST_STAGES,))
