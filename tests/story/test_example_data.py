"""`examples/data`: tables, models, charts and a page. Which change runs what."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from example_kit import Build, Example, requirements_python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

MONTHS = {f"clean.2025-{month:02}" for month in range(1, 7)}
SUMS = {"sum.district", "sum.weekday", "sum.month"}
FORESTS = {"fit.forest-calendar", "fit.forest-weather"}
FITS = FORESTS | {"fit.linear-calendar", "fit.linear-weather"}
CHARTS = {"chart.district", "chart.weekday", "chart.month", "chart.forecast"}
ENDING = {"page", "check"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    sklearn = ("compose", "ensemble", "linear_model", "metrics", "pipeline", "preprocessing")
    drawing = ("matplotlib.backends.backend_agg", "matplotlib.dates", "matplotlib.figure")
    modules = ("jinja2", "polars", *drawing, *(f"sklearn.{module}" for module in sklearn))
    return requirements_python("data", tmp_path_factory, *modules)


@pytest.fixture(scope="module")
def cold(python: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Example, Build]:
    """The example built with an empty cache, and what that build said. Not to be changed."""
    example = Example(tmp_path_factory.mktemp("data"), "data", python)
    return example, example.dry_run_against_run()


@pytest.fixture
def built(cold: tuple[Example, Build], tmp_path: Path) -> Example:
    """A clone of its own, brought up to date from a copy of the cache."""
    example = cold[0].clone(tmp_path)
    example.build()
    return example


def test_the_readme_is_what_happens(cold: tuple[Example, Build], tmp_path: Path) -> None:
    # The first build is the one of the fixture.
    cold[0].moved(tmp_path).follow_readme(least=16, skip=1)


def test_the_first_build_makes_everything(cold: tuple[Example, Build]) -> None:
    example, build = cold

    assert build.ran == build.every
    assert build.every == MONTHS | {"join", "compare"} | SUMS | FITS | CHARTS | ENDING
    made = set(example.tree("build/site"))
    assert made == {"index.html", "district.png", "weekday.png", "month.png", "forecast.png"}
    assert all(
        example.path(f"build/site/{name}").read_bytes().startswith(b"\x89PNG")
        for name in made - {"index.html"}
    )


def test_the_page_has_the_models_best_first_and_the_pictures(cold: tuple[Example, Build]) -> None:
    page = cold[0].read("build/site/index.html")
    with cold[0].path("build/scores.csv").open(newline="") as file:
        scores = [float(row["r2"]) for row in csv.DictReader(file)]

    rows = re.findall(r"<tr( class=\"best\")?><td>(\w+)</td><td>(\w+)</td>", page)
    assert rows[0] == (' class="best"', "forest", "weather")
    assert [row[1:] for row in rows[1:]] == [
        ("linear", "weather"), ("forest", "calendar"), ("linear", "calendar"),
    ]  # fmt: skip
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.8
    assert len(re.findall(r'<img src="\w+\.png" alt="\w+">', page)) == 4


def test_no_row_that_cannot_be_is_summed_up(built: Example) -> None:
    code = (
        "import polars as pl; t = pl.read_parquet('build/daily.parquet');"
        "print(t.height, t.null_count().sum_horizontal().item(), t['station'].max(), t['trips'].min(),"
        " t.select(pl.struct('date', 'station').is_duplicated().sum()).item())"
    )

    done = built.shell(f'python3 -c "{code}"')

    height, nulls, station, trips, twice = map(int, done.stdout.split())
    assert 181 * 19 * 0.97 < height < 181 * 19
    assert (nulls, station, twice) == (0, 119, 0)
    assert trips >= 0


def test_a_second_build_and_touched_files_do_nothing(built: Example) -> None:
    built.up_to_date()

    built.touch("Stagefile", "steps/clean.py", "page.html.jinja")
    built.touch(*(f"tables/{path}" for path in built.tree("tables")))

    built.up_to_date()


def test_the_size_of_the_forests_is_none_of_the_linear_models(built: Example) -> None:
    before = built.tree("build")

    build = built.dry_run_against_run("-D", "trees=20")

    assert FORESTS | {"compare"} <= build.ran <= FORESTS | {"compare", "chart.forecast"} | ENDING
    assert built.dry_run_against_run().ran == set()
    assert before == built.tree("build")


def test_the_resolution_is_a_matter_of_the_charts(built: Example) -> None:
    build = built.dry_run_against_run("-D", "dpi=40")

    assert build.ran == CHARTS | ENDING
    assert not build.restored


def test_what_the_check_wants_runs_the_check_alone(built: Example) -> None:
    assert built.dry_run_against_run("-D", "least_r2=0.6").ran == {"check"}

    build = built.dry_run_against_run("-D", "least_r2=0.99", status=1)

    assert build.failed == {"check"}
    assert "wanted are 0.99" in build.stderr


def test_a_limit_that_drops_no_row_is_cut_off_behind_cleaning(built: Example) -> None:
    build = built.dry_run_against_run("-D", "longest_minutes=60")

    assert build.ran == MONTHS
    assert "join" in build.cut_off


def test_a_changed_row_runs_what_reads_it(built: Example) -> None:
    built.edit("tables/trips/2025-03.csv", "2025-03-31,101,48,", "2025-03-31,101,84,")

    build = built.dry_run_against_run("sum.*")

    assert build.ran == {"clean.2025-03", "join"} | SUMS
    assert build.fresh == MONTHS - {"clean.2025-03"}


def test_a_new_month_is_a_new_stage_and_a_removed_one_leaves_nothing(built: Example) -> None:
    june = built.read("tables/trips/2025-06.csv")
    built.write("tables/trips/2025-07.csv", june.replace("2025-06", "2025-05"))
    build = built.dry_run_against_run("sum.month")
    assert build.ran == {"clean.2025-07", "join", "sum.month"}

    built.remove("tables/trips/2025-07.csv")
    build = built.dry_run_against_run()

    assert build.ran == set()
    assert not built.path("build/clean/2025-07.parquet").exists()


@pytest.mark.parametrize(
    ("path", "edit", "target", "ran"),
    [
        # A helper of the function that the stage calls.
        ("steps/clean.py", ('pl.col("minutes") / pl.col("trips")',
         '(pl.col("minutes") / pl.col("trips")).round(1)'), "join", MONTHS | {"join"}),
        # A constant, of one stage of those that the module serves.
        ("steps/charts.py", ('BLUE, GREY = "#2b6cb0"', 'BLUE, GREY = "#2b6cb1"'), "chart.month",
         {"chart.month"}),
        ("page.html.jinja", ("Six months of bike trips</h1>", "Half a year</h1>"), "check", ENDING),
    ],
)  # fmt: skip
def test_an_edited_helper_is_seen(
    built: Example, path: str, edit: tuple[str, str], target: str, ran: set[str]
) -> None:
    built.edit(path, *edit)

    assert built.dry_run_against_run(target).ran == ran


def test_comments_run_nothing(built: Example) -> None:
    for path in built.tree("steps"):
        built.append(f"steps/{path}", "# the end\n")

    built.up_to_date()


def test_another_directory_restores_everything(cold: tuple[Example, Build], tmp_path: Path) -> None:
    other = cold[0].clone(tmp_path / "elsewhere", same_cache=True)

    build = other.dry_run_against_run()

    assert build.restored == build.every
    assert cold[0].tree("build") == other.tree("build")


def test_the_tables_are_what_the_script_writes(cold: tuple[Example, Build], tmp_path: Path) -> None:
    example = cold[0].clone(tmp_path)
    committed = example.tree("tables")
    example.remove("tables")

    subprocess.run([sys.executable, "make_tables.py"], cwd=example.root, check=True)

    assert committed == example.tree("tables")
