"""What a dry run says that collecting would remove: each thing that counts by itself, and held against collecting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagemake.cache import rows
from stagemake.cache.collect import collect
from stagemake.cache.disk import DiskStore, open_store
from stagemake.cache.envelope import OVERHEAD_BYTES, digest_of
from stagemake.cache.keep import Item, blobs_of, foresee, foresee_collecting, records_of
from stagemake.cache.reader import ReadOnlyStore
from stagemake.cache.rows import MODE_INLINE, Place

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

NOW_S = 2e9
CONTENT_BYTES = 1000
NAME_BYTES = 32
RECORD_BYTES = OVERHEAD_BYTES + NAME_BYTES  # of one that names one content
EACH_BYTES = RECORD_BYTES + CONTENT_BYTES


def key(name: str) -> str:
    return digest_of(f"key of {name}".encode())


def content(name: str) -> bytes:
    return name.encode() * CONTENT_BYTES


def names_in(body: bytes) -> list[str]:
    return body.decode().split()


@define
class Cache:
    """A cache with exact times of use, and a reader of it."""

    store: DiskStore
    path: str

    def add(self, name: str, used_s: float, *named: str) -> None:
        """Store a record that names contents, its own by default; nothing else in the cache is moved."""
        for each in named or (name,):
            self.store.put_bytes(digest_of(content(each)), content(each))
        body = " ".join(digest_of(content(each)) for each in named or (name,))
        self.store.put(key(name), body.encode())
        self.store.flush()
        self.used(f"act:{key(name)}", used_s)

    def add_content(self, name: str, used_s: float) -> None:
        """Store a content that nothing names."""
        self.store.put_bytes(digest_of(content(name)), content(name))
        self.store.flush()
        self.used(f"blob:{digest_of(content(name))}", used_s)

    def used(self, full: str, used_s: float) -> None:
        """Set when a row was used."""
        self.execute("UPDATE Cache SET access_time = ? WHERE key = ?", used_s, full)

    def execute(self, text: str, *values: object) -> None:
        """Change a row."""
        self.store.database.connection.execute(text, values)

    def reader(self) -> ReadOnlyStore:
        """Return a view of it; whoever asks closes it."""
        return ReadOnlyStore(self.path)

    def foreseen(self, budget: int = 1 << 40, max_age_s: float = 1e9, used: tuple[str, ...] = (), new_bytes: int = 0) -> tuple[int, int]:  # fmt: skip
        """Return what collecting would remove, due or not."""
        reader = self.reader()
        found = foresee_collecting(
            reader, names_in, budget=budget, max_age_s=max_age_s, now_s=NOW_S,
            used_keys=tuple(map(key, used)), new_bytes=new_bytes,
        )  # fmt: skip
        assert len(reader.faults) == 0
        reader.close()
        return found


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    store, reason = open_store(str(tmp_path / "cache"), clock=lambda: NOW_S)
    assert store is not None, reason
    yield Cache(store, str(tmp_path / "cache"))
    store.close()


@pytest.fixture
def filled(cache: Cache) -> Cache:
    for age_s, name in enumerate("abcd"):
        cache.add(name, NOW_S - 10 * age_s)
    return cache


def test_where_all_is_young_and_fits_nothing_would_go(filled: Cache) -> None:
    assert filled.foreseen() == (0, 0)


@pytest.mark.parametrize(("max_age_s", "gone"), [(30, 0), (29, 1), (20, 1), (19, 2), (0, 3), (-1, 4)])  # fmt: skip
def test_what_is_older_than_the_age_would_go_with_its_contents(
    filled: Cache, max_age_s: float, gone: int
) -> None:
    assert filled.foreseen(max_age_s=max_age_s) == (gone, gone * EACH_BYTES)


@pytest.mark.parametrize(
    ("budget", "gone"),
    [(4 * EACH_BYTES, 0), (4 * EACH_BYTES - 1, 1), (2 * EACH_BYTES, 3), (0, 4)],
)
def test_what_was_used_longest_ago_would_go_beyond_the_budget(
    filled: Cache, budget: int, gone: int
) -> None:
    assert filled.foreseen(budget=budget) == (gone, gone * EACH_BYTES)


@pytest.mark.parametrize(("new_bytes", "gone"), [(0, 0), (1, 1), (int(0.6 * EACH_BYTES), 1), (int(0.7 * EACH_BYTES), 2)])  # fmt: skip
def test_what_a_build_will_add_takes_room(filled: Cache, new_bytes: int, gone: int) -> None:
    found = filled.foreseen(budget=4 * EACH_BYTES, new_bytes=new_bytes)

    assert found == (gone, gone * EACH_BYTES)


def test_what_a_build_will_use_is_the_last_used(filled: Cache) -> None:
    old = filled.foreseen(max_age_s=5, used=("d", "b"))
    beyond = filled.foreseen(budget=int(1.2 * EACH_BYTES), used=("d",), max_age_s=25)

    assert old == (1, EACH_BYTES)
    assert beyond == (3, 3 * EACH_BYTES)


def test_a_content_that_a_kept_record_names_stays(cache: Cache) -> None:
    cache.add("new", NOW_S, "shared")
    cache.add("old", NOW_S - 100, "shared", "own")
    old_bytes = OVERHEAD_BYTES + 2 * NAME_BYTES + 1

    assert cache.foreseen(max_age_s=50) == (1, old_bytes + len(content("own")))


@pytest.mark.parametrize(
    ("age_s", "budget", "freed"),
    [(3599, 1 << 40, 0), (3601, 1 << 40, CONTENT_BYTES), (0, 0, CONTENT_BYTES)],
)
def test_a_content_that_no_record_names_would_go_once_it_is_old(
    cache: Cache, age_s: float, budget: int, freed: int
) -> None:
    cache.add_content("x", NOW_S - age_s)

    assert cache.foreseen(budget=budget) == (0, freed)


def test_damaged_records_would_go_and_count_by_their_bytes_alone(filled: Cache) -> None:
    filled.execute("UPDATE Cache SET value = x'00112233' WHERE key = ?", f"act:{key('b')}")

    found = filled.foreseen()

    assert found == (0, 4)  # its content is as old as the build that put it: an hour is left


def test_a_record_whose_contents_are_gone_would_go(filled: Cache) -> None:
    filled.execute("DELETE FROM Cache WHERE key = ?", f"blob:{digest_of(content('c'))}")

    assert filled.foreseen() == (1, RECORD_BYTES)


def test_of_no_cache_nothing_would_go(tmp_path: Path) -> None:
    reader = ReadOnlyStore(str(tmp_path / "none"))

    found = [
        ask(reader, names_in, budget=-1, max_age_s=-1, now_s=0, used_keys=(), new_bytes=5)
        for ask in (foresee, foresee_collecting)
    ]

    assert found == [(0, 0), (0, 0)]


@pytest.mark.parametrize(("more", "new_bytes", "found"), [(0, 0, (0, 0)), (-1, 0, (4, 4)), (70, 70, (0, 0)), (69, 70, (4, 4))])  # fmt: skip
def test_nothing_is_said_while_the_cache_keeps_within_its_budget(
    filled: Cache, more: int, new_bytes: int, found: tuple[int, int]
) -> None:
    reader = filled.reader()
    budget = reader.volume_bytes() + more

    said = foresee(
        reader, names_in, budget=budget, max_age_s=-1, now_s=NOW_S, used_keys=(), new_bytes=new_bytes,
    )  # fmt: skip

    assert said == (found[0], found[1] * EACH_BYTES)
    reader.close()


def test_all_that_is_asked_for_is_passed_on(filled: Cache) -> None:
    reader = filled.reader()

    def said(**words: object) -> tuple[int, int]:
        usual = {"budget": 2 * EACH_BYTES, "max_age_s": 1e9, "used_keys": (), "new_bytes": 0}
        return foresee(reader, names_in, now_s=NOW_S, **{**usual, **words})  # type: ignore[arg-type]  # its own words

    # A budget that the database alone goes beyond, whatever lies in it.
    assert said() == (3, 3 * EACH_BYTES)
    assert said(new_bytes=EACH_BYTES) == (4, 4 * EACH_BYTES)
    assert said(budget=10 * EACH_BYTES, max_age_s=15) == (2, 2 * EACH_BYTES)
    assert said(budget=10 * EACH_BYTES, max_age_s=15, used_keys=[key("d")]) == (1, EACH_BYTES)
    reader.close()


DRAWN = st.lists(st.tuples(st.sampled_from([0, 5, 50]), st.sets(st.sampled_from("xyz"))), min_size=1, max_size=5)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DRAWN, st.integers(0, 5), st.sampled_from([-1, 4, 20, 100]))
def test_what_is_foreseen_is_what_collecting_removes(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, set[str]]],
    many: int,
    max_age_s: float,
) -> None:
    path = tmp_path_factory.mktemp("cache") / "cache"
    store, reason = open_store(str(path), clock=lambda: NOW_S)
    assert store is not None, reason
    cache = Cache(store, str(path))
    for number, (age_s, named) in enumerate(drawn):
        cache.add(str(number), NOW_S - age_s, *sorted(named))
    cache.execute("UPDATE Cache SET access_time = ? WHERE key LIKE 'blob:%'", NOW_S)

    said = cache.foreseen(budget=many * EACH_BYTES, max_age_s=max_age_s)
    # A row younger than all moves the clock by a tick: a hundredth of what the ages here differ by.
    done = collect(store, names_in, budget_bytes=many * EACH_BYTES, max_age_s=max_age_s + 0.01)

    assert (done.records, done.freed_bytes) == said
    store.close()


# --- what is read of the database -------------------------------------------------------------------


def test_records_come_with_what_they_name_and_damaged_ones_apart(cache: Cache) -> None:
    cache.add("a", 5.0, "x", "y")
    cache.add("b", 6.0)
    for name in "cde":
        cache.add(name, 7.0)
    cache.execute("UPDATE Cache SET value = x'00' WHERE key = ?", f"act:{key('c')}")
    cache.store.put(key("d"), b"\xff")
    cache.store.flush()

    def references(body: bytes) -> Iterator[str]:
        if body == digest_of(content("e")).encode():
            raise RuntimeError("written by another version")
        yield from names_in(body)

    reader = cache.reader()
    assert reader.connection is not None
    items, damaged = records_of(reader.connection, reader.directory, references)
    reader.close()

    named = {item.place.key: (item.used_s, item.size, item.names) for item in items}
    x, y, b = (digest_of(content(name)) for name in "xyb")
    assert named == {
        f"act:{key('a')}": (5.0, OVERHEAD_BYTES + 2 * NAME_BYTES + 1, (x, y)),
        f"act:{key('b')}": (6.0, RECORD_BYTES, (b,)),
    }
    assert {place.key: place.size for place in damaged} == {
        f"act:{key('c')}": 1,
        f"act:{key('d')}": OVERHEAD_BYTES + 1,
        f"act:{key('e')}": RECORD_BYTES,
    }


def test_contents_come_by_digest(cache: Cache) -> None:
    cache.add("a", 5.0)
    cache.add_content("x", 6.0)
    large = b"l" * rows.INLINE_BYTES
    cache.store.put_bytes(digest_of(large), large)
    cache.store.flush()
    connection: sqlite3.Connection = cache.store.database.connection

    found = blobs_of(connection)

    a, x = digest_of(content("a")), digest_of(content("x"))
    assert found.keys() == {a, x, digest_of(large)}
    place = evolve(found[x].place, rowid=0)
    assert found[x] == Item(found[x].place, 6.0, CONTENT_BYTES)
    assert place == Place(0, f"blob:{x}", MODE_INLINE, CONTENT_BYTES, None, None)
    assert (found[digest_of(large)].size, found[digest_of(large)].names) == (len(large), ())
