"""`Stagefile.example` does what its first lines promise: each promise is built and counted."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from attrs import frozen

HOME = Path(__file__).resolve().parents[2]
PAGE = "build/example/index.html"

Report = dict[str, Any]  # Any: the JSON that a build or a plan prints

pytestmark = pytest.mark.slow


@frozen
class Example:
    """A directory with a copy of the example, and the cache its builds use."""

    root: Path
    cache: Path

    def run(self, *arguments: str) -> Report:
        """Return the JSON that a build or a plan prints."""
        argv = [sys.executable, "-m", "stagemake", "-f", "Stagefile.example", "-C", str(self.root)]
        argv += ["--cache-dir", str(self.cache), "--json", *arguments]
        done = subprocess.run(
            argv, cwd=HOME, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        report: Report = json.loads(done.stdout)
        return report

    def edit(self, old: str, new: str) -> None:
        """Replace a text that stands in the Stagefile exactly once."""
        file = self.root / "Stagefile.example"
        text = file.read_text("utf-8")
        assert text.count(old) == 1, old
        file.write_text(text.replace(old, new), "utf-8")

    def page(self) -> str:
        """Return the page that was built."""
        return (self.root / PAGE).read_text("utf-8")


def make(root: Path, cache: Path) -> Example:
    root.mkdir(exist_ok=True)
    shutil.copy(HOME / "Stagefile.example", root)
    return Example(root, cache)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Report]:
    """The example built once with an empty cache, and what that build said. Not to be changed."""
    example = make(tmp_path_factory.mktemp("cold"), tmp_path_factory.mktemp("cache"))
    return example, example.run()


@pytest.fixture
def built(cold: tuple[Example, Report], tmp_path: Path) -> Example:
    """A second checkout that has been brought up to date, from the first one's cache."""
    example = make(tmp_path / "checkout", cold[0].cache)
    example.run()
    return example


def names(report: Report, outcome: str) -> set[str]:
    """Return the stages of an outcome, or of a verdict; all measures as one name."""
    chosen = (
        one for one in report["stages"] if outcome in {one.get("outcome"), one.get("verdict")}
    )
    return {re.sub(r"^measure\..*", "measure.*", one["name"]) for one in chosen}


LATER = {"ranking", "top", "page", "modules", "check", "picture.wide", "picture.narrow"}
LATER |= {"chart.lines", "chart.importers", "chart.complexity", "chart.functions"}


def test_the_first_build_measures_every_module(cold: tuple[Example, Report]) -> None:
    _, report = cold

    measured = [one for one in report["stages"] if one["name"].startswith("measure.")]

    assert len(measured) >= 150
    assert names(report, "ran") == {"measure.*", "import_graph", "functions"} | LATER
    assert report["outcomes"]["ran"] == len(report["stages"])


def test_the_page_needs_no_other_file_and_shows_every_module(cold: tuple[Example, Report]) -> None:
    example, report = cold
    measured = {one["name"] for one in report["stages"] if one["name"].startswith("measure.")}

    page = example.page()
    towers = [
        ET.fromstring(svg) for svg in re.findall(r'<svg class="tower".*?</svg>', page, re.DOTALL)
    ]

    assert not re.search(r'<link|<img|src=|@import|url\(|"https?:', page)
    assert len(towers) == 2
    for tower in towers:
        shown = {f"measure.{link.get('data-m')}" for link in tower.iter("a")}
        assert measured == shown


def test_no_label_of_the_tower_leaves_the_picture(cold: tuple[Example, Report]) -> None:
    example, _ = cold
    towers = re.findall(
        r'<svg class="tower" viewBox="0 0 (\d+) (.*?)</svg>', example.page(), re.DOTALL
    )

    labels = [
        (float(x), len(name) * 5.8 / 2, float(width), name)
        for width, drawing in towers
        for x, name in re.findall(r'<text x="([\d.]+)" y="[\d.]+">(\w+)</text></a>', drawing)
    ]

    assert len(labels) >= 2 * 150
    assert not [name for x, half, width, name in labels if not half <= x <= width - half]


def test_a_second_build_does_nothing(built: Example) -> None:
    report = built.run()

    assert report["outcomes"]["fresh"] == len(report["stages"])


def test_another_checkout_gets_the_same_page_from_the_cache(
    cold: tuple[Example, Report], tmp_path: Path
) -> None:
    other = make(tmp_path / "other", cold[0].cache)

    report = other.run()

    assert names(report, "ran") == set()
    assert cold[0].page() == other.page()


def test_a_stricter_ranking_is_forecast_without_measuring(built: Example) -> None:
    plan = built.run("-n", "-D", "min_complexity=15")

    assert names(plan, "miss") == {"ranking", "page"}
    assert names(plan, "maybe") == {"top", "chart.functions", "check"}


def test_a_stricter_ranking_is_cut_off_where_the_top_stays(built: Example) -> None:
    report = built.run("-D", "min_complexity=16")

    assert names(report, "ran") == {"ranking", "top", "page", "check"}
    assert names(report, "cut_off") == {"chart.functions"}
    assert "reach a complexity of 16 or more" in built.page()


def test_a_comment_runs_nothing(built: Example) -> None:
    built.edit("def measure_file", "# A comment.\ndef measure_file")

    report = built.run()

    assert report["outcomes"]["fresh"] == len(report["stages"])


def test_one_more_figure_is_cut_off_behind_the_joining(built: Example) -> None:
    built.edit('"functions": functions}', '"functions": functions, "more": 1}')

    report = built.run()

    assert names(report, "ran") == {"measure.*", "import_graph", "functions"}
    assert names(report, "cut_off") == LATER


def test_a_colour_measures_and_draws_nothing(built: Example) -> None:
    built.edit("--paper: #fbf9f4", "--paper: #fafafa")

    report = built.run()

    assert names(report, "ran") == {"modules", "page", "check"}
