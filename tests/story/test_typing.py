"""Classes of embedding programs type-check under mypy --strict, and mistakes in them are found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parents[1] / "typing"


def mypy(path: Path, cache: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", cache, path],
        cwd=HERE, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_an_applications_classes_are_what_the_protocols_ask(tmp_path: Path) -> None:
    assert mypy(HERE / "application.py", tmp_path) == ""


def test_a_stagefile_is_what_the_language_asks(tmp_path: Path) -> None:
    """Its `type: ignore`s are needed: --strict warns of those that are not."""
    assert mypy(HERE / "stagefile.py", tmp_path) == ""


def test_mistakes_are_found_where_they_are_and_nowhere_else(tmp_path: Path) -> None:
    path = HERE / "mistakes.py"
    expected = {
        (number, found[1])
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := re.search(r"# expect: ([\w-]+)", line))
    }

    told = mypy(path, tmp_path)

    found = re.findall(r"^[^:\n]*mistakes\.py:(\d+): error: .*\[([\w-]+)\]$", told, re.MULTILINE)
    assert {(int(number), code) for number, code in found} == expected, told
