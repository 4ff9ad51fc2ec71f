"""How stages run: side by side, failing, hanging, interrupted; and what a build says about it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stagemake import StageManager
from stagemake.cli.signals import Ended, until_stopped

if TYPE_CHECKING:
    import subprocess

    from project import Project

# A stage that tells its process id and then waits to be ended.
HANG = "echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 1000"


def wait_for(path: Path) -> str:
    """Return the content of a file once it is there; the test fails when it never comes."""
    deadline_s = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline_s, f"{path} never came"
        time.sleep(0.005)  # polls for an event; no time is assumed
    return path.read_text()


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


# --- Side by side. ---------------------------------------------------------------------------------

MEET = """\
command("a", "echo > to_b; read x < to_a; echo > x", outputs=["x"])
command("b", "read x < to_b; echo > to_a; echo > y", outputs=["y"])
"""


def test_two_jobs_run_two_stages_at_once(project: Project) -> None:
    project.stagefile(MEET)  # each stage waits for the other one
    os.mkfifo(project.root / "to_a")
    os.mkfifo(project.root / "to_b")

    project.build("-j2").ran("a", "b")


def test_one_job_runs_one_stage_at_a_time(project: Project) -> None:
    project.stagefile(
        """\
        for name in "abc":
            command(name, "mkdir running && rmdir running && echo > {outputs}", outputs=["o." + name])
        """
    )

    project.build("-j1").ran("a", "b", "c")


def test_the_output_of_parallel_stages_is_not_mixed(project: Project) -> None:
    os.mkfifo(project.root / "to_a")
    os.mkfifo(project.root / "to_b")
    project.stagefile(
        """\
        command("a", "echo a1; echo > to_b; read x < to_a; echo a2; echo > to_b")
        command("b", "read x < to_b; echo b1; echo > to_a; read x < to_b; echo b2; exit 0")
        """
    )

    stderr = project.build("-j2").ran("a", "b").stderr

    assert "\na1\na2\n" in stderr
    assert "\nb1\nb2\n" in stderr


def test_cpus_are_what_a_stage_takes_of_the_jobs(project: Project) -> None:
    project.stagefile(
        """\
        for name in "abc":
            command(name, "mkdir running && rmdir running && echo > {outputs}",
                    outputs=["o." + name], cpus=2)
        """
    )

    project.build("-j3").ran("a", "b", "c")


# --- Failing. --------------------------------------------------------------------------------------

CHAIN = """\
command("bad", "echo out; echo err >&2; echo partial > {outputs}; exit 3", outputs=["x"])
command("needs", "cp x y", inputs=["x"], outputs=["y"])
command("more", "cp y z", inputs=["y"], outputs=["z"])
command("good", "echo > g; echo fine", outputs=["g"])
"""


def test_a_failure_is_shown_last_with_how_to_run_it_again(project: Project) -> None:
    project.stagefile(CHAIN)

    project.build("-j1", "-k", "more", "good").printed(
        """\
        [1/4] FAILED    bad  <time>
        [4/4] ran       good  <time>
        fine

        failed: bad: exit status 3
        out
        err
          what it left is in `.stagemake/Stagefile/failed/bad/x`
          what it printed: `.stagemake/Stagefile/failed-logs/bad.log`
          to run it again: stagemake bad
        not run, because they need what failed: `needs`, `more`
        stagemake: failed, 4 stages: 1 ran, 1 failed, 2 blocked in <time>
        """
    ).exited(1)


def test_without_keep_going_nothing_new_starts(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "exit 1", outputs=["x"])
        command("b", "echo > y", outputs=["y"])
        """
    )

    project.build("-j1").printed(
        """\
        [1/2] FAILED    a  <time>

        failed: a: exit status 1
          to run it again: stagemake a
        stagemake: failed, 2 stages: 1 failed, 1 not run in <time>
        """
    ).exited(1)


def test_partial_outputs_of_a_failed_stage_are_moved_away(project: Project) -> None:
    project.stagefile(CHAIN)

    project.build("bad").failed("bad")

    assert not project.has("x")
    assert project.read(".stagemake/Stagefile/failed/bad/x") == "partial\n"
    project.build("bad").failed("bad")


def test_a_stage_that_makes_not_what_it_says_fails(project: Project) -> None:
    project.stagefile('command("a", "true", outputs=["x", "y"])\n')

    project.build().printed(
        """\
        [1/1] FAILED    a  <time>

        failed: a: it did not make its output `x`
          to run it again: stagemake a
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    )


def test_a_file_where_a_directory_was_declared_fails(project: Project) -> None:
    project.stagefile('command("a", "echo > d", outputs=["d/"])\n')

    result = project.build().failed("a")

    assert "failed: a: its output `d/` is declared as a directory and isn't one\n" in result.stderr


def test_a_directory_where_a_file_was_declared_fails(project: Project) -> None:
    project.stagefile('command("a", "mkdir d", outputs=["d"])\n')

    result = project.build().failed("a")

    assert "failed: a: its output `d` is a directory" in result.stderr


def test_a_program_that_is_not_there_fails(project: Project) -> None:
    project.stagefile('command("a", ["no-such-program"], outputs=["x"])\n')

    result = project.build().failed("a")

    assert "failed: a: " in result.stderr
    assert "no-such-program" in result.stderr


def test_a_silent_build_prints_failures_only(project: Project) -> None:
    project.stagefile(CHAIN)

    project.build("-s", "good").printed("")

    project.build("-s", "bad").printed(
        """\
        failed: bad: exit status 3
        out
        err
          what it left is in `.stagemake/Stagefile/failed/bad/x`
          what it printed: `.stagemake/Stagefile/failed-logs/bad.log`
          to run it again: stagemake bad
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    )


def test_control_sequences_in_output_do_not_reach_the_terminal(project: Project) -> None:
    project.stagefile(
        """command("a", r"printf '\\033]0;title\\007\\033[2Jx\\033[31mred\\033[0m\\n'")\n"""
    )

    stderr = project.build().stderr

    assert "\nxred\n" in stderr
    assert "\x1b" not in stderr


# --- Timeouts and retries. -------------------------------------------------------------------------


def test_a_stage_past_its_timeout_fails_and_is_ended(project: Project) -> None:
    # Nothing but the shell's own words before it waits, so that they are said in time.
    project.stagefile(
        'command("a", "echo $$ > pid; exec sleep 1000", outputs=["x"], timeout=1.5)\n'
    )

    result = project.build().failed("a")

    assert "failed: a: it took longer than its timeout of <time>\n" in result.stderr
    assert not is_alive(int(project.read("pid")))


def test_a_stage_that_works_the_second_time_is_tried_again(project: Project) -> None:
    project.stagefile(
        'command("a", "if mkdir mark 2> /dev/null; then exit 1; fi; echo > x", outputs=["x"], retries=1)\n'
    )

    project.build().printed(
        """\
        stagemake: `a` failed (exit status 1); retry 1 of 1
        [1/1] ran       a  <time>
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )


def test_retries_come_to_an_end(project: Project) -> None:
    project.stagefile('command("a", "echo x >> tries; exit 1", outputs=["x"], retries=2)\n')

    project.build().failed("a")

    assert project.read("tries") == "x\n" * 3


# --- Functions. ------------------------------------------------------------------------------------


def function(body: str) -> str:
    return f"""\
import ctypes, os, signal, sys, time

@stage(outputs=["x"], timeout=20)
def f(context):
    {body}
"""


def test_prints_of_a_function_are_captured(project: Project) -> None:
    project.stagefile(
        function(
            'print("out"); print("err", file=sys.stderr); os.system("echo deep");'
            ' context.outputs[0].write_text("1")'
        )
    )

    result = project.build().ran("f")

    assert sorted(result.stderr.splitlines()[1:4]) == ["deep", "err", "out"]


def test_an_exception_fails_the_stage_with_its_traceback(project: Project) -> None:
    project.stagefile(function('raise ValueError("no rows")'))

    result = project.build().failed("f")

    assert 'File "Stagefile", line 6, in f\n' in result.stderr
    assert "ValueError: no rows\n" in result.stderr


def test_a_traceback_begins_at_the_users_code(project: Project) -> None:
    project.stagefile(function('raise ValueError("no rows")'))

    project.build().printed(
        """\
        [1/1] FAILED    f  <time>

        failed: f: ValueError: no rows
        Traceback (most recent call last):
          File "Stagefile", line 6, in f
            raise ValueError("no rows")
        ValueError: no rows
          what it printed: `.stagemake/Stagefile/failed-logs/f.log`
          to run it again: stagemake f
        stagemake: failed, 1 stage: 1 failed in <time>
        """
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("os._exit(7)", "exit status 7"),
        ("sys.exit(5)", "exit status 5"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it was ended by signal 9 (SIGKILL)"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "it was ended by signal 11 (SIGSEGV)"),
    ],
)
def test_a_function_that_ends_its_process_is_a_failed_stage(
    project: Project, body: str, problem: str
) -> None:
    project.stagefile(function(body) + 'command("other", "echo > y", outputs=["y"])\n')

    result = project.build("-j1", "-k").failed("f").ran("other")

    assert f"failed: f: {problem}\n" in result.stderr


def test_a_function_that_leaves_quietly_has_failed_too(project: Project) -> None:
    project.stagefile(function('context.outputs[0].write_text("1"); os._exit(0)'))

    project.build().failed("f")


def test_a_hanging_function_is_ended_by_its_timeout(project: Project) -> None:
    project.stagefile(function("time.sleep(1000)").replace("timeout=20", "timeout=0.2"))

    result = project.build().failed("f")

    assert "failed: f: it took longer than its timeout of <time>\n" in result.stderr


def test_one_function_can_not_change_the_module_of_another(project: Project) -> None:
    project.stagefile(
        """\
        seen = []

        @stage(outputs=["x"])
        def one(context):
            seen.append(1)
            context.outputs[0].write_text(str(len(seen)))

        @stage(outputs=["y"], after=["one"])
        def two(context):
            seen.append(1)
            context.outputs[0].write_text(str(len(seen)))
        """
    )

    project.build().ran("one", "two")

    assert project.read("x") == project.read("y") == "1"


def test_what_a_stage_leaves_behind_is_ended(project: Project) -> None:
    project.stagefile(
        'command("a", "sleep 1000 > /dev/null 2>&1 & echo $! > pid; echo > x", outputs=["x"])\n'
    )

    result = project.build().ran("a")

    assert "  note: 1 process(es) that it left behind were ended\n" in result.stderr
    assert not is_alive(int(project.read("pid")))


# --- Two builds, and interrupts. -------------------------------------------------------------------

GATE = 'command("a", "echo > began; read x < gate; cp i x", inputs=["i"], outputs=["x"])\n'


@pytest.fixture
def gated(project: Project) -> Project:
    """Return a project whose only stage waits for somebody to write to `gate`."""
    project.stagefile(GATE).write("i", "1")
    os.mkfifo(project.root / "gate")
    return project


def open_gate(project: Project) -> None:
    with (project.root / "gate").open("w") as gate:
        gate.write("go\n")


def test_a_second_build_waits_and_says_so(gated: Project) -> None:
    first = gated.start()
    wait_for(gated.root / "began")
    second = gated.start()
    assert second.stderr is not None

    said = gated.normal(second.stderr.readline())  # before the first one goes on
    open_gate(gated)

    assert said == "stagemake: waiting for another build of this project (process <pid>)\n"
    gated.finish(first).ran("a")
    gated.finish(second).printed("stagemake: up to date\n")


def test_no_wait_leaves_with_75(gated: Project) -> None:
    first = gated.start()
    wait_for(gated.root / "began")

    result = gated.build("--no-wait")
    plan = gated.build("-n")
    open_gate(gated)

    result.printed(
        """\
        error: another build holds this project
          held by  process <pid>
        hint: wait for it, or leave out --no-wait
        """
    ).exited(75)
    assert "another build holds the project" in plan.stdout
    gated.finish(first).ran("a")


def interrupted(project: Project, *signals: int) -> tuple[subprocess.Popen[str], int]:
    """Start a hanging build, send it signals once its stage runs; return it and the stage's process."""
    build = project.start()
    pid = int(wait_for(project.root / "pid"))
    for number in signals:
        os.kill(build.pid, number)
    return build, pid


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_build_in_order(project: Project, number: int, status: int) -> None:
    project.stagefile(f'command("a", "echo > x; " + {HANG!r}, outputs=["x"])\n')

    build, pid = interrupted(project, number)

    project.finish(build).printed(
        """\
        [1/1] cut short a
        stagemake: interrupted, 1 stage: 1 interrupted in <time>
        """
    ).exited(status)
    assert not is_alive(pid)
    assert not project.has("x")


def test_a_second_interrupt_ends_what_ignores_the_first(project: Project) -> None:
    project.stagefile(
        """\
        command("a", "trap 'echo > told' INT TERM; echo $$ > pid.tmp; mv pid.tmp pid;"
                     " while :; do sleep 0.05; done", outputs=["x"])
        """
    )
    build, pid = interrupted(project, signal.SIGINT)
    wait_for(project.root / "told")

    os.kill(build.pid, signal.SIGINT)

    project.finish(build).exited(130)
    assert not is_alive(pid)


def test_a_third_request_cuts_the_tool_short_and_the_first_one_tells_the_status(
    project: Project,
) -> None:
    def ask_thrice() -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGHUP)

    with pytest.raises(Ended) as ended, until_stopped(StageManager(project.root)):
        ask_thrice()

    assert ended.value.number == signal.SIGHUP


def test_after_an_interrupt_the_next_build_does_the_rest(gated: Project) -> None:
    gated.stagefile(
        'command("b", "cp i y", inputs=["i"], outputs=["y"])\n'
        + GATE.replace('["i"],', '["i", "y"],')
    )
    build = gated.start()
    wait_for(gated.root / "began")
    os.kill(build.pid, signal.SIGINT)
    gated.finish(build).ran("b").exited(130)

    again = gated.start()
    open_gate(gated)

    gated.finish(again).ran("a").fresh("b")


def test_a_killed_build_leaves_no_process_and_nothing_that_looks_fresh(project: Project) -> None:
    project.stagefile(
        f'command("a", "test -e ok && echo 1 > x || (echo partial > x; {HANG})", outputs=["x"])\n'
    )
    build, pid = interrupted(project, signal.SIGKILL)
    build.communicate()
    deadline_s = time.monotonic() + 120
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.005)  # the kernel ends it, asynchronously
    assert not is_alive(pid)
    project.write("ok")

    project.build("-v").printed(
        """\
        [1/1] ran       a  <time>  (last run left no result)
        stagemake: done, 1 stage: 1 ran in <time>
        """
    )
    assert project.read("x") == "1\n"


def test_stages_that_want_too_much_memory_together_run_one_by_one(project: Project) -> None:
    project.stagefile(
        """\
        for name in ("a", "b", "c"):
            command(
                name,
                "mkdir lock && seq 300000 > /dev/null && rmdir lock && echo > {outputs}",
                outputs=[f"{name}.txt"],
                memory="1000 TiB",
            )
        """
    )

    project.build("-j3").ran("a", "b", "c").exited(0)


def test_an_input_edited_after_the_plan_was_made_counts_as_it_is_when_the_stage_starts(
    project: Project,
) -> None:
    project.stagefile(
        """
        first = command("first", "echo 2 > in && touch a", outputs=["a"])
        command("second", "cp in out", inputs=["in"], outputs=["out"], after=[first])
        """
    ).write("in", "1\n")

    project.build().ran("first", "second")

    assert project.read("out") == "2\n"
    project.build().ran()
    project.write("in", "1\n").build().ran("second")
    assert project.read("out") == "1\n"


def test_a_hit_whose_input_is_edited_after_the_plan_was_made_is_not_brought_back(
    project: Project,
) -> None:
    project.stagefile('second = command("second", "cp in out", inputs=["in"], outputs=["out"])')
    project.write("in", "1\n").build().ran("second")
    project.remove("out").stagefile(
        """
        first = command("first", "echo 2 > in && touch a", outputs=["a"])
        command("second", "cp in out", inputs=["in"], outputs=["out"], after=[first])
        """
    )

    project.build().ran("first", "second")

    assert project.read("out") == "2\n"
    project.build().ran()
