"""What there is to build, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.model.stage import Call
from stagemake.report.amount import printable
from stagemake.report.style import Style
from stagemake.report.width import columns_of, cut, room_for_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.stage import Stage
    from stagemake.stagefile.registry import PipelineDefinition

_PLAIN = Style()
_MOST_NAME_COLUMNS = 36  # a longer name moves its own description only


def listing_text(
    stages: Sequence[Stage],
    pipelines: Sequence[PipelineDefinition],
    columns: int = 0,
    style: Style = _PLAIN,
) -> str:
    """Return pipelines, then stages in the order given, one line each, with descriptions.

    Args:
        stages: What to list.
        pipelines: What to list before it.
        columns: Cut descriptions so that lines fit; 0: whatever their length.
        style: Colours of headings and descriptions.
    """
    lines = []
    if pipelines:
        lines.append(style.paint("pipelines:", "bold"))
        lines.extend(_pipeline_line(pipeline, columns or 80) for pipeline in pipelines)
        lines.extend(("", style.paint("stages:", "bold")))
    indent = "  " if pipelines else ""
    names = [printable(stage.name) for stage in stages]
    most = room_for_names(columns, _MOST_NAME_COLUMNS)
    width = min(max(map(columns_of, names), default=0), most)
    for name, stage in zip(names, stages, strict=True):
        text = printable(" ".join(stage.description.split())) or _what_it_makes(stage)
        head = f"{indent}{name}{' ' * (width - columns_of(name))}  "
        if columns:
            text = cut(text, max(columns - columns_of(head), 10))
        lines.append((head + style.paint(text.rstrip(), "dim")).rstrip())
    return "\n".join(lines) + "\n" if lines else "no stages\n"


def _pipeline_line(pipeline: PipelineDefinition, columns: int) -> str:
    """Name as many members as fit, at least one."""
    mark = " (default)" if pipeline.default else ""
    line = f"  {printable(pipeline.name)}{mark}:"
    room = columns - len(" and 10000 more")
    for count, member in enumerate(map(printable, pipeline.members)):
        is_last = count == len(pipeline.members) - 1
        if count and columns_of(line) + 1 + columns_of(member) > (columns if is_last else room):
            return f"{line} and {len(pipeline.members) - count} more"
        line += f" {member}"
    return line


def _what_it_makes(stage: Stage) -> str:
    """Return what can be said of a stage without a description."""
    if stage.service:
        return "runs until it is ended"
    verb, paths = ("makes", stage.outputs) if stage.outputs else ("checks", stage.inputs)
    if not paths or stage.action is None:
        return ""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{verb} {printable(paths[0])}{more}"


def listing_object(
    stages: Sequence[Stage], pipelines: Sequence[PipelineDefinition]
) -> dict[str, Any]:
    """Return what `list --json` prints."""
    return {
        "schema": 1,
        "stages": list(map(stage_object, stages)),
        "pipelines": list(map(pipeline_object, pipelines)),
    }


def stage_object(stage: Stage) -> dict[str, Any]:
    """Return one stage as `list --json` and `graph --format json` tell it."""
    return {
        "name": stage.name,
        "kind": kind_of(stage),
        "description": stage.description,
        "inputs": list(stage.inputs),
        "implicit": list(stage.implicit),
        "outputs": list(stage.outputs),
        "depfile": stage.depfile,
        "uses": list(stage.uses),
        "provides": list(stage.provides),
        "pool": stage.pool or None,
        "declared": str(stage.location) if stage.location else None,
    }


def kind_of(stage: Stage) -> str:
    """Return `command`, `function`, or `group` for a stage without action."""
    if stage.action is None:
        return "group"
    return "function" if isinstance(stage.action, Call) else "command"


def pipeline_object(pipeline: PipelineDefinition) -> dict[str, Any]:
    """Return one pipeline as `list --json` and `graph --format json` tell it."""
    return {"name": pipeline.name, "stages": list(pipeline.members), "default": pipeline.default}
