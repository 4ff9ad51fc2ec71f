"""The project's own memory: its lock, and whose outputs lie about."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from fuzz_targets import TRACE

from stagemake import durable
from stagemake.kept_snapshot import KeptSnapshot
from stagemake.model.error import ProjectLocked
from stagemake.processes.removed import open_though_removed
from stagemake.project_lock import holder_of, is_locked, lock_holder, locked
from stagemake.recorded import recorded_files
from stagemake.state import StateStore

if TYPE_CHECKING:
    from pathlib import Path

    from stagemake.freshness.snapshot import Trace


def never(_holder: str) -> None:
    raise AssertionError("nobody holds the lock")


def test_reading_makes_nothing(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")

    assert state.snapshot.traces == {}
    assert not is_locked(state)
    assert list(tmp_path.iterdir()) == []


def test_the_state_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")

    with locked(state, wait=False, on_wait=never):
        state.open()
        state.begin("s", ("out",))
        state.save()

    assert (tmp_path / ".stagemake/.gitignore").read_text() == "*\n"
    assert stat.S_IMODE((tmp_path / ".stagemake/Stagefile/snapshot").stat().st_mode) == 0o600
    assert not (tmp_path / ".stagemake/Stagefile/journal").exists()


def test_what_was_begun_and_not_settled_is_known_after_a_crash(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")
    state.open()
    state.begin("s", ("out",))
    state.close()  # as if killed: no save

    again = StateStore(str(tmp_path), "Stagefile")

    assert again.snapshot.interrupted == {"s": ("out",)}
    again.open()
    again.forget("s")
    again.save()
    assert StateStore(str(tmp_path), "Stagefile").snapshot.interrupted == {
        "s": ()
    }  # failed: no output left


def test_what_was_restored_is_on_file_with_the_next_thing_that_is_noted(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")
    state.open()
    state.begin_restoring("one", ("a",))
    state.settle_soon("one", TRACE)
    at_once = StateStore(str(tmp_path), "Stagefile").snapshot
    state.begin_restoring("two", ("b",))
    later = StateStore(str(tmp_path), "Stagefile").snapshot
    state.settle_soon("two", TRACE)
    state.flush()
    state.close()  # as if killed: no save

    assert (set(at_once.traces), at_once.interrupted) == (set(), {"one": ("a",)})
    assert (set(later.traces), later.interrupted) == ({"one"}, {"two": ("b",)})
    assert set(StateStore(str(tmp_path), "Stagefile").snapshot.traces) == {"one", "two"}


def test_a_torn_journal_loses_its_last_record_only(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")
    state.open()
    state.begin("one", ("a",))
    state.begin("two", ("b",))
    state.close()
    path = tmp_path / ".stagemake/Stagefile/journal"
    path.write_bytes(path.read_bytes()[:-1])

    assert StateStore(str(tmp_path), "Stagefile").snapshot.interrupted == {"one": ("a",)}


def test_the_lock_is_held_by_one_and_free_afterwards(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")

    with locked(state, wait=False, on_wait=never):
        assert is_locked(state)
        with (
            pytest.raises(ProjectLocked) as raised,
            locked(StateStore(str(tmp_path), "Other"), wait=False, on_wait=never),
        ):
            raise AssertionError("two hold it")

    assert raised.value.facts == (("held by", f"process {os.getpid()}"),)
    assert raised.value.exit_code == 75
    assert not is_locked(state)


def test_a_lock_that_was_removed_while_it_was_waited_for_is_nobodys(tmp_path: Path) -> None:
    first, second = ExitStack(), ExitStack()
    waiting = StateStore(str(tmp_path), "Stagefile")
    first.enter_context(locked(waiting, wait=False, on_wait=never))
    waits: list[str] = []

    def others_go_on(holder: str) -> None:
        waits.append(holder)
        if len(waits) == 1:  # the user removes the state, the build ends, and another begins
            shutil.rmtree(waiting.shared)
            first.close()
            second.enter_context(
                locked(StateStore(str(tmp_path), "Stagefile"), wait=False, on_wait=never)
            )
        else:
            second.close()

    with locked(waiting, wait=True, on_wait=others_go_on) as fd:
        assert os.path.samestat(os.fstat(fd), os.stat(f"{waiting.shared}/lock"))

    assert waits == [f"process {os.getpid()}"] * 2
    assert not is_locked(waiting)


@pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells who has what is removed")
def test_whoever_holds_a_lock_that_was_removed_is_waited_for(tmp_path: Path) -> None:
    state, first = StateStore(str(tmp_path), "Stagefile"), ExitStack()
    first.enter_context(locked(state, wait=False, on_wait=never))
    shutil.rmtree(state.shared)
    waits: list[str] = []

    def ends(holder: str) -> None:
        waits.append(holder)
        first.close()

    with pytest.raises(ProjectLocked) as told, locked(state, wait=False, on_wait=never):
        pass
    with locked(state, wait=True, on_wait=ends):  # what the one before left there is not signed
        assert is_locked(state)

    assert dict(told.value.facts) == {"held by": f"process {os.getpid()}"}
    assert waits == [f"process {os.getpid()}"]


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_who_waits_for_a_removed_lock_and_loses_its_own_waits_anew(tmp_path: Path) -> None:
    state, first = StateStore(str(tmp_path), "Stagefile"), ExitStack()
    first.enter_context(locked(state, wait=False, on_wait=never))
    shutil.rmtree(state.shared)
    waits: list[str] = []

    def goes_again(holder: str) -> None:
        waits.append(holder)
        if len(waits) == 1:
            shutil.rmtree(state.shared)
        else:
            first.close()

    with locked(state, wait=True, on_wait=goes_again) as fd:
        assert os.path.samestat(os.fstat(fd), os.stat(f"{state.shared}/lock"))

    assert waits == [f"process {os.getpid()}"] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_who_waits_for_a_removed_lock_ends_when_asked_to(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")
    with locked(state, wait=False, on_wait=never):
        shutil.rmtree(state.shared)
        waits: list[str] = []

        with locked(state, wait=True, on_wait=waits.append, is_stopped=lambda: True) as fd:
            assert fd == -1

    assert waits == []


def test_only_what_was_at_the_path_is_found_though_removed_and_once(tmp_path: Path) -> None:
    with ExitStack() as opened:
        for name in ("lock", "lock", "other", "lock stays"):
            stream = opened.enter_context((tmp_path / name).open("a"))
            os.write(stream.fileno(), name.encode())
        opened.enter_context((tmp_path / "lock").open())
        for name in ("lock", "other"):
            (tmp_path / name).unlink()

        found = [os.pread(fd, 99, 0) for fd in open_though_removed(f"{tmp_path}/lock")]

    assert found == ([b"locklock"] if sys.platform == "linux" else [])


def test_a_lock_that_goes_before_it_is_taken_is_made_again(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")
    gone: list[str] = []

    def removes(operation: str, path: str) -> None:
        if operation == "open" and path.endswith("/lock") and len(gone) < 3:
            gone.append(path)
            shutil.rmtree(state.shared)

    durable.install(removes)
    try:
        with locked(state, wait=False, on_wait=never):
            is_held = is_locked(state)
    finally:
        durable.install(None)

    assert is_held
    assert len(gone) == 3


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from stagemake.state import StateStore; from stagemake.project_lock import locked\n"
        "with locked(StateStore(sys.argv[1], 'Stagefile'), wait=False, on_wait=print): os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60,
                   env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip

    with locked(StateStore(str(tmp_path), "Stagefile"), wait=False, on_wait=never):
        pass


@pytest.mark.parametrize("content", [b"", b"rubbish", b"\0" * 1000])
def test_a_damaged_snapshot_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    directory = tmp_path / ".stagemake/Stagefile"
    directory.mkdir(parents=True)
    (directory / "snapshot").write_bytes(content)
    (directory / "journal").write_bytes(content)

    assert StateStore(str(tmp_path), "Stagefile").snapshot.traces == {}


def trace_of(path: str, entry: str) -> Trace:
    """Return what a stage leaves that makes one file of nothing."""
    declaration = ("command", (), (), (), (path,), (), (), (), "", b"")
    return (declaration, "0" * 32, (), ("p",), (), (entry,), (), ((), ()), (0.1, 0.2, 3))


def built(root: Path, kept: KeptSnapshot) -> StateStore:
    """Save a state in which `s` has made `out`, have ready what is asked of it, and return that of the next build."""
    state = StateStore(str(root), "Stagefile", kept)
    state.open()
    state.settle("s", trace_of("out", "f:1:1"))
    state.save()
    kept.prepare(recorded_files)
    return StateStore(str(root), "Stagefile", kept)


def test_what_was_made_ready_of_a_snapshot_goes_with_it_once(tmp_path: Path) -> None:
    state = built(tmp_path, KeptSnapshot())

    entries = recorded_files(state.snapshot)

    assert state.take_entries() == entries == {"out": "f:1:1"}
    assert state.take_entries() is None


def test_what_was_made_ready_is_void_once_a_trace_is_another(tmp_path: Path) -> None:
    state = built(tmp_path, KeptSnapshot())
    state.open()

    state.settle("s", trace_of("out", "f:2:1"))

    assert state.take_entries() is None
    state.close()


def test_what_was_made_ready_is_void_where_somebody_else_has_built(tmp_path: Path) -> None:
    kept = KeptSnapshot()
    state = built(tmp_path, kept)
    other = StateStore(str(tmp_path), "Stagefile")
    other.open()
    other.settle("s", trace_of("out", "f:2:1"))
    other.save()

    assert recorded_files(state.snapshot) == {"out": "f:2:1"}
    assert state.take_entries() is None


def test_what_a_killed_build_left_makes_void_what_was_made_ready(tmp_path: Path) -> None:
    state = built(tmp_path, KeptSnapshot())
    killed = StateStore(str(tmp_path), "Stagefile")
    killed.open()
    killed.begin("s", ("out",))
    killed.close()

    assert recorded_files(state.snapshot) == {}
    assert state.take_entries() is None


def test_who_holds_the_project_is_told_and_since_when(tmp_path: Path) -> None:
    state = StateStore(str(tmp_path), "Stagefile")
    assert lock_holder(state) is None

    with locked(state, wait=False, on_wait=never):
        lock = tmp_path / ".stagemake/lock"
        assert lock_holder(state) == (f"process {os.getpid()}", lock.stat().st_mtime)
        lock.write_bytes(b" \n")
        assert holder_of(state) == "a process that did not say"
        lock.write_bytes(b"x" * 201)
        assert holder_of(state) == "a process that did not say"
        lock.write_bytes(b"some\xffbody\n")
        assert holder_of(state) == "some\N{REPLACEMENT CHARACTER}body"

    assert lock_holder(state) is None
    lock.rename(tmp_path / "elsewhere")
    lock.symlink_to("../elsewhere")
    assert holder_of(state) == "a process that did not say"  # a link is no lock
