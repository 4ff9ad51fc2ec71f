"""The lock of a project: what taking it does to the disk, whoever holds it or removes it meanwhile, and how one waits."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import stat
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from durable_kit import opened

from stagemake import durable, project_lock
from stagemake.freshness.signature import signature
from stagemake.model.error import ProjectLocked, StagemakeError
from stagemake.project_lock import holder_of, is_locked, lock_holder, locked
from stagemake.state import StateStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

UNTOLD = "a process that did not say"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only /proc tells who has what is removed")  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    before = opened()
    yield StateStore(str(tmp_path), "Stagefile")
    durable.install(None)
    if opened() > before:
        gc.collect()  # an error keeps the frames that it came from, and what they have open
    assert opened() <= before, "whatever came of it, nothing stays open"


def ours() -> str:
    """Return what a lock of this process says, which may be a fork of the one that loaded the tests."""
    return f"process {os.getpid()}"


def never(_holder: str) -> None:
    raise AssertionError("nobody holds the lock")


def path_of(store: StateStore) -> str:
    return f"{store.shared}/lock"


def text_of(store: StateStore) -> str:
    with open(path_of(store), encoding="utf-8") as stream:
        return stream.read()


def taken(store: StateStore) -> ExitStack:
    """Return the lock, held until that is closed."""
    held = ExitStack()
    held.enter_context(locked(store, wait=False, on_wait=never))
    return held


def test_taking_it_signs_it_and_freeing_it_leaves_it_there(store: StateStore) -> None:
    told: list[str] = []
    durable.install(lambda step, path: told.append(f"{step} {os.path.basename(path)}"))

    with locked(store, wait=False, on_wait=never) as fd:
        status = os.stat(path_of(store))
        assert os.path.samestat(os.fstat(fd), status)
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert told[-3:] == ["open lock", "truncate lock", "write lock"]
        assert text_of(store) == f"{ours()}\n"
        assert not os.get_inheritable(fd)
    told.clear()
    with open(path_of(store), "a", encoding="utf-8") as stream:
        stream.write("and much more than is written now\n")
    with locked(store, wait=False, on_wait=never):
        assert text_of(store) == f"{ours()}\n"

    assert told == ["open lock", "truncate lock", "write lock"]
    assert os.path.samestat(os.stat(path_of(store)), status)
    assert not is_locked(store)


def test_what_fails_while_it_is_held_frees_it(store: StateStore) -> None:
    with pytest.raises(ZeroDivisionError), locked(store, wait=False, on_wait=never):
        raise ZeroDivisionError

    assert not is_locked(store)


def test_who_does_not_wait_is_told_who_holds_it_and_changes_nothing(store: StateStore) -> None:
    with taken(store):
        before = signature(path_of(store))
        with pytest.raises(ProjectLocked) as raised, locked(store, wait=False, on_wait=never):
            raise AssertionError("two hold it")
        assert signature(path_of(store)) == before
        assert is_locked(store)

    assert raised.value.headline == "another build holds this project"
    assert raised.value.facts == (("held by", ours()),)
    assert raised.value.hint == "wait for it, or leave out --no-wait"


@pytest.mark.parametrize("asks", [True, False])
def test_who_waits_is_told_once_and_has_it_when_it_is_free(store: StateStore, asks: bool) -> None:
    first, told = taken(store), []
    asked: list[bool] = []

    def is_stopped() -> bool:
        asked.append(is_locked(store))
        if len(asked) == 3:
            first.close()
        return False

    def tell(holder: str) -> None:
        told.append(holder)
        if not asks:
            first.close()

    with locked(store, wait=True, on_wait=tell, is_stopped=is_stopped if asks else None) as fd:
        assert os.path.samestat(os.fstat(fd), os.stat(path_of(store)))
        assert is_locked(store)

    assert told == [ours()]
    assert asked == ([True] * 3 if asks else [])


def test_who_is_stopped_while_it_waits_has_nothing(store: StateStore) -> None:
    first, told, answers = taken(store), [], [False, False, True]
    before = signature(path_of(store))

    with locked(store, wait=True, on_wait=told.append, is_stopped=lambda: answers.pop(0)) as fd:
        assert fd == -1

    assert (told, answers) == ([ours()], [])
    assert signature(path_of(store)) == before
    first.close()


def test_a_directory_in_its_place_goes_with_all_it_holds(store: StateStore) -> None:
    os.makedirs(f"{path_of(store)}/in")

    with locked(store, wait=False, on_wait=never):
        assert text_of(store) == f"{ours()}\n"


@pytest.mark.parametrize(
    ("put", "number"),
    [(lambda path: os.symlink("real", path), errno.ELOOP), (os.mkfifo, errno.ENXIO)],
    ids=["link", "fifo"],
)
def test_what_is_no_file_in_its_place_is_an_error_that_names_it(
    store: StateStore, put: Callable[[str], None], number: int
) -> None:
    store.make_directories()
    put(path_of(store))

    with (
        pytest.raises(OSError, match="lock") as caught,
        locked(store, wait=False, on_wait=never),
    ):
        raise AssertionError("that was no lock")

    assert (caught.value.errno, caught.value.filename) == (number, path_of(store))
    assert not os.path.exists(f"{store.shared}/real")


@pytest.mark.parametrize("step", ["open", "truncate", "write"])
def test_a_lock_that_is_removed_before_any_of_its_steps_is_made_anew(
    store: StateStore, step: str
) -> None:
    gone: list[str] = []

    def removes(operation: str, path: str) -> None:
        if operation == step and path == path_of(store) and not gone:
            gone.append(path)
            shutil.rmtree(store.shared)

    durable.install(removes)

    with locked(store, wait=False, on_wait=never) as fd:
        at_its_place = os.path.exists(path_of(store))
        assert at_its_place == (step != "write")  # else it had been taken
        assert not at_its_place or os.path.samestat(os.fstat(fd), os.stat(path_of(store)))

    assert len(gone) == 1


def test_a_lock_that_never_stays_is_an_error_after_a_hundred_tries(store: StateStore) -> None:
    tries: list[str] = []

    def removes(operation: str, path: str) -> None:
        if operation == "open" and path == path_of(store):
            tries.append(path)
            shutil.rmtree(store.shared)

    durable.install(removes)

    with pytest.raises(StagemakeError) as caught, locked(store, wait=False, on_wait=never):
        raise AssertionError("it was removed")

    assert caught.value.headline == "`.stagemake` does not stay there"
    assert caught.value.facts == (("where", f"`{path_of(store)}`"),)
    assert len(tries) == 100


def test_what_its_holder_said_is_told_printable_and_no_more_than_it_may_be(
    store: StateStore,
) -> None:
    store.make_directories()
    said: dict[bytes, str] = {
        b"": UNTOLD, b" \n\t": UNTOLD, b" process 7 \n": "process 7", b"a\x1b[31mb": r"a\x1b[31mb",
        b"\xff": "\N{REPLACEMENT CHARACTER}", b"x" * 200: "x" * 200, b"x" * 201: UNTOLD,
    }  # fmt: skip
    for content, expected in said.items():
        with open(path_of(store), "wb") as stream:
            stream.write(content)
        assert holder_of(store) == expected
    os.unlink(path_of(store))

    assert holder_of(store) == UNTOLD


def test_since_when_it_is_held_is_when_it_was_signed(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lock_holder(store) is None
    with taken(store):
        os.utime(path_of(store), (1.5, 2.5))
        assert lock_holder(store) == (ours(), 2.5)
        with monkeypatch.context() as patch:
            patch.setattr(os, "stat", _refuses)  # removed since it was found held
            assert lock_holder(store) is None
    assert lock_holder(store) is None


def _refuses(*_given: object) -> None:
    raise FileNotFoundError


# -- locks that were removed while somebody holds them ---------------------------------------------


def _removed(store: StateStore, said: str = "") -> ExitStack:
    """Return a lock that is held, whose holder said this, and that was removed."""
    held = taken(store)
    with open(path_of(store), "w", encoding="utf-8") as stream:
        stream.write(said or ours())
    shutil.rmtree(store.shared)
    return held


@linux_only
def test_whoever_does_not_wait_is_told_of_who_holds_a_removed_one(store: StateStore) -> None:
    with _removed(store):
        with pytest.raises(ProjectLocked) as raised, locked(store, wait=False, on_wait=never):
            raise AssertionError("two hold it")
        assert not is_locked(store)

    assert raised.value.facts == (("held by", ours()),)


@linux_only
def test_all_who_hold_removed_ones_are_waited_for_one_after_the_other(store: StateStore) -> None:
    held = {"one": _removed(store, "one")}
    store.make_directories()
    with open(path_of(store), "w", encoding="utf-8") as stream:
        stream.write("signed since\n")  # so that the second need not wait for the first
    held["two"] = _removed(store, "two")

    def tell(holder: str) -> None:
        assert is_locked(store)  # ours, while we wait for theirs
        held.pop(holder).close()

    with locked(store, wait=True, on_wait=tell):
        assert held == {}


@linux_only
def test_a_lock_that_was_signed_since_has_outlasted_the_removed_ones(store: StateStore) -> None:
    with _removed(store):
        store.make_directories()
        with open(path_of(store), "w", encoding="utf-8") as stream:
            stream.write("process 1\n")

        with locked(store, wait=False, on_wait=never):
            assert is_locked(store)


@linux_only
def test_nobody_waits_for_itself_when_its_own_lock_is_removed(store: StateStore) -> None:
    asked: list[bool] = []

    def is_stopped() -> bool:
        if not asked:
            shutil.rmtree(store.shared)
        asked.append(True)
        return False

    with locked(store, wait=True, on_wait=never, is_stopped=is_stopped) as fd:
        assert os.path.samestat(os.fstat(fd), os.stat(path_of(store)))

    assert asked


@linux_only
@pytest.mark.parametrize("when", [1, 2, 3])
def test_who_waits_for_a_removed_one_ends_when_it_is_stopped(store: StateStore, when: int) -> None:
    asked: list[bool] = []
    told: list[str] = []

    def is_stopped() -> bool:
        asked.append(True)
        return len(asked) >= when

    with (
        _removed(store),
        locked(store, wait=True, on_wait=told.append, is_stopped=is_stopped) as fd,
    ):
        assert fd == -1
        assert text_of(store) == ""  # nobody has signed it

    assert told == [ours()] * (when > 1)
    assert len(asked) == when + 1


def test_a_pause_between_two_looks_is_short() -> None:
    assert 0 < project_lock._PAUSE_S <= 0.1
