"""How good were the forecasts? Coverage of p90 and the median error of p50, over builds and by stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.past.ending import Ending

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.model.plan import Interval
    from stagemake.past.build import PastBuild


@frozen
class Score:
    """Forecasts against what came of them."""

    count: int = 0  # forecasts that can be judged
    inside: int = 0  # took no longer than p90
    median_error: float | None = (
        None  # of |took - p50| as a share of what it took; None without any
    )

    @property
    def coverage(self) -> float | None:
        """The share inside; None without any."""
        return self.inside / self.count if self.count else None


def score_of(pairs: Iterable[tuple[Interval, float]]) -> Score:
    """Return the score of forecasts with the seconds that it then took."""
    judged = [(forecast, took_s) for forecast, took_s in pairs if took_s > 0]
    if not judged:
        return Score()
    errors = sorted(abs(took_s - forecast.p50) / took_s for forecast, took_s in judged)
    inside = sum(1 for forecast, took_s in judged if took_s <= forecast.p90)
    middle = (errors[(len(errors) - 1) // 2] + errors[len(errors) // 2]) / 2
    return Score(len(judged), inside, middle)


def overall(builds: Iterable[PastBuild]) -> Score:
    """Return the score of whole builds: those that were done and had a forecast."""
    return score_of(
        (build.forecast_s, build.wall_s)
        for build in builds
        if build.ending is Ending.DONE and build.forecast_s is not None and build.wall_s is not None
    )


def by_stage(builds: Iterable[PastBuild]) -> dict[str, Score]:
    """Return the score of each stage that ran with a forecast, by name in order of names."""
    pairs: dict[str, list[tuple[Interval, float]]] = {}
    for build in builds:
        for stage in build.stages:
            if stage.outcome == "ran" and stage.expected_s is not None and stage.wall_s is not None:
                pairs.setdefault(stage.name, []).append((stage.expected_s, stage.wall_s))
    return {name: score_of(pairs[name]) for name in sorted(pairs)}
