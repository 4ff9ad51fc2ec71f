"""The session: its core stages, and what plugins and programs hang on them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from plugin_kit import plugin

from stagemake import (
    BaseStage,
    DependencyOrder,
    ExecutionMode,
    Plugin,
    StageDependency,
    StagemakeError,
    StageManager,
    command,
    core_stages,
)
from stagemake.model.stage import StageName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from project import Project

CORE = list(core_stages.IN_ORDER)


@define
class Noted(BaseStage):
    """A stage of the session that notes that it ran."""

    name: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    log: list[str] = field(factory=list)
    effect: Callable[[Any], None] | None = None
    is_for_dry_runs: bool = True

    def dependencies(self) -> Iterable[StageDependency]:
        """Return both sides."""
        yield from (StageDependency(StageName(name)) for name in self.after)
        for name in self.before:
            yield StageDependency(StageName(name), DependencyOrder.AFTER)

    def supports_dry_run(self) -> bool:
        """Return what the test says."""
        return self.is_for_dry_runs

    def execute(self, context: Any) -> None:
        """Note it."""
        self.log.append(self.name)
        if self.effect is not None:
            self.effect(context)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty project's directory."""
    root = tmp_path / "project"
    root.mkdir()
    return root


def manager_at(root: Path, *stages: Noted, **keywords: Any) -> StageManager:
    """Return a manager with these stages of the session."""
    manager = StageManager(root, cache_dir=root.parent / "cache", **keywords)
    for stage in stages:
        manager.register_lifecycle_stage(stage)
    return manager


def test_the_constants_are_the_seven_core_stages_in_order() -> None:
    assert CORE == [
        "core.bootstrap", "core.plugin_load", "core.plugin_init", "core.config_load",
        "core.ui_init", "core.ready", "core.shutdown",
    ]  # fmt: skip


def test_a_session_runs_the_core_stages_and_the_pipeline_between_ready_and_shutdown(
    root: Path,
) -> None:
    with manager_at(root) as manager:
        assert manager.extensions is not None
        session = manager.extensions.session
        manager.register_stage(command("a", "true > a", outputs=["a"]))
        assert session.ran == ()

        assert manager.execute_pipeline(["a"]).ok

        assert list(session.ran) == CORE[:-1]
    assert list(session.ran) == CORE
    assert (root / "a").exists()


def test_a_manager_without_plugins_or_session_has_none(root: Path) -> None:
    manager = StageManager(root, cache_dir=root.parent / "cache")
    manager.register_stage(command("a", "true > a", outputs=["a"]))

    assert manager.execute_pipeline(["a"]).ok
    manager.close()

    assert manager.extensions is None


def test_stages_hang_before_and_after_each_core_stage(root: Path) -> None:
    log: list[str] = []
    stages = [Noted(f"after.{name}", after=(name,), log=log) for name in CORE]
    stages += [Noted(f"before.{name}", before=(name,), log=log) for name in CORE]
    stages.append(Noted("anywhere", log=log))

    with manager_at(root, *stages) as manager:
        manager.begin()
        begun = list(manager.lifecycle)
        log.append("the pipeline")

    around = [[f"before.{core}", core, f"after.{core}"] for core in CORE]
    assert begun == [*chain(*around[:-1]), "anywhere", *around[-1]]
    assert log[log.index("the pipeline") - 2 :] == [
        "after.core.ready", "anywhere", "the pipeline", "before.core.shutdown", "after.core.shutdown",
    ]  # fmt: skip


def test_a_required_stage_of_the_session_must_be_there_an_optional_one_need_not(
    root: Path,
) -> None:
    class Wants(Noted):
        def dependencies(self) -> Iterable[StageDependency]:
            yield StageDependency(StageName("core.redy"), required=self.name == "strict")

    with manager_at(root, Wants("lax")) as manager:
        manager.begin()
        assert "lax" in manager.lifecycle

    with pytest.raises(StagemakeError) as caught, manager_at(root, Wants("strict")) as manager:
        manager.begin()

    assert str(caught.value).startswith(
        "error: stage `strict` runs after `core.redy`, which is no stage"
    )
    assert "hint: did you mean `core.ready`?" in str(caught.value)


def test_a_cycle_in_the_session_is_told(root: Path) -> None:
    stages = (Noted("a", after=("core.ready",), before=("core.ui_init",)),)

    with pytest.raises(StagemakeError, match="wait for each other") as caught:
        manager_at(root, *stages).begin()

    assert "`a` runs after `core.ready`" in str(caught.value)
    assert "`core.ready` runs after `core.ui_init`" in str(caught.value)


def test_a_stage_of_the_session_sees_its_manager_and_the_mode(root: Path) -> None:
    seen: list[Any] = []
    look = Noted(
        "look", effect=lambda context: seen.append((context.manager, context.mode, context.name))
    )

    with manager_at(root, look) as manager:
        manager.begin()

    assert seen == [(manager, ExecutionMode.LIVE, "look")]


def test_a_stage_of_the_session_may_be_async_also_inside_an_event_loop(root: Path) -> None:
    import asyncio

    log = []

    class Slow(Noted):
        async def execute(self, context: Any) -> None:  # type: ignore[override]  # either will do
            await asyncio.sleep(0)
            log.append(context.name)

    async def program() -> None:
        with manager_at(root, Slow("slow")) as manager:
            manager.begin()

    manager_at(root, Slow("slow")).begin().close()
    asyncio.run(program())

    assert log == ["slow", "slow"]


@pytest.mark.parametrize("error", [ValueError("no"), StagemakeError("no"), SystemExit(3)])
def test_a_stage_that_raises_ends_the_session_and_shutdown_runs(
    root: Path, error: BaseException
) -> None:
    log: list[str] = []

    def fail(_: Any) -> None:
        raise error

    manager = manager_at(
        root,
        Noted("open", after=("core.plugin_init",), log=log),
        Noted("bad", before=("core.ui_init",), log=log, effect=fail),
        Noted("never", before=("core.ready",), log=log),
        Noted("close", after=("open",), before=("core.shutdown",), log=log),
        Noted("clean", after=("open2",), before=("core.shutdown",), log=log),
        Noted("open2", before=("core.ready",), after=("core.ui_init",), log=log),
    )

    with pytest.raises(StagemakeError), manager:
        manager.plan()

    assert log == ["open", "bad", "close"]  # `clean` comes after what did not run
    assert manager.extensions is not None
    assert manager.extensions.session.ran[-1] == "core.shutdown"
    with pytest.raises(StagemakeError, match="the session of this manager is over"):
        manager.plan()


def test_what_comes_before_shutdown_alone_runs_after_the_pipeline_whatever_fails(
    root: Path,
) -> None:
    log: list[str] = []

    def fail(_: Any) -> None:
        raise ValueError("first")

    stages = [
        Noted("bad", before=("core.shutdown",), log=log, effect=fail),
        Noted("needs.bad", after=("bad",), before=("core.shutdown",), log=log),
        Noted("good", before=("core.shutdown",), log=log),
        Noted("last", after=("core.shutdown",), log=log),
    ]
    manager = manager_at(root, *stages)
    manager.register_stage(command("a", "exit 3", outputs=["a"]))

    with (  # noqa: PT012 - the block is what raises
        pytest.raises(StagemakeError, match="stage `bad` of the session failed: ValueError: first"),
        manager,
    ):
        assert not manager.execute_pipeline(["a"]).ok
        assert log == []

    assert log == ["bad", "good", "last"]


def test_shutdown_runs_after_an_interrupt(root: Path) -> None:
    log: list[str] = []

    with (  # noqa: PT012 - the block is what raises
        pytest.raises(KeyboardInterrupt),
        manager_at(root, Noted("bye", before=("core.shutdown",), log=log)) as manager,
    ):
        manager.begin()
        raise KeyboardInterrupt

    assert log == ["bye"]


def test_an_error_in_the_block_wins_over_one_of_the_shutdown(root: Path) -> None:
    def fail(_: Any) -> None:
        raise ValueError("second")

    bad = Noted("bad", before=("core.shutdown",), effect=fail)
    with pytest.raises(RuntimeError, match="first") as caught, manager_at(root, bad) as manager:  # noqa: PT012 - the block is what raises
        manager.begin()
        raise RuntimeError("first")

    assert "stage `bad` of the session failed: ValueError: second" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("stage", "problem"),
    [
        (Noted("core.mine"), "`core.mine` can't be a stage of the session: `core.` is kept"),
        (Noted("core.ready"), "`core.ready` can't be a stage of the session"),
        (Noted("twice"), "two stages of the session are named `twice`"),
        (command("no", "true"), "stage `no` of the session is no function"),
        (command("files", "true", outputs=["a"]), "stage `files` of the session declares outputs"),
        (3, "is no stage"),
    ],
)
def test_what_can_not_be_a_stage_of_the_session_is_refused(
    root: Path, stage: Any, problem: str
) -> None:
    manager = manager_at(root, Noted("twice"))

    with pytest.raises(StagemakeError, match=problem):  # noqa: PT012 - the block is what raises
        manager.register_lifecycle_stage(stage)
        manager.begin()


def test_a_stage_of_the_project_may_name_core_stages_on_the_right_side(root: Path) -> None:
    class Fine(Noted):
        def execute(self, context: Any) -> None:
            print(context.name)

    manager = StageManager(root, cache_dir=root.parent / "cache")
    manager.register_stage(Fine("fine", after=("core.ready",), before=("core.shutdown",)))
    assert manager.execute_pipeline(["fine"]).ok

    manager.register_stage(Fine("early", before=("core.ready",)))
    with pytest.raises(StagemakeError) as caught:
        manager.plan()

    assert (
        "stage `early` runs before `core.ready`, but the stages of a project run after it"
        in str(caught.value)
    )
    assert "register_lifecycle_stage" in str(caught.value)


def test_plugins_of_a_program_can_come_before_everything(root: Path) -> None:
    log: list[str] = []
    first = Plugin("first", lifecycle=[Noted("first.of.all", before=("core.bootstrap",), log=log)])

    with manager_at(root, plugins=[first]) as manager:
        manager.begin()
        assert manager.lifecycle[:2] == ("first.of.all", "core.bootstrap")

    assert log == ["first.of.all"]


# --- On the command line. --------------------------------------------------------------------------

HANGS = """
def note(text):
    with open("session.log", "a") as stream:
        stream.write(text + "\\n")

def hung(stage_name, after=(), before=(), dry=True):
    class Hung(BaseStage):
        name = stage_name
        def dependencies(self):
            return [*map(StageDependency, after),
                    *(StageDependency(each, DependencyOrder.AFTER) for each in before)]
        def supports_dry_run(self):
            return dry
        def execute(self, context):
            note(f"{self.name} {context.mode.value} {len(context.manager.get_stages())}")
    return Hung

Before = hung("hang.before_config", before=["core.config_load"])
After = hung("hang.after_config", after=["core.config_load"], dry=False)
Bye = hung("hang.bye", before=["core.shutdown"])
"""


@pytest.fixture
def hanging(project: Project) -> Project:
    """Return a project whose plugin hangs stages on the session of each command."""
    table = {"before": "Before", "after": "After", "bye": "Bye"}
    plugin(project, "hang", HANGS, lifecycle=table)
    project.write("pyproject.toml", "[tool.stagemake]\nplugins = ['hang']\n")
    return project.stagefile('command("a", "true > a", outputs=["a"])')


def told(project: Project) -> list[str]:
    """Return what the stages of the session noted, and forget it."""
    lines = project.read("session.log").splitlines()
    project.remove("session.log")
    return lines


def test_every_command_is_a_session(hanging: Project) -> None:
    hanging.build().ran("a")
    assert told(hanging) == [
        "hang.before_config live 0",
        "hang.after_config live 1",
        "hang.bye live 1",
    ]

    for words in (["-n"], ["-q"], ["list"], ["why", "a"], ["graph"], ["clean", "-n"]):
        hanging.build(*words)
        assert told(hanging) == ["hang.before_config dry run 0", "hang.bye dry run 1"]


@pytest.mark.parametrize("words", [["nothing"], ["--runner", "none"], ["list", "nothing"]])
def test_shutdown_runs_after_a_mistake(hanging: Project, words: list[str]) -> None:
    hanging.build(*words).exited(2)

    assert told(hanging)[-1].startswith("hang.bye")


def test_shutdown_runs_after_a_failed_stage_and_an_interrupt(hanging: Project) -> None:
    hanging.stagefile('command("a", "exit 1", outputs=["a"])').build().failed("a")
    assert told(hanging)[-1] == "hang.bye live 1"

    hanging.stagefile('command("a", "kill -INT $PPID; sleep 60", outputs=["a"])')
    hanging.write("pyproject.toml", "[tool.stagemake]\nplugins = ['hang', 'intr']\n")
    source = """
    import os, signal
    class Stop:
        def before_stage(self, stage_name, context):
            os.kill(os.getpid(), signal.SIGINT)
    """
    plugin(hanging, "intr", source, hooks={"stop": "Stop"})
    hanging.run().exited(130)
    assert told(hanging)[-1] == "hang.bye live 1"


@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_shutdown_runs_after_a_signal_between_the_stages(
    hanging: Project, name: str, status: int
) -> None:
    source = f"""
    import os, signal
    class Kill(BaseStage):
        name = "kill.it"
        def dependencies(self): return [StageDependency("core.ready")]
        def execute(self, context): os.kill(os.getpid(), signal.{name})
    """
    plugin(hanging, "kill", source, lifecycle={"kill": "Kill"})
    hanging.write("pyproject.toml", "[tool.stagemake]\nplugins = ['hang', 'kill']\n")

    hanging.run("list").exited(status)

    assert told(hanging) == ["hang.before_config dry run 0", "hang.bye dry run 1"]


def test_shutdown_runs_when_the_stagefile_is_wrong(hanging: Project) -> None:
    hanging.write("Stagefile", "1 / 0").build().exited(2)

    assert told(hanging) == ["hang.before_config live 0", "hang.bye live 0"]


def test_a_stage_of_a_plugin_that_only_the_stagefile_names_joins_there(hanging: Project) -> None:
    hanging.write("pyproject.toml", "").stagefile('plugin("hang")')

    found = hanging.build("list").exited(2).stderr
    assert found.startswith(
        "error: stage `hang.before_config` runs before `core.config_load`, which"
    )
    assert "declared  plugin `hang`, hang_plugin.py:" in found


def test_a_stage_of_the_session_that_raises_ends_the_command(project: Project) -> None:
    source = """
    class Licence(BaseStage):
        name = "licence.check"
        def dependencies(self): return [StageDependency("core.ready")]
        def execute(self, context): raise ValueError("expired")
    """
    plugin(project, "licence", source, lifecycle={"check": "Licence"})
    project.stagefile('plugin("licence")\ncommand("a", "true > a", outputs=["a"])')

    project.build().exited(2).printed(
        """\
        error: stage `licence.check` of the session failed: ValueError: expired
          declared  plugin `licence`, licence_plugin.py:6
          at        licence_plugin.py:6
        """
    )
    assert not project.has("a")


def test_two_plugins_may_not_hang_stages_of_one_name(project: Project) -> None:
    source = """
    class Same(BaseStage):
        name = "same"
        def execute(self, context): pass
    """
    for name in ("alpha", "beta"):
        plugin(project, name, source, lifecycle={"same": "Same"})
    project.stagefile('plugin("alpha"); plugin("beta")')

    project.build("list").exited(2).printed(
        """\
        error: two stages of the session are named `same`
          first   plugin `alpha`, alpha_plugin.py:5
          second  plugin `beta`, beta_plugin.py:5
        hint: give one of them another name
        """
    )


def test_a_cycle_through_plugins_in_the_session_is_told_with_their_names(project: Project) -> None:
    for name, other in (("alpha", "beta"), ("beta", "alpha")):
        source = f"""
        class S(BaseStage):
            name = "{name}.s"
            def dependencies(self): return [StageDependency("{other}.s")]
            def execute(self, context): pass
        """
        plugin(project, name, source, lifecycle={"s": "S"})
    project.write("pyproject.toml", "[tool.stagemake]\nplugins = ['alpha', 'beta']\n").stagefile("")

    project.build("list").exited(2).printed(
        """\
        error: 2 stages wait for each other in a circle
          `alpha.s` -> `beta.s`  `beta.s` runs after `alpha.s`, declared plugin `beta`, beta_plugin.py:6
          `beta.s` -> `alpha.s`  `alpha.s` runs after `beta.s`, declared plugin `alpha`, alpha_plugin.py:6
        hint: take one of these edges away
        """
    )
