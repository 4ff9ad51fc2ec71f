"""The benchmark harness measures what it says, on graphs small enough for a test."""

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

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def bench(tmp_path: Path, *words: str) -> dict:
    results = tmp_path / "results.json"
    work = tmp_path / "work"
    subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "bench.py"), "run", "-o", str(results), "-r", "1"),
            *("--work", str(work), "--budget", "0.01", *words),
            *("--stagemake", f"{sys.executable} -m stagemake"),
        ],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    return json.loads(results.read_text())


def test_help_on_what_installs_programs_installs_none(tmp_path):
    place = tmp_path / "peers"

    shown = subprocess.run(
        [sys.executable, str(BENCHMARKS / "install_peers.py"), "--help"],
        env={"STAGEMAKE_BENCH_PEERS": str(place), "PATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )

    assert "Install the peers" in shown.stdout
    assert not place.exists()


@pytest.mark.slow
def test_every_scenario_gives_a_figure_beside_make(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    found = bench(tmp_path, "-s", "wide,layered", "-n", "12", "-p", "make")
    assert [row["problem"] for row in found["rows"]] == [""] * len(found["rows"])
    assert {row["scenario"] for row in found["rows"]} == {
        "dry run, never built", "cold", "no-op", "touch", "one edit", "dry run, just built", "restore",
    }  # fmt: skip
    assert all(row["pairs"] for row in found["rows"])


@pytest.mark.slow
def test_a_tool_that_does_not_do_its_work_gets_a_reason_in_place_of_a_figure(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    false = tmp_path / "false-make"
    false.mkdir()
    (false / "make").write_text("#!/bin/sh\nexit 0\n")
    (false / "make").chmod(0o755)
    results = tmp_path / "results.json"
    subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "bench.py"), "run", "-o", str(results), "-r", "1"),
            *("-s", "wide", "-n", "12", "-k", "cold", "-p", "make"),
            *("--work", str(tmp_path / "work")),
            *("--stagemake", f"{sys.executable} -m stagemake"),
        ],
        check=True,
        capture_output=True,
        env={"PATH": f"{false}:/usr/bin:/bin", "STAGEMAKE_BENCH_PEERS": str(tmp_path / "none")},
        cwd=tmp_path,
    )
    (row,) = json.loads(results.read_text())["rows"]
    assert row["problem"] == "make: 12 outputs missing"


@pytest.mark.slow
def test_forecasts_are_held_against_builds(tmp_path):
    results, script = tmp_path / "forecast.json", str(BENCHMARKS / "forecast.py")
    words = ["--projects", "mix", "--stages", "15", "--edits", "5", "--jobs", "2", "--repeats", "2"]
    command = ["--stagemake", f"{sys.executable} -m stagemake"]

    done = subprocess.run(
        [sys.executable, script, *words, *command, "-o", str(results)],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip

    trials = json.loads(results.read_text())["trials"]
    assert [(one["number"], one["repeat"]) for one in trials] == [
        (number, repeat) for number in range(1, 7) for repeat in range(2)
    ]
    assert [one["verdict_errors"] for one in trials] == [[]] * 12
    assert all(one["least_runs"] <= one["runs"] <= one["most_runs"] for one in trials)
    assert [one["runs"] for one in trials[:2]] == [15, 15]
    assert trials[0]["p50_s"] is None  # nothing was known yet
    restored = trials[10:]
    assert [(one["edit"], one["runs"]) for one in restored] == [("level back: restored", 0)] * 2
    assert all(one["said_bytes"] == one["done_bytes"] > 0 for one in restored)  # exact, for hits
    assert all(one["process_s"] > one["took_s"] > 0 for one in trials if one["p50_s"])
    assert "| all | 12 | 0 | 0 |" in done.stdout
    again = subprocess.run(
        [sys.executable, script, "--report", str(results)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert again.stdout == done.stdout


@pytest.mark.slow
def test_the_bars_are_measured_in_one_run_which_is_continued_where_it_was_stopped(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    command = [
        *(sys.executable, str(BENCHMARKS / "run.py"), "-o", "r.json", "-r", "1", "--continue"),
        *("--sizes", "12", "--peers", "make", "--patience", "0.0001"),
        *("--stagemake", f"{sys.executable} -m stagemake"),
    ]

    def measured() -> tuple[list[dict[str, Any]], str]:
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
        told.append([line for line in done.stderr.splitlines() if not line.startswith("--")])
        return json.loads((tmp_path / "r.json").read_text())["rows"], done.stdout

    told: list[list[str]] = []
    rows, printed = measured()
    assert [row["problem"] for row in rows] == [""] * len(rows)
    assert {(row["shape"], row["peer"]) for row in rows} == {
        (shape, peer) for shape in ("wide", "layered", "cutoff")
        for peer in ("make", "python -c pass", "own no-op")
    }  # fmt: skip
    cut = next(row for row in rows if (row["shape"], row["scenario"]) == ("cutoff", "one edit"))
    assert {one["written"] for one, _ in cut["pairs"]} == {1}  # make wrote all below, too
    bars = printed.partition("### Bars")[2]
    assert "| no-op, wide 100000, beside ninja |  |  | not measured |" in bars
    assert re.search(r"\| no-op after touch, wide 12 \| [\d.]+ x \| <= 1.2 x \| (yes|NO) \|", bars)

    # It was stopped before two rows of several were measured.
    document = json.loads((tmp_path / "r.json").read_text())
    document["rows"] = [row for row in rows if row["peer"] != "own no-op"][:-2]
    (tmp_path / "r.json").write_text(json.dumps(document))

    again, _ = measured()

    place = ("shape", "scenario", "peer")
    assert sorted([row[name] for name in place] for row in again) == sorted(
        [row[name] for name in place] for row in rows
    )
    assert 0 < len(told[1]) < len(told[0])
    assert measured()[0] == again
    assert told[2] == []


@pytest.mark.slow
def test_the_picture_has_a_bar_for_each_path_and_its_parts_make_up_the_whole(tmp_path):
    done = subprocess.run(
        [
            *(sys.executable, str(BENCHMARKS / "picture.py")),
            *("no-op:wide:3,cold:layered:12,restore:wide:3", "-r", "1", "-o", "p.svg"),
        ],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    titles = ["no-op, wide 3", "cold, layered 12", "restore, wide 3"]
    text = ET.parse(tmp_path / "p.svg").getroot()
    assert [one.text for one in text.iter() if one.text in titles] == titles
    heads = re.findall(r"^(\S.*): \d+ ms$", done.stdout, re.MULTILINE)
    assert heads == titles
    for block in re.split(r"^\S.*\n", done.stdout, flags=re.MULTILINE)[1:]:
        assert 95 <= sum(map(int, re.findall(r" (\d+)%", block))) <= 105


FOUND = """\
import sys
sys.path.insert(0, sys.argv[1])
import bars, campaign, measure, scenarios
def row(scenario, stages, wall, peer="ninja", rss=0, other=1.0, **more):
    one, two = (scenarios.Sample(measure.Measurement(0, w, w, rss), 0) for w in (wall, other))
    return campaign.Row("wide", stages, scenarios.Scenario(scenario), peer, ((one, two),), **more)
rows = [row("cold", 1, 0.2), row("cold", 10_000, 20.2), row("cold", 100_000, 260.2, rss=800 << 10),
        row("cold", 1000, 1.2), row("cold", 1000, 1.1, variant="--cache auto"),
        row("no-op", 10_000, 0.1), row("touch", 10_000, 0.14, peer="own no-op", other=0.13)]
limits = bars.load_limits()
found = [v for limit in limits.rows for v in bars._of_rows(limit, rows)]
found += [v for limit in limits.figures for v in bars._of_figures(limit, bars.derived(rows))]
for v in found:
    if v.is_met is not None:
        print(v.what, "|", v.found, "|", v.bar, "|", v.is_met)
"""


def test_bars_go_by_medians_of_their_rows_and_growth_by_what_stages_add():
    done = subprocess.run(
        [sys.executable, "-c", FOUND, str(BENCHMARKS)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "no-op, wide 10000, beside ninja | 0.10x | <= 1.2x | True",
        "touch, wide 10000, beside own no-op | 1.08x | <= 1.5x | True",
        "cold, wide 1000, beside ninja | 1.20x | <= 1.15x | False",
        "cold, wide 1000, beside ninja | 1.20x CPU | <= 1.25x CPU | True",
        "cold, wide 1000 (--cache auto), beside ninja | 1.10x | <= 1.15x | True",
        "cold, wide 1000 (--cache auto), beside ninja | 1.10x CPU | <= 1.25x CPU | True",
        "cold, wide 10000, beside ninja | 20.20x | <= 1.15x | False",
        "cold, wide 10000, beside ninja | 20.20x CPU | <= 1.25x CPU | False",
        "cold, wide 100000 | 800 MiB | <= 700 MiB | False",
        "no-op after touch, wide 10000 | 1.3 x | <= 1.2 x | False",
        "growth, cold | 1.3 x | <= 1.2 x | False",
    ]


def test_every_peer_has_a_writer_and_is_named_in_the_readme():
    code = (
        "import peers, writers\n"
        "assert set(writers.WRITERS) == {*peers.PEER_NAMES, 'stagemake'}, writers.WRITERS\n"
        "print(*peers.PEER_NAMES)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=True
    )
    text = (BENCHMARKS / "README.md").read_text()
    assert [name for name in done.stdout.split() if name not in text] == []
