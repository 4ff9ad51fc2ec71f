"""Stages with the terminal to themselves: what they can do there, and what nobody else may meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest
from terminal_kit import DEADLINE_S, Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

ASK = """\
import os, sys
print("tty", *(os.isatty(fd) for fd in (0, 1, 2)), flush=True)
answer = input("really? ")
open(sys.argv[1], "w").write(answer)
print("so be it", flush=True)
"""


def lines(terminal: Terminal, project: Project) -> list[str]:
    return project.normal(terminal.text).splitlines()


def is_gone(pid: int) -> bool:
    """Whether a process has ended; waits a while for one that is just being ended."""
    end_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < end_s:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.005)
    return False


def pids(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()]


def test_a_command_asks_and_gets_an_answer_and_is_cached_like_any_other(project: Project) -> None:
    project.write("ask.py", ASK).stagefile(
        'command("ask", "python3 ask.py {outputs}", inputs=["ask.py"], outputs=["a"], console=True)\n'
    )

    with Terminal.start(project, "--color", "never") as terminal:
        terminal.expect("tty True True True\nreally? ")
        terminal.type("yes\n")
        assert terminal.end() == 0

    assert project.read("a") == "yes"
    assert lines(terminal, project) == [
        "tty True True True",
        "really? yes",
        "so be it",
        "[1/1] ran       ask  <time>",
        "stagemake: done, 1 stage: 1 ran in <time>",
    ]
    project.build().printed("stagemake: up to date\n")
    project.remove("a")
    project.build("-v").restored("ask")
    assert project.read("a") == "yes"


def test_a_function_asks_with_input(project: Project) -> None:
    project.stagefile("""\
        @stage(outputs=["a"], console=True, params={"n": 1})
        def ask(context):
            import os
            print(*(os.isatty(fd) for fd in (0, 1, 2)))
            context.outputs[0].write_text(input("name? ") + str(context.params["n"]))
            print("thanks")
        """)

    with Terminal.start(project) as terminal:
        terminal.expect("True True True\nname? ")
        terminal.type("Ada\n")
        terminal.expect("thanks\n")
        assert terminal.end() == 0

    assert project.read("a") == "Ada1"


def test_what_others_say_meanwhile_is_held_back_and_then_printed_in_order(project: Project) -> None:
    project.stagefile("""\
        command("ask", "read answer; echo got $answer; while [ ! -e go ]; do sleep 0.01; done", console=True, always=True)
        for i in "123":
            command(f"a.{i}", f"echo this is {i} > {{outputs}}; echo out {i}", outputs=[f"a{i}"],
                    after=[] if i == "1" else [f"a.{int(i) - 1}"])
        command("bad", "echo oh no; exit 3", after=["a.3"])
        command("last", "touch go", after=["a.3"])
        """)

    with Terminal.start(project, "-k", "-j4", "--color", "never") as terminal:
        while not project.has("go"):
            time.sleep(0.01)
        assert terminal.text == ""
        terminal.type("it\n")
        assert terminal.end() == 1

    shown = lines(terminal, project)
    assert shown[:2] == ["it", "got it"]
    words = [line.split("]")[-1].split("  ")[0] for line in shown[2:]]
    assert words[:6] == [" ran", "out 1", " ran", "out 2", " ran", "out 3"]
    at = next(i for i, line in enumerate(shown) if re.search(r"\bran +ask\b", line))
    for text in ("FAILED    bad", "ran       last"):
        assert any(text in line for line in shown[2:]), text
    assert at > 7, shown
    assert "failed: bad: exit status 3" in shown


def test_one_stage_at_a_time_has_the_console(project: Project) -> None:
    project.stagefile("""\
        for i in "1234":
            command(f"c.{i}", "mkdir lock && sleep 0.05 && rmdir lock", console=True, always=True)
        """)

    with Terminal.start(project, "-j4") as terminal:
        assert terminal.end() == 0


@pytest.mark.parametrize("kind", ["command", "function"])
def test_control_c_ends_the_build_with_130_and_the_stage_gets_one_sigint(
    project: Project, kind: str
) -> None:
    project.write(
        "wait.py",
        """\
import os, signal, sys, time
def note(*_):
    open("signals", "a").write("INT\\n")
    raise SystemExit(0)
def run():
    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, lambda *_: open("signals", "a").write("TERM\\n"))
    open("pids", "a").write(f"{os.getpid()}\\n")
    print("ready", flush=True)
    time.sleep(60)
if __name__ == "__main__":
    run()
""",
    )
    text = {
        "command": 'command("wait", "python3 wait.py; true", outputs=["w"], console=True)\n',
        "function": (
            '@stage(outputs=["w"], console=True)\ndef wait(context):\n    import wait as w\n    w.run()\n'
        ),
    }[kind]
    text += 'command("other", "echo $$ >> pids; exec sleep 60", outputs=["o"])\n'
    project.stagefile(text)

    with Terminal.start(project, "-j2", "--color", "never") as terminal:
        terminal.expect("ready")
        while len(pids(project.root / "pids")) < 2:
            time.sleep(0.01)
        terminal.type("\x03")
        assert terminal.end() == 130

    assert project.read("signals") == "INT\n"
    assert all(map(is_gone, pids(project.root / "pids")))
    shown = terminal.text
    assert "cut short wait" in shown, shown
    assert "stagemake: interrupted" in shown
    assert not project.has("w")


@pytest.mark.slow
def test_a_stage_that_ignores_control_c_is_ended_all_the_same(project: Project) -> None:
    project.stagefile(
        "command('deaf', \"trap '' INT TERM; echo $$ > pids; echo ready; while :; do sleep 0.1; done\","
        " console=True, always=True)\n"
    )

    with Terminal.start(project) as terminal:
        terminal.expect("ready")
        terminal.type("\x03")
        assert terminal.end() == 130

    assert all(map(is_gone, pids(project.root / "pids")))


# The grace of a signal is longer than any test: what ends does so by the second one.
PATIENT = """\
import sys
from stagemake.door import script
from stagemake.runner.local import LocalRunner

LocalRunner.__init__.__kwdefaults__["grace_s"] = 1e6
sys.argv[1:] = []
script()
"""


def test_a_second_control_c_ends_it_at_once(project: Project) -> None:
    project.write("patient.py", PATIENT).stagefile(
        "command('deaf', \"trap 'echo heard' INT; trap '' TERM; echo $$ > pids; echo ready; "
        'while :; do sleep 0.05; done", console=True, always=True)\n'
    )

    with Terminal.start(project, shell="exec ${stagemake%% *} patient.py") as terminal:
        terminal.expect("ready")
        terminal.type("\x03")
        terminal.expect("heard")
        time.sleep(0.2)  # as fingers do: the system counts two signals that meet as one
        terminal.type("\x03")
        assert terminal.end() == 130

    assert all(map(is_gone, pids(project.root / "pids")))


def test_an_editor_that_is_killed_leaves_the_terminal_usable(project: Project) -> None:
    project.stagefile("""\
        command("raw", "stty -echo -icanon; echo ready; kill -9 $$", console=True, always=True)
        """)

    with Terminal.start(project, shell="$stagemake raw; stty -a") as terminal:
        terminal.end()

    assert " icanon" in terminal.text
    assert re.search(r"(?<!-)\becho\b", terminal.text), terminal.text


def test_modes_that_a_stage_sets_and_leaves_in_order_stay(project: Project) -> None:
    project.stagefile('command("mode", "stty -echo", console=True, always=True)\n')

    with Terminal.start(project, shell="$stagemake; stty -a") as terminal:
        terminal.end()

    assert "-echo " in terminal.text


def test_a_shell_with_jobs_of_its_own_gives_the_terminal_back(project: Project) -> None:
    project.stagefile("""\
        command("shell", "bash --norc --noprofile -i", env={"PS1": "$ "}, console=True, always=True)
        command("next", "read x; echo next got $x", console=True, always=True, after=["shell"])
        """)

    with Terminal.start(project) as terminal:
        terminal.expect("$ ")
        terminal.type("echo in $((40+2))\n")
        terminal.expect("in 42\n")
        terminal.type("exit\n")
        terminal.type("line\n")
        terminal.expect("next got line")
        assert terminal.end() == 0


def test_a_killed_shell_that_had_the_terminal_does_not_keep_it(project: Project) -> None:
    project.stagefile("""\
        command("shell", ["bash", "--norc", "--noprofile", "-i"], env={"PS1": "$ "}, console=True, always=True)
        command("next", "read x; echo next got $x", console=True, always=True)
        """)

    with Terminal.start(project, shell="$stagemake shell; $stagemake next") as terminal:
        terminal.expect("$ ")
        terminal.type("kill -9 $$\n")
        terminal.expect("ended by signal 9")
        terminal.type("line\n")
        terminal.expect("next got line")
        assert terminal.end() == 0


def test_control_z_stops_stage_and_tool_and_fg_goes_on(project: Project) -> None:
    project.stagefile(
        'command("ask", "read x; : > mark; read x; echo got $x", console=True, always=True)\n'
    )

    with Terminal.start(project, shell="set -m; $stagemake; echo stopped; fg; echo rc $?") as term:
        term.type("one\n")
        while not project.has("mark"):
            time.sleep(0.01)
        term.type("\x1a")
        term.expect("stopped\n")
        term.type("two\n")
        term.expect("got two")
        term.expect("rc 0")
        assert term.end() == 0


def test_in_the_background_it_stops_at_reading_and_goes_on_in_the_foreground(
    project: Project,
) -> None:
    project.stagefile(
        'command("ask", "echo before > mark; read x; echo got $x", console=True, always=True)\n'
    )

    shell = "set -m; $stagemake & until jobs | grep -q Stopped; do sleep 0.05; done; jobs; fg; echo rc $?"
    with Terminal.start(project, shell=shell) as terminal:
        terminal.expect("Stopped")
        terminal.type("now\n")
        terminal.expect("got now")
        terminal.expect("rc 0")
        assert terminal.end() == 0


def test_a_background_build_without_reading_runs_through(project: Project) -> None:
    project.stagefile('command("say", "echo hello", console=True, always=True)\n')

    with Terminal.start(project, shell="set -m; $stagemake & wait; echo rc $?") as terminal:
        terminal.expect("hello")
        terminal.expect("rc 0")
        assert terminal.end() == 0


def test_with_json_the_console_prints_on_stderr(project: Project) -> None:
    project.stagefile("""\
        command("say", "echo shown; echo error >&2", console=True, always=True)
        @stage(console=True, always=True, after=["say"])
        def call(context):
            print("printed")
        """)

    with Terminal.start(project, shell="$stagemake --json > out.json; echo rc $?") as terminal:
        terminal.expect("shown\nerror\n")
        terminal.expect("printed\n")
        terminal.expect("rc 0")
        assert terminal.end() == 0

    assert json.loads(project.read("out.json"))["outcomes"]["ran"] == 2


def test_without_a_terminal_it_inherits_what_there_is(project: Project) -> None:
    project.stagefile('command("say", "cat; echo out; echo err >&2", console=True, always=True)\n')

    project.run().printed("""\
        out
        err
        [1/1] ran       say  <time>
        stagemake: done, 1 stage: 1 ran in <time>
        """)
    result = project.run("--json").exited(0)
    assert result.json["ok"]
    assert result.stderr.startswith("out\nerr\n")


def test_silent_builds_lend_the_console_too(project: Project) -> None:
    project.stagefile('command("say", "echo out", console=True, always=True)\n')

    project.run("-s").printed("out\n")


def test_a_timeout_and_retries_hold_on_the_console(project: Project) -> None:
    project.stagefile("""\
        command("slow", "echo try; sleep 60; true", console=True, always=True, timeout=1, retries=1)
        command("other", "true")
        """)

    result = project.run("-j1", "slow").exited(1)

    assert result.stdout == "try\ntry\n"
    assert result.stderr.splitlines()[0] == (
        "stagemake: `slow` failed (it took longer than its timeout of <time>); retry 1 of 1"
    )
    assert "failed: slow: it took longer than its timeout of <time>" in result.stderr


def test_what_it_leaves_running_is_ended(project: Project) -> None:
    project.stagefile('command("leave", "sleep 60 & echo $! > pids", console=True, always=True)\n')

    result = project.run().exited(0)

    assert all(map(is_gone, pids(project.root / "pids")))
    assert "1 process(es) that it left behind were ended" in result.stderr


def test_turning_the_console_on_counts(project: Project) -> None:
    text = 'command("a", "cat > {{outputs}}; echo x >&2", outputs=["a"], console={})\n'
    project.stagefile(text.format("False")).build().ran("a")
    project.build().fresh("a")

    project.stagefile(text.format("True"))

    assert "because: declaration changed: console" in project.build("why", "a").stdout
    assert project.build("-n", "--json").json["stages"][0]["verdict"] == "miss"


@pytest.mark.parametrize("word", ["command", "function"])
def test_secrets_and_the_console_exclude_each_other(project: Project, word: str) -> None:
    declared = (
        'command("a", "true", console=True, secret_env=["KEY"])'
        if word == "command"
        else '@stage(console=True, secret_env=["KEY"])\ndef a(context): ...'
    )
    project.stagefile(declared + "\n")

    project.build().exited(2).printed(
        """\
        error: console=True and secret_env don't go together: what is printed on the console can't be masked
          declared  Stagefile:2, %s
        hint: use pass_env, if what the action prints may show the values
        """
        % ("command('a')" if word == "command" else "stage 'a'")
    )


def test_console_is_true_or_false(project: Project) -> None:
    project.stagefile('command("a", "true", console="yes")\n')

    project.build().exited(2).printed("""\
        error: console is 'yes', neither True nor False
          declared  Stagefile:2, command('a')
        """)


def test_when_the_tool_is_killed_so_is_the_stage(project: Project) -> None:
    project.stagefile(
        'command("stay", "echo $$ > pids; echo ready; sleep 60; true", console=True, always=True)\n'
    )

    with Terminal.start(project) as terminal:
        terminal.expect("ready")
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.end() == -signal.SIGKILL

    assert all(map(is_gone, pids(project.root / "pids")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_tool_alone_ends_the_stage_too(
    project: Project, number: signal.Signals
) -> None:
    project.stagefile(
        'command("stay", "echo $$ > pids; sleep 60; true", console=True, always=True)\n'
    )
    process = project.start()
    while not project.has("pids") or not project.read("pids"):
        time.sleep(0.01)

    process.send_signal(number)
    result = project.finish(process).exited(128 + number)

    assert "[1/1] cut short stay\n" in result.stderr
    assert all(map(is_gone, pids(project.root / "pids")))


def test_its_result_is_told_before_the_next_one_has_the_console(project: Project) -> None:
    project.stagefile("""\
        for i in "123":
            command(f"c.{i}", f"echo {i}", console=True, always=True, after=[f"c.{int(i) - 1}"] if i > "1" else [])
        """)

    with Terminal.start(project, "-j4", "--color=never") as terminal:
        assert terminal.end() == 0

    assert lines(terminal, project)[:6] == [
        "1", "[1/3] ran       c.1  <time>", "2", "[2/3] ran       c.2  <time>",
        "3", "[3/3] ran       c.3  <time>",
    ]  # fmt: skip


def test_a_failed_attempt_is_told_before_the_next_one_begins(project: Project) -> None:
    project.stagefile("""\
        command("ask", "read x; test $x = yes", console=True, always=True, retries=2)
        command("other", "echo aside", always=True)
        """)

    with Terminal.start(project, "-j4", "--color=never") as terminal:
        terminal.type("no\n")
        terminal.expect("stagemake: `ask` failed (exit status 1); retry 1 of 2\n")
        terminal.type("yes\n")
        assert terminal.end() == 0

    assert "\naside\n" in terminal.text
