"""Classes of embedding programs type-check under mypy --strict, and mistakes in them are found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from example_kit import once

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parents[1] / "typing"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return what mypy says of a file by its name; it looks at all of them at once, in one of the workers."""

    def make(place: Path) -> None:
        done = subprocess.run(
            [
                sys.executable, "-m", "mypy", "--strict", "--no-error-summary",
                "--cache-dir", place / "cache", *sorted(HERE.glob("*.py")),
            ],
            cwd=HERE, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        (place / "told").write_text(done.stdout + done.stderr)

    lines = (once(tmp_path_factory, "mypy", make) / "told").read_text().splitlines(keepends=True)
    others = [line for line in lines if not line.partition(":")[0].endswith(".py")]

    def of(name: str) -> str:
        named = [line for line in lines if os.path.basename(line.partition(":")[0]) == name]
        return "".join((*others, *named))

    return of


def test_an_applications_classes_are_what_the_protocols_ask(told: Callable[[str], str]) -> None:
    assert told("application.py") == ""


def test_a_stagefile_is_what_the_language_asks(told: Callable[[str], str]) -> None:
    """Its `type: ignore`s are needed: --strict warns of those that are not."""
    assert told("stagefile.py") == ""


def test_mistakes_are_found_where_they_are_and_nowhere_else(
    told: Callable[[str], str],
) -> None:
    path = HERE / "mistakes.py"
    expected = {
        (number, found[1])
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := re.search(r"# expect: ([\w-]+)", line))
    }

    text = told("mistakes.py")

    found = re.findall(r"^[^:\n]*mistakes\.py:(\d+): error: .*\[([\w-]+)\]$", text, re.MULTILINE)
    assert {(int(number), code) for number, code in found} == expected, text
