"""The project's table in pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagemake.model.error import StagemakeError
from stagemake.settings import ProjectConfig, read_project_config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [None, "", "[project]\nname = 'x'\n", "[tool.other]\nstagemake = 1\n", "[tool.stagemake]\n"],
)
def test_without_a_table_everything_is_default(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    assert read_project_config(str(tmp_path)) == ProjectConfig()


def test_a_file_without_our_name_is_not_even_parsed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[[[ not toml")

    assert read_project_config(str(tmp_path)) == ProjectConfig()


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.stagemake]\n"
        'cache_dir = "near"\ncache_size = "2 GiB"\ncache_age_days = 7\nenvironment = "inherit"\njobs = 3\n'
        "[tool.stagemake.config]\nlevel = 2\n"
    )

    assert read_project_config(str(tmp_path)) == ProjectConfig(
        cache_dir="near",
        cache_bytes=2 << 30,
        cache_age_s=7 * 86_400.0,
        inherit_environment=True,
        jobs=3,
        values={"level": 2},
    )


@pytest.mark.parametrize("line", ["jobs = true", 'jobs = "2"', "cache_dir = 1", "config = []"])
def test_a_wrong_type_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.stagemake]\n{line}\n")

    with pytest.raises(StagemakeError):
        read_project_config(str(tmp_path))
