"""Who is trusted: nobody's Stagefile but one's own is found, nobody's state is believed, nothing holds a reader up."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest

from stagemake.freshness.place import fault_of_state, nearest_stagefile
from stagemake.freshness.regular import read_regular

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

STAGEFILE = 'command("copy", "cat {inputs} > {outputs}; echo said", inputs=["a"], outputs=["b"])\n'
STATE = (
    "noop",
    "declared",
    "snapshot",
    "captures",
    "journal",
    "touched",
    "repeats",
    "names",
    "builds/1",
)

TAB = ["completion", "zsh", "--", "build", ""]


@pytest.fixture
def built(project: Project) -> Project:
    project.stagefile("capture(['echo', 'x'])\n" + STAGEFILE).write("a", "1\n")
    return project.build().ran("copy") and project


def be(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Have files of this process's user be somebody else's."""
    monkeypatch.setattr(os, "getuid", lambda: user)
    monkeypatch.setattr(os, "geteuid", lambda: user)


# -- Stagefiles ------------------------------------------------------------------------------------


def _owned_by(user: int, path: str, real=os.stat):
    """Return what stat says, with `path` of another user."""

    def stat(asked, **more):
        status = real(asked, **more)
        if os.fspath(asked) != path:
            return status
        return os.stat_result((*status[:4], user, *status[5:]))

    return stat


def test_the_search_ends_below_a_directory_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Stagefile").touch()
    (tmp_path / "mine/deep").mkdir(parents=True)
    assert nearest_stagefile(str(tmp_path / "mine/deep")) == (
        f"{tmp_path}/Stagefile",
        str(tmp_path),
    )

    monkeypatch.setattr(os, "stat", _owned_by(4711, str(tmp_path)))

    assert nearest_stagefile(str(tmp_path / "mine/deep")) == ("", str(tmp_path / "mine"))


@pytest.mark.parametrize("call", ["stat", "lstat"])
def test_a_stagefile_that_another_user_planted_in_a_directory_above_ends_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    planted = tmp_path / "Stagefile"
    if call == "stat":  # a file of ours, reached by somebody's link
        planted.touch()
    else:
        (tmp_path / "real").touch()
        planted.symlink_to("real")
    (tmp_path / "mine").mkdir()

    monkeypatch.setattr(os, "lstat", _owned_by(4711, str(planted), os.lstat))

    assert nearest_stagefile(str(tmp_path / "mine")) == ("", str(tmp_path))
    assert nearest_stagefile(str(tmp_path)) == (str(planted), str(tmp_path))  # as make would
    tmp_path.chmod(0o1777)  # as /tmp is
    assert nearest_stagefile(str(tmp_path)) == ("", str(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_planted_stagefile_is_named_and_can_be_asked_for(project: Project) -> None:
    project.stagefile(STAGEFILE).write("sub/x").write("a", "1")
    os.chown(project.root / "Stagefile", 4711, 4711)

    refused = project.run(cwd="sub").exited(2)
    asked = project.run("-f", "../Stagefile", cwd="sub")

    refused.printed("""\
        error: `<root>/Stagefile` is not taken: it belongs to user 4711, who may have planted it
          searched  `<root>/sub`
          up to     `<root>`
        hint: if you trust it: stagemake -f <root>/Stagefile
        """)
    asked.ran("copy")
    project.run(cwd="").exited(0)


# -- the state -------------------------------------------------------------------------------------

COMMANDS = (["build"], ["-n"], ["list"], ["why", "copy"], ["history"], ["clean"])  # fmt: skip


def test_state_behind_a_link_is_refused_by_every_command(built: Project) -> None:
    (built.root / ".stagemake").rename(built.base / "elsewhere")
    (built.root / ".stagemake").symlink_to("../elsewhere")

    with built.unchanged():
        for arguments in COMMANDS:
            result = built.run(*arguments).exited(2)
            assert "`.stagemake` is not to be trusted" in result.stderr, arguments

    built.run().printed("""\
        error: `.stagemake` is not to be trusted
          where  `<root>/.stagemake`
          why    it is a symbolic link
        hint: `stagemake doctor` says how to mend it; without it nothing is lost but time and `kept/`
        """)
    assert "is a symbolic link" in built.run("doctor").exited(1).stdout


def test_state_that_others_can_write_is_refused(built: Project) -> None:
    for mode in (0o770, 0o702, 0o777):
        (built.root / ".stagemake").chmod(mode)

        assert f"others can write to it (mode {mode:04o})" in built.run().exited(2).stderr

    (built.root / ".stagemake").chmod(0o755)
    built.run().printed("stagemake: up to date\n")


def test_state_of_another_user_is_refused(built: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    state = str(built.root / ".stagemake")
    owner = os.getuid()
    assert fault_of_state(state) == ""

    be(monkeypatch, 4711)

    assert fault_of_state(state) == f"it belongs to user {owner}, not to user 4711"


# Some are only read where another one could be.
GROUPS = (STATE, ("touched", "declared"), ("../lock", "../.gitignore"))


@pytest.mark.parametrize("names", GROUPS, ids=" ".join)
def test_a_fifo_in_place_of_state_holds_nobody_up(built: Project, names: tuple[str, ...]) -> None:
    for name in names:
        path = built.root / ".stagemake/Stagefile" / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    # Each ends, which is the point: the test would time out.
    for arguments in (["-n"], ["why", "copy"], ["history"], ["doctor"], TAB, []):
        assert "Traceback" not in built.run(*arguments).stderr, arguments

    if "../lock" not in names:
        built.write("a", "2").run().ran("copy")


@pytest.mark.parametrize("names", GROUPS[:2], ids=" ".join)
def test_state_of_a_terabyte_is_not_read(built: Project, names: tuple[str, ...]) -> None:
    for name in names:
        path = built.root / ".stagemake/Stagefile" / name
        path.touch()
        os.truncate(path, 1 << 40)

    for arguments in (["-n"], ["why", "copy"], ["history"], TAB, []):
        assert "Traceback" not in built.build(*arguments).stderr, arguments

    built.write("a", "2").build().ran("copy")


def test_only_regular_files_of_a_sensible_size_are_read(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"12345")
    link.symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    # By its name alone: the address of a socket has no room for a long path.
    with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")

    assert read_regular(str(file)) == read_regular(str(link)) == b"12345"
    assert read_regular("/proc/self/stat")  # whose size is 0
    for refused in ("fifo", "socket", ".", "gone", "/dev/zero"):
        with pytest.raises(OSError) as caught:  # of several kinds
            read_regular(os.path.join(tmp_path, refused))
        assert caught.value.filename == os.path.join(tmp_path, refused)
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(str(file), 4)
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(str(link), follows=False)


# -- what else is read -----------------------------------------------------------------------------


def test_settings_that_are_a_fifo_are_an_error(built: Project) -> None:
    os.mkfifo(built.root / "pyproject.toml")

    built.run().printed("""\
        error: `pyproject.toml` can't be read
          why  not a regular file
        """)


def test_a_depfile_that_is_a_fifo_fails_its_stage(project: Project) -> None:
    project.stagefile(
        'command("c", "mkfifo {depfile}; echo 1 > {outputs}", outputs=["o"], depfile="o.d")\n'
    )

    result = project.run().failed("c")

    assert "its depfile `o.d` can't be read" in result.stderr
    assert "not a regular file" in result.stderr
