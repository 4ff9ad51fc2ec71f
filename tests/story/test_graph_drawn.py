"""`graph --format svg` and `png`: pictures without a program of the system."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from project import Project

SPACE = "{http://www.w3.org/2000/svg}"
NASTY = ['quo"te', "<b>", "&amp;", "</svg>", "]]>", "a->b", "ünï漢", "\\N", "'", "box.a", "box.b"]


def nasty(project: Project) -> Project:
    return project.stagefile(
        f"""
        before = []
        for name in {NASTY!r}:
            before = [command(name, "true", inputs=["in-" + name], after=before,
                              description="about " + name)]
        """
    )


def test_an_svg_has_every_stage_and_edge(project: Project) -> None:
    nasty(project)

    with project.unchanged():
        text = project.build("graph", "--format", "svg").exited(0).stdout

    drawn = ET.fromstring(text)
    shown = [
        [line.text for line in group.findall(f"{SPACE}text")]
        for group in drawn.iter(f"{SPACE}g")
        if group.find(f"{SPACE}rect") is not None
    ]
    arrows = [path for path in drawn.iter(f"{SPACE}path") if path.get("marker-end")]
    assert [[name, f"about {name}"] for name in NASTY] == shown
    assert len(arrows) == len(NASTY) - 1
    assert text == project.build("graph", "--format", "svg").stdout


def test_labels_and_files_are_drawn(project: Project) -> None:
    project.stagefile('command("one", "cp a b", inputs=["a"], outputs=["b"])')

    text = project.build("graph", "--format", "svg", "--files").exited(0).stdout

    assert [node.text for node in ET.fromstring(text).iter(f"{SPACE}text")] == ["one", "a", "b"]


def test_a_png_is_written(project: Project) -> None:
    pytest.importorskip("resvg_py")
    nasty(project).build("graph", "--format", "png", "-o", "graph.png").printed("").exited(0)

    data = (project.root / "graph.png").read_bytes()

    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 1000
    assert height > 40


def test_without_the_extra_a_png_is_refused_with_its_name(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    nasty(project)

    with project.unchanged():
        project.build("graph", "--format", "png", "-o", "graph.png").printed(
            """\
            error: PNG needs the package `resvg-py`, which is not installed
            hint: pip install 'stagemake[png]', or write `--format svg`
            """
        ).exited(2)


def test_boxes_are_for_other_formats(project: Project) -> None:
    nasty(project).build("graph", "--format", "svg", "--group").printed(
        """\
        error: `--group` is for dot and mermaid
        hint: stagemake graph --group | dot -Tsvg, or `stagemake report`
        """
    ).exited(2)


def test_a_png_goes_to_a_pipe_as_bytes(project: Project) -> None:
    pytest.importorskip("resvg_py")
    nasty(project)

    made = subprocess.run(
        [sys.executable, "-m", "stagemake", "graph", "--format", "png"],
        cwd=project.root, env=project.process_environment(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    assert (made.returncode, made.stderr) == (0, b"")
    assert made.stdout.startswith(b"\x89PNG\r\n\x1a\n")
    assert made.stdout.endswith(b"IEND\xaeB`\x82")
