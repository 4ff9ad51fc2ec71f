"""The pages that are followed as a reader would: what they show is what is printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from example_kit import need_programs, requirements_python
from screens import HOME, PAGES, Reader, followed

from stagemake.observe import seccomp

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
ENVIRONMENTS = {"python-packages.md": "monorepo"}  # whose requirements a page needs as well


@pytest.mark.parametrize("name", PAGES)
def test_a_reader_sees_what_the_page_shows(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    need_programs("cc", "git")
    python = sys.executable
    if name in ENVIRONMENTS:
        python = requirements_python(ENVIRONMENTS[name], tmp_path_factory)
    page = (HOME / "docs" / name).read_text("utf-8")
    if "--check" in page and (problem := seccomp.problem()):
        pytest.skip(problem)

    screens = list(followed(page, Reader.at(tmp_path.resolve(), python)))

    assert len(screens) > 3
    wrong = [
        f"$ {screen.line}\nthe page says:\n{screen.shown}\nprinted:\n{screen.printed}"
        for screen in screens
        if not screen.holds
    ]
    assert not wrong, "\n".join(["run: python docs/make/screens.py", *wrong])
    # What the site has room for, see docs/site.css.
    assert not [line for one in screens for line in one.shown.splitlines() if len(line) > 87]
