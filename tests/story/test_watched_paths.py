"""Which path an access counts as: links in and out of the project, what comes and goes, tools and caches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stagemake.observe import seccomp, strace
from stagemake.observe.access import AccessLog
from stagemake.observe.landlock import around

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

NO_SECCOMP = seccomp.problem()
NO_STRACE = strace.problem()
needs_seccomp = pytest.mark.skipif(bool(NO_SECCOMP), reason=NO_SECCOMP or "it is there")
needs_strace = pytest.mark.skipif(bool(NO_STRACE), reason=NO_STRACE or "it is there")


@pytest.fixture(
    params=[
        pytest.param("", marks=needs_seccomp, id="seccomp"),
        pytest.param("seccomp", marks=needs_strace, id="strace"),
    ]
)
def linked(request: pytest.FixtureRequest, project: Project) -> Project:
    """Return a project with links of all kinds, watched by each means in turn."""
    project.env["STAGEMAKE_WATCH_WITHOUT"] = request.param
    for name in ("a", "secret", "lock", "old/1", "mixed/dir/x"):
        project.write(name, name)
    (project.base / "out").mkdir()
    (project.base / "out/file").write_text("out")
    (project.base / "into").symlink_to(project.root / "secret")
    (project.root / "leaves").symlink_to("../out/file")
    (project.root / "leaves_by").symlink_to("../out")
    (project.root / "within").symlink_to("secret")
    (project.root / "by").symlink_to("mixed/dir")
    project.write(".venv/pyvenv.cfg").write(".venv/lib/x", "x").write("node_modules/m/x", "x")
    project.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
    return project


def traced(project: Project, text: str, inputs: list[str]) -> dict[str, Any]:  # Any: JSON
    """Run one shell text as a stage and return what was seen of it."""
    project.stagefile(f"command('s', {text!r}, inputs={inputs}, outputs=['o'])\n")
    seen: dict[str, Any] = project.build("trace", "--json", "s").json["stages"][0]
    return seen


@pytest.mark.parametrize(
    ("text", "inputs", "found"),
    [
        ("cat ../into > o", ["a"], ["reads secret"]),
        ("cat leaves > o", ["a"], ["reads leaves"]),
        ("cat leaves_by/file > o", ["a"], ["reads leaves_by/file"]),
        ("cat within > o", ["secret"], ["reads within"]),
        ("cat within > o", ["within"], []),
        ("cat by/x > o", ["mixed/dir/x"], []),
        ("cat by/x > o", ["by/x"], []),
        ("cat mixed/dir/x > o", ["mixed"], []),
        ("cp a o; cp a n; cat n; rm n", ["a"], []),
        ("cp a o; mkdir -p n/m; cp a n/m/x; mv n k", ["a"], ["creates k/"]),
        ("cp a o; mkdir -p n/m; cp a n/m/x", ["a"], ["creates n/"]),
        ("cp a o; mv old new", ["a"], ["creates new/", "removes old"]),
        ("cp a o; cp a n; mv n secret", ["a"], ["changes secret"]),
        ("cp a o; chmod 600 secret", ["a"], ["changes secret"]),
        ("cp a o; rm old/1", ["a"], ["removes old/1"]),
        ("cp a o; echo > a", ["a"], ["changes a"]),
        ("ln secret o", ["a"], ["reads secret"]),
        ("cp a o; ln -s a l", ["a"], ["creates l"]),
        ("cat .venv/lib/x node_modules/m/x a > o; cp a cache/x", ["a"], []),
        ("cat absent > o || cp a o", ["a"], []),
        ("python3 -c 'import os; os.open(\"lock\", os.O_CREAT | os.O_EXCL)'; cp a o", ["a"], []),
        ("cp a o; cat .stagemake/.gitignore", ["a"], []),
    ],
)
def test_a_path_counts_as_what_it_is_in_the_project(
    linked: Project, text: str, inputs: list[str], found: list[str]
) -> None:
    seen = traced(linked, text, inputs)

    acts = [f"{each['act']} {each['path']}" for each in (*seen["reads"], *seen["writes"])]
    if linked.env["STAGEMAKE_WATCH_WITHOUT"]:  # strace tells afterwards: what was there is gone
        found = [text.replace("changes secret", "creates secret") for text in found]
        acts = [text.replace("changes secret", "creates secret") for text in acts]
    assert found == sorted(acts)


@needs_seccomp
def test_what_is_not_a_finding_is_told(project: Project) -> None:
    project.write("a").write("never").write("there").write(".venv/pyvenv.cfg").write(".venv/x")

    seen = traced(project, "cp a o; cat .venv/x; test -e there; test -e gone", ["a", "never"])

    assert seen["used"] == ["a"]
    assert seen["unread"] == ["never"]
    assert seen["looked_up"] == ["there"]
    assert seen["absent"] == ["gone"]
    assert seen["tools"] == [".venv"]


def test_changes_outside_of_the_project_are_noted_but_for_temporary_files() -> None:
    log = AccessLog("/home/me/thing", ("/scratch",))

    for path in ("/opt/x", "/tmp/x", "/scratch/x", "/dev/null", "/home/me/thing/in"):
        log.put(path)
    log.opened("/opt/read", 0)

    assert log.records == [("o", "/opt/x"), ("c", "in")]


@needs_seccomp
def test_a_stage_that_runs_always_can_not_be_stale(project: Project) -> None:
    project.stagefile("command('s', 'cat a', always=True)\n").write("a")

    project.build("--check").ran("s")


@needs_seccomp
def test_a_stage_of_a_program_gets_advice_instead_of_an_edit(project: Project) -> None:
    project.stagefile(
        """\
        from pathlib import Path
        make = command
        make("s", "cat a b > o", inputs=["a"], outputs=["o"])
        """
    ).write("a").write("b")

    seen = project.build("trace", "--json", "s").exited(1).json["stages"][0]

    assert (seen["edits"], seen["advice"]) == ([], ['add "b" to its inputs'])


def test_what_lies_around_a_directory_leads_nowhere_into_it(tmp_path: Path) -> None:
    root = tmp_path.resolve() / "x" / "project"
    (root / "inside").mkdir(parents=True)
    (root.parent / "beside").mkdir()
    (root.parent / "back").symlink_to(root / "inside")
    (tmp_path / "current").symlink_to(root.parent)

    given = around(str(root))

    assert str(root.parent / "beside") in given
    assert [path for path in given if path.endswith(("/back", "/current", "/project"))] == []
