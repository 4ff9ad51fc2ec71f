"""Tests that are loaded once and run many times, each time in a fork, against a package that was changed meanwhile."""

from __future__ import annotations

import enum
import gc
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

import line_notes
import pytest
from attrs import define, field, frozen

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable, Sequence

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_OPTIONS = ("-q", "-s", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0",
            "-W", "ignore::pytest.PytestAssertRewriteWarning")  # fmt: skip


def _loaded_alone(path: str) -> ModuleType:
    """Load a module of the checkout without its package, which is to come from the copy."""
    spec = importlib.util.spec_from_file_location("_" + os.path.basename(path)[:-3], path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_landlock = _loaded_alone(f"{HOME}/stagemake/observe/landlock.py")


@frozen
class Ended:
    """How a run of tests ended."""

    word: str  # "passed", "failed" or "timeout"
    by: str  # the test that failed first
    cpu_s: float
    status: int = 0


@frozen
class Scouted:
    """What a test took, and which lines of which modules it ran, what it started included."""

    took_s: float
    lines: dict[str, list[int]]


@define
class Work:
    """A directory with a copy of the package, and the tests that are loaded from the checkout against it."""

    home: str
    items: dict[str, pytest.Item] = field(factory=dict)  # by name; of a session that has begun
    _functions: dict[str, dict[tuple[str, int], list[FunctionType]]] = field(factory=dict)
    _turn: int = 0

    def write(self, module: str, text: str) -> None:
        """Put a module's source in place, for processes that the tests start."""
        path = f"{self.home}/{module}"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        self._turn += 1  # so that no interpreter takes its code from what it wrote for another one
        os.utime(path, (self._turn, self._turn))

    def forked(self, what: Callable[[], int], limit_s: float, log: str = "log") -> Ended:
        """Call something in a fork: its status 0 is "passed". Ends with all that it started in its group."""
        killer = f"{self.home}/killer"
        _put(killer, "")
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                os.setsid()
                _prepare(self.home, f"{self.home}/{log}", limit_s)
                status = what()
            finally:
                os._exit(status)
        word = "timeout"
        usage, code = None, 0
        while usage is None and time.monotonic() - began < limit_s * 4:
            done, status, used = os.wait4(pid, os.WNOHANG)
            if done:
                usage, code = used, os.waitstatus_to_exitcode(status)
                if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGXCPU:
                    word = "passed" if status == 0 else "failed"
            else:
                time.sleep(0.005)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if usage is None:
            usage = os.wait4(pid, 0)[2]
        with open(killer, encoding="utf-8") as stream:
            return Ended(word, stream.read(), usage.ru_utime + usage.ru_stime, code)

    def run(self, names: Iterable[str]) -> int:
        """Run loaded tests here, up to the first that fails; return 0 if none does."""
        for name, ok, _ in _reports([self.items[one] for one in names]):
            if not ok:
                _put(f"{self.home}/killer", name)
                return 1
        return 0

    def scout(self, modules: Sequence[str], output: str) -> int:
        """Run all loaded tests here, noting what they run; write it by test. Those that fail are left out."""
        os.makedirs(f"{self.home}/lines", exist_ok=True)
        shutil.copy(line_notes.__file__, f"{self.home}/sitecustomize.py")
        _put(f"{self.home}/noting", json.dumps(modules))
        seen = line_notes.begin(self.home, list(modules))
        found = {}
        for name, ok, took_s in _reports(list(self.items.values())):
            for module, lines in line_notes.taken(self.home).items():
                seen.setdefault(module, set()).update(lines)
            if ok:
                found[name] = (took_s, {module: sorted(lines) for module, lines in seen.items()})
            else:
                print("left out, as it fails here:", name)
            seen.clear()
        os.remove(f"{self.home}/noting")
        sys.settrace(None)
        _put(output, json.dumps(found))
        return 0

    def expect(self, modules: Iterable[str]) -> None:
        """Find the loaded functions of modules that will be changed, before there are forks."""
        by_path: dict[str, dict[tuple[str, int], list[FunctionType]]] = {
            f"{self.home}/{module}": {} for module in modules
        }
        for one in gc.get_objects():
            if type(one) is FunctionType and one.__code__.co_filename in by_path:
                place = one.__code__.co_qualname, one.__code__.co_firstlineno
                by_path[one.__code__.co_filename].setdefault(place, []).append(one)
        self._functions = by_path
        gc.freeze()  # or the first collection of each fork would copy all of it

    def change(self, module: str, tree: ast.Module, *, inside: bool) -> bool:
        """Give what is loaded of a module what a changed one says; return whether that is possible.

        It is for what functions do and what their parameters default to, and for plain values of
        names, in whatever modules these are; it is not for what is said in a class.
        """
        path = f"{self.home}/{module}"
        whole = compile(tree, path, "exec")
        live = self._functions[path]
        for code in _codes(whole):
            for function in live.get((code.co_qualname, code.co_firstlineno), ()):
                if function.__code__.co_freevars != code.co_freevars:
                    return False
                function.__code__ = code
        return inside or self._change_values(module, whole, live)

    def _change_values(
        self, module: str, whole: CodeType, live: dict[tuple[str, int], list[FunctionType]]
    ) -> bool:
        name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        old = vars(sys.modules[name])
        new = {key: old[key] for key in ("__name__", "__file__", "__package__", "__spec__")}
        exec(whole, new)
        changed = False
        for key, value in new.items():
            was = old.get(key)
            if isinstance(value, FunctionType):
                code = value.__code__
                for function in live.get((code.co_qualname, code.co_firstlineno), ()):
                    changed |= _plain(function.__defaults__) != _plain(value.__defaults__)
                    function.__defaults__ = value.__defaults__
                    function.__kwdefaults__ = value.__kwdefaults__
            elif key in old and _is_plain(value) and _is_plain(was) and was != value:
                changed = True
                for other in list(sys.modules.values()):
                    if vars(other).get(key) is was:
                        setattr(other, key, value)
        return changed


_PLAIN = (str, bytes, int, float, bool, type(None), re.Pattern)


def _is_plain(value: object) -> bool:
    if isinstance(value, (tuple, list, set, frozenset)):
        return all(_is_plain(one) for one in value)
    if isinstance(value, dict):
        return all(_is_plain(one) for pair in value.items() for one in pair)
    return isinstance(value, _PLAIN) and not isinstance(value, enum.Enum)


def _plain(defaults: tuple[object, ...] | None) -> list[object]:
    """Return plain values of what parameters default to: other things are others each time a module is run."""
    return [one if _is_plain(one) else None for one in defaults or ()]


class _Session:
    """A plugin that does something with the tests that were found, in place of running them."""

    def __init__(self, work: Work, then: Callable[[], None]) -> None:
        self._work, self._then = work, then

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._work.items = {item.nodeid: item for item in session.items}
        self._then()
        return True


def loaded(work: Work, tests: Sequence[str], then: Callable[[], None]) -> None:
    """Load tests against the copy of the package, then do something with them in this process. Once a process."""
    sys.path[0:0] = [work.home]
    os.chdir(HOME)
    _quick_examples()
    status = pytest.main(
        [*_OPTIONS, f"--basetemp={work.home}/tmp", *tests], plugins=[_Session(work, then)]
    )
    if status not in {0, 5}:
        sys.exit(f"the tests can't be loaded: {status}")


def from_the_start(work: Work, tests: Sequence[str]) -> int:
    """Load the package as it is now and run tests against it, up to the first that fails. Once a process."""
    failed = []

    class Listens:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed:
                failed.append(report.nodeid)

    sys.path[0:0] = [work.home]
    _quick_examples()
    status = pytest.main(
        [*_OPTIONS, "-x", f"--rootdir={HOME}", f"--basetemp={work.home}/tmp", *(f"{HOME}/{one}" for one in tests)],
        plugins=[Listens()],
    )  # fmt: skip
    _put(f"{work.home}/killer", failed[0] if failed else "loading")
    return int(status)


def _quick_examples() -> None:
    """Have Hypothesis neither note nor shrink what fails: that it fails is enough."""
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutation",
        database=None,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        suppress_health_check=tuple(HealthCheck),
    )
    settings.load_profile("mutation")


def _prepare(home: str, log: str, limit_s: float) -> None:
    """Make a fork harmless: nothing to read, nothing shown, nothing to be written outside of the work, an end."""
    for fd, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        opened = os.open(path, flags)
        os.dup2(opened, fd)
        os.close(opened)
    os.dup2(1, 2)
    os.makedirs(f"{home}/empty", exist_ok=True)
    os.chdir(f"{home}/empty")
    os.environ["TMPDIR"] = tempfile.tempdir = f"{home}/empty"  # it was asked for before
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s) + 1, int(limit_s) + 5))
    if _landlock.version():  # a mutant of what removes directories must not remove others
        _landlock.restrict(["/"], [home, "/dev", "/proc"], [])


def _reports(items: Sequence[pytest.Item]) -> Iterable[tuple[str, bool, float]]:
    reports: list[pytest.TestReport] = []

    class Listens:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            reports.append(report)

    if items:
        items[0].config.pluginmanager.register(Listens())
    for item, following in zip(items, [*items[1:], None], strict=True):
        reports.clear()
        began = _cpu_s()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        yield item.nodeid, not any(one.failed for one in reports), _cpu_s() - began


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _codes(code: CodeType) -> Iterable[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _codes(one)


def _put(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)
