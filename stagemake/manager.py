"""StageManager: the one façade. The command line uses it, and programs that embed stagemake do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import stagemake
from stagemake.building import Builder
from stagemake.cache.locate import cache_directory
from stagemake.capturing import CaptureMemo
from stagemake.execute.environment import base_environment
from stagemake.execute.interrupt import Interrupt
from stagemake.hooks import HookBook, HookId
from stagemake.model.error import BadValue, UsageError, did_you_mean
from stagemake.model.plan_file import PlanFile
from stagemake.model.request import BuildRequest
from stagemake.model.stage import Stage
from stagemake.project import Project
from stagemake.report.port import FanOut
from stagemake.settings import read_project_config
from stagemake.stagefile.from_object import stage_of
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from stagemake.explaining import Explainer
    from stagemake.model.explanation import Explanation
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.plan import Plan
    from stagemake.model.plan_file import PlannedStage
    from stagemake.model.report import DryRunReport
    from stagemake.model.result import BuildOutcome, StageResult
    from stagemake.model.seed import StageLike
    from stagemake.report.port import Reporter


class StageManager:
    """Registers stages and plans, builds and forecasts them. Two in one process don't disturb each other.

    Nothing is written before `execute_pipeline`. Paths are relative to `root`.

    Args:
        root: The project's directory.
        cache_dir: Where results are cached; default: the project's setting, else per user.
        jobs: How many stages side by side; 0: the project's setting, else one a processor.
        config: Values for `config()` in Stagefiles; they win over the project's table.
        reporters: Told what happens during builds.
        environ: The environment to take variables from; default: this process's.
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
            StateStore(self.root, name), self.root
        )
        self.project.load(full)
        self._name = name

    def register_stage(self, stage: Stage | StageLike) -> Stage:
        """Register a Stage value, or an object with `name`, `dependencies()` and `execute(context)`.

        Raises:
            DuplicateStage: A stage of that name is there already.
            UsageError: It's neither.
        """
        made = stage if isinstance(stage, Stage) else stage_of(self.project.session, stage)
        self.project.registry.register(made)
        return made

    def unregister_stages(self, prefix: str) -> tuple[str, ...]:
        """Remove the stage of that name and all below `prefix.`; return their names."""
        return self.project.registry.unregister(prefix)

    def get_stage(self, name: str) -> Stage:
        """Return a stage by name.

        Raises:
            UsageError: There is none.
        """
        return self.project.registry.get(name)

    def get_stages(self) -> tuple[Stage, ...]:
        """Return all stages in order of registration."""
        return self.project.registry.stages()

    def register_pre_stage_hook(self, hook: Any) -> HookId:  # Any: whatever has before_stage
        """Have `hook.before_stage(name, context)` called before each stage that runs."""
        return self._hooks.add(self._hooks.pre, hook)

    def register_post_stage_hook(self, hook: Any) -> HookId:  # Any: whatever has after_stage
        """Have `hook.after_stage(name, context)` called after each stage that ran."""
        return self._hooks.add(self._hooks.post, hook)

    def unregister_hook(self, hook_id: HookId) -> None:
        """Remove a hook.

        Raises:
            UsageError: There is none of that id.
        """
        self._hooks.remove(hook_id)

    # -- asking and doing ------------------------------------------------------------------------

    def build_pipeline(self, targets: Sequence[str] | BuildRequest = ()) -> Pipeline:
        """Return what `targets` take, in execution order.

        Raises:
            StagemakeError: A target is unknown, or the graph has a mistake.
        """
        request = self._request(targets)
        self._check_configuration()
        return self.project.pipeline(request.targets, request.cwd)

    def plan(self, targets: Sequence[str] | BuildRequest = ()) -> Plan:
        """Return what a build would do. Changes nothing, anywhere.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        request = self._request(targets)
        return self._builder(request).plan(self.build_pipeline(request)).plan

    def dry_run_pipeline(self, targets: Sequence[str] | BuildRequest = ()) -> DryRunReport:
        """Return a plan with its disk and time estimates and conflicts. Changes nothing, anywhere.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        request = self._request(targets)
        return self._builder(request).dry_run(self.build_pipeline(request))

    def hold_pipeline(
        self, targets: Sequence[str] | BuildRequest = ()
    ) -> tuple[DryRunReport, PlanFile]:
        """Return a dry run, and the same as a plan to be held to. Changes nothing, anywhere.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        request = self._request(targets)
        seen: list[PlannedStage] = []
        report = self._builder(request).dry_run(self.build_pipeline(request), seen)
        return report, PlanFile(
            version=stagemake.__version__,
            root=self.root,
            stagefile=self._name,
            targets=request.targets,
            cwd=request.cwd,
            force=request.force,
            cache=request.cache.value,
            values={name: str(value) for name, value in self._given_values.items()},
            stages=tuple(seen),
            orphans=report.plan.orphans,
        )

    def execute_pipeline(self, targets: Sequence[str] | BuildRequest = ()) -> BuildOutcome:
        """Bring `targets` up to date; failed stages are in the outcome, not exceptions.

        Raises:
            StagemakeError: A mistake in the request or the graph, a missing input, or (only when told
                not to wait) another build that holds the project.
        """
        request = self._request(targets)
        return self._builder(request).execute(self.build_pipeline(request))

    def explain(self, targets: Sequence[str] | BuildRequest) -> tuple[Explanation, ...]:
        """Return for each targeted stage everything behind its verdict. Changes nothing.

        Raises:
            StagemakeError: As `build_pipeline`.
        """
        pipeline = self.build_pipeline(targets)
        with self.explainer(targets, pipeline) as explainer:
            plan = explainer.plan()
            return tuple(explainer.explain(plan, stage_id) for stage_id in pipeline.targets)

    def explainer(
        self, targets: Sequence[str] | BuildRequest, pipeline: Pipeline
    ) -> AbstractContextManager[Explainer]:
        """Return what explains stages of a pipeline one by one, to be used in a `with`."""
        return self._builder(self._request(targets)).explainer(pipeline)

    def log_of(self, result: StageResult) -> tuple[bytes, bytes]:
        """Return what a stage printed when it last ran: stdout and stderr; empty when not kept.

        For results that carry no log of their own because nothing had to be done.
        """
        if result.stdout or result.stderr or result.key is None:
            return result.stdout, result.stderr
        from stagemake.cache.reader import ReadOnlyStore  # noqa: PLC0415 - gate, 17 ms with sqlite3
        from stagemake.records import StoredRecords  # noqa: PLC0415 - as above

        reader = ReadOnlyStore(self.cache_directory)
        try:
            cached = StoredRecords(lambda: reader).result(result.key)
            if cached is None:
                return b"", b""
            texts = [
                (reader.read(log.digest, log.size_bytes) or b"") if log.size_bytes else b""
                for log in (cached.stdout, cached.stderr)
            ]
            return texts[0], texts[1]
        finally:
            reader.close()

    async def execute_pipeline_async(
        self, targets: Sequence[str] | BuildRequest = ()
    ) -> BuildOutcome:
        """Do as `execute_pipeline` in a thread, so that the event loop goes on. Cancelling stops the build."""
        import asyncio  # noqa: PLC0415 - gate, 44 ms; who awaits has it loaded

        work = asyncio.ensure_future(asyncio.to_thread(self.execute_pipeline, targets))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.stop()
            await work
            raise

    def stop(self, signal_number: int = 15) -> None:
        """Ask the running build to end in order; a second call ends its stages at once."""
        self.interrupt.note(signal_number)

    # -- the parts -------------------------------------------------------------------------------

    @property
    def state(self) -> StateStore:
        """The project's own memory for what is loaded here."""
        return StateStore(self.root, self._name or "embedded")

    @property
    def cache_directory(self) -> str:
        """Where results are cached; absolute, may not exist yet."""
        configured = self.settings.cache_dir
        if configured and not configured.startswith("~"):
            configured = os.path.join(self.root, configured)
        return cache_directory(self._cache_dir, self.environ, configured or None)

    def _request(self, targets: Sequence[str] | BuildRequest) -> BuildRequest:
        if isinstance(targets, BuildRequest):
            return targets
        if isinstance(targets, str):
            raise UsageError(
                "targets are a sequence of names, not one text", hint=f'write ["{targets}"]'
            )
        return BuildRequest(targets=tuple(targets), jobs=self._jobs)

    def _builder(self, request: BuildRequest) -> Builder:
        self.project.check_programs()
        jobs = request.jobs or self._jobs or self.settings.jobs or os.cpu_count() or 1
        return Builder(
            root=self.root,
            project=self.project,
            settings=self.settings,
            state=self.state,
            cache_directory=self.cache_directory,
            environ=self.environ,
            request=request,
            jobs=jobs,
            emit=self.reporter.handle,
            hooks=self._hooks,
            interrupt=self.interrupt,
        )

    def _check_configuration(self) -> None:
        """Refuse values that were given for this run and that nothing reads: most likely a slip."""
        known = (
            self.project.session.config_defaults.keys() | self.project.session.config_read.keys()
        )
        for name in self._given_values:
            if name not in known and self.project.evaluations:
                raise BadValue(
                    f"no Stagefile reads the configuration `{name}`",
                    hint=did_you_mean(name, known),
                )
