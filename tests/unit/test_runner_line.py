"""Actions that are lined up: the supervisor starts the next one by itself, within its room, until one fails."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from runner_kit import DEADLINE_S, Lifeline, called, local_runner, shell

from stagemake.runner import outbox as outbox_module
from stagemake.runner.line import Line, LineRules
from stagemake.runner.outbox import MOST_HELD_BYTES, Outbox
from stagemake.runner.poller import Poller
from stagemake.runner.port import WITHDRAWN, Completion, Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from stagemake.runner.local import LocalRunner


def ends(runner: LocalRunner, count: int) -> list[Completion]:
    """Return the next `count` completions, in order."""
    found: list[Completion] = []
    while len(found) < count:
        arrived = runner.wait(DEADLINE_S)
        assert arrived, "nothing ended in time"
        found += arrived
    return found


def lined_up(runner: LocalRunner, works: list[Work], *, stops: bool = True) -> None:
    """Start the first of these and line up the others behind it."""
    runner.start(works[0])
    for work in works[1:]:
        runner.line_up(work, 1, 0, stops_at_failure=stops)


def test_what_is_lined_up_runs_one_by_one_in_its_order(tmp_path: Path) -> None:
    one = "test ! -e busy && touch busy && echo {0} >> log && rm busy"

    with local_runner(tmp_path) as runner:
        lined_up(runner, [shell(number, one.format(number)) for number in range(30)])
        found = ends(runner, 30)

    assert [each.exit_code for each in found] == [0] * 30
    assert list(range(30)) == [each.stage_id for each in found]
    assert "".join(f"{number}\n" for number in range(30)) == (tmp_path / "log").read_text()


def test_functions_that_wait_are_made_ready_before_their_process_is_there(tmp_path: Path) -> None:
    def call(_stage_id: int, payload: bytes, _say: object) -> bytes:
        return b"called " + payload

    def ready(stage_id: int, payload: bytes) -> Callable[[object], bytes]:
        if stage_id == 3:
            raise OSError("not now")
        made_in = os.getpid()
        return lambda _say: (b"ready " if os.getpid() != made_in else b"too early ") + payload

    with local_runner(tmp_path, speaking=call, ready=ready) as runner:
        lined_up(runner, [called(number, b"%d" % number) for number in range(5)])
        found = ends(runner, 5)

    assert [each.value for each in found] == [
        b"called 0",
        b"ready 1",
        b"ready 2",
        b"called 3",
        b"ready 4",
    ]


def test_a_start_in_between_makes_room_for_one_more(tmp_path: Path) -> None:
    lifeline = Lifeline(tmp_path / "up")
    hold = "exec 3>up; echo {0} >&3; read x < go"
    os.mkfifo(tmp_path / "go")

    with local_runner(tmp_path) as runner:
        lined_up(runner, [shell(1, hold.format(1)), shell(2, "echo b"), shell(3, "echo c")])
        runner.start(shell(4, "true"))  # ends, and so does what begins in its place
        found = ends(runner, 3)
        with open(tmp_path / "go", "w") as file:
            file.write("x\n")
        found += ends(runner, 1)
    lifeline.close()

    assert [each.stage_id for each in found] == [4, 2, 3, 1]


def test_nothing_starts_after_a_failure_until_the_line_is_withdrawn(tmp_path: Path) -> None:
    with local_runner(tmp_path) as runner:
        lined_up(runner, [shell(1, "exit 3"), shell(2, "touch a"), shell(3, "touch b")])
        failed = ends(runner, 1)
        runner.withdraw()
        left = ends(runner, 2)
        runner.start(shell(4, "true"))
        after = ends(runner, 1)

    assert [(each.stage_id, each.exit_code) for each in failed] == [(1, 3)]
    assert [(each.stage_id, each.exit_code) for each in left] == [(2, WITHDRAWN), (3, WITHDRAWN)]
    assert [(each.stage_id, each.exit_code) for each in after] == [(4, 0)]
    assert os.listdir(tmp_path) == []


def test_where_all_is_to_be_tried_a_failure_is_followed_by_the_next(tmp_path: Path) -> None:
    missing = Work(2, {"PATH": ""}, argv=("no-such-program",))

    with local_runner(tmp_path) as runner:
        runner.start(shell(0, "exit 2"))
        found = ends(runner, 1)
        lined_up(runner, [shell(1, "exit 3"), missing, shell(3, "true")], stops=False)
        found += ends(runner, 3)

    codes = [(each.stage_id, each.exit_code) for each in found]
    assert codes == [(0, 2), (1, 3), (2, 127), (3, 0)]


def test_a_stop_ends_what_runs_and_nothing_that_waits_begins(tmp_path: Path) -> None:
    lifeline = Lifeline(tmp_path / "up")

    with local_runner(tmp_path) as runner:
        lined_up(runner, [shell(1, "exec 3>up; echo 1 >&3; sleep 60"), shell(2, "touch a")])
        runner.wait(0)  # what is lined up is sent when we wait
        lifeline.expect(1)
        runner.stop(now=False)
        found = ends(runner, 2)
    lifeline.close()

    codes = {each.stage_id: each.exit_code for each in found}
    assert codes == {1: -signal.SIGTERM, 2: WITHDRAWN}
    assert not (tmp_path / "a").exists()


def test_a_dead_supervisor_fails_what_waits_too_and_the_next_line_works(tmp_path: Path) -> None:
    with local_runner(tmp_path) as runner:
        lined_up(runner, [shell(1, "kill -9 $PPID; sleep 60"), shell(2, "true")])
        lost = ends(runner, 2)
        runner.line_up(shell(3, "true"), 1, 0, stops_at_failure=True)
        after = ends(runner, 1)

    assert {(1, -9), (2, -9)} == {(each.stage_id, each.exit_code) for each in lost}
    assert [(each.stage_id, each.exit_code) for each in after] == [(3, 0)]


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30),
    st.booleans(),
)
def test_a_line_never_has_more_run_than_there_is_room_and_keeps_its_order(
    room, turns, stops
) -> None:
    line, running, started = Line(), room, []
    added = 0
    failed = False

    for more, fails in turns:
        for _ in range(more):
            line.add(Work(added, {}), LineRules(room, 1, stops_at_failure=stops))
            added += 1
        if running:
            running -= 1
            line.note_end(Completion(0, int(fails)))
            failed = failed or fails
        while (work := line.next(running)) is not None:
            started.append(work.stage_id)
            running += 1
            assert running <= room
            assert not (failed and stops)

    assert list(range(len(started))) == started
    assert list(range(len(started), added)) == line.empty()


def test_an_outbox_holds_what_can_wait_and_sends_all_before_what_can_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "MOST_HELD_S", DEADLINE_S)
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    outbox = Outbox(write_fd, Poller())

    outbox.put(b"a", can_wait=True)
    held = outbox.send(holds=True), outbox.patience_s() is not None
    outbox.put(b"b", can_wait=False)
    outbox.send(holds=True)
    at_once = os.read(read_fd, 9)
    outbox.put(b"c" * (MOST_HELD_BYTES + 1), can_wait=True)
    patience_s = outbox.patience_s()
    os.close(read_fd)

    assert held == (True, True)
    assert at_once == b"ab"
    assert patience_s is None
    assert not outbox.send(holds=True)  # nobody reads any more
    os.close(write_fd)
