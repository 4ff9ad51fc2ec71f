"""A build in GitHub Actions: what its log and its summary hold beside what everybody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project


@pytest.fixture
def actions(project: Project) -> Project:
    """Return a project in a checkout as GitHub's runners have it; it is in a directory of that."""
    project.env.update(
        CI="true",
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(project.base),
        GITHUB_STEP_SUMMARY=str(project.base / "summary.md"),
    )
    project.stagefile("""\
        command("quiet", "echo 1 > {outputs}", outputs=["q"])
        command("warn", "echo 'src/a.c:1:2: warning: 100% odd, really' >&2; echo x > {outputs}", outputs=["w"], after=["quiet"])
        command("bad", "echo 'src/a.c:3:5: error: no `;`'; echo 'gone.c:1:1: error: other'; exit 1", after=["warn"])
        """)
    return project.write("src/a.c")


def test_output_is_folded_and_messages_are_annotations(actions: Project) -> None:
    actions.build("-j1", "-k").printed("""\
        [1/3] ran       quiet  <time>
        ::group::[2/3] ran       warn  <time>
        src/a.c:1:2: warning: 100% odd, really
        ::endgroup::
        ::warning file=project/src/a.c,line=1,col=2,title=warn::100%25 odd, really
        [3/3] FAILED    bad  <time>

        failed: bad: exit status 1
        src/a.c:3:5: error: no `;`
        gone.c:1:1: error: other
          what it printed: `.stagemake/Stagefile/failed-logs/bad.log`
          to run it again: stagemake bad
        ::error file=project/src/a.c,line=3,col=5,title=bad::no `;`
        stagemake: failed, 3 stages: 2 ran, 1 failed in <time>
        """)


def test_the_steps_summary_tells_what_came_of_it(actions: Project) -> None:
    actions.build("-j1", "-k").exited(1)

    text = actions.normal((actions.base / "summary.md").read_text())
    for name in ("warn", "quiet"):  # which one took longer is chance
        text = text.replace(f"<code>{name}</code> | <time>", "one | <time>")
    assert (
        text
        == """\
### stagemake: failed, 3 stages

| ran | failed | time | from the cache | into it |
| --- | --- | --- | --- | --- |
| 2 | 1 | <time> | 0 B | 4 B |

**<code>bad</code>**: exit status 1

<details><summary>what it printed</summary>
<pre>src/a.c:3:5: error: no &#96;;&#96;
gone.c:1:1: error: other</pre></details>

| longest | took |
| --- | --- |
| one | <time> |
| one | <time> |

"""
    )


def test_a_summary_of_a_build_that_is_ended_tells_what_was_cut_short(actions: Project) -> None:
    actions.stagefile("""\
        command("first", "touch begun; sleep 1000", outputs=["a"])
        command("second", "cp a b", inputs=["a"], outputs=["b"])
        """)

    actions.interrupt("begun").exited(130)

    assert actions.normal((actions.base / "summary.md").read_text()) == (
        "### stagemake: interrupted, 2 stages\n\n"
        "| interrupted | not run | time |\n| --- | --- | --- |\n| 1 | 1 | <time> |\n\n"
    )


def test_a_failure_without_a_place_is_at_its_declaration(project: Project) -> None:
    project.env.update(GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(project.root))
    project.stagefile("command('bad', 'exit 3')\n")

    said = project.build().exited(1).stderr

    assert "::error file=Stagefile,line=2,title=bad::exit status 3\n" in said


def test_a_traceback_is_at_the_projects_own_line(project: Project) -> None:
    project.env.update(GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(project.root))
    project.stagefile("""\
        import json
        @stage(outputs=["a"])
        def f(context):
            json.loads("{")
        """)

    said = project.build().exited(1).stderr

    (line,) = (line for line in said.splitlines() if line.startswith("::"))
    assert line.startswith("::error file=Stagefile,line=5,title=f::json.decoder.JSONDecodeError: ")


def test_no_more_of_a_level_than_github_shows(project: Project) -> None:
    project.env.update(GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(project.root))
    project.write("a.c").stagefile(
        "command('bad', 'for i in $(seq 30); do echo a.c:$i:1: error: e; done; exit 1')\n"
    )

    assert project.build().exited(1).stderr.count("::error ") == 10


@pytest.mark.parametrize("value", ["", "false"])
def test_elsewhere_there_is_nothing_of_that(actions: Project, value: str) -> None:
    actions.env["GITHUB_ACTIONS"] = value

    said = actions.build("-k").exited(1).stderr

    assert "::" not in said
    assert not (actions.base / "summary.md").exists()


def test_a_summary_that_cannot_be_written_costs_nothing_else(actions: Project) -> None:
    actions.env["GITHUB_STEP_SUMMARY"] = str(actions.base / "no" / "such.md")

    result = actions.build("quiet")

    assert result.ran("quiet").exit_code == 0
    assert "reporter GitHubSummary failed and is told nothing more" in result.stderr


def test_a_build_with_nothing_to_do_writes_no_summary(actions: Project) -> None:
    actions.build("quiet")
    before = (actions.base / "summary.md").read_text()

    actions.build("quiet").printed("stagemake: up to date\n")

    assert (actions.base / "summary.md").read_text() == before
