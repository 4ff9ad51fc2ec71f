"""An application's own classes, as mypy --strict sees them. Checked by `test_typing.py`, never run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence  # noqa: TC003 - as applications write it
from typing import Any

from stagemake import (
    BaseStage,
    BuildOutcome,
    DependencyOrder,
    DryRunnable,
    DryRunReport,
    HookId,
    OperationKind,
    PlannedOperation,
    Stage,
    StageContext,
    StageDependency,
    StageHook,
    StageLike,
    StageManager,
    StorageProvider,
)


class Plain:
    """Nothing but the members that every stage has."""

    name = "plain"

    def dependencies(self) -> Sequence[StageDependency]:
        return (StageDependency("core.ready", DependencyOrder.AFTER, required=False),)

    def execute(self, context: StageContext) -> None:
        rows: int = len(context.storage.read_text("in").splitlines())
        context.shared["rows"] = rows
        context.events.emit("progress", {"rows": rows})


class Computed:
    """Its name is a property, its execute a coroutine."""

    def __init__(self, number: int) -> None:
        self.number = number

    @property
    def name(self) -> str:
        return f"computed.{self.number}"

    def dependencies(self) -> list[StageDependency]:
        return []

    async def execute(self, context: StageContext) -> None:
        level: int = context.config.get_int("level")
        names: list[str] = context.config.get_list("names")
        copy(context.storage, names[level])

    def supports_dry_run(self) -> bool:
        return False

    def dry_run_description(self) -> str:
        return "compute"


def copy(storage: StorageProvider, name: str) -> None:
    storage.copy(name, f"{name}.copy")


class Based(BaseStage):
    """With the base class."""

    name = "based"
    inputs = ("in",)
    outputs = ("out",)
    uses = ("rows",)

    def dependencies(self) -> Iterable[StageDependency]:
        return [StageDependency("plain")]

    async def execute(self, context: StageContext) -> None:
        context.storage.write("out", str(context.shared["rows"]))

    def plan_operations(self, context: StageContext) -> list[PlannedOperation]:
        return [PlannedOperation(OperationKind.CREATE, "out", size_bytes=3)]


class Watch(StageHook):
    """One method plain, one not."""

    def before_stage(self, stage_name: str, context: StageContext) -> None:
        assert stage_name == context.name

    async def after_stage(self, stage_name: str, context: StageContext) -> None:
        assert context.results[stage_name].wall_s >= 0


STAGES: list[StageLike] = [Plain(), Computed(1), Based()]
RUNNABLE: DryRunnable = PlannedOperation(OperationKind.RUN, detail="true")


def build(root: str) -> BuildOutcome:
    manager = StageManager(root, jobs=2)
    made: list[Stage] = [manager.register_stage(stage) for stage in STAGES]
    hook: HookId = manager.register_pre_stage_hook(Watch(), timeout_s=1.5)
    manager.register_post_stage_hook(Watch())
    manager.unregister_hook(hook)
    manager.register_pipeline("all", made, default=True)
    report: DryRunReport = manager.dry_run_pipeline(["all"])
    total: int = report.total_operations() + report.estimated_disk_usage()
    assert total >= 0
    subscription: int = manager.events.subscribe(print, name="progress")
    manager.events.unsubscribe(subscription)
    return manager.execute_pipeline(manager.build_pipeline(["all"]))


async def build_async(manager: StageManager) -> Any:
    await manager.plan_async()
    return (await manager.execute_pipeline_async(["all"])).ok
