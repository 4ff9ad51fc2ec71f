"""What stages say while they run reaches the program: in order, with their names, and never again on a hit."""

from __future__ import annotations

import multiprocessing
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import BaseStage, Outcome, StageContext, StageHook, StagemakeError, StageManager
from stagemake.dispatch import LARGEST_EVENT_BYTES
from stagemake.model.event import Notice, StageEvent, StageSettled, StageStarted

if TYPE_CHECKING:
    from pathlib import Path


class Says(BaseStage):
    """Says what it is given."""

    outputs = ("out",)

    def __init__(self, *payloads: Any, name: str = "says") -> None:
        self.name = name
        self.outputs = (f"out/{name}",)
        self.payloads = payloads

    def execute(self, context: StageContext) -> None:
        for payload in self.payloads:
            context.events.emit("progress", payload)
        context.storage.write(self.outputs[0], "")


@pytest.fixture
def manager(tmp_path: Path) -> StageManager:
    (tmp_path / "p").mkdir()
    return StageManager(tmp_path / "p", cache_dir=tmp_path / "cache")


def heard(manager: StageManager, name: str = "") -> list[Any]:
    events: list[Any] = []
    manager.events.subscribe(events.append, name=name)
    return events


def test_events_arrive_in_order_between_the_start_and_the_end_of_their_stage(
    manager: StageManager,
) -> None:
    manager.register_stage(Says(1, {"of": [3, None]}, "three"))
    events = heard(manager)

    assert manager.execute_pipeline().ok

    assert [type(event).__name__ for event in events] == [
        "PlanReady", "StageStarted", "StageEvent", "StageEvent", "StageEvent", "StageSettled",
        "BuildFinished",
    ]  # fmt: skip
    said = [event for event in events if isinstance(event, StageEvent)]
    assert [(one.stage, one.name, one.payload) for one in said] == [
        ("says", "progress", 1), ("says", "progress", {"of": [3, None]}), ("says", "progress", "three"),
    ]  # fmt: skip
    times = [event.at_s for event in events if isinstance(event, (StageStarted, StageEvent))]
    assert times == sorted(times)


def test_events_are_told_while_their_stage_runs(manager: StageManager) -> None:
    class Asks(BaseStage):
        name = "asks"
        outputs = ("out",)

        def execute(self, context: StageContext) -> None:
            fifo = context.root / "answer"
            context.events.emit("question")
            context.storage.write("out", fifo.read_text())  # waits for the answer

    fifo = os.path.join(manager.root, "answer")
    os.mkfifo(fifo)
    manager.register_stage(Asks())

    def answer(event: StageEvent) -> None:
        with open(fifo, "w") as stream:
            stream.write(f"{event.stage} asked")

    manager.events.subscribe(answer, name="question")

    assert manager.execute_pipeline().ok
    with open(os.path.join(manager.root, "out")) as stream:
        assert stream.read() == "asks asked"


def test_a_hit_says_nothing_again(manager: StageManager) -> None:
    manager.register_stage(Says(1))
    manager.execute_pipeline()
    events = heard(manager, "progress")
    os.unlink(os.path.join(manager.root, "out/says"))

    outcome = manager.execute_pipeline()

    assert outcome.results[0].outcome is Outcome.RESTORED
    assert events == []


def test_a_subscriber_is_told_only_what_it_asked_for_and_only_while_subscribed(
    manager: StageManager,
) -> None:
    events: list[Any] = []
    manager.register_stage(Says(1))
    first = manager.events.subscribe(events.append, name="other")
    second = manager.events.subscribe(events.append, name="progress")
    manager.events.unsubscribe(first)
    manager.events.unsubscribe(first)
    manager.events.emit("other", "not heard")
    manager.execute_pipeline()
    manager.events.unsubscribe(second)
    manager.events.emit("progress", 2)

    assert [event.payload for event in events] == [1]


def test_programs_and_hooks_emit_under_their_own_names(manager: StageManager) -> None:
    class Announces(StageHook):
        def before_stage(self, stage_name: str, context: StageContext) -> None:
            context.events.emit("progress", "soon")

    manager.register_pre_stage_hook(Announces())
    manager.register_stage(Says("now"))
    events = heard(manager, "progress")

    manager.events.emit("progress", "program")
    manager.execute_pipeline()

    assert [(event.stage, event.payload) for event in events] == [
        ("", "program"), ("says", "soon"), ("says", "now"),
    ]  # fmt: skip


def test_stages_side_by_side_and_threads_in_them_mix_up_nothing(manager: StageManager) -> None:
    class Crowd(BaseStage):
        def __init__(self, number: int) -> None:
            self.name = f"crowd.{number}"
            self.outputs = (f"out/{number}",)

        def execute(self, context: StageContext) -> None:
            def talk(thread: int) -> None:
                for count in range(40):
                    context.events.emit("talk", [thread, count, "x" * 9_000])

            threads = [threading.Thread(target=talk, args=(one,)) for one in range(4)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            context.storage.write(self.outputs[0], "")

    for number in range(3):
        manager.register_stage(Crowd(number))
    events = heard(manager, "talk")

    assert manager.execute_pipeline().ok

    by_speaker: dict[tuple[str, int], list[int]] = {}
    for event in events:
        by_speaker.setdefault((event.stage, event.payload[0]), []).append(event.payload[1])
    assert len(by_speaker) == 12
    assert all(counts == list(range(40)) for counts in by_speaker.values())


def test_a_subscriber_that_raises_is_left_out_with_a_notice(manager: StageManager) -> None:
    def bad(event: Any) -> None:
        raise ValueError("no")

    notices: list[str] = []

    class Reports:
        def handle(self, event: Any) -> None:
            if isinstance(event, Notice):
                notices.append(event.text)

    manager.reporter.add(Reports())
    manager.register_stage(Says(1, 2))
    manager.events.subscribe(bad, name="progress")
    events = heard(manager, "progress")

    assert manager.execute_pipeline().ok

    assert [event.payload for event in events] == [1, 2]
    assert len(notices) == 1
    assert notices[0].endswith("raised ValueError: no; it is not called any more")


def test_a_stage_hears_itself(manager: StageManager) -> None:
    class Echo(BaseStage):
        name = "echo"
        outputs = ("out",)

        def execute(self, context: StageContext) -> None:
            heard: list[Any] = []
            context.events.subscribe(heard.append)
            context.events.emit("one", 1)
            context.storage.write("out", f"{heard[0].stage} {heard[0].payload}")

    manager.register_stage(Echo())

    assert manager.execute_pipeline().ok
    with open(os.path.join(manager.root, "out")) as stream:
        assert stream.read() == "echo 1"


def problem_of(manager: StageManager) -> str:
    (result,) = manager.execute_pipeline().with_outcome(Outcome.FAILED)
    return result.problem


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (
            {"a": {1}},
            (
                "the event `progress` holds what can't be passed on: {1} (builtins.set) at ['a'];"
                " payloads are text, finite numbers, booleans, None, lists, and mappings by text"
            ),
        ),
        (
            "x" * LARGEST_EVENT_BYTES,
            (
                "the event `progress` holds 65538 bytes; 65536 is the most;"
                " write a file, and pass on its name"
            ),
        ),
    ],
    ids=["set", "large"],
)
def test_what_can_not_be_passed_on_fails_the_stage_with_a_clear_problem(
    manager: StageManager, payload: Any, told: str
) -> None:
    manager.register_stage(Says(payload))

    assert problem_of(manager) == told


def test_a_stage_that_talks_without_end_is_stopped(manager: StageManager) -> None:
    manager.register_stage(Says(*["x" * 60_000] * 300))

    assert problem_of(manager) == (
        "the events of stage `says` hold more than 16 MiB; emit less often"
    )


def test_a_copy_of_the_stages_process_can_not_emit(manager: StageManager) -> None:
    class Forks(BaseStage):
        name = "forks"
        outputs = ("out",)

        def execute(self, context: StageContext) -> None:
            child = multiprocessing.get_context("fork").Process(
                target=context.events.emit, args=("x",)
            )
            child.start()
            child.join()
            context.storage.write("out", str(child.exitcode))

    manager.register_stage(Forks())
    events = heard(manager, "x")

    (result,) = manager.execute_pipeline().results

    assert result.outcome is Outcome.RAN
    assert b"only the stage's own process can emit events" in result.stderr
    assert events == []


def test_handlers_are_plain_functions(manager: StageManager) -> None:
    async def handler(event: Any) -> None: ...

    with pytest.raises(StagemakeError, match="handlers of events are plain ones"):
        manager.events.subscribe(handler)
    with pytest.raises(StagemakeError, match="can't be called"):
        manager.events.subscribe(3)  # type: ignore[arg-type]
    with pytest.raises(StagemakeError, match="the name of an event is a text, not 3"):
        manager.events.emit(3)  # type: ignore[arg-type]


def test_a_function_of_a_stagefile_emits_as_well(manager: StageManager) -> None:
    with open(os.path.join(manager.root, "Stagefile"), "w") as stream:
        stream.write(
            "from stagemake import stage\n"
            '@stage(outputs=["o"])\n'
            "def make(context):\n"
            '    context.events.emit("made", context.name)\n'
            '    context.outputs[0].write_text("")\n'
        )
    manager.load()
    events = heard(manager)

    assert manager.execute_pipeline().ok

    assert [event.payload for event in events if isinstance(event, StageEvent)] == ["make"]
    assert any(isinstance(event, StageSettled) for event in events)
