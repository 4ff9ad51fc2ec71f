"""Builds that have ended, made by hand: a project of four stages, what its evaluation depended on, and its records."""

from __future__ import annotations

import marshal
import os
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field
from fuzz_targets import TRACE
from judge_kit import MemoryRecords
from record_kit import TOOL

import stagemake
from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness import noop, survey
from stagemake.freshness.signature import FileClock, link_signature, signature
from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import Command, ProjectPath, Stage, StageId, StageName
from stagemake.noop_record import Finish
from stagemake.plan.world import World
from stagemake.recalled import Evidence, Recalled, Searched, recall
from stagemake.stagefile.registry import StageRegistry
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from stagemake.freshness.snapshot import Trace

VERSION = stagemake.__version__
LATE_NS = 1 << 62  # of the file system's clock: all files are older


def laid_out(base: Path) -> str:
    """Make what the stages read and have made, and what the evaluation looked at; return the project's root."""
    at = base / "project"
    (at / "d").mkdir(parents=True)
    (at / "modules").mkdir()
    for name in ("Stagefile", "a", "b", "c", "x", "y", "z", "d/in", "modules/m.py"):
        (at / name).write_text(name)
    (at / "link").symlink_to("b")
    return str(at)


def _stage(name: str, inputs: str, outputs: str, **words: Any) -> Stage:
    return Stage(
        StageName(name), Command(("sh", name)), inputs=tuple(map(ProjectPath, inputs.split())),
        outputs=tuple(map(ProjectPath, outputs.split())), **words,
    )  # fmt: skip


# `two` waits for `one`; `three` reads a link, so that others may be in its way; `four` is alone.
STAGES = (
    _stage("one", "a", "x"), _stage("two", "b x", "y"), _stage("three", "link", "z"), _stage("four", "c", "d/"),
)  # fmt: skip
ABOVE = ((), (0,), (), ())
READS = {"one": "a", "two": "b", "three": "b", "four": "c"}


def _late(path: str) -> None:
    durable.touch(path)
    os.utime(path, ns=(LATE_NS, LATE_NS))


@define
class Scene:
    """A project whose stages are all done, and what its next build goes by."""

    root: str
    stages: tuple[Stage, ...] = STAGES
    words: dict[str, Any] = field(factory=dict)  # of the evidence, others than usual
    variables: dict[str, str | None] = field(factory=lambda: {"PATH": "/bin"})
    registry: StageRegistry | None = field(factory=StageRegistry)
    search_path: str = "/bin"
    discovers: dict[str, tuple[str, ...]] = field(factory=dict)  # paths, by stage

    def __attrs_post_init__(self) -> None:
        if self.registry is not None:
            for stage in self.stages:
                self.registry.register(stage)

    @property
    def directory(self) -> str:
        return f"{self.root}/.stagemake/Stagefile"

    def pipeline(self) -> Pipeline:
        upstream = tuple(tuple(StageId(i) for i in above) for above in ABOVE[: len(self.stages)])
        return Pipeline(self.stages, (StageId(1), StageId(0)), upstream)

    def evidence(self) -> Evidence:
        place = f"{self.root}/modules"
        usual: dict[str, Any] = {
            "identity": TOOL, "began_ns": time.time_ns() + 10**12,
            "files": {f"{self.root}/Stagefile": link_signature(f"{self.root}/Stagefile"), "/none": None},
            "listings": {place: signature(place)},
            "globs": {(".", "a*", (), ("a",)): (self.root, place)},
            "directories": {self.root: signature(self.root), place: signature(place)},
            "imports": Searched({place: (signature(place), ("m.py", "other.py"))}, frozenset(["m"])),
            "observed": {("stat", place): os.stat(place).st_mode}, "variables": {"V": "1", "PATH": "old"},
            "values": {("getcwd",): "/"},
        }  # fmt: skip
        return Evidence(**{**usual, **self.words})

    def finish(
        self, recalled: Recalled | None = None, done: Collection[str] | None = None, **words: Any
    ) -> Finish:
        """Return the end of a build in which these stages were done anew, all if None."""
        state = StateStore(self.root, "Stagefile")
        clock = FileClock(f"{os.path.dirname(self.root)}/probe", _late)
        digester = Digester(self.root, state.snapshot.memo, clock)
        state.open()
        for one in self.stages if recalled is None else recalled.built.stages:
            for path in (*one.inputs, *one.outputs):
                digester.entry(path)  # as judging does: of all that is in the pipeline
            if done is None or one.name in done:
                found = self.discovers.get(one.name, ())
                state.settle(one.name, trace_of(one, digester, found))
        digester.settle()
        state.mark_changed()
        state.save()
        world = World(
            root=self.root, disk=digester, snapshot=state.snapshot, records=MemoryRecords(),
            history_path="/nowhere/history", identify=lambda _: None, search_path=self.search_path,
        )  # fmt: skip
        usual: dict[str, Any] = {
            "pipeline": self.pipeline() if recalled is None else recalled.built,
            "recorder": self.evidence() if recalled is None else recalled.evidence(),
            "variables": self.variables, "covers_all": True, "recalled": recalled,
            "registry": self.registry if recalled is None else recalled.registry,
        }  # fmt: skip
        return Finish(
            state=state, world=world, digester=digester, clock=clock, **{**usual, **words}
        )

    def load(self) -> noop.Record | None:
        return noop.load(self.directory, VERSION)

    def recalled(self, *, is_build: bool = False) -> Recalled:
        """Return what the next build recalls, as the entry finds it."""
        record = self.load()
        assert record is not None
        targets = () if record[noop.COVERS_ALL] else tuple(by_name(record)["paths"])
        moved = survey.moved_since(_as_here(record), targets, self.root, TOOL, lambda *_: ("a",))
        assert moved is not None
        found = recall((record, moved, self.root, "Stagefile"), is_build=is_build)
        assert found is not None
        found.began_ns = time.time_ns() + 10**12
        return found


def _as_here(record: noop.Record) -> noop.Record:
    """Return the record as if it had been written in the environment of the tests."""
    own = tuple((name, os.environ.get(name)) for name, _ in record[noop.ENVIRONMENT])
    return (*record[: noop.ENVIRONMENT], own, (), *record[noop.ANSWERS + 1 :])


def trace_of(one: Stage, digester: Digester, found: tuple[str, ...] = ()) -> Trace:
    """Return what a build would have noted of a stage just now."""
    return (
        TRACE[0], "0" * 32, tuple(digester.entry(path) for path in one.inputs),
        (("sh", "/bin/sh", digester.entry("/bin/sh")),), tuple((path, digester.entry(path)) for path in found),
        tuple(digester.output_entry(path.rstrip("/")) for path in one.outputs), (), ((), ()), (0.1, 0.1, 2),
    )  # fmt: skip


def steps(acts: Finish) -> list[str]:
    """Return what is written meanwhile, by name."""
    told: list[str] = []
    durable.install(lambda step, path: told.append(f"{step} {os.path.basename(path)}"))
    try:
        acts.write()
    finally:
        durable.install(None)
    return [one for one in told if one.startswith("rename")]


def edit(path: str) -> None:
    """Have something else in a file, and nothing else in its directory, whose listing counts here."""
    with open(path, "a", encoding="utf-8") as stream:
        stream.write("edited")


def by_name(record: noop.Record) -> dict[str, Any]:
    """Return what a record says whatever the numbers of its rows."""
    names, upstream, own, targets, loose = marshal.loads(record[noop.GRAPH])
    paths = record[noop.PATHS]
    return {
        "evaluated": record[: noop.PATHS],
        "rows": {
            path: (record[noop.SIGNATURES][i], noop.digest_of(record, i)) for i, path in enumerate(paths)
        },
        "guards": paths[: record[noop.GUARDS]],
        "paths": {name: [paths[i] for i in ids] for name, ids in zip(names, own, strict=True)},
        "above": {name: [names[i] for i in ids] for name, ids in zip(names, upstream, strict=True)},
        "targets": [names[i] for i in targets], "loose": {names[i] for i in loose},
        "open": [names[i] for i in record[noop.OPEN]],
        "covers_all": record[noop.COVERS_ALL], "declared": record[noop.DECLARED],
    }  # fmt: skip


def written(scene: Scene, **words: Any) -> noop.Record:
    scene.finish(**words).write()
    found = scene.load()
    assert found is not None
    return found
