"""When files were touched and hold what they held: the entry of the command line says so by itself, once at a cost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from noop_kit import answer, build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from project import Project

STAGES = """\
import os
seen = open("read").read()
size = os.path.getsize("sized")
command("copy", "cp a b", inputs=["a"], outputs=["b"])
command("tree", "cp -r in {outputs}", inputs=["in/"], outputs=["out/"])
command("read", "cp read c", inputs=["read"], outputs=["c"])
command("linked", "cp link d", inputs=["link"], outputs=["d"])
"""


@pytest.fixture
def built(project: Project) -> Project:
    """Return a built project with all kinds of inputs."""
    project.stagefile(STAGES).write("a", "1").write("in/x", "1").write("in/deep/y", "1")
    project.write("read", "1").write("sized", "1").write("end", "1")
    (project.root / "link").symlink_to("end")
    assert build(project).returncode == 0
    assert answer(project) == 0
    return project


def _rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def _put_anew(path: Path) -> None:
    new = path.with_name("new~")
    new.write_bytes(path.read_bytes())
    new.replace(path)


SAME: dict[str, Callable[[Path], object]] = {
    "an input touched": lambda root: os.utime(root / "a"),
    "an input written again": lambda root: _rewrite(root / "a"),
    "an input in place of which an equal one is": lambda root: _put_anew(root / "a"),
    "an input that others may write": lambda root: (root / "a").chmod(0o666),
    "an output touched": lambda root: os.utime(root / "b"),
    "a file in a directory touched": lambda root: os.utime(root / "in/deep/y"),
    "a file in an output touched": lambda root: os.utime(root / "out/x"),
    "several": lambda root: (os.utime(root / "a"), os.utime(root / "b"), os.utime(root / "in/x")),
}


@pytest.mark.parametrize("what", SAME)
def test_what_holds_what_it_held_is_answered_for(built: Project, what: str) -> None:
    SAME[what](built.root)

    assert answer(built, "-n") == 0
    assert answer(built, "-q") == 0
    assert not (built.root / ".stagemake/Stagefile/touched").exists()
    assert answer(built) == 0
    assert (built.root / ".stagemake/Stagefile/touched").exists()
    assert files_read(built) == []
    assert built.run("-q").exit_code == 0


def files_read(project: Project) -> list[str]:
    """Return the project's files that an answered build opens."""
    import subprocess
    import sys

    code = (
        "import sys; names = []\n"
        "sys.addaudithook(lambda event, given: event == 'open' and names.append(str(given[0])))\n"
        "from stagemake import door\n"
        "assert door.answer([]) == 0\n"
        "print(*names, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=project.root, env=project.process_environment(),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    inside = f"{project.root}/"
    names = [name.removeprefix(inside) for name in done.stdout.split() if name.startswith(inside)]
    return [name for name in names if not name.startswith(".stagemake/")]


OTHER: dict[str, Callable[[Path], object]] = {
    "the Stagefile": lambda root: os.utime(root / "Stagefile"),
    "an input that the Stagefile reads": lambda root: os.utime(root / "read"),
    "a file whose size the Stagefile asks for": lambda root: os.utime(root / "sized"),
    "an input that may be executed now": lambda root: (root / "a").chmod(0o755),
    "an input of the same size": lambda root: (root / "a").write_text("2"),
    "one of several": lambda root: (os.utime(root / "b"), (root / "a").write_text("2")),
    "an input in place of which a link is": lambda root: (
        (root / "a").unlink(),
        (root / "a").symlink_to("read"),
    ),
    "a file less in a directory": lambda root: (root / "in/x").unlink(),
    "an output that is gone": lambda root: (root / "b").unlink(),
    "what a link leads to": lambda root: os.utime(root / "end"),
}


@pytest.mark.parametrize("what", OTHER)
def test_all_else_is_left_to_the_command_line(built: Project, what: str) -> None:
    OTHER[what](built.root)

    assert answer(built) is None
    assert not (built.root / ".stagemake/Stagefile/touched").exists()


def test_what_is_edited_after_it_was_touched_is_noticed(built: Project) -> None:
    for text in ("2", "3"):
        os.utime(built.root / "a")
        assert answer(built) == 0
        built.write("a", text)
        assert answer(built) is None
        assert "ran       copy" in build(built).stderr
        assert (built.root / "b").read_text() == text
        assert not (built.root / ".stagemake/Stagefile/touched").exists()
        assert answer(built) == 0


def test_what_was_touched_one_after_the_other_stays_known(built: Project) -> None:
    for path in ("a", "in/x", "b"):
        os.utime(built.root / path)
        assert answer(built) == 0
        assert files_read(built) == []


def test_a_damaged_note_costs_a_look_and_no_more(built: Project) -> None:
    os.utime(built.root / "a")
    assert answer(built) == 0
    note = built.root / ".stagemake/Stagefile/touched"
    data = note.read_bytes()

    for torn in (b"", data[:-1], data[:30], data[:-3] + b"xyz"):
        note.write_bytes(torn)
        assert answer(built) == 0
        assert files_read(built) == []


def test_nothing_is_noted_while_a_build_holds_the_project(built: Project) -> None:
    import fcntl

    os.utime(built.root / "a")
    with open(built.root / ".stagemake/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert answer(built) is None


def test_a_touched_file_runs_neither_the_stagefile_nor_the_parser(built: Project) -> None:
    os.utime(built.root / "a")
    absent = "; ".join(f"sys.modules[{name!r}] = None" for name in ("click", "attrs", "typing"))

    assert answer(built, before=f"import sys; {absent}") == 0
