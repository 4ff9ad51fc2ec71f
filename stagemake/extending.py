"""What extends one manager: its plugins, and the session in whose core stages they join.

Made when a plugin is named or a program asks for a session; nobody else imports it.
"""

from __future__ import annotations

import inspect
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from attrs import fields

from stagemake import core_stages
from stagemake.calling import Circumstances, make_context
from stagemake.lifecycle import SessionContext, SessionPipeline, run_to_end
from stagemake.model.context import SharedData, StageContext
from stagemake.model.error import LifecycleFailed, StagemakeError, UsageError
from stagemake.model.event import Notice
from stagemake.model.mode import ExecutionMode
from stagemake.model.operation import DryRunContext
from stagemake.model.stage import Call, Stage
from stagemake.plugins.backends import runner_maker, store_maker
from stagemake.plugins.fault import described, place_of
from stagemake.plugins.roster import Roster
from stagemake.recording import RecordingStorage
from stagemake.report.guarded import GuardedReporter
from stagemake.stage_class import stage_of
from stagemake.storage import LiveStorage, Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.plugins.backends import MakeRunner, MakeStore
    from stagemake.project import Project
    from stagemake.report.port import FanOut


_BEGINNING: ContextVar[Extensions | None] = ContextVar("stagemake_beginning", default=None)


class Extensions:
    """The plugins of one manager and its session.

    Args:
        manager: The StageManager; lifecycle stages and commands get it.
        project: Where stages are registered.
        reporter: Where reporters join.
    """

    def __init__(
        self,
        manager: Any,  # Any: the StageManager; this module lies below it
        project: Project,
        reporter: FanOut,
    ) -> None:
        self.mode = ExecutionMode.LIVE
        self.stagefile = ""  # to be run in `core.config_load`; empty: the program loads it
        self.open_ui: Callable[[], None] | None = None
        self.roster = Roster(project.session, self, self._to_stage)
        self._manager = manager
        self._project = project
        self._reporter = reporter
        self._reporters: list[tuple[str, GuardedReporter]] = []  # with the plugin's name
        self._has_config = False  # whether `core.config_load` is over
        self._lock = threading.Lock()
        self.session = SessionPipeline(
            {
                core_stages.BOOTSTRAP: self.roster.find_all,
                core_stages.PLUGIN_LOAD: self._recorded(self.roster.load_all),
                core_stages.PLUGIN_INIT: self._recorded(self.roster.make_all),
                core_stages.CONFIG_LOAD: self._load_config,
                core_stages.UI_INIT: self._open_reporters,
                core_stages.READY: self._get_ready,
                core_stages.SHUTDOWN: self._close_reporters,
            },
            self._call,
        )

    @property
    def is_awaited(self) -> bool:
        """Whether plugins are still to join, so that names of stages can't be checked yet."""
        return not self.roster.is_empty and not self._has_config

    # -- the session -----------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin the session; if that fails, end it, so that whatever has begun is taken down.

        Raises:
            StagemakeError: As `SessionPipeline.begin`; or the session is over.
        """
        if _BEGINNING.get() is self:  # one of its own stages asks
            return
        with self._lock:  # others wait until plugins have joined
            if self.session.has_ended:
                raise UsageError(
                    "the session of this manager is over", hint="make another StageManager"
                )
            token = _BEGINNING.set(self)
            try:
                self.session.begin()
            except BaseException as error:
                try:
                    self.session.end()
                except StagemakeError as second:
                    error.add_note(str(second))
                raise
            finally:
                _BEGINNING.reset(token)

    def _load_config(self) -> None:
        self._project.session.awaits_plugins = True  # names of stages are checked below
        if self.stagefile:
            self._manager.load(self.stagefile)
        self._join_named()
        self._has_config = True

    def take_in_named(self) -> None:
        """Bring in what a Stagefile has named that was loaded after the session had begun."""
        if self._has_config:
            self._join_named()

    def _join_named(self) -> None:
        session = self._project.session
        for name, location in session.named_plugins.items():
            self.roster.find(name, str(location))
        self._recorded(self.roster.load_all)()
        self._recorded(self.roster.make_all)()
        session.awaits_plugins = False
        with_explanation(self, session.registry.check_names)

    def _recorded(self, step: Callable[[], None]) -> Callable[[], None]:
        """Return a step that notes what plugins read meanwhile: what they register depends on it.

        It writes no bytecode: nothing may change by asking.
        """

        def recorded() -> None:
            wrote_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
            try:
                with self._project.recorded():
                    step()
            finally:
                sys.dont_write_bytecode = wrote_bytecode

        return recorded

    def _open_reporters(self) -> None:
        if self.open_ui is not None:
            self.open_ui()
        for brought in self.roster.plugins:
            for reporter in brought.reporters:
                guarded = GuardedReporter(reporter, f"a reporter of plugin `{brought.name}`")
                self._reporters.append((brought.name, guarded))
                self._reporter.add(guarded)

    def _get_ready(self) -> None:
        self._check_choice("runners", self._manager.settings.runner)
        self._check_choice("caches", self._manager.settings.cache_store)
        for brought in self.roster.plugins:
            if brought.fault is not None:
                self._reporter.handle(Notice(f"plugin {brought.fault.sentence}"))
        recorder = self._project.session.recorder
        if recorder is not None:  # a build that is known to have nothing to do has no session
            if self.roster.is_partial:
                recorder.blame("names a broken plugin")
            if self.session.is_extended:
                recorder.blame("names a plugin that has stages in each session")

    def _close_reporters(self) -> None:
        for _, guarded in self._reporters:
            self._reporter.remove(guarded)
            problem = guarded.close()
            if problem:
                self._reporter.handle(Notice(problem))
        self._reporters.clear()

    def unregister(self, name: str) -> tuple[str, ...]:
        """Take out a plugin with all that it registered; return the names of its stages.

        Raises:
            UsageError: None of that name takes part.
        """
        brought = self.roster.unregister(name)
        for owner, guarded in self._reporters:
            if owner == brought.name:
                self._reporter.remove(guarded)
        self._reporters = [each for each in self._reporters if each[0] != brought.name]
        return tuple(brought.stage_names)

    # -- what is chosen by name ------------------------------------------------------------------

    def runner_maker(self, name: str) -> MakeRunner:
        """Return what makes a runner.

        Raises:
            UsageError: Nobody brings it.
        """
        self._check_choice("runners", name)
        return runner_maker(self.roster.named_parts, name)

    def store_maker(self, name: str) -> MakeStore:
        """Return what opens a cache.

        Raises:
            UsageError: Nobody brings it.
        """
        self._check_choice("caches", name)
        return store_maker(self.roster.named_parts, name)

    def _check_choice(self, kind: str, name: str) -> None:
        with_explanation(self, lambda: self.roster.named_parts.check(kind, name))

    # -- what joins the manager: see roster.Joined -----------------------------------------------

    def add_stage(self, stage: Stage) -> None:
        """Register a stage of the project."""
        self._project.register(stage)

    def add_hook(self, hook: Any) -> list[Any]:  # Any: what has before_stage, after_stage or both
        """Register a hook; return its ids."""
        ids: list[Any] = []
        if hasattr(hook, "before_stage"):
            ids.append(self._manager.register_pre_stage_hook(hook))
        if hasattr(hook, "after_stage"):
            ids.append(self._manager.register_post_stage_hook(hook))
        return ids

    def remove_hook(self, hook_id: Any) -> None:  # Any: HookId
        """Unregister a hook."""
        self._manager.unregister_hook(hook_id)

    def add_lifecycle(self, stage: Any) -> Stage:  # Any: a Stage value, or an object like one
        """Have a stage run in the session. Errors as `SessionPipeline.add`."""
        made = stage if isinstance(stage, Stage) else self._to_stage(stage)
        self.session.add(made)
        return made

    def remove_lifecycle(self, name: str) -> None:
        """Take a stage out of the session."""
        self.session.remove(name)

    def _to_stage(self, given: Any) -> Stage:  # Any: whatever has the members of a stage
        return stage_of(self._project.session, given)

    def _call(self, stage: Stage) -> None:
        """Run one stage of the session; in a dry run only those that support it."""
        if self.mode is ExecutionMode.DRY_RUN and not stage.supports_dry_run:
            return
        declared = ("declared", str(stage.location or "by a program"))
        if not isinstance(stage.action, Call):
            raise UsageError(
                f"stage `{stage.name}` of the session is no function", facts=[declared]
            )
        try:
            answer = stage.action.function(self._context_of(stage))
            if inspect.isawaitable(answer):
                run_to_end(answer)
        except StagemakeError:
            raise
        except (Exception, SystemExit) as error:
            raise LifecycleFailed(
                f"stage `{stage.name}` of the session failed: {described(error)}",
                facts=[declared, *([("at", place_of(error))] if place_of(error) else [])],
            ) from error

    def _context_of(self, stage: Stage) -> SessionContext:
        root = self._project.root
        places = Places(root, f"{root}/.stagemake/scratch")  # not there: the session writes nothing
        noted = DryRunContext(stage.name) if self.mode is ExecutionMode.DRY_RUN else None
        around = Circumstances(
            root=root,
            scratch=f"{root}/.stagemake/scratch",
            env=self._manager.environ,
            shared=SharedData(stage, {}),
            storage=LiveStorage(places) if noted is None else RecordingStorage(places, noted),
            events=self._manager.events,
            dry_run=noted,
        )
        usual = make_context(stage, around)
        known = {str(each.alias): getattr(usual, each.name) for each in fields(StageContext)}
        return SessionContext(**known | {"manager": self._manager})


def with_explanation(extensions: Extensions, check: Callable[[], None]) -> None:
    """Make a check; if it fails, tell of broken plugins with it."""
    try:
        check()
    except StagemakeError as error:
        extensions.roster.explain(error)
        raise
