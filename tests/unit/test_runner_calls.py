from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from runner_kit import ENV, Lifeline, called, local_runner, run_all, run_one

from stagemake.runner.port import Work

COUNTER = [0]


def outcome(tmp_path, function, **options):
    """Run `function` as the only call."""
    with local_runner(
        tmp_path, lambda _stage_id, payload: function(payload), grace_s=0.05
    ) as runner:
        return run_one(runner, called(0, b"in", **options))


def test_a_value_of_any_size_comes_back(tmp_path) -> None:
    done = outcome(tmp_path, lambda payload: payload * 20_000_000)

    assert (done.exit_code, len(done.value)) == (0, 40_000_000)


def test_what_it_prints_is_captured_by_stream(tmp_path) -> None:
    def chatty(payload):
        print("to stdout", "ü\udcff")
        print("to stderr", "\ud800", file=sys.stderr)
        os.write(1, b"straight\n")
        subprocess.run(["sh", "-c", "echo child"], check=True)
        sys.stdout.write("no newline")
        return b""

    done = outcome(tmp_path, chatty)

    assert done.stdout == b"to stdout \xc3\xbc\xff\nstraight\nchild\nno newline"
    assert done.stderr == b"to stderr \\ud800\n"


def test_it_runs_in_the_root_with_just_the_works_environment(tmp_path) -> None:
    def report(_):
        own = {name: value for name, value in os.environ.items() if name != "STAGEMAKE_MARKER"}
        return repr(
            (os.getcwd(), own, time.tzname, sys.stdin.read(), os.getsid(0) == os.getpid())
        ).encode()

    env = {"TZ": "XYZ-3", "PATH": "/bin"}

    with local_runner(tmp_path, lambda _, payload: report(payload)) as runner:
        done = run_one(runner, Work(0, env, payload=b""))

    assert done.value.decode() == repr((str(tmp_path), env, ("XYZ", "XYZ"), "", True))


def test_nothing_of_one_functions_environment_is_in_the_next(tmp_path) -> None:
    def report(_id, _payload):
        os.environ["LEFT"] = "behind"
        own = {name: value for name, value in os.environ.items() if name != "STAGEMAKE_MARKER"}
        return repr((own, time.tzname, os.popen("echo $LEFT $A $B").read())).encode()

    envs = [
        {"PATH": "/bin:/usr/bin", "A": "1", "TZ": "XYZ-3"},
        {"B": "2", "PATH": "/bin:/usr/bin"},
        {"A": "3", "B": "2", "PATH": "/bin:/usr/bin", "TZ": "ABC1"},
    ]

    with local_runner(tmp_path, report) as runner:
        seen = [run_one(runner, Work(0, env, payload=b"")).value.decode() for env in envs]

    assert seen == [
        repr(({**envs[0], "LEFT": "behind"}, ("XYZ", "XYZ"), "behind 1\n")),
        repr(({**envs[1], "LEFT": "behind"}, ("UTC", "UTC"), "behind 2\n")),
        repr(({**envs[2], "LEFT": "behind"}, ("ABC", "ABC"), "behind 3 2\n")),
    ]


def test_signals_do_in_a_function_what_they_do_in_any_python(tmp_path) -> None:
    def report(_id, _payload):
        odd = {
            signal.Signals(each).name: signal.getsignal(each)
            for each in signal.valid_signals()
            if signal.getsignal(each) is not signal.SIG_DFL
        }
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return repr((odd, blocked, signal.set_wakeup_fd(-1))).encode()

    with local_runner(tmp_path, report) as runner:
        seen = [run_one(runner, called(0, b"")).value.decode() for _ in range(2)]

    usual = {"SIGINT": signal.default_int_handler, "SIGPIPE": signal.SIG_IGN}
    assert seen == [repr((usual, set(), -1))] * 2


def test_what_one_leaves_in_a_module_the_next_does_not_see(tmp_path) -> None:
    def count(_stage_id, _payload):
        COUNTER[0] += 1
        return b"%d %d" % (COUNTER[0], random.getrandbits(64))

    with local_runner(tmp_path, count) as runner:
        done = run_all(runner, [called(i) for i in range(6)], jobs=2)

    counts, randoms = zip(*(each.value.split() for each in done.values()), strict=True)
    assert set(counts) == {b"1"}
    assert len(set(randoms)) == 6


def test_a_failure_shows_the_traceback_from_the_users_code_on(tmp_path) -> None:
    def inner():
        raise KeyError("cause")

    def failing(_payload):
        try:
            inner()
        except KeyError as error:
            raise ValueError("effect") from error

    with local_runner(tmp_path, lambda _, payload: failing(payload)) as runner:
        done = run_one(runner, called(0))

    shown = done.stderr.decode()
    assert (done.exit_code, done.value) == (1, None)
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("ValueError: effect\n")
    assert "KeyError: 'cause'\n\nThe above exception was the direct cause of" in shown
    assert "stagemake/runner" not in shown


def test_an_exception_group_is_shown_trimmed(tmp_path) -> None:
    def failing(_payload):
        raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])

    shown = outcome(tmp_path, failing).stderr.decode()

    assert "ValueError: one" in shown
    assert "TypeError: two" in shown
    assert "stagemake/runner" not in shown


def leave(code):
    def function(_payload):
        sys.exit(code)

    return function


@pytest.mark.parametrize(
    ("code", "expected", "stderr"),
    [(None, 0, b""), (0, 0, b""), (3, 3, b""), (256 + 4, 4, b""), ("no luck", 1, b"no luck\n")],
)
def test_sys_exit_means_what_it_means_in_a_program(tmp_path, code, expected, stderr) -> None:
    done = outcome(tmp_path, leave(code))

    assert (expected, None, stderr, "") == (done.exit_code, done.value, done.stderr, done.note)


def interrupt(_payload):
    raise KeyboardInterrupt


def crash(_payload):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_payload):
    threading.Event().wait()


def return_text(_payload):
    return "text"


@pytest.mark.parametrize(
    ("function", "code", "note"),
    [
        (lambda _: os._exit(3), 3, ""),
        (
            lambda _: os._exit(0),
            1,
            "the process of the function ended before the function returned",
        ),
        (interrupt, 130, ""),
        (crash, -signal.SIGSEGV, ""),
        (return_text, 1, ""),
    ],
)
def test_every_other_end_is_a_failed_action(tmp_path, function, code, note) -> None:
    done = outcome(tmp_path, function)

    assert (code, None, note) == (done.exit_code, done.value, done.note)


def test_a_crash_shows_where_it_happened(tmp_path) -> None:
    shown = outcome(tmp_path, crash).stderr

    assert shown.startswith(b"Fatal Python error: Segmentation fault")
    assert b"in crash" in shown


def test_a_hanging_function_is_ended_when_its_time_is_over(tmp_path) -> None:
    done = outcome(tmp_path, hang, timeout_s=0.1)

    assert (done.timed_out, done.exit_code) == (True, -signal.SIGTERM)


def test_closing_its_streams_harms_nobody(tmp_path) -> None:
    def close_all(payload):
        sys.stdout.close()
        os.closerange(0, 3)
        return payload

    done = outcome(tmp_path, close_all)

    assert (done.exit_code, done.value) == (0, b"in")


def test_closing_every_descriptor_is_a_failed_action(tmp_path) -> None:
    def close_all(payload):
        os.closerange(0, 1 << 16)  # however many the tests have open by now
        return payload

    done = outcome(tmp_path, close_all)

    assert (done.exit_code, done.value) == (1, None)


def test_threads_are_waited_for_as_at_the_end_of_a_program(tmp_path) -> None:
    def leave_threads(payload):
        threading.Thread(target=hang, args=(payload,), daemon=True).start()
        threading.Thread(target=lambda: time.sleep(0.05) or print("late")).start()
        return payload

    done = outcome(tmp_path, leave_threads)

    assert (done.exit_code, done.stdout, done.value) == (0, b"late\n", b"in")


def test_a_copy_made_by_fork_gives_no_result(tmp_path) -> None:
    def fork(_payload):
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
        return b"parent" if pid else b"child"

    assert outcome(tmp_path, fork).value == b"parent"


def test_children_of_a_function_do_not_outlive_it(tmp_path) -> None:
    line = Lifeline(tmp_path / "line")

    def daemonize(_payload):
        up_fd, say_fd = os.pipe()
        for _ in range(2):
            pid = os.fork()
            if pid == 0:  # no exec, so the marker is in no environment
                os.setsid()
                if os.fork() == 0:
                    os.open("line", os.O_WRONLY)
                    os.write(say_fd, b"x")
                    hang(b"")
                os._exit(0)
            os.waitpid(pid, 0)  # or the one between would be a survivor too
            os.read(up_fd, 1)
        return b""

    done = outcome(tmp_path, daemonize)

    assert (done.exit_code, done.survivors) == (0, 2)
    assert line.has_ended()
    line.close()


def test_a_runner_without_call_refuses(tmp_path) -> None:
    with local_runner(tmp_path) as runner:
        done = run_one(runner, called(0))

    assert (
        done.exit_code,
        done.note,
    ) == (127, "could not start: nothing here carries out Python calls")


def test_the_supervisor_is_made_in_any_thread_and_outlives_it(tmp_path) -> None:
    with local_runner(tmp_path, lambda _, payload: payload) as runner:
        thread = threading.Thread(target=runner.prepare)
        thread.start()
        thread.join()

        assert run_one(runner, called(0, b"x")).value == b"x"


def test_files_open_in_the_tool_are_closed_to_functions_but_not_confused(tmp_path) -> None:
    with open(tmp_path / "tools", "w") as tools:

        def use(_payload):
            with open("mine", "w") as mine:
                try:
                    os.write(tools.fileno(), b"x")
                except OSError as error:
                    mine.write(error.strerror)
                os.close(tools.fileno())
                mine.write(" still")
            return b""

        done = outcome(tmp_path, use)

    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "mine").read_text() == "Bad file descriptor still"
    assert (tmp_path / "tools").read_text() == ""


def test_console_functions_print_where_the_tool_does(tmp_path, capfd) -> None:
    with local_runner(tmp_path, lambda _, __: print(os.getpgrp()) or b"") as runner:
        done = run_one(runner, Work(0, ENV, payload=b"", console=True))

    assert (done.exit_code, done.stdout) == (0, b"")
    assert capfd.readouterr().out == f"{os.getpgrp()}\n"
