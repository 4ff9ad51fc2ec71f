"""Pages are true where a machine can tell: links lead somewhere, examples run, tables are complete."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from stagemake import StageContext, StageManager
from stagemake.cli.build_command import command as build_command
from stagemake.cli.command_names import COMMANDS
from stagemake.execute.environment import BASE, FIXED
from stagemake.model.plan import Reason, Verdict
from stagemake.model.report import ConflictKind
from stagemake.model.result import Outcome
from stagemake.stagefile.keywords import Keywords

if TYPE_CHECKING:
    from project import Project

HOME = Path(__file__).parents[2]
PAGES = sorted([*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md")])
DECISIONS = sorted((HOME / "docs" / "decisions").glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLANNED = (
    "report",
)  # fmt: skip


def page(name: str) -> str:
    return (HOME / name).read_text("utf-8")


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ +(.*)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def blocks(name: str, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page(name)) if kind == language]


def ids(path: Path) -> str:
    return str(path.relative_to(HOME))


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_every_link_leads_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    broken = []

    for link in LINK.findall(BLOCK.sub("", text)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        goal = path.parent / file if file else path
        if not goal.exists() or (anchor and anchor not in anchors(goal.read_text("utf-8"))):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("path", PAGES, ids=ids)
def test_every_path_that_a_page_names_exists(path: Path) -> None:
    named = re.findall(r"`((?:tests|benchmarks|docs|stagemake)/[\w./-]*)`", path.read_text("utf-8"))

    assert [one for one in named if not (HOME / one).exists()] == []


@pytest.mark.parametrize(
    "text",
    [text for text in blocks("docs/stagefile.md", "python") if "from stagemake" not in text],
    ids=lambda text: text.split("\n", 1)[0][:40],
)
def test_every_example_of_the_language_is_accepted(project: Project, text: str) -> None:
    assumed = 'command("link", "true"); command("package", "true")\n' if "pipeline(" in text else ""

    project.stagefile(assumed + text)

    project.run("list").exited(0)


def test_every_page_has_a_place_in_the_site() -> None:
    places = re.findall(r"([\w/-]+\.md)$", page("mkdocs.yml"), re.MULTILINE)

    assert {path.name for path in (HOME / "docs").glob("*.md")} == {
        place for place in places if "/" not in place
    } - {"index.md"}


def test_the_page_on_embedding_is_a_program_that_runs(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n\n".join(blocks("docs/embedding.md", "python")), "utf-8")

    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


def test_every_member_of_the_manager_and_the_context_is_told_somewhere() -> None:
    text = page("docs/embedding.md") + page("docs/stagefile.md")
    members = {*vars(StageManager), *(one.name for one in attrs.fields(StageContext))}
    inner = {"root", "settings", "environ", "project", "interrupt", "state", "explain", "log_of"}
    inner |= {"cache_directory", "explainer", "service_starts", "stored_logs"}

    public = {name for name in members if not name.startswith("_")} - inner

    assert {name for name in public if not re.search(rf"\b{name}\b", text)} == set()


def test_every_keyword_is_explained_once() -> None:
    table = page("docs/stagefile.md").partition("\n## Keywords")[2].partition("\n### ")[0]

    explained = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert sorted(Keywords.__annotations__) == sorted(explained)


def test_every_option_and_command_is_explained() -> None:
    text = page("docs/command-line.md")
    options = {
        name for param in build_command.params for name in param.opts if name.startswith("-")
    }

    missing = [name for name in options if not re.search(rf"`{name}(?:`| )", text)]
    missing += [name for name in COMMANDS if f"| `{name}" not in text]

    assert missing == []


def test_every_code_of_the_json_is_listed() -> None:
    text = page("docs/command-line.md")
    codes = [reason.code for reason in Reason] + [kind.code for kind in ConflictKind]

    assert [code for code in codes if f"`{code}`" not in text] == []


def test_the_json_examples_have_exactly_the_keys_of_the_real_ones(project: Project) -> None:
    plan, outcome = (json.loads(text) for text in blocks("docs/command-line.md", "json")[:2])
    project.stagefile('command("a", "cp i o", inputs=["i"], outputs=["o"])').write("i")

    real_plan = project.run("build", "-n", "--json").json
    real_outcome = project.run("build", "--json").json

    for example, real in ((plan, real_plan), (outcome, real_outcome)):
        assert example.keys() == real.keys()
        assert example["stages"][0].keys() == real["stages"][0].keys()
        assert example["forecast"].keys() == real["forecast"].keys()
    assert plan["stages"][0]["estimate"].keys() == real_plan["stages"][0]["estimate"].keys()
    assert {verdict.value for verdict in Verdict} == plan["totals"].keys()
    assert {each.value for each in Outcome} == outcome["outcomes"].keys()
    assert real_outcome["cache"].keys() == outcome["cache"].keys()


def test_the_environment_is_told_in_full() -> None:
    text = page("docs/semantics.md").partition("**What does a stage see?**")[2].partition("\n\n")[0]
    proxies = {name for name in BASE if "proxy" in name.lower()}
    certificates = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"}

    told = set(re.findall(r"`(\w+)(?:=[^`]*)?`", text))

    assert {*BASE, *FIXED} - proxies - certificates <= told


def test_semantics_answers_more_than_forty_questions_each_once() -> None:
    questions = re.findall(r"^\*\*(.+?)\*\*", page("docs/semantics.md"), re.MULTILINE)

    assert len(questions) > 80
    assert len(set(questions)) == len(questions)


@pytest.mark.parametrize("path", DECISIONS, ids=ids)
def test_a_decision_is_short_and_says_what_follows(path: Path) -> None:
    text = path.read_text("utf-8")

    assert len(text.splitlines()) <= 40
    assert text.startswith(f"# {path.name[:4]} ")
    assert all(f"**{word}.**" in text for word in ("Situation", "Choice", "Consequences"))


@pytest.mark.parametrize("name", ["docs/stagefile.md", "docs/command-line.md", "README.md"])
def test_what_is_planned_is_told_as_planned_only(name: str) -> None:
    before = re.split(r"^(?:## Planned|Planned, )", page(name), flags=re.MULTILINE)[0]

    assert [
        word for word in PLANNED if re.search(rf"stagemake {word}\b|`{word}[=(`]", before)
    ] == []
