"""What a stage may read and set: declared values only, of the types that can be stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.config_store import ConfigStore
from stagemake.model.context import LARGEST_VALUE_BYTES, SharedData
from stagemake.model.error import BadValue, UndeclaredAccess
from stagemake.model.plain import NotPlain, plain_text
from stagemake.model.stage import Stage, StageName

STAGE = Stage(StageName("tidy"), uses=("least",), provides=("rows",))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)  # fmt: skip


@given(PLAIN)
def test_what_is_stored_comes_back_exactly(value: Any) -> None:
    back = json.loads(plain_text(value))

    assert back == value
    assert repr(back) == repr(value) or isinstance(value, (dict, list))  # -0.0, True and 1 differ
    assert plain_text(back) == plain_text(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({1, 2}, "{1, 2} (builtins.set)"),
        ({"a": [1, {"b": object()}]}, "an instance (builtins.object) at ['a'][1]['b']"),
        ({1: 2}, "the key 1 of a mapping, which is no text"),
        ([float("nan")], "nan, which is no finite number at [0]"),
        (float("-inf"), "-inf, which is no finite number"),
        (b"bytes", "b'bytes' (builtins.bytes)"),
    ],
)
def test_what_json_would_change_is_refused_with_its_place(value: Any, told: str) -> None:
    with pytest.raises(NotPlain) as raised:
        plain_text(value)

    assert str(raised.value) == told


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(NotPlain, match="holds itself"):
        plain_text(value)


def test_declared_values_are_read_and_set() -> None:
    shared = SharedData(STAGE, {"least": 3})

    shared["rows"] = [1, (2, 3)]
    shared["rows"].append(4)

    assert (shared["least"], dict(shared)) == (3, {"least": 3, "rows": [1, (2, 3), 4]})
    assert shared.encoded() == {"rows": "[1,[2,3],4]"}


def message(call: Any) -> str:
    with pytest.raises((UndeclaredAccess, BadValue)) as raised:
        call()
    return str(raised.value)


def test_undeclared_access_says_what_to_declare() -> None:
    shared = SharedData(STAGE, {"least": 3})

    assert message(lambda: shared["colour"]) == (
        "error: stage `tidy` reads the shared value `colour` without declaring it\n"
        'hint: add uses=["colour"] to the stage'
    )
    assert message(lambda: shared.__setitem__("colour", 1)) == (
        "error: stage `tidy` sets the shared value `colour` without declaring it\n"
        'hint: add provides=["colour"] to the stage'
    )
    assert message(lambda: shared["rows"]) == (
        "error: stage `tidy` reads its shared value `rows` before it is set"
    )


def test_a_value_that_can_not_be_stored_is_refused_where_it_is_set() -> None:
    shared = SharedData(STAGE, {})

    assert message(lambda: shared.__setitem__("rows", {1, 2})) == (
        "error: stage `tidy` sets the shared value `rows` to what JSON can't hold: {1, 2} (builtins.set)\n"
        "hint: shared values are text, finite numbers, booleans, None, lists, and mappings by text"
    )
    assert message(lambda: shared.__setitem__("rows", "x" * LARGEST_VALUE_BYTES)) == (
        "error: stage `tidy` sets the shared value `rows` to 1048578 bytes; 1048576 is the most\n"
        "hint: write a file and declare it as an output"
    )
    assert dict(shared) == {}


CONFIG = ConfigStore(
    "tidy",
    {"n": "3", "x": "2.5", "on": "Yes", "word": "high", "few": "a, b,,c", "many": '["a b", 2]'},
)


def test_configuration_is_read_by_type() -> None:
    assert CONFIG.get_int("n") == 3
    assert CONFIG.get_float("n") == 3.0
    assert CONFIG.get_float("x") == 2.5
    assert CONFIG.get_bool("on") is True
    assert CONFIG.get_str("n") == "3"
    assert CONFIG.get_list("few") == ["a", "b", "c"]
    assert CONFIG.get_list("many") == ["a b", "2"]
    assert dict(CONFIG)["word"] == "high"
    assert "other" not in CONFIG


@pytest.mark.parametrize(
    ("method", "name", "kind"),
    [
        ("get_int", "x", "whole number"),
        ("get_float", "word", "number"),
        ("get_bool", "n", "truth value"),
    ],
)
def test_configuration_of_another_type_is_told_with_reader_and_remedy(
    method: str, name: str, kind: str
) -> None:
    assert message(lambda: getattr(CONFIG, method)(name)) == (
        f"error: configuration `{name}` is {CONFIG[name]!r}, which is no {kind}\n"
        "  read by  stage `tidy`\n"
        f"hint: set it by -D {name}=…, or in [tool.stagemake.config]"
    )


def test_undeclared_configuration_is_told() -> None:
    assert message(lambda: CONFIG.get_int("wordy")) == (
        "error: stage `tidy` reads configuration `wordy` without declaring it\nhint: did you mean `word`?"
    )
