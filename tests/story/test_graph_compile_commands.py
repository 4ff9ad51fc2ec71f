"""`graph --format compile-commands`, read as clang's tools read it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

C = """\
    for source in glob("src/*.c"):
        command(
            f"compile.{source.stem}",
            ["cc", "-Iinclude", "-DLEVEL=3", "-MMD", "-MF", "{depfile}", "-c", "{inputs}", "-o", "{outputs}"],
            inputs=[source], outputs=[f"build/{source.stem}.o"], depfile=f"build/{source.stem}.d",
        )
    command("link", "cc -o {outputs} {inputs}", inputs=["build/a.o", "build/b.o"], outputs=["build/app"])
    command("tool", "cc {inputs} -o {outputs}", inputs=["tools/t.c"], outputs=["tools/t"], cwd="tools")
    command("flags", "cc $FLAGS -c {inputs} -o {outputs}", inputs=["f.c"], outputs=["f.o"])
"""


@pytest.fixture
def sources(project: Project) -> Project:
    project.stagefile(C).write("include/h.h", "#define ANSWER 42\n")
    project.write(
        "src/a.c", '#include "h.h"\nint b(void);\nint main(void) { return b() - ANSWER - LEVEL; }\n'
    )
    project.write("src/b.c", "int b(void) { return 45; }\n")
    return project.write("tools/t.c", "int main(void) { return 0; }\n").write("f.c", "")


def test_each_source_has_its_directory_arguments_file_and_output(sources: Project) -> None:
    with sources.unchanged():
        result = sources.build("graph", "--format", "compile-commands", "compile.a", "tool", "link")

    flags = ["cc", "-Iinclude", "-DLEVEL=3", "-MMD", "-MF"]
    expected = [
        {
            "directory": "<root>",
            "arguments": [*flags, f"build/{n}.d", "-c", f"src/{n}.c", "-o", f"build/{n}.o"],
            "file": f"src/{n}.c",
            "output": f"build/{n}.o",
        }
        for n in ("a", "b")
    ]
    tool = {
        "arguments": ["cc", "t.c", "-o", "t"],
        "directory": "<root>/tools",
        "file": "t.c",
        "output": "t",
    }
    found = json.loads(result.stdout)
    assert [*expected, tool] == sorted(found, key=lambda entry: str(entry["file"]))
    assert (result.exit_code, result.stderr) == (0, "")


def test_what_needs_a_shell_is_left_out_and_named(sources: Project) -> None:
    result = sources.build("graph", "--format", "compile-commands", "-o", "compile_commands.json")

    files = [each["file"] for each in json.loads(sources.read("compile_commands.json"))]
    assert sorted(files) == ["src/a.c", "src/b.c", "t.c"]
    assert result.stderr == (
        "stagemake: `flags` left out: only a shell can read its command (Stagefile:10)\n"
    )


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_every_entry_runs_as_a_tool_would_run_it(sources: Project) -> None:
    (Path(sources.root) / "build").mkdir()
    sources.build("graph", "--format", "compile-commands", "-o", "compile_commands.json")

    entries = json.loads(sources.read("compile_commands.json"))
    assert len(entries) == 3
    for entry in entries:
        assert (Path(entry["directory"]) / entry["file"]).is_file()
        argv = [*entry["arguments"], "-fsyntax-only"]
        subprocess.run(argv, cwd=entry["directory"], check=True)


def test_without_a_compiler_the_list_is_empty_and_that_is_said(project: Project) -> None:
    project.stagefile('command("copy", "cp a b", inputs=["a"], outputs=["b"])').write("a")

    result = project.build("graph", "--format", "compile-commands")

    assert (result.stdout, result.stderr) == (
        "[]\n",
        "stagemake: no stage runs a C or C++ compiler that could be read\n",
    )


@pytest.mark.parametrize(
    "option", ["--files", "--labels", "--group", "--reduce", "--changed-since=HEAD"]
)
def test_options_of_pictures_are_refused(sources: Project, option: str) -> None:
    result = sources.build("graph", "--format", "compile-commands", option)

    assert result.exit_code == 2
    assert result.stderr == (
        "error: a compilation database takes TARGETS and `-o` only\n"
        "hint: stagemake graph --format compile-commands -o compile_commands.json\n"
    )
