"""What there is to build, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.report.amount import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.stage import Stage
    from stagemake.stagefile.registry import PipelineDefinition


def listing_text(stages: Sequence[Stage], pipelines: Sequence[PipelineDefinition]) -> str:
    """Return pipelines, then stages in the order given, one line each, with descriptions."""
    lines = []
    if pipelines:
        lines.append("pipelines:")
        for pipeline in pipelines:
            mark = " (default)" if pipeline.default else ""
            members = " ".join(map(printable, pipeline.members[:6]))
            more = f" and {len(pipeline.members) - 6} more" if len(pipeline.members) > 6 else ""
            lines.append(f"  {printable(pipeline.name)}{mark}: {members}{more}")
        lines.extend(("", "stages:"))
    indent = "  " if pipelines else ""
    width = min(max((len(printable(stage.name)) for stage in stages), default=0), 36)
    for stage in stages:
        text = printable(stage.description) or _what_it_makes(stage)
        lines.append(f"{indent}{printable(stage.name):<{width}}  {text}".rstrip())
    return "\n".join(lines) + "\n" if lines else "no stages\n"


def _what_it_makes(stage: Stage) -> str:
    if not stage.outputs:
        return ""
    more = f" and {len(stage.outputs) - 1} more" if len(stage.outputs) > 1 else ""
    return f"makes {printable(stage.outputs[0])}{more}"


def listing_object(
    stages: Sequence[Stage], pipelines: Sequence[PipelineDefinition]
) -> dict[str, Any]:
    """Return what `list --json` prints."""
    return {
        "schema": 1,
        "stages": [
            {
                "name": stage.name,
                "description": stage.description,
                "inputs": list(stage.inputs),
                "implicit": list(stage.implicit),
                "outputs": list(stage.outputs),
                "declared": str(stage.location) if stage.location else None,
            }
            for stage in stages
        ],
        "pipelines": [
            {"name": one.name, "stages": list(one.members), "default": one.default}
            for one in pipelines
        ],
    }
