"""Combinations of values, and the names that they get."""

from __future__ import annotations

import json
import math
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from stagemake import matrix
from stagemake.fingerprint.encoding import encode
from stagemake.model.error import BadValue
from stagemake.stagefile.declare import check_name


def names(**axes: object) -> list[str]:
    return [str(case) for case in matrix(**axes)]  # type: ignore[arg-type]  # axes only


def test_every_combination_once_the_last_axis_fastest() -> None:
    assert names(model=["linear", "forest"], features=["calendar", "weather"]) == [
        "linear-calendar",
        "linear-weather",
        "forest-calendar",
        "forest-weather",
    ]


def test_a_case_is_a_mapping_with_attributes_and_a_text() -> None:
    (case,) = matrix(model="linear", depth=3, path=Path("a/b"), none=None)

    assert isinstance(case, Mapping)
    assert {**case} == case == {"model": "linear", "depth": 3, "path": Path("a/b"), "none": None}
    assert list(case) == ["model", "depth", "path", "none"]
    assert (case.model, case.depth, case["path"], case.get("nothing")) == (
        "linear",
        3,
        Path("a/b"),
        None,
    )
    assert f"fit.{case}" == "fit.linear-3-a-b-none" == "fit." + str(case)
    assert f"{case:>25}" == "     linear-3-a-b-none".rjust(25)
    assert repr(case) == "Case(model='linear', depth=3, path=PosixPath('a/b'), none=None)"
    assert len(case) == 4
    assert "model" in case
    assert "linear" not in case
    assert {case: 1}[matrix(model="linear", depth=3, path=Path("a/b"), none=None)[0]] == 1
    assert json.loads(json.dumps(dict(case), default=str))["depth"] == 3


def test_a_case_cannot_be_changed_and_has_no_other_attributes() -> None:
    (case,) = matrix(model="linear")

    with pytest.raises(AttributeError):
        case.model = "forest"
    with pytest.raises(TypeError):
        case["model"] = "forest"  # type: ignore[index]  # that is the test
    with pytest.raises(AttributeError, match="the matrix has no axis 'modell'"):
        _ = case.modell
    with pytest.raises(KeyError):
        case["modell"]
    assert not hasattr(case, "_repr_html_")


def test_a_case_counts_by_what_it_holds() -> None:
    one, other = matrix(model=["linear", "forest"])

    assert encode({"case": one}) == encode({"case": matrix(model="linear")[0]})
    assert encode({"case": one}) != encode({"case": other})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("text", ["text"]),  # not its letters
        (7, ["7"]),
        (None, ["none"]),
        (True, ["x"]),
        ([False, True], ["no-x", "x"]),
        ([0, -1, 1], ["0", "-1", "1"]),
        ([0.1, 1e-05, 1e20, math.inf], ["0.1", "1e-05", "1e+20", "inf"]),
        ((1, 1.0), ["1", "1.0"]),
        (range(3), ["0", "1", "2"]),
        ((each for each in "ab"), ["a", "b"]),
        (["two words", "a/b", "c:d", " e "], ["two-words", "a-b", "c-d", "e"]),
        (["", "x/"], ["empty", "x"]),
        (["", "/", ".."], ["empty~", "empty~", "empty~"]),
        (["../x", ".hidden", "-O2"], ["x", "hidden", "O2"]),
        (["c", "c++", "c#"], ["c", "c++", "c~"]),
        (["a b", "a-b"], ["a-b~", "a-b"]),
        (["a b", "a/b"], ["a-b~", "a-b~"]),
        (["Brötchen", "名前", "हिन्दी"], ["Brötchen", "名前", "हिन्दी"]),
        (["é", "e\u0301"], ["é", "é~"]),
        ({"debug": ["-O0", "-g"], "release": ["-O2"]}, ["debug", "release"]),
        ({"a b": 1}, ["a-b"]),
        ([], []),
        ([Path("src/a.c"), Path("b.c")], ["src-a.c", "b.c"]),
    ],
)
def test_values_have_readable_names(values: object, expected: list[str]) -> None:
    found = names(x=values)

    assert [
        name[: len(want)] if want.endswith("~") else name
        for name, want in zip(found, expected, strict=True)
    ] == expected


def test_a_value_with_a_name_is_itself_in_the_case() -> None:
    debug, release = matrix(flags={"debug": ["-O0", "-g"], "release": ["-O2"]})

    assert (debug.flags, release.flags) == (["-O0", "-g"], ["-O2"])
    assert (str(debug), str(release)) == ("debug", "release")


def test_cases_that_would_read_the_same_tell_their_axes() -> None:
    found = names(a=["x", "x-y"], b=["y-z", "z"])

    assert found == ["a=x,b=y-z", "x-z", "x-y-y-z", "a=x-y,b=z"]


def test_long_values_are_cut_and_stay_apart() -> None:
    found = names(x=["a" * 200 + "1", "a" * 200 + "2"], y="é" * 200, z="b" * 60, w="c" * 60)

    assert len(set(found)) == 2
    assert all(len(name.encode()) <= 160 for name in found)


def test_cases_are_left_out_by_value_and_by_function() -> None:
    axes: dict[str, Any] = {"os": ["linux", "mac"], "level": [1, 2, 3]}

    def left(**keywords: Any) -> list[str]:
        return [str(case) for case in matrix(**axes, **keywords)]

    every = ["linux-1", "linux-2", "linux-3", "mac-1", "mac-2", "mac-3"]
    assert left(exclude={"os": "mac"}) == every[:3]
    assert left(exclude=[{"os": "mac", "level": [2, 3]}, {"level": 1}]) == ["linux-2", "linux-3"]
    assert left(where=lambda case: case.level < 2) == ["linux-1", "mac-1"]
    assert left(where=lambda case: case.level > 1, exclude={"os": "linux"}) == ["mac-2", "mac-3"]
    named = matrix(flags={"debug": ["-g"], "release": ["-O2"]}, exclude={"flags": "debug"})
    assert [str(case) for case in named] == ["release"]
    assert [str(case) for case in matrix(x=[1, True], exclude={"x": True})] == ["1"]


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({}, "matrix() has no axis"),
        ({"x": {"a"}}, "the axis `x` is {'a'}, not a list"),
        ({"x": 3j}, "the axis `x` is 3j, not a list"),
        ({"x": b"ab"}, "the axis `x` is b'ab', not a list"),
        ({"x": [["-O2"]]}, "the axis `x` holds ['-O2']"),
        ({"x": [b"a"]}, "the axis `x` holds b'a'"),
        ({"x": ["a", "a"]}, "the axis `x` holds 'a' twice"),
        ({"x": ["a b", "a b"]}, "the axis `x` holds 'a b' twice"),
        ({"x": [1, "1"]}, "two values of the axis `x` would have one name, `1`: 1 and '1'"),
        ({"x": [True, "x"]}, "two values of the axis `x` would have one name, `x`: True and 'x'"),
        ({"values": ["a"]}, "`values` can't be the name of an axis"),
        ({"_x": ["a"]}, "`_x` can't be the name of an axis"),
        ({"x": "a", "exclude": ["a"]}, "exclude holds 'a', not a mapping"),
        ({"x": "a", "exclude": {}}, "exclude holds {}, not a mapping"),
        ({"x": "a", "exclude": {"y": "a"}}, "exclude names the axis `y`"),
        ({"x": "a", "exclude": {"x": "b"}}, "exclude names 'b', which the axis `x` does not hold"),
    ],
    ids=repr,
)
def test_mistakes_are_told(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(BadValue) as caught:
        matrix(**keywords)

    assert caught.value.headline.startswith(said)
    assert "test_matrix.py:" in str(caught.value)
    assert "matrix()" in str(caught.value)


VALUES = st.one_of(
    st.text(max_size=80),
    st.text(string.ascii_letters + "-/ .", max_size=4),
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    st.text(max_size=5).map(Path),
)


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(VALUES, max_size=4), min_size=1))
@example({"a": ["x", "x-y"], "b": ["y-z", "z"]})
@example({"a": ["\ud800", "\udcff", "\x00"]})
def test_no_two_cases_share_a_name_and_all_are_safe(axes: dict[str, list[object]]) -> None:
    try:
        cases = matrix(**axes)  # type: ignore[arg-type]  # axes only
    except BadValue as error:
        assume("would have one name" not in error.headline and "twice" not in error.headline)
        raise

    shown = [str(case) for case in cases]
    assert len(set(shown)) == len(cases) == math.prod(map(len, axes.values()))
    for name in shown:
        assert check_name(f"fit.{name}")
        assert "/" not in name
        assert name[0] != "."
        assert len(name.encode()) <= 160
    assert [str(case) for case in matrix(**axes)] == shown  # type: ignore[arg-type]  # axes only
