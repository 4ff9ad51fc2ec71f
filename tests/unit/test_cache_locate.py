"""Where the cache is: the nearest word wins."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stagemake.cache.locate import cache_directory

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ENVIRON = {"STAGEMAKE_CACHE_DIR": "/from/environment", "HOME": "/home/me"}


def test_the_explicit_directory_wins() -> None:
    assert cache_directory("/explicit", ENVIRON, "/config") == "/explicit"


def test_the_environment_beats_the_configuration() -> None:
    assert cache_directory(None, ENVIRON, "/config") == "/from/environment"


def test_empty_words_do_not_count() -> None:
    assert cache_directory("", {"STAGEMAKE_CACHE_DIR": ""}, "/config") == "/config"


def test_a_tilde_is_home_and_a_dollar_is_itself() -> None:
    assert cache_directory("~/c", ENVIRON, None) == "/home/me/c"
    assert cache_directory("~", ENVIRON, None) == "/home/me"
    assert cache_directory("/a/$HOME/~/c", ENVIRON, None) == "/a/$HOME/~/c"
    assert cache_directory("~other/c", ENVIRON, None) == os.path.abspath("~other/c")


def test_relative_directories_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cache_directory("c/../d", {}, None) == str(tmp_path / "d")


def test_without_a_word_it_is_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    directory = cache_directory(None, {}, None)

    assert os.path.basename(directory) == "stagemake"
    assert os.path.isabs(directory)
    assert os.listdir(tmp_path) == []
