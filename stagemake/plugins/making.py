"""From the parts of a plugin to what a manager registers: made, checked, and nothing registered yet."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from stagemake.model.plugin import PluginLocation
from stagemake.model.stage import Call, Stage
from stagemake.plugins.check import (
    accepts,
    check_hook,
    check_members,
    check_reporter,
    check_stage,
    made,
)
from stagemake.plugins.fault import PartFault, described, short_path
from stagemake.stagefile.registry import PipelineDefinition, StageRegistry
from stagemake.stagefile.session import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stagemake.plugins.parts import Brought
    from stagemake.stagefile.session import Session

    ToStage = Callable[[Any], Stage]  # from an object with the members of a stage


@define
class Made:
    """What one plugin is about to register."""

    registry: StageRegistry  # its stages, pipelines and pools
    hooks: list[Any] = field(factory=list)
    reporters: list[Any] = field(factory=list)


def make_all(plugin: Brought, session: Session, to_stage: ToStage) -> Made | None:
    """Make and check everything but lifecycle stages; None, with the plugin's fault set, if that fails."""
    result = Made(StageRegistry())
    for part in plugin.parts:
        try:
            if part.kind == "stages":
                with _declaring_into(session, result.registry):
                    _make_stages(part.value, result.registry, to_stage)
            elif part.kind == "pipelines":
                where = PluginLocation("", 0, plugin.name)
                members = check_members(part.value)
                result.registry.define_pipeline(
                    PipelineDefinition(part.name, members, location=where)
                )
            elif part.kind == "hooks":
                result.hooks.append(made(part.value, "a hook"))
                check_hook(result.hooks[-1])
            elif part.kind == "reporters":
                result.reporters.append(made(part.value, "a reporter"))
                check_reporter(result.reporters[-1])
        except PartFault as error:
            plugin.break_down(f"its entry in `{part.kind}`, `{part.name}`, {error}")
            return None
        except (Exception, SystemExit) as error:
            what = f"its entry in `{part.kind}`, `{part.name}`, failed"
            plugin.break_down(f"{what}: {described(error)}", error)
            return None
    _place_all(plugin, result.registry)
    return result


def make_lifecycle(plugin: Brought, to_stage: ToStage) -> list[Stage]:
    """Make and check the stages of the session; none, with the plugin's fault set, if that fails."""
    stages = []
    for part in plugin.of("lifecycle"):
        try:
            stages.append(placed(_stage_of(part.value, to_stage), plugin.name))
        except PartFault as error:
            plugin.break_down(f"its entry in `lifecycle`, `{part.name}`, {error}")
            return []
        except (Exception, SystemExit) as error:
            what = f"its entry in `lifecycle`, `{part.name}`, failed"
            plugin.break_down(f"{what}: {described(error)}", error)
            return []
    return stages


def placed(stage: Stage, plugin: str) -> Stage:
    """Return a stage whose location names its plugin."""
    known = stage.location
    file, line = ("", 0) if known is None else (short_path(known.file), known.line)
    code = getattr(getattr(stage.action, "function", None), "__code__", None)
    if known is None and isinstance(stage.action, Call) and code is not None:
        file, line = short_path(code.co_filename), code.co_firstlineno
    return evolve(stage, location=PluginLocation(file, line, plugin))


@contextmanager
def _declaring_into(session: Session, registry: StageRegistry) -> Iterator[None]:
    """Have the words of the Stagefile declare into a registry of its own: all of a plugin or nothing."""
    token = CURRENT.set(session)
    kept, session.registry = session.registry, registry
    base, session.base = session.base, type(session.base)("")
    try:
        yield
    finally:
        session.registry, session.base = kept, base
        CURRENT.reset(token)


def _make_stages(value: Any, registry: StageRegistry, to_stage: ToStage) -> None:
    if isinstance(value, (list, tuple)):
        for each in value:
            _make_stages(each, registry, to_stage)
    elif isinstance(value, (Stage, type)) or hasattr(value, "execute") or not callable(value):
        registry.register(_stage_of(value, to_stage))
    elif not accepts(value, 0):
        raise PartFault("is a function that can't be called without arguments to declare stages")
    else:
        answer = value()
        declared = set(map(id, registry.stages()))
        answers = answer if isinstance(answer, (list, tuple)) else [answer]
        for each in answers:
            if each is not None and id(each) not in declared:
                registry.register(_stage_of(each, to_stage))


def _stage_of(value: Any, to_stage: ToStage) -> Stage:
    thing = made(value, "a stage")
    check_stage(thing)
    return thing if isinstance(thing, Stage) else to_stage(thing)


def _place_all(plugin: Brought, registry: StageRegistry) -> None:
    stages = registry.stages()
    for stage in stages:
        registry.remove(stage.name)
    for stage in stages:
        registry.register(placed(stage, plugin.name))
