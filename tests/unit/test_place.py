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


def test_the_nearest_one_above_counts_however_deep_one_stands(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "real").touch()
    (tmp_path / "Stagefile").symlink_to("real")

    for below in ("", "a", "a/b", "a/b/c", "a/none"):
        assert nearest_stagefile(f"{tmp_path}/{below}") == (f"{tmp_path}/Stagefile", str(tmp_path))
    (tmp_path / "a/b/Stagefile.py").touch()
    assert nearest_stagefile(f"{tmp_path}/a/b/c")[0] == f"{tmp_path}/a/b/Stagefile.py"
    assert nearest_stagefile(f"{tmp_path}/a") == (f"{tmp_path}/Stagefile", str(tmp_path))


def test_where_one_stands_is_told_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "Stagefile").touch()
    monkeypatch.chdir(tmp_path / "a")

    for start in (".", "", "..", "../a/.."):
        assert nearest_stagefile(start) == (f"{tmp_path}/Stagefile", str(tmp_path))


def test_the_search_ends_at_the_top() -> None:
    for directory in ("/", "/proc/self"):
        path, last = nearest_stagefile(directory)
        assert (path, last) == ("", "/") or path in {"/Stagefile", "/Stagefile.py"}


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a user who is not root, in one of root's, in one of that user's."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    (tmp_path / "of-root/ours/deep").mkdir(parents=True)
    for path in (tmp_path, tmp_path / "of-root/ours", tmp_path / "of-root/ours/deep"):
        os.chown(path, 4711, -1)
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    return tmp_path / "of-root/ours"


def test_a_user_goes_up_through_own_directories_and_those_of_root(ours: Path) -> None:
    top = ours.parent.parent
    (top / "Stagefile").touch()
    for owner in (0, 4711):
        os.chown(top / "Stagefile", owner, -1)
        assert nearest_stagefile(f"{ours}/deep") == (f"{top}/Stagefile", str(top))

    os.chown(ours.parent, 17, -1)

    assert nearest_stagefile(f"{ours}/deep") == ("", str(ours))
    os.chown(ours.parent, 0, -1)
    os.chown(top, 17, -1)
    assert nearest_stagefile(f"{ours}/deep") == ("", str(ours.parent))


def test_what_somebody_else_put_above_ends_the_search_and_where_one_stands_it_counts(
    ours: Path,
) -> None:
    (ours / "Stagefile").touch()
    (ours.parent / "Stagefile").touch()
    os.chown(ours / "Stagefile", 17, -1)

    assert nearest_stagefile(f"{ours}/deep") == ("", str(ours))
    assert nearest_stagefile(str(ours)) == (f"{ours}/Stagefile", str(ours))
    ours.chmod(0o777)
    assert nearest_stagefile(str(ours)) == ("", str(ours))
    for path, start in ((f"{ours}/Stagefile", str(ours)), (f"{ours}/Stagefile", f"{ours}/deep")):
        assert planted_by(path, start) == 17
    assert planted_by(f"{ours.parent}/Stagefile", str(ours)) is None  # of root
    ours.chmod(0o775)
    assert planted_by(f"{ours}/Stagefile", f"{ours}/../ours") is None
    assert planted_by(f"{ours}/Stagefile", f"{ours}/deep") == 17


def test_of_a_link_and_what_it_leads_to_either_may_be_planted_and_the_link_is_told_first(
    ours: Path,
) -> None:
    (ours / "real").touch()
    (ours / "Stagefile").symlink_to("real")
    for link, real, planted in ((0, 4711, None), (17, 4711, 17), (4711, 18, 18), (17, 18, 17)):
        os.chown(ours / "Stagefile", link, -1, follow_symlinks=False)
        os.chown(ours / "real", real, -1)
        assert planted_by(f"{ours}/Stagefile", f"{ours}/deep") == planted
        found = "" if planted else f"{ours}/Stagefile"
        assert nearest_stagefile(f"{ours}/deep") == (found, str(ours))


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
def test_everybody_believes_what_is_their_own_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / ".stagemake"
    state.mkdir()

    os.chown(tmp_path, 17, -1)
    assert fault_of_state(str(state)) == ""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    os.chown(state, 4711, -1)
    assert fault_of_state(str(state)) == ""
    os.chown(state, 17, -1)  # whoever is not root believes nobody else, the project's owner neither
    assert fault_of_state(str(state)) == "it belongs to user 17, not to user 4711"


@root_only
def test_a_user_does_not_believe_state_of_whoever_else_owns_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".stagemake").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    assert fault_of_state(str(tmp_path / ".stagemake")) == "it belongs to user 0, not to user 4711"
