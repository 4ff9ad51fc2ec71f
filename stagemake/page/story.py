"""A past build, or a plan, as the page tells it: a head and a row for each stage. Unknown is None, and said in notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from stagemake.model.printable import printable
from stagemake.model.result import Outcome
from stagemake.past.codec import interval_object
from stagemake.past.ending import Ending
from stagemake.report.change_text import value_text
from stagemake.report.reason_words import reason_text
from stagemake.report.timeline import lanes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stagemake.model.difference import Difference
    from stagemake.past.build import PastBuild, PastStage

_FRESH = Outcome.FRESH.value
UNKNOWN = "unknown"
"""Outcome of a stage of which a build left no word."""

Row = dict[str, Any]  # Any: what JSON can hold


@define
class Story:
    """What is told; rows by the stages' own names, in the order they are to be shown."""

    kind: str  # `build` or `plan`
    head: dict[str, Any]  # Any: what JSON can hold
    rows: dict[str, Row]
    notes: list[str] = field(factory=list)  # what is not known, and why
    logs: dict[str, str] = field(factory=dict)  # of failed stages, by name


def empty_row(name: str, outcome: str | None) -> Row:
    """Return a row of a stage of which no more is known."""
    return {
        "name": printable(name), "outcome": outcome, "reason": "", "because": [], "key": None,
        "wall_s": None, "cpu_s": None, "at_s": None, "lane": 0, "exit_code": None, "output_bytes": None,
        "rss": None, "expected_s": None, "problem": "", "description": "", "samples": None,
    }  # fmt: skip


def story_of_build(build: PastBuild, roster: frozenset[str] | None) -> Story:
    """Return what was noted of a build.

    Args:
        build: As read back.
        roster: The names of all its stages; None where they are not known any more.
    """
    known = {stage.name: stage for stage in build.stages}
    has_end = build.ending not in {Ending.KILLED, Ending.RUNNING}
    rest = _FRESH if has_end else UNKNOWN
    rows = {name: empty_row(name, rest) for name in sorted((roster or frozenset()) - set(known))}
    for row in rows.values():
        row["reason"] = "unchanged" if has_end else ""
    rows.update((name, _past_row(stage)) for name, stage in known.items())
    story = Story(
        "build",
        _head(build),
        rows,
        logs={name: stage.log for name, stage in known.items() if stage.log},
    )
    story.notes += _lacks(build, roster, len(rows) - len(known))
    spans = sorted(
        (row["at_s"], row["at_s"] + row["wall_s"], name)
        for name, row in rows.items()
        if row["at_s"] is not None and row["wall_s"] is not None
    )
    lanes = lanes_of([(begin, end) for begin, end, _ in spans])
    for (_, _, name), lane in zip(spans, lanes, strict=True):
        rows[name]["lane"] = lane
    return story


def _head(build: PastBuild) -> dict[str, Any]:
    use = build.cache
    return {
        "number": build.number,
        "started": build.started_s,
        "ending": build.ending.value,
        "targets": list(map(printable, build.targets)),
        "jobs": build.jobs,
        "version": build.version,
        "wall_s": build.wall_s,
        "forecast_s": interval_object(build.forecast_s),
        "inside": build.is_inside,
        "cache": None
        if use is None
        else {
            "hits": use.hits,
            "misses": use.misses,
            "bytes_read": use.bytes_read,
            "bytes_written": use.bytes_written,
        },
        "critical": [],
        "critical_s": None,
    }


def _past_row(stage: PastStage) -> Row:
    return empty_row(stage.name, stage.word) | {
        "reason": reason_text(stage.reason, stage.subject) if stage.reason else "",
        "because": because(stage.differences),
        "key": stage.key,
        "wall_s": stage.wall_s,
        "cpu_s": stage.cpu_s,
        "at_s": stage.started_s,
        "exit_code": stage.exit_code,
        "output_bytes": stage.output_bytes,
        "rss": stage.peak_rss_bytes,
        "expected_s": interval_object(stage.expected_s),
        "problem": printable(stage.problem),
    }


def because(differences: Iterable[Difference]) -> list[list[str]]:
    """Return for each difference what it is, the old and the new value; values may be empty."""
    return [
        [reason_text(one.reason.code, one.subject), value_text(one.old), value_text(one.new)]
        for one in differences
    ]


def _lacks(build: PastBuild, roster: frozenset[str] | None, fresh: int) -> list[str]:
    notes = []
    timed = [stage for stage in build.stages if stage.wall_s is not None]
    if timed and all(stage.started_s is None for stage in timed):
        notes.append(
            "When stages began was not noted by the version that made this build: there is no timeline."
        )
    if build.cache is None and build.ending not in {Ending.KILLED, Ending.RUNNING}:
        notes.append(
            "What the cache read and wrote was not noted by the version that made this build."
        )
    if build.ending is Ending.KILLED:
        notes.append("The build left no word of its end: it was killed. What it had noted is here.")
    if build.ending is Ending.RUNNING:
        notes.append("The build was still running when this page was written.")
    if roster is None:
        notes.append(
            "The names of its stages are not kept any more: unchanged ones may be missing."
        )
    elif build.ending is Ending.DONE and fresh > build.counts.get(_FRESH, fresh):
        notes.append(
            "There were more stages than are noted: some that are shown as unchanged did run."
        )
    return notes


def story_of_plan(
    plan: Mapping[str, Any], causes: Mapping[str, Sequence[Difference]]
) -> Story:  # Any: JSON
    """Return what a plan foresees.

    Args:
        plan: What `build -n --json` prints.
        causes: What changed, by stage, as far as known.
    """
    rows: dict[str, Row] = {}
    for step in plan["stages"]:
        estimate = step["estimate"]
        rows[step["name"]] = empty_row(step["name"], step["verdict"]) | {
            "reason": reason_text(step["reason"], step["subject"]),
            "because": because(causes.get(step["name"], ())),
            "key": step["key"],
            "expected_s": estimate["duration_s"],
            "output_bytes": estimate["output_bytes"],
            "samples": estimate["samples"],
            "chance": (step.get("chance") or {}).get("runs_p"),
        }
    forecast = plan["forecast"]
    place = {name: at for at, name in enumerate(rows)}
    head = {
        "number": None,
        "started": None,
        "ending": "plan",
        "targets": list(map(printable, plan["targets"])),
        "jobs": plan["jobs"],
        "version": plan["stagemake"],
        "wall_s": None,
        "forecast_s": forecast["wall_s"],
        "inside": None,
        "cache": None,
        "critical": [place[name] for name in forecast["critical_path"] if name in place],
        "critical_s": forecast["critical_path_s"],
        "restore_bytes": forecast["restore_bytes"],
        "new_bytes": forecast["new_bytes"],
        "write_bytes": forecast["write_bytes"],
        "work_s": forecast["work_s"],
        "unestimated": forecast["unestimated"],
        "other_jobs": [[one["jobs"], one["wall_s"]] for one in forecast["other_jobs"]],
        "conflicts": [
            [printable(one["path"]), one["kind"].replace("_", " "), printable(one["hint"])]
            for one in plan["conflicts"]
        ],
        "orphans": list(map(printable, plan["orphans"])),
    }
    return Story("plan", head, rows)
