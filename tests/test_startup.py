"""What a build that finds nothing to do has imported by then: start-up time is mostly imports."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from noop_kit import MODULES

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


@pytest.mark.parametrize("asked", ["--version", "--help"])
def test_to_be_told_of_itself_it_imports_no_manager_and_no_attrs(
    built: Project, asked: str
) -> None:
    found = modules_after(built, asked)

    assert found & {"attr", "stagemake.manager", "stagemake.model.stage"} == set()


def test_what_tab_asks_is_answered_with_next_to_nothing_imported(built: Project) -> None:
    code = (
        "import sys; before = set(sys.modules); from stagemake.door import look;"
        "code, _ = look(sys.argv[1:]); print(code, *sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    run = [sys.executable, "-P", "-c", code]
    env = {**built.process_environment(), "PYTHONPATH": home()}
    script = "from stagemake.door import script; script()"
    built.stagefile('command("copy", "cp a b", inputs=["a"], outputs=["b"])\n# as the script\n')
    subprocess.run([*run[:-1], script], cwd=built.root, env=env, check=True, timeout=60)

    done = subprocess.run(
        [*run, "completion", "bash", "--", "stagemake co", "co"], cwd=built.root, env=env,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    code, *modules = done.stderr.split()
    assert (
        done.stdout
        == "word\tcompletion\tprint what lets a shell complete stage names\nword\tcopy\tmakes b\n"
    )
    assert code == "0"
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
