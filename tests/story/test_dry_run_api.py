"""A dry run through the API: operations by stage, disk, time, conflicts; and nothing is changed by it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import (
    BaseStage,
    DryRunnable,
    ExecutionMode,
    OperationKind,
    PlannedOperation,
    StageContext,
    StageManager,
    command,
)
from stagemake.model.report import ConflictKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "p/parts").mkdir(parents=True)
    (tmp_path / "p/parts/a").write_text("aaa")
    (tmp_path / "p/parts/b").write_text("bb")
    return tmp_path / "p"


@pytest.fixture
def manager(root: Path) -> StageManager:
    return StageManager(root, cache_dir=root.parent / "cache")


def listing(root: Path) -> dict[str, tuple[int, int, bytes]]:
    found = {}
    for path in [root.parent, *root.parent.rglob("*")]:
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[str(path)] = (status.st_mode, status.st_mtime_ns, data)
    return found


class Gather(BaseStage):
    """Gather the parts."""

    name = "gather"
    inputs = ("parts/",)
    outputs = ("build/all/",)
    provides = ("count",)
    executed: list[str] = []  # noqa: RUF012 - shared on purpose

    def execute(self, context: StageContext) -> None:
        self.executed.append(self.name)
        for path in context.storage.list("parts"):
            context.storage.copy(path, f"build/all/{os.path.basename(path)}")
        context.shared["count"] = len(context.storage.list("build/all"))

    def plan_operations(self, context: StageContext) -> None:
        assert context.mode is ExecutionMode.DRY_RUN
        assert context.dry_run is not None
        self.executed.append("planned")  # in a process of its own: nobody sees it
        os.environ["PLANNED"] = "1"
        self.execute(context)


class Upload:
    """A DryRunnable of the program's own."""

    def supports_dry_run(self) -> bool:
        return False

    def dry_run_description(self) -> str:
        return "upload to the mirror"


class Publish(BaseStage):
    """Publish what was gathered."""

    name = "publish"
    inputs = ("build/all/",)
    uses = ("count",)
    always = True

    def execute(self, context: StageContext) -> None: ...

    async def plan_operations(self, context: StageContext) -> Iterable[DryRunnable]:  # type: ignore[override]
        known = context.shared.get("count", "some")
        context.storage.write("index", f"{known} parts")
        return [Upload(), PlannedOperation(OperationKind.RUN, detail="rsync")]


def told(manager: StageManager, *targets: str) -> list[str]:
    report = manager.dry_run_pipeline(targets)
    return [f"{one.stage}: {one.dry_run_description()}" for one in report.operations]


def test_stages_say_themselves_what_they_would_do_and_do_nothing(
    manager: StageManager, root: Path
) -> None:
    manager.register_stage(Gather())
    manager.register_stage(Publish())
    before = listing(root)

    report = manager.dry_run_pipeline()

    context = report.context()
    assert {
        stage: [one.dry_run_description() for one in operations]
        for stage, operations in context.stage_operations.items()
    } == {
        "gather": ["copy parts/a to build/all/a", "copy parts/b to build/all/b"],
        "publish": ["create index", "upload to the mirror", "run rsync"],
    }
    assert report.total_operations() == context.total_operations() == 5
    assert [one.supports_dry_run() for one in report.operations] == [True, True, True, False, True]
    assert report.estimated_disk_usage() == context.estimated_disk_usage == 5 + len("some parts")
    assert report.estimated_duration().p50 == context.estimated_duration_s == 0
    assert report.potential_conflicts() == ()
    assert listing(root) == before
    assert Gather.executed == []
    assert "PLANNED" not in os.environ


def test_shared_values_that_are_known_are_seen(manager: StageManager, root: Path) -> None:
    manager.register_stage(Gather())
    manager.execute_pipeline()
    manager.register_stage(Publish())

    report = manager.dry_run_pipeline(["publish"])

    assert [one.size_bytes for one in report.operations] == [len("2 parts"), None, None]
    assert {one.stage for one in report.operations} == {"publish"}  # what is fresh does nothing


def test_ordinary_stages_make_change_move_and_remove_what_the_plan_says(
    manager: StageManager, root: Path
) -> None:
    manager.register_stage(command("old", "echo > {outputs}", outputs=["gone", "also/gone"]))
    manager.register_stage(command("copy", ["cp", "{inputs}", "{outputs}"], inputs=["parts/a"], outputs=["a b"]))  # fmt: skip
    assert manager.execute_pipeline(["old", "copy"]).with_outcome is not None
    manager.unregister_stages("old")
    manager.register_stage(command("tidy", "cat parts/* > {outputs}\necho", inputs=["parts/b"], outputs=["mine"]))  # fmt: skip
    (root / "mine").write_text("of the user")
    (root / "gone").write_text("\n")
    (root / "parts/a").write_text("changed")

    operations = told(manager)

    assert operations == [
        "copy: modify a b",
        "copy: run cp parts/a 'a b'",
        "tidy: move mine to .stagemake/kept/",
        "tidy: create mine",
        "tidy: run cat parts/* > mine",
    ]


def test_orphans_are_deleted_and_hits_are_not_run(manager: StageManager, root: Path) -> None:
    manager.register_stage(command("old", "echo > {outputs}", outputs=["gone"]))
    manager.register_stage(command("copy", "cp parts/a {outputs}", inputs=["parts/a"], outputs=["a"]))  # fmt: skip
    manager.execute_pipeline()
    manager.unregister_stages("old")
    (root / "a").unlink()

    report = manager.dry_run_pipeline()

    assert [one.dry_run_description() for one in report.operations] == ["delete gone", "create a"]
    assert report.operations[1].size_bytes == 3


class Opaque(Gather):
    name = "opaque"
    outputs = ("build/opaque/",)
    provides = ()

    def supports_dry_run(self) -> bool:
        return False


def test_stages_that_do_not_support_it_are_named_and_left_out_of_the_sums(
    manager: StageManager,
) -> None:
    manager.register_stage(Opaque())

    report = manager.dry_run_pipeline()

    assert [report.plan.pipeline.stages[one].name for one in report.opaque] == ["opaque"]
    assert (report.total_operations(), report.estimated_disk_usage()) == (0, 0)
    assert report.unestimated == 0


def planning(function: Any, **members: Any) -> BaseStage:
    members = {"name": "odd", "inputs": ("parts/",), "outputs": ("odd",), **members}
    made = type("Odd", (BaseStage,), {"plan_operations": function, **members})()
    assert isinstance(made, BaseStage)
    return made


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda self, context: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda self, context: context.storage.read("nothing"), "No such file or directory: "),
        (
            lambda self, context: 5,
            "plan_operations() of stage `odd` returned a int; it returns operations in a list, or nothing",
        ),
        (lambda self, context: [5], "TypeError: a planned operation has supports_dry_run()"),
        (lambda self, context: os._exit(3), "exit status 3"),
    ],
    ids=["raises", "reads", "number", "numbers", "leaves"],
)
def test_a_stage_that_can_not_say_is_named_and_the_dry_run_goes_on(
    manager: StageManager, function: Any, why: str
) -> None:
    manager.register_stage(planning(function))
    manager.register_stage(command("copy", "true", inputs=["parts/a"], outputs=["a"]))

    report = manager.dry_run_pipeline()

    (conflict,) = report.potential_conflicts()
    assert (conflict.kind, conflict.stages) == (ConflictKind.NOT_FORESEEN, ("odd",))
    assert why in conflict.hint
    assert [report.plan.pipeline.stages[one].name for one in report.opaque] == ["odd"]
    assert {one.stage for one in report.operations} == {"copy"}


def test_what_a_stage_would_change_without_declaring_it_is_a_conflict(
    manager: StageManager,
) -> None:
    def plan(self: Any, context: StageContext) -> None:
        context.storage.write("odd", "1")
        context.storage.move("parts/a", "else")
        context.storage.remove("parts/b")

    manager.register_stage(planning(plan))

    conflicts = manager.dry_run_pipeline().potential_conflicts()

    assert [(one.kind, one.path) for one in conflicts] == [
        (ConflictKind.UNDECLARED_WRITE, "else"),
        (ConflictKind.UNDECLARED_WRITE, "parts/a"),
        (ConflictKind.UNDECLARED_WRITE, "parts/b"),
    ]
    assert str(conflicts[0]) == ("else: a stage would change what it does not declare (odd)")
