"""Fixtures that all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("project")  # its checks show what differs

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty project with a cache of its own."""
    from project import Project as Made

    return Made(tmp_path)
