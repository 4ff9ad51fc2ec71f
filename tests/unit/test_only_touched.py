"""Files that moved and hold what they held: found by looking, then by reading, noted for the next time."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING

import pytest
from record_kit import record, row

from stagemake import __version__, contents, durable, touched
from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature
from stagemake.touched import note_touched, only_touched

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Signatures = dict[int, tuple[int, ...] | None]

GUARD, A, B, RUN, LINK, DIRECTORY, NONE, OUTSIDE = range(8)
NAMES = ("guard", "a", "b", "run", "link", "directory", "none")


@pytest.fixture
def root(tmp_path: Path) -> str:
    for name in ("guard", "a", "b", "run", "outside"):
        (tmp_path / name).write_text(f"what {name} holds")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "directory").mkdir()
    (tmp_path / ".stagemake/Stagefile").mkdir(parents=True)
    (tmp_path / ".stagemake/lock").touch()
    return str(tmp_path)


@pytest.fixture
def known(root: str) -> noop.Record:
    """Return the record of a root, written with the version of this tool."""
    made = record(root, NAMES[:1], (*NAMES[1:], f"{root}/outside"))
    with open(f"{state_of(root)}/noop", "wb") as stream:
        stream.write(noop.encoded(made, __version__))
    return loaded(root)


def state_of(root: str) -> str:
    return f"{root}/.stagemake/Stagefile"


def loaded(root: str) -> noop.Record:
    found = noop.load(state_of(root), __version__)
    assert found is not None
    return found


def touch(known: noop.Record, *ids: int) -> Signatures:
    """Give files other times; return their signatures now."""
    root = known[noop.ROOT]
    now: Signatures = {}
    for path_id in ids:
        full = os.path.join(root, known[noop.PATHS][path_id])
        os.utime(full, ns=(0, 1_000_000_000 + path_id), follow_symlinks=False)
        now[path_id] = link_signature(full)
    return now


def test_files_that_hold_what_they_held_are_told_with_their_signatures(
    root: str, known: noop.Record
) -> None:
    moved = touch(known, A, B, RUN, OUTSIDE)

    assert only_touched(known, moved, root) == moved
    assert only_touched(known, {}, root) == {}


OTHERS: dict[str, tuple[int, Callable[[str], object]]] = {
    "what evaluation read": (GUARD, os.utime),
    "a link": (LINK, lambda path: os.utime(path, follow_symlinks=False)),
    "a directory": (DIRECTORY, os.utime),
    "what was not there": (NONE, lambda path: durable.write_new(path, b"")),
    "what is gone": (A, os.unlink),
    "another size": (A, lambda path: durable.write_atomic(path, b"more than it held")),
    "another content of the same size": (A, lambda path: durable.write_atomic(path, b"What a holds")),
    "what may be run now": (A, lambda path: os.chmod(path, 0o744)),
    "what may not be run now": (RUN, lambda path: os.chmod(path, 0o655)),
    "a link in place of a file": (A, lambda path: (os.unlink(path), os.symlink("b" * 12, path))),
    "a pipe in place of a file": (A, lambda path: (os.unlink(path), os.mkfifo(path))),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_all_else_is_no_touch(root: str, known: noop.Record, what: str) -> None:
    path_id, change = OTHERS[what]
    full = f"{root}/{NAMES[path_id]}"
    also = touch(known, B)
    change(full)
    now = link_signature(full)

    assert only_touched(known, {path_id: now, **also}, root) is None
    assert only_touched(known, {**also, path_id: now}, root) is None


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o655])
def test_of_the_permissions_counts_what_the_owner_may_run(
    root: str, known: noop.Record, mode: int
) -> None:
    os.chmod(f"{root}/a", mode)
    os.chmod(f"{root}/run", mode | stat.S_IXUSR)
    now = {A: link_signature(f"{root}/a"), RUN: link_signature(f"{root}/run")}

    assert only_touched(known, now, root) == now


@pytest.mark.parametrize("field", range(6))
def test_what_is_another_file_by_the_time_it_was_read_is_no_touch(
    root: str, known: noop.Record, field: int
) -> None:
    now = touch(known, A)[A]
    assert now is not None
    before = (*now[:field], now[field] + 0o10, *now[field + 1 :])

    assert only_touched(known, {A: before}, root) is None


def test_nothing_is_read_where_a_look_says_that_one_is_another(
    root: str, known: noop.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = touch(known, A, B)
    durable.write_atomic(f"{root}/run", b"longer than it was before")
    opened: list[object] = []
    really = os.open
    monkeypatch.setattr(contents.os, "open", lambda path, flags: [opened.append(path), really(path, flags)][1])  # fmt: skip

    assert only_touched(known, {**moved, RUN: link_signature(f"{root}/run")}, root) is None
    assert opened == []
    assert only_touched(known, moved, root) == moved
    assert opened == [f"{root}/a", f"{root}/b"]


def test_what_was_noted_is_in_the_record_from_then_on(root: str, known: noop.Record) -> None:
    moved = touch(known, A, RUN, OUTSIDE)
    before = len(os.listdir("/dev/fd"))

    assert note_touched(known, moved, state_of(root), root)

    after = loaded(root)
    note = os.stat(f"{state_of(root)}/touched")
    assert len(os.listdir("/dev/fd")) == before
    assert stat.S_IMODE(note.st_mode) == 0o600
    assert after[noop.TOUCHED] == {i: row(root, known[noop.PATHS][i]) for i in (A, RUN, OUTSIDE)}
    assert after[noop.SIGNATURES] == [moved.get(i, one) for i, one in enumerate(known[noop.SIGNATURES])]  # fmt: skip
    assert after[noop.DIGESTS] == known[noop.DIGESTS]
    assert after[: noop.SIGNATURES] == known[: noop.SIGNATURES]
    assert after[noop.GUARDS : noop.DIGESTS] == known[noop.GUARDS : noop.DIGESTS]
    assert after[noop.DECLARED : noop.TOUCHED] == known[noop.DECLARED : noop.TOUCHED]


def test_notes_add_up_and_the_latest_counts(root: str, known: noop.Record) -> None:
    assert note_touched(known, touch(known, A, B), state_of(root), root)
    os.utime(f"{root}/a", ns=(0, 7))
    now = link_signature(f"{root}/a")

    assert note_touched(loaded(root), {A: now}, state_of(root), root)

    after = loaded(root)
    assert after[noop.SIGNATURES][A] == now
    assert after[noop.SIGNATURES][B] == link_signature(f"{root}/b")
    assert sorted(after[noop.TOUCHED]) == [A, B]


def test_what_is_not_equal_is_not_noted_and_the_lock_is_free_again(
    root: str, known: noop.Record
) -> None:
    durable.write_atomic(f"{root}/a", b"another")
    before = len(os.listdir("/dev/fd"))

    assert not note_touched(known, {A: link_signature(f"{root}/a")}, state_of(root), root)

    assert sorted(os.listdir(state_of(root))) == ["clock", "noop"]
    assert len(os.listdir("/dev/fd")) == before
    with open(f"{root}/.stagemake/lock", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_who_holds_the_lock_is_left_alone(root: str, known: noop.Record) -> None:
    moved = touch(known, A)
    with open(f"{root}/.stagemake/lock", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not note_touched(known, moved, state_of(root), root)

    assert os.listdir(state_of(root)) == ["noop"]


def test_a_note_that_cannot_be_written_is_an_error_and_frees_the_lock(
    root: str, known: noop.Record
) -> None:
    moved = touch(known, A)

    def fails(step: str, path: str) -> None:
        if step == "rename":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    durable.install(fails)
    try:
        with pytest.raises(OSError, match="No space"):
            note_touched(known, moved, state_of(root), root)
    finally:
        durable.install(None)

    assert note_touched(known, moved, state_of(root), root)


class Ticks:
    """A file system on which all changes of one tick have one time."""

    def __init__(self, now_ns: int, tick_after: int) -> None:
        self.now_ns, self.left = now_ns, tick_after

    def touch(self, path: str) -> None:
        with open(path, "a", encoding="utf-8"):
            pass
        os.utime(path, ns=(self.now_ns, self.now_ns))
        self.left -= 1
        if self.left == 0:
            self.now_ns += 10_000_000


def test_a_file_as_young_as_the_clock_is_waited_for_before_it_is_read(
    root: str, known: noop.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = {A: link_signature(f"{root}/a")}
    assert moved[A] is not None
    ticks = Ticks(max(moved[A][1], moved[A][2]), 20)
    monkeypatch.setattr(durable, "touch", ticks.touch)

    assert note_touched(known, moved, state_of(root), root)

    assert ticks.left <= 0
    assert loaded(root)[noop.TOUCHED] == {A: row(root, "a")}


def test_a_file_from_the_future_is_equal_and_read_each_time(
    root: str, known: noop.Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(time.time_ns() - 10**12, -1)
    monkeypatch.setattr(durable, "touch", ticks.touch)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    now = iter(range(1000))
    monkeypatch.setattr(time, "monotonic", lambda: next(now) / 10)
    old = touch(known, B)

    assert note_touched(known, {A: link_signature(f"{root}/a"), **old}, state_of(root), root)

    assert 0 < len(waited) <= 6  # half a second
    assert loaded(root)[noop.TOUCHED] == {}
    monkeypatch.undo()
    assert touched.note_touched(known, old, state_of(root), root)
    assert list(loaded(root)[noop.TOUCHED]) == [B]


@pytest.mark.parametrize("kind", ["version", "record", "damage", "none"])
def test_a_note_of_another_record_or_tool_is_none(root: str, known: noop.Record, kind: str) -> None:
    path = f"{state_of(root)}/touched"
    note = {B: ((0,) * 6, b"f" + bytes(16))}
    good = noop.encoded_touched(note, known, __version__)
    durable.write_atomic(path, good)
    assert loaded(root)[noop.TOUCHED] == note

    if kind == "version":
        durable.write_atomic(path, noop.encoded_touched(note, known, "another"))
    elif kind == "record":
        other = (*known[: noop.CHECKSUM], known[noop.CHECKSUM] ^ 1, {})
        durable.write_atomic(path, noop.encoded_touched(note, other, __version__))
    elif kind == "damage":
        durable.write_atomic(path, good[:-1])
    else:
        durable.remove(path)

    assert loaded(root) == known
    assert loaded(root)[noop.TOUCHED] == {}


def test_the_digest_of_a_row_is_its_own(root: str, known: noop.Record) -> None:
    made = known[noop.DIGESTS]

    assert [noop.digest_of(known, i) for i in range(8)] == [made[i * 17 : i * 17 + 17] for i in range(8)]  # fmt: skip
    assert noop.digest_of(known, RUN)[:1] == b"x"
    with open(f"{state_of(root)}/noop", "rb") as stream:
        assert noop.checksum_of(stream.read(), __version__) == known[noop.CHECKSUM]


def test_what_is_gone_is_no_touch_and_not_waited_for(root: str, known: noop.Record) -> None:
    assert not note_touched(known, {A: None, **touch(known, B)}, state_of(root), root)
