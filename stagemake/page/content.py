"""All that the page holds, as one JSON object: what is told, the graph, logs, and builds before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

import stagemake
from stagemake.model.printable import printable
from stagemake.model.result import INTERRUPTED
from stagemake.page.critical import waited_for
from stagemake.page.scenes import scenes_of
from stagemake.page.story import UNKNOWN, empty_row
from stagemake.past.codec import interval_object
from stagemake.report.amount import plural
from stagemake.report.listing import kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.stage import Stage
    from stagemake.page.printed import Log
    from stagemake.page.story import Story
    from stagemake.past.build import PastBuild
    from stagemake.report.graph_edges import Edge

SCHEMA = 1
_MOST_PATHS = 200
_MOST_RUNS = 20  # of one stage
_TIMED = ("ran", "failed", INTERRUPTED, "restored")


@frozen
class Graph:
    """What the Stagefile declares now of the stages that are told of."""

    pipeline: Pipeline
    edges: tuple[Edge, ...]


def content(
    story: Story,
    graph: Graph | None,
    logs: Mapping[str, Log],
    builds: Sequence[PastBuild],
    *,
    title: str,
    made_s: float,
) -> dict[str, Any]:  # Any: what JSON can hold
    """Return the object.

    Args:
        story: What is told.
        graph: None where the Stagefile could not be read.
        logs: What stages printed, by name.
        builds: Past builds for the trend, newest first.
        title: The project's name.
        made_s: Unix seconds: now.
    """
    stages = () if graph is None else graph.pipeline.stages
    notes = [*story.notes, *_graph_notes(story, graph)]
    names: list[str] = [*(stage.name for stage in stages)]
    there = set(names)
    names += [name for name in story.rows if name not in there]
    rows = [story.rows.get(name) or empty_row(name, UNKNOWN) for name in names]
    if story.kind == "plan":  # positions were those of the plan
        place = {name: at for at, name in enumerate(names)}
        told = list(story.rows)
        story.head["critical"] = [place[told[at]] for at in story.head["critical"]]
    runs = _runs_by_stage(builds)
    for name, row, stage in zip(names, rows, [*stages, *[None] * len(names)], strict=False):
        row.update(_declared(stage))
        row["log"] = logs.get(name)
        row["runs"] = runs.get(name, [])[:_MOST_RUNS][::-1]
    edges = () if graph is None else graph.edges
    if story.kind == "build":
        _add_critical(story.head, rows, edges)
    return {
        "schema": SCHEMA,
        "stagemake": stagemake.__version__,
        "kind": story.kind,
        "title": printable(title),
        "made": made_s,
        "notes": notes,
        "head": story.head,
        "stages": rows,
        "edges": [[edge.upstream, edge.downstream, _through(edge)] for edge in edges],
        "scenes": scenes_of([stage.name for stage in stages], edges),
        "builds": [_past(build) for build in reversed(builds)],
    }


def _graph_notes(story: Story, graph: Graph | None) -> list[str]:
    if graph is None:
        return [
            "There is no graph, no path and no log: the Stagefile can't be read, or has none of them."
        ]
    there = {stage.name for stage in graph.pipeline.stages}
    gone = sum(1 for name in story.rows if name not in there)
    if not gone:
        return []
    verb = "is" if gone == 1 else "are"
    told = f"{plural(gone, 'stage')} of this {story.kind} {verb} not in it"
    return [f"The graph and paths are those of the Stagefile as it is now: {told}."]


def _declared(stage: Stage | None) -> dict[str, Any]:
    if stage is None:
        return {
            "kind": None, "description": "", "declared": None, "pool": None, "inputs": [], "outputs": [],
            "more_paths": 0,
        }  # fmt: skip
    inputs = list(dict.fromkeys((*stage.inputs, *stage.implicit)))
    more = max(len(inputs) - _MOST_PATHS, 0) + max(len(stage.outputs) - _MOST_PATHS, 0)
    return {
        "kind": kind_of(stage),
        "description": printable(" ".join(stage.description.split())),
        "declared": printable(str(stage.location)) if stage.location else None,
        "pool": printable(stage.pool) or None,
        "inputs": list(map(printable, inputs[:_MOST_PATHS])),
        "outputs": list(map(printable, stage.outputs[:_MOST_PATHS])),
        "more_paths": more,
    }


def _through(edge: Edge) -> str:
    subjects = (*edge.paths, *edge.values)
    if not subjects:
        return edge.kind.value if edge.required else f"{edge.kind.value}, optional"
    more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
    return printable(subjects[0]) + more


def _add_critical(
    head: dict[str, Any], rows: Sequence[dict[str, Any]], edges: Sequence[Edge]
) -> None:
    spans = {
        at: (row["at_s"], row["at_s"] + row["wall_s"])
        for at, row in enumerate(rows)
        if row["at_s"] is not None and row["wall_s"] is not None and row["outcome"] in _TIMED
    }
    upstream: list[list[int]] = [[] for _ in rows]
    for edge in edges:
        upstream[edge.downstream].append(edge.upstream)
    chain = waited_for(spans, {at: rows[at]["lane"] for at in spans}, upstream)
    head["critical"] = list(chain)
    head["critical_s"] = round(sum(spans[at][1] - spans[at][0] for at in chain), 6)


def _runs_by_stage(builds: Sequence[PastBuild]) -> dict[str, list[list[float]]]:
    """Return build number and seconds of the runs of each stage, newest first."""
    found: dict[str, list[list[float]]] = {}
    for build in builds:
        for stage in build.stages:
            if stage.outcome == "ran" and stage.wall_s is not None:
                found.setdefault(stage.name, []).append([build.number, round(stage.wall_s, 4)])
    return found


def _past(build: PastBuild) -> dict[str, Any]:
    return {
        "number": build.number,
        "started": build.started_s,
        "ending": build.ending.value,
        "wall_s": build.wall_s,
        "forecast_s": interval_object(build.forecast_s),
        "ran": build.counts.get("ran", 0),
        "restored": build.counts.get("restored", 0),
        "fresh": build.counts.get("fresh", 0),
        "failed": build.counts.get("failed", 0),
    }
