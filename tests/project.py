"""A project on disk for story tests: write files, run the real command line, compare what it says."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

import stagemake
from stagemake.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE_HOME = str(Path(stagemake.__file__).parents[1])
PRELUDE = "from stagemake import capture, command, config, env, glob, include, matrix, need, output_for, pipeline, plugin, pool, stage, which\n"

LIMIT_S = 300  # after which a command line is taken never to end; longer than any machine is slow

_TIME = r"(?:\d+ h \d\d m|\d+ m \d\d s|\d+(?:\.\d+)? m?s)\b"
# A slow machine makes builds long enough to be scored: only tests about that want to see the line.
_SCORE = re.compile(
    rf"^stagemake: forecast {_TIME}(?: \(up to {_TIME}\))?, took {_TIME}\n", re.MULTILINE
)
_CHANGES = re.compile(r"^(?:  also: | {6}(?:was  |now  |@@ |[-+ ]|\()).*\n", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[\d*m")
_STAGE_LINE = re.compile(r"^\[ *\d+/\d+\] (\w+) +(\S+)", re.MULTILINE)
_BLOCKED = re.compile(r"^not run, because they need what failed: (.*)$", re.MULTILINE)
_UNCHANGED = re.compile(r"^stagemake: .*\b(\d+) unchanged\b", re.MULTILINE)
_RULES = (
    (re.compile(rf"^((?:miss|maybe) .*?\S) +~{_TIME}", re.MULTILINE), r"\1  ~<time>"),
    (
        re.compile(rf"^(time   ~).*? with (.*?)(?:; 9 times in 10 under {_TIME})?$", re.MULTILINE),
        r"\1<time> with \2",
    ),
    (re.compile(_TIME), "<time>"),
    (re.compile(r"[\d.]+ [KMGT]?i?B free"), "<size> free"),
    (re.compile(r"grows by [\d.]+ [KMGT]?i?B"), "grows by <size>"),  # by whole pages of a database
    (re.compile(r"\bkey [0-9a-f]{32}\b"), "key <key>"),
    (re.compile(r"\bprocess \d+\b"), "process <pid>"),
    (re.compile(r"kept/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:-\d+)?"), "kept/<when>"),
)

Tree = dict[str, tuple[int, int, bytes]]


@frozen
class Result:
    """What one run of the command line gave; texts are normalised, lists have no order."""

    exit_code: int
    stdout: str
    stderr: str

    def _with(self, *words: str) -> list[str]:
        lines = _STAGE_LINE.findall(_COLOUR.sub("", self.stderr))
        return sorted(name for word, name in lines if word in words)

    def ran(self, *names: str) -> Result:
        """Check that exactly these stages ran well."""
        assert sorted(names) == self._with("ran"), self.stderr
        return self

    def restored(self, *names: str) -> Result:
        """Check that exactly these stages came back from the cache."""
        assert sorted(names) == self._with("restored"), self.stderr
        return self

    def failed(self, *names: str) -> Result:
        """Check that exactly these stages failed."""
        assert sorted(names) == self._with("FAILED"), self.stderr
        assert self.exit_code == (1 if names else 0), self.stderr
        return self

    def blocked(self, *names: str) -> Result:
        """Check that exactly these stages were left out because of failed ones."""
        found = _BLOCKED.search(self.stderr)
        shown = re.findall(r"`([^`]+)`", found[1]) if found else []
        assert sorted(names) == sorted(shown), self.stderr
        return self

    def fresh(self, *names: str) -> Result:
        """Check that nothing was done for these stages, and that there are no other such stages."""
        touched = self._with("ran", "restored", "FAILED", "cancelled")
        assert not set(names) & set(touched), self.stderr
        if self.stderr != "stagemake: up to date\n":
            found = _UNCHANGED.search(self.stderr)
            assert len(names) == (int(found[1]) if found else 0), self.stderr
        return self

    def printed(self, text: str) -> Result:
        """Compare everything that was printed, stdout first; common indentation doesn't count."""
        assert textwrap.dedent(text) == self.stdout + self.stderr
        return self

    def without_changes(self) -> Result:
        """Return this without what `-v` tells of each difference below a stage's line."""
        return evolve(self, stderr=_CHANGES.sub("", self.stderr))

    def exited(self, exit_code: int) -> Result:
        """Compare the exit status."""
        assert exit_code == self.exit_code, self.stdout + self.stderr
        return self

    @property
    def json(self) -> dict[str, Any]:  # Any: what the tool printed
        """Return the object that stdout holds."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found


@define
class Project:
    """A directory with a Stagefile, and a cache and a home of its own beside it."""

    base: Path
    root: Path = field(init=False)
    cache: Path = field(init=False)
    env: dict[str, str] = field(factory=dict)  # in addition to the fixed few
    shows_score: bool = False  # whether results keep the line that scores the forecast

    def __attrs_post_init__(self) -> None:
        self.root = self.base / "project"
        self.cache = self.base / "cache"
        for directory in (self.root, self.base / "home"):
            directory.mkdir(parents=True, exist_ok=True)

    # -- files -----------------------------------------------------------------------------------

    def stagefile(self, text: str, name: str = "Stagefile") -> Project:
        """Write the Stagefile; the language's names are imported on its first line."""
        return self.write(name, PRELUDE + textwrap.dedent(text))

    def write(self, path: str, content: str | bytes = "") -> Project:
        """Write a file with all directories above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def read(self, path: str) -> str:
        """Return a file's text."""
        return (self.root / path).read_text()

    def has(self, path: str) -> bool:
        """Whether anything is at a path."""
        return os.path.lexists(self.root / path)

    def remove(self, *paths: str) -> Project:
        """Remove files."""
        for path in paths:
            (self.root / path).unlink()
        return self

    def touch(self, path: str) -> Project:
        """Give a file a later time and leave its bytes."""
        file = self.root / path
        now = file.stat().st_mtime_ns
        os.utime(file, ns=(now, now + 1_000_000_000))
        return self

    def clone(self, name: str = "clone") -> Project:
        """Return a copy of the files without stagemake's state, with the same cache."""
        other = Project(self.base / name)
        other.cache = self.cache
        for path, (mode, _, content) in self.tree().items():
            if path.startswith("project/") and stat.S_ISREG(mode) and "/.stagemake/" not in path:
                other.write(path.removeprefix("project/"), content)
        return other

    def tree(self) -> Tree:
        """Return mode, modification time and content of everything there is, cache and home included."""
        found: Tree = {}
        for path in sorted([self.base, *self.base.rglob("*")]):
            status = path.lstat()
            content = b""
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            name = str(path.relative_to(self.base))
            found[name] = (status.st_mode, status.st_mtime_ns, content)
        return found

    @contextlib.contextmanager
    def unchanged(self) -> Iterator[None]:
        """Check that nothing at all was written, in the project, the cache and the home."""
        before = self.tree()
        yield
        assert before == self.tree()

    # -- running ---------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Return all variables that the command line sees."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.base / "home"),
            "LANG": "C.UTF-8",
            "STAGEMAKE_CACHE_DIR": str(self.cache),
            **self.env,
        }

    def build(self, *arguments: str, cwd: str = "") -> Result:
        """Run the command line with these arguments in this process."""
        out, err = io.StringIO(), io.StringIO()
        with (
            _environment(self.environment()),
            contextlib.chdir(self.root / cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            exit_code = run(arguments)
        return self._result(exit_code, out.getvalue(), err.getvalue())

    def run(self, *arguments: str, cwd: str = "") -> Result:
        """Run the command line as users do, in a process of its own."""
        process = self.start(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=LIMIT_S)
        return self._result(process.returncode, out, err)

    def start(self, *arguments: str, cwd: str = "") -> subprocess.Popen[str]:
        """Start the command line in a process and a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "stagemake", *arguments],
            cwd=self.root / cwd,
            env=self.process_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def process_environment(self) -> dict[str, str]:
        """Return what a process of its own gets: stagemake is importable, and so is what a test installed."""
        found = self.environment()
        more = found.get("PYTHONPATH", "")
        return {
            **found,
            "PYTHONPATH": f"{PACKAGE_HOME}{os.pathsep}{more}" if more else PACKAGE_HOME,
        }

    def interrupt(self, begun: str, *arguments: str, by: signal.Signals = signal.SIGINT) -> Result:
        """Start the command line, and end it, by ^C or another signal, once a stage has made a file."""
        process = self.start(*arguments)
        deadline = time.monotonic() + LIMIT_S
        while not self.has(begun):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)  # another process makes it
        process.send_signal(by)
        return self.finish(process)

    def finish(self, process: subprocess.Popen[str]) -> Result:
        """Wait for a started one to end."""
        with process:
            out, err = process.communicate(timeout=LIMIT_S)
        return self._result(process.returncode, out, err)

    def _result(self, exit_code: int, out: str, err: str) -> Result:
        return Result(exit_code, self.normal(out), self.normal(err))

    def normal(self, text: str) -> str:
        """Return text with times, temporary paths and the like replaced by words."""
        if not self.shows_score:
            text = _SCORE.sub("", text)
        for path, word in (
            (self.root, "<root>"),
            (self.cache, "<cache>"),
            (self.base, "<base>"),
        ):
            text = text.replace(str(path), word)
        for pattern, word in _RULES:
            text = pattern.sub(word, text)
        return text


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        with importable([path for path in values.get("PYTHONPATH", "").split(os.pathsep) if path]):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def importable(places: list[str]) -> Iterator[None]:
    """Have modules found in these directories, and forgotten afterwards."""
    sys.path[:0] = places
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for place in places:
            sys.path.remove(place)
        for name, module in list(sys.modules.items()):
            if any(
                str(getattr(module, "__file__", "")).startswith(f"{place}/") for place in places
            ):
                del sys.modules[name]
