"""A world for judging, held in memory: entries by path, records by key, traces as a build would have put them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from stagemake.freshness.snapshot import Snapshot
from stagemake.model.stage import Command, ProjectPath, Stage, StageName
from stagemake.plan.judge import Judgement, judge, strong_key
from stagemake.plan.sight import DiskSight, PlannedSight
from stagemake.plan.world import World

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stagemake.model.record import NearResult
    from stagemake.model.result import ActionResult
    from stagemake.plan.declaration import Identity
    from stagemake.plan.fresh import Sight

CAT = Stage(
    StageName("cat"),
    Command(("/bin/sh", "-c", "cat {inputs} > {outputs}")),
    inputs=(ProjectPath("a"), ProjectPath("b")),
    implicit=(ProjectPath("conf"),),
    outputs=(ProjectPath("out"), ProjectPath("dir/")),
    uses=("word",),
)
FILES = {
    "a": "f:aa:1", "b": "f:bb:1", "conf": "f:cc:1", "h": "f:dd:1", "g": "f:ee:1", "tool": "x:11:1",
    "out": "f:00:2", "dir": "d:99:0", "/bin/sh": "x:22:1",
}  # fmt: skip
VALUES = {"word": '"w"'}


class MemoryDisk:
    """Entries by path; a link is a file whose entry begins with `l`."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self.entries = dict(entries)

    def entry(self, path: str) -> str:
        return self.entries.get(path, "-")

    def output_entry(self, path: str) -> str:
        assert not path.endswith("/"), "outputs are asked for without their slash"
        return self.entries.get(path, "-")

    def end_of_link(self, path: str) -> str:
        return path

    def link_text(self, path: str) -> str:
        return path

    def rows(self, path: str) -> list[tuple[str, str]]:
        del path
        return []

    def directory_bytes(self, entry: str) -> int | None:
        del entry
        return None

    def survey(self, inputs: Iterable[str], outputs: Iterable[str]) -> Mapping[str, str]:
        del inputs, outputs
        return {}

    def forget(self, paths: Iterable[str]) -> None:
        del paths


@define
class MemoryRecords:
    """Results by key, and hints by weak key."""

    results: dict[str, ActionResult] = field(factory=dict)
    hints: dict[str, tuple[tuple[str, ...], ...]] = field(factory=dict)
    asked: list[str] = field(factory=list)

    def result(self, key: str, ahead: tuple[str, ...] = ()) -> ActionResult | None:
        del ahead
        self.asked.append(key)
        return self.results.get(key)

    def is_absent(self, key: str) -> bool:
        return key in self.asked and key not in self.results

    def hint(self, weak: str) -> tuple[tuple[tuple[str, ...], ...], float, int] | None:
        lists = self.hints.get(weak)
        return None if lists is None else (lists, 1.0, 1)

    def near(self, stage_name: str) -> list[NearResult]:
        del stage_name
        return []


@define
class Scene:
    """One stage, and the world around it. The stage waits for number 0 of an open plan."""

    stage: Stage = CAT
    disk: MemoryDisk = field(factory=lambda: MemoryDisk(FILES))
    records: MemoryRecords = field(factory=MemoryRecords)
    snapshot: Snapshot = field(factory=Snapshot)
    values: dict[str, str] = field(factory=lambda: dict(VALUES))
    words: dict[str, Any] = field(factory=dict)  # of the world; Any: as it takes them
    identity: Identity | None = None
    root: str = "/nowhere"
    sight: Sight | None = None  # of a plan; None: of a build, where all above has settled

    def world(self) -> World:
        """Return a world that has been asked for nothing yet."""
        return World(
            root=self.root,
            disk=self.disk,
            snapshot=self.snapshot,
            records=self.records,
            history_path="/nowhere/history",
            identify=lambda _: self.identity,
            search_path="/bin",
            **self.words,
        )

    def judge(self) -> Judgement:
        """Return what the stage needs."""
        sight = self.sight or DiskSight(self.disk, self.values)
        return judge(self.stage, (0,), self.world(), sight)

    def done(self, *, discovered: tuple[str, ...] = ()) -> Judgement:
        """Put the trace that a run of the stage would leave as things stand; return what was judged before it."""
        found = tuple((path, self.disk.entry(path)) for path in discovered)
        blind = evolve(self, records=MemoryRecords(), snapshot=Snapshot(), words={}, sight=None)
        blind.stage = evolve(self.stage, depfile=None, always=False)
        made = blind.judge()
        world = self.world()
        made.declaration = world.declaration(self.stage)
        made.key = key_of(world, self.stage, made, found)
        outputs = tuple(self.disk.entry(path.rstrip("/")) for path in self.stage.outputs)
        self.snapshot.traces[self.stage.name] = (
            made.declaration, made.key, made.entries, made.programs, found, outputs, (),
            (made.values, ()), (1.0, 1.0, 2),
        )  # fmt: skip
        return made

    def open(self, *paths: str) -> Scene:
        """Have a plan in which stage 0 will run and make these."""
        planned = PlannedSight(self.disk)
        maker = Stage(StageName("maker"), outputs=tuple(map(ProjectPath, paths)))
        planned.add_fresh(tuple(self.values.items()))
        planned.add_open(0, maker)
        self.sight = planned
        return self


def key_of(
    world: World, stage: Stage, made: Judgement, found: tuple[tuple[str, str], ...] = ()
) -> str:
    """Return the action key of a stage whose inputs were seen."""
    return strong_key(world.weak_bytes(stage), made, found)
