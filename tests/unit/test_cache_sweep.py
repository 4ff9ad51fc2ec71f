"""Value files that no row names: which names count as such, how old they are, which directories go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from cache_kit import opened

from stagemake import durable
from stagemake.cache.envelope import digest_of
from stagemake.cache.orphan import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stagemake.cache.disk import DiskStore

DAY_S = 86400
NOW_S = 2_000_000_000
LARGE = b"large" * 20_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DiskStore]:
    made = opened(tmp_path / "cache")
    made.clock = lambda: NOW_S
    yield made
    assert len(made.faults) == 0, made.faults.first
    made.close()


def put(root: Path, name: str, size: int = 10, age_s: float = 2 * DAY_S) -> Path:
    path = root / "cache" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (NOW_S - age_s,) * 2)
    return path


def value(number: int, folder: str = "ab/cd") -> str:
    return f"{folder}/{number:028x}.val"


def left(root: Path) -> list[str]:
    """Return what lies in the cache beside its database."""
    here = root / "cache"
    return sorted(str(one.relative_to(here)) for one in here.rglob("*") if "cache.db" not in one.name)  # fmt: skip


@pytest.mark.parametrize(
    ("age_s", "goes"),
    [(DAY_S, True), (DAY_S - 1, False), (DAY_S + 1, True), (0, False), (1 - DAY_S, False), (-DAY_S, True)],
)  # fmt: skip
def test_an_orphan_goes_that_is_a_day_from_now_on_either_side(
    store: DiskStore, tmp_path: Path, age_s: int, *, goes: bool
) -> None:
    put(tmp_path, value(1), size=7, age_s=age_s)

    swept = sweep(store, older_than_s=DAY_S)

    assert swept == ((1, 7) if goes else (0, 0))
    assert left(tmp_path) == ([] if goes else ["ab", "ab/cd", value(1)])


def test_all_orphans_go_and_their_bytes_are_counted(store: DiskStore, tmp_path: Path) -> None:
    sizes = {value(1): 1, value(2): 20, value(3, "ab/ce"): 300, value(4, "01/23"): 4000}
    for name, size in sizes.items():
        put(tmp_path, name, size)
    young = put(tmp_path, value(5, "01/23"), age_s=5)

    assert sweep(store, older_than_s=DAY_S) == (4, 4321)

    assert left(tmp_path) == ["01", "01/23", str(young.relative_to(tmp_path / "cache"))]


def test_a_value_file_that_a_row_names_stays_however_old(store: DiskStore, tmp_path: Path) -> None:
    store.put_bytes(digest_of(LARGE), LARGE)
    store.flush()
    (named,) = (tmp_path / "cache").glob("??/??/*.val")
    os.utime(named, (0, 0))
    beside = str(named.parent.relative_to(tmp_path / "cache"))
    put(tmp_path, value(1, beside))

    assert sweep(store, older_than_s=DAY_S) == (1, 10)

    assert store.read(digest_of(LARGE), len(LARGE)) == LARGE


FOREIGN = [
    "ab/cd/notes",
    "ab/cd/" + "1" * 28 + ".vaX",
    "ab/cd/" + "1" * 27 + ".val",
    "ab/cd/" + "1" * 29 + ".val",
    "ab/cd/" + "G" * 28 + ".val",
    "ab/" + "1" * 28 + ".val",
    "ab/cde/" + "1" * 28 + ".val",
    "abc/cd/" + "1" * 28 + ".val",
    "zz/cd/" + "1" * 28 + ".val",
    "ab/zz/" + "1" * 28 + ".val",
    "ab",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_what_has_another_name_than_ours_stays(store: DiskStore, tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name)

    assert sweep(store, older_than_s=DAY_S) == (0, 0)

    assert path.read_bytes() == b"x" * 10


def test_empty_directories_go_and_others_stay(store: DiskStore, tmp_path: Path) -> None:
    here = tmp_path / "cache"
    for name in ("ab/cd", "ab/ce", "ef", "01/23/45", "012", "67/890"):
        (here / name).mkdir(parents=True)
    put(tmp_path, value(1, "ab/ce"), age_s=0)

    sweep(store, older_than_s=DAY_S)

    assert left(tmp_path) == ["01", "01/23", "01/23/45", "012", "67", "67/890", "ab", "ab/ce", value(1, "ab/ce")]  # fmt: skip


@pytest.mark.parametrize("name", ["ab", "ab/cd"])
def test_nothing_behind_a_link_goes_nor_the_link(
    store: DiskStore, tmp_path: Path, name: str
) -> None:
    outside = tmp_path / "outside"
    inner = outside / ("cd/" if name == "ab" else "") / value(1).rpartition("/")[2]
    inner.parent.mkdir(parents=True)
    inner.write_bytes(b"x")
    os.utime(inner, (0, 0))
    (outside / "ef").mkdir()
    link = tmp_path / "cache" / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)

    assert sweep(store, older_than_s=DAY_S) == (0, 0)

    assert link.is_symlink()
    assert (inner.exists(), (outside / "ef").exists()) == (True, True)


def test_what_another_process_removes_first_is_not_counted(
    store: DiskStore, tmp_path: Path
) -> None:
    paths = [put(tmp_path, value(number), size=10) for number in range(3)]

    def removes_all(operation: str, path: str) -> None:
        if operation == "unlink":
            for one in paths:
                if str(one) != path:
                    one.unlink(missing_ok=True)

    durable.install(removes_all)
    try:
        swept = sweep(store, older_than_s=DAY_S)
    finally:
        durable.install(None)

    assert swept == (1, 10)
    assert left(tmp_path) == []
