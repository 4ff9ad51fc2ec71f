"""All months, with what is known of the station and of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def join_tables(trips: Sequence[Path], stations: Path, weather: Path) -> pl.DataFrame:
    """Return one row a day and station, sorted."""
    months = pl.concat([pl.read_parquet(month) for month in trips])
    days = pl.read_csv(weather, try_parse_dates=True)
    return (
        months.join(pl.read_csv(stations), on="station", how="left")
        .join(days, on="date", how="left")
        .with_columns(
            weekday=pl.col("date").dt.weekday(),  # Monday is 1
            month=pl.col("date").dt.strftime("%Y-%m"),
        )
        .sort("date", "station")
    )
