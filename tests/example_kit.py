"""Run an example of `examples/` whole, as a reader of its README does.

A test module of an example looks like this::

    pytestmark = pytest.mark.slow

    @pytest.fixture(scope="module")
    def cold(tmp_path_factory) -> tuple[Example, Build]:
        need_programs("cc")  # skips; fails in CI
        python = requirements_python("data", tmp_path_factory)  # or nothing: this interpreter
        example = Example(tmp_path_factory.mktemp("data"), "data", python=python)
        return example, example.build()

    def test_an_edited_step_runs_what_uses_it(cold, tmp_path) -> None:
        example = cold[0].clone(tmp_path)  # files and cache copied: tests don't meet in a cache
        example.build()  # everything is restored
        example.edit("steps/clean.py", "old text", "new text")
        build = example.dry_run_against_run()  # plans, builds, compares; returns the build
        assert build.ran == {"clean", "plot"}

    def test_the_readme(cold, tmp_path) -> None:
        Example(tmp_path, "data", python=...).follow_readme()

What it promises: the copy holds the files that git would commit and no others (and what `extra`
adds); the cache is the example's own; the command line runs in a process of its own (a fork of one
of the same interpreter that has stagemake loaded, except by the README's sessions), whose working
directory is outside the copy. Requirements are installed, and things fetched, once a session, for
all workers of pytest-xdist (`once`). What a machine lacks skips the test, and fails it where `CI`
is set (`lacking`).

README sessions: blocks of the language `console` are run, in order, by bash in the example's root,
where `stagemake` and `python3` are those of the test (with
`requirements_python`: where its environment is active). `follow_readme` compares what is printed,
stderr included, without times and sizes; stages may end in any order, and a line `...` stands for
any lines. A line that begins with `# ` in such a block is text for people. Blocks of
other languages are not run: what needs an installation or a browser is in `sh` blocks.
"""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import forked_kit
import pytest
from attrs import define, field, frozen
from printed import says

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOME = Path(__file__).resolve().parents[1]
TIMEOUT_S = 300
INSTALL_TIMEOUT_S = 900
UV = (sys.executable, "-m", "uv")

# What may be in a developer's environment and would change what an example does.
_FOREIGN = re.compile(
    r"PYTHON.*|STAGEMAKE_.*|VIRTUAL_ENV|PYTEST_.*|CC|CXX|AR|C(XX|PP)?FLAGS|LD(FLAGS)?|NODE_(ENV|OPTIONS)"
    r"|(NO|FORCE)_COLOR|CLICOLOR.*|COLUMNS|LC_.*|LANG(UAGE)?|TERM"
)
_HAPPENS = {
    "fresh": {"fresh"},
    "hit": {"restored"},
    "miss": {"ran", "failed"},
    "maybe": {"ran", "restored", "cut_off", "failed"},
}
_NOT_REACHED = {"blocked", "cancelled"}  # where another stage failed

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# -- What a machine has. ---------------------------------------------------------------------------


def lacking(reason: str) -> NoReturn:
    """Skip the test, or fail it where the machine is one that has to have everything."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set: not skipped)")
    pytest.skip(reason)


def need_programs(*names: str) -> None:
    """Skip, or fail in CI, unless all these programs are on PATH."""
    absent = [name for name in names if shutil.which(name) is None]
    if absent:
        lacking(f"not on this machine: {', '.join(absent)}")


def installed(argv: list[str], *, registry: str, **keywords: Any) -> str:
    """Run an installer and return its stdout; if it and its registry fail, the network lacks.

    Args:
        argv: The whole command.
        registry: `PyPI` or `npm`.
        keywords: As for `subprocess.run`.
    """
    done = _run(argv, timeout=INSTALL_TIMEOUT_S, **keywords)
    if done.returncode == 0:
        return done.stdout
    if not _reachable(registry):
        lacking(f"{registry} can't be reached")
    pytest.fail(f"{argv} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _reachable(registry: str) -> bool:
    with tempfile.TemporaryDirectory() as place:
        probe = {
            "PyPI": [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-cache-dir",
                "--no-deps",
                "attrs",
            ],
            "npm": ["npm", "view", "--fetch-retries=1", "--prefer-online", "typescript", "version"],
        }[registry]
        return _run(probe, cwd=place).returncode == 0


def _run(argv: list[str], **keywords: Any) -> subprocess.CompletedProcess[str]:
    keywords.setdefault("env", environment())
    keywords.setdefault("timeout", TIMEOUT_S)
    return subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **keywords,
    )


def environment() -> dict[str, str]:
    """Return the variables of this process without those that would change an example."""
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.fullmatch(name)}
    trust = {
        "UV_NATIVE_TLS": "1",
        "UV_SYSTEM_CERTS": "1",
    }  # whom the machine trusts, under both its names
    return {**trust, **kept, "LANG": "C.UTF-8", "TERM": "dumb"}


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a directory that `make` filled: once a session, whichever worker comes first.

    The directory is not to be changed by tests. If `make` fails, the next caller tries again.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    place, done = base / f"once-{name}", base / f"once-{name}.done"
    with (base / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place)
            done.touch()
    return place


def requirements_python(name: str, factory: pytest.TempPathFactory, *modules: str) -> str:
    """Return the Python of an environment with stagemake and an example's requirements.

    Args:
        name: The example.
        factory: Where to.
        modules: What its stages import. uv compiles nothing, and no evaluation or stage writes what it has compiled:
            each would do it again, which takes longer than all else that it does.
    """

    def make(place: Path) -> None:
        requirements = HOME / "examples" / name / "requirements.txt"
        python = environment_with(place, "-r", str(requirements))
        done = _run([python, "-c", "".join(f"import {module}\n" for module in modules)])
        assert done.returncode == 0, done.stderr

    return str(once(factory, f"venv-{name}", make) / "bin" / "python")


def environment_with(place: Path, *wanted: str) -> str:
    """Make an environment with stagemake and what is wanted, as for `pip install`; return its Python.

    uv does it with a tenth of the processor time that venv and pip take; pip is not in there. Where uv can't,
    as it does not read what pip is configured to use, those two do it.
    """
    python = str(place / "bin" / "python")
    made = [*UV, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(place)]
    argv = [*UV, "pip", "install", "--quiet", "--python", python, *wanted, str(HOME)]
    if (
        not _run(made).returncode
        and not _run(argv, timeout=INSTALL_TIMEOUT_S, cwd=place).returncode
    ):
        return python
    done = _run([sys.executable, "-m", "venv", "--clear", str(place)])
    if done.returncode:
        lacking(f"no environment can be made here: {done.stdout}{done.stderr}")
    argv = [python, "-m", "pip", "install", "--quiet", *wanted, str(HOME)]
    installed(argv, registry="PyPI", cwd=place)
    return python


# -- What the command line says. -------------------------------------------------------------------


@frozen
class Build:
    """What one build said, or one dry run."""

    report: dict[str, Any]  # Any: the JSON that the command line prints
    stderr: str

    def names(self, outcome: str) -> set[str]:
        """Return the stages of an outcome or of a verdict."""
        return {
            one["name"]
            for one in self.report["stages"]
            if outcome in {one.get("outcome"), one.get("verdict")}
        }

    @property
    def ran(self) -> set[str]:
        """The stages whose action was run and went well."""
        return self.names("ran")

    @property
    def restored(self) -> set[str]:
        """The stages that came from the cache."""
        return self.names("restored")

    @property
    def cut_off(self) -> set[str]:
        """The stages that waited, and then had nothing to do."""
        return self.names("cut_off")

    @property
    def fresh(self) -> set[str]:
        """The stages with nothing to do from the start."""
        return self.names("fresh")

    @property
    def failed(self) -> set[str]:
        """The stages that failed."""
        return self.names("failed")

    @property
    def every(self) -> set[str]:
        """All stages of the build."""
        return {one["name"] for one in self.report["stages"]}

    @property
    def counts(self) -> dict[str, int]:
        """The number of stages by outcome or verdict, without zeros."""
        found = self.report.get("outcomes") or self.report["totals"]
        return {word: count for word, count in found.items() if count}


@define
class Example:
    """A copy of `examples/<name>` in `base`, with a cache beside it.

    Args:
        base: A directory for the copy (`base/<name>`) and the cache (`base/cache`).
        name: The directory's name in `examples`.
        python: The interpreter that has stagemake; the one of the tests by default.
        extra: Directories that a user would have made before the first build, by the path they get
            in the copy; they are copied too.
        env: Variables in addition.
    """

    base: Path
    name: str
    python: str = sys.executable
    extra: Mapping[str, Path] = field(factory=dict)
    env: dict[str, str] = field(factory=dict)
    root: Path = field(init=False)
    cache: Path = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.root = self.base / self.name
        self.cache = self.base / "cache"
        for path in committed(self.name):
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HOME / "examples" / self.name / path, target, follow_symlinks=False)
        for place, source in self.extra.items():
            shutil.copytree(source, self.root / place, symlinks=True)

    # -- files -----------------------------------------------------------------------------------

    def path(self, path: str) -> Path:
        """Return a path of the copy."""
        return self.root / path

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.path(path).read_text("utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file, with the directories above it."""
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text, "utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that stands in a file exactly once."""
        text = self.read(path)
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
        self.write(path, text.replace(old, new))

    def append(self, path: str, text: str) -> None:
        """Add text at a file's end."""
        self.write(path, self.read(path) + text)

    def touch(self, *paths: str) -> None:
        """Give files a later time, and leave their bytes."""
        for path in paths:
            now = self.path(path).stat().st_mtime_ns
            os.utime(self.path(path), ns=(now, now + 1_000_000_000))

    def remove(self, *paths: str) -> None:
        """Remove files, or directories with all that is in them."""
        for path in paths:
            if self.path(path).is_dir() and not self.path(path).is_symlink():
                shutil.rmtree(self.path(path))
            else:
                self.path(path).unlink()

    def tree(self, below: str = "") -> dict[str, str | bytes]:
        """Return all files and links below a directory of the copy, by their path relative to it."""
        top = self.path(below)
        return {
            str(path.relative_to(top)): str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            for path in sorted(top.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def clone(self, base: Path, *, same_cache: bool = False) -> Example:
        """Return a fresh clone in another directory: no outputs, none of stagemake's notes.

        Args:
            base: Where it goes.
            same_cache: Share the cache. Otherwise it gets a copy, so that what is built there is
                not found by other tests.
        """
        other = Example(base, self.name, self.python, self.extra, dict(self.env))
        if same_cache:
            other.cache = self.cache
        elif self.cache.exists():
            shutil.copytree(self.cache, other.cache)
        return other

    def moved(self, base: Path) -> Example:
        """Return a copy in another directory with outputs, cache, and what stagemake noted."""
        other = self.clone(base)
        shutil.copytree(self.root, other.root, symlinks=True, dirs_exist_ok=True)
        return other

    # -- running ---------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Return the variables that the command line sees; its PATH has our `stagemake` first."""
        own = self.python != sys.executable  # an environment: as if it were active
        programs = Path(self.python).parent if own else self.base / "bin"
        if not programs.exists():
            programs.mkdir(parents=True)
            for name, words in (("stagemake", " -m stagemake"), ("python3", "")):
                (programs / name).write_text(f'#!/bin/sh\nexec "{self.python}"{words} "$@"\n')
                (programs / name).chmod(0o755)
        inherited = environment()
        found = {
            **inherited,
            "PATH": f"{programs}{os.pathsep}{inherited['PATH']}",
            "STAGEMAKE_CACHE_DIR": str(self.cache),
        }
        if not own:
            found["PYTHONPATH"] = str(HOME)
        return {**found, **self.env}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `stagemake` with these arguments on the copy, from outside of it."""
        return self._stagemake("-C", str(self.root), *arguments)

    def _stagemake(self, *words: str) -> subprocess.CompletedProcess[str]:
        environ = self.environment()
        done = forked_kit.run(str(self.base), words, environ, self.python)
        if done is None:
            argv = [self.python, "-m", "stagemake", *words]
            return _run(argv, cwd=self.base, env=environ)
        return subprocess.CompletedProcess(words, done.status, done.out, done.err)

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in the copy; stdout holds stderr too."""
        return _run(["bash", "-c", f"exec 2>&1\n{line}"], cwd=self.root, env=self.environment())

    def build(self, *arguments: str, status: int = 0) -> Build:
        """Build, or plan with `-n`, and check the exit status."""
        # `-C` is a word of every command, so that `build` may come first: names of commands can be targets.
        done = self._stagemake("build", "-C", str(self.root), "--json", *arguments)
        assert done.returncode == status, f"status {done.returncode}:\n{done.stdout}{done.stderr}"
        return Build(json.loads(done.stdout), done.stderr)

    def plan(self, *arguments: str) -> Build:
        """Return the dry run, having checked that it changed nothing on disk."""
        before = self._state()
        plan = self.build("-n", *arguments)
        changed = set(before.items()) ^ set(self._state().items())
        assert not changed, f"the dry run changed {sorted(str(path) for path, _ in changed)}"
        return plan

    def dry_run_against_run(self, *arguments: str, status: int = 0) -> Build:
        """Plan, then build the same; check that what the plan said is what happened.

        A `fresh` stage must have stayed, a `hit` come from the cache, a `miss` run; a `maybe` may
        have done any of that but been fresh. Sizes to be restored must hold for hits.

        Args:
            arguments: What to build.
            status: The exit status the build must have. If not 0, stages may have been left out.
        """
        plan = self.plan(*arguments)
        build = self.build(*arguments, status=status)

        said = {one["name"]: one["verdict"] for one in plan.report["stages"]}
        did = {one["name"]: one["outcome"] for one in build.report["stages"]}
        assert said.keys() == did.keys(), "the plan and the build have different stages"
        also = _NOT_REACHED if status else set()
        wrong = {
            name: f"said {verdict}, {did[name]}"
            for name, verdict in said.items()
            if did[name] not in _HAPPENS[verdict] | also
        }
        assert not wrong, f"not what the dry run said: {wrong}"
        hits = [one for one in build.report["stages"] if said[one["name"]] == "hit"]
        restored_bytes = sum(one["output_bytes"] for one in hits if one["outcome"] == "restored")
        forecast_bytes = plan.report["forecast"]["restore_bytes"]
        assert status or forecast_bytes == restored_bytes, (
            f"{forecast_bytes} bytes were to be restored, {restored_bytes} were"
        )
        return build

    def up_to_date(self, *arguments: str) -> None:
        """Check that a build has nothing to do, and that a dry run and `-q` say so too."""
        build = self.dry_run_against_run(*arguments)
        assert build.fresh == build.every, f"not fresh: {build.counts}"
        assert self.run("build", "-q", *arguments).returncode == 0, "-q says there is work to do"

    def _state(self) -> dict[Path, tuple[int, int, int]]:
        found = {}
        for top in (self.root, self.cache):
            for path in top.rglob("*"):
                status = path.lstat()
                found[path] = (status.st_mode, status.st_mtime_ns, status.st_size)
        return found

    # -- the README ------------------------------------------------------------------------------

    def sessions(self) -> list[tuple[str, str]]:
        """Return the commands of the README's console blocks with what they print, in order."""
        text = "".join(_BLOCK.findall(self.read("README.md")))
        text = re.sub(r"^# .*\n", "", text, flags=re.MULTILINE)
        start, *parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
        assert not start.strip(), f"a console block begins without a command: {start!r}"
        return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]

    def follow_readme(self, *, least: int = 3, skip: int = 0) -> None:
        """Run the README's sessions in order; check what they print, and that lines fit.

        Args:
            least: How many commands there are at least, so that a changed format is noticed.
            skip: How many commands at the start are left out, as a fixture has run them.
        """
        long = [line for line in self.read("README.md").splitlines() if len(line) > 80]
        assert not long, f"longer than 80 columns: {long}"
        sessions = self.sessions()
        assert len(sessions) >= least, f"only {len(sessions)} commands in the README"
        for line, expected in sessions[skip:]:
            printed = self.shell(line).stdout
            if not says(expected, printed):
                pytest.fail(f"$ {line}\nthe README says:\n{expected}\nprinted:\n{printed}")


@functools.cache
def committed(name: str) -> tuple[str, ...]:
    """Return the files of an example that git would commit, relative to it, sorted.

    They are asked from an empty repository of its own: a checkout's, an unpacked archive's and a
    dirty directory's answers are the same.
    """
    need_programs("git")
    example = HOME / "examples" / name
    with tempfile.TemporaryDirectory() as place:
        git = ["git", f"--git-dir={place}", f"--work-tree={HOME}", "-c", "core.excludesFile="]
        for words in (
            ["git", "init", "--quiet", "--bare", place],
            [*git, "-c", "core.bare=false", "ls-files", "-z", "--others", "--exclude-standard", "--", str(example)],
        ):  # fmt: skip
            done = _run(words, cwd=HOME)
            assert done.returncode == 0, done.stderr
    found = [HOME / path for path in done.stdout.split("\0") if path]
    assert found, f"no files in {example}"
    return tuple(sorted(str(path.relative_to(example)) for path in found))
