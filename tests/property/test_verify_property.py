"""Verifying finds nothing where nothing is, changes nothing, and shows the very first byte that differs."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from oracle.driver import Ask, InProcess, Place, environment
from oracle.history import STATE
from oracle.invent import random_project
from oracle.project import OWN, write_sources
from oracle.render import render
from oracle.tree import results

from stagemake import StageManager
from stagemake.model.verification import Found, Verification
from stagemake.verify.window import content_mismatch, first_difference

if TYPE_CHECKING:
    import pytest


def verified(place: Place) -> Verification:
    manager = StageManager(
        place.root, cache_dir=place.cache, config=place.values, environ=place.environ, jobs=4
    )
    manager.load("Stagefile")
    return manager.verify([stage.name for stage in manager.get_stages()])


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6))
def test_what_depends_on_its_inputs_alone_is_the_same_from_the_project_and_from_the_cache(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    base = tmp_path_factory.mktemp("verify")
    project = random_project(random.Random(seed))
    root, scratch = str(base / "p"), base / "tmp"
    scratch.mkdir()
    write_sources(root)
    render(project, root)
    variables = {**environment(**project.environ), "TMPDIR": str(scratch)}
    place = Place(root, str(base / "cache"), variables, project.values)
    assert not InProcess().build(place, Ask()).names("failed", "blocked"), project
    made = results(root, (*OWN, STATE))

    here = verified(place)
    assert results(root, (*OWN, STATE)) == made
    (base / "p" / ".stagemake").rename(base / "state")  # as in a clone: all that is known is cached
    cached = verified(place)

    for found in (here, cached):
        bad = [one for one in found.checked if one.found not in {Found.SAME, Found.SKIPPED}]
        assert bad == [], project
    assert here.count(Found.SAME) == here.candidates > 0
    assert list(scratch.iterdir()) == []


@given(st.binary(max_size=60), st.binary(max_size=60))
@example(b"", b"a")
@example(b"ab", b"ab")
@example(b"ab\n", b"ab")
def test_the_first_difference_is_the_end_of_the_longest_common_prefix(
    old: bytes, new: bytes
) -> None:
    offset = first_difference(old, new)

    if old == new:
        assert offset is None
    else:
        assert offset is not None
        assert old[:offset] == new[:offset]
        assert old[offset : offset + 1] != new[offset : offset + 1]


@given(
    st.lists(st.sampled_from(["", "a", "bb", "ü" * 90, "c" * 200]), max_size=8),
    st.lists(st.sampled_from(["", "a", "bb", "ü" * 90, "d" * 200]), max_size=8),
)
def test_of_texts_the_first_line_that_differs_is_shown(before: list[str], after: list[str]) -> None:
    old, new = ("\n".join(lines).encode() for lines in (before, after))

    found = content_mismatch("p", old, new, lambda text: text)

    if old == new:
        assert found is None
        return
    assert found is not None
    assert found.offset is not None
    assert found.line == old[: found.offset].count(b"\n") + 1
    assert (found.old, found.new) != ("", "") or before != after
    assert max(len(found.old), len(found.new)) <= 66


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=40), st.text(max_size=5))
def test_no_content_breaks_the_window(old: bytes, new: bytes, secret: str) -> None:
    found = content_mismatch(
        "p", old, new, lambda text: text.replace(secret, "") if secret else text
    )

    assert (found is None) == (old == new)
    if found is not None:
        assert found.old.isprintable()
        assert found.new.isprintable()
