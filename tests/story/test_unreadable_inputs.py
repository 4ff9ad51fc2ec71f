"""What is there and can't be read: a FIFO, a socket, a directory with one in it. Its stage's trouble only."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from project import Project

STAGEFILE = """\
command("bad", "cat {inputs}", inputs=["odd"])
command("good", "cat {inputs} > {outputs}", inputs=["fine"], outputs=["made"])
"""


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        place = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{place}/{path.name}")  # the name of a socket has 108 bytes
        os.close(place)


def a_pipe_inside(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / "pipe")


KINDS = [(os.mkfifo, "odd"), (a_socket, "odd"), (a_pipe_inside, "odd/pipe")]


@pytest.mark.parametrize(("make", "named"), KINDS, ids=["fifo", "socket", "inside"])
def test_an_odd_input_is_one_error_that_names_its_stage(
    project: Project, make: Callable[[Path], None], named: str
) -> None:
    project.stagefile(STAGEFILE).write("fine")
    make(project.root / "odd")

    project.build().exited(2).printed(
        f"""\
        error: stage `bad` needs an input that can't be read
          input     `{named}`
          why       neither a file nor a directory nor a symbolic link
          declared  Stagefile:2
        hint: make it readable, or declare the stage without it; `-k` builds the others
        """
    )

    assert not project.has("made")


@pytest.mark.parametrize(("make", "named"), KINDS, ids=["fifo", "socket", "inside"])
def test_with_k_only_its_stage_fails_and_what_ran_stays_known(
    project: Project, make: Callable[[Path], None], named: str
) -> None:
    project.stagefile(STAGEFILE).write("fine", "1")
    make(project.root / "odd")

    built = project.build("-k", "-j1").failed("bad").ran("good")

    assert f"its input `{named}` is neither a file nor a directory" in built.stderr
    project.build("-k").failed("bad").fresh("good")
    project.write("fine", "2").build("-k").failed("bad").ran("good")


def test_an_input_that_becomes_one_and_a_file_again_leaves_nothing_stale(project: Project) -> None:
    project.stagefile('command("a", "cat {inputs} > o", inputs=["odd"], outputs=["o"])\n')
    project.write("odd", "1").build().ran("a")
    (project.root / "odd").unlink()
    os.mkfifo(project.root / "odd")
    project.build().exited(2)
    (project.root / "odd").unlink()

    project.write("odd", "2").build().ran("a")

    assert project.read("o") == "2"


CHAIN = """\
command("gen", "cat {inputs} > {outputs}", inputs=["in"], outputs=["mid"])
command("use", "cat {inputs} > {outputs}", inputs=["mid"], outputs=["end"])
command("other", "echo > {outputs}", outputs=["more"])
"""


@pytest.mark.parametrize("is_built", [False, True], ids=["before", "after"])
def test_an_odd_thing_at_an_output_is_put_aside_like_any_other(
    project: Project, *, is_built: bool
) -> None:
    project.stagefile(CHAIN).write("in", "1")
    if is_built:
        project.build().ran("gen", "use", "other")
        (project.root / "mid").unlink()
    os.mkfifo(project.root / "mid")

    plan = project.build("-n", "--json").exited(0).json
    project.build("--cache", "off").exited(0)

    verdicts = {one["name"]: one["verdict"] for one in plan["stages"]}
    assert verdicts["gen"] in {"miss", "hit"}
    assert {"foreign_file", "hand_edited"} & {one["kind"] for one in plan["conflicts"]}
    assert project.read("mid") == project.read("end") == "1"
    project.build().fresh("gen", "use", "other")


def test_why_says_that_an_output_is_nothing_that_could_be_read(project: Project) -> None:
    project.stagefile('command("a", "echo > o", outputs=["o"])\n').build()
    (project.root / "o").unlink()
    os.mkfifo(project.root / "o")

    assert "      now  nothing that could be read\n" in project.build("why", "a").stdout


def test_a_stage_that_ran_under_several_flags_is_planned_too(project: Project) -> None:
    project.stagefile(
        'flag = config("flag", "1")\ncommand("a", f"cat in; echo {flag} > o", inputs=["in"], outputs=["o"])\n'
    )
    project.write("in").build()
    project.build("-D", "flag=2").ran("a")
    (project.root / "in").unlink()
    os.mkfifo(project.root / "in")

    assert "input can't be read: in" in project.build("-n", "-D", "flag=3").exited(0).stdout


def test_a_discovered_input_that_became_one_is_named(project: Project) -> None:
    project.stagefile('command("a", "echo o: h > d; cat h > o", outputs=["o"], depfile="d")\n')
    project.write("h", "1").build().ran("a")
    (project.root / "h").unlink()
    os.mkfifo(project.root / "h")

    built = project.build().exited(2)

    assert "  input     `h`\n  why       neither a file" in built.stderr
    assert "input can't be read: h" in project.build("why", "a").stdout


def test_a_plan_file_can_be_made_of_it_and_is_not_carried_out(project: Project) -> None:
    project.stagefile(STAGEFILE).write("fine")
    os.mkfifo(project.root / "odd")

    project.build("-n", "-o", "plan.json").exited(0)
    project.build("--plan", "plan.json").exited(2)

    assert not project.has("made")
