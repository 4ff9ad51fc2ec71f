"""Managers side by side: in threads, in one event loop, on one root; awaiting and cancelling them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import BaseStage, Outcome, StageContext, StageManager, Verdict, command
from stagemake.runner.local import LocalRunner

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def manager_at(root: Path, **keywords: Any) -> StageManager:
    root.mkdir(exist_ok=True)
    return StageManager(root, cache_dir=root.parent / "cache", **keywords)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another process does."""
    while not condition():  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.005)


def within(work: Awaitable[Any], seconds: float = 60) -> Any:
    return asyncio.run(asyncio.wait_for(work, seconds))  # type: ignore[arg-type]  # a coroutine


def pid_in(path: Path) -> int:
    return int(path.read_text()) if path.exists() and path.read_text().strip() else 0


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


SLEEPS = "echo $$ > {name}.pid.tmp; mv {name}.pid.tmp {name}.pid; exec sleep 1000"


def sleeps(name: str) -> str:
    return SLEEPS.replace("{name}", name)


# --- Awaiting. -------------------------------------------------------------------------------------


def test_every_twin_leaves_the_event_loop_alone(tmp_path: Path) -> None:
    class SlowToFind(BaseStage):
        name = "slow"
        inputs = ("in",)
        outputs = ("out",)

        def execute(self, context: StageContext) -> None:
            context.storage.write("out", context.storage.read("in"))

        def plan_operations(self, context: StageContext) -> None:
            self.execute(context)

    manager = manager_at(tmp_path / "p")
    (tmp_path / "p/in").write_text("1")
    manager.register_stage(SlowToFind())

    async def all_of_them() -> tuple[Any, ...]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        pipeline = await manager.build_pipeline_async(["slow"])
        plan = await manager.plan_async(pipeline)
        report = await manager.dry_run_pipeline_async(["slow"])
        before = ticks
        outcome = await manager.execute_pipeline_async(pipeline)
        ticking.cancel()
        assert ticks > before
        return pipeline, plan, report, outcome

    pipeline, plan, report, outcome = within(all_of_them())

    assert [stage.name for stage in pipeline.stages] == ["slow"]
    assert plan.steps[0].verdict is Verdict.MISS
    assert [one.dry_run_description() for one in report.operations] == ["create out"]
    assert outcome.ok


def test_what_a_twin_raises_is_what_the_method_raises(tmp_path: Path) -> None:
    manager = manager_at(tmp_path / "p")

    for twin in (
        manager.build_pipeline_async,
        manager.plan_async,
        manager.dry_run_pipeline_async,
        manager.execute_pipeline_async,
    ):
        with pytest.raises(Exception, match="no stage, pipeline"):
            within(twin(["nobody"]))


def test_a_plan_that_is_cancelled_ends_by_itself_and_nobody_complains(tmp_path: Path) -> None:
    manager = manager_at(tmp_path / "p")
    complaints: list[Any] = []

    async def cancel() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        work = asyncio.create_task(manager.plan_async(["nobody"]))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await asyncio.get_running_loop().shutdown_default_executor()

    within(cancel())

    assert complaints == []


# --- Cancelling. -----------------------------------------------------------------------------------


@pytest.fixture
def long(tmp_path: Path) -> StageManager:
    """A manager whose pipeline has a first stage that ends, and a second that doesn't."""
    manager = manager_at(tmp_path / "p")
    manager.register_stage(command("first", "echo 1 > {outputs}", outputs=["one"]))
    manager.register_stage(command("second", sleeps("second"), inputs=["one"], outputs=["two"]))
    return manager


def test_cancelling_half_way_ends_the_children_and_leaves_the_state_sound(
    long: StageManager,
) -> None:
    root = Path(long.root)

    async def cancel() -> int:
        work = asyncio.create_task(long.execute_pipeline_async())
        await until(lambda: pid_in(root / "second.pid"))
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return pid_in(root / "second.pid")

    pid = within(cancel())

    assert not is_alive(pid)
    assert not (root / "two").exists()
    assert not (root / ".stagemake/embedded/journal").exists()
    verdicts = {step.stage_id: step.verdict for step in long.plan().steps}
    assert verdicts == {0: Verdict.FRESH, 1: Verdict.MISS}
    long.unregister_stages("second")
    long.register_stage(command("second", "cp one two", inputs=["one"], outputs=["two"]))
    outcome = long.execute_pipeline()  # the cancelled build's request to end is not this one's
    assert [one.outcome for one in outcome.results] == [Outcome.FRESH, Outcome.RAN]


def test_a_stage_that_ignores_the_request_is_ended_by_cancelling_again(tmp_path: Path) -> None:
    manager = manager_at(tmp_path / "p")
    text = "trap '' TERM; " + sleeps("deaf").replace("exec sleep 1000", "while :; do sleep 1; done")
    manager.register_stage(command("deaf", text, outputs=["x"]))
    root = Path(manager.root)

    async def cancel() -> int:
        work = asyncio.create_task(manager.execute_pipeline_async())
        await until(lambda: pid_in(root / "deaf.pid"))
        work.cancel()
        await asyncio.sleep(0)  # it has begun to end
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return pid_in(root / "deaf.pid")

    assert not is_alive(within(cancel()))


def test_a_build_that_is_cancelled_before_it_begins_does_nothing(long: StageManager) -> None:
    async def cancel() -> None:
        work = asyncio.create_task(long.execute_pipeline_async())
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    within(cancel())

    assert not (Path(long.root) / "second.pid").exists()
    assert long.execute_pipeline(["first"]).ok


def test_a_timeout_of_asyncio_ends_a_build(long: StageManager) -> None:
    root = Path(long.root)

    async def limited() -> None:
        work = asyncio.create_task(long.execute_pipeline_async())
        await until(lambda: pid_in(root / "second.pid"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work, 0.05)

    within(limited())

    assert not is_alive(pid_in(root / "second.pid"))


def test_cancelling_a_build_that_waits_for_another_one_does_not_end_that(
    long: StageManager,
) -> None:
    root = Path(long.root)
    long.unregister_stages("second")
    wait = "echo $$ > pid; while ! test -e go; do sleep 0.01; done; echo > two"
    long.register_stage(command("second", wait, inputs=["one"], outputs=["two"]))
    waiting = []
    long.events.subscribe(
        lambda event: waiting.append(event) if type(event).__name__ == "WaitingForLock" else None
    )

    async def both() -> Any:
        running = asyncio.create_task(long.execute_pipeline_async())
        await until(lambda: pid_in(root / "pid"))
        queued = asyncio.create_task(long.execute_pipeline_async(["first"]))
        await until(lambda: waiting)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        (root / "go").touch()
        return await running

    assert within(both()).ok


def test_stop_ends_every_build_that_runs(long: StageManager) -> None:
    root = Path(long.root)

    async def stopped() -> Any:
        work = asyncio.create_task(long.execute_pipeline_async())
        await until(lambda: pid_in(root / "second.pid"))
        long.stop()
        return await work

    outcome = within(stopped())

    assert outcome.interrupted_by == 15
    assert outcome.results[1].outcome is Outcome.CANCELLED
    assert not is_alive(pid_in(root / "second.pid"))


def test_two_requests_that_are_seen_at_once_mean_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One request alone would wait for the end of the stage.
    monkeypatch.setitem(LocalRunner.__init__.__kwdefaults__, "grace_s", 1e6)
    (tmp_path / "Stagefile").write_text(
        "import signal, time\n"
        "from stagemake import stage\n\n"
        "@stage(always=True)\n"
        "def deaf(context):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    context.events.emit('deaf')\n"
        "    time.sleep(120)\n"
    )
    manager = StageManager(tmp_path, cache_dir=tmp_path / "cache")
    manager.load()

    def stop_twice(_event: object) -> None:
        manager.stop()
        manager.stop()

    manager.events.subscribe(stop_twice, name="deaf")

    (deaf,) = manager.execute_pipeline().results

    assert deaf.outcome is Outcome.CANCELLED
    assert deaf.wall_s < 100


# --- Side by side. ---------------------------------------------------------------------------------

USES_HELPER = """\
from helper import value
from stagemake import stage


@stage(outputs=["out"])
def write(context):
    import late
    context.outputs[0].write_text(f"{value()} {late.NAME}")
"""


def project_at(root: Path) -> StageManager:
    root.mkdir()
    (root / "helper.py").write_text(f"import time\ntime.sleep(0.002)\ndef value():\n    return {root.name!r}\n")  # fmt: skip
    (root / "late.py").write_text(f"NAME = {root.name!r}\n")
    (root / "Stagefile").write_text(USES_HELPER)
    return manager_at(root)


def test_managers_in_threads_do_not_see_each_others_modules(tmp_path: Path) -> None:
    names = [f"project{number}" for number in range(6)]
    modules, search_path, finders = set(sys.modules), list(sys.path), list(sys.meta_path)

    def whole(name: str) -> bool:
        manager = project_at(tmp_path / name)
        manager.load()
        plans = manager.plan(), manager.dry_run_pipeline().plan
        assert [plan.steps[0].verdict for plan in plans] == [Verdict.MISS, Verdict.MISS]
        return manager.execute_pipeline().ok and manager.plan().is_done

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(whole, names))

    assert done == [True] * 6
    assert {(tmp_path / name / "out").read_text() for name in names} == {f"{one} {one}" for one in names}  # fmt: skip
    assert {"helper", "late", "Stagefile"} & set(sys.modules) == set()
    assert {name for name in set(sys.modules) - modules if name in names} == set()
    assert (sys.path, sys.meta_path) == (search_path, finders)


def test_two_managers_in_one_loop_build_at_the_same_time(tmp_path: Path) -> None:
    managers = []
    for name, other in (("one", "two"), ("two", "one")):
        manager = manager_at(tmp_path / name)
        meet = f"echo > here; while ! test -e ../{other}/here; do sleep 0.01; done; echo > met"
        manager.register_stage(command("meet", meet, outputs=["met"]))
        managers.append(manager)

    async def both() -> list[Any]:
        return await asyncio.gather(*(one.execute_pipeline_async() for one in managers))

    assert [outcome.ok for outcome in within(both())] == [True, True]


def test_cancelling_one_manager_leaves_the_other_alone(long: StageManager, tmp_path: Path) -> None:
    other = manager_at(tmp_path / "q")
    wait = "echo $$ > pid; while ! test -e go; do sleep 0.01; done; echo > done"
    other.register_stage(command("wait", wait, outputs=["done"]))

    async def both() -> Any:
        kept = asyncio.create_task(other.execute_pipeline_async())
        ended = asyncio.create_task(long.execute_pipeline_async())
        await until(lambda: pid_in(Path(long.root) / "second.pid") and pid_in(tmp_path / "q/pid"))
        ended.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ended
        assert not is_alive(pid_in(Path(long.root) / "second.pid"))
        (tmp_path / "q/go").touch()
        return await kept

    assert within(both()).ok


@pytest.mark.parametrize("names", [("", ""), ("one", "two")])
def test_two_managers_on_one_root_take_turns(tmp_path: Path, names: tuple[str, str]) -> None:
    managers = []
    for number, name in enumerate(names):
        manager = manager_at(tmp_path / "p", name=name)
        count = "mkdir busy && echo $(($(cat n || echo 0) + 1)) > m && mv m n && rmdir busy"
        manager.register_stage(command(f"count{number}", count, always=True))
        managers.append(manager)

    def build(manager: StageManager) -> bool:
        return all(manager.execute_pipeline().ok for _ in range(5))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(build, managers)) == [True, True]

    assert (tmp_path / "p/n").read_text() == "10\n"  # `mkdir busy` had failed else


def test_one_manager_may_build_in_several_threads(tmp_path: Path) -> None:
    manager = manager_at(tmp_path / "p")
    for number in range(4):
        manager.register_stage(
            command(f"s{number}", f"echo {number} > {{outputs}}", outputs=[f"o{number}"])
        )
    barrier = threading.Barrier(4)

    def build(number: int) -> bool:
        barrier.wait()
        return manager.execute_pipeline([f"s{number}"]).ok

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(build, range(4))) == [True] * 4

    assert manager.plan().is_done
