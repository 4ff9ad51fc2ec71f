"""StageManager: the one façade. The command line uses it, and programs that embed stagemake do."""

from __future__ import annotations

import _thread
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.awaiting import in_thread
from stagemake.building import Builder
from stagemake.cache.locate import cache_directory
from stagemake.capturing import CaptureMemo
from stagemake.dispatch import Subscriptions, ToolEvents
from stagemake.execute.environment import base_environment
from stagemake.execute.interrupt import Interrupt
from stagemake.hooks import AFTER, BEFORE, HookBook, HookId
from stagemake.jobserver.auth import offered_jobs
from stagemake.model.error import StagemakeError, UsageError
from stagemake.model.event import Notice
from stagemake.model.mode import CacheMode
from stagemake.model.pipeline import Pipeline
from stagemake.model.request import BuildRequest
from stagemake.model.stage import Stage
from stagemake.project import Project
from stagemake.report.port import FanOut
from stagemake.settings import read_project_config
from stagemake.state import StateStore

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Self

    from stagemake.explaining import Explainer
    from stagemake.extending import Extensions
    from stagemake.kept_snapshot import KeptSnapshot
    from stagemake.logs import Stored
    from stagemake.model.event import Event
    from stagemake.model.explanation import Explanation
    from stagemake.model.plan import Plan
    from stagemake.model.plan_file import PlanFile, PlannedStage
    from stagemake.model.report import DryRunReport
    from stagemake.model.result import BuildOutcome, StageResult
    from stagemake.model.seed import StageLike
    from stagemake.model.selection import Selection
    from stagemake.model.services import EventDispatcher
    from stagemake.model.verification import Checked, Verification
    from stagemake.report.port import Reporter
    from stagemake.serving import ServiceStart
    from stagemake.stagefile.registry import PipelineDefinition


SIGTERM = 15

Targets = Sequence[str] | BuildRequest | Pipeline
"""What to build: names, output paths or patterns; or a whole request; or a pipeline built before."""


class StageManager:
    """Registers stages and plans, builds and forecasts them. Two in one process don't disturb each other.

    Nothing is written before `execute_pipeline`. Paths are relative to `root`.

    With plugins, or in a `with` block, it has a session: it begins when stages are first asked for (at the
    latest), and ends with the block or with `close`.

    Args:
        root: The project's directory.
        cache_dir: Where results are cached; default: the project's setting, else per user.
        jobs: How many stages side by side; 0: the project's setting, else one a processor.
        config: Values for `config()` in Stagefiles; they win over the project's table.
        reporters: Told what happens during builds.
        environ: The environment to take variables from; default: this process's.
        plugins: Names of installed ones, or Plugin values, beside those that the project's settings name.
        name: Tells apart several managers on one root; a loaded Stagefile's name by default.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] = ".",
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        jobs: int = 0,
        config: Mapping[str, object] | None = None,
        reporters: Iterable[Reporter] = (),
        environ: Mapping[str, str] | None = None,
        plugins: Iterable[object] = (),
        name: str = "",
    ) -> None:
        self.root = os.path.realpath(root)
        if not os.path.isdir(self.root):
            raise UsageError(f"`{os.fspath(root)}` is no directory")
        self.settings = read_project_config(self.root)
        self.environ = dict(os.environ) if environ is None else dict(environ)
        values = {**self.settings.values, **(config or {})}
        every_stage = base_environment(self.environ, inherit=self.settings.inherit_environment)
        self.project = Project.at(self.root, self.environ, values, every_stage)
        self.reporter = FanOut(reporters)
        self.interrupt = Interrupt()
        self._given_values = dict(config or {})
        self._jobs = jobs
        self._cache_dir = None if cache_dir is None else os.fspath(cache_dir)
        self._name = name
        self._hooks = HookBook()
        self._subscriptions = Subscriptions()
        self._awaited: list[Interrupt] = []  # of the builds that are awaited now
        self._building: set[int] = set()  # threads that build now
        self.kept_snapshot: KeptSnapshot | None = None  # where one process builds again and again
        self.extensions: Extensions | None = None  # with plugins or a session only
        for plugin in self.settings.plugins:
            self._extended().roster.ask_for(plugin, "pyproject.toml, [tool.stagemake]")
        for given in plugins:
            self._extended().roster.ask_for(given, "StageManager(plugins=…)")

    # -- registering -----------------------------------------------------------------------------

    def load(self, path: str | os.PathLike[str] = "Stagefile") -> None:
        """Run a Stagefile and register what it declares.

        Raises:
            StagefileError: Something in it is wrong; with file and line.
        """
        full = os.path.join(self.root, os.fspath(path))
        if not os.path.isfile(full):
            raise UsageError(f"there is no Stagefile `{os.fspath(path)}`")
        name = self._name or os.path.basename(full)
        session = self.project.session
        session.capture_memo = session.capture_memo or CaptureMemo(
            StateStore(self.root, name).checked(), self.root
        )
        if self.extensions is not None and self.extensions.is_awaited:
            session.awaits_plugins = True
        self.project.load(full)
        self._name = name
        if session.named_plugins:
            self._extended().take_in_named()

    def register_stage(self, stage: Stage | StageLike) -> Stage:
        """Register a Stage value, or an object with `name`, `dependencies()` and `execute(context)`.

        Raises:
            DuplicateStage: A stage of that name is there already.
            UsageError: It's neither.
        """
        if not isinstance(stage, Stage):
            from stagemake.stage_class import stage_of  # noqa: PLC0415 - gate, 2 ms, class-based stages only

            stage = stage_of(self.project.session, stage)
        self.project.register(stage)
        return stage

    def register_pipeline(
        self, name: str, stages: Iterable[str | Stage], *, default: bool = False
    ) -> None:
        """Name a selection of stages; they need not be registered before it is used.

        Raises:
            StagefileError: The name is taken or no name, or there is a default already.
        """
        self.project.register_pipeline(name, stages, default=default)

    def get_pipelines(self) -> tuple[PipelineDefinition, ...]:
        """Return the named pipelines in order of registration."""
        self._join()
        return tuple(self.project.registry.pipelines.values())

    def register_pool(self, name: str, depth: int) -> None:
        """Limit how many stages with that `pool` run side by side.

        Raises:
            StagefileError: The depth is no number from 1 up, or the pool has another depth already.
        """
        self.project.register_pool(name, depth)

    def register_lifecycle_stage(self, stage: Stage | StageLike) -> Stage:
        """Have a stage run in each session, before or after core stages: see `stagemake.core_stages`.

        Raises:
            StagemakeError: There is one of that name, it is none, or it declares files or values.
        """
        return self._extended().add_lifecycle(stage)

    def unregister_plugin(self, name: str) -> tuple[str, ...]:
        """Remove a plugin with all that it registered; return the names of its stages.

        Raises:
            UsageError: None of that name takes part.
        """
        return self._extended().unregister(name)

    def unregister_stages(self, prefix: str) -> tuple[str, ...]:
        """Remove the stage of that name and all below `prefix.`; return their names."""
        return self.project.registry.unregister(prefix)

    def get_stage(self, name: str) -> Stage:
        """Return a stage by name.

        Raises:
            UsageError: There is none.
        """
        self._join()
        return self.project.registry.get(name)

    def get_stages(self) -> tuple[Stage, ...]:
        """Return all stages in order of registration."""
        self._join()
        return self.project.registry.stages()

    def register_pre_stage_hook(
        self, hook: Any, *, timeout_s: float | None = None
    ) -> HookId:  # Any: checked
        """Have `hook.before_stage(name, context)` called before each stage that is executed.

        Hooks are called in order of registration, in the thread that builds; one that raises fails the
        stage. `async` ones run in the event loop that awaits the build, if one does.

        Args:
            hook: Has the method; see `StageHook`.
            timeout_s: Seconds after which the stage fails; a plain hook is then called in a thread of
                its own. None: as long as it takes.

        Raises:
            UsageError: It has no such method, or the timeout is no positive number.
        """
        return self._hooks.add(BEFORE, hook, timeout_s)

    def register_post_stage_hook(
        self, hook: Any, *, timeout_s: float | None = None
    ) -> HookId:  # Any: checked
        """Have `hook.after_stage(name, context)` called after each stage that was executed, well or not.

        As for `register_pre_stage_hook`; all post hooks are called, also when one of them raises.
        """
        return self._hooks.add(AFTER, hook, timeout_s)

    def unregister_hook(self, hook_id: HookId) -> None:
        """Remove a hook.

        Raises:
            UsageError: There is none of that id.
        """
        self._hooks.remove(hook_id)

    # -- the session -----------------------------------------------------------------------------

    @property
    def lifecycle(self) -> tuple[str, ...]:
        """The names of the session's stages in the order they run; without a session the core stages alone.

        Raises:
            StagemakeError: They wait for each other, or a required one is not there.
        """
        return self._extended().session.order()

    def begin(self) -> Self:
        """Begin the session: the core stages up to `core.ready`, and what hangs on them. Return the manager.

        Raises:
            StagemakeError: A plugin is not installed, two bring the same, or a stage of the session
                failed. The session is over then; what belongs to its end has run.
        """
        self._extended().begin()
        return self

    def close(self) -> None:
        """End the session, if there is one: `core.shutdown`, and what hangs on it. May be called twice.

        Raises:
            LifecycleFailed: A stage of it raised; all others have run.
        """
        if self.extensions is not None:
            self.extensions.session.end()

    def __enter__(self) -> Self:
        self._extended()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            self.close()
        except StagemakeError as second:
            if error is None:
                raise
            error.add_note(str(second))

    def _explain(self, error: StagemakeError) -> None:
        if self.extensions is not None:
            self.extensions.roster.explain(error)

    def _begin(self) -> None:
        if self.extensions is not None:
            self.extensions.begin()

    def _join(self) -> None:
        """Have plugins joined; what has joined stays known when the session is over."""
        if self.extensions is not None and not self.extensions.session.has_ended:
            self.extensions.begin()

    def _extended(self) -> Extensions:
        if self.extensions is None:
            from stagemake.extending import Extensions  # noqa: PLC0415 - gate, 60 ms with importlib.metadata; with plugins only

            self.extensions = Extensions(self, self.project, self.reporter)
        return self.extensions

    # -- asking and doing ------------------------------------------------------------------------

    def build_pipeline(self, targets: Targets = ()) -> Pipeline:
        """Return what `targets` take, in execution order.

        Raises:
            StagemakeError: A target is unknown, or the graph has a mistake.
        """
        request = self._request(targets)
        self._begin()
        try:
            self.project.check_values(self._given_values)
            return self.project.pipeline(request.targets, request.cwd)
        except StagemakeError as error:
            self._explain(error)
            raise

    def service_starts(self, services: Iterable[Stage]) -> tuple[ServiceStart, ...]:
        """Return services as they would be started now, all that they need being made. Changes nothing.

        Raises:
            OSError: An input can't be read.
        """
        from stagemake.serving import starts_of  # noqa: PLC0415 - gate, 6 ms, services only

        request = BuildRequest(force=True, cache=CacheMode.OFF)
        return starts_of(self._builder(request), services)

    def resolve(self, targets: Targets = ()) -> tuple[Stage, ...]:
        """Return the stages that `targets` take, in execution order.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        return self.build_pipeline(targets).stages

    def plan(self, targets: Targets = ()) -> Plan:
        """Return what a build would do. Changes nothing, anywhere.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        request = self._request(targets)
        pipeline = self.build_pipeline(request)
        return self._builder(request).plan(pipeline).plan

    def dry_run_pipeline(self, targets: Targets = ()) -> DryRunReport:
        """Return a plan with its disk and time estimates and conflicts. Changes nothing, anywhere.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        request = self._request(targets)
        pipeline = self.build_pipeline(request)
        from stagemake.asking import dry_run  # noqa: PLC0415 - gate, 1 ms, who only asks

        return dry_run(self._builder(request), pipeline)

    def hold_pipeline(self, targets: Targets = ()) -> tuple[DryRunReport, PlanFile]:
        """Return a dry run, and the same as a plan to be held to. Changes nothing, anywhere.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        request = self._request(targets)
        pipeline = self.build_pipeline(request)
        from stagemake.asking import dry_run  # noqa: PLC0415 - gate, as above
        from stagemake.model.plan_file import PlanFile  # noqa: PLC0415 - gate, 2 ms, `-o` only

        seen: list[PlannedStage] = []
        report = dry_run(self._builder(request), pipeline, seen)
        return report, PlanFile(
            version=stagemake.__version__,
            root=self.root,
            stagefile=self._name,
            targets=request.targets,
            cwd=request.cwd,
            force=request.force,
            cache=request.cache.value,
            cache_store=request.cache_store,
            runner=request.runner,
            values={name: str(value) for name, value in self._given_values.items()},
            stages=tuple(seen),
            orphans=report.plan.orphans,
        )

    def affected(self, revision: str, targets: Targets = ()) -> Selection:
        """Return which of the stages that `targets` take are touched by what differs from a git revision.

        Those that read, start, make or have code in a file that differs, and all that follow. Changes nothing.

        Raises:
            StagemakeError: As `build_pipeline`, or git can't tell what differs.
        """
        request = self._request(targets)
        wanted = frozenset(stage.name for stage in self.build_pipeline(request).stages)
        whole = self.project.pipeline([stage.name for stage in self.get_stages()])
        from stagemake.asking import select  # noqa: PLC0415 - gate, as above

        return select(self._parts(request), whole, revision, wanted)

    def execute_pipeline(self, targets: Targets = ()) -> BuildOutcome:
        """Bring `targets` up to date; failed stages are in the outcome, not exceptions.

        Raises:
            StagemakeError: A mistake in the request or the graph, a missing input, or (only when told
                not to wait) another build that holds the project.
        """
        return self._execute(targets, self.interrupt)

    def _execute(
        self,
        targets: Targets,
        interrupt: Interrupt,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> BuildOutcome:
        request = self._request(targets)
        self._refuse_inside_of_a_build()
        thread = _thread.get_ident()
        self._building.add(thread)
        try:
            pipeline = self.build_pipeline(request)
            builder = self._builder(request, interrupt)
            builder.loop = loop
            return builder.execute(pipeline)
        except StagemakeError as error:
            self._explain(error)
            raise
        finally:
            self._building.discard(thread)
            interrupt.take()  # what came too late for this build does not end the next one

    def _refuse_inside_of_a_build(self) -> None:
        if _thread.get_ident() in self._building:
            raise UsageError(
                "a hook or an event's handler can't build: it would wait for the build that calls it",
                hint="note what is to be done, and do it when the build has ended",
            )

    def explain(self, targets: Targets) -> tuple[Explanation, ...]:
        """Return for each targeted stage everything behind its verdict. Changes nothing.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        pipeline = self.build_pipeline(targets)
        with self.explainer(targets, pipeline) as explainer:
            plan = explainer.plan()
            return tuple(explainer.explain(plan, stage_id) for stage_id in pipeline.targets)

    def explainer(self, targets: Targets, pipeline: Pipeline) -> AbstractContextManager[Explainer]:
        """Return what explains stages of a pipeline one by one, to be used in a `with`."""
        from stagemake.asking import explainer  # noqa: PLC0415 - gate, as above

        return explainer(self._builder(self._request(targets)), pipeline)

    def verify(
        self,
        targets: Targets = (),
        *,
        sample: int = 0,
        seed: int | None = None,
        keep: bool = False,
        scratch_dir: str = "",
        on_checked: Callable[[Checked, int, int], None] | None = None,
    ) -> Verification:
        """Rerun targeted stages that have a result apart from the project, and compare what they make.

        Args:
            targets: Only these, not what they need; by default the default pipeline, else every stage.
            sample: How many, at random; 0: all that can be compared.
            seed: Of the sample; None: a new one.
            keep: Leave the directories of what differs or failed.
            scratch_dir: Where they are made; empty: TMPDIR, else /tmp.
            on_checked: Told what came of each, how many are done and of how many.

        Raises:
            StagemakeError: As `execute_pipeline`.
        """
        from stagemake.verify.verification import Verifier, Wanted  # noqa: PLC0415 - gate, 60 ms, `verify` only

        self._refuse_inside_of_a_build()
        request = self._request(targets)
        pipeline = self.build_pipeline(request)
        told = on_checked or (lambda _checked, _done, _total: None)
        wanted = Wanted(sample, seed, keep, scratch_dir)
        try:
            return Verifier(self._builder(request), pipeline, wanted, told).run()
        finally:
            self.interrupt.take()

    def log_of(self, result: StageResult) -> tuple[bytes, bytes]:
        """Return what a stage printed when it last ran: stdout and stderr; empty when not kept.

        For results that carry no log of their own because nothing had to be done.
        """
        from stagemake.logs import logged  # noqa: PLC0415 - gate, only on request

        return logged(result, self._builder(BuildRequest()).cache.read_only)

    def stored_logs(self, keys: Sequence[str]) -> Iterator[Stored]:
        """Yield what the results under these keys have printed, as far as it is kept."""
        from stagemake.logs import stored  # noqa: PLC0415 - gate, only on request

        reader = self._builder(BuildRequest()).cache.read_only()
        try:
            yield from stored(keys, reader)
        finally:
            reader.close()

    async def build_pipeline_async(self, targets: Targets = ()) -> Pipeline:
        """Do as `build_pipeline` in a thread, so that the event loop goes on."""
        return await in_thread(lambda: self.build_pipeline(targets))

    async def plan_async(self, targets: Targets = ()) -> Plan:
        """Do as `plan` in a thread, so that the event loop goes on."""
        return await in_thread(lambda: self.plan(targets))

    async def dry_run_pipeline_async(self, targets: Targets = ()) -> DryRunReport:
        """Do as `dry_run_pipeline` in a thread, so that the event loop goes on."""
        return await in_thread(lambda: self.dry_run_pipeline(targets))

    async def execute_pipeline_async(self, targets: Targets = ()) -> BuildOutcome:
        """Do as `execute_pipeline` in a thread, so that the event loop goes on.

        Cancelling ends this build in order, and returns when its processes are gone and its state is
        saved; cancelling once more ends its stages at once. Async hooks run in the awaiting loop.
        """
        import asyncio  # noqa: PLC0415 - gate, 44 ms; who awaits has it loaded

        loop, interrupt = asyncio.get_running_loop(), Interrupt()
        self._awaited.append(interrupt)
        try:
            return await in_thread(
                lambda: self._execute(targets, interrupt, loop), lambda: interrupt.note(SIGTERM)
            )
        finally:
            self._awaited.remove(interrupt)

    def stop(self, signal_number: int = SIGTERM) -> None:
        """Ask the running builds to end in order; a second call ends their stages at once."""
        for interrupt in (self.interrupt, *self._awaited):
            interrupt.note(signal_number)

    @property
    def events(self) -> EventDispatcher:
        """What stages, hooks and the program say, and what happens during builds: subscribe, emit."""
        return ToolEvents(self._subscriptions, self._emit)

    def _emit(self, event: Event) -> None:
        self.reporter.handle(event)
        for fault in self._subscriptions.tell(event):
            self.reporter.handle(Notice(fault))

    # -- the parts -------------------------------------------------------------------------------

    @property
    def state(self) -> StateStore:
        """The project's own memory for what is loaded here. Raises StagemakeError where it can't be trusted."""
        return StateStore(self.root, self._name or "embedded", self.kept_snapshot).checked()

    @property
    def cache_directory(self) -> str:
        """Where results are cached; absolute, may not exist yet."""
        configured = self.settings.cache_dir
        if configured and not configured.startswith("~"):
            configured = os.path.join(self.root, configured)
        return cache_directory(self._cache_dir, self.environ, configured or None)

    def _request(self, targets: Targets) -> BuildRequest:
        if isinstance(targets, BuildRequest):
            return targets
        if isinstance(targets, Pipeline):
            targets = [targets.stages[stage_id].name for stage_id in targets.targets]
        if isinstance(targets, str):
            raise UsageError(
                "targets are a sequence of names, not one text", hint=f'write ["{targets}"]'
            )
        return BuildRequest(targets=tuple(targets), jobs=self._jobs)

    def _builder(self, request: BuildRequest, interrupt: Interrupt | None = None) -> Builder:
        self.project.check_programs()
        return self._parts(request, interrupt)

    def _parts(self, request: BuildRequest, interrupt: Interrupt | None = None) -> Builder:
        self.project.look_again()
        jobs = request.jobs or self._jobs or offered_jobs(self.environ)
        jobs = jobs or self.settings.jobs or os.cpu_count() or 1
        runner = request.runner or self.settings.runner
        store = request.cache_store or self.settings.cache_store
        return Builder(
            root=self.root,
            project=self.project,
            settings=self.settings,
            state=self.state,
            cache_directory=self.cache_directory,
            environ=self.environ,
            request=request,
            jobs=jobs,
            emit=self._emit,
            hooks=self._hooks,
            interrupt=interrupt or self.interrupt,
            subscriptions=self._subscriptions,
            make_runner=None if runner in {"", "local"} else self._extended().runner_maker(runner),
            make_store=None if store in {"", "disk"} else self._extended().store_maker(store),
            is_partial=self.extensions is not None and self.extensions.roster.is_partial,
        )
