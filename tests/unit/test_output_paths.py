"""Where what is made of a source goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake import output_for
from stagemake.model.error import BadPath, BadValue
from stagemake.stagefile.session import CURRENT, Session


@pytest.mark.parametrize(
    ("source", "keywords", "expected"),
    [
        ("a.c", {}, "build/a.c"),
        ("src/deep/a.c", {}, "build/src/deep/a.c"),
        (Path("src/deep/a.c"), {"strip": "src"}, "build/deep/a.c"),
        ("src/deep/a.c", {"strip": "src/"}, "build/deep/a.c"),
        ("./src//deep/a.c", {"strip": Path("src/deep")}, "build/a.c"),
        ("src/a.c", {"strip": ".", "suffix": ".o"}, "build/src/a.o"),
        ("src/a.tar.gz", {"suffix": ".txt"}, "build/src/a.tar.txt"),
        ("src/a.tar.gz", {"suffix": ""}, "build/src/a.tar"),
        ("a", {"suffix": ".o"}, "build/a.o"),
        (".rc", {"suffix": ".o"}, "build/.rc.o"),
        ("a.", {"suffix": ".o"}, "build/a..o"),
        ("d.d/a", {"suffix": ".min.js"}, "build/d.d/a.min.js"),
        ("a.c", {"append": ".o"}, "build/a.c.o"),
        ("a.c", {"suffix": ".i", "append": ".gz"}, "build/a.i.gz"),
        ("a b/-x\n.c", {"suffix": ".o"}, "build/a b/-x\n.o"),
        ("../out/a.c", {"strip": "../out"}, "build/a.c"),
        ("/abs/src/a.c", {"strip": "/abs"}, "build/src/a.c"),
    ],
)
def test_a_source_has_its_place(source: Any, keywords: dict[str, Any], expected: str) -> None:
    assert output_for(source, "build", **keywords) == Path(expected)


@pytest.mark.parametrize(
    ("source", "keywords", "said"),
    [
        ("src/a.c", {"strip": "lib"}, "`src/a.c` is not in `lib`"),
        ("src2/a.c", {"strip": "src"}, "`src2/a.c` is not in `src`"),
        ("../a.c", {}, "`../a.c` is not in the Stagefile's directory"),
        ("/abs/a.c", {}, "`/abs/a.c` is not in the Stagefile's directory"),
        ("src", {"strip": "src"}, "`src` is the directory itself, not a path in it"),
        (".", {}, "`.` is the directory itself, not a path in it"),
        ("", {}, "a path is empty"),
    ],
)
def test_a_source_elsewhere_is_an_error(source: str, keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(BadPath) as caught:
        output_for(source, "build", **keywords)

    assert caught.value.headline == said
    assert "test_output_paths.py:" in str(caught.value)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"suffix": "o"}, "the suffix 'o' has no dot"),
        ({"suffix": ".o/x"}, "a suffix is '.o/x', not a text without slash"),
        ({"append": 3}, "a suffix is 3, not a text without slash"),
        ({"strip": b"src"}, "the strip is b'src', not a path"),
    ],
)
def test_a_wrong_argument_is_an_error(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(BadValue) as caught:
        output_for("src/a.c", "build", **keywords)

    assert caught.value.headline == said


def test_paths_are_those_of_the_stagefile_that_calls() -> None:
    token = CURRENT.set(Session(root="/root", environ={}, config={}, base="sub"))
    try:
        assert output_for("src/a.c", "build", strip="src") == Path("build/a.c")
        assert output_for("../lib/a.c", "build", strip="..") == Path("build/lib/a.c")
        assert output_for("/root/sub/a.c", "build") == Path("build/a.c")
        with pytest.raises(BadPath):
            output_for("../lib/a.c", "build")
    finally:
        CURRENT.reset(token)


NAMES = st.lists(st.text("ab.", min_size=1).filter(lambda one: one.strip(".")), min_size=1)


@given(NAMES, NAMES)
def test_two_sources_never_share_a_place_while_suffixes_stay(
    one: list[str], other: list[str]
) -> None:
    places = {output_for("/".join(parts), "build", append=".o") for parts in (one, other)}

    assert len(places) == len({tuple(one), tuple(other)})
    assert all(place.parts[0] == "build" for place in places)
