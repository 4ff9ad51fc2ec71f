"""One model of how many trips a district sees on a day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CALENDAR = ["district", "weekday"]
WEATHER = ["temperature_c", "rain_mm", "wind_kmh"]


def fit_and_predict(daily: Path, params: Mapping[str, Any], scores: Path, out: Path) -> None:
    """Fit on all but the last days, predict these; write scores as JSON, predictions as CSV."""
    table = (
        pl.read_parquet(daily)
        .group_by("date", *CALENDAR, *WEATHER)
        .agg(pl.col("trips").sum())
        .sort("date", "district")
    )
    days = table["date"].unique().sort()
    first_held_out = days[-params["holdout_days"]]
    past = table.filter(pl.col("date") < first_held_out)
    future = table.filter(pl.col("date") >= first_held_out)
    numbers = WEATHER if params["features"] == "weather" else []
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(sparse_output=False), CALENDAR), remainder="passthrough"
        ),
        make_estimator(params),
    )
    columns = [*CALENDAR, *numbers]
    model.fit(past.select(columns), past["trips"].to_numpy())
    predicted = model.predict(future.select(columns))
    actual = future["trips"].to_numpy()
    found = {
        "model": params["model"],
        "features": params["features"],
        "r2": round(float(r2_score(actual, predicted)), 4),
        "error": round(float(mean_absolute_error(actual, predicted)), 2),
    }
    scores.write_text(json.dumps(found, indent=1) + "\n")
    future.select("date", "district", "trips").with_columns(
        predicted=pl.Series(predicted).round(2)
    ).write_csv(out)


def make_estimator(params: Mapping[str, Any]) -> LinearRegression | RandomForestRegressor:
    """Return the regressor that the parameters name; it gives the same in every run."""
    if params["model"] == "linear":
        return LinearRegression()
    return RandomForestRegressor(n_estimators=params["trees"], random_state=0, n_jobs=1)
