"""What is known of files by their signatures: what is read, what is believed, what stays when the build is over."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import pytest
from xxhash import xxh3_128_hexdigest

from stagemake.contents import SMALL_BYTES, read_digest
from stagemake.freshness.signature import FileClock, of_status
from stagemake.memo import KeepsChanging, Memo
from stagemake.seen import Seen

if TYPE_CHECKING:
    from pathlib import Path

    from stagemake.freshness.signature import Signature


class HandClock:
    """A clock that trusts what is said, and notes what it was asked."""

    def __init__(self, *, trusts: bool = True, after_waiting: bool = True) -> None:
        self.is_trusting, self.after_waiting = trusts, after_waiting
        self.waited: list[tuple[int, float]] = []
        self.asked: list[int] = []

    def taken_at(self, signature: Signature) -> int:
        return signature[1] + 1

    def trusts(self, _signature: Signature, taken_at_ns: int) -> bool:
        self.asked.append(taken_at_ns)
        return self.is_trusting

    def wait_past(self, youngest_ns: int, deadline_s: float) -> bool:
        self.waited.append((youngest_ns, deadline_s))
        self.is_trusting = self.after_waiting
        return self.after_waiting


def memo(clock: HandClock | None = None) -> Memo:
    return Memo({}, cast("FileClock | None", clock))


def look(known: Memo, path: Path) -> str:
    return known.look(path.name, str(path), os.lstat(path))


def entry(text: str, kind: str = "f") -> str:
    return f"{kind}:{xxh3_128_hexdigest(text.encode())}:{len(text)}"


def test_a_file_is_read_once_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("four")
    (tmp_path / "b").write_text("twelve bytes")
    known = memo(HandClock())

    found = [look(known, tmp_path / name) for name in ("a", "b", "a", "b")]

    assert found == [entry("four"), entry("twelve bytes")] * 2
    assert (known.hashed_files, known.hashed_bytes) == (2, 16)
    assert set(known.taken_at_ns) == {"a", "b"}
    assert known.taken_at_ns["a"] == (tmp_path / "a").stat().st_mtime_ns + 1


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o744, 0o655, 0o600, 0o700])
def test_the_owner_may_run_it_or_not(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").chmod(mode)

    assert look(memo(), tmp_path / "a") == entry("x", "x" if mode & 0o100 else "f")


def test_what_was_known_before_is_believed_and_what_was_added_only_if_it_can_be(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_text("x")
    signature = of_status(os.lstat(tmp_path / "a"))

    for clock, reads in ((None, 2), (HandClock(trusts=False), 2), (HandClock(), 1)):
        known = memo(clock)
        look(known, tmp_path / "a")
        look(known, tmp_path / "a")
        assert known.hashed_files == reads
    known = Memo({"a": (signature, "f:known:1")}, None)
    assert look(known, tmp_path / "a") == "f:known:1"
    assert known.entry_of("a", signature) == "f:known:1"
    for field in range(6):
        other = (*signature[:field], signature[field] + 1, *signature[field + 1 :])
        assert known.entry_of("a", other) is None
    assert known.entry_of("b", signature) is None


def test_numbers_that_files_share_are_the_same_objects() -> None:
    known = memo()
    first = (1, 10**18, 10**18 + 0, 5, 10**6, 10**5)
    second = tuple(int(str(number)) for number in first)

    known.add("a", first, "f", 0)
    known.add("b", (*second, 1, 2), "f", 0)

    one, other = known.records["a"][0], known.records["b"][0]
    assert (one, other) == (first, (*first, 1, 2))
    assert one[4] is other[4]
    assert one[5] is other[5]
    assert other[1] is other[2]


class Restless(HandClock):
    """Has the file written to each of the first times before it is read."""

    def __init__(self, path: Path, times: int) -> None:
        super().__init__()
        self.path, self.times = path, times

    def taken_at(self, signature: Signature) -> int:
        if self.times:
            self.times -= 1
            self.path.write_text("text" * (self.times + 1))
        return super().taken_at(signature)


@pytest.mark.parametrize("times", range(6))
def test_a_file_that_changes_is_read_five_times_at_most(tmp_path: Path, times: int) -> None:
    path = tmp_path / "a"
    path.write_text("text" * 9)
    known = memo(Restless(path, times))

    if times < 5:
        assert look(known, path) == entry(path.read_text())
    else:
        with pytest.raises(KeepsChanging) as caught:
            look(known, path)
        assert caught.value.filename == str(path)
        assert known.records == {}
    assert known.hashed_files == min(times + 1, 5)


def test_a_file_that_something_else_takes_the_place_of_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    status = os.lstat(path)
    (tmp_path / "d").mkdir()
    monkeypatch.setattr("stagemake.memo.os.lstat", lambda _: os.stat(tmp_path / "d"))

    with pytest.raises(KeepsChanging):
        memo().look("a", str(path), status)


@pytest.mark.parametrize("size", [0, SMALL_BYTES - 1, SMALL_BYTES, (1 << 20) + 1])
def test_small_files_are_handed_on(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    small: dict[str, bytes] = {}

    found = read_digest(str(tmp_path / "a"), size, small.__setitem__)

    assert found == (xxh3_128_hexdigest(data), size)
    assert small == ({found[0]: data} if size < SMALL_BYTES else {})


@pytest.mark.parametrize("told", [0, 1, 99, 100, 101, 1 << 20, (1 << 20) + 1, 1 << 30])
@pytest.mark.parametrize("size", [100, (1 << 20) + 7, (2 << 20)])
def test_a_file_is_read_whole_whatever_size_is_expected(
    tmp_path: Path, told: int, size: int
) -> None:
    data = os.urandom(size)
    (tmp_path / "a").write_bytes(data)
    before = len(os.listdir("/dev/fd"))

    assert read_digest(str(tmp_path / "a"), told) == (xxh3_128_hexdigest(data), size)

    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("size", [1, 1 << 21])
def test_what_cannot_be_read_is_named(tmp_path: Path, size: int) -> None:
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "d").mkdir()
    before = len(os.listdir("/dev/fd"))

    for name in ("link", "d", "none"):
        with pytest.raises(OSError, match=name) as caught:
            read_digest(str(tmp_path / name), size)
        assert caught.value.filename == str(tmp_path / name)

    assert len(os.listdir("/dev/fd")) == before


def test_what_can_be_trusted_is_settled_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    clock = HandClock()
    known = memo(clock)
    look(known, tmp_path / "a")

    known.settle(_never)

    assert clock.waited == []
    assert (list(known.records), known.taken_at_ns) == (["a"], {})


def _never(path: str) -> None:
    raise AssertionError(f"`{path}` is read again")


@pytest.mark.parametrize("after_waiting", [True, False])
def test_what_may_have_changed_unseen_is_waited_for_and_read_again(
    tmp_path: Path, after_waiting: bool
) -> None:
    clock = HandClock(trusts=False, after_waiting=after_waiting)
    known = Memo({"old": ((1,) * 6, "f:old:1")}, cast("FileClock", clock))
    for name, time_ns in (("a", 5), ("b", 9), ("gone", 7)):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(0, time_ns))
        look(known, tmp_path / name)
    (tmp_path / "gone").unlink()
    youngest = max(os.lstat(tmp_path / name).st_ctime_ns for name in ("a", "b"))
    again: list[str] = []

    def read_again(path: str) -> None:
        again.append(path)
        look(known, tmp_path / path)

    known.settle(read_again, 1234.5)

    assert len(clock.waited) == 1
    assert clock.waited[0][0] >= youngest
    assert clock.waited[0][1] == 1234.5
    assert again == ["a", "b", "gone"]
    assert sorted(known.records) == (["a", "b", "old"] if after_waiting else ["old"])
    assert known.taken_at_ns == {}


def test_without_a_clock_nothing_new_stays(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    known = Memo({"old": ((1,) * 6, "f:old:1")}, None)
    look(known, tmp_path / "a")

    known.settle(_never)

    assert (list(known.records), known.taken_at_ns) == (["old"], {})


def test_by_itself_it_waits_for_three_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("x")
    clock = HandClock(trusts=False)
    known = memo(clock)
    look(known, tmp_path / "a")
    monkeypatch.setattr("stagemake.memo.time.monotonic", lambda: 100.0)

    known.settle(lambda _: None)

    assert [deadline for _, deadline in clock.waited] == [103.0]


@pytest.mark.parametrize(("unseen", "prunes"), [(1000, False), (1002, False), (1003, True)])
def test_records_of_what_is_gone_go_once_they_are_many(unseen: int, prunes: bool) -> None:
    known = memo()
    for number in range(unseen + 2):
        known.add(f"p{number}", (number,) * 6, "f", 0)

    known.prune({"p0", "p1"}, lambda path: path == "p5")

    assert len(known.records) == (3 if prunes else unseen + 2)
    assert known.records.keys() == known.taken_at_ns.keys()
    if prunes:
        assert set(known.records) == {"p0", "p1", "p5"}


ALL = ("a", "a/", "d", "d/", "d/x", "d/e", "d/e/", "d/e/y", "dd", "d2/z", ".", "f", "l")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a", {"d", "d/", "d/x", "d/e", "d/e/", "d/e/y", "dd", "d2/z", "f"}),
        ("d/x", {"a", "a/", "d/e", "d/e/", "d/e/y", "dd", "d2/z", "f"}),
        ("d/e/y", {"a", "a/", "d/x", "dd", "d2/z", "f"}),
        ("d/new", {"a", "a/", "d/x", "d/e", "d/e/", "d/e/y", "dd", "d2/z", "f"}),
        ("d", {"a", "a/", "dd", "d2/z", "f"}),  # a directory
        ("d/e", {"a", "a/", "d/x", "dd", "d2/z", "f"}),
        ("f", {"a", "a/", "d", "d/", "d/x", "d/e", "d/e/", "d/e/y", "dd", "d2/z"}),
        ("dd/", {"a", "a/", "d", "d/", "d/x", "d/e", "d/e/", "d/e/y", "d2/z", "f"}),
        ("d2/", {"a", "a/", "d", "d/", "d/x", "d/e", "d/e/", "d/e/y", "dd", "f"}),
        ("/usr/x", {"a", "a/", "d", "d/", "d/x", "d/e", "d/e/", "d/e/y", "dd", "d2/z", "f"}),
    ],
)  # fmt: skip
def test_what_is_written_has_forgotten_what_may_be_another_now(
    written: str, kept: set[str]
) -> None:
    seen = Seen({path: "d:1" if path.rstrip("/") in {"d", "d/e", "."} else "f:1" for path in ALL}, {"l"})  # fmt: skip

    seen.forget([written])

    assert set(seen.entries) == kept
    assert seen.links == set()
