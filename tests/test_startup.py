"""What a build that finds nothing to do has imported by then: start-up time is mostly imports."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from noop_kit import MODULES

import stagemake
from stagemake.cli.command_names import COMMANDS

if TYPE_CHECKING:
    from project import Project

SCRIPT = """\
import sys
from stagemake.door import main
status = main(sys.argv[1:])
print(status, *sorted(sys.modules), file=sys.stderr)
"""


def modules_after(project: Project, *arguments: str) -> set[str]:
    """Run the command line in a fresh interpreter and return what it imported."""
    from project import PACKAGE_HOME

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=project.root,
        env={**project.environment(), "PYTHONPATH": PACKAGE_HOME},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, *modules = done.stderr.splitlines()[-1].split()
    assert status == "0", done.stderr
    return set(modules)


ENTRY = """\
import sys
before = set(sys.modules)
from stagemake import door
status, found = door.look(sys.argv[1:])
if status is None:
    from stagemake.stagefile import audit
    audit.install()
    status = door.main(sys.argv[1:], found)
print(status, *sorted(set(sys.modules) - before), file=sys.stderr)
"""


def entry(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as the installed script does; its last line on stderr has the status, and what it imported."""
    return subprocess.run(
        [sys.executable, "-P", "-c", ENTRY, *arguments], cwd=project.root,
        env={**project.process_environment(), "PYTHONPATH": home()},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip


RARE = {
    "click", "uuid", "textwrap", "locale", "gettext", "difflib", "stagemake.cli.main", "stagemake.cli.build_command",
    "stagemake.cache.collect", "stagemake.cache.keep", "stagemake.cache.orphan", "stagemake.cleaning", "stagemake.conflicts",
    "stagemake.past.build", "stagemake.past.decode", "stagemake.past.repeats", "stagemake.remembered", "stagemake.staged",
    "stagemake.execute.guard", "stagemake.fingerprint.depfile", "stagemake.forecasting", "stagemake.model.line_diff", "stagemake.model.operation", "stagemake.model.plan_file",
    "stagemake.model.repeat", "stagemake.model.report", "stagemake.model.what_if", "stagemake.overlap", "stagemake.report.change_text",
    "stagemake.report.log_text", "stagemake.runner.call", "stagemake.runner.template", "stagemake.stagefile.glob",
    "stagemake.stagefile.loader", "urllib.parse",
}  # fmt: skip
"""What a plain build of one edited file has no use for."""

HEAVY = {
    "asyncio", "concurrent.futures", "diskcache", "email", "hypothesis", "importlib.metadata",
    "logging", "multiprocessing", "pickle", "platformdirs", "rich", "sqlite3", "ssl",
    "stagemake.cache.store", "stagemake.executing", "stagemake.extending", "stagemake.foreseeing",
    "stagemake.hooking", "stagemake.lifecycle", "stagemake.operations", "stagemake.plugins", "stagemake.recording",
    "stagemake.stage_class", "stagemake.runner.local", "tomllib",
    "unittest", "urllib.request",
}  # fmt: skip


@pytest.fixture
def built(project: Project) -> Project:
    """Return a built project of command stages."""
    project.stagefile('command("copy", "cp a b", inputs=["a"], outputs=["b"])\n')
    return project.write("a", "1").build().ran("copy") and project


def test_a_build_with_nothing_to_do_imports_nothing_heavy(built: Project) -> None:
    assert modules_after(built) & HEAVY == set()


def test_to_be_told_of_itself_it_imports_no_manager_and_no_attrs(built: Project) -> None:
    found = modules_after(built, "--help")

    assert found & {"attr", "stagemake.manager", "stagemake.model.stage"} == set()


def test_the_version_is_told_with_nothing_imported_for_it(built: Project) -> None:
    done = entry(built, "--version")

    assert done.stdout == f"stagemake {stagemake.__version__}\n"
    status, *modules = done.stderr.split()
    assert status == "0"
    assert set(modules) - MODULES == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_told_without_what_it_takes_to_work(
    built: Project, name: str
) -> None:
    found = modules_after(built, name, "--help")

    assert (
        found & {"asyncio", "diskcache", "sqlite3", "stagemake.manager", "stagemake.building"}
        == set()
    )


def test_an_edit_is_built_without_the_parser_and_what_rare_builds_need(built: Project) -> None:
    entry(built)  # notes that there is nothing to do, as the entry sees it
    built.write("a", "2")

    done = entry(built, "-j2")

    status, *modules = done.stderr.splitlines()[-1].split()
    assert (status, built.read("b")) == ("0", "2")
    assert "stagemake.executing" in modules
    assert set(modules) & RARE == set()


def test_what_only_comes_from_the_cache_is_brought_back_without_what_runs_actions(
    built: Project,
) -> None:
    built.remove("b")

    found = modules_after(built)

    assert built.read("b") == "1"
    assert "diskcache" in found
    assert found & {"ctypes", "stagemake.runner.supervisor", "stagemake.runner.detach"} == set()


def test_a_first_build_is_asked_for_without_the_parser(project: Project) -> None:
    project.stagefile('command("copy", "cat a > b", inputs=["a"], outputs=["b"])').write("a", "1")

    assert "click" not in modules_after(project, "-j2", "-s")
    assert "click" not in modules_after(project, "build", "b")


@pytest.mark.parametrize(
    "arguments", ["-v", "--json", "-n --json", "-n -v", "-s -v", "copy --json"]
)
def test_what_is_told_of_each_stage_is_known_without_running_the_stagefile(
    built: Project, arguments: str
) -> None:
    entry(built)  # notes that there is nothing to do, as the entry sees it

    done = entry(built, *arguments.split())

    status, *modules = done.stderr.splitlines()[-1].split()
    assert status == "0"
    assert "stagemake.recalled" in modules
    assert set(modules) & {"stagemake.stagefile.loader", "stagemake.executing"} == set()


def test_what_tab_asks_is_answered_with_next_to_nothing_imported(built: Project) -> None:
    entry(built)  # notes what there is, as the entry sees it

    done = entry(built, "completion", "bash", "--", "stagemake co", "co")

    assert done.stdout == (
        "word\tcompletion\tprint what lets a shell complete stage names\nword\tcopy\tmakes b\n"
    )
    status, *modules = done.stderr.split()
    assert status == "0"
    assert set(modules) - MODULES == {
        "stagemake.cli", "stagemake.cli.command_names", "stagemake.cli.completion_line",
        "stagemake.cli.completion_noted", "stagemake.cli.completion_offer", "stagemake.cli.raw_output",
    }  # fmt: skip


def test_importing_the_package_imports_nothing_of_it() -> None:
    code = (
        "import sys; before = set(sys.modules); import stagemake; print(*set(sys.modules) - before)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True,
        env={"PYTHONPATH": home()},
    )  # fmt: skip

    assert set(done.stdout.split()) <= {"stagemake", "__future__"}


def home() -> str:
    from project import PACKAGE_HOME

    return PACKAGE_HOME


def test_a_build_into_a_pipe_does_not_load_what_terminals_need(project: Project) -> None:
    project.stagefile('command("slow", "sleep 0.5; : > {outputs}", outputs=["b"])\n')

    loaded = modules_after(project, "--color=always")

    assert {"rich", "stagemake.report.live", "stagemake.plan.remaining"} & loaded == set()
    assert "stagemake.executing" in loaded
