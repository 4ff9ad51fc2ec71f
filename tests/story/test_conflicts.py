"""What to look at before building, said beforehand: as text and as JSON, each with a hint."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stagemake.model.report import ConflictKind

if TYPE_CHECKING:
    from project import Project


def found(project: Project, *targets: str) -> list[dict[str, Any]]:
    """Return the conflicts of a dry run; each is also in its text, path, words and hint."""
    with project.unchanged():
        conflicts: list[dict[str, Any]] = project.build("-n", "--json", *targets).json["conflicts"]
        text = project.build("-n", *targets).stdout
    for conflict in conflicts:
        words = ConflictKind[conflict["kind"].upper()].value
        about = project.normal(conflict["path"] or conflict["stages"][0])
        assert f"  `{about}`: {words}" in text
        assert conflict["hint"], "each says what to do, or what would happen"
        hint = re.sub(r", for .*?;", ";", project.normal(conflict["hint"]))
        assert hint.split(";")[0] in text
    return conflicts


COPY = 'command("copy", "cp a out/b", inputs=["a"], outputs=["out/b"])\n'


@pytest.fixture
def copied(project: Project) -> Project:
    """Return a built project of one stage."""
    return project.stagefile(COPY).write("a", "1").build().ran("copy") and project


def test_a_hand_edited_output(copied: Project) -> None:
    copied.write("a", "2").write("out/b", "mine")

    assert found(copied) == [
        {
            "kind": "hand_edited", "path": "out/b", "stages": ["copy"],
            "hint": "it would be kept under .stagemake/kept/",
        }
    ]  # fmt: skip


def test_a_foreign_file_in_the_way(project: Project) -> None:
    project.stagefile(COPY).write("a", "1").write("out/b", "mine")

    assert [(each["kind"], each["path"]) for each in found(project)] == [("foreign_file", "out/b")]


def test_outputs_that_differ_in_case_only(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "cp a out/b", inputs=["a"], outputs=["out/b"])
        command("two", "cp a Out/B", inputs=["a"], outputs=["Out/B"])
        """
    ).write("a")

    assert [(each["kind"], each["path"], each["stages"]) for each in found(project)] == [
        ("case_collision", "Out/B", ["one", "two"])
    ]


def test_a_missing_input_names_what_is_near(project: Project) -> None:
    project.stagefile(COPY + 'command("next", "cp out/bb c", inputs=["out/bb"], outputs=["c"])\n')
    project.write("a")

    assert found(project) == [
        {
            "kind": "missing_input", "path": "out/bb", "stages": ["next"],
            "hint": "did you mean `out/b`?",
        }
    ]  # fmt: skip


def test_an_input_that_is_a_fifo_and_the_others_are_planned_all_the_same(project: Project) -> None:
    project.stagefile(
        """\
        command("bad", "cat {inputs}", inputs=["odd"])
        command("good", "cat {inputs} > {outputs}", inputs=["fine"], outputs=["made"])
        """
    ).write("fine")
    os.mkfifo(project.root / "odd")

    plan = project.build("-n", "--json").json

    assert [(one["name"], one["verdict"], one["reason"]) for one in plan["stages"]] == [
        ("bad", "miss", "input_unreadable"),
        ("good", "miss", "never_built"),
    ]
    assert plan["conflicts"] == [
        {
            "kind": "unreadable_input", "path": "odd", "stages": ["bad"],
            "hint": "nothing is built; with `-k` all but what needs it",
        }
    ]  # fmt: skip


def test_a_missing_program_and_a_missing_directory(project: Project) -> None:
    project.stagefile(
        """\
        command("one", ["no-such-program"], outputs=["b"])
        command("two", "pwd > $OLDPWD/c", outputs=["c"], cwd="nowhere")
        """
    )

    assert [(each["kind"], each["path"], each["stages"]) for each in found(project)] == [
        ("missing_program", "no-such-program", ["one"]),
        ("missing_directory", "nowhere", ["two"]),
    ]


def test_an_output_in_a_directory_that_is_read_through_a_link(project: Project) -> None:
    project.stagefile(
        """\
        command("make", "echo 1 > {outputs}", outputs=["build/x"])
        command("pack", "ls include > {outputs}", inputs=["include"], outputs=["list"])
        """
    ).write("build/y", "1")
    (project.root / "include").symlink_to("build")

    assert found(project) == [
        {
            "kind": "output_in_input", "path": "build/x", "stages": ["make", "pack"],
            "hint": 'it reads `include`, a way there through a link; add after=["make"]',
        }
    ]  # fmt: skip
    text = (project.root / "Stagefile").read_text()
    project.write("Stagefile", text.replace('outputs=["list"]', 'outputs=["list"], after=["make"]'))
    assert found(project) == []


def test_an_output_in_a_directory_that_the_stage_itself_reads(project: Project) -> None:
    project.stagefile(
        'command("make", "echo 1 > {outputs}", inputs=["in"], outputs=["build/x"])\n'
    ).write("build/y", "1")
    (project.root / "in").symlink_to("build")

    conflicts = found(project)

    assert [(each["kind"], each["path"]) for each in conflicts] == [("output_in_input", "build/x")]
    assert conflicts[0]["hint"].endswith("it would never be fresh")


def test_another_build_holds_the_project(copied: Project) -> None:
    lock = copied.root / ".stagemake/lock"
    copied.write("a", "2")
    with lock.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        conflicts = found(copied)

    assert [each["kind"] for each in conflicts] == ["locked"]
    assert re.fullmatch(
        r"process <pid>, since \d\d:\d\d:\d\d, for <time>; a build would wait for it",
        conflicts[0]["hint"],
    )
    assert found(copied) == []


def test_a_disk_that_is_too_full(copied: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    copied.write("a", "2")
    room = SimpleNamespace(f_bavail=1, f_frsize=1000)
    monkeypatch.setattr(os, "statvfs", lambda _path: room)  # a disk can't be filled here

    conflicts = found(copied)
    lines = copied.build("-n").stdout.splitlines()

    assert [(each["kind"], each["path"]) for each in conflicts] == [("disk_full", "<root>")]
    hint = conflicts[0]["hint"]
    assert re.fullmatch(r"project, state and cache: up to .* KiB needed, <size> free", hint)
    assert "       not enough: <size> free" in lines


def test_a_stage_that_does_not_support_dry_run(project: Project, tmp_path: Path) -> None:
    from stagemake import BaseStage, StageManager

    class Opaque(BaseStage):
        name = "opaque"
        outputs = ("x",)

        def supports_dry_run(self) -> bool:
            return False

        def execute(self, context: object) -> None:
            raise AssertionError("a dry run runs nothing")

    manager = StageManager(project.root, cache_dir=tmp_path / "c", environ=project.environment())
    manager.register_stage(Opaque())

    report = manager.dry_run_pipeline()

    assert [(each.kind, each.stages) for each in report.potential_conflicts()] == [
        (ConflictKind.NO_DRY_RUN, ("opaque",))
    ]
    assert report.opaque == (0,)
    assert report.unestimated == 0
    assert report.potential_conflicts()[0].kind.code == "no_dry_run"


def test_long_lists_are_cut_and_say_how_to_see_the_rest(project: Project) -> None:
    project.stagefile(
        """\
        for i in range(60):
            command(f"s{i:02}", "cp far {outputs}", inputs=[f"far{i}"], outputs=[f"o{i}"])
        """
    )

    lines = project.build("-n").stdout.splitlines()

    assert len([line for line in lines if line.startswith("miss   s")]) == 40
    assert "and 20 more stages: -v lists all" in lines
    assert len([line for line in lines if "an input is neither there" in line]) == 5
    assert "  and 55 more like the last: -v lists all" in lines
    whole = project.build("-n", "-v").stdout
    assert whole.count("\nmiss   s") + whole.startswith("miss   s") == 60
    assert whole.count("an input is neither there") == 60
    assert len(project.build("-n", "--json").json["conflicts"]) == 60


def test_every_kind_of_conflict_has_its_story() -> None:
    files = (Path(__file__), Path(__file__).with_name("test_dry_run_api.py"))  # class-based stages
    stories = "".join(file.read_text("utf-8") for file in files)

    told = {kind for kind in ConflictKind if f'"{kind.code}"' in stories or kind.name in stories}

    assert set(ConflictKind) - told == set()
