"""TAB from what the last build has noted: the same words as the long way gives, and never old ones."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from forked_kit import Forks

from stagemake.cli.command_names import COMMANDS
from stagemake.cli.completion_noted import FLAGS, SHELLS, TAKE_TARGETS
from stagemake.cli.completion_scripts import SCRIPTS
from stagemake.cli.main import group

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

STAGES = """\
import os
objects = [
    command(f"compile.{path.stem}", "cp {inputs} {outputs}", inputs=[path], outputs=[f"out/{path.stem}.o"])
    for path in glob("src/*.c")
]
command("link", "cat {inputs} > {outputs}", inputs=objects, outputs=["out/app"],
        description="Join\\neverything.")
command("ns:one", "true", inputs=["src/main.c"])
command("dollar$x", "true", inputs=["src/main.c"])
command("tree", "cp -r src {outputs}", inputs=["src/main.c"], outputs=["out/tree/", "out/\\x1b[31m"])
pipeline("release", ["link"])
if os.path.exists("more"):
    command("more", "true", inputs=["src/main.c"])
"""


@pytest.fixture
def forks(project: Project) -> Iterator[Forks]:
    """Return what runs command lines in a built project, as the installed script does."""
    project.stagefile(STAGES).write("src/main.c").write("src/util.c")
    with Forks(project) as made:
        made.run("-k")
        yield made


def offered(forks: Forks, *words: str) -> tuple[list[str], str]:
    """Return the candidates for the last of `words`, and who answered."""
    done = forks.run("completion", "zsh", "--", *words)
    return [line.split("\t")[1] for line in done.out.splitlines()], done.who


SAME = (
    ("zsh", ""), ("zsh", "co"), ("zsh", "compile."), ("zsh", "cl"), ("zsh", "build", "cl"), ("zsh", "rel"),
    ("zsh", "link", "c"), ("zsh", "compile.main", "compile."), ("zsh", "out"), ("zsh", "build", "out/"),
    ("zsh", "nothing"), ("zsh", "-n", "li"), ("zsh", "-k", "-j4", "-B", "l"), ("zsh", "list", "li"),
    ("zsh", "why", "dol"), ("zsh", "graph", "compile.main", ""), ("zsh", "--", "li"), ("zsh", "build", "--", "-"),
    ("zsh", "-", "l"), ("fish", "'dol"), ("fish", "trace", "ns:"), ("fish", "bench", "li"),
    ("bash", "stagemake ns:", ""), ("bash", "stagemake build 'ns:o", "ns:o"), ("bash", "stagemake dol", "dol"),
    ("bash", 'stagemake "dol', "dol"), ("bash", "stagemake ", ""), ("bash", "stagemake list out/t", "out/t"),
)  # fmt: skip


def test_the_answer_is_that_of_the_long_way(project: Project, forks: Forks) -> None:
    asked = [("completion", shell, "--", *words) for shell, *words in SAME]
    with project.unchanged():
        noted = [forks.run(*argv) for argv in asked]

    assert {done.who for done in noted} == {"the entry"}
    for argv, done in zip(asked, noted, strict=True):
        assert project.build(*argv).stdout == done.out, argv


def test_what_is_not_a_name_is_left_to_the_long_way(forks: Forks) -> None:
    for words in (("--ca",), ("-C", ".", "li"), ("cache", "st"), ("--cache", "o"), ("completion", "z")):  # fmt: skip
        found, who = offered(forks, *words)
        assert found
        assert who != "the entry"


def test_a_stage_that_was_just_written_is_offered(project: Project, forks: Forks) -> None:
    assert offered(forks, "more") == ([], "the entry")

    for change in (
        lambda: project.write("more"),  # that was asked for
        lambda: project.write("src/new.c"),  # that a glob finds
        lambda: project.stagefile(STAGES + 'command("last", "true", inputs=["src/main.c"])\n'),
    ):
        change()
        _, who = offered(forks, "build", "")
        assert who == "an evaluation"
        forks.run("-k")
        assert offered(forks, "build", "")[1] == "the entry"

    found, _ = offered(forks, "build", "")
    assert {"more", "compile.new", "last"} < set(found)


def test_files_that_only_stages_read_and_failures_take_nothing_away(
    project: Project, forks: Forks
) -> None:
    project.write("src/main.c", "edited").remove("out/app")

    assert offered(forks, "compile.m") == (["compile.main"], "the entry")
    forks.run("-k")
    assert offered(forks, "compile.m") == (["compile.main"], "the entry")


def test_names_that_are_damaged_or_gone_are_asked_for_the_long_way(
    project: Project, forks: Forks
) -> None:
    path = project.root / ".stagemake/Stagefile/names"
    whole = path.read_bytes()
    for data in (
        b"",
        whole[:-1],
        whole[:200] + b"x" + whole[201:],
        whole.replace(b"noop", b"noon"),
    ):
        path.write_bytes(data)
        assert offered(forks, "build", "li") == (["link"], "an evaluation")
    path.unlink()
    assert offered(forks, "build", "li") == (["link"], "an evaluation")


def test_where_a_stagefile_can_not_be_relied_on_it_is_run(project: Project) -> None:
    project.stagefile("import time\n" + STAGES).write("src/main.c")

    with Forks(project) as forks:
        forks.run("-k")
        assert offered(forks, "build", "li") == (["link"], "an evaluation")


def test_outputs_are_told_from_where_one_is(project: Project, forks: Forks) -> None:
    script = "from stagemake.door import script; script()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "completion", "zsh", "--", "build", "../out/a"],
        cwd=project.root / "src", env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert done.stdout == "word\t../out/app\t\n"


# --- The tables. -----------------------------------------------------------------------------------


def test_the_commands_that_take_targets_are_those_that_say_so() -> None:
    context = click.Context(group)
    takes = set()
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        first = next((one for one in command.params if isinstance(one, click.Argument)), None)
        if first is not None and first.name in {"targets", "stages"} and first.nargs == -1:
            takes.add(name)

    assert takes == set(TAKE_TARGETS)


def test_the_flags_take_no_value_and_the_shells_are_those_with_a_script() -> None:
    command = group.get_command(click.Context(group), "build")
    assert command is not None
    known = {
        word: option
        for option in command.params
        if isinstance(option, click.Option)
        for word in option.opts
    }

    assert all(known[flag].is_flag for flag in FLAGS)
    assert set(SHELLS) == set(SCRIPTS)
