"""When the entry says "up to date" by itself, and above all when it does not."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import frozen
from noop_kit import answer, build, imports, typed
from project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

COPY = 'command("copy", "cp a b", inputs=["a"], outputs=["b"])\n'


def two_stages(project: Project) -> Project:
    project.stagefile(
        """\
        command("copy", "cp a b", inputs=["a"], outputs=["b"])
        command("again", "cp b build/c", inputs=["b"], outputs=["build/c"])
        """
    ).write("a", "1")
    assert typed(project).returncode == 0
    return project


@pytest.fixture
def built(project: Project) -> Project:
    """Return a project with two stages that has been built."""
    return two_stages(project)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return one for all tests that only ask: a build is dearer than all that they do."""
    from project import Project

    return two_stages(Project(tmp_path_factory.mktemp("still")))


def test_the_first_build_after_one_that_left_nothing_to_do_is_answered_at_once(
    built: Project,
) -> None:
    done = build(built)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "stagemake: up to date\n")
    assert answer(built) == 0


@pytest.mark.parametrize(
    "arguments",
    [(), ("-j4",), ("-j", "3"), ("-k",), ("-s",), ("-q",), ("-n",), ("build",), ("build", "-q"), ("copy",),
     ("copy", "again"), ("again", "-s"), ("build", "copy")],
    ids=" ".join,
)  # fmt: skip
def test_plain_command_lines_are_answered(built: Project, arguments: tuple[str, ...]) -> None:
    assert answer(built, *arguments) == 0

    short, long = typed(built, *arguments), built.run(*arguments)

    assert (short.returncode, short.stdout, short.stderr) == (
        long.exit_code,
        long.stdout,
        long.stderr,
    )


@pytest.mark.parametrize(
    "arguments",
    [("-B",), ("-v",), ("--json",), ("-f", "Stagefile"), ("-C", "."), ("-D", "x=1"), ("list",), ("b",), ("cop*",),
     ("nobody",), ("-j0",), ("-j",), ("-j", "-1"), ("-nq",), ("--",), ("",), ("why", "copy"), ("build", "build")],
    ids=" ".join,
)  # fmt: skip
def test_all_others_are_left_to_the_command_line(
    still: Project, arguments: tuple[str, ...]
) -> None:
    assert answer(still, *arguments) is None


CHANGES: dict[str, Callable[[Path], object]] = {
    "an input": lambda root: (root / "a").write_text("2"),
    "an input of the same size at the same time": lambda root: _replace(root / "a", "2"),
    "an output": lambda root: (root / "b").write_text("2"),
    "an output removed": lambda root: (root / "b").unlink(),
    "an output replaced by a link": lambda root: _relink(root / "b", "a"),
    "an executable bit": lambda root: (root / "b").chmod(0o755),
    "the Stagefile": lambda root: _append(root / "Stagefile", "# more\n"),
    "settings": lambda root: (root / "pyproject.toml").write_text("[tool.stagemake]\njobs = 1\n"),
    "the state": lambda root: shutil.rmtree(root / ".stagemake"),
    "an unfinished build": lambda root: (root / ".stagemake/Stagefile/journal").write_bytes(b"x"),
    "a nearer Stagefile": lambda root: (root / "Stagefile").rename(root / "Stagefile.py"),
}


def _replace(path: Path, text: str) -> None:
    status = path.stat()
    path.write_text(text)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_is_left_to_the_command_line(built: Project, what: str) -> None:
    assert answer(built) == 0

    CHANGES[what](built.root)

    assert answer(built) is None


def test_a_change_that_a_target_does_not_need_is_no_matter_for_it(built: Project) -> None:
    (built.root / "build/c").unlink()

    assert answer(built, "copy") == 0
    assert answer(built) is None
    assert answer(built, "again") is None


def test_what_was_built_for_a_target_says_nothing_of_the_rest(built: Project) -> None:
    built.write("a", "2")
    assert typed(built, "copy").returncode == 0

    assert answer(built, "copy") == 0
    assert answer(built) is None


def test_a_program_that_is_now_found_elsewhere_is_noticed(project: Project) -> None:
    (project.base / "bin").mkdir()
    project.env["PATH"] = f"{project.base}/bin:{os.environ['PATH']}"
    project.stagefile(COPY).write("a", "1")
    build(project)
    assert answer(project) == 0

    tool = project.base / "bin/cp"
    tool.write_text("#!/bin/sh\necho other > b\n")
    tool.chmod(0o755)

    assert answer(project) is None


def test_a_dry_run_tells_of_a_build_that_holds_the_project(built: Project) -> None:
    import fcntl

    with open(built.root / ".stagemake/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        assert answer(built, "-n") is None
        assert answer(built) == 0


def test_another_interpreter_or_tool_does_not_believe_it(built: Project) -> None:
    record = built.root / ".stagemake/Stagefile/noop"
    data = record.read_bytes()

    for torn in (b"", data[:-1], data[:40], data.replace(b"stagemake noop", b"stagemake door")):
        record.write_bytes(torn)
        assert answer(built) is None


def test_stages_that_run_each_time_are_never_answered_for(project: Project) -> None:
    project.stagefile('command("say", "echo hello", always=True)\n')
    typed(project)

    assert answer(project) is None


def test_what_the_cache_restored_is_known_by_the_next_build(built: Project) -> None:
    (built.root / "b").unlink()
    assert "restored  copy" in typed(built).stderr

    assert answer(built) == 0


def test_configuration_of_one_run_is_not_remembered(project: Project) -> None:
    project.stagefile(
        'command("write", f"echo {config(\'word\', \'one\')} > w", outputs=["w"], inputs=["Stagefile"])\n'
    )
    typed(project, "-D", "word=two")

    assert answer(project) is None


@frozen
class World:
    """A Stagefile that reads the world: code that sets `value`, and a change that makes it another one."""

    code: str
    change: Callable[[Project], object]


def _write(path: str, text: str = "2") -> Callable[[Project], object]:
    return lambda project: project.write(path, text)


def _set(name: str, value: str) -> Callable[[Project], object]:
    return lambda project: project.env.update({name: value})


READS = {
    "a file": World("value = open('w/f').read()", _write("w/f")),
    "a file by pathlib": World(
        "import pathlib\nvalue = pathlib.Path('w/f').read_text()", _write("w/f")
    ),
    "a file through a library": World(
        "import json\nvalue = json.load(open('w/j.json'))['x']", _write("w/j.json", '{"x": 2}')
    ),
    "a file through a link": World("value = open('w/link').read()", _write("w/f")),
    "a link's text": World(
        "import os\nvalue = os.readlink('w/link')",
        lambda project: _relink(project.root / "w/link", "j.json"),
    ),
    "a file that is not there": World("import os\nvalue = os.path.exists('w/new')", _write("w/new")),
    "a directory that is not there": World(
        "import pathlib\nvalue = pathlib.Path('w/new').is_dir()", _write("w/new/x")
    ),
    "a file that is tried": World(
        "try:\n    value = open('w/new').read()\nexcept OSError:\n    value = 0", _write("w/new")
    ),
    "a size": World("import os\nvalue = os.path.getsize('w/f')", _write("w/f", "12")),
    "a time": World(
        "import os\nvalue = os.stat('w/f').st_mtime_ns", lambda project: project.touch("w/f")
    ),
    "a mode": World(
        "import os\nvalue = os.access('w/f', os.X_OK)",
        lambda project: (project.root / "w/f").chmod(0o755),
    ),
    "a listing": World("import os\nvalue = len(os.listdir('w'))", _write("w/new")),
    "a listing by scandir": World("import os\nvalue = len(list(os.scandir('w')))", _write("w/new")),
    "what a listing says of a file": World(
        "import os\nvalue = [e.stat().st_size for e in os.scandir('w') if e.name == 'f']",
        _write("w/f", "12"),
    ),
    "where a listed link leads": World(
        "import os\nvalue = [e.is_dir() for e in os.scandir('w') if e.name == 'link']",
        lambda project: ((project.root / "w/f").unlink(), (project.root / "w/f").mkdir()),
    ),
    "a walk": World("import os\nvalue = len(list(os.walk('w')))", _write("w/sub/deep/new")),
    "a glob": World("value = len(glob('w/*.json'))", _write("w/new.json")),
    "a deep glob": World("value = len(glob('**/*.json'))", _write("w/sub/new.json", "{}")),
    "a glob that leaves some out": World(
        "value = len(glob('w/*', exclude='w/*.json'))", _write("w/new")
    ),
    "a glob in a directory that is not there": World("value = len(glob('x/*'))", _write("x/new")),
    "Python's glob": World("import glob as g\nvalue = len(g.glob('w/*'))", _write("w/new")),
    "a variable": World("import os\nvalue = os.environ.get('WORD', 0)", _set("WORD", "2")),
    "a variable by getenv": World("import os\nvalue = os.getenv('WORD')", _set("WORD", "2")),
    "a variable by env": World("value = env('WORD', '0')", _set("WORD", "2")),
    "a variable by name": World(
        "command('v', 'echo $WORD > v', inputs=['a'], outputs=['v'], env='WORD')\nvalue = 0",
        _set("WORD", "2"),
    ),
    "a home directory": World(
        "import os\nvalue = os.path.expanduser('~')", _set("HOME", "/nowhere")
    ),
    "a program": World(
        "import shutil\nvalue = shutil.which('nobody')",
        lambda project: _tool(project, "nobody"),
    ),
    "a helper": World("import helper\nvalue = helper.value", _write("helper.py", "value = 2\n")),
    "a helper's helper": World(
        "import deep\nvalue = deep.value", _write("helper.py", "value = 2\n")
    ),
    "a helper in a package": World("from pack.inner import value", _write("pack/inner.py", "value = 2\n")),
    "a module that would come first": World(
        "import textwrap\nvalue = getattr(textwrap, 'value', 0)",
        _write("textwrap.py", "value = 2\n"),
    ),
    "a module that is not there": World(
        "try:\n    from absent import value\nexcept ImportError:\n    value = 0",
        _write("absent.py", "value = 2\n"),
    ),
    "a package in place of a module": World(
        "import helper\nvalue = helper.value", _write("helper/__init__.py", "value = 2\n")
    ),
    "configuration": World(
        "value = config('word', 'one')",
        _write("pyproject.toml", "[tool.stagemake.config]\nword = 'two'\n"),
    ),
    "a module's own file": World(
        "import importlib.util as u\ns = u.spec_from_file_location('m', 'w/m.py')\n"
        "m = u.module_from_spec(s)\ns.loader.exec_module(m)\nvalue = m.value",
        _write("w/m.py", "value = 2\n"),
    ),
}  # fmt: skip


def _tool(project: Project, name: str) -> None:
    project.write(f"bin/{name}", "#!/bin/sh\n")
    (project.root / "bin" / name).chmod(0o755)


def test_a_listed_directory_may_change_as_long_as_the_glob_finds_the_same(world: Project) -> None:
    world.stagefile(f"value = glob('w/**/*.json')\n{COPY}")
    typed(world)

    world.write("w/other", "1").write("w/sub/deep/other", "1")

    assert answer(world) == 0
    world.write("w/sub/deep/new.json")
    assert answer(world) is None


@pytest.fixture
def world(project: Project) -> Project:
    """Return a project with things to read."""
    project.write("a", "1").write("w/f", "1").write("w/j.json", '{"x": 1}').write("w/sub/s", "1")
    project.write("helper.py", "value = 1\n").write("deep.py", "from helper import value\n")
    project.write("pack/__init__.py").write("pack/inner.py", "value = 1\n")
    project.write("w/m.py", "value = 1\n").write("bin/x")
    (project.root / "w/link").symlink_to("f")
    project.env["PATH"] = f"{project.root}/bin:{os.environ['PATH']}"
    return project


@pytest.mark.parametrize("what", READS)
def test_what_a_stagefile_reads_counts(world: Project, what: str) -> None:
    world.stagefile(
        READS[what].code
        + "\ncommand('use', ['sh', '-c', 'echo \"$0\" > out', str(value)], inputs=['a'], outputs=['out'])\n"
    )
    run = build if imports(READS[what].code) else typed
    assert run(world).returncode == 0
    assert answer(world) == 0, run(world, "-v").stderr

    READS[what].change(world)

    assert answer(world) is None


REPEATED = {
    "the time": ("import time\nvalue = time.time()", "imports `time` (Stagefile:2)"),
    "the date": ("import datetime\nvalue = datetime.date.today()", "imports `datetime` (Stagefile:2)"),
    "chance": ("import random\nvalue = random.random()", "imports `random` (Stagefile:2)"),
    "other chance": ("import os\nvalue = os.urandom(1)", "calls `os.urandom` (Stagefile:3)"),
    "a process": (
        "import subprocess\nvalue = subprocess.run(['true'], check=True).returncode",
        "does what Python calls `subprocess.Popen` (Stagefile:3)",
    ),
    "a socket": ("import socket\nvalue = 0", "imports `socket` (Stagefile:2)"),
    "a database": ("import sqlite3\nvalue = 0", "imports `sqlite3` (Stagefile:2)"),
    "C": ("import ctypes\nvalue = 0", "imports `ctypes` (Stagefile:2)"),
    "a written file": ("open('written', 'w').close()\nvalue = 0", "writes `{root}/written` (Stagefile:2)"),
    "a new directory": ("import os\nos.makedirs('new', exist_ok=True)\nvalue = 0", "does what Python calls `os.mkdir` (Stagefile:3)"),
    "all variables": ("import os\nvalue = len(dict(os.environ))", "reads all environment variables (Stagefile:3)"),
    "a changed variable": ("import os\nos.environ['X'] = '1'\nvalue = 0", "changes environment variables (Stagefile:3)"),
    "the command line": ("import sys\nvalue = len(sys.argv)", "reads the command line (Stagefile:3)"),
    "standard input": ("import sys\nvalue = sys.stdin.isatty()", "uses sys.stdin (Stagefile:3)"),
    "what it prints": ("print('hello')\nvalue = 0", "uses sys.stdout (Stagefile:2)"),
    "the kernel": ("value = open('/proc/version').read()[:1]", "reads `/proc/version` (Stagefile:2)"),
    "a directory's time": ("import os\nvalue = os.path.getmtime('w')", "asks more of the directory `{root}/w` than its kind (Stagefile:3)"),
    "the process": ("import os\nvalue = os.getpid()", "calls `os.getpid` (Stagefile:3)"),
    "a thread": ("import threading\nvalue = 0", "imports `threading` (Stagefile:2)"),
    "loaded modules": ("import sys\nvalue = sys.modules['time'].time()", "uses `modules` (Stagefile:3)"),
    "a helper's clock": ("import clock\nvalue = clock.now()", "imports `time` (clock.py:1)"),
}  # fmt: skip


@pytest.mark.parametrize("what", REPEATED)
def test_what_can_not_be_followed_is_run_each_time_and_named(world: Project, what: str) -> None:
    code, blamed = REPEATED[what]
    world.write("clock.py", "import time\n\n\ndef now():\n    return time.time()\n")
    world.stagefile(
        code
        + "\ncommand('use', ['sh', '-c', 'echo \"$0\" > out', str(value)], inputs=['a'], outputs=['out'])\n"
    )

    run = build if imports(code) else typed
    assert run(world).returncode == 0
    again = run(world, "-v")

    assert answer(world) is None
    wanted = f"the Stagefile is run each time, because it {blamed.format(root=world.root)}\n"
    assert wanted in again.stderr


def test_a_function_that_is_edited_in_a_late_import_is_noticed(project: Project) -> None:
    project.stagefile(
        """\
        @stage(inputs=["a"], outputs=["b"])
        def make(context):
            import late
            context.outputs[0].write_text(late.text())
        """
    ).write("a").write("late.py", "def text(): return '1'\n")
    build(project)
    assert answer(project) == 0

    project.write("late.py", "def text(): return '2'\n")

    assert answer(project) is None


def test_a_module_that_a_late_import_would_find_now_is_noticed(project: Project) -> None:
    project.stagefile(
        """\
        @stage(inputs=["a"], outputs=["b"])
        def make(context):
            try:
                import late
            except ImportError:
                late = None
            context.outputs[0].write_text(str(late))
        """
    ).write("a")
    build(project)
    assert answer(project) == 0

    project.write("late.py")

    assert answer(project) is None


def test_the_working_directory_counts_where_the_stagefile_reads_relative_paths(
    project: Project,
) -> None:
    project.stagefile(f"import os\nvalue = os.path.exists('x')\n{COPY}").write("a").write("sub/f")
    build(project)

    assert answer(project) == 0
    assert answer(project, cwd="sub") is None


def test_it_is_answered_in_a_directory_below_the_root_too(built: Project) -> None:
    built.write("sub/f")

    assert answer(built, cwd="sub") == 0
    built.write("a", "2")
    assert answer(built, cwd="sub") is None


def test_nothing_but_a_handful_of_modules_is_loaded(built: Project) -> None:
    import subprocess
    import sys

    from project import PACKAGE_HOME

    code = (
        "import sys; before = set(sys.modules)\nfrom stagemake import door\ndoor.answer([])\n"
        "print(*sorted(set(sys.modules) - before))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=built.root, capture_output=True, text=True, check=True, timeout=60,
        env={**built.environment(), "PYTHONPATH": PACKAGE_HOME},
    )  # fmt: skip

    assert set(done.stdout.split()) <= {
        "__future__", "errno", "gc", "stagemake", "stagemake.door", "stagemake.freshness", "stagemake.freshness.identity",
        "stagemake.freshness.lock",
        "stagemake.freshness.noop", "stagemake.freshness.place", "stagemake.freshness.plain_argv",
        "stagemake.freshness.regular", "stagemake.freshness.sealed", "stagemake.freshness.signature", "stagemake.freshness.snapshot", "stagemake.freshness.survey", "zlib",
    }  # fmt: skip


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no /dev/shm")
def test_a_project_below_dev_shm_is_one_like_any_other() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        project = Project(Path(place)).stagefile('command("a", "echo > b", outputs=["b"])\n')
        project.run().ran("a")

        assert (project.root / ".stagemake/Stagefile/noop").exists()
