"""The command lines that are understood without the large parser, word by word, and those that are left to it."""

from __future__ import annotations

import itertools

import pytest

from stagemake.freshness import plain_argv

NOTHING = ((), False, False, False, 0, False, False, False)
PLACES = {"-n": 1, "-q": 2, "-s": 3, "-k": 5, "-v": 6, "--json": 7}


def with_(**places: object) -> tuple[object, ...]:
    found: list[object] = list(NOTHING)
    for place, value in places.items():
        found[int(place[1:])] = value
    return tuple(found)


def test_each_word_has_its_meaning_and_all_go_together() -> None:
    assert plain_argv.read([]) == NOTHING
    for count in range(len(PLACES) + 1):
        for words in itertools.combinations(PLACES, count):
            expected = with_(**{f"_{PLACES[word]}": True for word in words})
            assert plain_argv.read(words) == expected
            assert plain_argv.read(["build", *words]) == expected
            assert plain_argv.read([*words, "a", "b"]) == (("a", "b"), *expected[1:])


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["build"], ()),
        (["build", "build"], ("build",)),
        (["a", "build"], ("a", "build")),
        (["-n", "build"], ("build",)),
        (["b", "a", "b"], ("b", "a", "b")),
        (["clean"], ("clean",)),
        (["a-n"], ("a-n",)),
    ],
)
def test_other_words_are_targets_in_their_order(argv: list[str], expected: tuple[str, ...]) -> None:
    found = plain_argv.read(argv)

    assert found is not None
    assert found[0] == expected


@pytest.mark.parametrize("count", ["1", "2", "10", "9999", "007"])
def test_jobs_are_a_number_in_the_same_word_or_in_the_next(count: str) -> None:
    expected = with_(_4=int(count))

    assert plain_argv.read([f"-j{count}"]) == expected
    assert plain_argv.read(["-j", count]) == expected
    assert plain_argv.read(["-j", count, "a", "-k"]) == (("a",), *with_(_4=int(count), _5=True)[1:])
    assert plain_argv.read(["-j1", "-j", count]) == expected


@pytest.mark.parametrize(
    "argv",
    [
        *(["-j", count] for count in ("", "0", "00", "10000", "+2", " 2", "1_0", "x", "-1", "2.", "²", "٣")),
        *([f"-j{count}"] for count in ("", "0", "10000", "+2", " 2", "1_0", "x", "-1", "=2", "٣")),
        ["-j"], [""], ["-"], ["--"], ["-nq"], ["-x"], ["--dry-run"], ["--jsonl"], ["a", "--help"], ["-n", ""],
    ],
)  # fmt: skip
def test_all_else_is_left_to_the_large_parser(argv: list[str]) -> None:
    assert plain_argv.read(argv) is None
    assert plain_argv.read(["build", *argv]) is None
    assert plain_argv.read([*argv, "a"]) is None or argv == ["-j"]
