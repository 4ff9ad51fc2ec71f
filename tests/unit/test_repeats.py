"""Which stages made the same from the same: how two results differ, what is remembered of it, how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagemake.cache.memory import MemoryStore
from stagemake.model.entry import OutputFile, executable_entry, file_entry, link_entry
from stagemake.model.record import encode_result
from stagemake.model.repeat import CLEARED_BY, Divergence, Repeat, first_divergence
from stagemake.model.result import ActionResult
from stagemake.past import repeats
from stagemake.past.repeats import Repeats
from stagemake.records import StoredRecords

if TYPE_CHECKING:
    from pathlib import Path


ENTRIES = st.one_of(
    st.just("d"),
    st.sampled_from(["x", "y"]).map(link_entry),
    st.builds(file_entry, st.sampled_from(["0" * 32, "1" * 32]), st.integers(0, 2)),
    st.builds(executable_entry, st.sampled_from(["0" * 32, "1" * 32]), st.integers(0, 2)),
)
ROWS = st.dictionaries(st.sampled_from("abcd"), ENTRIES)
VALUES = st.dictionaries(st.sampled_from("nm"), st.sampled_from(["1", '"2"', f'"{"3" * 99}"'])).map(
    lambda found: tuple(sorted(found.items()))
)
FOUND = Divergence("a", "1 B, before; 2 B, now")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(before=ROWS, after=ROWS, values=VALUES, values_after=VALUES)
def test_two_results_differ_exactly_where_something_in_them_does(
    before: dict[str, str],
    after: dict[str, str],
    values: tuple[tuple[str, str], ...],
    values_after: tuple[tuple[str, str], ...],
) -> None:
    found = first_divergence(before, after, values, values_after)

    outputs = [one for one in sorted({*before, *after}) if before.get(one) != after.get(one)]
    names = sorted(one[0] for one in {*dict(values).items()} ^ {*dict(values_after).items()})
    every = [*outputs, *(f"value {name}" for name in dict.fromkeys(names))]
    assert (found is None) == (not every)
    if found is not None:
        assert (found.output, found.count) == (every[0], len(every))
        assert found.how


@given(st.lists(st.booleans(), max_size=12))
def test_a_stage_is_unsteady_until_enough_checks_in_a_row_find_nothing(
    differs: list[bool],
) -> None:
    known = Repeat("s", "w")
    for second, found in enumerate(differs):
        known = known.and_differed(FOUND, "verify", second) if found else known.and_same(second)

    tail = differs[::-1].index(True) if True in differs else None
    assert known.is_unsteady == (tail is not None and tail < CLEARED_BY)
    assert (known.compared, known.differed) == (len(differs), sum(differs))


def test_what_was_found_is_read_back(tmp_path: Path) -> None:
    memory = Repeats(str(tmp_path / "repeats"))

    memory.note([("s", "w", FOUND), ("t\udcff", "v", None)], found_by="verify", now_s=5)
    memory.note([("s", "w", None)], found_by="verify", now_s=7)

    known = memory.read()
    assert known["s"] == Repeat(
        "s", "w", 7, 5, compared=2, differed=1, same_since=1, output="a", how=FOUND.how,
        found_by="verify",
    )  # fmt: skip
    assert known["t\udcff"] == Repeat("t\udcff", "v", 5, compared=1, same_since=1)


def test_another_declaration_begins_anew(tmp_path: Path) -> None:
    memory = Repeats(str(tmp_path / "repeats"))
    memory.note([("s", "w", FOUND)], found_by="build", now_s=5)

    memory.note([("s", "other", None)], found_by="verify", now_s=7)

    assert memory.read() == {"s": Repeat("s", "other", 7, compared=1, same_since=1)}


@pytest.mark.parametrize("step_s", [1, -1])
def test_it_is_bounded_and_what_was_checked_longest_ago_goes_whatever_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: int
) -> None:
    monkeypatch.setattr(repeats, "MOST_STAGES", 3)
    memory = Repeats(str(tmp_path / "repeats"))

    for number, name in enumerate("abcad"):
        memory.note([(name, "w", FOUND)], found_by="build", now_s=100 + number * step_s)

    assert sorted(memory.read()) == ["a", "c", "d"]


@given(st.binary(max_size=200))
def test_nothing_in_the_file_breaks_reading(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "repeats"
    path.write_bytes(data)

    assert Repeats(str(path)).read() == {}


def test_a_record_without_its_contents_is_a_miss_that_can_still_be_compared_with() -> None:
    store = MemoryStore()
    result = ActionResult((OutputFile("a", digest="0" * 32, size_bytes=1),), stage="s")
    store.put("1" * 32, encode_result(result))
    records = StoredRecords(lambda: store)

    found = [records.result("1" * 32), records.result("2" * 32)]

    assert found == [None, None]
    assert [records.is_absent("1" * 32), records.is_absent("2" * 32)] == [False, True]
