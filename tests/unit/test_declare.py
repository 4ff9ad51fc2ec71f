"""From keywords to a Stage: what is written down, and how sizes are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.error import BadKeyword, BadValue, StagefileError
from stagemake.model.stage import DependencyOrder, Stage, StageDependency, StageName
from stagemake.stagefile.declare import build_stage, check_name
from stagemake.stagefile.keywords import Keywords
from stagemake.stagefile.numbers import size_in_bytes
from stagemake.stagefile.session import Session


def made(_session: Session | None = None, **keywords: Any) -> Stage:
    session = _session or Session(root="/root", environ={"A": "1"}, config={"level": 2})
    return build_stage(session, "s", None, keywords, None)  # type: ignore[arg-type]  # that's the test


def test_every_keyword_of_the_language_is_read() -> None:
    given_words: dict[str, Any] = {
        "inputs": "a", "implicit": "b", "outputs": "c", "depfile": "d", "env": "A", "pass_env": "B",
        "secret_env": "C", "config": "level", "params": {"n": 1}, "uses": "u", "provides": "p",
        "tools": "t", "after": "x", "before": "y", "optional": "z", "pool": "q", "cpus": 2,
        "memory": "1 KiB", "timeout": 3, "retries": 4, "cache": False, "always": True,
        "version": 5, "ignore_code": True, "any_python": True, "description": "d",
        "cwd": "e", "console": False, "resumable": True, "service": False,
    }  # fmt: skip
    assert set(given_words) == set(Keywords.__annotations__)

    stage = made(**given_words)

    assert (stage.inputs, stage.implicit, stage.outputs, stage.depfile) == (
        ("a",),
        ("b",),
        ("c",),
        "d",
    )
    assert (stage.env, stage.pass_env, stage.secret_env) == ((("A", "1"),), ("B",), ("C",))
    assert (stage.config, stage.params) == ((("level", "2"),), (("n", 1),))
    assert (stage.uses, stage.provides, stage.tools) == (("u",), ("p",), ("t",))
    assert [(d.stage, d.order, d.required) for d in stage.dependencies] == [
        ("x", DependencyOrder.BEFORE, True),
        ("y", DependencyOrder.AFTER, True),
        ("z", DependencyOrder.BEFORE, False),
    ]
    assert (stage.pool, stage.cpus, stage.memory_bytes) == ("q", 2, 1024)
    assert (stage.timeout_s, stage.retries, stage.cache, stage.always) == (3, 4, False, True)
    assert (stage.version, stage.ignore_code, stage.any_python) == ("5", True, True)
    assert (stage.cwd, stage.console, stage.resumable) == ("e", False, True)


def test_none_is_as_if_left_out() -> None:
    assert made(inputs=None, timeout=None, pool=None) == made()


def test_an_input_named_twice_counts_once_and_keeps_its_place() -> None:
    assert made(inputs=["b", "./a", Path("b"), "sub/../a"]).inputs == ("b", "a")


def test_a_stage_as_input_means_its_outputs_or_else_that_it_passed() -> None:
    maker = Stage(StageName("m"), outputs=("d/", "x"))  # type: ignore[arg-type]  # paths
    check = Stage(StageName("c"))

    stage = made(inputs=[maker, check])

    assert stage.inputs == ("d", "x")
    assert stage.dependencies == (StageDependency(StageName("c")),)


def test_paths_are_relative_to_their_stagefile() -> None:
    session = Session(root="/root", environ={}, config={}, base="sub")

    stage = made(session, inputs=["a", "../b", "/root/c", "/else"], outputs=["o/"])

    assert (stage.inputs, stage.outputs) == (("sub/a", "b", "c", "/else"), ("sub/o/",))


def test_what_is_read_is_noted() -> None:
    session = Session(root="/root", environ={"A": "1"}, config={"level": 2})

    made(session, env=["A", "B"], config="level")

    assert session.env_read == {"A": "1", "B": None}
    assert session.config_read == {"level": 2}


@given(st.text(max_size=8))
def test_an_unknown_keyword_is_always_refused(word: str) -> None:
    if word in Keywords.__annotations__:
        return

    with pytest.raises(BadKeyword):
        made(**{word: 1})


ODD = st.sampled_from(
    [
        3,
        1.5,
        -1,
        b"x",
        object(),
        {"a"},
        {"a": 1},
        [3],
        [None],
        [object()],
        "",
        float("nan"),
        float("inf"),
        10**400,
        len,
    ]
)


@given(st.sampled_from(sorted(set(Keywords.__annotations__) - {"params"})), ODD)
def test_an_odd_value_is_taken_or_refused_and_never_crashes(word: str, value: object) -> None:
    message = ""

    try:
        made(**{word: value})
    except StagefileError as error:
        message = str(error)

    assert " at 0x" not in message
    assert message == "" or message.startswith("error: ")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("1k", 1024),
        ("1.5 KiB", 1536),
        ("2 GiB", 2 << 30),
        ("1TB", 1 << 40),
        (7, 7),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert size_in_bytes(text, "memory") == size


@pytest.mark.parametrize(
    "text", ["", "big", "1 X", "1 kk", "k", "-1", -1, None, True, "1e400", "nan"]
)
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(BadValue):
        size_in_bytes(text, "memory")


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_visible_names_are_names_unless_they_look_like_options(name: str) -> None:
    if name.startswith("-"):
        with pytest.raises(BadValue):
            check_name(name)
    else:
        assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "\x1b[2J", 3, None])
def test_what_can_be_no_name(name: object) -> None:
    with pytest.raises(BadValue):
        check_name(name)
