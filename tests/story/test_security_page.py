"""SECURITY.md promises what a test shows: each link names a test that exists, each promise has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
LINK = re.compile(r"\[`(test_\w+)`\]\((tests/[\w/]+\.py)\)")
FILE = re.compile(r"`(tests/[\w/]+\.py)")
PROMISES = ("Other users", "Files", "The diskcache advisory (CVE-2025-69872)")


def functions_of(path: Path) -> set[str]:
    """Return the names of the test functions of a file."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@pytest.mark.parametrize(("name", "file"), sorted(set(LINK.findall(TEXT))))
def test_a_link_names_a_test_that_exists(name: str, file: str) -> None:
    assert name in functions_of(ROOT / file)


def test_every_test_that_is_named_is_linked_and_every_file_is_there() -> None:
    assert len(LINK.findall(TEXT)) == len(re.findall(r"`test_\w+`", TEXT)) > 25
    assert [file for file in FILE.findall(TEXT) if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("heading", PROMISES)
def test_every_promise_of_a_section_has_its_test(heading: str) -> None:
    section = TEXT.split(f"## {heading}\n")[1].split("\n## ")[0]

    promises = re.findall(r"^- (?:.|\n(?!- |\n))+", section, re.MULTILINE)

    assert promises
    assert [one for one in promises if not (LINK.search(one) or FILE.search(one))] == []
