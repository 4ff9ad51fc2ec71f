"""What faults leave behind: unfinished files, things in the way, outputs that could not be removed."""

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from faults.machine import Fault, Machine
from faults.project import write_project
from faults.scenario import reset

from stagemake import durable
from stagemake.observe import seccomp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project

STATE = ".stagemake/Stagefile"
TEMP = f"{durable.TEMP_PREFIX}1-abc"
DONE = "stagemake: up to date\n"


@pytest.fixture(autouse=True)
def _sound_disk() -> Iterator[None]:
    yield
    durable.install(None)


@pytest.fixture
def built(project: Project) -> Project:
    """Return a built project of a file and a directory."""
    project.stagefile("""
        command("copy", "cp a {outputs}", inputs=["a"], outputs=["out/b"])
        command("tree", "mkdir {outputs} && cp a {outputs}/one", inputs=["a"], outputs=["out/tree/"])
    """)
    project.write("a", "1").build().ran("copy", "tree")
    return project


def fail_once(operation: str, part: str, number: int = errno.EIO) -> list[str]:
    """Let the first such change of a path with `part` in it fail; return where that will be noted."""
    failed: list[str] = []

    def point(name: str, path: str) -> None:
        if name == operation and part in path and not failed:
            failed.append(path)
            raise OSError(number, os.strerror(number), path)

    durable.install(point)
    return failed


def test_a_build_with_nothing_to_do_removes_unfinished_files_of_a_killed_one(
    built: Project,
) -> None:
    built.write(f"{STATE}/{TEMP}", "half")
    built.touch("Stagefile")  # so that there is a closer look

    built.build().printed(DONE)

    assert not built.has(f"{STATE}/{TEMP}")


def test_without_state_unfinished_files_are_looked_for_beside_all_outputs(built: Project) -> None:
    built.write(f"out/{TEMP}/in", "half")
    (built.root / STATE / "snapshot").unlink()

    built.build().exited(0)

    assert sorted(os.listdir(built.root / "out")) == ["b", "tree"]


def test_an_unfinished_file_that_can_not_be_removed_is_in_nobodys_way(built: Project) -> None:
    built.write(f"{STATE}/{TEMP}", "half").write("a", "2")
    failed = fail_once("unlink", TEMP)

    built.build().ran("copy", "tree").exited(0)

    assert len(failed) == 1


def test_what_no_stage_makes_any_more_and_can_not_be_removed_is_removed_the_next_time(
    built: Project,
) -> None:
    built.stagefile(
        'command("tree", "mkdir {outputs} && cp a {outputs}/one", inputs=["a"], outputs=["out/tree/"])'
    )
    failed = fail_once("unlink", "out/b")

    first = built.build()

    assert len(failed) == 1
    assert (
        "stagemake: `out/b`, which no stage makes any more, could not be removed; the next build tries again\n"
        in first.stderr
    )
    assert "removed `out/b`" in built.build().stderr
    assert not built.has("out/b")


def test_a_replaced_directory_that_can_not_be_removed_at_once_does_not_stay(built: Project) -> None:
    for text in ("2", "3"):
        built.write("a", text).build("--cache", "on").ran("copy", "tree")
    built.write("a", "2")
    failed = fail_once("unlink", f"out/{durable.TEMP_PREFIX}")

    built.build("--cache", "on").restored("copy", "tree")

    assert len(failed) == 1
    assert sorted(os.listdir(built.root / "out")) == ["b", "tree"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(
            (name, "a directory")
            for name in ("noop", "snapshot", "journal", "clock", "history.db", "names")
        ),
        ("declared", "a full directory"),
        ("clock", "a dead link"),
        ("snapshot", "a dead link"),
    ],
)
def test_what_is_in_the_way_of_a_file_of_ours_is_removed(
    built: Project, name: str, kind: str
) -> None:
    path = built.root / STATE / name
    path.unlink(missing_ok=True)
    if kind == "a dead link":
        path.symlink_to("nowhere/at/all")
    else:
        path.mkdir()
        if kind == "a full directory":
            (path / "in").write_text("x")
    built.write("a", "2")

    built.build().ran("copy", "tree").exited(0)

    built.run().printed(DONE).exited(0)
    assert built.read("out/b") == "2"


def test_a_directory_is_no_lock(built: Project) -> None:
    (built.root / ".stagemake/lock").unlink()
    (built.root / ".stagemake/lock/in").mkdir(parents=True)

    built.write("a", "2").build().ran("copy", "tree").exited(0)


@pytest.mark.parametrize("name", ["builds", "scratch", "failed"])
def test_a_file_in_the_way_of_a_directory_of_ours_is_removed(built: Project, name: str) -> None:
    shutil.rmtree(built.root / STATE / name, ignore_errors=True)
    built.write(f"{STATE}/{name}", "x").write("a", "2")

    result = built.build().ran("copy", "tree").exited(0)

    assert "history:" not in result.stderr


def test_a_record_of_nothing_to_do_that_can_not_be_written_costs_the_next_build_time_only(
    tmp_path: Path,
) -> None:
    with Machine(str(tmp_path)) as machine:
        reset(machine)
        write_project(machine.root)
        points = machine.run("build", "-j1").points
        (at,) = (
            i for i, point in enumerate(points) if point == f"open {machine.root}/{STATE}/noop"
        )
        reset(machine)
        write_project(machine.root)

        first = machine.run("build", "-j1", fault=Fault("ENOSPC", at))

        assert (first.status, first.points[at]) == (0, points[at])
        assert "error" not in first.err
        assert machine.run("build").err == DONE


def test_a_fault_of_the_caches_database_is_told_without_names_of_classes(built: Project) -> None:
    import sqlite3

    def point(operation: str, path: str) -> None:
        if operation == "commit" and path.endswith("cache.db"):
            raise sqlite3.OperationalError("database or disk is full")

    durable.install(point)

    result = built.write("a", "2").build().ran("copy", "tree").exited(0)

    assert "stagemake: cache: database or disk is full: `cache.db`\n" in result.stderr


def test_a_depfile_that_a_killed_build_left_goes_when_its_stage_is_restored(
    project: Project,
) -> None:
    project.stagefile(
        """
        command("scan", "cp {inputs} {outputs}; echo '{outputs}: a' > {depfile}; test ! -p gate || read x < gate",
                inputs=["a"], outputs=["out/o"], depfile="out/o.d")
        """
    ).write("a", "1")
    os.mkfifo(project.root / "gate")
    killed = project.start()
    with (project.root / "gate").open("w"):  # opens when the stage reads: its depfile is there
        killed.kill()
        killed.communicate()
    assert project.has("out/o.d")
    project.remove("gate").clone().build().ran("scan")

    project.build().restored("scan")

    assert sorted(path.name for path in (project.root / "out").iterdir()) == ["o"]


def test_what_is_removed_for_good_is_on_the_disk_before_it_is_forgotten(project: Project) -> None:
    project.stagefile('command("old", "echo > {outputs}", outputs=["out/deep/old"])\n').build()
    project.stagefile("")
    done: list[str] = []

    durable.install(lambda operation, path: done.append(f"{operation} {path}"))
    try:
        project.build().exited(0)
    finally:
        durable.install(None)

    removed = done.index(f"rmdir {project.root}/out")
    synced = done.index(f"fsync {project.root}")
    saved = next(
        i for i, each in enumerate(done) if each.startswith("rename") and "snapshot" in each
    )
    assert removed < synced < saved


@pytest.mark.skipif(bool(seccomp.problem()), reason=seccomp.problem() or "it can be watched")
def test_what_a_killed_trace_had_in_its_scratch_goes_with_the_next_build(project: Project) -> None:
    os.mkfifo(project.base / "began")
    project.stagefile("""
        command("one", "cp a b", inputs=["a"], outputs=["b"])
        command("slow", "echo > ../began; sleep 1000", inputs=["b"])
    """).write("a")
    process = project.start("trace", "slow")
    (project.base / "began").read_text()
    process.kill()
    process.communicate()
    assert project.has(f"{STATE}/scratch")

    project.build("one").ran()

    assert not project.has(f"{STATE}/scratch")


@pytest.mark.parametrize(
    ("arguments", "how"), [((), "restored"), (("-B",), "made")], ids=["restored", "run"]
)
def test_a_file_of_the_users_where_an_output_needs_a_directory_is_told_and_stays(
    project: Project, arguments: tuple[str, ...], how: str
) -> None:
    project.write("a", "a").stagefile(
        'command("copy", "cp a {outputs}", inputs=["a"], outputs=["o/in/b"])'
    )
    project.build().exited(0)
    shutil.rmtree(project.root / "o")
    project.write("o", "mine")

    result = project.build(*arguments).exited(1)

    assert (
        f"failed: copy: its outputs can't be {how}: `o` is no directory, and its output `o/in/b` lies in it;"
        " move `o` away, or change the output at Stagefile:2\n"
    ) in result.stderr
    assert "Errno" not in result.stderr
    assert project.read("o") == "mine"
