"""What a Stagefile declared, as plain values that can be kept: stages, pipelines and pools. And back again.

Functions can't be kept: in place of each is one that must not be asked for. Whoever needs it runs the Stagefile.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING, Any, NoReturn

from stagemake.model.stage import (
    Call,
    Command,
    DependencyOrder,
    SourceLocation,
    Stage,
    StageDependency,
)
from stagemake.stagefile.registry import PipelineDefinition, PoolDefinition

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.stagefile.registry import StageRegistry

Kept = tuple[Any, ...]
"""Names of stages, the fields of each as bytes, those of pipelines and of pools; in order of registration, for marshal."""

Named = tuple[tuple[str, ...], tuple[tuple[str, str, tuple[str, ...]], ...]]
"""Pipelines; of each stage its name, what is said of it, and its outputs. In order of registration, for marshal."""


def kept(registry: StageRegistry) -> Kept:
    """Return everything registered in a form that marshal takes.

    The fields of each stage are bytes of their own: who needs one of ten thousand has the others left as they are.

    Raises:
        ValueError: A parameter is nothing that marshal takes.
    """
    stages = registry.stages()
    return (
        tuple([stage.name for stage in stages]),
        tuple([marshal.dumps(_kept_stage(stage)) for stage in stages]),
        tuple(
            [
                (one.name, one.members, one.default, _kept_place(one.location), one.within)
                for one in registry.pipelines.values()
            ]
        ),
        tuple(
            [(one.name, one.depth, _kept_place(one.location)) for one in registry.pools.values()]
        ),
    )


def named(registry: StageRegistry) -> Named:
    """Return the names of everything that can be built, and what is said of it. Cost: 0.5 us a stage."""
    return tuple(registry.pipelines), tuple(
        [
            (
                stage.name,
                stage.description or (f"makes {stage.outputs[0]}" if stage.outputs else ""),
                stage.outputs,
            )
            for stage in registry.stages()
        ]
    )


def fields_of(kept_stage: bytes) -> dict[str, Any]:
    """Return the fields of a stage from `kept`, in plain values. Cost: 2 us."""
    fields: dict[str, Any] = marshal.loads(kept_stage)
    return fields


def restore(given: Kept, registry: StageRegistry, wanted: Collection[str] | None = None) -> None:
    """Register all that `kept` was given, in an empty registry. Cost: 4 us a stage that is wanted.

    Args:
        given: What was kept.
        registry: An empty one.
        wanted: Names of the only stages to register, if not all.
    """
    names, stages, pipelines, pools = given
    places: dict[tuple[str, int], SourceLocation] = {}

    def place(kept_place: tuple[str, int] | None) -> SourceLocation | None:
        if kept_place is None:
            return None
        found = places.get(kept_place)
        if found is None:
            found = places[kept_place] = SourceLocation(*kept_place)
        return found

    made = {}
    for stage_name, kept_stage in zip(names, stages, strict=True):
        if wanted is not None and stage_name not in wanted:
            continue
        fields = fields_of(kept_stage)
        action = fields.get("action")
        if action is not None:
            fields["action"] = _action(*action)
        at: Any = fields.get("location")
        fields["location"] = places.get(at) or place(at)
        if "dependencies" in fields:
            fields["dependencies"] = tuple(
                StageDependency(name, DependencyOrder(order), required, within)
                for name, order, required, within in fields["dependencies"]
            )
        made[fields["name"]] = Stage.of(**fields)
    registry.take_over(made)
    for name, members, default, location, within in pipelines:
        definition = PipelineDefinition(name, members, default, place(location), within)
        registry.define_pipeline(definition)
    for name, depth, location in pools:
        registry.define_pool(PoolDefinition(name, depth, place(location)))


def _kept_stage(stage: Stage) -> dict[str, Any]:
    fields = dict(stage.__dict__)
    action = stage.action
    if isinstance(action, Command):
        fields["action"] = (action.template, action.shell)
    elif action is not None:
        fields["action"] = (None, action.returns_nothing)
    fields["location"] = _kept_place(stage.location)
    if stage.dependencies:
        fields["dependencies"] = tuple(
            (each.stage, each.order.value, each.required, each.within)
            for each in stage.dependencies
        )
    return fields


def _kept_place(location: SourceLocation | None) -> tuple[str, int] | None:
    return None if location is None else (location.file, location.line)


def _action(template: tuple[str, ...] | None, flag: bool) -> Command | Call:
    if template is None:
        return Call(_absent, returns_nothing=flag)
    return Command(template, flag)


def _absent(context: object) -> NoReturn:
    """Stand for a function that was not kept."""
    del context
    raise AssertionError("BUG: a function was asked for that was not evaluated")
