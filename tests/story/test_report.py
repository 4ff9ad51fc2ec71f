"""`report`: what the page is made of, for builds and plans; what it can't know it says. Browsers: test_report_page.py."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from stagemake.past.codec import line_of

if TYPE_CHECKING:
    from project import Project

TWO = """\
command("first", "echo from {inputs}; cat src > a", inputs=["src"], outputs=["a"], description="the <first>")
command("second", "cat a > b", inputs=["a"], outputs=["b"])
"""


@pytest.fixture
def two(project: Project) -> Project:
    return project.stagefile(TWO).write("src", "1")


def told(project: Project, *arguments: str) -> dict[str, Any]:
    """Return what a page holds."""
    project.build("report", "-o", "page.html", *arguments).printed("page.html\n").exited(0)
    return data_of(project.read("page.html"))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert found is not None
    return json.loads(found[1])


def by_name(page: dict[str, Any]) -> dict[str, Any]:
    return {stage["name"]: stage for stage in page["stages"]}


def test_the_last_build_is_told_in_the_state_directory(two: Project) -> None:
    two.build().ran("first", "second")
    before = two.tree()

    two.build("report").printed("<root>/.stagemake/report.html\n").exited(0)

    after = two.tree()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {"project/.stagemake", "project/.stagemake/report.html"}
    page = data_of(two.read(".stagemake/report.html"))
    assert page["kind"] == "build"
    assert page["head"]["number"] == 1
    assert page["notes"] == []
    assert page["head"]["cache"]["misses"] == 2
    assert page["head"]["cache"]["bytes_written"] > 0
    assert [one["number"] for one in page["builds"]] == [1]


def test_a_stage_has_reason_times_paths_log_and_neighbours(two: Project) -> None:
    two.build().ran("first", "second")
    two.write("src", "2").build().ran("first", "second")

    page = told(two)

    first = by_name(page)["first"]
    assert first["outcome"] == "ran"
    assert first["reason"] == "input changed: src"
    assert [what for what, _, _ in first["because"]] == ["input changed: src"]
    assert first["description"] == "the <first>"
    assert first["log"] == {"text": "from src", "note": ""}
    assert (first["inputs"], first["outputs"]) == (["src"], ["a"])
    assert first["lane"] == 1
    assert first["wall_s"] > 0
    assert first["at_s"] >= 0
    assert first["expected_s"] is not None
    assert [number for number, _ in first["runs"]] == [1, 2]
    assert page["edges"] == [[0, 1, "a"]]
    assert page["head"]["critical"] == [0, 1]
    assert [len(scene["nodes"]) for scene in page["scenes"]] == [2]


def test_a_build_of_before_is_told_by_its_number(two: Project) -> None:
    two.build().ran("first", "second")
    two.write("src", "2").build().ran("first", "second")
    two.write("src", "1").build().restored("first", "second")

    page = told(two, "1")

    assert page["head"]["number"] == 1
    assert {stage["outcome"] for stage in page["stages"]} == {"ran"}
    assert told(two, "last")["head"]["number"] == 3
    assert {stage["outcome"] for stage in told(two)["stages"]} == {"restored"}


def test_what_failed_has_its_log_and_what_follows_its_reason(two: Project) -> None:
    two.stagefile(TWO.replace("cat src > a", "echo oh no >&2; exit 3")).build().failed("first")

    stages = by_name(told(two))

    assert stages["first"]["log"] == {"text": "from src\noh no", "note": "the end of it"}
    assert (stages["first"]["exit_code"], stages["first"]["problem"]) == (3, "exit status 3")
    assert stages["second"]["outcome"] == "blocked"
    assert stages["second"]["problem"] == "needs `first`, which failed"


def test_a_log_of_a_later_run_is_said_to_be_one(two: Project) -> None:
    two.build().ran("first", "second")
    path = two.root / ".stagemake/Stagefile/builds/1"
    lines = [json.loads(line[9:]) for line in path.read_bytes().splitlines()]
    lines[0]["started_s"] -= 1000  # as if it had been made long before the log
    path.write_bytes(b"".join(map(line_of, lines)))

    first = by_name(told(two))["first"]

    assert first["log"] == {
        "text": "from src",
        "note": "by another run that made this result, after this build",
    }


def test_without_the_cache_there_is_no_log_and_everything_else(two: Project) -> None:
    two.build().ran("first", "second")
    two.build("cache", "clear", "--yes")

    assert by_name(told(two))["first"]["log"] is None


def test_stages_that_are_gone_are_told_without_graph(two: Project) -> None:
    two.build().ran("first", "second")
    two.stagefile(TWO.splitlines()[0])

    page = told(two)

    assert page["notes"] == [
        "The graph and paths are those of the Stagefile as it is now: 1 stage of this build is not in it."
    ]
    assert by_name(page)["second"]["outcome"] == "ran"
    assert by_name(page)["second"]["kind"] is None
    assert [len(scene["nodes"]) for scene in page["scenes"]] == [1]


def test_the_past_needs_no_working_stagefile(two: Project) -> None:
    two.build().ran("first", "second")
    two.write("Stagefile", "command(")

    result = two.build("report", "-o", "page.html").exited(0)

    assert result.stdout == "page.html\n"
    assert result.stderr.startswith("stagemake: the page has no graph: ")
    page = data_of(two.read("page.html"))
    assert page["scenes"] == []
    assert set(by_name(page)) == {"first", "second"}
    assert len(page["notes"]) == 1


def test_a_build_of_an_older_version_says_what_it_lacks(two: Project) -> None:
    two.build().ran("first", "second")
    path = two.root / ".stagemake/Stagefile/builds/1"
    lines = [json.loads(line[9:]) for line in path.read_bytes().splitlines()]
    newer = {"at_s", "peak_rss_bytes", "problem", "log", "cache"}
    path.write_bytes(
        b"".join(line_of({k: v for k, v in line.items() if k not in newer}) for line in lines)
    )

    page = told(two)

    assert page["notes"] == [
        "When stages began was not noted by the version that made this build: there is no timeline.",
        "What the cache read and wrote was not noted by the version that made this build.",
    ]
    assert page["head"]["critical"] == []


def test_a_killed_build_is_told_as_far_as_it_came(two: Project) -> None:
    two.build().ran("first", "second")
    path = two.root / ".stagemake/Stagefile/builds/1"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))

    page = told(two)

    assert page["head"]["ending"] == "killed"
    assert {name: stage["outcome"] for name, stage in by_name(page).items()} == {
        "first": "ran",
        "second": "unknown",
    }


def test_what_was_cut_off_is_told_from_what_was_not_reached(project: Project) -> None:
    project.stagefile(
        """\
        command("one", "touch begun; sleep 1000", outputs=["a"])
        command("two", "cp a b", inputs=["a"], outputs=["b"])
        """
    )
    project.interrupt("begun", "-j1").exited(130)

    stages = by_name(told(project))

    assert {name: each["outcome"] for name, each in stages.items()} == {
        "one": "interrupted",
        "two": "cancelled",
    }
    assert stages["one"]["wall_s"] > 0  # it is in the timeline


def test_a_plan_is_told_for_targets(two: Project) -> None:
    two.build().ran("first", "second")
    two.write("src", "2")

    page = told(two, "-n", "second")

    assert page["kind"] == "plan"
    assert page["head"]["targets"] == ["second"]
    stages = by_name(page)
    assert stages["first"]["outcome"] == "miss"
    assert [what for what, _, _ in stages["first"]["because"]] == ["input changed: src"]
    assert stages["second"]["outcome"] == "maybe"
    assert stages["first"]["log"]["text"] == "from src"
    assert page["head"]["critical"] == [0, 1]


def test_a_plan_that_was_written_is_told(two: Project) -> None:
    two.build("-n", "-o", "plan.json").exited(0)

    page = told(two, "--plan", "plan.json")

    assert page["kind"] == "plan"
    assert {stage["outcome"] for stage in page["stages"]} == {"miss"}
    assert page["edges"] == [[0, 1, "a"]]


def test_a_plan_changes_nothing_but_the_file(two: Project) -> None:
    two.write("page.html")
    before = two.tree()

    two.build("report", "-n", "-o", "page.html").exited(0)

    after = two.tree()
    assert {path for path in after if before.get(path) != after[path]} == {
        "project",
        "project/page.html",
    }


def test_the_page_goes_to_stdout(two: Project) -> None:
    two.build().ran("first", "second")

    page = two.run("report", "-o", "-").exited(0).stdout

    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")


def test_nothing_is_loaded_and_nothing_else_may_run(two: Project) -> None:
    two.build().ran("first", "second")
    told(two)

    page = two.read("page.html")

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[\w+/]{43}='; style-src 'sha256-[\w+/]{43}=';"
        r" img-src data:; base-uri 'none'; form-action 'none'",
        policy[1],
    )
    outside = re.findall(
        r"(?:src|href)=\"(?!#)[^\"]*\"|url\([^)]*\)|@import|https?://[^\"\s<]*", page
    )
    assert outside == ["http://www.w3.org/2000/svg"]
    assert "eval(" not in page
    assert "innerHTML" not in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("9",),
            "error: there is no build `9`\nhint: no build is kept; see `stagemake history`\n",
        ),
        (
            ("1", "2"),
            "error: `report` takes one build\nhint: a plan for targets: stagemake report -n TARGETS\n",
        ),
        (
            ("-n", "--plan", "x"),
            "error: `-n` makes a plan, `--plan` reads one: it is one or the other\n",
        ),
        (
            ("--plan", "x", "first"),
            "error: `--plan` takes no builds and no targets: the plan says them\n",
        ),
        (
            (),
            "error: there is no build to report yet\nhint: build something, or report a plan: stagemake report -n\n",
        ),
    ],
)
def test_what_can_t_be_reported_is_said(
    two: Project, arguments: tuple[str, ...], message: str
) -> None:
    with two.unchanged():
        two.build("report", *arguments).printed(message).exited(2)
