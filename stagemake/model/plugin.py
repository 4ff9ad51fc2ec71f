"""What a plugin is: a name, a version and what it brings. Programs make them; installed ones become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - attrs field types, read by tools
from typing import Any

from attrs import field, frozen

from stagemake.model.stage import SourceLocation


@frozen
class Plugin:
    """What a plugin brings, by kind. Give it to `StageManager(plugins=[…])`; installed ones need none.

    The `Any`s are checked when the plugin joins; `docs/plugins.md` says what each may be.
    """

    name: str
    version: str = ""
    stages: Sequence[
        Any
    ] = ()  # Stage values, stage classes or objects, functions that declare stages
    pipelines: Mapping[str, Sequence[str]] = field(factory=dict)  # names of stages, by name
    lifecycle: Sequence[Any] = ()  # stage classes or objects of the session itself
    hooks: Sequence[Any] = ()  # classes or objects with before_stage, after_stage or both
    reporters: Sequence[Any] = ()  # classes or objects with handle(event)
    runners: Mapping[str, Any] = field(factory=dict)  # RunnerSettings -> Runner, by name
    caches: Mapping[str, Any] = field(factory=dict)  # CacheSettings -> Store, by name
    commands: Mapping[str, Any] = field(
        factory=dict
    )  # (manager, arguments) -> exit status, by name


@frozen
class PluginLocation(SourceLocation):
    """Where a plugin declared something."""

    plugin: str = ""

    def __str__(self) -> str:
        place = f", {self.file}:{self.line}" if self.file else ""
        return f"plugin `{self.plugin}`{place}"
