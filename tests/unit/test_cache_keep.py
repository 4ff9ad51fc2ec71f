"""The rules of the cache by themselves: what stays, what is read ahead, when a batch is full."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.cache import near, rows
from stagemake.cache.batch import Batch
from stagemake.cache.keep import UNNAMED_AGE_S, Item, keep, unnamed
from stagemake.cache.near import Near
from stagemake.cache.rows import MODE_INLINE, Place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


def item(key: str, size: int, used_s: float = 0.0, names: tuple[str, ...] = ()) -> Item:
    return Item(Place(0, key, MODE_INLINE, size, None, None), used_s, size, names)


def record(name: str, size: int, used_s: float, *names: str) -> Item:
    return item(f"act:{name}", size, used_s, names)


def names_of(items: list[Item]) -> str:
    return "".join(one.place.key[-1] for one in items)


BLOBS = {name: item(f"blob:{name}", 100) for name in "xyz"}
RECORDS = [
    record("a", 10, 1.0, "x"),
    record("b", 10, 2.0, "y"),
    record("c", 10, 3.0, "x", "z"),
    record("d", 10, 4.0),
]
ALL_BYTES = 340


@pytest.mark.parametrize(
    ("budget", "kept"),
    [
        (ALL_BYTES, "dcba"),
        (ALL_BYTES - 1, "dc"),  # nine tenths are 305: a tenth below, so that the next build fits
        (367, "dcba"),
        (338, "dc"),
        (244, "d"),  # 219 of 220 bytes
        (245, "dc"),
        (12, "d"),
        (11, ""),
        (0, ""),
    ],
)
def test_beyond_the_budget_the_last_used_stay_with_room_to_spare(budget: int, kept: str) -> None:
    found = keep(RECORDS, BLOBS, budget=budget, oldest_s=0.0, pins=())

    assert names_of(found) == kept


@pytest.mark.parametrize(("reserve", "kept"), [(0, "dcba"), (10, "dcba"), (11, "dc"), (95, "dc"), (96, "d"), (305, "d"), (306, "")])  # fmt: skip
def test_what_is_about_to_come_takes_room(reserve: int, kept: str) -> None:
    found = keep(RECORDS, BLOBS, budget=350, oldest_s=0.0, pins=(), reserve=reserve)

    assert names_of(found) == kept


@pytest.mark.parametrize(("oldest_s", "kept"), [(1.0, "dcba"), (1.5, "dcb"), (3.0, "dc"), (4.1, "")])  # fmt: skip
def test_what_was_used_before_some_time_goes(oldest_s: float, kept: str) -> None:
    assert names_of(keep(RECORDS, BLOBS, budget=999, oldest_s=oldest_s, pins=())) == kept


def test_pinned_ones_stay_whatever_they_take_and_count() -> None:
    pinned = keep(RECORDS, BLOBS, budget=0, oldest_s=9.0, pins={"b", "a"})
    beside = keep(RECORDS, BLOBS, budget=245, oldest_s=0.0, pins={"b"})

    assert (names_of(pinned), names_of(beside)) == ("ab", "bd")


def test_a_record_that_is_not_whole_goes_and_takes_no_room() -> None:
    torn = record("e", 1000, 9.0, "x", "gone")

    assert names_of(keep([torn, *RECORDS], BLOBS, budget=ALL_BYTES, oldest_s=0.0, pins={"e"})) == "dcba"  # fmt: skip


def test_of_those_used_at_once_the_first_by_key_stays() -> None:
    twins = [record("b", 10, 1.0), record("a", 10, 1.0)]

    assert names_of(keep(twins, {}, budget=12, oldest_s=0.0, pins=())) == "a"


SETS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.sets(st.sampled_from("xyz!"))), max_size=6)  # fmt: skip


@given(SETS, st.integers(0, 400), st.integers(0, 5), st.sets(st.sampled_from("012")), st.integers(0, 50))  # fmt: skip
def test_what_stays_fits_is_young_and_could_not_be_one_more(
    drawn: list[tuple[int, int, set[str]]],
    budget: int,
    oldest_s: int,
    pins: set[str],
    reserve: int,
) -> None:
    records = [
        record(str(i), size, used_s, *sorted(names))
        for i, (size, used_s, names) in enumerate(drawn)
    ]

    found = keep(records, BLOBS, budget=budget, oldest_s=oldest_s, pins=pins, reserve=reserve)

    def takes(some: list[Item]) -> int:
        named = {name for one in some for name in one.names}
        return reserve + sum(one.size for one in some) + 100 * len(named)

    whole = [one for one in records if "!" not in one.names]
    limit = budget if takes(whole) <= budget else int(budget * 0.9)
    rest = [one for one in whole if one.place.key[4:] not in pins]
    rest.sort(key=lambda one: (-one.used_s, one.place.key))
    first = [one for one in whole if one.place.key[4:] in pins]
    assert found == [*first, *rest][: len(found)]
    assert len(found) >= len(first)
    if len(found) > len(first):
        assert takes(found) <= limit
        assert found[-1].used_s >= oldest_s
    if len(found) < len(whole):
        following = rest[len(found) - len(first)]
        assert takes([*found, following]) > limit or following.used_s < oldest_s


@pytest.mark.parametrize(
    ("budget", "pins", "gone"),
    [(100, "", "yuw"), (100, "yw", "u"), (0, "", "yuvw"), (0, "uv", "yw")],
)
def test_contents_go_that_no_kept_record_names_unless_they_are_new(
    budget: int, pins: str, gone: str
) -> None:
    now_s = 10_000.0
    blobs = {
        "x": item("blob:x", 1, 0.0),  # named and kept
        "y": item("blob:y", 1, now_s),  # named by a record that goes
        "u": item("blob:u", 1, now_s - UNNAMED_AGE_S - 1),
        "v": item("blob:v", 1, now_s - UNNAMED_AGE_S),
        "w": item("blob:w", 1, 0.0),
    }
    records = [record("a", 1, 1.0, "x"), record("b", 1, 1.0, "y")]

    found = unnamed(records, records[:1], blobs, budget=budget, now_s=now_s, pins=set(pins))

    assert names_of(found) == gone


# --- a batch ----------------------------------------------------------------------------------------


def inline(number: int, value: bytes | None = b"v") -> Place:
    return Place(0, f"act:{number}", MODE_INLINE, 0, None, value)


def test_a_batch_without_an_entry_is_never_full() -> None:
    batch = Batch()
    batch.touched["act:1"] = None

    assert not batch.is_full()

    batch.add(inline(1))
    batch.remove("act:1")

    assert not batch.is_full()


def test_a_batch_is_full_with_a_thousand_entries() -> None:
    batch = Batch()
    filled = []

    for number in range(1000):
        batch.add(inline(number))
        filled.append(batch.is_full())

    assert filled == [False] * 999 + [True]


def test_a_batch_is_full_with_eight_mebibytes_that_are_in_it_now() -> None:
    batch = Batch()
    half = bytes(4 << 20)

    steps = [
        batch.add(inline(1, half)),
        batch.is_full(),
        batch.add(inline(1, half)),
        batch.is_full(),
        batch.add(inline(2, half[1:])),
        batch.is_full(),
        batch.add(inline(3, None)),
        batch.is_full(),
        batch.add(inline(4, b"1")),
        batch.is_full(),
        batch.remove("act:4"),
        batch.is_full(),
        batch.remove("act:4"),
    ]

    one, four = inline(1, half), inline(4, b"1")
    assert steps == [None, False, one, False, None, False, None, False, None, True, four, False, None]  # fmt: skip


def test_a_batch_is_full_two_seconds_after_its_first_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([100.0, 102.0, 102.1, 200.0, 201.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    batch = Batch()

    batch.add(inline(1))
    batch.add(inline(2))
    filled = [batch.is_full(), batch.is_full()]
    batch.clear()
    batch.add(inline(3))
    filled.append(batch.is_full())

    assert filled == [False, True, False]


def test_a_cleared_batch_holds_nothing() -> None:
    batch = Batch()
    batch.add(inline(1, bytes(8 << 20)))
    batch.touched["act:2"] = None
    held = [bool(batch)]

    batch.entries.clear()
    held.append(bool(batch))
    batch.clear()
    held.append(bool(batch))

    batch.add(inline(3))
    assert (held, batch.touched, batch.is_full()) == ([True, True, False], {}, False)


# --- reading ahead ----------------------------------------------------------------------------------


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = rows.connect(":memory:", timeout_s=1)
    made.execute("CREATE TABLE Cache (rowid INTEGER PRIMARY KEY, key, raw, access_time, mode, size, filename, value)")  # fmt: skip
    yield made
    made.close()


def put(connection: sqlite3.Connection, digest: str, value: bytes | None) -> None:
    mode = 1 if value is not None else 2
    connection.execute("INSERT INTO Cache (key, raw, mode, size, value) VALUES (?, 1, ?, 0, ?)", (f"blob:{digest}", mode, value))  # fmt: skip


def test_contents_that_are_expected_are_read_some_at_once(connection: sqlite3.Connection) -> None:
    digests = [f"{number:032x}" for number in range(2 * near._AT_ONCE + 3)]
    for digest in digests:
        put(connection, digest, digest.encode())
    ahead = Near()
    ahead.expect(digests)
    asked: list[str] = []
    connection.set_trace_callback(asked.append)

    found = [ahead.find(connection, digest) for digest in digests]

    assert [one and one.value for one in found] == [digest.encode() for digest in digests]
    assert len(asked) == 3


def test_what_is_not_expected_large_or_asked_for_again_is_read_by_itself(
    connection: sqlite3.Connection,
) -> None:
    for name, value in [("a", b"1"), ("b", None), ("c", b"3"), ("d", b"4")]:
        put(connection, name, value)
    ahead = Near()
    ahead.expect("abc")
    asked: list[str] = []
    connection.set_trace_callback(asked.append)
    steps: list[tuple[str | None, bytes | None, int]] = []

    for name in ["d", "a", "b", "c", "a", "e"]:
        found = ahead.find(connection, name)
        key, value = (found.key, found.value) if found is not None else (None, None)
        steps.append((key, value, len(asked)))

    assert steps == [
        ("blob:d", b"4", 1),
        ("blob:a", b"1", 2),
        ("blob:b", None, 3),
        ("blob:c", b"3", 3),
        ("blob:a", b"1", 4),
        (None, None, 5),
    ]


def test_what_is_expected_next_begins_anew(connection: sqlite3.Connection) -> None:
    for name, value in zip("abcd", count(), strict=False):
        put(connection, name, b"%d" % value)
    ahead = Near()
    ahead.expect("ab")
    ahead.find(connection, "a")
    asked: list[str] = []
    connection.set_trace_callback(asked.append)

    ahead.expect("cd")
    found = [ahead.find(connection, name) for name in "cd"]

    assert [one and one.value for one in found] == [b"2", b"3"]
    assert len(asked) == 1
