"""Which modules a function finds, and what runs behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

LEAVES_A_THREAD = """\
import threading
import time

def later(path, returned):
    returned.wait()
    import helper
    path.write_text(helper.TEXT)

@stage(outputs=["out"])
def leave(context):
    returned = threading.Event()
    threading.Thread(target=later, args=(context.outputs[0], returned)).start()
    threading.Thread(target=lambda: (threading.main_thread().join(0.2), returned.set())).start()
"""

USES_SCRATCH = """\
@stage(outputs=["out"])
def use(context):
    (context.scratch / "part").write_text("a")
    context.outputs[0].write_text("b")

@stage(outputs=["never"])
def fail(context):
    context.scratch
    raise RuntimeError("no")
"""


def test_a_thread_that_a_function_leaves_finds_the_projects_modules(project: Project) -> None:
    project.stagefile(LEAVES_A_THREAD).write("helper.py", "TEXT = 'of helper'")

    project.build().ran("leave")

    assert project.read("out") == "of helper"


def test_what_runs_behind_a_function_imports_nothing_of_the_project(project: Project) -> None:
    project.stagefile(USES_SCRATCH)
    for name in ("shutil", "traceback", "difflib"):
        project.write(f"{name}.py", "raise SystemExit('of the project')")

    built = project.build("-k")

    assert "RuntimeError: no" in built.stdout + built.stderr
    assert project.read("out") == "b"
    assert not list((project.root / ".stagemake" / "Stagefile").glob("scratch/*"))
