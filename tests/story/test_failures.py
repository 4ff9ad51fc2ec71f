"""What is said of a stage that failed, and where the rest of it is."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from screen_kit import Screen

from stagemake.execute.failed_log import MOST_LOGS

if TYPE_CHECKING:
    from project import Project

LOGS = ".stagemake/Stagefile/failed-logs"


def test_all_that_it_printed_is_in_a_file_as_it_came_until_it_runs_again(project: Project) -> None:
    project.stagefile(
        "command('bad', \"printf 'out\\\\n'; printf '\\\\033[31mred\\\\033[0m' >&2; test -e mended\", always=True)\n"
    )

    project.build().printed("""\
        [1/1] FAILED    bad  <time>

        failed: bad: exit status 1
        out
        red
          what it printed: `.stagemake/Stagefile/failed-logs/bad.log`
          to run it again: stagemake bad
        stagemake: failed, 1 stage: 1 failed in <time>
        """)

    told = project.build("--json").json["stages"][0]
    assert (told["outcome"], told["log"]) == ("failed", f"{LOGS}/bad.log")
    assert project.read(f"{LOGS}/bad.log") == "out\n\x1b[31mred\x1b[0m"
    assert stat.S_IMODE((project.root / LOGS / "bad.log").stat().st_mode) == 0o600
    project.write("mended").build().ran("bad")
    assert not project.has(f"{LOGS}/bad.log")


def test_without_output_there_is_no_file(project: Project) -> None:
    project.stagefile("command('bad', 'exit 3')\n")

    project.build().printed("""\
        [1/1] FAILED    bad  <time>

        failed: bad: exit status 3
          to run it again: stagemake bad
        stagemake: failed, 1 stage: 1 failed in <time>
        """)

    assert not project.has(LOGS)


def test_a_terminal_has_the_last_lines_and_pipes_have_all(project: Project) -> None:
    project.stagefile("command('bad', 'seq 100; echo oh >&2; exit 1')\n")
    expected = [
        "failed: bad: exit status 1",
        "  … the last 40 lines:",
        *map(str, range(62, 101)),
        "oh",
        "  all 101 lines that it printed: `.stagemake/Stagefile/failed-logs/bad.log`",
        "  to run it again: stagemake bad",
    ]

    with Screen.open(project, lines=60) as screen:
        assert screen.end() == 1
        assert screen.shown()[2:-1] == expected

    with Screen.open(project, "-v", lines=120) as screen:
        screen.end()
        assert [line for line in screen.shown() if line.isdecimal()] == list(
            map(str, range(1, 101))
        )
    assert project.run().stderr.count("\n") == 101 + 6


def test_secrets_are_not_in_the_file(project: Project) -> None:
    project.stagefile("command('bad', 'echo it is $KEY; exit 1', secret_env=['KEY'])\n")
    project.env["KEY"] = "hidden-value"

    project.build().exited(1)

    assert "hidden-value" not in project.read(f"{LOGS}/bad.log")


def test_no_more_than_a_hundred_are_kept(project: Project) -> None:
    count = MOST_LOGS + 3
    project.stagefile(f"for i in range({count}): command(f'bad.{{i:03}}', f'echo {{i}}; exit 1')\n")

    project.build("-k", "-j4").exited(1)

    logs = sorted(path.name for path in (project.root / LOGS).iterdir())
    assert len(logs) == MOST_LOGS
    project.build("bad.000").exited(1)
    assert len(list((project.root / LOGS).iterdir())) == MOST_LOGS
    assert project.has(f"{LOGS}/bad.000.log")


def test_a_log_that_was_just_told_of_stays_although_the_clock_was_set_back(
    project: Project,
) -> None:
    project.stagefile("for name in 'abc': command(name, f'echo {name}; exit 1')\n")
    logs = project.root / LOGS
    logs.mkdir(parents=True)
    for number in range(MOST_LOGS):
        (logs / f"old.{number:03}.log").write_text("old")
        os.utime(logs / f"old.{number:03}.log", (4e9 + number, 4e9 + number))

    project.build("-k").exited(1)

    left = sorted(path.name for path in logs.iterdir())
    assert left == [
        "a.log",
        "b.log",
        "c.log",
        *(f"old.{number:03}.log" for number in range(3, MOST_LOGS)),
    ]


@pytest.mark.parametrize(
    ("arguments", "cwd", "again"),
    [
        (("-D", "a=b c", "list"), "", "stagemake build -D 'a=b c' list"),
        (("-C", "..", "it's"), "sub", "stagemake -C .. 'it'\"'\"'s'"),
        (("-f", "Other", "x"), "", "stagemake -f Other x"),
        (("-j1", "-k", "x"), "sub", "stagemake x"),
    ],
)
def test_the_command_to_run_it_again_does_so(
    project: Project, arguments: tuple[str, ...], cwd: str, again: str
) -> None:
    text = "config('a', '')\nfor n in ('list', \"it's\", 'x'): command(n, 'exit 5')\n"
    project.stagefile(text).stagefile(text, "Other").write("sub/file")
    words = ("build", *arguments) if "list" in arguments else arguments

    said = project.run(*words, cwd=cwd).exited(1).stderr

    assert f"  to run it again: {again}\n" in said
