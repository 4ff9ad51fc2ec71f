"""Plans and outcomes as the documented JSON objects. Keys are never left out; null is unknown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.model.plan import Verdict
from stagemake.model.result import Outcome
from stagemake.report.selection_text import selection_object
from stagemake.report.what_if_text import assumed_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.plan import Interval, Step
    from stagemake.model.report import DryRunReport
    from stagemake.model.result import BuildOutcome, StageResult
    from stagemake.model.selection import Selection

SCHEMA = 1


def dumps(data: dict[str, Any] | list[Any]) -> str:
    """Return one JSON object or list with a newline; text that isn't Unicode is escaped."""
    return json.dumps(data, indent=2) + "\n"


def plan_object(
    report: DryRunReport, targets: Sequence[str], selection: Selection | None = None
) -> dict[str, Any]:
    """Return what `build -n --json` prints, and by what its stages were selected."""
    plan = report.plan
    return {
        "schema": SCHEMA,
        "stagemake": stagemake.__version__,
        "root": ".",
        "jobs": report.jobs,
        "targets": list(targets),
        "stages": [_step(report, step) for step in plan.steps],
        "totals": {verdict.value: report.count(verdict) for verdict in Verdict},
        "forecast": forecast_object(report),
        "conflicts": [
            {
                "kind": conflict.kind.code,
                "path": conflict.path,
                "stages": list(conflict.stages),
                "hint": conflict.hint,
            }
            for conflict in report.conflicts
        ],
        "orphans": list(plan.orphans),
        "assumed": assumed_objects(report.assumed),
        "selection": selection_object(selection),
    }


def _step(report: DryRunReport, step: Step) -> dict[str, Any]:
    stages = report.plan.pipeline.stages
    stage, estimate = stages[step.stage_id], step.estimate
    return {
        "name": stage.name,
        "verdict": step.verdict.value,
        "reason": step.reason.code,
        "subject": step.subject,
        "key": step.key,
        "description": stage.description,
        "estimate": {
            "duration_s": _interval(estimate.duration_s),
            "output_bytes": estimate.output_bytes,
            "samples": estimate.samples,
            "source": estimate.source.value,
            "kind": estimate.kind or None,
        },
        "changes_output_p": estimate.changes_output_p,
        "chance": _chance(report, step),
    }


def _chance(report: DryRunReport, step: Step) -> dict[str, Any] | None:
    """Return how likely a maybe runs, and what the upstream stage that decides did so far."""
    chance = report.chances.get(step.stage_id)
    if chance is None:
        return None
    decider = report.plan.steps[chance.decider] if chance.decider >= 0 else None
    return {
        "runs_p": chance.runs_p,
        "decider": report.plan.pipeline.stages[chance.decider].name if decider else None,
        "changed": decider.estimate.changed if decider else 0,
        "runs": decider.estimate.compared if decider else 0,
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    if interval is None:
        return None
    return {"p50": round(interval.p50, 6), "p90": round(interval.p90, 6)}


def _most_written(report: DryRunReport) -> int:
    most = report.write_bytes if report.write_p90_bytes is None else report.write_p90_bytes
    return most + report.told_bytes


def forecast_object(report: DryRunReport) -> dict[str, Any]:
    """Return the `forecast` part of a plan, which a build repeats beside what came of it."""
    stages = report.plan.pipeline.stages
    return {
        "wall_s": _interval(report.wall_s),
        "work_s": round(report.work_s, 6),
        "critical_path": [stages[stage_id].name for stage_id in report.critical_path],
        "critical_path_s": round(report.critical_path_s, 6),
        "new_bytes": report.new_bytes if report.knows_growth else None,
        "restore_bytes": report.restore_bytes,
        "cache_bytes_after": report.cache_bytes_after if report.knows_growth else None,
        "free_bytes": report.free_bytes,
        "unestimated": report.unestimated,
        "estimated_by_kind": report.by_kind,
        "runs": {"least": report.runs[0], "most": report.runs[1]},
        "write_bytes": report.write_bytes + report.told_bytes if report.knows_writes else None,
        "write_p90_bytes": _most_written(report) if report.knows_writes else None,
        "unsized": report.unsized,
        "evicted": {"records": report.evicted.records, "bytes": report.evicted.bytes},
        "other_jobs": [
            {"jobs": count, "wall_s": round(seconds, 6)} for count, seconds in report.other_jobs
        ],
        "file_systems": [
            {
                "places": list(one.places),
                "free_bytes": one.free_bytes,
                "needed_bytes": one.needed_bytes,
                # What is not known may be what is too much.
                "enough": None if report.unsized and one.is_enough else one.is_enough,
            }
            for one in report.file_systems
        ],
    }


def outcome_object(
    outcome: BuildOutcome,
    forecast: dict[str, Any] | None,
    selection: Selection | None = None,
) -> dict[str, Any]:
    """Return what `build --json` prints when done, and by what its stages were selected."""
    return {
        "schema": SCHEMA,
        "ok": outcome.ok,
        "wall_s": round(outcome.wall_s, 6),
        "outcomes": {each.value: outcome.count(each) for each in Outcome},
        "stages": [result_object(result) for result in outcome.results],
        "forecast": forecast,
        "cache": {
            "hits": outcome.cache.hits,
            "misses": outcome.cache.misses,
            "bytes_read": outcome.cache.bytes_read,
            "bytes_written": outcome.cache.bytes_written,
        },
        "selection": selection_object(selection),
    }


def result_object(result: StageResult) -> dict[str, Any]:
    """Return how one stage ended, as `build --json` and `--events` tell it."""
    did_run = result.exit_code is not None
    return {
        "name": result.name,
        "outcome": result.outcome.value,
        "reason": result.reason,
        "subject": result.subject,
        "key": result.key,
        "wall_s": round(result.wall_s, 6) if did_run or result.wall_s else None,
        "cpu_s": round(result.cpu_s, 6) if did_run else None,
        "exit_code": result.exit_code,
        "output_bytes": result.output_bytes,
        "diverged": None
        if result.divergence is None
        else {"output": result.divergence.output, "how": result.divergence.how},
        "log": result.log or None,
    }
