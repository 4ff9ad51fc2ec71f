"""Identities are those that caches have today: who changes one changes the format with it, and says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from identity_kit import fresh_modules
from keep_identities import KEPT, corpus, identifier_of, names, told

from stagemake.fingerprint.component import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fresh_modules"]

with open(KEPT, encoding="utf-8") as stream:
    KNOWN = json.load(stream)


@pytest.mark.parametrize("name", KNOWN["identities"])
def test_an_identity_is_the_one_that_caches_have_today(tmp_path: Path, name: str) -> None:
    root = tmp_path / "project-a"

    found = told(identifier_of(root), corpus(root), name)

    assert KNOWN["identities"][name] == found


def test_all_of_the_corpus_is_kept_for_this_format(tmp_path: Path) -> None:
    found = names(corpus(tmp_path / "project-a"))

    assert [*KNOWN["identities"]] == found
    assert KNOWN["format"] == FORMAT


@pytest.mark.parametrize("step", [1, -1])
def test_the_order_in_which_functions_are_identified_does_not_matter(
    tmp_path: Path, step: int
) -> None:
    root = tmp_path / "project-a"
    module = corpus(root)
    identifier = identifier_of(root)

    found = {name: told(identifier, module, name) for name in names(module)[::step]}

    assert KNOWN["identities"] == found
