"""The Python API: a program that embeds stagemake, with stages and hooks of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import (
    BaseStage,
    BuildRequest,
    DependencyOrder,
    DryRunReport,
    ExecutionMode,
    Outcome,
    Stage,
    StageContext,
    StageDependency,
    StageHook,
    StagemakeError,
    StageManager,
    Verdict,
    command,
)

if TYPE_CHECKING:
    from pathlib import Path


def manager_at(root: Path, **keywords: Any) -> StageManager:
    """Return a manager on a directory with a cache beside it."""
    root.mkdir(exist_ok=True)
    return StageManager(root, cache_dir=root.parent / "cache", **keywords)


class Gather(BaseStage):
    """Collect the parts."""

    name = "opencore.gather"
    inputs = ("parts/",)
    outputs = ("build/all",)

    def execute(self, context: StageContext) -> None:
        texts = [path.read_text() for path in sorted(context.inputs[0].iterdir())]
        context.outputs[0].write_text("".join(texts))


class Compile:
    """No base class: anything with these members is a stage."""

    name = "opencore.compile"
    inputs = ("build/all",)
    outputs = ("build/out",)

    def dependencies(self) -> list[StageDependency]:
        return [StageDependency("core.config_load", order=DependencyOrder.BEFORE, required=False)]

    async def execute(self, context: StageContext) -> None:
        await asyncio.sleep(0)
        context.outputs[0].write_text(context.inputs[0].read_text().upper())

    def supports_dry_run(self) -> bool:
        return False

    def dry_run_description(self) -> str:
        return "compile everything"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "parts").mkdir(parents=True)
    (root / "parts/a").write_text("a")
    (root / "parts/b").write_text("b")
    return root


@pytest.fixture
def manager(root: Path) -> StageManager:
    manager = manager_at(root)
    manager.register_stage(Gather())
    manager.register_stage(Compile())
    return manager


# --- Registering. ----------------------------------------------------------------------------------


def test_registering_writes_nothing_and_gives_stage_values(
    manager: StageManager, root: Path
) -> None:
    names = [stage.name for stage in manager.get_stages()]

    assert names == ["opencore.gather", "opencore.compile"]
    assert isinstance(manager.get_stage("opencore.gather"), Stage)
    assert manager.get_stage("opencore.gather").description == "Collect the parts."
    assert manager.get_stage("opencore.compile").description == "compile everything"
    assert sorted(path.name for path in root.iterdir()) == ["parts"]


def test_a_stage_value_made_by_the_language_can_be_registered(root: Path) -> None:
    manager = manager_at(root)

    manager.register_stage(command("copy", "cp parts/a b", inputs=["parts/a"], outputs=["b"]))

    assert manager.execute_pipeline(["copy"]).ok
    assert (root / "b").read_text() == "a"


def test_a_name_can_be_registered_once(manager: StageManager) -> None:
    with pytest.raises(StagemakeError, match=r"two stages are named `opencore\.gather`"):
        manager.register_stage(Gather())


def test_what_is_no_stage_is_refused(manager: StageManager) -> None:
    with pytest.raises(StagemakeError, match="is no stage"):
        manager.register_stage(3)  # type: ignore[arg-type]  # that's the test


def test_an_unknown_stage_names_near_ones(manager: StageManager) -> None:
    with pytest.raises(StagemakeError) as raised:
        manager.get_stage("opencore.gathr")

    assert str(raised.value) == (
        "error: there is no stage `opencore.gathr`\nhint: did you mean `opencore.gather`?"
    )


def test_unregistering_takes_a_whole_prefix(manager: StageManager) -> None:
    assert manager.unregister_stages("opencore") == ("opencore.gather", "opencore.compile")

    assert manager.get_stages() == ()
    assert manager.execute_pipeline().results == ()


def test_a_text_is_no_list_of_targets(manager: StageManager) -> None:
    with pytest.raises(StagemakeError, match="a sequence of names"):
        manager.plan("opencore.gather")


def test_a_root_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StagemakeError, match="is no directory"):
        StageManager(tmp_path / "nowhere")


# --- Asking and doing. -----------------------------------------------------------------------------


def test_a_pipeline_is_what_the_targets_take_in_order(manager: StageManager) -> None:
    pipeline = manager.build_pipeline(["opencore.compile"])

    assert [stage.name for stage in pipeline.stages] == ["opencore.gather", "opencore.compile"]
    assert pipeline.upstream == ((), (0,))
    assert pipeline.targets == (1,)


def test_plan_then_execute_then_nothing_left(manager: StageManager, root: Path) -> None:
    plan = manager.plan(["opencore.compile"])
    assert [step.verdict for step in plan.steps] == [Verdict.MISS, Verdict.MISS]

    outcome = manager.execute_pipeline(["opencore.compile"])

    assert outcome.ok
    assert [result.outcome for result in outcome.results] == [Outcome.RAN, Outcome.RAN]
    assert outcome.wall_s > 0
    assert (root / "build/out").read_text() == "AB"
    assert manager.plan(["opencore.compile"]).is_done


def test_the_same_manager_sees_edits_between_its_builds(manager: StageManager, root: Path) -> None:
    assert manager.execute_pipeline().ok
    (root / "parts/c").write_text("c")

    outcome = manager.execute_pipeline()

    assert [result.outcome for result in outcome.results] == [Outcome.RAN, Outcome.RAN]
    assert (root / "build/out").read_text() == "ABC"


def test_a_dry_run_reports_costs_and_conflicts_and_writes_nothing(
    manager: StageManager, root: Path
) -> None:
    (root / "build").mkdir()
    (root / "build/out").write_text("mine")
    before = sorted(root.rglob("*"))

    report = manager.dry_run_pipeline(["opencore.compile"])

    assert isinstance(report, DryRunReport)
    assert report.total_operations() == 2
    assert report.estimated_disk_usage() == 0
    assert report.estimated_duration().p50 == 0
    assert [conflict.path for conflict in report.potential_conflicts()] == ["build/out", ""]
    assert report.unestimated == 1
    assert [report.plan.pipeline.stages[i].name for i in report.opaque] == ["opencore.compile"]
    assert sorted(root.rglob("*")) == before


def test_failed_stages_are_results_and_mistakes_are_exceptions(root: Path) -> None:
    manager = manager_at(root)
    manager.register_stage(command("bad", "exit 3", outputs=["x"]))
    manager.register_stage(command("lost", "cp nothing y", inputs=["nothing"], outputs=["y"]))

    outcome = manager.execute_pipeline(["bad"])

    assert not outcome.ok
    assert (outcome.results[0].outcome, outcome.results[0].exit_code) == (Outcome.FAILED, 3)
    with pytest.raises(StagemakeError, match="needs an input nobody makes"):
        manager.execute_pipeline(["lost"])
    with pytest.raises(StagemakeError, match="no stage, pipeline"):
        manager.execute_pipeline(["nobody"])


def test_a_request_takes_the_place_of_targets(manager: StageManager) -> None:
    assert manager.execute_pipeline().ok

    outcome = manager.execute_pipeline(BuildRequest(targets=("build/all",), force=True))

    assert [(result.name, result.outcome) for result in outcome.results] == [
        ("opencore.gather", Outcome.RAN)
    ]


def test_a_build_can_be_awaited_while_the_loop_goes_on(manager: StageManager) -> None:
    ticks = []

    async def both() -> bool:
        async def tick() -> None:
            while True:
                ticks.append(1)
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        outcome = await manager.execute_pipeline_async(["opencore.compile"])
        ticking.cancel()
        return outcome.ok

    assert asyncio.run(both())
    assert len(ticks) > 1


def test_cancelling_a_build_that_is_awaited_stops_it(root: Path) -> None:
    manager = manager_at(root)
    manager.register_stage(command("hang", "echo > began; exec sleep 1000", outputs=["x"]))

    async def cancel() -> None:
        work = asyncio.create_task(manager.execute_pipeline_async())
        while not (root / "began").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)  # polls for an event
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(asyncio.wait_for(cancel(), 30))

    assert not (root / "x").exists()


def test_events_reach_reporters_and_a_raising_one_is_left_out(root: Path) -> None:
    seen = []

    class Good:
        def handle(self, event: Any) -> None:
            seen.append(type(event).__name__)

    class Bad:
        def handle(self, event: Any) -> None:
            raise RuntimeError(event)

    manager = manager_at(root, reporters=[Bad(), Good()])
    manager.register_stage(Gather())

    assert manager.execute_pipeline().ok

    assert seen == ["PlanReady", "Notice", "StageStarted", "StageSettled", "BuildFinished"]


# --- Hooks. ----------------------------------------------------------------------------------------


class Recorder(StageHook):
    """Notes each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, ExecutionMode]] = []

    def before_stage(self, stage_name: str, context: StageContext) -> None:
        self.calls.append(("before", stage_name, context.mode))

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        self.calls.append(("after", stage_name, context.mode))


def test_hooks_are_called_round_every_stage_that_runs(manager: StageManager) -> None:
    hook = Recorder()
    manager.register_pre_stage_hook(hook)
    manager.register_post_stage_hook(hook)

    manager.execute_pipeline()
    manager.execute_pipeline()  # nothing runs
    manager.dry_run_pipeline(BuildRequest(force=True))

    live = ExecutionMode.LIVE
    assert hook.calls == [
        ("before", "opencore.gather", live),
        ("after", "opencore.gather", live),
        ("before", "opencore.compile", live),
        ("after", "opencore.compile", live),
    ]


def test_an_unregistered_hook_is_not_called_and_its_id_is_gone(manager: StageManager) -> None:
    hook = Recorder()
    before = manager.register_pre_stage_hook(hook)
    after = manager.register_post_stage_hook(hook)
    assert before != after

    manager.unregister_hook(before)
    manager.unregister_hook(after)
    manager.execute_pipeline()

    assert hook.calls == []
    with pytest.raises(StagemakeError, match="there is no hook"):
        manager.unregister_hook(before)


def test_a_pre_hook_that_raises_keeps_its_stage_from_running(
    manager: StageManager, root: Path
) -> None:
    class Veto:
        name = "veto"

        def before_stage(self, stage_name: str, _context: StageContext) -> None:
            raise ValueError(f"not {stage_name}")

    manager.register_pre_stage_hook(Veto())

    outcome = manager.execute_pipeline()

    assert [(result.outcome, result.problem) for result in outcome.results] == [
        (Outcome.FAILED, "hook `veto` raised ValueError: not opencore.gather"),
        (Outcome.BLOCKED, "needs `opencore.gather`, which failed"),
    ]
    assert not (root / "build/all").exists()


def test_a_post_hook_that_raises_fails_its_stage_and_the_others_are_called(
    manager: StageManager,
) -> None:
    class Doubt:
        def after_stage(self, _stage_name: str, _context: StageContext) -> None:
            raise ValueError("no")

    recorder = Recorder()
    manager.register_post_stage_hook(Doubt())
    manager.register_post_stage_hook(recorder)

    outcome = manager.execute_pipeline(["opencore.gather"])

    assert outcome.results[0].problem == "hook `Doubt` raised ValueError: no"
    assert [name for _, name, _ in recorder.calls] == ["opencore.gather"]


def test_an_async_hook_is_awaited(manager: StageManager) -> None:
    seen = []

    class Slow:
        async def before_stage(self, stage_name: str, _context: StageContext) -> None:
            await asyncio.sleep(0)
            seen.append(stage_name)

    manager.register_pre_stage_hook(Slow())

    assert manager.execute_pipeline(["opencore.gather"]).ok
    assert seen == ["opencore.gather"]


def test_an_async_hook_is_awaited_when_the_build_is(manager: StageManager) -> None:
    seen = []

    class Slow:
        async def after_stage(self, stage_name: str, _context: StageContext) -> None:
            await asyncio.sleep(0)
            seen.append(stage_name)

    manager.register_post_stage_hook(Slow())

    assert asyncio.run(manager.execute_pipeline_async(["opencore.gather"])).ok
    assert seen == ["opencore.gather"]


# --- Several managers. -----------------------------------------------------------------------------

USES_HELPER = """\
from helper import value
from stagemake import stage


@stage(outputs=["out"])
def write(context):
    import late
    context.outputs[0].write_text(f"{value()} {late.NAME}")
"""


def test_two_managers_in_one_process_do_not_disturb_each_other(tmp_path: Path) -> None:
    managers = []
    for name in ("one", "two"):
        root = tmp_path / name
        root.mkdir()
        (root / "helper.py").write_text(f"def value():\n    return {name!r}\n")
        (root / "late.py").write_text(f"NAME = {name!r}\n")
        (root / "Stagefile").write_text(USES_HELPER)
        manager = manager_at(root)
        manager.load("Stagefile")
        managers.append(manager)

    outcomes = [manager.execute_pipeline() for manager in managers]

    assert [outcome.ok for outcome in outcomes] == [True, True]
    assert (tmp_path / "one/out").read_text() == "one one"
    assert (tmp_path / "two/out").read_text() == "two two"
    assert all(manager.plan().is_done for manager in managers)


def test_a_manager_leaves_no_module_and_no_path_behind(tmp_path: Path) -> None:
    import sys

    root = tmp_path / "one"
    root.mkdir()
    (root / "only_here_helper.py").write_text("VALUE = 1\n")
    (root / "Stagefile").write_text("import only_here_helper\n")
    modules, search_path, finders = set(sys.modules), list(sys.path), list(sys.meta_path)

    manager_at(root).load("Stagefile")

    assert not {"only_here_helper", "Stagefile"} & set(sys.modules)
    assert set(sys.modules) - modules <= {name for name in sys.modules if "stagemake" in name}
    assert (sys.path, sys.meta_path) == (search_path, finders)
    assert not (root / "__pycache__").exists()


def test_values_given_to_a_manager_win_over_the_projects_table(tmp_path: Path) -> None:
    root = tmp_path / "one"
    root.mkdir()
    (root / "pyproject.toml").write_text('[tool.stagemake.config]\nlevel = 2\nname = "table"\n')
    (root / "Stagefile").write_text(
        "from stagemake import command, config\n"
        'command("a", "true", params={"l": config("level", 1), "n": config("name", "")})\n'
    )
    manager = manager_at(root, config={"level": 3})

    manager.load()

    assert manager.get_stage("a").params == (("l", 3), ("n", "table"))


def test_a_managers_environment_is_the_one_it_was_given(tmp_path: Path) -> None:
    root = tmp_path / "one"
    root.mkdir()
    manager = manager_at(root, environ={"PATH": "/usr/bin:/bin", "COLOUR": "red"})
    (root / "Stagefile").write_text(
        "from stagemake import command, env\n"
        'command("a", "echo $COLOUR > x", outputs=["x"], env=["COLOUR"], params={"c": env("COLOUR")})\n'
    )
    manager.load()

    assert manager.execute_pipeline().ok

    assert (root / "x").read_text() == "red\n"
    assert manager.get_stage("a").params == (("c", "red"),)
