"""docs/migrating.md: the project is the same for each tool, and behaves as the tables say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from example_kit import environment, need_programs

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "migrating.md").read_text("utf-8")
FILES = dict(re.findall(r'^```\w+ title="(\w[\w.]*)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
(SETUP,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Tool:
    """A copy of the project with one build tool."""

    def __init__(self, base: Path, file: str, argv: list[str]) -> None:
        self.root, self.argv = base / file, argv
        self.root.mkdir()
        self.env = {
            **environment(), "PYTHONPATH": str(HOME), "STAGEMAKE_CACHE_DIR": f"{base}/cache",
        }  # fmt: skip
        subprocess.run(["bash", "-ec", SETUP], cwd=self.root, check=True)
        (self.root / file).write_text(FILES[file], "utf-8")

    def build(self) -> str:
        done = subprocess.run(
            self.argv, cwd=self.root, env=self.env, capture_output=True, text=True, check=True,
            timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    def total(self) -> list[int]:
        return [int(line) for line in (self.root / "build/total").read_text("utf-8").splitlines()]

    def edit(self) -> None:
        (self.root / "texts" / "b.txt").write_text("three four five\n", "utf-8")


@pytest.fixture(params=sorted(FILES))
def tool(request: pytest.FixtureRequest, tmp_path: Path) -> Tool:
    python = [sys.executable, "-m"]
    argv = {
        "Stagefile": [*python, "stagemake"], "Makefile": ["make"], "dodo.py": [*python, "doit"],
        "Snakefile": ["snakemake", "--cores", "1"], "dvc.yaml": ["dvc", "repro"],
    }[request.param]  # fmt: skip
    if request.param == "Makefile":
        need_programs("make")
    if request.param == "dodo.py":
        pytest.importorskip("doit", reason="doit is not installed")
    if argv[0] in {"snakemake", "dvc"} and shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not on PATH: too large to be installed for this")
    tool = Tool(tmp_path, request.param, argv)
    if request.param == "dvc.yaml":
        subprocess.run(["dvc", "init", "-q", "--no-scm"], cwd=tool.root, env=tool.env, check=True)
    return tool


def test_each_tool_makes_the_same_and_follows_an_edit(tool: Tool) -> None:
    tool.build()
    before = tool.total()

    tool.edit()
    tool.build()

    assert (before, tool.total()) == ([2, 1], [2, 3])


def test_a_touched_text_runs_nothing_but_in_make(tool: Tool) -> None:
    tool.build()
    text = tool.root / "texts" / "a.txt"
    os.utime(text, ns=(text.stat().st_mtime_ns + 10**10,) * 2)

    printed = tool.build()

    ran = {
        "Stagefile": "ran ", "Makefile": "wc -w", "dodo.py": ".  count:a", "Snakefile": "rule count:",
        "dvc.yaml": "Running stage",
    }[tool.root.name]  # fmt: skip
    assert (ran in printed) == (tool.root.name == "Makefile")


def test_a_removed_text_takes_its_count_with_it_in_stagemake_only(tool: Tool) -> None:
    if tool.root.name == "dvc.yaml":
        pytest.skip("its texts are listed")
    tool.build()
    (tool.root / "texts" / "b.txt").unlink()

    tool.build()

    assert (tool.root / "build/b.count").exists() == (tool.root.name != "Stagefile")


def test_an_edited_recipe_counts_but_in_make_and_doit(tool: Tool) -> None:
    tool.build()
    file = tool.root / tool.root.name
    file.write_text(file.read_text("utf-8").replace("wc -w", "wc -c"), "utf-8")

    tool.build()

    assert (tool.total() != [2, 1]) == (tool.root.name not in {"Makefile", "dodo.py"})


def test_a_removed_target_is_made_again_or_comes_back(tool: Tool) -> None:
    tool.build()
    (tool.root / "build" / "total").unlink()

    printed = tool.build()

    assert tool.total() == [2, 1]
    comes_back = "restored" in printed or "checking out" in printed
    assert comes_back == (tool.root.name in {"Stagefile", "dvc.yaml"})


@pytest.mark.parametrize("file", ["Makefile", "Snakefile", "dvc.yaml"])
def test_init_translates_the_others_files(file: str, tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    tool = Tool(tmp_path, file, [sys.executable, "-m", "stagemake", "init"])

    said = tool.build()
    tool.argv.remove("init")
    built = tool.build()

    assert "left out" not in said
    assert tool.total() == [2, 1], built
    tool.edit()
    assert "2 ran, 1 unchanged" in tool.build()
    assert tool.total() == [2, 3]


def test_what_the_other_tool_has_made_is_put_aside(tool: Tool) -> None:
    tool.build()
    (tool.root / "build" / "total").write_text("by another tool\n", "utf-8")
    (tool.root / "Stagefile").write_text(FILES["Stagefile"], "utf-8")
    shutil.rmtree(tool.root / ".stagemake", ignore_errors=True)
    tool.argv = [sys.executable, "-m", "stagemake"]

    tool.build()

    assert tool.total() == [2, 1]
    kept = [path.read_text("utf-8") for path in tool.root.glob(".stagemake/kept/*/build/total")]
    assert kept == ["by another tool\n"]


def test_the_page_has_all_of_them() -> None:
    assert set(FILES) == {"Stagefile", "Makefile", "dodo.py", "Snakefile", "dvc.yaml"}
