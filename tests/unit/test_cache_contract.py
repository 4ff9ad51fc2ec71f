"""What every store promises, on disk or in memory."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from stagemake.cache.disk import DiskStore, open_store
from stagemake.cache.envelope import digest_of
from stagemake.cache.fault import FaultKind
from stagemake.cache.guarded import GuardedStore
from stagemake.cache.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagemake.cache.port import Store

KEY = "0123456789abcdef" * 2
OTHER = "f" * 32
SMALL = b"small content"
LARGE = bytes(range(256)) * 1000
SIZES = (0, 1, 32767, 32768, 32769, 3 << 20)


@pytest.fixture(params=["disk", "memory", "disk, flushed", "guarded"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "guarded":
        inner = MemoryStore()
        guarded = GuardedStore(inner, "a plugin's")
        guarded.faults = inner.faults  # what the one behind the fence says of itself counts as well
        yield guarded
        return
    opened, reason = open_store(str(tmp_path / "cache"))
    assert opened is not None, reason
    if request.param == "disk, flushed":
        opened = Flushed(opened)
    yield opened
    opened.close()


class Flushed(DiskStore):
    """Writes every entry at once, so that nothing is answered from the batch."""

    def __init__(self, inner: DiskStore) -> None:
        self.__dict__ = inner.__dict__

    def _enqueue(self, place) -> None:
        super()._enqueue(place)
        self.flush()


def test_a_record_comes_back(store: Store) -> None:
    store.put(KEY, b"body")

    found = store.get([KEY, OTHER])

    assert found == {KEY: b"body"}


def test_the_last_put_of_a_record_counts(store: Store) -> None:
    store.put(KEY, b"first" * 10_000)
    store.put(KEY, b"second" * 10_000)

    found = store.get([KEY])

    assert found == {KEY: b"second" * 10_000}


@pytest.mark.parametrize("size", SIZES)
def test_a_content_comes_back(store: Store, tmp_path: Path, size: int) -> None:
    data = (LARGE * (size // len(LARGE) + 1))[:size]
    digest = digest_of(data)
    target = tmp_path / "target"

    stored = store.put_bytes(digest, data)

    assert stored
    assert store.missing([digest, OTHER]) == {OTHER}
    assert store.read(digest, size) == data
    assert store.fetch(digest, size, str(target), 0o640)
    assert target.read_bytes() == data
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_captured_when_it_is_put(store: Store, tmp_path: Path, size: int) -> None:
    data = (LARGE * (size // len(LARGE) + 1))[:size]
    source = tmp_path / "source"
    source.write_bytes(data)
    digest = digest_of(data)

    stored = store.put_file(digest, str(source), size)
    source.write_bytes(b"changed")

    assert stored
    assert store.read(digest, size) == data


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_a_file_that_changed_meanwhile_is_not_stored(
    store: Store, tmp_path: Path, data: bytes
) -> None:
    source = tmp_path / "source"
    source.write_bytes(data[:-1] + b"!")

    stored = store.put_file(digest_of(data), str(source), len(data))

    assert not stored
    assert store.missing([digest_of(data)]) == {digest_of(data)}
    assert store.faults.counts == {FaultKind.CHANGED: 1}


@pytest.mark.parametrize("grown", [SMALL + b"x", LARGE + b"x", SMALL[:-1], LARGE[:-1]])
def test_a_file_of_another_size_is_not_stored(store: Store, tmp_path: Path, grown: bytes) -> None:
    data = SMALL if len(grown) < 100 else LARGE
    source = tmp_path / "source"
    source.write_bytes(grown)

    assert not store.put_file(digest_of(data), str(source), len(data))
    assert not store.put_file(digest_of(grown), str(source), len(data))


def test_bytes_with_another_digest_are_not_stored(store: Store) -> None:
    stored = store.put_bytes(KEY, SMALL)

    assert not stored
    assert store.missing([KEY]) == {KEY}


@pytest.mark.parametrize("kind", ["gone", "directory", "link", "fifo"])
@pytest.mark.parametrize("size", [10, 100_000])
def test_only_regular_files_are_stored(store: Store, tmp_path: Path, kind: str, size: int) -> None:
    path = tmp_path / "odd"
    data = b"x" * size
    (tmp_path / "real").write_bytes(data)
    match kind:
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to("real")
        case "fifo":
            os.mkfifo(path)

    stored = store.put_file(digest_of(data), str(path), size)

    assert not stored
    assert store.faults.counts == {FaultKind.WRITE: 1}


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_a_limit_below_the_size_is_a_miss(store: Store, data: bytes) -> None:
    store.put_bytes(digest_of(data), data)

    assert store.read(digest_of(data), len(data) - 1) is None
    assert store.read(digest_of(data), len(data)) == data


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_fetch_with_another_size_is_a_miss(
    store: Store, tmp_path: Path, data: bytes, difference: int
) -> None:
    store.put_bytes(digest_of(data), data)
    target = tmp_path / "target"

    fetched = store.fetch(digest_of(data), len(data) + difference, str(target), 0o644)

    assert not fetched
    assert not target.exists()
    assert store.missing([digest_of(data)]) == set()


@pytest.mark.parametrize("data", [SMALL, LARGE])
def test_a_fetch_replaces_nothing(store: Store, tmp_path: Path, data: bytes) -> None:
    store.put_bytes(digest_of(data), data)
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")

    assert not store.fetch(digest_of(data), len(data), str(mine), 0o644)
    assert not store.fetch(digest_of(data), len(data), str(tmp_path / "link"), 0o644)
    assert not store.fetch(digest_of(data), len(data), str(tmp_path / "no" / "where"), 0o644)
    assert not store.fetch(digest_of(data), len(data), "a\0b", 0o644)

    assert mine.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "key",
    ["", "../../x", KEY.upper(), KEY[:-1], KEY + "0", "act:" + KEY, "a\udce9", KEY[:-1] + "\n"],
)
def test_a_malformed_key_is_a_miss(store: Store, tmp_path: Path, key: str) -> None:
    store.put(key, b"x")
    store.touch([key])
    store.flush()

    assert store.get([key]) == {}
    assert store.missing([key]) == {key}
    assert store.read(key, 10) is None
    assert not store.put_bytes(key, b"x")
    assert not store.put_file(key, str(tmp_path / "x"), 1)
    assert not store.fetch(key, 1, str(tmp_path / "y"), 0o644)


def test_batches_of_any_size_are_answered(store: Store) -> None:
    data = [str(number).encode() for number in range(1203)]
    digests = [digest_of(item) for item in data]
    for digest, item in zip(digests, data, strict=True):
        store.put_bytes(digest, item)
        store.put(digest, item)

    found = store.get(digests)
    missing = store.missing([*digests, OTHER])

    assert found == dict(zip(digests, data, strict=True))
    assert missing == {OTHER}
    assert store.get([]) == {}
    assert store.missing(()) == set()


def test_closing_twice_is_harmless(store: Store) -> None:
    store.put(KEY, b"x")

    store.close()
    store.close()
