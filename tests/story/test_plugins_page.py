"""`docs/plugins.md`: its plugin is built from its blocks, and its sessions print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_kit import install_from_pyproject, site_of
from project import PACKAGE_HOME, Project

from stagemake.plugins.discover import KINDS

HOME = Path(__file__).parents[2]
TEXT = (HOME / "docs/plugins.md").read_text("utf-8")
BLOCK = re.compile(
    r"^```(\w*)\n(?:# (\S+\.\w+|Stagefile)( of the project)?\n)?(.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FILES = {
    f"project/{path}" if of_project or path in {"Stagefile", "program.py"} else path: text
    for _, path, of_project, text in BLOCK.findall(TEXT)
    if path
}
SESSIONS = [text for language, _, _, text in BLOCK.findall(TEXT) if language == "console"]


@pytest.fixture
def reader(project: Project) -> Project:
    """Return the reader's project, with the page's plugin installed."""
    modules = {
        path.removeprefix("src/"): text for path, text in FILES.items() if path.startswith("src/")
    }
    install_from_pyproject(
        site_of(project), FILES["pyproject.toml"], {"words/__init__.py": "", **modules}
    )
    programs = project.base / "bin"
    programs.mkdir()
    script = programs / "stagemake"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m stagemake "$@"\n')
    script.chmod(0o755)
    return project.write("pyproject.toml", FILES["project/pyproject.toml"]).write("Stagefile", "")


def shell(project: Project, line: str) -> str:
    """Run a line of shell in the project; return what it printed, stderr included."""
    found = project.environment()
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{line}"],
        cwd=project.root,
        env={
            **found,
            "PATH": f"{project.base}/bin:{found['PATH']}",
            "PYTHONPATH": f"{PACKAGE_HOME}:{found['PYTHONPATH']}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return project.normal(done.stdout)


def test_the_sessions_print_what_they_say(reader: Project) -> None:
    count = 0
    for session in SESSIONS:
        for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
            line, _, expected = part.partition("\n")
            printed = shell(reader, line)
            stages = [
                sorted(re.findall(r"^\[\d/\d\] (.*)$", text, re.MULTILINE))
                for text in (expected, printed)
            ]
            rest = [
                re.sub(r"^\[\d/\d\] .*\n", "", text, flags=re.MULTILINE)
                for text in (expected, printed)
            ]
            assert (line, stages[0], rest[0]) == (line, stages[1], rest[1])
            count += 1

    assert count == 5
    assert reader.read("stages.log").splitlines()[0] in {"words.count ran", "words.longest ran"}


def test_the_stagefile_names_it_as_well(reader: Project) -> None:
    reader.write("pyproject.toml", "").write("Stagefile", FILES["project/Stagefile"])

    assert "named in   Stagefile:3\n" in reader.run("plugins").stdout


def test_the_runner_notes_what_it_starts(reader: Project) -> None:
    reader.write("text.txt", "a b").run("words", "--runner", "noting").exited(0)

    assert "a function" in reader.read("started.log")
    assert "/bin/sh" in reader.read("started.log")


def test_configuration_of_the_project_reaches_the_plugin(reader: Project) -> None:
    reader.write("text.txt", "b a").run(
        "build", "words.longest", "-D", "words.tool=sort -r"
    ).exited(0)

    assert reader.read("build/words.txt").split() == ["b", "a"]


def test_the_program_runs(reader: Project) -> None:
    reader.write("text.txt", "loud").write("pyproject.toml", "")
    reader.write("program.py", FILES["project/program.py"])

    assert shell(reader, f"{sys.executable} program.py") == "('shout.it',)\n"
    assert reader.read("build/loud.txt") == "LOUD"


def test_every_group_is_explained() -> None:
    told = re.findall(r"^\| `stagemake\.(\w+)` \|", TEXT, re.MULTILINE)

    assert sorted(KINDS) == sorted(told)
