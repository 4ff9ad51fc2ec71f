"""Why stages would run, or ran, as the documented JSON objects. Keys are never left out; null is unknown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stagemake.model.difference import Difference
    from stagemake.model.explanation import Change, Explanation, LastTime, Nearest
    from stagemake.past.build import PastBuild

SCHEMA = 1


def why_object(explanations: Iterable[Explanation]) -> dict[str, Any]:
    """Return what `why STAGE… --json` prints."""
    return {"schema": SCHEMA, "stages": [_explanation(each) for each in explanations]}


def last_build_object(build: PastBuild, stages: Sequence[tuple[str, LastTime]]) -> dict[str, Any]:
    """Return what `why --json` prints: why each stage of a build was done."""
    return {
        "schema": SCHEMA,
        "build": build.number,
        "started": instant(build.started_s),
        "ending": build.ending.value,
        "stages": [{"name": name, **_last_time(last)} for name, last in stages],
    }


def difference_object(difference: Difference) -> dict[str, Any]:
    """Return one difference; `old` and `new` are entries, values or digests of code."""
    return {
        "reason": difference.reason.code,
        "subject": difference.subject,
        "old": difference.old or None,
        "new": difference.new or None,
    }


def instant(unix_s: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    # Not by datetime: what the tool imports stands in the way of a project's module of that name.
    whole_s, rest = divmod(round(unix_s * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole_s))}.{rest:03}Z"


def _explanation(each: Explanation) -> dict[str, Any]:
    return {
        "name": each.stage.name,
        "verdict": each.step.verdict.value,
        "reason": each.step.reason.code,
        "subject": each.step.subject,
        "key": each.step.key,
        "differences": [_change(change) for change in each.changes],
        "nearest": None if each.nearest is None else _nearest(each.nearest),
        "last": None if each.last_time is None else _last_time(each.last_time),
        "notes": list(each.fallbacks),
    }


def _change(change: Change) -> dict[str, Any]:
    lines = None if change.diff is None or change.diff.note else list(change.diff.lines)
    note = "" if change.diff is None else change.diff.note
    return {**difference_object(change.difference), "diff": lines, "note": note}


def _nearest(nearest: Nearest) -> dict[str, Any]:
    return {
        "key": nearest.key,
        "created": instant(nearest.created_s),
        "inputs": list(nearest.inputs),
        "input_count": nearest.input_count,
        "others": [{"kind": kind, "name": name} for kind, name in nearest.others],
    }


def _last_time(last: LastTime) -> dict[str, Any]:
    return {
        "build": last.build,
        "started": instant(last.started_s),
        "outcome": last.outcome,
        "reason": last.reason,
        "subject": last.subject,
        "problem": last.problem or None,
        "differences": [_change(change) for change in last.changes],
        "diverged": None
        if last.diverged is None
        else {"output": last.diverged.output, "how": last.diverged.how},
    }
