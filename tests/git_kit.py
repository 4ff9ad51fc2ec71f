"""Real git repositories for tests: nothing of the user's own setup has a say."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def git(directory: Path, *words: str) -> str:
    """Run git in a directory; return what it prints."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip
    settings = ("-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main")
    try:
        done = subprocess.run(
            ["git", *settings, *words], cwd=directory, env=environ,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("git is not on this machine")
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit_all(directory: Path, message: str = "x") -> str:
    """Make a repository if there is none, commit what is there, and return the hash."""
    if not (directory / ".git").exists():
        git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD").strip()
