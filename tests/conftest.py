"""Fixtures that all tests share."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("project")  # its checks show what differs

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project
    from xdist.scheduler import LoadScopeScheduling

_SHARING = (
    "tests/story/test_example",
    "tests/story/test_noop_shape.py",
    "tests/story/test_report_page.py",
)
"""Files whose tests share a project that takes many seconds to build, or a browser: one worker makes it."""
_FRESH_SEED = "STAGEMAKE_FRESH_SEED"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty project with a cache of its own."""
    from project import Project as Made

    return Made(tmp_path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than cores: many tests wait for processes and time limits."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 3


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Hand out each test alone, but keep the files whose tests share a project together."""
    from xdist.scheduler import LoadScopeScheduling as ByScope

    class WholeFiles(ByScope):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file.startswith(_SHARING) else nodeid

    return WholeFiles(config, log)


def pytest_configure() -> None:
    """Choose the seed of what is different in each run, once for all workers."""
    os.environ.setdefault(_FRESH_SEED, str(random.SystemRandom().randrange(10**6, 10**9)))


@pytest.fixture
def fresh_seed() -> int:
    """Return the seed of this run's fresh histories; `STAGEMAKE_FRESH_SEED` in the environment decides on it."""
    return int(os.environ[_FRESH_SEED])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which seed this run had, and how to have it again."""
    terminalreporter.write_line(f"fresh histories by {_FRESH_SEED}={os.environ[_FRESH_SEED]}")
