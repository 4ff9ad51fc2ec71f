"""A snapshot of any number of stages is read whole, or by some of its stages, or not at all."""

from __future__ import annotations

import marshal
import os
import tempfile
import zlib
from typing import Any

import pytest
from fuzz_targets import TRACE
from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake.freshness import snapshot

SIGNATURE = (1, 2, 3, 4, 5, 6)


def filled(count: int) -> snapshot.Snapshot:
    """Return a snapshot of so many stages, and of files in the project and outside of it."""
    found = snapshot.Snapshot()
    for number in range(count):
        declared = (*TRACE[0][:4], (f"out/{number}", f"tree/{number}/"), *TRACE[0][5:])
        found.traces[f"s{number}"] = (declared, f"{number:032}", *TRACE[2:])
        found.memo[f"in/{number}"] = (SIGNATURE, f"f:{number}:1")
    found.memo["/usr/bin/cc"] = (SIGNATURE, "x:0:1")
    found.interrupted = {"broken": ("out/x",), "failed": ()}
    return found


def written(path: str, known: snapshot.Snapshot) -> bytes:
    data = b"".join(known.encoded())
    with open(path, "wb") as stream:
        stream.write(data)
    return data


@settings(max_examples=40, deadline=None)
@given(count=st.sampled_from([0, 1, 2, 63, 64, 65, 127, 128, 129, 200]), data=st.data())
def test_all_is_read_and_some_is_read_as_it_is_in_all(count: int, data: st.DataObject) -> None:
    known = filled(count)
    names = data.draw(st.lists(st.integers(0, max(count - 1, 0)).map("s{}".format), max_size=4)) if count else []  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        written(f"{place}/s", known)
        whole = snapshot.load(f"{place}/s")
        part = snapshot.load_part(f"{place}/s", names, [*names, "none"])
        absent = snapshot.load_part(f"{place}/s", [*names, "none"])

    assert list(whole.traces.items()) == list(known.traces.items())
    assert (whole.memo, whole.interrupted) == (known.memo, known.interrupted)
    assert (whole.is_of_this_boot, whole.is_part, whole.foreign) == (True, False, "")
    assert part is not None
    assert part.traces == {name: known.traces[name] for name in names}
    assert (part.memo, part.interrupted) == ({"/usr/bin/cc": (SIGNATURE, "x:0:1")}, known.interrupted)  # fmt: skip
    assert (part.is_of_this_boot, part.is_part) == (True, True)
    assert absent is None


def test_a_part_is_read_by_its_blocks_and_not_by_all_of_it(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"{tmp_path}/s"
    size = len(written(path, filled(640)))
    read: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, count, at: [read.append(count), pread(fd, count, at)][1])  # fmt: skip
    before = len(os.listdir("/dev/fd"))

    assert snapshot.load_part(path, ["s3", "s60", "s600"]) is not None

    assert len(read) == 5  # the front, the index, two blocks of ten, what is known of files outside
    assert sum(read) < size / 3
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("at", range(0, 3000, 13))
def test_whatever_byte_is_another_nothing_wrong_is_read(tmp_path: Any, at: int) -> None:
    known, path = filled(3), f"{tmp_path}/s"
    data = written(path, known)
    for bad in (data[: at % len(data)], _flipped(data, at % len(data)), data + b"\0"):
        with open(path, "wb") as stream:
            stream.write(bad)

        whole, part = snapshot.load(path), snapshot.load_part(path, ["s1"])

        assert (whole.traces, whole.memo, whole.interrupted, whole.is_of_this_boot) == ({}, {}, {}, False)  # fmt: skip
        if part is not None:  # what was damaged is a part of it that wasn't read
            assert part.traces == {"s1": known.traces["s1"]}
            assert part.memo == {"/usr/bin/cc": (SIGNATURE, "x:0:1")}
            assert len(bad) == len(data)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0x10,)) + data[at + 1 :]


def test_no_part_is_read_where_two_stages_name_one_output(tmp_path: Any) -> None:
    for first, second, is_plain in (("a", "b", True), ("a", "a", False), ("a", "a/", False)):
        known = filled(1)
        for name, output in (("x", first), ("y", second)):
            known.traces[name] = ((*TRACE[0][:4], (output,), *TRACE[0][5:]), *TRACE[1:])
        written(f"{tmp_path}/s", known)

        part = snapshot.load_part(f"{tmp_path}/s", ["s0"])

        assert (part is not None) == is_plain
        assert set(snapshot.load(f"{tmp_path}/s").traces) == {"s0", "x", "y"}


GOOD: tuple[Any, ...] = ("boot", {"a": ("x",)}, True, (("s",),), (3,), (4,), ((1, 2), (3, 4)))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, b"boot"), (0, None), (1, ()), (1, {"a": "x"}), (1, {"a": ("../x",)}), (1, {"a": 5}), (2, 1), (2, None),
        (3, ["s"]), (3, ("s",)), (3, ((5,),)), (3, (["s"],)), (3, (("s",), ("t",))), (4, (3, 3)), (4, (-1,)), (4, ("3",)),
        (4, (True,)), (4, (3.0,)), (5, ()), (5, (-4,)), (5, (None,)), (6, ((1, 2),)), (6, ((1, 2), (3,))), (6, ((1, 2), (3, 4), (5, 6))),
        (6, ((1, 2), 3)), (6, ((-1, 2), (3, 4))), (6, ((1, 2), (3, "4"))), (6, ()),
    ],
)  # fmt: skip
def test_an_index_with_anything_else_in_a_column_is_none(column: int, value: object) -> None:
    def read(columns: object) -> object:
        index = marshal.dumps(columns)
        front = (number.to_bytes(4, "little") for number in (zlib.crc32(index), len(index)))
        data = b"".join((snapshot._header(), *front, index))
        return snapshot._index(memoryview(data), snapshot._header())[0]

    assert read(GOOD) == GOOD
    assert read((*GOOD[:column], value, *GOOD[column + 1 :])) is None
    assert read((*GOOD[:column], *GOOD[column + 1 :])) is None
    assert read(list(GOOD)) is None
