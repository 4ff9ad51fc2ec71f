"""Results that will most likely be asked for next are looked up together, and each is what it would be by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from stagemake.cache.envelope import digest_of
from stagemake.cache.memory import MemoryStore
from stagemake.freshness import snapshot as columns
from stagemake.model.entry import OutputFile
from stagemake.model.record import encode_result
from stagemake.model.result import ActionResult
from stagemake.model.stage import Stage
from stagemake.plan.keys_ahead import KeysAhead
from stagemake.records import StoredRecords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.freshness.snapshot import Trace

CONTENTS = {digest_of(data): data for data in (b"%d" % number for number in range(6))}
KEYS = tuple(CONTENTS)
"""Of results, and of their only content: the digest of one is the key of the other."""
KINDS = st.sampled_from(("whole", "bare", "nothing", "damaged"))


class Counted(MemoryStore):
    """A cache in memory that counts how often it is asked: by key whether a result is there, and whole."""

    def __init__(self, kinds: dict[str, str]) -> None:
        super().__init__()
        self.asked: list[tuple[str, ...]] = []
        for key, kind in kinds.items():
            if kind != "nothing":
                self.put(key, b"{" if kind == "damaged" else record(key))
            if kind != "bare":
                self.put_bytes(key, CONTENTS[key])

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        self.asked.append(tuple(keys))
        return super().get(keys)

    def lose_all(self) -> None:
        self._records.clear()


def record(key: str) -> bytes:
    return encode_result(ActionResult(outputs=(OutputFile("out", "file", key, 3),)))


@given(st.dictionaries(st.sampled_from(KEYS), KINDS), st.lists(st.sampled_from(KEYS)), st.data())
def test_what_was_looked_up_ahead_is_what_would_be_found_by_itself(
    kinds: dict[str, str], asked: list[str], data: st.DataObject
) -> None:
    alone, together = StoredRecords(lambda: Counted(kinds)), StoredRecords(lambda: Counted(kinds))

    for key in asked:
        ahead = tuple(data.draw(st.lists(st.sampled_from(KEYS), max_size=4)))
        assert together.result(key, ahead) == alone.result(key)
        assert together.is_absent(key) == alone.is_absent(key)


def test_what_is_looked_up_ahead_takes_one_query() -> None:
    source = Counted(dict.fromkeys(KEYS, "whole"))
    records = StoredRecords(lambda: source)

    found = [records.result(KEYS[0], KEYS), *(records.result(key) for key in KEYS[1:])]

    assert [one is not None for one in found] == [True] * len(KEYS)
    assert source.asked == [KEYS]


def test_what_is_asked_for_again_is_looked_up_again() -> None:
    source = Counted({KEYS[0]: "whole"})
    records = StoredRecords(lambda: source)
    records.result(KEYS[0], KEYS[:1])
    source.lose_all()

    assert records.result(KEYS[0]) is None


def test_only_stages_whose_outputs_have_moved_are_expected_in_the_cache() -> None:
    stages = tuple(Stage(name=f"s{number}", outputs=(f"o{number}",)) for number in range(5))
    traces = {stage.name: trace_of(KEYS[number]) for number, stage in enumerate(stages[:4])}
    seen = {"o0": "f:1:1", "o1": "-", "o2": "f:1:1", "o3": "f:2:1", "o4": "-"}
    ahead = KeysAhead(stages, traces, seen)

    assert [ahead.from_stage(number) for number in range(5)] == [(), (KEYS[1], KEYS[3]), (), (), ()]


def trace_of(key: str) -> Trace:
    trace: list[object] = [()] * 9
    trace[columns.KEY], trace[columns.OUTPUTS] = key, ("f:1:1",)
    return tuple(trace)
