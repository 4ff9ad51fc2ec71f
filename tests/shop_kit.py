"""One stage about to settle in a real workshop: a directory, the project's state, an empty cache; nothing is started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field
from fakes import ScriptedRunner

from stagemake import durable
from stagemake.cache.envelope import digest_of
from stagemake.cache.memory import MemoryStore
from stagemake.digesting import Digester
from stagemake.execute.outputs import OutputKeeper, written_by
from stagemake.execute.settle import Settled, settle
from stagemake.execute.storing import Run
from stagemake.execute.workshop import Workshop
from stagemake.freshness.signature import FileClock
from stagemake.model.entry import OutputFile, file_entry
from stagemake.model.pipeline import Pipeline
from stagemake.model.request import BuildRequest
from stagemake.model.stage import Command, ProjectPath, Stage, StageId, StageName
from stagemake.plan.judge import judge_stale
from stagemake.plan.sight import DiskSight
from stagemake.plan.world import NoRecords, World
from stagemake.runner.port import Completion
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CREATED_S = 1234.9


def entry(content: str) -> str:
    """Return the entry of a plain file."""
    return file_entry(digest_of(content.encode()), len(content))


def row(path: str, content: str) -> OutputFile:
    """Return the row of a manifest for a plain file."""
    return OutputFile(path, "file", digest_of(content.encode()), len(content))


def stage_of(
    outputs: str = "out", inputs: str = "a", **words: Any
) -> Stage:  # Any: a stage's own fields
    """Return a stage; outputs and inputs are separated by blanks."""
    name = words.pop("name", "make")
    return Stage(
        StageName(name),
        Command(("/bin/sh", "-c", "true")),
        inputs=tuple(map(ProjectPath, inputs.split())),
        outputs=tuple(map(ProjectPath, outputs.split())),
        **words,
    )


@define
class Bench:
    """A project's root, and what a build works with there. Stage 0 is the one that settles, unless others come before."""

    root: Path
    shop: Workshop = field(init=False)
    store: MemoryStore = field(factory=MemoryStore)
    environ: dict[str, str] = field(factory=dict)
    values: dict[str, str] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.write("a", "input")
        self.open()

    def open(self, **words: Any) -> Workshop:  # Any: a workshop's own fields
        """Begin a build, with what earlier ones here have left."""
        root = str(self.root)
        state = StateStore(root, "Stagefile")
        state.open()
        clock = FileClock(f"{state.directory}/clock", durable.touch)
        digester = Digester(root, state.snapshot.memo, clock)
        world = World(
            root=root,
            disk=digester,
            snapshot=state.snapshot,
            records=NoRecords(),
            history_path=state.history_path,
            identify=lambda _: None,
            search_path="/usr/bin:/bin",
        )
        usual: dict[str, Any] = {
            "root": root, "request": BuildRequest(), "jobs": 1, "world": world,
            "digester": digester, "state": state, "runner": ScriptedRunner(),
            "emit": lambda _event: None, "base_env": {}, "environ": self.environ, "pools": {},
            "kept_at": ".stagemake/kept/now", "wall_clock_s": lambda: CREATED_S,
            "open_store": lambda: self.store,
        }  # fmt: skip
        self.shop = Workshop(**{**usual, **words})
        return self.shop

    def write(self, path: str, content: str | bytes = "") -> None:
        """Write a file with all directories above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    def begun(self, stage: Stage, stage_id: int = 0) -> Run:
        """Return a run of a stage that begins now."""
        shop = self.shop
        judgement = judge_stale(stage, shop.world, DiskSight(shop.digester, self.values))
        before = shop.digester.signatures((*stage.inputs, *stage.implicit))
        begun_ns = shop.state.begin(stage.name, written_by(stage))
        return Run(stage_id, stage, judgement, before, begun_ns)

    def settled(
        self,
        stage: Stage,
        *above: Stage,
        run: Run | None = None,
        upstream: tuple[tuple[int, ...], ...] | None = None,
        approve: Callable[[int, Mapping[str, str]], None] | None = None,
        **ended: Any,  # Any: a completion's own fields
    ) -> Settled:
        """Return what comes of a run that has written what is there now. Stages `above` come before it in the pipeline."""
        run = run or self.begun(stage, len(above))
        stages = (*above, stage)
        edges = upstream or tuple(() for _ in stages)
        pipeline = Pipeline(stages, (StageId(len(above)),), edges)  # type: ignore[arg-type]  # a position is a StageId
        completion = evolve(Completion(run.stage_id, 0), **ended)
        return settle(run, completion, pipeline, self.shop, approve or _nobody)

    def keeper(self) -> OutputKeeper:
        """Return what knows which outputs are stagemake's."""
        return OutputKeeper(self.shop)


def _nobody(_size_bytes: int, _provided: Mapping[str, str]) -> None:
    raise AssertionError("no hook was to be asked")
