"""Watching the actions of a build: what each is asked to do, and what is made of what was seen."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from attrs import define, evolve, field

import stagemake
from stagemake import durable
from stagemake.execute.settle import StageProblem
from stagemake.model.error import CannotWatch
from stagemake.model.stage import Command
from stagemake.observe import audit_hook, confine  # noqa: F401 - here before the supervisor forks
from stagemake.observe.compare import compare
from stagemake.observe.edit import with_edits
from stagemake.observe.means import Offered, offered
from stagemake.observe.strace import read_strace
from stagemake.observe.watch import MODULES, Means, Watch, read_log
from stagemake.plan.programs import own_paths
from stagemake.runner import watched  # noqa: F401 - here before the supervisor forks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.execute.storing import Run
    from stagemake.model.observation import Observation
    from stagemake.model.pipeline import Pipeline
    from stagemake.model.request import BuildRequest
    from stagemake.model.stage import Stage
    from stagemake.observe.access import Record
    from stagemake.runner.port import Work

SWITCH = "STAGEMAKE_WATCH_WITHOUT"
_LIMITS = {
    Means.AUDIT: "only what Python itself opened in the stage's process was seen: no look-ups, no"
    " C code, no other processes",
    Means.STRACE: "seen by strace, afterwards: whether a written file had been there before is not known",
}
_SHOWN = 8


class UndeclaredProblem(StageProblem):
    """A stage read or wrote what it does not declare."""

    may_go_away = False


@define
class Watching:
    """One build's watching. `found` fills up as stages settle."""

    root: str
    request: BuildRequest
    pipeline: Pipeline
    scratch: str  # absolute; where logs and temporary files go, removed when the build ends
    temporary: str  # where stages put temporary files, unless they are in a sandbox
    offered: Offered
    found: dict[str, Observation] = field(factory=dict)
    _watches: dict[int, Watch] = field(factory=dict)

    def objection(self, stage: Stage) -> str:
        """Return why a stage can't be watched or confined as wanted, one line; empty when it can."""
        in_root = [path for path in stage.outputs if "/" not in path.rstrip("/")]
        is_unseen = not stage.is_call and self.offered.for_commands is Means.NONE
        if self.request.sandbox and in_root and is_unseen:
            return (
                f"its output `{in_root[0]}` lies directly in the root, where Landlock alone"
                " can't tell files apart: put it into a directory"
            )
        return ""

    def watched(self, work: Work, run: Run) -> Work:
        """Return the work with what is to be watched."""
        stage, request = run.stage, self.request
        is_traced = stage.name in request.traced
        if not (is_traced or request.check or request.sandbox):
            return work
        is_command = isinstance(stage.action, Command)
        durable.make_dirs(self.scratch)
        watch = Watch(
            means=(self.offered.for_commands if is_command else self.offered.for_calls).value,
            looks=is_traced,
            root=self.root,
            log_path=f"{self.scratch}/watch-{run.stage_id}",
            scratch=(self.scratch,) if request.sandbox else (self.scratch, self.temporary),
            sandbox=request.sandbox,
            readable=self._readable(run) if request.sandbox else (),
            writable=_written(stage) if request.sandbox else (),
            is_call=not is_command,
        )
        self._watches[run.stage_id] = watch
        env = work.env
        if request.sandbox:
            private = os.path.join(self.scratch, f"temporary-{run.stage_id}")
            durable.make_dirs(private)
            env = {**env, "TMPDIR": private}
        return evolve(work, env=env, watch=watch.encode())

    def check(self, run: Run, discovered: Iterable[str]) -> str:
        """Look at what a successful action has done; return why its result may not be recorded, or nothing.

        Raises:
            UndeclaredProblem: It did what it does not declare, or nobody knows, and that is not allowed.
        """
        watch = self._watches.get(run.stage_id)
        seen = self._observe(run, discovered)
        request = self.request
        if watch is None or not (request.check or request.sandbox):
            return ""
        if watch.means == Means.NONE.value:
            return "not recorded: whether the sandbox kept it from something is not known here"
        if seen is None:
            raise UndeclaredProblem("what it read is not known: its watcher did not end in order")
        if not seen.is_clean:
            raise UndeclaredProblem(problem_of(seen))
        return ""

    def after_failure(self, run: Run) -> tuple[str, ...]:
        """Return what to say of a stage that failed, or was failed by `check`; one line each."""
        seen = self.found.get(run.stage.name) or self._observe(run, ())
        request = self.request
        if seen is None or seen.is_clean or not (request.check or request.sandbox):
            return ()
        return notes_of(seen, refused=request.sandbox)

    def _observe(self, run: Run, discovered: Iterable[str]) -> Observation | None:
        watch = self._watches.pop(run.stage_id, None)
        if watch is None or watch.means == Means.NONE.value:
            return None
        stage = run.stage
        records = self._records(watch, stage)
        if records is None:
            return None
        seen = compare(
            stage,
            records,
            self.root,
            more_reads=(*own_paths(run.judgement.programs), *discovered, *_own_source(stage)),
            owner_of=self._owner_of,
            means=watch.means,
        )
        limits = [_LIMITS[means] for means in (Means(watch.means),) if means in _LIMITS]
        seen = evolve(with_edits(seen, stage, self.root), limits=tuple(limits))
        if watch.means == Means.AUDIT.value:  # what it starts may have read it
            seen = evolve(seen, unread=())
        self.found[stage.name] = seen
        return seen

    def _records(self, watch: Watch, stage: Stage) -> list[Record] | None:
        imported = read_log(watch.log_path + MODULES) or []
        if watch.means == Means.STRACE.value:
            cwd = f"{self.root}/{stage.cwd}" if stage.cwd else self.root
            records = read_strace(watch.log_path, watch, cwd)
        else:
            records = read_log(watch.log_path)
        return None if records is None else [*imported, *records]

    def _owner_of(self, path: str) -> str:
        producer = self.pipeline.producer_of(path.rstrip("/"))
        return "" if producer is None else str(self.pipeline.stages[producer].name)

    def _readable(self, run: Run) -> tuple[str, ...]:
        """Return what a sandboxed stage may read in the project, beside what it may write."""
        stage = run.stage
        if stage.depfile is not None:  # says afterwards what it needed
            return _members(self.root)
        own = (*stage.inputs, *stage.implicit, *own_paths(run.judgement.programs))
        own = (*own, *_own_source(stage))
        more = _tool_places(self.root, os.path.dirname(os.path.realpath(stagemake.__file__)))
        return (*own, *more, *(_python_sources(self.root) if stage.is_call else ()))


def open_watching(
    request: BuildRequest, pipeline: Pipeline, root: str, scratch: str, environ: Mapping[str, str]
) -> Watching:
    """Return what watches a build.

    Raises:
        CannotWatch: The system does not offer what the request needs.
    """
    found = offered(without=tuple(environ.get(SWITCH, "").split()))
    wants_log = request.check or request.traced
    has_commands = any(isinstance(stage.action, Command) for stage in pipeline.stages)
    if request.sandbox and found.landlock:
        raise _cannot("this system can't keep stages from files", [("landlock", found.landlock)])
    if wants_log and has_commands and found.for_commands is Means.NONE:
        lacks = [each for each in found.missing if each[0] != "landlock"]
        raise _cannot("this system can't watch what commands read and write", lacks)
    return Watching(
        root=os.path.realpath(root),
        request=request,
        pipeline=pipeline,
        scratch=os.path.realpath(scratch),
        temporary=environ.get("TMPDIR", "/tmp"),  # noqa: S108 - only recognised
        offered=found,
    )


def _cannot(headline: str, lacks: list[tuple[str, str]]) -> CannotWatch:
    return CannotWatch(headline, facts=lacks, hint="`stagemake doctor` tells what there is")


def problem_of(seen: Observation) -> str:
    """Return in one line what is wrong with a stage."""
    reads = [f"`{each.path}`" for each in seen.reads]
    writes = [f"`{each.path}`" for each in seen.writes]
    parts = [
        f"it {what} {_named(each)}" for what, each in (("reads", reads), ("writes", writes)) if each
    ]
    return f"{' and '.join(parts)}, which it does not declare"


def notes_of(seen: Observation, *, refused: bool) -> tuple[str, ...]:
    """Return what a stage did, and what to write into the Stagefile; one line each."""
    notes = []
    if refused:
        every = [f"`{each.path}`" for each in (*seen.reads, *seen.writes) if each.act != "lists"]
        if every:
            notes.append(f"the sandbox kept it from {_named(every)}")
    notes += [
        f"to declare that, {edit.file}:{edit.line}:{edit.column}: {edit.shown}"
        for edit in seen.edits
    ]
    return (*notes, *seen.advice, *seen.limits)


def _named(paths: list[str]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _own_source(stage: Stage) -> tuple[str, ...]:
    """Return where a function is written: its identity has the text, and tracebacks show it."""
    return (stage.location.file,) if stage.is_call and stage.location is not None else ()


def _written(stage: Stage) -> tuple[str, ...]:
    return stage.outputs if stage.depfile is None else (*stage.outputs, stage.depfile)


def _members(root: str) -> tuple[str, ...]:
    return tuple(name for name in os.listdir(root) if name != ".stagemake")


def _tool_places(root: str, package: str) -> tuple[str, ...]:
    """Return what of stagemake and of Python environments lies in the project."""
    inside = root.rstrip("/") + "/"
    found = [package.removeprefix(inside)] if package.startswith(inside) else []
    found += [
        name
        for name in os.listdir(root)
        if name == "node_modules" or os.path.lexists(f"{inside}{name}/pyvenv.cfg")
    ]
    return tuple(found)


def _python_sources(root: str) -> tuple[str, ...]:
    """Return all modules in the project: which ones a function needs is in its identity, not here."""
    found = []
    for place, folders, names in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if name[:1] != "." and name not in {"node_modules", "__pycache__"}
        ]
        found += [os.path.join(place, name) for name in names if name.endswith(".py")]
    return tuple(found)
