"""One month of trips: rows that can't be right are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from pathlib import Path


def clean_month(trips: Path, stations: Path, longest_minutes: float) -> pl.DataFrame:
    """Return date, station, trips and minutes a trip, sorted, one row a day and station."""
    known = pl.read_csv(stations)["station"]
    rows = pl.read_csv(trips, try_parse_dates=True)
    return (
        rows.drop_nulls()
        .filter(pl.col("station").is_in(known.implode()))
        .filter((pl.col("trips") >= 0) & (pl.col("minutes") >= 0))
        .with_columns(minutes_each=minutes_each())
        .filter(pl.col("minutes_each").is_null() | (pl.col("minutes_each") <= longest_minutes))
        .drop("minutes")
        .unique(["date", "station"], keep="first", maintain_order=True)
        .sort("date", "station")
    )


def minutes_each() -> pl.Expr:
    """Return the mean minutes of a trip; null on days without any."""
    return pl.when(pl.col("trips") > 0).then(pl.col("minutes") / pl.col("trips"))
