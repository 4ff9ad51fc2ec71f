"""The live view: whole screens of a terminal, while a build runs and after it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest
from screen_kit import Screen, trimmed

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

# Stages that end when a file is there: the test says when.
WAITING = """\
def waiting(name, text, **keywords):
    command(name, f"echo {text}; while [ ! -e go.{name} ]; do sleep 0.01; done; echo {name} > {{outputs}}",
            outputs=[f"out.{name}"], **keywords)

"""
TWO = (
    WAITING
    + """\
waiting("compile.a", "about a")
waiting("compile.b", "about b")
command("link", "cat {inputs} > {outputs}", inputs=["out.compile.a", "out.compile.b"], outputs=["app"])
"""
)


def normal(shown: list[str], project: Project) -> list[str]:
    """Return lines with times replaced; a bar is `=`, however long."""
    text = re.sub(r"[━╸╺]+ *", "= ", project.normal("\n".join(shown)))
    return re.sub(r" +<time>", " <time>", text).split("\n")


def test_it_shows_what_runs_below_what_has_run_and_leaves_nothing_behind(project: Project) -> None:
    project.stagefile(TWO)

    with Screen.open(project, "-j2") as screen:
        shown = screen.until_line("compile.b")
        assert normal(shown, project) == [
            "[0/3] = 2 running, <time>",
            "  compile.a <time>",
            "  compile.b <time>",
        ]
        assert screen.cursor() == (0, 0, False)

        project.write("go.compile.a")
        shown = screen.until(lambda shown: "1 running" in shown[-2])
        assert normal(shown, project) == [
            "[1/3] ran       compile.a <time>",
            "about a",
            "[1/3] = 1 running, <time>",
            "  compile.b <time>",
        ]

        project.write("go.compile.b")
        assert screen.end() == 0
        assert normal(screen.shown(), project) == [
            "[1/3] ran       compile.a <time>",
            "about a",
            "[2/3] ran       compile.b <time>",
            "about b",
            "[3/3] ran       link <time>",
            "stagemake: done, 3 stages: 3 ran in <time>",
        ]
        assert screen.cursor() == (6, 0, False)
        assert b"\x1b[?25l" not in screen.raw  # not hidden at any time: a kill can't leave it so


def test_what_was_expected_and_what_is_left_come_from_past_builds(project: Project) -> None:
    project.stagefile(
        'command("slow", "sleep $(cat long); while [ -e hold ]; do sleep 0.01; done; : > {outputs}",\n'
        '        inputs=["long"], outputs=["a"], description="take a nap")\n'
        'command("old", "cat b > {outputs}", inputs=["b"], outputs=["c"])\n'
    ).write("long", "0.6").write("b", "1").build().ran("old", "slow")
    project.write("long", "0.7").write("hold").remove("c")

    with Screen.open(project, "-j1", columns=120) as screen:
        shown = screen.until_line("slow")
        project.remove("hold")
        assert screen.end() == 0

    head, stage = (re.sub(r"[━╸╺]+ *", "= ", line) for line in shown[-2:])
    time_text = r"(<1|~\d+) s"
    assert re.fullmatch(rf"\[[01]/2\] = 1 running(, 1 hit)?, \d+ s, {time_text} left", head), head
    assert re.fullmatch(rf"  slow +\d+ s of {time_text}  take a nap", stage), stage


@pytest.mark.parametrize(("number", "key"), [(signal.SIGINT, "\x03"), (signal.SIGTERM, "")])
def test_nothing_is_left_behind_by_a_build_that_is_ended(
    project: Project, number: signal.Signals, key: str
) -> None:
    project.stagefile(TWO)

    with Screen.open(project, "-j1") as screen:
        settings = termios.tcgetattr(screen.fd)
        screen.until_line("  compile.a")
        if key:
            screen.type(key)
        else:
            os.kill(screen.pid, number)
        assert screen.end() == 128 + number

        shown = normal(screen.shown(), project)
        assert shown == [
            "[1/3] cut short compile.a",
            "stagemake: interrupted, 3 stages: 1 interrupted, 2 not run in <time>",
        ]
        assert screen.cursor() == (2, 0, False)
        assert termios.tcgetattr(screen.fd) == settings
        assert settings[3] & termios.ECHO
        assert screen.raw.count(b"\x1b[?7l") == screen.raw.count(b"\x1b[?7h")  # lines wrap


def test_control_z_leaves_the_shell_a_clean_screen(project: Project) -> None:
    project.stagefile(TWO)

    shell = "set -m; $stagemake -j1; echo stopped; fg >/dev/null; echo rc $?"
    with Screen.open(project, shell=shell) as screen:
        screen.until_line("  compile.a")
        screen.type("\x1a")
        screen.until_line("stopped")
        project.write("go.compile.a").write("go.compile.b")
        screen.until_line("rc 0")
        assert screen.end() == 0

        shown = [line for line in normal(screen.shown(), project) if "Stopped" not in line]
        assert [line for line in shown if line] == [
            "stopped",
            "[1/3] ran       compile.a <time>",
            "about a",
            "[2/3] ran       compile.b <time>",
            "about b",
            "[3/3] ran       link <time>",
            "stagemake: done, 3 stages: 3 ran in <time>",
            "rc 0",
        ]


def test_a_narrow_terminal_has_one_line_and_a_resized_one_is_drawn_anew(project: Project) -> None:
    project.stagefile(TWO)

    with Screen.open(project, "-j2", columns=40) as screen:
        shown = screen.until_line("+1")
        assert normal(shown, project) == ["[0/3] +1 compile.a <time>"]

        screen.resize(90, 24)
        assert normal(screen.until_line("  compile.b"), project) == [
            "[0/3] = 2 running, <time>",
            "  compile.a <time>",
            "  compile.b <time>",
        ]

        screen.resize(90, 6)
        assert normal(screen.until_line("+1"), project) == ["[0/3] +1 compile.a <time>"]
        screen.type("\x03")
        screen.end()


def test_nothing_flickers_while_stages_run_end_and_the_window_changes(project: Project) -> None:
    project.stagefile(WAITING + 'for i in range(6): waiting(f"s{i}", f"text of {i}")\n')

    with Screen.open(project, "-j6") as screen:
        begun = re.compile(r" [1-9]\d* s\b")
        screen.until(lambda shown: len(shown) == 7 and all(map(begun.search, shown)))
        for number in (3, 0):
            project.write(f"go.s{number}")
            screen.until_line(f"text of {number}")
        for columns in (62, 110, 70, 100):
            screen.resize(columns, 24)
            screen.until(lambda shown: len(shown) == 9 and "  s5" in shown[-1])
        for number in (1, 2, 4, 5):
            project.write(f"go.s{number}")
            screen.until_line(f"text of {number}")
        assert screen.end() == 0
        pictures = screen.pictures()

    for shown in pictures:
        for before, now, after in zip(shown, shown[1:], shown[2:], strict=False):
            assert set(before) & set(after) <= set(now), (before, now, after)
    assert sum(map(len, pictures)) > 10
    marks = re.findall(rb"\x1b\[\?[0-9]+[hl]|\x1b\[[0-9]*[JL]", screen.raw)
    assert set(marks) == {
        b"\x1b[J",
        *(b"\x1b[?%d%c" % (mode, end) for mode in (7, 2026) for end in b"hl"),
    }
    assert screen.raw.count(b"\x1b[?2026h") == screen.raw.count(b"\x1b[?2026l")


def test_many_running_stages_take_a_third_of_the_screen(project: Project) -> None:
    project.stagefile(WAITING + 'for i in range(20): waiting(f"s{i:02}", i)\n')

    with Screen.open(project, "-j20") as screen:
        shown = screen.until_line("and 14 more")
        screen.type("\x03")
        screen.end()

    assert normal(shown, project) == [
        "[ 0/20] = 20 running, <time>",
        *(f"  s{i:02} <time>" for i in range(6)),
        "  and 14 more",
    ]


def test_a_stage_with_the_console_has_the_screen_to_itself(project: Project) -> None:
    project.stagefile(
        WAITING
        + 'waiting("first", "early")\nwaiting("side", "beside")\n'
        + "command(\"ask\", \"printf 'name? '; read x; echo hello $x\", console=True, always=True, after=['first'])\n"
    )

    with Screen.open(project, "-j2", "--events", "log") as screen:
        screen.until_line("  side")
        project.write("go.first")
        screen.until_line("name?")
        project.write("go.side")
        while '"stage":"side"' not in project.read("log").partition("stage_finished")[2].replace(
            " ", ""
        ):
            time.sleep(0.01)
        alone = normal(screen.shown(), project)
        screen.type("you\n")
        assert screen.end() == 0
        after = normal(screen.shown(), project)

    begin = ["[1/3] ran       first <time>", "early"]
    assert alone == [*begin, "name?"]
    assert after == [
        *begin,
        "name? you",
        "hello you",
        "[2/3] ran       side <time>",
        "beside",
        "[3/3] ran       ask <time>",
        "stagemake: done, 3 stages: 3 ran in <time>",
    ]


@pytest.mark.parametrize(
    ("env", "arguments"),
    [
        ({"TERM": "dumb"}, ()),
        ({"TERM": ""}, ()),
        ({"CI": "true"}, ()),
        ({}, ("-s",)),
        ({}, ("--events", "-")),
    ],
)
def test_elsewhere_than_on_a_capable_terminal_there_is_none(
    project: Project, env: dict[str, str], arguments: tuple[str, ...]
) -> None:
    project.stagefile('command("a", "sleep 1; : > {outputs}", outputs=["a"])\n')
    project.env.update(env)

    with Screen.open(project, "--color=never", *arguments) as screen:
        assert screen.end() == 0
        assert b"\x1b" not in screen.raw
        assert b"running" not in screen.raw


def test_in_the_background_there_is_none_until_it_is_in_the_foreground(project: Project) -> None:
    project.stagefile(TWO)

    shell = "set -m; $stagemake -j1 & read; fg >/dev/null; echo rc $?"
    with Screen.open(project, shell=shell) as screen:
        project.write("go.compile.a")
        while not project.has("out.compile.a"):
            time.sleep(0.01)
        screen.until_line("about a")
        time.sleep(0.6)  # a view would be there by now
        assert not any("running" in line for line in screen.shown())

        screen.type("\n")
        screen.until_line("  compile.b")
        project.write("go.compile.b")
        screen.until_line("rc 0")
        screen.end()
        assert not any("running" in line for line in screen.shown())


def test_a_tool_that_crashes_leaves_nothing_behind(project: Project) -> None:
    project.write(
        "run.py",
        """\
from contextlib import ExitStack
from stagemake import StageManager
from stagemake.cli.reporters import open_reporters
from stagemake.report.style import Style
from stagemake.report.terminal import Detail

class Crash:
    def handle(self, event):
        if type(event).__name__ == "StageSettled":
            raise SystemExit(7)

with ExitStack() as stack:
    manager = StageManager(root=".")
    manager.load("Stagefile")
    open_reporters(manager, Style(), Detail.NORMAL, at_end=stack.callback)
    manager.reporter.add(Crash())
    manager.execute_pipeline([])
""",
    ).stagefile(TWO)

    with Screen.open(project, shell="${stagemake%% *} run.py; echo rc $?") as screen:
        screen.until_line("  compile.b")
        project.write("go.compile.b")
        screen.until_line("rc 7")
        screen.end()
        assert normal(screen.shown(), project) == [
            "[1/3] ran       compile.b <time>",
            "about b",
            "rc 7",
        ]


@pytest.mark.parametrize("choice", ["never", "always"])
def test_the_view_has_colour_where_lines_have(project: Project, choice: str) -> None:
    project.stagefile(TWO)

    with Screen.open(project, f"--color={choice}") as screen:
        screen.until_line("  compile.a")
        screen.type("\x03")
        screen.end()

    assert (re.search(rb"\x1b\[[0-9;]*[1-9]m", screen.raw) is not None) == (choice == "always")


def test_what_is_printed_in_the_tool_goes_above_it(project: Project) -> None:
    project.write(
        "run.py",
        """\
import sys
from contextlib import ExitStack
from stagemake import StageManager
from stagemake.cli.reporters import open_reporters
from stagemake.report.style import Style
from stagemake.report.terminal import Detail

class Talk:
    def handle(self, event):
        if type(event).__name__ == "StageSettled":
            print("on stdout,", end=" ")
            print("and more")
            print("on stderr", file=sys.stderr)

with ExitStack() as stack:
    manager = StageManager(root=".")
    manager.load("Stagefile")
    open_reporters(manager, Style(), Detail.NORMAL, at_end=stack.callback)
    manager.reporter.add(Talk())
    manager.execute_pipeline([])
print("end", type(sys.stdout).__name__)
""",
    ).stagefile(TWO)

    with Screen.open(project, shell="${stagemake%% *} run.py") as screen:
        screen.until_line("  compile.b")
        project.write("go.compile.b")
        shown = screen.until(lambda shown: len(shown) > 4 and "  compile.a" in shown[-1])
        assert normal(shown, project) == [
            "[1/3] ran       compile.b <time>",
            "about b",
            "on stdout, and more",
            "on stderr",
            "[1/3] = 1 running, <time>",
            "  compile.a <time>",
        ]
        project.write("go.compile.a")
        assert screen.end() == 0
        assert screen.shown()[-1] == "end TextIOWrapper"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
def test_a_window_that_wraps_its_lines_anew_shows_no_broken_ones(
    project: Project, tmp_path: Path
) -> None:
    long = "a-stage-with-a-name-that-is-much-too-long-for-one-line-of-a-narrow-window"
    project.stagefile(WAITING + f'waiting("{long}", "text")\nwaiting("{long}.2", "text")\n')
    environ = project.process_environment()
    environ.pop("TERM", None)

    def tmux(*words: str) -> str:
        argv = ["tmux", "-S", str(tmp_path / "tmux"), "-f", os.devnull, *words]
        return subprocess.run(
            argv, env=environ, capture_output=True, text=True, check=True, timeout=30
        ).stdout

    def until(is_so: object) -> list[str]:
        end_s = time.monotonic() + 30
        while not is_so(shown := trimmed(tmux("capture-pane", "-p").split("\n"))):
            assert time.monotonic() < end_s, shown
            time.sleep(0.02)
        return shown

    tmux(
        "new-session", "-d", "-x", "120", "-y", "30", "-c", str(project.root),
        f"{sys.executable} -m stagemake -j2; sleep 60",
    )  # fmt: skip
    try:
        for columns in (120, 70, 100, 61, 120):
            tmux("resize-window", "-x", str(columns), "-y", "30")
            is_cut = columns < len(long) + 12
            until(
                lambda shown, columns=columns, is_cut=is_cut: (
                    len(shown) == 3
                    and "running" in shown[0]
                    and all(re.search(r"^  a-stage.* \d+ s$", line) for line in shown[1:])
                    and all(len(line) < columns and ("…" in line) == is_cut for line in shown[1:])
                )
            )
        project.write(f"go.{long}").write(f"go.{long}.2")
        shown = until(lambda shown: shown and shown[-1].startswith("stagemake: done"))
        assert not any("running" in line for line in shown), shown
    finally:
        tmux("kill-server")
