"""Which plugins take part in one manager, and how far each of them has joined."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from stagemake.model.error import DuplicateStage, StagemakeError, UnknownPlugin, UsageError
from stagemake.plugins.discover import find_installed, normalized, unknown_plugin
from stagemake.plugins.making import make_all, make_lifecycle
from stagemake.plugins.named import NamedParts
from stagemake.plugins.parts import of_installed, of_object

if TYPE_CHECKING:
    from stagemake.model.stage import Stage
    from stagemake.plugins.discover import Installed
    from stagemake.plugins.fault import Fault
    from stagemake.plugins.making import Made, ToStage
    from stagemake.plugins.parts import Brought
    from stagemake.stagefile.recorder import Recorder
    from stagemake.stagefile.session import Session


def _note(installed: Installed, recorder: Recorder) -> None:
    """Have it noted where a plugin was found: another one would be found if anything changed there."""
    for file in installed.files:
        recorder.note_file(file)
    for place in sys.path:
        full = os.path.realpath(place)
        recorder.listings[full] = recorder.note_directory(full)


class Joined(Protocol):
    """Where the stages and hooks of plugins go."""

    def add_stage(self, stage: Stage) -> None:
        """Register a stage of the project."""

    def add_hook(
        self, hook: Any
    ) -> list[Any]:  # Any: what has before_stage, after_stage or both; HookIds
        """Register a hook; return what unregisters it."""

    def remove_hook(self, hook_id: Any) -> None:  # Any: as above
        """Unregister a hook."""

    def add_lifecycle(self, stage: Stage) -> object:
        """Have a stage run in the session."""

    def remove_lifecycle(self, name: str) -> None:
        """Take a stage out of the session."""


class Roster:
    """The plugins of one manager, in the order they were named; broken ones stay, with their fault.

    A plugin joins whole or not at all. Stages, pipelines and pools go into the evaluation's registry.

    Args:
        session: The evaluation that declarations of plugins belong to.
        joined: Where everything else goes.
        to_stage: Turns an object with the members of a stage into its value.
    """

    def __init__(self, session: Session, joined: Joined, to_stage: ToStage) -> None:
        self.named_parts = NamedParts()
        self.tolerates_unknown = False
        self.unknown: dict[str, UnknownPlugin] = {}  # by name as given; only if they are tolerated
        self._session = session
        self._joined = joined
        self._to_stage = to_stage
        self._asked: list[tuple[str, str]] = []  # names and who names them
        self._plugins: dict[str, Brought] = {}  # by normalized name

    @property
    def plugins(self) -> tuple[Brought, ...]:
        """All that take part."""
        return tuple(self._plugins.values())

    @property
    def is_empty(self) -> bool:
        """Whether nobody has named any."""
        return not self._asked and not self._plugins

    @property
    def is_partial(self) -> bool:
        """Whether something is broken, so that stages which past builds had may be missing."""
        return any(not brought.is_good for brought in self.plugins)

    def ask_for(self, given: object, named_in: str) -> None:
        """Have a plugin take part: a name, a Plugin value, or an object like one.

        Raises:
            UsageError: It's neither, or there is one of that name.
            DuplicateStage: It hangs a stage on the session whose name another has.
        """
        if isinstance(given, str):
            if not given:
                raise UsageError("a plugin's name is empty", facts=[("named in", named_in)])
            self._asked.append((given, named_in))
            return
        brought = of_object(given)
        if brought is None:
            raise UsageError(
                f"{type(given).__qualname__} is no plugin: {given!r}"[:200],
                hint="name an installed one, or give a Plugin value",
            )
        key = normalized(brought.name)
        if key in self._plugins:
            raise UsageError(f"two plugins are named `{brought.name}`")
        self._plugins[key] = brought
        self._load(brought)  # it is in this process already: it can hang stages on all core stages

    def find_all(self) -> None:
        """Find what was asked for by name; imports nothing.

        Raises:
            UnknownPlugin: One is not installed.
        """
        for name, named_in in self._asked:
            self.find(name, named_in)

    def find(self, name: str, named_in: str) -> None:
        """Find one by name, unless it takes part already. Errors as `find_all`."""
        if normalized(name) in self._plugins:
            return
        installed = find_installed(name)
        if installed is None:
            error = unknown_plugin(name, named_in)
            if not self.tolerates_unknown:
                raise error
            self.unknown[name] = error
            return
        self._plugins.setdefault(normalized(installed.name), of_installed(installed, named_in))
        # Part of what the evaluation depends on, beside variables and configuration.
        self._session.plugins[installed.name] = installed.version
        if self._session.recorder is not None:
            _note(installed, self._session.recorder)

    def load_all(self) -> None:
        """Import what the plugins bring, and have their stages of the session join it.

        Raises:
            DuplicateStage: Two of those have one name.
        """
        for brought in self.plugins:
            if not brought.is_loaded:
                self._load(brought)

    def _load(self, brought: Brought) -> None:
        brought.load()
        if not brought.is_good:
            return
        for stage in make_lifecycle(brought, self._to_stage):
            try:
                self._joined.add_lifecycle(stage)
            except DuplicateStage:  # with another plugin or the program: neither is the broken one
                raise
            except StagemakeError as error:
                brought.break_down(error.headline, error)
                self._take_out(brought)
                return
            brought.lifecycle_names.append(stage.name)

    def make_all(self) -> None:
        """Make and check what the plugins bring, and register it.

        Raises:
            DuplicateStage: Two stages or pipelines have one name.
            PluginError: Two plugins bring a runner, cache or command of one name.
        """
        for brought in self.plugins:
            if not brought.is_made:
                self._make(brought)

    def _make(self, brought: Brought) -> None:
        brought.is_made = True
        if brought.is_good:
            self.named_parts.add(brought)
        made = make_all(brought, self._session, self._to_stage) if brought.is_good else None
        if made is None:
            self._take_out(brought)
        else:
            self._register(brought, made)

    def _register(self, brought: Brought, made: Made) -> None:
        registry = self._session.registry
        for pool in made.registry.pools.values():
            registry.define_pool(pool)
        for stage in made.registry.stages():
            self._joined.add_stage(stage)
            brought.stage_names.append(stage.name)
        for pipeline in made.registry.pipelines.values():
            registry.define_pipeline(pipeline)
            brought.pipeline_names.append(pipeline.name)
        for hook in made.hooks:
            brought.hook_ids += self._joined.add_hook(hook)
        brought.reporters = made.reporters

    def unregister(self, name: str) -> Brought:
        """Take out a plugin with all that it registered, and return it.

        Raises:
            UsageError: None of that name takes part.
        """
        brought = self._plugins.pop(normalized(name), None)
        if brought is None:
            raise UsageError(f"no plugin `{name}` takes part")
        self._take_out(brought)
        self._session.plugins.pop(brought.name, None)
        return brought

    def _take_out(self, brought: Brought) -> None:
        registry = self._session.registry
        for name in brought.stage_names:
            registry.remove(name)
        for name in brought.pipeline_names:
            registry.pipelines.pop(name, None)
        for name in brought.lifecycle_names:
            self._joined.remove_lifecycle(name)
        for hook_id in brought.hook_ids:
            self._joined.remove_hook(hook_id)
        self.named_parts.remove(brought)

    def fault_of(self, name: str) -> Fault | None:
        """Return what is wrong with a plugin; None if nothing is, or it takes no part."""
        brought = self._plugins.get(normalized(name))
        return None if brought is None else brought.fault

    def explain(self, error: StagemakeError) -> None:
        """Put the broken plugins among the facts of an error: what is missing may be theirs."""
        for brought in self.plugins:
            if brought.fault is not None:
                fact = ("plugin", brought.fault.sentence)
                if fact not in error.facts:
                    error.facts = (*error.facts, fact)
