"""Whatever happens to the bytes of a cache: a right answer or a miss, never a wrong byte and never an exception."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake.cache.disk import open_store
from stagemake.cache.envelope import digest_of, seal, unseal
from stagemake.cache.reader import ReadOnlyStore

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENTS = [
    bytes([number]) * size for number, size in enumerate((0, 1, 700, 5000, 32767, 32768, 90_000))
]
RECORDS = {digest_of(bytes([n])): bytes([n]) * size for n, size in enumerate((1, 40, 900, 40_000))}
CASES = 120
DAMAGES = 265  # of value files, and of the database: 530 in all


@pytest.fixture(scope="module")
def original() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as parent:
        store, reason = open_store(f"{parent}/cache")
        assert store is not None, reason
        for data in CONTENTS:
            assert store.put_bytes(digest_of(data), data)
        for key, body in RECORDS.items():
            store.put(key, body)
        store.close()
        yield f"{parent}/cache"


def check(directory: str) -> None:
    """Ask for everything, twice, by both stores."""
    reader = ReadOnlyStore(directory)
    store, reason = open_store(directory)
    assert (store is None) <= bool(reason)
    for source in filter(None, (reader, store, store)):
        source.missing([digest_of(data) for data in CONTENTS])
        for key, body in source.get(list(RECORDS)).items():
            assert body == RECORDS[key]
        for data in CONTENTS:
            assert source.read(digest_of(data), 1 << 20) in (None, data)
    if store is not None:
        for number, data in enumerate(CONTENTS):
            target = f"{directory}.target-{number}"
            if store.fetch(digest_of(data), len(data), target, 0o600):
                with open(target, "rb") as file:
                    assert file.read() == data
            else:
                assert not os.path.exists(target)
        store.close()
    reader.close()


def heal(directory: str) -> None:
    """What was damaged can be stored again, at the latest after closing."""
    for _ in range(2):
        store, reason = open_store(directory)
        assert store is not None, reason
        for data in CONTENTS:
            store.put_bytes(digest_of(data), data)
        for key, body in RECORDS.items():
            store.put(key, body)
        store.close()
    reader = ReadOnlyStore(directory)
    assert reader.get(list(RECORDS)) == RECORDS
    assert [reader.read(digest_of(data), 1 << 20) for data in CONTENTS] == CONTENTS
    reader.close()


def files_of(directory: str) -> list[str]:
    return sorted(
        os.path.join(parent, name) for parent, _, names in os.walk(directory) for name in names
    )


@settings(max_examples=DAMAGES, deadline=None)
@given(st.data())
def test_damaged_value_files_are_misses(original: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as parent:
        directory = shutil.copytree(original, f"{parent}/cache")
        os.chmod(directory, 0o700)
        values = [path for path in files_of(directory) if path.endswith(".val")]
        path = data.draw(st.sampled_from(values))
        size = os.path.getsize(path)
        match data.draw(st.sampled_from(["flip", "cut", "grow", "delete", "swap", "zero"])):
            case "flip":
                position = data.draw(st.integers(0, size - 1))
                with open(path, "r+b") as file:
                    file.seek(position)
                    byte = file.read(1)[0]
                    file.seek(position)
                    file.write(bytes([byte ^ data.draw(st.integers(1, 255))]))
            case "cut":
                os.truncate(path, data.draw(st.integers(0, size - 1)))
            case "grow":
                os.truncate(path, size + data.draw(st.integers(1, 9999)))
            case "delete":
                os.unlink(path)
            case "swap":
                other = data.draw(st.sampled_from(values))
                os.rename(other, f"{parent}/kept")
                if other != path:
                    os.rename(path, other)
                os.rename(f"{parent}/kept", path)
            case "zero":
                with open(path, "r+b") as file:
                    file.write(b"\0" * size)

        check(directory)
        heal(directory)


@settings(max_examples=DAMAGES, deadline=None)
@given(st.data())
def test_a_damaged_database_never_gives_a_wrong_byte(original: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as parent:
        directory = shutil.copytree(original, f"{parent}/cache")
        os.chmod(directory, 0o700)
        path = f"{directory}/cache.db"
        size = os.path.getsize(path)
        if data.draw(st.booleans()):
            os.truncate(path, data.draw(st.integers(0, size)))
        else:
            for _ in range(data.draw(st.integers(1, 20))):
                with open(path, "r+b") as file:
                    file.seek(data.draw(st.integers(0, size - 8)))
                    file.write(data.draw(st.binary(min_size=1, max_size=8)))

        check(directory)


@settings(max_examples=CASES, deadline=None)
@given(
    st.text("0123456789abcdef", min_size=32, max_size=32).map("act:{}".format),
    st.binary(max_size=300),
    st.data(),
)
def test_a_seal_breaks_with_any_change(key: str, body: bytes, data: st.DataObject) -> None:
    sealed = seal(key, body)
    position = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[position] ^= data.draw(st.integers(1, 255))

    assert unseal(key, sealed) == body
    assert unseal(key, bytes(changed)) is None
    assert unseal(key, sealed[:position]) is None
    assert unseal(key, sealed + b"\0") is None
    assert unseal(key + "0", sealed) is None


@settings(max_examples=CASES, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_can_be_unsealed_without_an_error(sealed: bytes) -> None:
    assert unseal("act:" + "0" * 32, sealed) is None
