from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import pathlib
import re
import types
import uuid

import attrs
import pytest
import xxhash

from stagemake.fingerprint.encoding import DEEPEST, VERSION, Encoder, Unencodable, encode, fields


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Size(enum.IntEnum):
    RED = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: int


@attrs.frozen
class Spot:
    x: int
    y: int


Pair = collections.namedtuple("Pair", "x y")  # noqa: PYI024 - this form on purpose


class Word(str):
    __slots__ = ()


UTC = dt.UTC
DISTINCT = [
    None,
    ...,
    NotImplemented,
    True,
    False,
    0,
    1,
    -1,
    255,
    256,
    -256,
    2**64,
    10**5000,
    0.0,
    -0.0,
    1.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    0j,
    -0j,
    1j,
    "",
    "1",
    "\ud800",
    "None",
    Word("1"),
    b"",
    b"1",
    bytearray(b"1"),
    (),
    (1,),
    ((1,),),
    (1, 2),
    ((1, 2),),
    ((1,), 2),
    [],
    [1],
    [[], []],
    [[[]]],
    {},
    {1: 2},
    {2: 1},
    {1: {2: 3}},
    set(),
    {1},
    frozenset(),
    frozenset({1}),
    Colour.RED,
    Colour.BLUE,
    Size.RED,
    Mode.READ,
    Mode.READ | Mode.WRITE,
    pathlib.PurePosixPath("a"),
    pathlib.PurePosixPath("b"),
    pathlib.PureWindowsPath("a"),
    Point(1, 2),
    Point(2, 1),
    Spot(1, 2),
    Pair(1, 2),
    range(3),
    range(1, 3),
    slice(3),
    slice(None, 3, 1),
    dt.date(2024, 1, 2),
    dt.datetime(2024, 1, 2),  # noqa: DTZ001 - without a zone on purpose
    dt.datetime(2024, 1, 2, tzinfo=UTC),
    dt.datetime(2024, 1, 2, fold=1),  # noqa: DTZ001 - without a zone on purpose
    dt.time(1, 2),
    dt.timedelta(1),
    dt.timedelta(0, 1),
    decimal.Decimal(1),
    decimal.Decimal("1.0"),
    decimal.Decimal("NaN"),
    fractions.Fraction(1, 3),
    re.compile("a"),
    re.compile("a", re.IGNORECASE),
    re.compile(b"a"),
    uuid.UUID(int=1),
    types.MappingProxyType({1: 2}),
    collections.OrderedDict([(1, 2), (3, 4)]),
    collections.OrderedDict([(3, 4), (1, 2)]),
    collections.Counter("ab"),
    int,
    str,
    type(None),
]


def test_no_two_different_values_share_bytes() -> None:
    encoded = [encode(value) for value in DISTINCT]

    shared = [
        (DISTINCT[first], DISTINCT[second])
        for first in range(len(encoded))
        for second in range(first)
        if encoded[first] == encoded[second]
    ]
    assert shared == []


@pytest.mark.parametrize("value", DISTINCT, ids=lambda value: f"{type(value).__name__}")
def test_a_value_has_the_same_bytes_each_time_and_inside_a_list(value: object) -> None:
    first = encode(value)

    second = encode(value)

    assert first == second
    assert first[1:] in encode([value])


def test_order_of_insertion_never_counts_in_dicts_and_sets() -> None:
    names = [f"name {number}" for number in range(100)]

    forward = encode([{name: name for name in names}, set(names)])

    assert forward == encode([{name: name for name in reversed(names)}, {*names[::-1]}])


@pytest.mark.parametrize(
    ("value", "path", "kind"),
    [
        (object(), "", "builtins.object"),
        ([1, object()], "[1]", "builtins.object"),
        ({"a": ({"b": object()},)}, "['a'][0]['b']", "builtins.object"),
        ({(1, object()): 1}, "{key}[1]", "builtins.object"),
        ([len], "[0]", "builtins.builtin_function_or_method"),
        ({frozenset({Colour}): 1}, "{key}{}", "enum.EnumType"),
    ],
)
def test_what_has_no_bytes_is_named_with_its_place(value: object, path: str, kind: str) -> None:
    with pytest.raises(Unencodable) as caught:
        encode(value)

    assert (path, kind) == (caught.value.path, caught.value.kind)
    assert kind in str(caught.value)


def test_an_attribute_beside_the_fields_counts() -> None:
    plain, extended = Point(1, 2), Point(1, 2)
    extended.z = 3  # type: ignore[attr-defined]

    assert encode(plain) != encode(extended)


def test_a_value_that_holds_itself_is_encoded_by_where_it_returns_to() -> None:
    one: list[object] = [1]
    one.append(one)
    two: list[object] = [1]
    two.append([2, two])

    assert encode(one) == encode(one)
    assert encode(one) != encode(two)


def test_too_deep_a_nesting_is_an_error_and_no_crash() -> None:
    value: list[object] = []
    for _ in range(DEEPEST):
        value = [value]

    with pytest.raises(Unencodable, match="nesting deeper"):
        encode(value)


def test_paths_below_the_root_do_not_depend_on_where_the_root_is() -> None:
    here = Encoder(root="/home/a/project")

    there = Encoder(root="/srv/b")

    for text in ("", "/x/y"):
        assert here.encode("/home/a/project" + text) == there.encode("/srv/b" + text)
        assert here.encode(pathlib.PurePosixPath("/home/a/project" + text)) == there.encode(
            pathlib.PurePosixPath("/srv/b" + text)
        )
    assert here.encode("/home/a/projects") != there.encode("/srv/bs")
    assert here.encode("/home/a/project/x") != here.encode("x")


def test_fields_keep_their_boundaries_and_types() -> None:
    lists = [(), ("",), ("", ""), ("ab",), ("a", "b"), (b"ab",), ("a", b"b"), ("ab", "")]

    encoded = {fields(*parts) for parts in lists}

    assert len(lists) == len(encoded)


def test_what_could_not_be_encoded_leaves_nothing_to_the_next_value() -> None:
    encoder = Encoder()
    bad: list[object] = [[object()]]

    for _ in range(2):
        with pytest.raises(Unencodable) as caught:
            encoder.encode(bad)
        assert caught.value.path == "[0][0]"

    assert encoder.encode(bad[:0]) == encode([])
    bad[0] = 1  # the same list, now with bytes
    assert encoder.encode(bad) == encode([1])


def test_a_value_that_would_explode_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stagemake.fingerprint.encoding.LARGEST_BYTES", 1 << 20)
    value: object = "x" * 1000
    for _ in range(12):
        value = [value, value]

    with pytest.raises(Unencodable, match=r"a value of more than 1 MiB"):
        encode(value)
    encoder = Encoder()
    for _ in range(3):  # what was encoded before doesn't count
        encoder.encode("x" * 900_000)
        encoder.encode(["x" * 900_000])


def test_the_root_itself_is_told_from_what_lies_below_it() -> None:
    encoder = Encoder(root="/r/")

    shown = [encoder.encode(text) for text in ("/r", "/r/", "/r/x", "/rx", "/r/x/")]

    assert len(set(shown[1:])) == 4
    assert shown[0] == shown[1]  # one place
    assert encoder.encode("/rx") == encode("/rx")


def test_the_bytes_of_a_value_are_those_of_their_version() -> None:
    """Whoever changes them changes every key: `VERSION` and the change log have to say so."""
    encoder = Encoder(root="/r")
    here = [
        encoder.encode(value) for value in ("/r/x", "/r/\ud800", pathlib.PurePosixPath("/r"), "x")
    ]

    digest = xxhash.xxh3_128_hexdigest(b"".join([*map(encode, DISTINCT), *here]))

    assert (VERSION, digest) == (b"\x01", "29af6672568a72ca1d2358476e09992f")
