"""Every path has one spelling."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.model.error import BadPath
from stagemake.stagefile.paths import canonical, canonical_output

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = "/home/me/project"
PARTS = st.sampled_from(["a", "b.c", ".", "..", "", "...", "..a", " ", "home", "me", "project"])
PATHS = st.builds(
    lambda head, parts: head + "/".join(parts),
    st.sampled_from(["", "/", "//"]),
    st.lists(PARTS, min_size=1),
).filter(bool)
BASES = st.sampled_from(["", "sub", "sub/deep"])


@given(PATHS, BASES)
@example("/home/me/project", "")
@example("/home/me/projects/x", "")
@example("../project/x", "")
def test_a_path_means_the_same_file_as_before(path: str, base: str) -> None:
    found = canonical(path, ROOT, base)

    assert os.path.normpath(f"{ROOT}/{found}" if found[0] != "/" else found) == (
        os.path.normpath(f"{ROOT}/{base}/{path}" if path[0] != "/" else "/" + path.lstrip("/"))
    )


@given(PATHS, BASES)
def test_a_canonical_path_stays_as_it_is(path: str, base: str) -> None:
    once = canonical(path, ROOT, base)

    assert canonical(once, ROOT, "") == once


@given(PATHS, BASES)
def test_what_is_inside_the_root_is_relative(path: str, base: str) -> None:
    found = canonical(path, ROOT, base)

    assert not found.startswith((f"{ROOT}/", "../", "./"))
    assert found not in {ROOT, "..", ""}


@given(PATHS, BASES)
def test_an_output_never_leaves_the_root(path: str, base: str) -> None:
    try:
        found = canonical_output(path, ROOT, base)
    except BadPath:
        return

    full = os.path.normpath(f"{ROOT}/{found}")
    assert full.startswith(f"{ROOT}/")
    assert found.endswith("/") == path.endswith("/")


@pytest.mark.parametrize("reading", [canonical, canonical_output])
@pytest.mark.parametrize("path", ["", "a\0b", "a\ud800b", "./a\ud800b"])
def test_what_can_be_no_path_is_refused(path: str, reading: Callable[..., str]) -> None:
    with pytest.raises(BadPath):
        reading(path, ROOT, "")


@pytest.mark.parametrize("reading", [canonical, canonical_output])
@pytest.mark.parametrize("path", ["ä/ö", "a\udcff"])
def test_what_is_no_ascii_is_a_path_all_the_same(path: str, reading: Callable[..., str]) -> None:
    assert reading(path, ROOT, "") == path
