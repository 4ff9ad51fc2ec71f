"""The pages that are followed as a reader would: what they show is what is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from example_kit import need_programs
from screens import HOME, PAGES, Reader, followed

from stagemake.observe import seccomp

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", PAGES)
def test_a_reader_sees_what_the_page_shows(name: str, tmp_path: Path) -> None:
    need_programs("cc", "git")
    page = (HOME / "docs" / name).read_text("utf-8")
    if "--check" in page and (problem := seccomp.problem()):
        pytest.skip(problem)

    screens = list(followed(page, Reader.at(tmp_path.resolve())))

    assert len(screens) > 3
    wrong = [
        f"$ {screen.line}\nthe page says:\n{screen.shown}\nprinted:\n{screen.printed}"
        for screen in screens
        if not screen.holds
    ]
    assert not wrong, "\n".join(["run: python docs/make/screens.py", *wrong])
    assert not [line for one in screens for line in one.shown.splitlines() if len(line) > 80]
