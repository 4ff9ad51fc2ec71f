"""Fixtures that all tests share."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import resource
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("project")  # its checks show what differs

if TYPE_CHECKING:
    from collections.abc import Generator

    from project import Project
    from xdist.scheduler import LoadScopeScheduling

_SHARING = (
    "tests/story/test_example",
    "tests/story/test_many_files_shape.py",
    "tests/story/test_noop_shape.py",
    "tests/story/test_report_page.py",
    "tests/story/test_restore_shape.py",
    "tests/story/test_schemas.py",
    "tests/story/test_site.py",
)
"""Files whose tests share a project that takes many seconds to build, or a browser: one worker makes it."""
_CHEAP = "tests/unit/"
"""Files of which most have so little to do (half of the tests take 4 ms of processor time) that one worker runs each."""
_FRESH_SEED = "STAGEMAKE_FRESH_SEED"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty project with a cache of its own."""
    from project import Project as Made

    return Made(tmp_path)


@pytest.fixture
def all_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have builds keep all texts that differences are shown of, also where that takes longer than users are to wait."""
    from stagemake import remembering

    monkeypatch.setattr(remembering, "_SPEND_S", 1e6)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return two workers more than cores: many tests wait for processes and time limits."""
    return len(os.sched_getaffinity(0)) + 2 if hasattr(os, "sched_getaffinity") else 4


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Hand out each test alone, but keep together the files whose tests share a project, and cheap ones."""
    from xdist.scheduler import LoadScopeScheduling as ByScope

    config.option.loadscopereorder = False  # what comes first is decided below

    class WholeFiles(ByScope):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file.startswith((*_SHARING, _CHEAP)) else nodeid

    return WholeFiles(config, log)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Have each worker begin with other files: what one has compiled, which takes 10 s for all, the others find."""
    given = getattr(session.config, "workerinput", None)
    if given is None:
        return
    number, count = int(given["workerid"].removeprefix("gw")), given["workercount"]
    files = _files(session.config)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as in collecting, which tries again what fails here
        for path in files[number % count :: count] if len(files) > _FEW else ():
            if str(path.parent) not in sys.path:
                sys.path.insert(0, str(path.parent))  # as pytest does itself
            with contextlib.suppress(Exception, pytest.skip.Exception):
                importlib.import_module(path.stem)


_FEW = 20


def _files(config: pytest.Config) -> list[Path]:
    ignored = {Path(path).absolute() for path in config.getoption("ignore") or ()}
    places = [Path(arg.partition("::")[0]).absolute() for arg in config.args]
    found = [file for place in places
             for file in (sorted(place.rglob("test_*.py")) if place.is_dir() else [place])]  # fmt: skip
    return [file for file in found if file not in ignored]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have workers begin with what takes longest, so that none is left with it at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Have what was imported and collected never looked through again, which also copies its pages in forks: a tenth, or two."""
    gc.collect()
    gc.freeze()


def _turn(item: pytest.Item) -> int:
    turns = (
        item.nodeid.startswith(_SHARING),
        item.get_closest_marker("slow") is not None,
        not item.nodeid.startswith(_CHEAP),
        True,
    )
    return turns.index(True)


def pytest_configure() -> None:
    """Choose the seed of what is different in each run, once for all workers; on a busy machine nothing is too slow."""
    os.environ.setdefault(_FRESH_SEED, str(random.SystemRandom().randrange(10**6, 10**9)))
    if settings().deadline is not None:  # not where CI is set, or a profile was chosen
        calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.register_profile("calm", calm)
        settings.load_profile("calm")


@pytest.fixture
def fresh_seed() -> int:
    """Return the seed of this run's fresh histories; `STAGEMAKE_FRESH_SEED` in the environment decides on it."""
    return int(os.environ[_FRESH_SEED])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--dearest`."""
    parser.addoption("--dearest", type=int, default=0, metavar="N",
                     help="show the N files of tests that took most processor time")  # fmt: skip


_cpu_s_by_file = Counter[str]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Note on the item what it has cost from here on, fixtures that were made for it included."""
    if item.config.getoption("--dearest"):  # else 2 s for all tests
        item.stash[_SPENT_S] = _cpu_s()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give each report the processor time since the one before, which goes with it to the main process."""
    report = yield
    if _SPENT_S in item.stash:
        now_s = _cpu_s()
        report.cpu_s = now_s - item.stash[_SPENT_S]
        item.stash[_SPENT_S] = now_s
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up by file."""
    _cpu_s_by_file[report.nodeid.partition("::")[0]] += getattr(report, "cpu_s", 0.0)


_SPENT_S = pytest.StashKey[float]()


def _cpu_s() -> float:
    """Return the processor time of this process, of those it has waited for, and of its servers, with theirs."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) + _cpu_s_of_children()


def _cpu_s_of_children() -> float:
    """Return that of children that live, and of what they have waited for: servers of forks. Linux; elsewhere 0."""
    ticks = 0
    with contextlib.suppress(OSError):
        for pid in Path("/proc/thread-self/children").read_text(encoding="ascii").split():
            with contextlib.suppress(OSError):  # it has ended just now
                fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
                ticks += sum(int(field) for field in fields.split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which seed this run had, and how to have it again; with `--dearest`, which files cost most."""
    terminalreporter.write_line(f"fresh histories by {_FRESH_SEED}={os.environ[_FRESH_SEED]}")
    dearest = _cpu_s_by_file.most_common(config.getoption("--dearest"))
    for file, cpu_s in dearest:
        terminalreporter.write_line(f"{cpu_s:7.1f} s  {file}")
    if dearest:
        terminalreporter.write_line(f"{_cpu_s_by_file.total():7.1f} s  all tests, processor time")
