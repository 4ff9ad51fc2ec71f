"""Texts kept for diffs: bounded, verified, never in the way; and the diffs themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.difference import CODE_PREFIX, Difference, from_plain, hide, plain
from stagemake.model.line_diff import LineDiff, line_diff
from stagemake.model.plan import Reason
from stagemake.model.record import (
    NEAR_SLOTS,
    NearResult,
    decode_near,
    encode_near,
    near_key,
    near_slot,
    references,
)
from stagemake.past.texts import LARGEST_BYTES, Texts
from stagemake.plan.components import distance

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    return Texts(str(tmp_path / "history.db"))


# --- texts -----------------------------------------------------------------------------------------


def test_a_text_is_found_by_its_digest_and_noted_once(texts: Texts) -> None:
    asked: list[str] = []

    def text_of(digest: str) -> bytes:
        asked.append(digest)
        return b"one\n"

    assert texts.get("d") is None
    assert texts.note(["d", "d"], text_of, 60.0) == 1
    assert texts.note(["d"], text_of, 60.0) == 0
    assert texts.get("d") == b"one\n"
    assert asked == ["d"]


@pytest.mark.parametrize("data", [b"\0", b"\xff", b"x" * (LARGEST_BYTES + 1), None])
def test_what_is_no_text_or_too_large_or_gone_is_not_kept(texts: Texts, data: bytes | None) -> None:
    assert texts.note(["d"], lambda _: data, 60.0) == 0
    assert texts.get("d") is None


@pytest.mark.parametrize("step_s", [1, -1000, 0])
def test_the_oldest_go_when_it_is_full_whatever_the_clock(tmp_path: Path, step_s: int) -> None:
    import random

    clock = iter([10**9 + number * step_s for number in range(100)])
    texts = Texts(str(tmp_path / "history.db"), most_bytes=20_000, wall_clock_s=lambda: next(clock))
    for number in range(20):
        data = random.Random(number).randbytes(1_000).hex().encode()  # compresses by half
        texts.note([str(number)], lambda _, data=data: data, 60.0)

    kept = [number for number in range(20) if texts.get(str(number)) is not None]

    assert kept == list(range(kept[0], 20))
    with closing(sqlite3.connect(texts.path, isolation_level=None)) as connection:
        ((total,),) = connection.execute("select sum(stored_bytes) from texts")
    connection.close()
    assert 15_000 < total <= 20_000


def test_no_time_left_means_no_text(texts: Texts) -> None:
    assert texts.note(["d"], lambda _: b"x", -1.0) == 0


@pytest.mark.parametrize("content", [b"", b"no database" * 500])
def test_a_damaged_database_is_no_texts(texts: Texts, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "history.db").write_bytes(content)

    assert texts.get("d") is None
    texts.note(["d"], lambda _: b"x", 60.0)  # removes it if it is no database at all
    texts.note(["d"], lambda _: b"x", 60.0)
    assert texts.get("d") == b"x"


def test_a_locked_database_is_no_texts(texts: Texts) -> None:
    texts.note(["d"], lambda _: b"x", 60.0)
    connection = sqlite3.connect(texts.path, isolation_level=None)
    connection.execute("begin exclusive")
    try:
        assert texts.note(["e"], lambda _: b"x", 60.0) == 0
        assert texts.get("d") is None
    finally:
        connection.close()
    assert texts.get("d") == b"x"


# --- diffs -----------------------------------------------------------------------------------------

LINES = st.lists(st.sampled_from("abc"), max_size=25).map(
    lambda rows: "".join(f"{row}\n" for row in rows)
)


def patched(old: list[str], diff: tuple[str, ...]) -> list[str]:
    """Return what a unified diff makes of some lines, by its line numbers."""
    made: list[str] = []
    at = 0
    for line in diff:
        if line.startswith("@@"):
            start, _, length = line.split(" ")[1][1:].partition(",")
            first = int(start) if length == "0" else int(start) - 1
            made += old[at:first]
            at = first
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[at] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            at += 1
    return made + old[at:]


@given(old=LINES, new=LINES)
def test_a_diff_makes_the_new_text_of_the_old_one(old: str, new: str) -> None:
    diff = line_diff(old.encode(), new.encode())

    assert diff.note == ""
    assert patched(old.splitlines(), diff.lines) == new.splitlines()
    assert (diff.lines == ()) is (old == new)


def test_a_diff_says_what_it_can_not_show() -> None:
    many = "".join(f"{i}\n" for i in range(5000))

    assert line_diff(b"\0", b"x") == LineDiff(note="binary: no lines to compare")
    assert line_diff(b"x", b"\xff") == LineDiff(note="binary: no lines to compare")
    assert line_diff(many.encode(), many.replace("\n", "!\n").encode()).note.startswith("too much")
    assert line_diff(many.encode(), many.replace("4000\n", "x\n").encode()).lines == (
        "@@ -3999,5 +3999,5 @@", " 3998", " 3999", "-4000", "+x", " 4001", " 4002",
    )  # fmt: skip
    assert line_diff(b"x", b"y" * 500).lines[2] == "+" + "y" * 197 + "..."


# --- differences as plain values -------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(Reason), st.text(), st.text(), st.text()), max_size=30))
def test_differences_come_back_from_plain_values(rows: list[tuple[Reason, str, str, str]]) -> None:
    found = [Difference(*row) for row in rows]

    again = from_plain(plain(found))

    assert len(again) == min(len(found), 20)
    for one, other in zip(found, again, strict=False):
        assert (one.reason, one.subject, one.old[:500]) == (other.reason, other.subject, other.old)


@pytest.mark.parametrize(
    "data", [None, {}, [1], [["input_changed", 1, 2, 3]], [["no_reason", "", "", ""]]]
)
def test_what_is_no_difference_is_left_out(data: object) -> None:
    assert from_plain(data) == ()


def test_the_longest_secret_is_hidden_first() -> None:
    assert hide("abcd ab", ("abcd", "ab")) == "*** ***"
    assert CODE_PREFIX == "c:"


# --- near results ----------------------------------------------------------------------------------

COMPONENTS = st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=40).map(tuple)


@given(COMPONENTS)
def test_a_near_result_comes_back_and_names_no_content(
    components: tuple[tuple[str, str, str], ...],
) -> None:
    near = NearResult("0" * 32, 5, components)

    body = encode_near(near)

    assert body is not None
    assert decode_near(body) == near
    assert references(body) == ()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_near_result_or_none(body: bytes) -> None:
    assert decode_near(body) is None
    assert decode_near(b"z" + body) is None


def test_the_last_results_slot_is_not_taken() -> None:
    keys = [f"{number:032x}" for number in range(50)]

    assert {near_slot(key) for key in keys} == set(range(NEAR_SLOTS))
    assert all(
        near_slot(key, before) != near_slot(before)
        for key in keys
        for before in keys
        if key != before
    )
    assert all(near_slot(key, key) == near_slot(key) for key in keys)
    assert len({near_key(name, slot) for name in ("a", "a\udcff") for slot in range(8)}) == 16


def test_what_is_too_large_for_comparing_is_not_noted() -> None:
    assert encode_near(NearResult("0" * 32, 5, (("input", "x", "y"),) * 20_001)) is None


def test_distance_counts_inputs_and_others_and_leaves_out_what_is_unknown() -> None:
    before = [
        ("input", "a", "1"),
        ("input", "b", "1"),
        ("discovered", "h", "1"),
        ("env", "CC", "1"),
        ("command", "", "1"),
    ]
    now = [
        ("input", "a", "2"),
        ("input", "h", "1"),
        ("input", "c", "?"),
        ("env", "CC", "2"),
        ("command", "", "1"),
    ]

    apart = distance(now, before)

    assert (apart.inputs, apart.others, apart.input_count) == (("a", "b"), (("env", "CC"),), 3)
    assert apart.total == 3
    assert distance(now, now).total == 0
