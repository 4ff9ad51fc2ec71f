"""Whenever the entry says "up to date" by itself, the long way plans nothing but fresh stages."""

from __future__ import annotations

import io
import os
import random
import shutil
import warnings
from contextlib import chdir, redirect_stderr
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from noop_kit import answer, long_way, said, typed
from project import Project

from stagemake import StageManager
from stagemake.freshness import plain_argv

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("a", "b", "in/x.txt", "in/y.txt", "in/deep/z.txt", "helper.py", "conf.json")

READS = (
    "import pathlib; value = pathlib.Path('conf.json').read_text()",
    "value = os.path.exists('maybe')",
    "value = sorted(os.listdir('in'))",
    "value = [str(p) for p in glob('in/**/*.txt')]",
    "value = [e.is_file() for e in os.scandir('in') if e.name == 'x.txt']",
    "value = os.environ.get('WORD')",
    "value = env('WORD', '')",
    "import helper; value = helper.value",
    "value = os.path.getsize('b')",
    "value = os.path.isdir('in/deep')",
    "try:\n    import extra; value = extra.value\nexcept ImportError:\n    value = 0",
    "value = os.path.realpath('link')",
    "value = open('linked/../b').read()",
    "value = sorted(os.listdir('linked'))",
    "value = [str(p) for p in glob('linked/*.txt')]",
    "import importlib.util; value = importlib.util.find_spec('extra') is None",
    "value = os.getenvb(b'WORD')",
    "value = config('word', 'none')",
    "fd = os.open('b', os.O_RDONLY); value = os.read(fd, 5); os.close(fd)",
    "import pathlib; value = sorted(str(p) for p in pathlib.Path('in').glob('*/'))",
    "import sub.inner; value = sub.inner.value",
    "value = 0",
)
STAGES = (
    "command('one', 'cat {inputs} > {outputs}', inputs=['a'], outputs=['out/one'])",
    "command('tree', 'cp -r in {outputs}', inputs=['in/'], outputs=['out/tree/'])",
    "command('all', 'cat {inputs} > {outputs}', inputs=glob('in/*.txt') or ['a'], outputs=['out/all'])",
    "command('linked', 'cat {inputs} > {outputs}', inputs=['link'], outputs=['out/linked'])",
    "command('makes', 'ln -s ../a {outputs}', inputs=['a'], outputs=['out/link'])",
    "command('check', 'test -s a', inputs=['a'])",
    "command('through', 'cat {inputs} > {outputs}', inputs=['linked/x.txt'], outputs=['out/through'])",
    "command('own', './tool > {outputs}', outputs=['out/own'], inputs=['b'])",
)  # fmt: skip


def change(project: Project, rnd: random.Random) -> str:
    """Do something to the project, or nothing; return what."""
    root = project.root
    path = rnd.choice(FILES)
    kinds = [
        "nothing",
        "edit",
        "same",
        "touch",
        "add",
        "remove out",
        "variable",
        "absent",
        "link",
        "mode",
        "move",
        "linked",
        "settings",
        "in place",
        "replaced",
        "package",
    ]
    kind = rnd.choice(kinds)
    if kind == "edit" and (root / path).exists():
        text = f"value = {rnd.randrange(9)}\n" if path.endswith(".py") else str(rnd.randrange(9))
        (root / path).write_text(text)
    elif kind == "same" and (root / path).exists():
        (root / path).write_bytes((root / path).read_bytes())
    elif kind == "touch" and (root / path).exists():
        os.utime(root / path)
    elif kind == "add":
        (root / "in" / rnd.choice(("new.txt", "new.c", "deep/new.txt"))).write_text("new")
    elif kind == "remove out":
        made = sorted((root / "out").rglob("*"))
        victim = rnd.choice(made) if made else root / "nothing"
        if victim.is_dir() and not victim.is_symlink():
            shutil.rmtree(victim)
        else:
            victim.unlink(missing_ok=True)
    elif kind == "variable":
        project.env["WORD"] = rnd.choice("123")
    elif kind == "absent":
        (root / rnd.choice(("maybe", "extra.py", "helper", "os.py", "glob"))).write_text(
            "value = 7\n"
        )
    elif kind == "link":
        (root / "link").unlink()
        (root / "link").symlink_to(rnd.choice(("a", "b")))
    elif kind == "mode":
        (root / "a").chmod(rnd.choice((0o644, 0o755)))
    elif kind == "move":
        for name in ("out", "in"):
            (root / name).rename(root / "elsewhere")
            (root / "elsewhere").rename(root / name)
    elif kind == "linked":
        (root / "linked").unlink()
        (root / "linked").symlink_to(rnd.choice(("in", "in/deep", "in2")))
    elif kind == "settings":
        word = rnd.choice("12")
        (root / "pyproject.toml").write_text(f"[tool.stagemake.config]\nword = '{word}'\n")
    elif kind in {"in place", "replaced"} and (root / path).exists():
        replace(root / path, in_place=kind == "in place")
    elif kind == "package":
        folder = root / rnd.choice(("sub", "extra"))
        folder.mkdir(exist_ok=True)
        (folder / rnd.choice(("__init__.py", "inner.py"))).write_text("value = 5\n")
    return f"{kind} {path}"


def replace(path: Path, *, in_place: bool) -> None:
    """Change a file and have its size and modification time as before, as `cp -p` and checkouts may."""
    before = path.stat()
    text = path.read_text().translate(str.maketrans("0123456789", "1234567890"))
    target = path if in_place else path.with_name("new~")
    target.write_text(text)
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    target.replace(path)


def is_done(project: Project) -> bool:
    """Ask the long way: a Stagefile that is run now, and a plan for what it declares."""
    with chdir(project.root), redirect_stderr(io.StringIO()):
        before, own = dict(os.environ), project.environment()
        os.environ.clear()
        os.environ.update(own)
        try:
            # A Stagefile may leave closing a file to the interpreter; here that is not an error.
            with warnings.catch_warnings(action="ignore", category=ResourceWarning):
                manager = StageManager(project.root)
                manager.load("Stagefile")
                return manager.plan().is_done
        finally:
            os.environ.clear()
            os.environ.update(before)


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**9))
def test_nothing_is_called_up_to_date_that_is_not(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rnd = random.Random(seed)
    project = sample(tmp_path_factory.mktemp("noop"), rnd)
    assert typed(project).returncode == 0
    answered = 0

    for _ in range(8):
        done = [change(project, rnd) for _ in range(rnd.choice((1, 1, 2)))]
        if answer(project) == 0:
            answered += 1
            assert is_done(project), done
        elif typed(project).returncode == 0 and rnd.random() < 0.5:
            typed(project)


def sample(base: Path, rnd: random.Random) -> Project:
    """Return a project whose Stagefile reads the world in some ways and declares some stages."""
    project = Project(base)
    for path in FILES:
        project.write(path, "value = 1\n" if path.endswith(".py") else "1")
    project.write("tool", "#!/bin/sh\ncat b\n")
    (project.root / "tool").chmod(0o755)
    (project.root / "link").symlink_to("a")
    project.write("in2/x.txt", "other").write("sub/inner.py", "value = 1\n")
    (project.root / "linked").symlink_to("in")
    lines = ["import os"]
    for number, read in enumerate(rnd.sample(READS, rnd.randrange(1, 4))):
        lines.append(read)
        lines.append(
            f"command('read{number}', ['sh', '-c', 'echo \"$0\" > out/read{number}', str(value)],"
            f" inputs=['a'], outputs=['out/read{number}'], description=str(value))"
        )
    lines += rnd.sample(STAGES, rnd.randrange(1, 4))
    return project.stagefile("\n".join(lines) + "\n")


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**9))
def test_names_that_were_noted_are_those_that_would_be_declared(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rnd = random.Random(seed)
    project = sample(tmp_path_factory.mktemp("names"), rnd)
    assert typed(project).returncode == 0
    asked = ("completion", "zsh", "--", "build", "")

    for _ in range(8):
        done = [change(project, rnd) for _ in range(rnd.choice((1, 1, 2)))]
        text = said(project, *asked)
        if text is not None:
            assert text == long_way(project, *asked).stdout, done
        elif rnd.random() < 0.5:
            typed(project)


WORDS = st.sampled_from(
    ["build", "-j2", "-j", "2", "-k", "-n", "-q", "-s", "-B", "-v", "--json", "-nk", "--", "-j0", "-jx", "a", "b",
     "list", "-", "-j1_0", "-j+1", "0", "--jobs=2", "-C", ".", ""]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(argv=st.lists(WORDS, max_size=5))
def test_the_small_parser_agrees_with_the_large_one(argv: list[str]) -> None:
    import click

    from stagemake.cli.build_command import command
    from stagemake.cli.typed import Typed

    plain = plain_argv.read(argv)

    if plain is None:
        return
    targets, dry_run, question, silent, jobs, keep_going, verbose, as_json = plain
    words = argv[1:] if argv[:1] == ["build"] else argv
    context = click.Context(command)
    command.parse_args(context, list(words))
    parsed = context.params
    assert tuple(parsed["targets"]) == targets
    assert (parsed["dry_run"], parsed["question"], parsed["silent"]) == (dry_run, question, silent)
    assert (parsed["jobs"] or 0, parsed["keep_going"]) == (jobs, keep_going)
    assert (parsed["verbose"], parsed["as_json"]) == (verbose, as_json)
    defaults = command.make_context("build", []).params
    given = {"targets", "dry_run", "question", "silent", "jobs", "keep_going", "verbose", "as_json"}
    assert {k: v for k, v in parsed.items() if k not in given} == {
        k: v for k, v in defaults.items() if k not in given
    }
    typed = Typed()._asdict()  # what a plain build has for all that was not typed
    assert {k: v or 0 for k, v in typed.items()} == {k: defaults[k] or 0 for k in typed}
