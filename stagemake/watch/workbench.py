"""One build after another in one process: the Stagefile is run again only where it may declare something else."""

from __future__ import annotations

import gc
import os
import sys
import time
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.freshness.lock import is_held
from stagemake.freshness.noop import Overtaken
from stagemake.freshness.signature import link_signature
from stagemake.kept_snapshot import KeptSnapshot
from stagemake.model.error import StagemakeError
from stagemake.recorded import recorded_files
from stagemake.report.port import FanOut
from stagemake.stagefile import audit
from stagemake.stagefile.recorder import Recorder
from stagemake.watch.footing import Footing
from stagemake.watch.interest import Interest
from stagemake.watch.sources import service_sources, sources_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.freshness.signature import Signature
    from stagemake.manager import StageManager
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.request import BuildRequest
    from stagemake.model.result import BuildOutcome
    from stagemake.model.stage import Stage
    from stagemake.serving import ServiceStart


def _nothing() -> None:
    """Stand for nobody who wants to know."""


@define
class Workbench:
    """What stays between builds. `build` is for one thread; `interest` may be read by others meanwhile.

    Args:
        stagefile: Absolute.
        request: What to build each time.
        open_manager: Runs the Stagefile, noting in a recorder what it reads, and returns a new manager; the
            one before is closed.
        open_reporters: Has a manager's next build told.
        has_values: Whether values of this run only were given: nothing of it is noted for other builds.
    """

    stagefile: str
    request: BuildRequest
    open_manager: Callable[[Recorder | None], StageManager]
    open_reporters: Callable[[StageManager], None]
    has_values: bool = False
    interest: Interest = field(init=False)
    manager: StageManager | None = None
    on_ready: Callable[[], object] = (
        _nothing  # called before a build, when `interest` is right for it
    )
    _stopped_by: int = 0  # a signal that came while there was no manager
    services: tuple[Stage, ...] = ()  # of the targets
    _service_sources: dict[str, Signature | None] = field(factory=dict)  # before the last build
    evaluations: int = 0  # how often the Stagefile was run
    _footing: Footing | None = None
    _kept: KeptSnapshot = field(factory=KeptSnapshot)
    _loaded: frozenset[str] = field(factory=lambda: frozenset(sys.modules))
    _root: str = field(init=False)
    _directory: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._root, name = os.path.split(self.stagefile)
        self._directory = f".stagemake/{name}"
        self.interest = Interest(self._root, None)

    @property
    def is_held_elsewhere(self) -> bool:
        """Whether another process builds this project now. Not to be asked while this one does."""
        return is_held(f"{self._root}/.stagemake/lock")

    def build(self, moved: set[str] | None) -> BuildOutcome:
        """Bring everything up to date.

        Args:
            moved: Paths that are another than the last build, or the last look, had them; None: nothing is known.

        Raises:
            StagemakeError: Something is wrong that a change can mend; `interest` says of which files.
            OSError: What is noted of the build can't be written. The next one goes by nothing of this one.
        """
        gc.disable()  # until the plan is made, as for any other build; see `cli.build_command`
        try:
            if moved is None or not self._recall(moved):
                self._evaluate()
            try:
                return self._execute()
            except Overtaken:  # by another build, a moment ago
                self._evaluate()
                return self._execute()
        except (StagemakeError, OSError):
            self._footing = None
            raise
        finally:
            gc.enable()

    def _recall(self, moved: set[str]) -> bool:
        """Have the next build judge only what these paths affect; False where all has to be done anew."""
        footing, manager = self._footing, self.manager
        if footing is None or manager is None or footing.is_overtaken:
            return False
        # What only services read decides nothing about stages.
        mere = {path for path in self._service_sources if path not in footing.id_by_path}
        recalled = footing.recalled(moved - mere, time.time_ns())
        if recalled is None:
            return False
        self.interest.take(moved)
        self._look_at_services(footing.pipeline)
        manager.project.session.recorder = None
        manager.project.recalled = recalled
        manager.reporter = FanOut(())
        self.open_reporters(manager)
        return True

    def _evaluate(self) -> None:
        """Run the Stagefile in a manager of its own."""
        self.manager = self._footing = None
        self.evaluations += 1
        notes = None
        if audit.is_installed():
            notes = Recorder(self._root, began_ns=time.time_ns(), loaded=self._loaded)
        # Where it fails, what it has read until then can mend it.
        paths = (os.path.basename(self.stagefile), "pyproject.toml")
        self.interest = Interest(
            self._root, notes, {path: link_signature(f"{self._root}/{path}") for path in paths}
        )
        try:
            manager = self.open_manager(notes)
            manager.kept_snapshot = self._kept
            manager.project.runs_services = True
            pipeline = manager.build_pipeline(self.request)
            self.services = manager.project.services(self.request.targets, self.request.cwd)
            self._look_at_services(pipeline)
            snapshot = manager.state.snapshot
        finally:
            self.interest = Interest(self._root, notes, self.interest.sources)
        if self.has_values:
            manager.project.session.recorder = None
        sources = sources_of(pipeline, snapshot, self._root, was_built=False)
        known = {**self._service_sources, **self.interest.sources, **sources}
        self.interest = Interest(self._root, notes, known)
        self.manager = manager
        self.on_ready()

    def _look_at_services(self, pipeline: Pipeline) -> None:
        """Note how what services read is before a build: their keys are made after it."""
        self._service_sources = service_sources(self.services, pipeline, self._root)

    def service_starts(self) -> tuple[ServiceStart, ...]:
        """Return the services as they would be started after the build that has just ended well."""
        assert self.manager is not None, "it has built"
        return self.manager.service_starts(self.services) if self.services else ()

    def _execute(self) -> BuildOutcome:
        manager = self.manager
        assert manager is not None, "it was just made"
        if self._stopped_by:
            manager.stop(self._stopped_by)
            self._stopped_by = 0
        return manager.execute_pipeline(self.request)

    def stop(self, number: int) -> None:
        """Ask the running build to end; again: to end at once. One that has not begun ends as it begins."""
        manager = self.manager
        if manager is None:
            self._stopped_by = self._stopped_by or number
        else:
            manager.stop(number)

    def look_back(self, outcome: BuildOutcome) -> None:
        """Find out what the next build can go by; nothing waits for this. Cost: see `Footing.found`."""
        manager, before = self.manager, self._footing
        assert manager is not None, "it has built"
        manager.project.recalled = None  # the next edit would wait 3 ms for it to be freed
        # At 10 000 stages the next edit would wait 15 ms for it, just forked and copying each page that it touches.
        self._kept.prepare(recorded_files)
        from stagemake import executing, starting  # noqa: F401, PLC0415 - gate, 60 ms, which the next edit would wait for

        if manager.extensions is None and not self.has_values:
            pipeline = manager.build_pipeline(self.request) if before is None else before.pipeline
            seen = {} if outcome.ok else self.interest.sources
            self._footing = self._find(manager, pipeline, before)
            if self._footing is not None:
                # What a stage that failed was given is what the build saw, not what was there at its end.
                self.interest.sources.update(
                    {path: known for path, known in seen.items() if path in self.interest.sources}
                )
                return
        if not outcome.ok and before is not None:
            self._footing = before
            before.left_by_us()
            self.interest.outputs = {}  # it is not known any more how they were left
            return
        self._look_at_sources(manager)

    def catch_up(self) -> bool:
        """Go by what another process has built, if it was; return whether all is to be looked at again."""
        footing, manager = self._footing, self.manager
        if footing is None or manager is None or not footing.is_overtaken:
            return False
        self._footing = self._find(manager, footing.pipeline, footing)
        return True

    def _find(
        self, manager: StageManager, pipeline: Pipeline, before: Footing | None
    ) -> Footing | None:
        found = Footing.found(
            self._root, self._directory, pipeline, manager.project.registry,
            self.request.targets, before,
        )  # fmt: skip
        if found is not None:
            sources, outputs = found.signatures()
            sources = {**self._service_sources, **sources}
            self.interest = Interest(self._root, found.evidence(), sources, outputs, found.entry_of)
        return found

    def _look_at_sources(self, manager: StageManager) -> None:
        """Go by the signatures from before the build; of what it has discovered by those that it has noted."""
        pipeline = manager.build_pipeline(self.request)
        snapshot = manager.state.snapshot
        known: dict[str, Signature | None] = sources_of(
            pipeline, snapshot, self._root, was_built=True
        )
        sources = {**self._service_sources, **known, **self.interest.sources}

        def entry_of(path: str) -> str:
            noted = snapshot.memo.get(path)
            return "" if noted is None else noted[1]

        self.interest = Interest(self._root, self.interest.evidence, sources, entry_of=entry_of)
