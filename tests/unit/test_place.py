"""Which Stagefile is meant, who may have planted it, and why state beside it is not believed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stagemake.freshness.place import fault_of_state, nearest_stagefile, planted_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to("."),
        os.mkfifo,
    ],
    ids=["directory", "dead link", "link to a directory", "fifo"],
)
def test_what_is_no_file_is_passed_over(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "Stagefile")
    assert nearest_stagefile(str(tmp_path))[0] in {"", *_above(tmp_path)}

    (tmp_path / "Stagefile.py").touch()

    assert nearest_stagefile(str(tmp_path)) == (f"{tmp_path}/Stagefile.py", str(tmp_path))


def _above(path: Path) -> set[str]:
    return {f"{one}/{name}" for one in path.parents for name in ("Stagefile", "Stagefile.py")}


def test_the_name_without_an_ending_comes_first(tmp_path: Path) -> None:
    for name in ("Stagefile", "Stagefile.py"):
        (tmp_path / name).touch()

    assert nearest_stagefile(str(tmp_path)) == (f"{tmp_path}/Stagefile", str(tmp_path))


@root_only
@pytest.mark.parametrize("owned", ["link", "file"])
def test_who_may_have_planted_a_stagefile(tmp_path: Path, owned: str) -> None:
    """A file of somebody else, or one of ours that somebody's link leads to."""
    there, below = str(tmp_path), str(tmp_path / "below")
    (tmp_path / "below").mkdir()
    (tmp_path / "file").touch()
    link = tmp_path / "Stagefile"
    link.symlink_to("file")
    assert planted_by(str(link), below) is None

    os.chown(tmp_path / "file" if owned == "file" else link, 4711, -1, follow_symlinks=False)

    assert planted_by(str(link), below) == 4711
    assert planted_by(str(link), there) is None  # as for make
    tmp_path.chmod(0o1777)
    assert planted_by(str(link), there) == 4711


def test_state_that_can_be_believed_has_no_fault(tmp_path: Path) -> None:
    state = tmp_path / ".stagemake"

    assert fault_of_state(str(state)) == ""
    state.mkdir(mode=0o755)
    assert fault_of_state(str(state)) == ""


def test_what_is_no_directory_of_ours_alone_is_no_state(tmp_path: Path) -> None:
    state = tmp_path / ".stagemake"
    (tmp_path / "real").mkdir()

    state.symlink_to("real")
    assert fault_of_state(str(state)) == "it is a symbolic link"
    state.unlink()
    state.touch()
    assert fault_of_state(str(state)) == "it is no directory"
    state.unlink()
    state.mkdir()
    for mode in (0o720, 0o702):
        state.chmod(mode)
        assert fault_of_state(str(state)) == f"others can write to it (mode {mode:04o})"


@root_only
def test_root_believes_the_user_whose_project_it_is_and_no_other(tmp_path: Path) -> None:
    state = tmp_path / ".stagemake"
    state.mkdir()

    os.chown(state, 4711, -1)
    assert fault_of_state(str(state)) == "it belongs to user 4711, not to user 0"
    os.chown(tmp_path, 4711, -1)
    assert fault_of_state(str(state)) == ""


@root_only
def test_a_user_does_not_believe_state_of_whoever_else_owns_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".stagemake").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    assert fault_of_state(str(tmp_path / ".stagemake")) == "it belongs to user 0, not to user 4711"
