"""Records survive the way to the cache and back; anything else that lies there is no record."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.record import (
    decode_hint,
    decode_result,
    encode_hint,
    encode_result,
    references,
)
from stagemake.model.result import ActionResult, LogBlob

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
TEXTS = st.text(max_size=20)
LOGS = st.builds(LogBlob, HEX, st.integers(1, 2**40)) | st.just(LogBlob())
RESULTS = st.builds(
    ActionResult,
    outputs=st.just(()),
    discovered=st.lists(TEXTS, max_size=3).map(tuple),
    provided=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
    stdout=LOGS,
    stderr=LOGS,
    duration_s=st.floats(0, 1e6),
    cpu_s=st.floats(0, 1e6),
    stage=TEXTS,
    created_s=st.integers(0, 2**40),
)


@given(RESULTS)
def test_a_result_comes_back_as_it_was(result: ActionResult) -> None:
    assert decode_result(encode_result(result)) == result


@given(st.lists(st.lists(TEXTS, max_size=3), max_size=3), st.floats(0, 1e6), st.integers(0, 2**40))
def test_a_hint_comes_back_as_it_was(lists: list[list[str]], seconds: float, size: int) -> None:
    expected = (tuple(map(tuple, lists)), seconds, size)

    assert decode_hint(encode_hint(lists, seconds, size)) == expected


@given(st.binary())
def test_bytes_that_are_no_record_are_none(body: bytes) -> None:
    assert decode_result(body) is None
    assert decode_hint(body) is None
    assert references(body) == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@given(RESULTS, st.data())
def test_a_record_with_one_field_spoiled_never_raises(
    result: ActionResult, data: st.DataObject
) -> None:
    fields = json.loads(encode_result(result))
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(JSON)

    found = decode_result(json.dumps(fields).encode())

    assert found is None or isinstance(found, ActionResult)


def test_kinds_and_versions_are_not_mixed_up() -> None:
    result, hint = encode_result(ActionResult()), encode_hint([], 0, 0)

    assert decode_hint(result) is None
    assert decode_result(hint) is None
    assert decode_result(result.replace(b'"version":1', b'"version":2')) is None


def test_a_records_references_are_its_blobs() -> None:
    log = LogBlob("0" * 32, 3)

    assert references(encode_result(ActionResult(stdout=log, stderr=log))) == ("0" * 32,)
