from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys

import pytest
from runner_kit import DEADLINE_S, Lifeline, called, local_runner, run_one, shell

# Each writes its line and then stays: in the shell itself, behind it, in a session of its own, as a
# daemon by double fork, and one that has also dropped the environment.
STAY = "echo {} >&9; exec sleep 1000"
FAMILY = "\n".join(
    [
        "exec 9>line",
        f"({STAY.format('background')}) &",
        f"setsid sh -c '{STAY.format('session')}' &",
        f"(setsid sh -c '({STAY.format('daemon')}) &' &)",
        f"(env -i setsid /bin/sh -c '({STAY.format('scrubbed')}) &' &)",
        "",
    ]
)
NAMES = ["background", "daemon", "scrubbed", "session"]

TOOL = """
import fcntl, sys; sys.path[:0] = sys.argv[2:]
from runner_kit import *
lock = os.open("lock", os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
def call(stage_id, payload, say):
    subprocess.Popen(["sh", "-c", sys.argv[1]])
    while True: signal.pause()
import signal, subprocess
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests under nohup ignores it
runner = LocalRunner(os.getcwd(), call=call, marker="tool", keep_open=[lock], grace_s=1e6)
runner.start(shell(0, sys.argv[1] + "sleep 1000"))
runner.start(called(1))
while True: runner.wait(None)
"""


@pytest.fixture
def line(tmp_path):
    line = Lifeline(tmp_path / "line")
    yield line
    line.close()


def test_nothing_outlives_its_action(tmp_path, line) -> None:
    os.mkfifo(tmp_path / "gate")
    with local_runner(tmp_path) as runner:
        runner.start(shell(0, f"{FAMILY} read go <gate; exit 5"))
        assert line.expect(4) == NAMES

        (tmp_path / "gate").write_text("go\n")

        (done,) = runner.wait(DEADLINE_S)
        assert (done.exit_code, done.survivors, done.note) == (5, 4, "")
        assert line.has_ended()


def test_an_action_ends_only_what_is_its_own(tmp_path, line) -> None:
    os.mkfifo(tmp_path / "gate")
    with local_runner(tmp_path) as runner:
        runner.start(shell(0, f"{FAMILY} read go <gate; kill -0 $! && echo all there"))
        line.expect(4)

        other = run_one(runner, shell(1, "setsid sleep 1000 & echo out"))

        assert (other.survivors, other.stdout) == (1, b"out\n")
        assert not line.has_ended()
        (tmp_path / "gate").write_text("go\n")
        (done,) = runner.wait(DEADLINE_S)
        assert done.survivors == 4
        assert line.has_ended()


def test_a_stray_that_hides_is_ended_with_the_last_that_could_have_started_it(
    tmp_path, line
) -> None:
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "held")
    hidden = (
        f"exec 9>line; (env -i setsid /bin/sh -c '({STAY.format('hidden')}) &' &); read go <gate"
    )
    with local_runner(tmp_path) as runner:
        runner.start(shell(0, "read go <held"))
        runner.start(shell(1, hidden))
        line.expect(1)
        (tmp_path / "gate").write_text("go\n")
        (first,) = runner.wait(DEADLINE_S)
        assert (first.stage_id, first.survivors) == (1, 0)
        assert not line.has_ended()

        (tmp_path / "held").write_text("go\n")

        (last,) = runner.wait(DEADLINE_S)
        assert (last.stage_id, last.survivors) == (0, 1)
        assert line.has_ended()


def test_the_output_of_a_survivor_does_not_reach_the_next_action(tmp_path) -> None:
    with local_runner(tmp_path) as runner:
        run_one(
            runner,
            shell(0, "mkfifo f; (echo noise; echo >f; while :; do echo noise; done) & read x <f"),
        )

        done = run_one(runner, shell(1, "echo clean"))

    assert done.stdout == b"clean\n"


def test_an_orphan_that_ends_by_itself_is_no_survivor(tmp_path) -> None:
    with local_runner(tmp_path) as runner:
        done = run_one(
            runner,
            shell(
                0,
                "mkfifo f; (setsid sh -c 'echo $$ >f' &); read pid <f; while kill -0 $pid 2>&-; do :; done",
            ),
        )

    assert done.survivors == 0


def test_close_ends_everything_that_runs(tmp_path, line) -> None:
    with local_runner(tmp_path, grace_s=1e6) as runner:
        runner.start(shell(0, f"trap '' TERM; {FAMILY} sleep 1000"))
        line.expect(4)

    assert line.has_ended()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_dead_tool_leaves_no_process_and_its_lock_until_then(
    tmp_path, line, signum, request
) -> None:
    tool = subprocess.Popen(
        [sys.executable, "-c", TOOL, FAMILY, *sys.path], cwd=tmp_path, start_new_session=True
    )
    request.addfinalizer(tool.wait)
    request.addfinalizer(tool.kill)
    assert line.expect(8) == sorted(NAMES * 2)
    lock_fd = os.open(tmp_path / "lock", os.O_RDWR)
    with pytest.raises(BlockingIOError):
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    os.killpg(tool.pid, signum)

    fcntl.flock(lock_fd, fcntl.LOCK_EX)
    assert line.has_ended()
    os.close(lock_fd)
    assert tool.wait(DEADLINE_S) == -signum


def test_no_action_holds_what_is_kept_open(tmp_path) -> None:
    lock_fd = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock_fd, True)

    def call(_stage_id, _payload):
        print(*targets("self"))
        return b""

    with local_runner(tmp_path, call, keep_open=[lock_fd]) as runner:
        from_command = run_one(runner, shell(0, "ls -l /proc/self/fd")).stdout
        from_call = run_one(runner, called(1)).stdout
        held = targets(runner._link._pid)
    os.close(lock_fd)

    assert str(tmp_path / "lock") in held
    for printed in (from_command, from_call):
        assert b"/dev/null" in printed
        assert b"lock" not in printed


def targets(pid):
    """Return what the open descriptors of a process lead to."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:  # the listing's own
            continue
    return found


def test_ten_rounds_of_strays_are_all_found(tmp_path) -> None:
    with local_runner(tmp_path) as runner:
        counts = [
            run_one(runner, shell(i, "for n in 1 2 3; do setsid sleep 1000 & done")).survivors
            for i in range(10)
        ]

    assert counts == [3] * 10
