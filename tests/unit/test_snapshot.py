"""A snapshot is read if it is ours, whole and of this boot; else it says who wrote it, if anybody did."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest
from fuzz_targets import TRACE, _snapshot_bytes

from stagemake.freshness import snapshot

if TYPE_CHECKING:
    from pathlib import Path

MEMO = {"in": ((1, 2, 3, 4, 5, 6), "f:0:1")}


def written(path: Path, old: bytes = b"", new: bytes = b"") -> str:
    """Write a snapshot with a memo, a trace and an interrupted stage; return its path."""
    one = snapshot.Snapshot()
    one.memo, one.traces, one.interrupted = dict(MEMO), {"a": TRACE}, {"b": ("x",)}
    data = b"".join(one.encoded())
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    return str(path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = snapshot.load(written(tmp_path / "s"))

    assert (found.memo, found.traces, found.interrupted) == (MEMO, {"a": TRACE}, {"b": ("x",)})
    assert (found.is_of_this_boot, found.foreign) == (True, "")


def test_after_a_reboot_no_content_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "s")
    monkeypatch.setattr(snapshot, "boot_id", lambda: "another")

    found = snapshot.load(path)

    assert (found.memo, found.is_of_this_boot) == ({}, False)
    assert (found.traces, found.interrupted) == ({"a": TRACE}, {"b": ("x",)})


def test_a_link_is_no_snapshot(tmp_path: Path) -> None:
    written(tmp_path / "s")
    (tmp_path / "link").symlink_to("s")

    assert snapshot.load(str(tmp_path / "link")).traces == {}


@pytest.mark.parametrize(
    "value", [5, None, ("", {}, {}), ["", {}, {}, {}], ("", {}, {"a": ()}, {}), ("", {}, {}, {"a": ("/",)})]
)  # fmt: skip
def test_what_has_a_checksum_and_no_snapshot_in_it_is_absent(tmp_path: Path, value: object) -> None:
    (tmp_path / "s").write_bytes(_snapshot_bytes(value))

    found = snapshot.load(str(tmp_path / "s"))

    assert (found.traces, found.interrupted, found.foreign) == ({}, {}, "")


@pytest.mark.skipif(sys.platform != "linux", reason="others don't say")
def test_a_boot_has_a_name_of_its_own() -> None:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        assert stream.read() == f"{snapshot.boot_id()}\n"


FORMAT = b"format %d\n" % snapshot.FORMAT


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (FORMAT, b"format %d\n" % (snapshot.FORMAT + 1), "by a newer stagemake"),
        (FORMAT, b"format %d\n" % (snapshot.FORMAT - 1), "by an older stagemake"),
        (FORMAT, b"format 123456789\n", "by a newer stagemake"),
        (FORMAT, b"format 1234567890\n", ""),
        (FORMAT, b"format x\n", ""),
        (sys.implementation.cache_tag.encode(), b"other", "by another Python"),
        (b"%08x" % sys.hexversion, b"%08x" % (sys.hexversion + 1), "by another Python"),
        (b"stagemake snapshot", b"something else", ""),
        (b"f:0:1", b"f:0:2", ""),  # damaged
    ],
)
def test_what_is_not_read_says_who_wrote_it(
    tmp_path: Path, old: bytes, new: bytes, expected: str
) -> None:
    found = snapshot.load(written(tmp_path / "s", old, new))

    assert (found.memo, found.traces, found.interrupted) == ({}, {}, {})
    assert (found.foreign, found.is_of_this_boot) == (expected, False)


def test_reading_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "s")
    assert gc.isenabled()

    snapshot.load(path)

    assert gc.isenabled()
    gc.disable()
    try:
        snapshot.load(path)
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("column", range(9))
def test_a_trace_has_its_columns(column: int) -> None:
    assert snapshot.is_trace(TRACE)
    assert not snapshot.is_trace(list(TRACE))
    assert not snapshot.is_trace((*TRACE[:column], 5, *TRACE[column + 1 :]))
    assert not snapshot.is_trace((*TRACE[:column], *TRACE[column + 1 :]))


def test_what_a_trace_names_has_to_be_there() -> None:
    assert not snapshot.is_trace(((), *TRACE[1:]))
    assert not snapshot.is_trace((*TRACE[:6], ("d",), *TRACE[7:]))
    assert snapshot.is_trace((*TRACE[:6], (), *TRACE[7:]))


@pytest.mark.parametrize("path", ["a", "a..b", "..a", "a../b", ".a/b", "a/..b"])
def test_paths_below_the_root(path: str) -> None:
    assert snapshot.are_inside([path])
    assert snapshot.are_inside(("x", path))


@pytest.mark.parametrize("path", ["", "/", "/a", "..", "../a", "a/..", "a/../b", b"a", None])
def test_paths_that_are_not(path: object) -> None:
    assert not snapshot.are_inside([path])
    assert not snapshot.are_inside(("x", path))


@pytest.mark.parametrize("paths", [None, "a", {"a": 1}, 5])
def test_paths_come_in_a_sequence(paths: object) -> None:
    assert not snapshot.are_inside(paths)
    assert snapshot.are_inside(())
