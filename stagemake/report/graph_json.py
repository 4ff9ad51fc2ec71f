"""A pipeline's graph as the documented JSON object. Keys are never left out; null is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.report.listing import pipeline_object, stage_object
from stagemake.report.selection_text import selection_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.model.selection import Selection
    from stagemake.report.graph_edges import Edge
    from stagemake.stagefile.registry import PipelineDefinition


def graph_object(
    pipeline: Pipeline,
    edges: Sequence[Edge],
    pipelines: Sequence[PipelineDefinition],
    selection: Selection | None = None,
) -> dict[str, Any]:
    """Return what `graph --format json` prints: stages in execution order, edges by downstream stage."""
    stages = pipeline.stages
    return {
        "schema": 1,
        "stagemake": stagemake.__version__,
        "root": ".",
        "stages": list(map(stage_object, stages)),
        "edges": [
            {
                "from": stages[edge.upstream].name,
                "to": stages[edge.downstream].name,
                "kind": edge.kind.value,
                "paths": list(edge.paths),
                "values": list(edge.values),
                "required": edge.required,
            }
            for edge in edges
        ],
        "pipelines": list(map(pipeline_object, pipelines)),
        "selection": selection_object(selection),
    }
