"""The journal: what was written whole is read, up to the first record that isn't."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from fuzz_targets import TRACE

from stagemake.freshness import journal
from stagemake.freshness.journal import BEGIN, FORGET, KEPT, SETTLE, encoded, header

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [(BEGIN, "a", ("out", "more")), (SETTLE, "a", TRACE), (FORGET, "b")]


def read(path: Path, *parts: bytes) -> list[tuple[object, ...]]:
    path.write_bytes(b"".join(parts))
    return list(journal.read(str(path)))


def test_records_come_back_in_their_order(tmp_path: Path) -> None:
    assert read(tmp_path / "j", header(), *map(encoded, RECORDS)) == RECORDS


def test_a_journal_that_is_cut_off_has_what_was_whole(tmp_path: Path) -> None:
    parts = [header(), *map(encoded, RECORDS)]
    whole = b"".join(parts)
    ends = [sum(map(len, parts[: n + 1])) for n in range(len(parts))]

    for length in range(len(whole)):
        expected = max(sum(end <= length for end in ends) - 1, 0)
        assert read(tmp_path / "j", whole[:length]) == RECORDS[:expected]


def test_what_is_damaged_ends_it(tmp_path: Path) -> None:
    first, second = encoded(RECORDS[0]), encoded(RECORDS[2])
    for at in range(len(first)):
        bad = first[:at] + bytes((first[at] ^ 1,)) + first[at + 1 :]
        assert read(tmp_path / "j", header(), bad, second) == []


@pytest.mark.parametrize(
    "record",
    [
        [BEGIN, "a", ("out",)],
        (BEGIN, "a"),
        (BEGIN, "a", ("../out",)),
        (BEGIN, "a", ("out",), 1),
        (BEGIN, 1, ("out",)),
        (SETTLE, "a"),
        (SETTLE, "a", TRACE[:-1]),
        (SETTLE, "a", TRACE, 1),
        (FORGET,),
        (FORGET, "a", 1),
        ("other", "a"),
        ("other", "a", ("out",)),
        None,
    ],
)
def test_a_record_of_no_kind_ends_it(tmp_path: Path, record: object) -> None:
    good = encoded(RECORDS[2])
    assert read(tmp_path / "j", header(), good, encoded(record), good) == [RECORDS[2]]  # type: ignore[arg-type]


def test_what_is_no_journal_of_now_has_no_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = encoded(RECORDS[2])
    before = header()
    assert list(journal.read(str(tmp_path / "absent"))) == []
    assert read(tmp_path / "j", good, good) == []
    assert read(tmp_path / "j", encoded(("stagemake journal", -1, "boot")), good) == []

    monkeypatch.setattr(journal, "boot_id", lambda: "after a reboot")

    assert read(tmp_path / "j", before, good) == []
    assert read(tmp_path / "j", header(), good) == [RECORDS[2]]


def test_a_link_is_no_journal(tmp_path: Path) -> None:
    read(tmp_path / "j", header(), encoded(RECORDS[2]))
    os.symlink("j", tmp_path / "link")

    assert list(journal.read(str(tmp_path / "link"))) == []


def test_a_journal_with_anything_behind_its_end_is_not_gone_on_with(tmp_path: Path) -> None:
    whole = b"".join((header(), encoded(RECORDS[1]), encoded((KEPT, ""))))
    path = tmp_path / "j"
    path.write_bytes(whole)

    assert journal.read_kept(str(path)) == [RECORDS[1], (KEPT, "")]
    for more in (b"\0", b"torn by a kill", encoded(RECORDS[0])[:-1]):
        path.write_bytes(whole + more)
        assert journal.read_kept(str(path)) is None  # what is appended there would not be read
