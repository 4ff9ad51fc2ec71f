"""Pictures, drawn without a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import MO, DateFormatter, WeekdayLocator
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

BLUE, GREY = "#2b6cb0", "#a0aec0"
WEEKDAYS = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def bars(sums: Path, out: Path, by: str, dpi: int) -> None:
    """Draw one bar for each value of the column `by`."""
    table = pl.read_csv(sums)
    labels = [WEEKDAYS[v] if by == "weekday" else str(v) for v in table[by]]
    figure, axes = _figure()
    drawn = axes.bar(labels, table["trips"], color=BLUE)
    axes.bar_label(drawn, fmt="%.0f", fontsize=8)
    axes.margins(y=0.12)  # room for the numbers
    axes.set_title(f"Trips a day, by {by}", loc="left")
    _save(figure, out, dpi)


def forecast(predictions: Path, out: Path, dpi: int) -> None:
    """Draw predicted and actual trips of all districts together, day by day."""
    table = (
        pl.read_csv(predictions, try_parse_dates=True)
        .group_by("date")
        .agg(pl.col("trips", "predicted").sum())
        .sort("date")
    )
    figure, axes = _figure()
    axes.plot(table["date"].to_list(), table["trips"], color=GREY, marker="o", label="happened")
    axes.plot(table["date"].to_list(), table["predicted"], color=BLUE, label="predicted")
    axes.set_ylim(bottom=0)
    axes.set_title("Trips a day in the held-out days", loc="left")
    axes.legend(frameon=False)
    axes.xaxis.set_major_locator(WeekdayLocator(MO))
    axes.xaxis.set_major_formatter(DateFormatter("%d %b"))
    _save(figure, out, dpi)


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, out: Path, dpi: int) -> None:
    # Without the version that would be in the file: the picture is what counts.
    figure.savefig(out, dpi=dpi, metadata={"Software": None})
