"""docs/ci.md does what it says: its workflows are YAML, and their commands run here as there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from git_kit import commit_all, git

from stagemake.cli.command_names import COMMANDS
from stagemake.observe import seccomp

if TYPE_CHECKING:
    from project import Project

yaml = pytest.importorskip("yaml")
NO_SECCOMP = seccomp.problem()
needs_seccomp = pytest.mark.skipif(bool(NO_SECCOMP), reason=NO_SECCOMP or "it is there")
HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "ci.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WORKFLOW, GITLAB, HOOKS_IN_USE = (yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml")
SHELL = [text for kind, text in BLOCKS if kind == "sh"]
JOB = WORKFLOW["jobs"]["build"]


@pytest.fixture
def project(project: Project) -> Project:
    """Return a committed project with `stagemake` on its PATH, as an installation would have it."""
    programs = project.base / "bin"
    programs.mkdir()
    script = programs / "stagemake"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stagemake "$@"\n')
    script.chmod(0o755)
    project.env["PATH"] = f"{programs}:{os.environ['PATH']}"
    project.write(".gitignore", "/.cache/\n/build/\n").write("a", "1\n").write("b", "2\n")
    project.stagefile("""\
        command("one", "cat a > {outputs}", inputs=["a"], outputs=["build/one"])
        command("two", "cat build/one b > {outputs}", inputs=["build/one", "b"], outputs=["build/two"])
        command("lint", "grep -q . a", inputs=["a"])
        """)
    commit_all(project.root)
    return project


def machine(project: Project, number: int) -> Path:
    """Return a fresh clone, as a run begins with one."""
    place = project.base / f"machine{number}"
    git(project.base, "clone", "-q", str(project.root), str(place))
    return place


def run(project: Project, place: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub and GitLab do."""
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=place, capture_output=True, text=True, check=False,
        timeout=120, env={**project.process_environment(), **env},
    )  # fmt: skip


def steps(project: Project, place: Path, kept: Path) -> dict[str, Any]:
    """Run the workflow's steps in order; what `actions/cache` does is copying. Return what the shell's gave."""
    env = {
        name: value.replace("${{ github.workspace }}", str(place))
        for name, value in JOB["env"].items()
    }
    given: dict[str, Any] = {}
    has_failed = False
    for step in JOB["steps"]:
        if has_failed and step.get("if") != "always()":
            continue
        uses = step.get("uses", "").partition("@")[0]
        if uses == "actions/cache/restore" and kept.exists():
            shutil.copytree(kept, place / step["with"]["path"], dirs_exist_ok=True)
        elif uses == "actions/cache/save":
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(place / step["with"]["path"], kept)
        elif step.get("run", "pip install").startswith("pip install") is False:
            given[step["name"]] = run(project, place, step["run"], GITHUB_ACTIONS="true", **env)
            has_failed = has_failed or given[step["name"]].returncode != 0
    return given


def test_the_workflow_has_githubs_form() -> None:
    triggers = WORKFLOW.get("on", WORKFLOW.get(True))  # `on` is a truth value in YAML 1.1

    assert set(triggers) == {"push", "pull_request"}
    assert JOB["runs-on"] == "ubuntu-latest"
    for step in JOB["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert set(step) <= {"name", "run", "uses", "with", "if"}
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?@v\d+", step["uses"])
    restore, save = (step["with"] for step in JOB["steps"] if "cache/" in step.get("uses", ""))
    assert restore["path"] == save["path"]
    assert restore["key"] == save["key"]
    assert restore["key"].startswith(restore["restore-keys"])  # and is never the same again
    assert "${{ github.run_id }}" in save["key"]
    assert JOB["env"]["STAGEMAKE_CACHE_DIR"].endswith(f"/{save['path']}")


@needs_seccomp
def test_the_second_run_of_the_workflow_builds_nothing_again(project: Project) -> None:
    kept = project.base / "kept"

    first = steps(project, machine(project, 1), kept)
    second = steps(project, machine(project, 2), kept)

    names = ["plan", "build", "keep the cache small"]
    assert list(first) == list(second) == names
    for given in (first, second):
        assert [given[name].returncode for name in names] == [0, 0, 0], given
    assert "3 ran" in first["build"].stderr
    assert "3 restored" in second["build"].stderr
    assert "\x1b[" in second["build"].stderr


@needs_seccomp
def test_the_workflow_fails_on_what_is_not_declared_and_keeps_what_was_done(
    project: Project,
) -> None:
    text = project.read("Stagefile").replace('inputs=["build/one", "b"]', 'inputs=["build/one"]')
    project.write("Stagefile", text)
    commit_all(project.root)
    kept = project.base / "kept"

    given = steps(project, machine(project, 1), kept)

    assert given["build"].returncode == 1
    assert "it reads `b`, which it does not declare" in given["build"].stderr
    assert "::error file=Stagefile,line=3,title=two::" in given["build"].stderr
    assert given["keep the cache small"].returncode == 0
    assert (kept / "cache.db").exists()


def test_gitlabs_job_runs_and_keeps_its_cache(project: Project) -> None:
    job = GITLAB["build"]
    place = machine(project, 1)
    cache = job["variables"]["STAGEMAKE_CACHE_DIR"].replace("$CI_PROJECT_DIR", str(place))
    assert cache == str(place / job["cache"]["paths"][0])

    script = "\n".join([*job["script"], *job["after_script"]])
    done = run(project, place, script, STAGEMAKE_CACHE_DIR=cache, CI="true")

    assert done.returncode == 0, done.stderr
    assert "3 ran" in done.stderr
    assert (Path(cache) / "cache.db").exists()


def test_the_statuses_are_those_of_the_command_line() -> None:
    def statuses(text: str) -> set[str]:
        table = text.partition("## Exit status\n")[2].partition("\n## ")[0]
        return {line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")}

    known = (HOME / "docs" / "command-line.md").read_text("utf-8")
    assert statuses(PAGE) == statuses(known)


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
def test_the_examples_with_jq_answer(project: Project) -> None:
    (script,) = (text for text in SHELL if "jq" in text)
    project.write(
        "Stagefile",
        project.read("Stagefile")
        + 'command("bad", "echo oh; exit 3")\ncommand("after", "true", after=["bad"])\n',
    )

    done = run(project, project.root, script)

    assert done.returncode == 0, done.stderr
    lines = project.normal(done.stdout).splitlines()
    reasons = {"one": "never_built", "two": "never_built", "lint": "never_built"}
    reasons |= {"bad": "always", "after": "always"}
    assert dict(line.split(": ") for line in map(str.rstrip, lines[:5])) == reasons
    assert lines[5:8] == ["bad", ".stagemake/Stagefile/failed-logs/bad.log", "0"]
    assert sorted(line.split()[1] for line in lines[8:11]) == ["lint", "one", "two"]
    score = json.loads("".join(lines[11:]))
    assert set(score) == {"forecasts", "coverage", "median_error"}
    refused = run(project, project.root, script.split("\n\n")[1].replace("< 600", "< -1"))
    assert refused.returncode == 1


def test_affected_and_generated_files_as_the_page_has_them(project: Project) -> None:
    affected, generated = (text for text in SHELL if "origin/main" in text or "generated" in text)
    text = project.read("Stagefile") + (
        'command("generated", "sort a > {outputs}", inputs=["a"], outputs=["sorted"])\n'
    )
    project.write("Stagefile", text).write("sorted", "1\n")
    commit_all(project.root)
    place = machine(project, 1)

    assert run(project, place, generated).returncode == 0
    (place / "b").write_text("3\n")
    done = run(project, place, affected)
    assert done.returncode == 0, done.stderr
    assert "two" in done.stderr
    assert "lint" not in done.stderr
    (place / "a").write_text("9\n8\n")
    assert run(project, place, generated).returncode == 1


# --- pre-commit -----------------------------------------------------------------------------------

HOOKS = yaml.safe_load((HOME / ".pre-commit-hooks.yaml").read_text("utf-8"))


def test_the_hooks_have_the_form_that_pre_commit_wants() -> None:
    known = {
        "id", "name", "description", "entry", "language", "pass_filenames", "always_run",
        "require_serial", "stages",
    }  # fmt: skip

    assert [hook["id"] for hook in HOOKS] == ["stagemake", "stagemake-check"]
    for hook in HOOKS:
        assert set(hook) == known
        assert hook["language"] == "python"  # installs the repository it is in
        assert hook["pass_filenames"] is False  # they would be taken for targets
        program, command, *options = hook["entry"].split()
        assert program == "stagemake"
        assert command in COMMANDS
        assert set(options) <= {"--check"}
        assert set(hook["stages"]) <= {"pre-commit", "pre-push", "manual"}
    (repo,) = HOOKS_IN_USE["repos"]
    assert {hook["id"] for hook in repo["hooks"]} <= {hook["id"] for hook in HOOKS}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
@needs_seccomp
def test_a_hook_passes_and_fails_with_its_targets(project: Project, hook: dict[str, Any]) -> None:
    place = machine(project, 1)

    passed = run(project, place, f"{hook['entry']} lint")
    (place / "a").write_text("")
    failed = run(project, place, f"{hook['entry']} lint")

    assert (passed.returncode, failed.returncode) == (0, 1), passed.stderr


def test_the_hook_of_git_alone_keeps_a_bad_commit_out(project: Project) -> None:
    (script,) = (text for text in SHELL if text.startswith("#!"))
    place = machine(project, 1)
    hook = place / ".git" / "hooks" / "pre-commit"
    hook.write_text(script.replace("lint types", "lint"))
    hook.chmod(0o755)
    commit = "git -c user.name=a -c user.email=a@example.org commit -qam x"

    assert run(project, place, f"echo 5 > a; {commit}").returncode == 0
    assert run(project, place, f": > a; {commit}").returncode == 1
