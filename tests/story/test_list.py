"""`list` and `list --tree`: what there is, for people on narrow terminals and for programs."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from project import PACKAGE_HOME

if TYPE_CHECKING:
    from project import Project

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"

DIAMOND = """\
command("fetch", "true", outputs=["data"])
left = command("left", "cp data l", inputs=["data"], outputs=["l"])
right = command("right", "cp data r", inputs=["data"], outputs=["r"])
command("join", "cat l r > j", inputs=[left, right], outputs=["j"])
command("lint", "true", inputs=["src"], before=["left"])
command("report", "true", inputs=["src"], after=["join"], optional=["lint", "absent"])
"""


@pytest.fixture
def diamond(project: Project) -> Project:
    return project.stagefile(DIAMOND).write("src")


def test_a_tree_shows_what_each_stage_waits_for_once(diamond: Project) -> None:
    with diamond.unchanged():
        diamond.build("list", "--tree").printed(
            """\
            report
            ├── lint (optional)
            └── join
                ├── left
                │   ├── fetch
                │   └── lint (before)
                └── right
                    └── fetch
            """
        )


def test_a_repeated_subtree_is_marked_and_the_mark_explained(diamond: Project) -> None:
    diamond.build("list", "--tree", "left", "join").printed(
        """\
        left
        └── fetch
        join
        ├── left (*)
        └── right
            └── fetch

        (*) shown above with what it waits for
        """
    )


def test_a_target_below_another_one_keeps_its_own_line(diamond: Project) -> None:
    diamond.build("list", "--tree", "j", "left").printed(
        """\
        join
        ├── left
        │   └── fetch
        └── right
            └── fetch
        left (*)

        (*) shown above with what it waits for
        """
    )


def test_a_tree_is_drawn_with_ascii_where_stdout_knows_no_more(diamond: Project) -> None:
    diamond.env["PYTHONIOENCODING"] = "latin-1"

    diamond.run("list", "--tree", "join").printed(
        """\
        join
        |-- left
        |   `-- fetch
        `-- right
            `-- fetch
        """
    )


def test_a_name_that_stdout_cannot_encode_is_escaped(project: Project) -> None:
    project.env["PYTHONIOENCODING"] = "latin-1"
    project.stagefile('command("漢", "true", inputs=["a"])')

    project.run("list").printed("\\u6f22  checks a\n")


def test_a_chain_of_ten_thousand_stages_has_lines_of_bounded_width(project: Project) -> None:
    project.stagefile(
        """
        command("s0", "true", inputs=["src"], outputs=["o0"])
        for i in range(1, 10_000):
            command(f"s{i}", "true", inputs=[f"o{i - 1}"], outputs=[f"o{i}"])
        """
    )

    lines = project.build("list", "--tree").exited(0).stdout.splitlines()

    *lines, empty, legend = lines
    assert (empty, legend) == ("", "(below) goes on further below")
    assert max(map(len, lines)) < 80
    words = [line.removesuffix(" (below)").split(" ")[-1] for line in lines]
    marked = [line for line in lines if line.endswith(" (below)")]
    assert list(dict.fromkeys(words)) == [f"s{i}" for i in reversed(range(10_000))]
    assert len(words) == 10_000 + len(marked)


def test_a_tree_of_nothing(project: Project) -> None:
    project.stagefile("").build("list", "--tree").printed("no stages\n")


def test_a_tree_is_no_json(diamond: Project) -> None:
    diamond.build("list", "--tree", "--json").printed(
        """\
        error: `--tree` is for people, `--json` for programs: give one of them
        hint: `stagemake graph --format json` has the edges
        """
    ).exited(2)


# --- The plain list. -------------------------------------------------------------------------------


def test_wide_characters_do_not_shift_the_descriptions(project: Project) -> None:
    project.stagefile(
        """
        command("漢字", "true", inputs=["a"], description="wide")
        command("abcd", "true", inputs=["a"], description="ASCII")
        command("e\\u0301e", "true", inputs=["a"], description="an accent of its own")
        """
    )

    project.build("list").printed("漢字  wide\nabcd  ASCII\ne\u0301e    an accent of its own\n")


def test_a_description_is_one_line_without_control_characters(project: Project) -> None:
    project.stagefile(
        'command("a", "true", inputs=["x"], description="two\\n  lines\\x1b[31m\\ttab")'
    )

    project.build("list").printed("a  two lines\\x1b[31m tab\n")


def test_a_long_name_moves_only_its_own_description(project: Project) -> None:
    long = "a." + "long" * 12
    project.stagefile(
        f"""
        command("{long}", "true", inputs=["x"], description="first")
        command("b", "true", inputs=["x"], description="second")
        """
    )

    project.build("list").printed(f"{long}  first\nb{' ' * 35}  second\n")


def test_members_of_a_pipeline_stop_at_80_columns(project: Project) -> None:
    project.stagefile(
        """
        names = [f"member{i:02}" for i in range(30)]
        for name in names:
            command(name, "true", inputs=["x"])
        pipeline("all", names)
        pipeline("few", names[:7])
        """
    )

    lines = project.build("list").stdout.splitlines()

    shown = " ".join(f"member{i:02}" for i in range(6))
    assert lines[1] == f"  all: {shown} and 24 more"
    assert len(lines[1]) <= 80
    assert lines[2] == "  few: " + " ".join(f"member{i:02}" for i in range(7))


def test_on_a_terminal_lines_are_cut_to_its_width(project: Project) -> None:
    project.stagefile(
        f'command("a", "true", inputs=["x"], description="{"word " * 40}")\n'
        f'command("b", "true", inputs=["x"], description="{"漢" * 80}")\n'
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    subprocess.run(
        [sys.executable, "-m", "stagemake", "list", "--color", "never"],
        cwd=project.root,
        env={**project.environment(), "PYTHONPATH": PACKAGE_HOME},
        stdout=theirs,
        check=True,
        timeout=60,
    )
    os.close(theirs)

    lines = os.read(ours, 65536).decode().splitlines()
    os.close(ours)

    assert lines[0] == "a  " + ("word " * 11).rstrip()[:54] + "..."
    assert lines[1] == "b  " + "漢" * 27 + "..."


def test_the_documented_fields_are_the_real_ones(project: Project) -> None:
    project.stagefile('command("a", "true", inputs=["x"])\npipeline("p", ["a"])')

    told = PAGE.read_text("utf-8").partition("`list --json` has `stages`")[2]
    stages, pipelines = re.findall(r"\(([^)]*)\)", told)[:2]
    real = project.build("list", "--json").json

    assert stages.split(", ") == list(real["stages"][0])
    assert pipelines.split(", ") == list(real["pipelines"][0])
