"""Past builds as the documented JSON objects. Keys are never left out; null is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.past.codec import interval_object
from stagemake.past.score import by_stage, overall
from stagemake.report.why_json import difference_object, instant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.repeat import Repeat
    from stagemake.past.build import PastBuild, PastStage
    from stagemake.past.compare import Compared
    from stagemake.past.score import Score

SCHEMA = 1


def builds_object(
    builds: Sequence[PastBuild], newer: int, repeats: Sequence[Repeat] = ()
) -> dict[str, Any]:
    """Return what `history --json` prints, newest build first."""
    return {
        "schema": SCHEMA,
        "builds": [_head(build) for build in builds],
        "unreadable": newer,
        "score": {
            **_score(overall(builds)),
            "stages": [{"name": name, **_score(score)} for name, score in by_stage(builds).items()],
        },
        "repeats": [_repeat(one) for one in repeats],
    }


def build_object(build: PastBuild) -> dict[str, Any]:
    """Return what `history RUN --json` prints."""
    return {"schema": SCHEMA, **_head(build), "stages": [_stage(stage) for stage in build.stages]}


def comparison_object(
    before: PastBuild, after: PastBuild, found: Sequence[Compared]
) -> dict[str, Any]:
    """Return what `history A B --json` prints."""
    return {
        "schema": SCHEMA,
        "before": _head(before),
        "after": _head(after),
        "stages": [
            {
                "name": one.name,
                "changes": [change.value for change in one.changes],
                "before": None if one.before is None else _stage(one.before),
                "after": None if one.after is None else _stage(one.after),
            }
            for one in found
        ],
    }


def _repeat(one: Repeat) -> dict[str, Any]:
    return {
        "name": one.stage,
        "reproducible": not one.is_unsteady,
        "compared": one.compared,
        "differed": one.differed,
        "same_since": one.same_since,
        "checked": instant(one.checked_s),
        "differed_last": instant(one.differed_s) if one.differed else None,
        "output": one.output or None,
        "how": one.how or None,
        "found_by": one.found_by or None,
    }


def _head(build: PastBuild) -> dict[str, Any]:
    return {
        "run": build.number,
        "started": instant(build.started_s),
        "targets": list(build.targets),
        "jobs": build.jobs,
        "stagemake": build.version,
        "ending": build.ending.value,
        "wall_s": build.wall_s,
        "outcomes": dict(build.counts),
        "forecast": {"wall_s": interval_object(build.forecast_s), "inside": build.is_inside},
    }


def _stage(stage: PastStage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "outcome": stage.outcome,
        "reason": stage.reason,
        "subject": stage.subject,
        "key": stage.key,
        "wall_s": stage.wall_s,
        "cpu_s": stage.cpu_s,
        "exit_code": stage.exit_code,
        "output_bytes": stage.output_bytes,
        "expected_s": interval_object(stage.expected_s),
        "differences": [difference_object(one) for one in stage.differences],
        "diverged": None
        if stage.diverged is None
        else {"output": stage.diverged.output, "how": stage.diverged.how},
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "forecasts": score.count,
        "inside": score.inside,
        "coverage": None if score.coverage is None else round(score.coverage, 4),
        "median_error": None if score.median_error is None else round(score.median_error, 4),
    }
