"""Hooks round stages: order, failures, timeouts, async ones, and what their context holds."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import (
    BaseStage,
    BuildRequest,
    Outcome,
    StageContext,
    StageHook,
    StagemakeError,
    StageManager,
    command,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Count(BaseStage):
    """Count the letters."""

    name = "count"
    inputs = ("text",)
    outputs = ("count",)
    provides = ("letters",)

    def execute(self, context: StageContext) -> None:
        text = context.storage.read_text("text")
        context.shared["letters"] = len(text)
        context.storage.write("count", str(len(text)))


class Double(BaseStage):
    """Double the count."""

    name = "double"
    uses = ("letters",)
    outputs = ("doubled",)

    def execute(self, context: StageContext) -> None:
        context.storage.write("doubled", str(2 * context.shared["letters"]))


@pytest.fixture
def manager(tmp_path: Path) -> StageManager:
    root = tmp_path / "p"
    root.mkdir()
    (root / "text").write_text("abc")
    manager = StageManager(root, cache_dir=tmp_path / "cache")
    manager.register_stage(Count())
    manager.register_stage(Double())
    return manager


class Calls(StageHook):
    """Notes its calls in a list that several share."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name = name
        self.calls = calls

    def before_stage(self, stage_name: str, context: StageContext) -> None:
        self.calls.append(f"{self.name} before {stage_name}")

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        outcome = context.results[stage_name].outcome.value
        self.calls.append(f"{self.name} after {stage_name}: {outcome}")


def register(manager: StageManager, *hooks: Any, **keywords: Any) -> None:
    for hook in hooks:
        manager.register_pre_stage_hook(hook, **keywords)
        manager.register_post_stage_hook(hook, **keywords)


def test_hooks_are_called_in_order_of_registration_round_every_stage(manager: StageManager) -> None:
    calls: list[str] = []
    register(manager, Calls("one", calls), Calls("two", calls))

    assert manager.execute_pipeline().ok
    assert manager.execute_pipeline().ok  # all fresh

    assert calls == [
        "one before count", "two before count", "one after count: ran", "two after count: ran",
        "one before double", "two before double", "one after double: ran", "two after double: ran",
    ]  # fmt: skip


def test_restored_stages_are_not_executed_and_call_no_hook(manager: StageManager) -> None:
    manager.execute_pipeline()
    (manager_root(manager) / "count").unlink()
    calls: list[str] = []
    register(manager, Calls("one", calls))

    outcome = manager.execute_pipeline()

    assert [result.outcome for result in outcome.results] == [Outcome.RESTORED, Outcome.FRESH]
    assert calls == []


def manager_root(manager: StageManager) -> Path:
    from pathlib import Path

    return Path(manager.root)


def test_a_hook_sees_results_shared_values_and_files(manager: StageManager) -> None:
    seen: list[Any] = []

    class Look(StageHook):
        def before_stage(self, stage_name: str, context: StageContext) -> None:
            seen.append((sorted(context.results), dict(context.shared)))

        def after_stage(self, stage_name: str, context: StageContext) -> None:
            result = context.results[stage_name]
            text = context.storage.read_text(context.outputs[0])
            assert result.wall_s > 0
            assert result.key
            seen.append((text, dict(context.shared), result.output_bytes, result.exit_code))

    register(manager, Look())

    assert manager.execute_pipeline().ok

    assert seen == [
        ([], {}),
        ("3", {"letters": 3}, 1, 0),
        (["count"], {"letters": 3}),
        ("6", {"letters": 3}, 1, 0),
    ]


def test_an_action_that_asks_for_results_is_told_whose_they_are(manager: StageManager) -> None:
    class Nosy(Count):
        name = "nosy"
        provides = ()
        outputs = ("nosy",)

        def execute(self, context: StageContext) -> None:
            assert context.results

    manager.register_stage(Nosy())

    outcome = manager.execute_pipeline(["nosy"])

    assert outcome.results[0].problem == (
        "stage `nosy` reads the results of other stages, which is for hooks;"
        " a stage hands on a value by provides= and uses="
    )


class Raises:
    """Raises where it is told to."""

    name = "strict"

    def __init__(self, stage_name: str) -> None:
        self.stage_name = stage_name

    def before_stage(self, stage_name: str, context: StageContext) -> None:
        self.after_stage(stage_name, context)

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        if stage_name == self.stage_name:
            raise ValueError(f"I refuse {stage_name}")


def test_a_post_hook_that_raises_fails_its_stage_by_name_and_nothing_is_recorded(
    manager: StageManager,
) -> None:
    calls: list[str] = []
    strict = manager.register_post_stage_hook(Raises("count"))
    manager.register_post_stage_hook(Calls("other", calls))

    outcome = manager.execute_pipeline()

    assert [(one.outcome, one.problem) for one in outcome.results] == [
        (Outcome.FAILED, "hook `strict` raised ValueError: I refuse count"),
        (Outcome.BLOCKED, "needs `count`, which failed"),
    ]
    assert calls == ["other after count: ran"]  # called for what did run, all the same
    assert not (manager_root(manager) / "count").exists()
    manager.unregister_hook(strict)
    again = manager.execute_pipeline()
    assert [one.outcome for one in again.results] == [
        Outcome.RAN,
        Outcome.RAN,
    ]  # not from the cache


def test_a_failed_stage_calls_its_post_hooks_and_keeps_its_own_problem(
    manager: StageManager,
) -> None:
    calls: list[str] = []
    manager.register_stage(command("bad", "exit 3", outputs=["x"], retries=2))
    register(manager, Calls("one", calls))
    manager.register_post_stage_hook(Raises("bad"))

    (result,) = manager.execute_pipeline(["bad"]).results

    assert calls == [
        "one before bad",
        "one after bad: failed",
    ]  # once, although it was tried thrice
    assert (result.problem, result.notes) == (
        "exit status 3",
        ("hook `strict` raised ValueError: I refuse bad",),
    )


def test_a_stage_that_is_stopped_calls_its_post_hooks(manager: StageManager) -> None:
    calls: list[str] = []
    manager.register_stage(command("hang", "echo > began; exec sleep 1000", outputs=["x"]))
    register(manager, Calls("one", calls))

    class Stop:
        def handle(self, event: Any) -> None:
            if type(event).__name__ == "StageStarted":
                manager.stop()

    manager.reporter.add(Stop())

    outcome = manager.execute_pipeline(["hang"])

    assert outcome.interrupted_by == 15
    assert calls == ["one before hang", "one after hang: cancelled"]


def test_a_veto_leaves_what_was_there(manager: StageManager) -> None:
    manager.execute_pipeline()
    (manager_root(manager) / "text").write_text("abcd")
    manager.register_pre_stage_hook(Raises("count"))

    outcome = manager.execute_pipeline()

    assert outcome.results[0].problem == "hook `strict` raised ValueError: I refuse count"
    assert (manager_root(manager) / "count").read_text() == "3"


def test_what_a_post_hook_does_to_an_output_is_part_of_the_result(manager: StageManager) -> None:
    class Sign:
        def after_stage(self, stage_name: str, context: StageContext) -> None:
            path = context.outputs[0]
            context.storage.write(path, context.storage.read_text(path) + " signed")

    manager.register_post_stage_hook(Sign())

    assert manager.execute_pipeline(["count"]).ok

    assert (manager_root(manager) / "count").read_text() == "3 signed"
    assert manager.plan(["count"]).is_done


def test_a_hook_can_neither_set_shared_values_nor_build(manager: StageManager) -> None:
    told: list[str] = []

    class Wrong(StageHook):
        def after_stage(self, stage_name: str, context: StageContext) -> None:
            for wrong in (
                lambda: context.shared.__setitem__("letters", 4),
                lambda: manager.execute_pipeline(["double"]),
            ):
                try:
                    wrong()
                except StagemakeError as error:
                    told.append(error.headline)

    manager.register_post_stage_hook(Wrong())

    assert manager.execute_pipeline(["count"]).ok
    assert told == [
        "a hook sets the shared value `letters` of stage `count`",
        "a hook or an event's handler can't build: it would wait for the build that calls it",
    ]
    assert manager.execute_pipeline(["double"]).ok


# --- Hooks that hang. ------------------------------------------------------------------------------


def test_a_hook_that_hangs_fails_its_stage_after_its_timeout(manager: StageManager) -> None:
    release = threading.Event()

    class Hangs:
        def before_stage(self, stage_name: str, context: StageContext) -> None:
            release.wait()

    hook_id = manager.register_pre_stage_hook(Hangs(), timeout_s=0.05)

    first = manager.execute_pipeline(["count"])
    second = manager.execute_pipeline(["count"])  # it hangs still
    release.set()
    manager.unregister_hook(hook_id)

    told = "hook `Hangs` took longer than its timeout of 0.05 s"
    assert [first.results[0].problem, second.results[0].problem] == [told, told]
    assert manager.execute_pipeline(["count"]).ok


def test_an_async_hook_that_hangs_is_cancelled_after_its_timeout(manager: StageManager) -> None:
    ended = []

    class Hangs:
        async def after_stage(self, stage_name: str, context: StageContext) -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                ended.append(stage_name)

    manager.register_post_stage_hook(Hangs(), timeout_s=0.05)

    outcome = manager.execute_pipeline(["count"])

    assert outcome.results[0].problem == "hook `Hangs` took longer than its timeout of 0.05 s"
    assert ended == ["count"]


def test_a_hook_with_a_timeout_keeps_one_thread_and_may_raise_as_others_do(
    manager: StageManager,
) -> None:
    class Writes:
        name = "writes"
        database: sqlite3.Connection | None = None

        def before_stage(self, stage_name: str, context: StageContext) -> None:
            if self.database is None:  # sqlite refuses other threads
                self.database = sqlite3.connect(":memory:")
                self.database.execute("create table ran (name)")
            self.database.execute("insert into ran values (?)", (stage_name,))

        def after_stage(self, stage_name: str, context: StageContext) -> None:
            if stage_name == "double":
                raise LookupError("gone")

    register(manager, Writes(), timeout_s=60)

    outcome = manager.execute_pipeline()

    assert [one.problem for one in outcome.results] == [
        "",
        "hook `writes` raised LookupError: gone",
    ]


# --- Async hooks and loops. ------------------------------------------------------------------------


class Loops(StageHook):
    """Notes the event loop of each call."""

    def __init__(self) -> None:
        self.loops: list[Any] = []

    async def before_stage(self, stage_name: str, context: StageContext) -> None:
        self.loops.append(asyncio.get_running_loop())

    async def after_stage(self, stage_name: str, context: StageContext) -> None:
        self.loops.append(asyncio.get_running_loop())


def test_async_hooks_of_a_build_share_one_loop(manager: StageManager) -> None:
    hook = Loops()
    register(manager, hook)

    assert manager.execute_pipeline().ok

    assert len(hook.loops) == 4
    assert len(set(map(id, hook.loops))) == 1


def test_async_hooks_run_in_the_loop_that_awaits_the_build(manager: StageManager) -> None:
    hook = Loops()
    register(manager, hook)

    async def build() -> Any:
        assert (await manager.execute_pipeline_async()).ok
        return asyncio.get_running_loop()

    loop = asyncio.run(build())

    assert all(one is loop for one in hook.loops)


def test_a_build_inside_a_coroutine_may_have_async_hooks_too(manager: StageManager) -> None:
    hook = Loops()
    register(manager, hook)

    async def build() -> bool:
        return manager.execute_pipeline(BuildRequest(force=True)).ok

    assert asyncio.run(build())
    assert len(hook.loops) == 4
    assert manager.execute_pipeline(BuildRequest(force=True)).ok


# --- What is refused. ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("add", "told"),
    [
        (lambda manager: manager.register_pre_stage_hook(3), "a int is no such hook: it has no before_stage"),
        (lambda manager: manager.register_post_stage_hook(StageHook), "`StageHook` is a class, not a hook"),
        (lambda manager: manager.register_pre_stage_hook(StageHook(), timeout_s=0), "a number of seconds, not 0"),
        (lambda manager: manager.unregister_hook(99), "there is no hook 99"),
    ],
)  # fmt: skip
def test_what_is_no_hook_is_refused(
    manager: StageManager, add: Callable[[Any], Any], told: str
) -> None:
    with pytest.raises(StagemakeError) as raised:
        add(manager)

    assert told in str(raised.value)
