"""The bytes that action keys are made of: what they are, and that no shortcut makes others."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stagemake.model.plan import Reason, Verdict
from stagemake.plan.declaration import (
    COMPONENTS,
    KEY_FORMAT,
    PARAMS,
    canonical_bytes,
    weak_key,
)
from stagemake.plan.judge import Judgement, strong_key

TEXTS = st.text(st.characters(exclude_categories=()), max_size=6)  # surrogates, too: odd file names
PLAIN = st.recursive(
    st.none() | TEXTS | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)


def spelled_out(value: Any) -> bytes:  # Any: what `canonical_bytes` takes
    """Return the bytes of a value, as slowly and plainly as they can be told."""
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + str(len(value)).encode() + b":" + value
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return b"s" + str(len(data)).encode() + b":" + data
    return b"(" + str(len(value)).encode() + b":" + b"".join(map(spelled_out, value))


@st.composite
def declarations(draw: st.DrawFn) -> tuple[Any, ...]:
    """Draw the columns of a declaration, as far as its bytes go by them."""
    columns = [draw(PLAIN) for _ in range(COMPONENTS + 1)]
    columns[PARAMS] = tuple(draw(st.lists(st.tuples(TEXTS, st.binary(max_size=4), TEXTS))))
    return tuple(columns)


@given(PLAIN)
def test_bytes_are_what_they_are_said_to_be(value: Any) -> None:
    assert spelled_out(value) == canonical_bytes(value)


@given(declarations())
def test_a_weak_key_has_all_columns_but_the_parts_of_functions_and_texts_to_show(
    declaration: tuple[Any, ...],
) -> None:
    columns = list(declaration[:COMPONENTS])
    columns[PARAMS] = tuple((name, value) for name, value, _ in declaration[PARAMS])

    assert KEY_FORMAT + spelled_out(tuple(columns)) == weak_key(declaration)


def test_an_action_key_is_the_one_that_caches_have_today() -> None:
    declaration = (
        "sh", ("cc -c {inputs}",), ("a.c",), ("cfg",), ("a.o",), "a.d", (("CC", None),),
        (("opt", "-O2"),), (("n", b"\x01i", "1"),), ("u",), ("p",), ("ld",), "2", "sub", "",
        "linux x86_64", (),
    )  # fmt: skip
    made = Judgement(
        Verdict.MISS,
        Reason.FORCED,
        entries=("f:aa:1", "f:bb:2"),
        programs=(("/bin/sh", "/bin/sh", "x:cc:3"), ("cc", "/usr/bin/cc", "x:dd:4")),
        values=(("u", "[1]"),),
    )

    key = strong_key(weak_key(declaration), made, (("h.h", "f:ee:5"),))

    assert key == "6608458428d8e945bbd7021681eaf00d"
