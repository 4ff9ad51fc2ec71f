"""The parts of the Stage Manager, one test each; the other stories go into them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import (
    BaseStage,
    ConfigStore,
    DependencyOrder,
    DryRunContext,
    DryRunnable,
    DryRunReport,
    ExecutionMode,
    OperationKind,
    Pipeline,
    PlannedOperation,
    SharedData,
    Stage,
    StageContext,
    StageDependency,
    StageHook,
    StageLike,
    StagemakeError,
    StageManager,
    command,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES = ["opencore.gather", "opencore.edit", "opencore.assemble", "opencore.compile"]


class Step(BaseStage):
    """One step: what the one before it made, and its own name."""

    def __init__(self, name: str, above: str = "") -> None:
        self.name = name
        self.inputs = (f"{above}.txt",) if above else ("source",)
        self.outputs = (f"{name}.txt",)
        self.provides = (name,)

    async def execute(self, context: StageContext) -> None:
        text = context.storage.read_text(self.inputs[0]) + f"{self.name}\n"
        context.storage.write(self.outputs[0], text)
        context.shared[self.name] = len(text)


class Bare:
    """The least there can be: no base class, `execute` plain."""

    name = "bare"

    def dependencies(self) -> Sequence[StageDependency]:
        return [StageDependency("opencore.compile", DependencyOrder.BEFORE)]

    def execute(self, context: StageContext) -> None:
        context.storage.write("bare.txt", str(context.mode))


@pytest.fixture
def manager(tmp_path: Path) -> StageManager:
    root = tmp_path / "p"
    root.mkdir()
    (root / "source").write_text("")
    manager = StageManager(root, cache_dir=tmp_path / "cache", jobs=2)
    for above, name in zip(["", *NAMES], NAMES, strict=False):
        manager.register_stage(Step(name, above))
    return manager


def test_stage_interface(manager: StageManager) -> None:
    value = command("value", "true", inputs=["source"])
    step, bare = Step("x"), Bare()

    made = [manager.register_stage(one) for one in (value, step, bare)]

    assert all(isinstance(one, Stage) for one in made)
    assert isinstance(step, StageLike)
    assert isinstance(bare, StageLike)
    assert [one.supports_dry_run for one in made] == [True, True, True]
    assert step.supports_dry_run()
    assert step.dry_run_description() == made[1].description == "One step: what the one before it made, and its own name."  # fmt: skip
    assert manager.execute_pipeline().ok


def test_stage_dependency_and_dependency_order(manager: StageManager) -> None:
    class Around(Bare):
        name = "plugin.around"

        def dependencies(self) -> Sequence[StageDependency]:
            return [
                StageDependency("opencore.edit", DependencyOrder.BEFORE),
                StageDependency("opencore.assemble", DependencyOrder.AFTER),
                StageDependency("nobody.there", DependencyOrder.BEFORE, required=False),
            ]

    manager.register_stage(Around())

    ordered = [stage.name for stage in manager.resolve([*NAMES, "plugin.around"])]

    assert ordered == [*NAMES[:2], "plugin.around", *NAMES[2:]]


def test_stage_registry(manager: StageManager) -> None:
    assert manager.get_stage("opencore.edit").name == "opencore.edit"
    assert [stage.name for stage in manager.get_stages()] == NAMES
    assert [stage.name for stage in manager.resolve(["opencore.assemble"])] == NAMES[:3]
    with pytest.raises(StagemakeError, match=r"two stages are named `opencore\.edit`"):
        manager.register_stage(Step("opencore.edit"))
    assert manager.unregister_stages("opencore") == tuple(NAMES)
    assert manager.get_stages() == ()


def test_stage_manager(manager: StageManager) -> None:
    async def twins() -> tuple[Any, ...]:
        return (
            await manager.build_pipeline_async(NAMES),
            await manager.dry_run_pipeline_async(NAMES),
            await manager.execute_pipeline_async(NAMES),
            await manager.plan_async(NAMES),
        )

    pipeline, report, outcome, plan = asyncio.run(twins())

    assert isinstance(pipeline, Pipeline)
    assert isinstance(report, DryRunReport)
    assert (report.total_operations(), outcome.ok, plan.is_done) == (8, True, True)
    hook = manager.register_pre_stage_hook(StageHook())
    manager.unregister_hook(hook)


def test_pipeline(manager: StageManager) -> None:
    calls: list[tuple[str, str]] = []

    class Calls(StageHook):
        def before_stage(self, stage_name: str, context: StageContext) -> None:
            calls.append(("before", stage_name))

        def after_stage(self, stage_name: str, context: StageContext) -> None:
            calls.append(("after", stage_name))

    manager.register_pre_stage_hook(Calls())
    manager.register_post_stage_hook(Calls())
    manager.register_pipeline("opencore", NAMES, default=True)

    assert manager.execute_pipeline(manager.build_pipeline(["opencore"])).ok

    assert calls == [(word, name) for name in NAMES for word in ("before", "after")]


def test_stage_context(manager: StageManager) -> None:
    class Look(Step):
        uses = ("opencore.gather",)
        config = {"level": 3}  # noqa: RUF012 - as people write it

        async def execute(self, context: StageContext) -> None:
            assert context.mode is ExecutionMode.LIVE
            assert context.dry_run is None
            assert isinstance(context.config, ConfigStore)
            assert isinstance(context.shared, SharedData)
            assert context.config.get_int("level") == 3
            assert context.shared["opencore.gather"] == len("opencore.gather\n")
            context.events.emit("seen", context.name)
            await super().execute(context)
            with pytest.raises(StagemakeError, match="without declaring it"):
                context.shared["opencore.edit"]

    heard: list[Any] = []
    manager.events.subscribe(heard.append, name="seen")
    manager.register_stage(Look("look", "opencore.gather"))

    assert manager.execute_pipeline(["look"]).ok
    assert [event.payload for event in heard] == ["look"]


def test_dry_run_context_dry_runnable_and_execution_mode(manager: StageManager) -> None:
    class Says(Step):
        def plan_operations(self, context: StageContext) -> list[DryRunnable]:
            assert context.mode is ExecutionMode.DRY_RUN
            assert isinstance(context.dry_run, DryRunContext)
            context.dry_run.add(PlannedOperation(OperationKind.CREATE, "says.txt", size_bytes=40))
            return [PlannedOperation(OperationKind.RUN, detail="a tool")]

    class Hidden(Step):
        def supports_dry_run(self) -> bool:
            return False

    manager.register_stage(Says("says", "opencore.compile"))
    manager.register_stage(Hidden("hidden"))

    report = manager.dry_run_pipeline()

    context = report.context()
    assert report.total_operations() == len(context.planned_operations) == 2 * len(NAMES) + 2
    assert set(context.stage_operations) == {*NAMES, "says"}
    assert report.estimated_disk_usage() == context.estimated_disk_usage == 40
    assert report.estimated_duration().p50 == 0
    (conflict,) = report.potential_conflicts()
    assert (conflict.kind.code, conflict.stages) == ("no_dry_run", ("hidden",))
    assert [report.plan.pipeline.stages[one].name for one in report.opaque] == ["hidden"]


def test_stage_hook(manager: StageManager) -> None:
    class Fails(StageHook):
        name = "guard"

        async def after_stage(self, stage_name: str, context: StageContext) -> None:
            if stage_name == "opencore.edit":
                raise ValueError("not so")

    manager.register_post_stage_hook(Fails())

    outcome = manager.execute_pipeline(NAMES)

    assert [result.problem for result in outcome.results] == [
        "", "hook `guard` raised ValueError: not so", *["needs `opencore.edit`, which failed"] * 2,
    ]  # fmt: skip
