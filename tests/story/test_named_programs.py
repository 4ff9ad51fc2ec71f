"""Programs that a command names by a placeholder: they count, and are made, like those written out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project


def tool(project: Project, name: str, text: str) -> None:
    """Write a program that prints a text."""
    project.write(name, f"#!/bin/sh\necho {text}\n")
    (project.root / name).chmod(0o755)


def test_a_program_that_a_parameter_names_counts_like_one_that_is_written_out(
    project: Project,
) -> None:
    project.stagefile(
        """
        command("listed", ["bin/{params.tool}", "{outputs}"], params={"tool": "mk"}, outputs=["a"])
        command("said", "bin/{params.tool} > {outputs}", params={"tool": "say"}, outputs=["b"])
        """
    )
    tool(project, "bin/mk", "1 > $1")
    tool(project, "bin/say", "1")
    project.build().ran("listed", "said")

    tool(project, "bin/say", "2")
    project.build().ran("said")
    tool(project, "bin/mk", "2 > $1")
    project.build().ran("listed")

    assert (project.read("a"), project.read("b")) == ("2\n", "2\n")
    project.build().ran()


@pytest.mark.parametrize("command", ['["{params.cc}", "{outputs}"]', '"{params.cc} {outputs}"'])
def test_a_program_on_path_that_a_parameter_names_counts_too(
    project: Project, command: str
) -> None:
    project.stagefile(f'command("t", {command}, params={{"cc": "my-cc"}}, outputs=["o"])')
    programs = project.base / "programs"
    programs.mkdir()
    compiler = programs / "my-cc"
    project.env["PATH"] = f"{programs}:{os.environ['PATH']}"
    compiler.write_text("#!/bin/sh\necho 1 > $1\n")
    compiler.chmod(0o755)
    project.build().ran("t")
    project.build().ran()

    compiler.write_text("#!/bin/sh\necho 22 > $1\n")

    project.build().ran("t")


def test_an_input_that_is_the_program_is_started(project: Project) -> None:
    project.stagefile(
        'command("t", ["{inputs[0]}", "{inputs[1]}"], inputs=["tools/check", "x"])\n'
        'command("u", ["./{inputs[0]}"], inputs=["check"])'
    )
    project.write("x", "")
    tool(project, "tools/check", "1")
    tool(project, "check", "1")
    project.build().ran("t", "u")

    tool(project, "check", "2")

    project.build().ran("u")


def test_a_dry_run_misses_no_program_that_is_there(project: Project) -> None:
    project.stagefile(
        """
        command("listed", ["{inputs[0]}", "x"], inputs=["tools/check"])
        command("said", "{inputs[0]} x", inputs=["tools/check"])
        """
    )
    tool(project, "tools/check", "1")

    assert project.build("-n", "--json").json["conflicts"] == []
    project.build().ran("listed", "said")
