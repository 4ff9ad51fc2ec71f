"""Ways in which work could be hidden from a build: each was one, or is next to one that was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from noop_kit import answer, build, imports, typed
from project import PACKAGE_HOME

if TYPE_CHECKING:
    from collections.abc import Callable

    from project import Project

USE = "\ncommand('use', ['sh', '-c', 'echo \"$0\" > out', str(value)], inputs=['a'], outputs=['out'])\n"


@pytest.fixture
def world(project: Project) -> Project:
    """Return a project with links that lead out of it and a library beside it, for `with_library`.

    `far` leads to `<base>/elsewhere/deep`, in which `rel` leads to `../x`; `links` leads to `d1`.
    """
    project.write("a", "1").write("x", "root").write("d1/f", "1").write("d2/f", "1").write("d2/g")
    project.write("pack/__init__.py").write("both.py", "value = 1\n").write("both/text")
    elsewhere = project.base / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "x").write_text("1")
    (elsewhere / "deep/rel").symlink_to("../x")
    (project.root / "far").symlink_to(elsewhere / "deep")
    (project.root / "links").symlink_to("d1")
    (project.root / "d1/uptime").symlink_to("/proc/uptime")
    lib = project.base / "lib"
    (lib / "double").mkdir(parents=True)
    (lib / "double.py").write_text("value = 1\n")
    (lib / "chance.py").write_text("import random\nvalue = random.random()\n")
    return project


def with_library(project: Project) -> Project:
    """Have the library found, which only a process of its own does: there nothing is imported before either."""
    project.env["PYTHONPATH"] = f"{project.base}/lib:{project.base}/late.zip"
    return project


def _elsewhere(path: str) -> Callable[[Project], object]:
    return lambda project: (project.base / path).write_text("value = 2\n")


def _relink(project: Project) -> None:
    (project.root / "links").unlink()
    (project.root / "links").symlink_to("d2")


def _set(name: str, value: str) -> Callable[[Project], object]:
    return lambda project: project.env.update({name: value})


def _move(project: Project) -> None:
    project.root.rename(project.base / "moved")
    project.root = project.base / "moved"


def _zip(project: Project) -> None:
    with zipfile.ZipFile(project.base / "late.zip", "w") as archive:
        archive.writestr("zipped.py", "value = 2\n")


READS: dict[str, tuple[str, Callable[[Project], object]]] = {
    "a file above a linked directory": ("value = open('far/../x').read()", _elsewhere("elsewhere/x")),
    "a link in a linked directory": ("value = open('far/rel').read()", _elsewhere("elsewhere/x")),
    "nothing above a linked directory": (
        "import os\nvalue = os.path.exists('far/../new')", _elsewhere("elsewhere/new"),
    ),
    "a glob through a link": ("value = len(glob('links/*'))", _relink),
    "a listing through a link": ("import os\nvalue = sorted(os.listdir('links'))", _relink),
    "a walk through a link": ("import os\nvalue = next(os.walk('links'))[2]", _relink),
    "a module that is sought": (
        "from importlib import util\nvalue = util.find_spec('absent') is None",
        lambda project: project.write("absent.py"),
    ),
    "a module that a package lacks": (
        "try:\n    from pack import absent\nexcept ImportError:\n    absent = 0\nvalue = str(absent)[:4]",
        lambda project: project.write("pack/absent.py"),
    ),
    "a directory beside a module": (
        "import both\nvalue = both.value",
        lambda project: project.write("both/__init__.py", "value = 2\n"),
    ),
    "a directory beside a module elsewhere": (
        "import double\nvalue = double.value", _elsewhere("lib/double/__init__.py"),
    ),
    "a variable as bytes": ("import os\nvalue = os.getenvb(b'WORD')", _set("WORD", "2")),
    "a variable in bytes": (
        "import os\nvalue = os.path.expandvars(b'$WORD')", _set("WORD", "2"),
    ),
    "text by the locale": (
        "value = ascii(open('a').read())", _set("LC_CTYPE", "de_DE.ISO-8859-1"),
    ),
    "where it lies itself": ("value = __file__", _move),
    "a link in the inputs": (
        "value = 0\ncommand('link', 'cat {inputs} > l', inputs=['far/rel'], outputs=['l'])",
        _elsewhere("elsewhere/x"),
    ),
    "a module in an archive that is not there": (
        "try:\n    import zipped\nexcept ImportError:\n    zipped = 0\nvalue = str(zipped)[:4]", _zip,
    ),
    "what Python runs first": ("value = 0", _elsewhere("lib/sitecustomize.py")),
    "a module found by a changed path": (
        "import sys\nsys.path.append('d2')\nimport late\nvalue = late.value",
        lambda project: project.write("d2/late.py", "value = 2\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", READS)
def test_what_a_stagefile_reads_counts_by_whatever_way(world: Project, what: str) -> None:
    code, change = READS[what]
    world.write("d2/late.py", "value = 1\n").stagefile(code + USE)
    if imports(code) or what == "what Python runs first":
        with_library(world)
    assert typed(world).returncode == 0
    assert answer(world) == 0, typed(world, "-v").stderr

    change(world)

    assert answer(world) is None


REPEATED = {
    "bytes to a stream": ("import os\nos.write(2, b'x\\n')\nvalue = 0", "calls `os.write` (Stagefile:3)"),
    "bytes from a stream": (
        "import os\nvalue = os.read(0, 1)", "uses a descriptor that it has not opened (Stagefile:3)",
    ),
    "what a stream is": (
        "import os\nvalue = os.fstat(1).st_mode", "uses a descriptor that it has not opened (Stagefile:3)",
    ),
    "the first stream": ("import sys\nvalue = sys.__stdout__.isatty()", "uses sys.stdout (Stagefile:3)"),
    "the joined command line": ("import sys\nvalue = ' '.join(sys.argv)", "reads the command line (Stagefile:3)"),
    "the shown command line": ("import sys\nvalue = repr(sys.argv)", "reads the command line (Stagefile:3)"),
    "all variables as text": ("import os\nvalue = len(str(os.environ))", "reads all environment variables (Stagefile:3)"),
    "an account": ("import os\nvalue = os.path.expanduser('~root')", "calls `pwd.getpwnam` (Stagefile:3)"),
    "code from a text": (
        "made = {}\nexec('import random', made)\nvalue = made['random'].random()", "imports `random` (Stagefile:3)",
    ),
    "an import by a function": ("value = __import__('random').random()", "imports `random` (Stagefile:2)"),
    "an import by importlib": (
        "import importlib\nvalue = importlib.__import__('random').random()", "imports `random` (Stagefile:3)",
    ),
    "a helper outside the project": (
        "import chance\nvalue = chance.value", "imports `random` ({base}/lib/chance.py:1)",
    ),
    "where an object lies": ("value = id(object())", "uses `id` (Stagefile:2)"),
    "a hash": ("def made():\n    return hash('text')\nvalue = made()", "uses `hash` (Stagefile:3)"),
    "a file by its directory": (
        "import os\nthere = os.open('d1', os.O_RDONLY)\nvalue = os.open('f', os.O_RDONLY, dir_fd=there)",
        "looks at a file by a directory's descriptor (Stagefile:4)",
    ),
    "the kernel's directories": ("import os\nvalue = os.listdir('/proc')[:0]", "reads `/proc/` (Stagefile:3)"),
    "a link to the kernel": ("value = open('d1/uptime').read()", "reads `/proc/uptime` (Stagefile:2)"),
    "the last reading": (
        "import os\nvalue = os.stat('a').st_atime_ns", "asks when `{root}/a` was last read (Stagefile:3)",
    ),
    "a pipe": (
        "import os\nvalue = os.read(os.open('pipe', os.O_RDONLY | os.O_NONBLOCK), 1)",
        "reads `{root}/pipe`, which is no ordinary file (Stagefile:3)",
    ),
    "stagemake's own parts": (
        "from stagemake.freshness import signature\nvalue = signature.signature('a')",
        "imports `stagemake.freshness`, a part of stagemake that is none of a Stagefile's (Stagefile:2)",
    ),
    "a date from a library": (
        "import tomllib\nvalue = tomllib.loads('day = 2020-01-01')['day'].today()", "uses `today` (Stagefile:3)",
    ),
    "the finders": ("import sys\nvalue = len(sys.meta_path)", "uses `meta_path` (Stagefile:3)"),
}  # fmt: skip


@pytest.mark.parametrize("what", REPEATED)
def test_what_can_not_be_followed_is_run_each_time(world: Project, what: str) -> None:
    os.mkfifo(world.root / "pipe")
    code, blamed = REPEATED[what]
    world.stagefile(code + USE)
    if imports(code):
        with_library(world)

    assert typed(world).returncode == 0
    again = typed(world, "-v").stderr

    assert answer(world) is None
    wanted = blamed.format(root=world.root, base=world.base)
    assert f"the Stagefile is run each time, because it {wanted}\n" in again


HARMLESS = {
    "a variable called like a function": "id = 'x'\nvalue = id",
    "a list called like an escape": "modules = ['x']\nvalue = modules[0]",
    "a frozen dataclass": "import dataclasses\n\n@dataclasses.dataclass(frozen=True)\nclass P:\n    x: int\nvalue = len({P(1)})",
    "a file by its descriptor": "import os\nvalue = os.read(os.open('a', os.O_RDONLY), 1)",
    "equal states": "import os\nvalue = os.path.samefile('a', 'a')",
    "a number of the system": "import os\nvalue = os.sysconf(84)",
    "processors": "import os\nvalue = len(os.sched_getaffinity(0))",
    "a library that keeps chance": "import zipfile\nvalue = zipfile.ZIP_STORED",
}  # fmt: skip


@pytest.mark.parametrize("what", HARMLESS)
def test_what_is_harmless_is_not_blamed(world: Project, what: str) -> None:
    world.stagefile(HARMLESS[what] + USE)
    if imports(HARMLESS[what]):
        with_library(world)
    typed(world)

    assert answer(world) == 0, typed(world, "-v").stderr


DURING = {
    "settings": ("value = config('word', 'one')", "printf '[tool.stagemake.config]\\nword = \"two\"\\n' > pyproject.toml"),
    "the Stagefile": ("value = 0", "echo '# more' >> Stagefile"),
    "a helper": ("import both\nvalue = both.value", "echo 'value = 2' > both.py"),
    "a helper elsewhere": ("import double\nvalue = double.value", "echo 'value = 2' > ../lib/double.py"),
    "a file that was read": ("value = open('d1/f').read()", "echo 2 > d1/f"),
    "a file that was not there": ("import os\nvalue = os.path.exists('new')", "echo 2 > new"),
    "a directory that was listed": ("import os\nvalue = len(os.listdir('d1'))", "echo 2 > d1/new"),
    "what a glob finds": ("value = len(glob('d1/*'))", "echo 2 > d1/new"),
}  # fmt: skip


@pytest.mark.parametrize("what", DURING)
def test_what_changes_while_it_is_built_is_not_taken_for_what_was_read(
    world: Project, what: str
) -> None:
    code, change = DURING[what]
    world.write("edit.sh", change + "\n")
    world.stagefile(
        code
        + USE
        + "command('edit', 'sh edit.sh; echo > done', inputs=['edit.sh', 'a'], outputs=['done'])\n"
    )
    if imports(code):
        with_library(world)

    assert typed(world).returncode == 0

    assert answer(world) is None


def test_settings_behind_a_link_count(project: Project) -> None:
    shared = project.base / "shared.toml"
    shared.write_text("[tool.stagemake.config]\nword = 'one'\n")
    (project.root / "pyproject.toml").symlink_to(shared)
    project.write("a").stagefile(f"value = config('word', '')\n{USE}")
    typed(project)
    assert answer(project) == 0

    shared.write_text("[tool.stagemake.config]\nword = 'two'\n")

    assert answer(project) is None


def test_an_installed_package_that_stagemake_uses_too_counts(world: Project) -> None:
    import attr

    packages = world.base / "site-packages"
    shutil.copytree(Path(attr.__file__).parent, packages / "attr")
    (packages / "attr/own.py").write_text("value = 1\n")
    world.env["PYTHONPATH"] = str(packages)
    world.stagefile(f"import attr\nvalue = attr.__file__\n{USE}")
    build(world)
    assert answer(world) == 0

    with open(packages / "attr/__init__.py", "a") as stream:
        stream.write("# upgraded\n")

    assert answer(world) is None


def test_another_stagemake_of_the_same_version_does_not_believe_it(
    world: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = world.base / "tool"
    shutil.copytree(f"{PACKAGE_HOME}/stagemake", home / "stagemake")
    monkeypatch.setattr("project.PACKAGE_HOME", str(home))
    world.stagefile(f"value = 0\n{USE}")
    build(world)
    assert answer(world) == 0

    with open(home / "stagemake/stagefile/glob.py", "a") as stream:
        stream.write("# another build of it\n")

    assert answer(world) is None


def test_an_old_record_says_nothing_of_a_later_build(world: Project) -> None:
    world.stagefile(f"value = 0\n{USE}")
    typed(world)
    record = world.root / ".stagemake/Stagefile/noop"
    old = record.read_bytes()
    world.write("a", "2")
    typed(world)

    record.write_bytes(old)

    assert answer(world) is None


def test_a_copy_of_a_project_is_looked_at_anew(world: Project) -> None:
    world.stagefile(f"value = 0\n{USE}")
    typed(world)

    subprocess.run(["cp", "-a", world.root, world.base / "copy"], check=True)
    world.root = world.base / "copy"

    assert answer(world) is None


def test_a_function_that_can_not_be_told_from_a_changed_one_is_not_answered_for(
    project: Project,
) -> None:
    project.stagefile(
        """\
        kept = object()
        @stage(inputs=["a"], outputs=["b"])
        def make(context):
            context.outputs[0].write_text(str(kept is None))
        """
    ).write("a")
    typed(project)

    long = project.run("-q").exit_code

    assert answer(project) == (0 if long == 0 else None)


@pytest.mark.parametrize("changed", ["", "out", "a"])
def test_a_second_process_helps_with_many_paths_or_is_done_without(
    world: Project, changed: str
) -> None:
    world.stagefile(f"value = 0\n{USE}")
    typed(world)
    if changed:
        world.write(changed, "other")
    many = "from stagemake.freshness import survey; survey._WORTH_A_FORK = 1"
    none = f"import errno, os; os.fork = lambda: os.kill(os.getpid(), 'no process')\n{many}"

    assert answer(world, before=many) == (None if changed else 0)
    refused = none.replace(
        "lambda: os.kill(os.getpid(), 'no process')",
        "lambda: os.listdir(f'/proc/{os.getpid()}/none')",  # an OSError, as fork gives
    )
    assert answer(world, before=refused) == (None if changed else 0)


LOOKS = """\
import os, sys
looks, opened = [], []
def counted(real):
    def stand_in(path, **keywords):
        looks.append((real.__name__, os.path.abspath(path)))
        return real(path, **keywords)
    return stand_in
os.lstat = counted(os.lstat)
sys.addaudithook(lambda event, args: event in ("open", "sqlite3.connect") and opened.append(str(args[0])))
from stagemake import door
opened.clear()
answer = door.answer([])
twice = sorted({each for each in looks if looks.count(each) > 1})
root = os.getcwd() + "/"
print(answer, [each for each in opened if not each.endswith((".pyc", ".py"))], twice, sep="\\n")
print(len([path for _, path in looks if path.startswith(root)]))
"""


def test_each_path_is_looked_at_once_and_no_cache_is_opened(world: Project) -> None:
    lines = "".join(
        f"command('s{i}', 'cat a x > o{i}', inputs=['a', 'x'], outputs=['o{i}'])\n"
        for i in range(20)
    )
    world.stagefile(f"import both\n{lines}")
    typed(world)

    done = subprocess.run(
        [sys.executable, "-P", "-c", LOOKS], cwd=world.root, capture_output=True, text=True, check=True,
        timeout=60, env=world.process_environment(),
    )  # fmt: skip

    said, opened, twice, looks = done.stdout.splitlines()
    root = os.path.realpath(world.root)
    assert said == "0"
    assert opened == (
        f"['{root}/.stagemake/Stagefile/noop', '{root}/.stagemake/Stagefile/touched',"
        " '/proc/sys/kernel/random/boot_id']"
    )
    above = [str(each) for each in (Path(root) / "Stagefile", root, *Path(root).parents)]
    assert [
        path for _, path in eval(twice) if path not in above
    ] == []  # realpath walks along these
    assert (
        int(looks) < 40
    )  # 20 outputs, inputs, modules, what is kept; not the files of the tool itself


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("is_changed", [False, True])
def test_closed_streams_change_nothing_but_what_is_said(
    world: Project, closed: str, is_changed: bool
) -> None:
    world.stagefile(f"value = 0\n{USE}")
    typed(world)
    if is_changed:
        world.write("a", "2").stagefile(f"value = 2\nprint(value)\n{USE}")
    script = f"'{sys.executable}' -P -c 'from stagemake.door import script; script()' {closed}"

    done = subprocess.run(
        ["sh", "-c", script],
        cwd=world.root,
        env=world.process_environment(),
        check=False,
        timeout=60,
    )

    assert done.returncode == 0
    assert world.read("out") == ("2\n" if is_changed else "0\n")


def test_a_full_disk_behind_stderr_is_an_error_without_a_traceback(world: Project) -> None:
    world.stagefile(f"value = 0\n{USE}")
    typed(world)

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-c", "from stagemake.door import script; script()"],
            cwd=world.root, env=world.process_environment(), stderr=full, check=False, timeout=60,
        )  # fmt: skip

    assert done.returncode == 1


def test_the_version_of_a_package_that_a_function_uses_counts(project: Project) -> None:
    packages = project.base / "site-packages"
    (packages / "tool").mkdir(parents=True)
    (packages / "tool/__init__.py").write_text("value = 1\n")
    (packages / "tool-1.0.dist-info").mkdir()
    (packages / "tool-1.0.dist-info/RECORD").write_text("tool/__init__.py,,\n")
    metadata = packages / "tool-1.0.dist-info/METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")
    project.env["PYTHONPATH"] = str(packages)
    project.stagefile(
        """\
        @stage(inputs=["a"], outputs=["b"])
        def make(context):
            import tool
            context.outputs[0].write_text(str(tool.value))
        """
    ).write("a")
    build(project)
    build(project)  # the first one has made `b` in a directory that was searched for packages
    assert answer(project) == 0, build(project, "-v").stderr

    metadata.write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1.1\n")

    assert answer(project) is None
    assert project.run("-q").exit_code == 1


@pytest.mark.parametrize("body", [(), (1, 2), [], "text", ((),) * 14, (None,) * 14, ({},) * 14])
def test_a_record_of_another_shape_is_none(world: Project, body: object) -> None:
    from stagemake import __version__
    from stagemake.freshness import noop

    world.stagefile(f"value = 0\n{USE}")
    typed(world)

    (world.root / ".stagemake/Stagefile/noop").write_bytes(noop.encoded(body, __version__))  # type: ignore[arg-type]

    assert answer(world) is None
    assert typed(world).stderr == "stagemake: up to date\n"


def test_an_interrupt_while_it_looks_ends_it_without_a_traceback(world: Project) -> None:
    world.stagefile(f"value = 0\n{USE}")
    typed(world)
    code = (
        # Where this test runs in the background, the signal may be ignored from the start.
        "import os, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\nreal = os.lstat\n"
        "def interrupted(path, **keywords):\n    signal.raise_signal(signal.SIGINT)\n    return real(path)\n"
        "os.lstat = interrupted\nfrom stagemake.door import script\nscript()"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=world.root, env=world.process_environment(), capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
