"""Trips a day, by one column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from pathlib import Path


def sum_by(daily: Path, by: str) -> pl.DataFrame:
    """Return the mean trips a day for each value of the column `by`, sorted by it."""
    each_day = pl.read_parquet(daily).group_by(by, "date").agg(pl.col("trips").sum())
    return each_day.group_by(by).agg(pl.col("trips").mean().round(1)).sort(by)
