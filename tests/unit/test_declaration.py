"""What a stage declares, column by column, and what its parts are when two results are compared."""

from __future__ import annotations

import os
import sys

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from stagemake.fingerprint.component import FunctionIdentity
from stagemake.model.error import BadValue
from stagemake.model.stage import Call, Command, ProjectPath, SourceLocation, Stage, StageName
from stagemake.plan import declaration as columns
from stagemake.plan.components import Distance, components_of, distance
from stagemake.plan.declaration import canonical_bytes, declare, weak_key

MACHINE = f"{sys.platform} {os.uname().machine}"
INTERPRETER = f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"
PARTS = (("f.py:f", "aa"), ("g.py:g", "bb"))
KNOWN = FunctionIdentity("cafe", PARTS, (), False, (), ())

ALL = Stage(
    StageName("all"),
    Command(("cc", "{inputs}")),
    inputs=(ProjectPath("a"), ProjectPath("b")),
    implicit=(ProjectPath("conf"),),
    outputs=(ProjectPath("o"), ProjectPath("d/")),
    depfile=ProjectPath("o.d"),
    cwd=ProjectPath("sub"),
    env=(("E", "1"), ("F", None)),
    pass_env=("P", "Q"),
    secret_env=("S",),
    config=(("c", "2"),),
    params=(("p", 3),),
    uses=("u",),
    provides=("v",),
    tools=("ld",),
    version="4",
    console=True,
)
CALL = Stage(StageName("call"), Call(print))


def test_every_column_of_a_command_is_what_was_declared() -> None:
    assert declare(ALL, None) == (
        "argv",
        ("cc", "{inputs}"),
        ("a", "b"),
        ("conf",),
        ("o", "d/"),
        "o.d",
        (("E", "1"), ("F", None), ("passed through=", "P Q S")),
        (("c", "2"),),
        declare(ALL, None)[columns.PARAMS],
        ("u",),
        ("v",),
        ("ld",),
        "4",
        "sub",
        "True",
        MACHINE,
        (),
    )
    ((name, data, text),) = declare(ALL, None)[columns.PARAMS]
    assert (name, type(data), text) == ("p", bytes, "3")


def test_a_stage_that_declares_nothing_has_empty_columns() -> None:
    empty = ((),) * 3
    rest = ("", *((),) * 6, "", "", "", MACHINE, ())

    assert declare(Stage(StageName("s")), None) == ("none", (), *empty, *rest)
    assert declare(Stage(StageName("s"), Command(("x",), shell=True)), None) == (
        "sh",
        ("x",),
        *empty,
        *rest,
    )


@pytest.mark.parametrize(
    ("change", "identity", "command", "where", "parts"),
    [
        ({}, KNOWN, ("call", "cafe"), f"{MACHINE} {INTERPRETER}", PARTS),
        ({"any_python": True}, KNOWN, ("call", "cafe"), MACHINE, PARTS),
        ({"ignore_code": True}, KNOWN, ("call", ""), f"{MACHINE} {INTERPRETER}", ()),
        ({}, None, ("call", ""), f"{MACHINE} {INTERPRETER}", ()),
    ],
)
def test_a_function_is_its_name_its_identity_and_where_it_runs(
    change: dict[str, bool],
    identity: FunctionIdentity | None,
    command: tuple[str, str],
    where: str,
    parts: tuple[tuple[str, str], ...],
) -> None:
    made = declare(evolve(CALL, **change), identity)  # type: ignore[arg-type]  # a stage's own fields

    assert made[columns.KIND] == "call"
    assert made[columns.COMMAND] == command
    assert made[columns.PLATFORM] == where
    assert made[columns.COMPONENTS] == parts


def test_that_all_variables_are_passed_counts_once() -> None:
    bare = Stage(StageName("s"), Command(("x",)))

    assert declare(bare, None, inherits=True)[columns.ENV] == (("passed through=", "everything"),)
    for words in ({"pass_env": ("V",)}, {"secret_env": ("V",)}):
        assert declare(evolve(bare, **words), None)[columns.ENV] == (("passed through=", "V"),)
    assert declare(ALL, None, inherits=True)[columns.ENV][-1] == ("passed through=", "everything")
    assert declare(bare, None)[columns.ENV] == ()


@pytest.mark.parametrize(("length", "shown"), [(198, 200), (199, 200), (10, 12)])
def test_the_text_of_a_parameter_is_cut_and_its_bytes_are_not(length: int, shown: int) -> None:
    stage = evolve(ALL, params=(("p", "x" * length),))
    other = evolve(ALL, params=(("p", "x" * (length - 1) + "y"),))

    ((_, data, text),) = declare(stage, None)[columns.PARAMS]

    assert (len(text), len(data) >= length) == (shown, True)
    assert weak_key(declare(stage, None)) != weak_key(declare(other, None))


@pytest.mark.parametrize(
    ("location", "declared"),
    [(SourceLocation("Stagefile", 7), "Stagefile:7"), (None, "by a program")],
)
def test_a_parameter_that_is_no_plain_value_is_refused_with_its_place(
    location: SourceLocation | None, declared: str
) -> None:
    with pytest.raises(BadValue) as caught:
        declare(evolve(ALL, params=(("p", object()),), location=location), None)

    assert "`all`" in str(caught.value)
    assert ("declared", declared) in caught.value.facts


@pytest.mark.parametrize("foreign", [1, 1.5, ["a"], True, frozenset()])
def test_what_is_neither_text_nor_bytes_nor_none_has_no_bytes(foreign: object) -> None:
    with pytest.raises(TypeError, match=type(foreign).__name__):
        canonical_bytes(("a", foreign))  # type: ignore[arg-type]  # what is asked


# --- parts ------------------------------------------------------------------------------------------


def digest(value: object) -> str:
    return xxh3_128_hexdigest(canonical_bytes(value))[:16]  # type: ignore[arg-type]  # plain


def test_the_parts_of_a_key_are_all_that_it_covers() -> None:
    made = declare(ALL, None)

    found = components_of(
        made,
        ("f:aa:1", None, "f:cc:3"),
        [("cc", "/usr/bin/cc", "x:dd:4"), ("tools/ld", "tools/ld", None)],
        [("h.h", "f:ee:5"), ("made.h", None)],
        [("u", "[1]"), ("later", None)],
    )

    words = {
        "kind": "argv", "outputs": ("o", "d/"), "depfile": "o.d", "uses": ("u",),
        "provides": ("v",), "tools": ("ld",), "version": "4", "cwd": "sub", "console": "True",
        "platform": MACHINE,
    }  # fmt: skip
    ((_, three, _),) = made[columns.PARAMS]
    assert found == (
        *((word, "", digest(value)) for word, value in words.items()),
        ("command", "", digest(("cc", "{inputs}"))),
        ("env", "E", digest("1")),
        ("env", "F", digest(None)),
        ("env", "passed through=", digest("P Q S")),
        ("config", "c", digest("2")),
        ("param", "p", digest(three)),
        ("input", "a", "f:aa:1"),
        ("input", "b", "?"),
        ("input", "conf", "f:cc:3"),
        ("program", "cc", "x:dd:4"),
        ("program", "ld", "?"),
        ("discovered", "h.h", "f:ee:5"),
        ("discovered", "made.h", "?"),
        ("value", "u", digest("[1]")),
        ("value", "later", "?"),
    )


def test_what_is_not_declared_is_no_part() -> None:
    bare = declare(Stage(StageName("s"), Command(("x",))), None)

    assert components_of(bare, (), (), (), ()) == (
        ("kind", "", digest("argv")),
        ("platform", "", digest(MACHINE)),
        ("command", "", digest(("x",))),
    )


def test_the_parts_of_a_function_are_those_of_its_identity_or_its_source() -> None:
    known = components_of(declare(CALL, KNOWN), (), (), (), ())
    bare = components_of(declare(CALL, None), (), (), (), ())

    assert known[2:] == (("code", "f.py:f", "aa"), ("code", "g.py:g", "bb"))
    assert bare[2:] == (("code", "", digest(("call", ""))),)


def test_each_input_has_to_have_an_entry() -> None:
    with pytest.raises(ValueError, match="zip"):
        components_of(declare(ALL, None), ("f:aa:1",), (), (), ())


KINDS = ("input", "discovered", "env", "code")
SETS = st.dictionaries(
    st.tuples(st.sampled_from(KINDS), st.sampled_from("ab")), st.sampled_from("12?"), max_size=6
).map(lambda found: [(*key, value) for key, value in found.items()])


@given(SETS, SETS)
def test_two_sets_differ_by_what_differs_and_is_known(
    now: list[tuple[str, str, str]], before: list[tuple[str, str, str]]
) -> None:
    found = distance(now, before)

    def by_key(parts: list[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
        return {(kind.replace("discovered", "input"), name): value for kind, name, value in parts}

    new, old = by_key(now), by_key(before)
    moved = [
        key
        for key in [*new, *(key for key in old if key not in new)]
        if "?" not in (new.get(key), old.get(key)) and new.get(key) != old.get(key)
    ]
    inputs = tuple(name for kind, name in moved if kind == "input")
    others = tuple(key for key in moved if key[0] != "input")
    assert (found.inputs, found.others) == (inputs, others)
    assert found.input_count == len([kind for kind, _ in new if kind == "input"])
    assert found.total == len(moved)
    assert Distance() == distance(now, now) or found.input_count
