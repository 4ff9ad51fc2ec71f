"""What stages and builds cost in the past: a store that may be lost at any time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from math import log
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from pytest import approx  # noqa: PT013 - in values that are compared whole

from stagemake.history import BUILDS, SAMPLES, History, Run
from stagemake.model.fit import USUAL_VARIANCE
from stagemake.model.hindsight import Foretold, Opening, hindsight_of
from stagemake.model.pace import BuildCosts, Pace
from stagemake.model.size import Written

if TYPE_CHECKING:
    from pathlib import Path


def run(
    stage: str = "s", seconds: float = 1.0, size: int = 10, *, changed: bool | None = True
) -> Run:
    return Run(stage, 1, seconds, seconds, size, changed, size + 5, 100, "cc")


def build(before_s: float = 0.1) -> BuildCosts:
    return BuildCosts(
        started_s=1, stages=10, busy=5, before_s=before_s, after_s=0.1, launched=5, launch_s=0.01,
        gap_s=0.002, settled=5, settled_bytes=500, settle_s=0.01, restored=0, restored_bytes=0,
        restore_s=0.0, checked=0, check_s=0.0, counted_bytes=1000, grown_bytes=1500, load_log=0.0,
        load_noise=0.0,
    )  # fmt: skip


def test_without_history_nothing_is_known_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History(str(path))

    assert history.fits(["s"]) == {}
    assert history.fits_of_kind("cc") == []
    assert history.tail() == (0.0, 0.0)
    assert history.pace == Pace()
    assert not path.exists()


def test_runs_come_back_as_what_they_say(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))

    history.add([run(seconds=1), run(seconds=3, size=30, changed=False), run("t", 9, changed=None)])

    found = History(str(tmp_path / "history.db")).fits(["s", "t", "never"])
    assert sorted(found) == ["s", "t"]
    assert 1 < found["s"].median_s < 3
    assert (found["s"].output_bytes, found["s"].samples) == (30, 2)
    assert (found["s"].changed, found["s"].compared) == (1, 2)
    assert (found["t"].changed, found["t"].compared) == (0, 0)
    assert {each.median_s for each in history.fits_of_kind("cc")} == {
        found["s"].median_s,
        found["t"].median_s,
    }


def test_how_much_stages_vary_here_is_that_of_those_that_have_run_often(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))
    unknown = history.usual_variance()
    for round_number in range(8):
        for number in range(20):
            history.add([run(f"s{number}", 1.0 + 0.01 * (round_number % 2))])

    assert unknown == pytest.approx(0.04)
    assert history.usual_variance() < 0.01


def test_what_stages_took_under_other_flags_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History(str(path))
    history.add([run(), *[evolve(run("t", 2.0), variant=1)] * 4, evolve(run("t"), variant=2)])

    found = history.variants(["s", "t", "never"])

    assert sorted(found) == [("t", 1), ("t", 2)]
    assert found["t", 1].of(history.fits(["t"])["t"]).median_s == pytest.approx(2.0, rel=0.05)
    assert history.variants(["t"] * 501) == found
    history.add([evolve(run("t"), variant=2)] * SAMPLES)  # the others are forgotten
    assert history.variants(["t"]) == {}


def test_variants_that_nobody_wrote_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    History(str(path)).add([evolve(run(), variant=number) for number in (1, 2, 3)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update variants_1 set shift_log = 'much' where number = 1")
        connection.execute("update variants_1 set sigma = -1 where number = 2")
        connection.commit()

    assert list(History(str(path)).variants(["s"])) == [("s", 3)]


def test_what_stages_wrote_comes_back_by_variant_and_by_kind(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History(str(path))
    history.add([evolve(run("s", size=20), input_bytes=1000), evolve(run("t"), kind="ld")])
    history.add(
        [
            evolve(run("s", size=50), input_bytes=2500),
            evolve(run("t", size=9), variant=3, kind="ld"),
        ]
    )

    found = History(str(path))

    assert found.written(["s", "never"]) == {
        "s": [Written(0, 0, 2500, 50, approx(1), approx(log(2.5)))]
    }
    assert found.written(["t"])["t"] == [Written(0, 1, 100, 10), Written(3, 0, 100, 9)]
    assert found.written([f"s{n}" for n in range(999)] + ["s"])["s"] == found.written(["s"])["s"]
    assert found.amounts_of_kinds(["cc", "ld", "no"]) == {"cc": [(2500, 50)], "ld": [(100, 9)]}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("update written_1 set made_bytes = 'much' where stage = 's'")
        connection.execute("update written_1 set apart = -1 where stage = 't'")
    assert History(str(path)).written(["s", "t"]) == {}
    assert History(str(path)).amounts_of_kinds(["cc"]) == {"cc": []}


def test_a_history_from_before_sizes_were_looked_at_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    History(str(path)).add([evolve(run("s", size=20), input_bytes=1000), run("t")])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("drop table written_1")

    old = History(str(path))

    assert old.written(["s"]) == {}
    assert old.fits(["s"])["s"].output_bytes == 20
    old.add([evolve(run("s", size=40), input_bytes=2000)])
    assert old.written(["s", "t"]) == {"s": [Written(0, 0, 2000, 40, approx(1), approx(log(2)))]}
    assert old.fits(["s", "t"])["s"].samples == 2


def test_asking_for_many_stages_gives_the_same_as_asking_for_each(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))
    names = [f"s{number}" for number in range(600)]
    history.add(run(name, 1 + number) for number, name in enumerate(names))

    found = history.fits(names)

    assert sorted(found) == sorted(names)
    assert history.fits(names[:3]) == {name: found[name] for name in names[:3]}


def test_only_the_last_runs_and_builds_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History(str(path))
    for _ in range(3):
        history.add([run(seconds=100)] * 10)
    for _ in range(BUILDS + 5):
        history.add((), build(9.0))

    history.add([run(seconds=2)] * SAMPLES, build())

    assert history.fits(["s"])["s"].median_s == pytest.approx(2)
    assert history.fits(["s"])["s"].samples == SAMPLES
    with closing(sqlite3.connect(path)) as connection:
        counted = connection.execute("select count(*) from builds_2").fetchone()
    assert counted == (BUILDS,)


def test_a_build_is_measured_against_what_any_machine_would_take(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))
    usual = Pace().before_s(10, 5)

    history.add((), build(3 * usual))

    assert history.pace.before == pytest.approx(3)
    assert history.pace.before_s(10, 5) == pytest.approx(3 * usual)
    assert history.pace.growth == pytest.approx(1.5)
    assert history.pace.restore == 1.0  # nothing was restored


@pytest.mark.parametrize("content", [b"", b"rubbish", b"SQLite format 3\0" + b"\xff" * 4096])
def test_damage_loses_estimates_and_no_more(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    history = History(str(path))

    assert history.fits(["s"]) == {}
    assert history.pace == Pace()
    history.add([run()], build())

    assert history.fits(["s"])["s"].samples == 1


def test_values_that_nobody_wrote_are_unknown(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History(str(path))
    history.add([run(), run("t")], build())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("update fits_2 set median_s = 'long' where stage = 's'")
        connection.execute("update fits_2 set sigma = -1 where stage = 't'")
        connection.execute("update builds_2 set before_s = 'x', launched = null")
        connection.execute("update runs_3 set packed = x'00'")
    connection.close()

    found = History(str(path))

    assert found.fits(["s", "t"]) == {}
    assert found.pace == Pace()
    found.add([run()])
    assert found.fits(["s"])["s"].samples == 1


def test_tables_of_an_older_version_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("create table runs (stage text, duration_s real)")
        connection.execute("create table of_others (x)")
    connection.close()
    history = History(str(path))

    assert history.fits(["s"]) == {}
    history.add([run()])

    with closing(sqlite3.connect(path)) as connection:
        names = {row[0] for row in connection.execute("select name from sqlite_master")}
    assert "runs" not in names
    assert "of_others" in names


def test_a_table_of_ours_in_another_form_does_not_stand_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    history = History(str(path))
    history.add([run()], build())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("alter table fits_2 add column later")
        connection.execute("alter table builds_2 drop column gap_s")
    connection.close()

    history.add([run()], build(9.0))

    assert history.fits(["s"])["s"].samples == 2  # the runs themselves were as ever
    assert history.pace.before_s(10, 5) == pytest.approx(9.0)


def test_stages_that_ran_longest_ago_are_forgotten_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagemake.history_tables._MOST_STAGES", 3)
    history = History(str(tmp_path / "history.db"))
    for number in range(5):
        history.add([evolve(run(f"s{number}"), started_s=number)])

    names = [f"s{number}" for number in range(5)]
    assert sorted(history.fits(names)) == ["s2", "s3", "s4"]
    assert sorted(history.written(names)) == ["s2", "s3", "s4"]


def test_awkward_directories_are_no_trouble(tmp_path: Path) -> None:
    directory = tmp_path / "a?b#c%20d"
    directory.mkdir()
    History(str(directory / "history.db")).add([run()])

    assert History(str(directory / "history.db")).fits(["s"])["s"].samples == 1


def test_a_history_that_can_not_be_written_is_done_without(tmp_path: Path) -> None:
    history = History(str(tmp_path / "nowhere/history.db"))

    history.add([run()], build())

    assert history.fits(["s"]) == {}


def test_what_was_foretold_is_looked_back_at(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.db"))
    told = [Foretold(Opening.EVALUATED, 0.5, 1.0, 1.1, seconds) for seconds in (1.0, 1.2, 1.4)]

    for each in told:
        history.add((), build(), each)

    assert history.hindsight == hindsight_of(told[::-1])
    assert History(str(tmp_path / "history.db")).hindsight.opening_s[Opening.EVALUATED] == 0.5


def test_a_history_from_before_forecasts_were_kept_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    History(str(path)).add([run()], build(before_s=0.3))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("drop table foretold_1")

    assert History(str(path)).hindsight == hindsight_of(())
    History(str(path)).add([run()], build(before_s=0.3), Foretold(0, 0.5, 1.0, 1.1, 1.0))

    assert History(str(path)).fits(["s"])["s"].samples == 2
    assert History(str(path)).pace.builds == 2
    assert History(str(path)).hindsight == hindsight_of([Foretold(0, 0.5, 1.0, 1.1, 1.0)])


def test_foretold_values_that_make_no_sense_count_as_none(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    History(str(path)).add((), build(), Foretold(0, 0.5, 1.0, 1.1, 1.0))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("update foretold_1 set p50_s = 'much'")
        connection.commit()

    assert History(str(path)).hindsight == hindsight_of(())


def steps_of_a_plan(path: Path, stages: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many steps SQLite takes for what a plan of one stage asks, in tens, in a project of so many."""
    History(str(path)).add([evolve(run(f"s{n}"), input_bytes=n) for n in range(stages)])
    steps: list[None] = []
    connect = sqlite3.connect

    def counted(*given: Any, **named: Any) -> sqlite3.Connection:  # Any: as `sqlite3.connect`
        connection = connect(*given, **named)
        connection.set_progress_handler(lambda: steps.append(None), 10)
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", counted)
        history = History(str(path))
        assert len(history.fits(["s1"])) == len(history.written(["s1"])) == 1
        assert history.variants(["s1"]) == {}
        assert len(history.amounts_of_kinds(["cc", "ld"])["cc"]) == 50
        assert len(history.fits_of_kind("cc")) == 50
        assert (history.usual_variance(), history.tail()) == (USUAL_VARIANCE, (0.0, 0.0))
    return len(steps)


def test_what_a_plan_of_one_stage_asks_does_not_grow_with_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = steps_of_a_plan(tmp_path / "few", 100, monkeypatch)
    many = steps_of_a_plan(tmp_path / "many", 2000, monkeypatch)

    assert few > 0
    assert many <= few + 10
