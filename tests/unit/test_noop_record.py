"""What a build writes down for the next one to have nothing to do: the same, however much of it was known before."""

from __future__ import annotations

import marshal
import os
import stat
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from finish_kit import READS, VERSION, Scene, by_name, edit, laid_out, steps, written
from record_kit import TOOL, row

from stagemake import durable, noop_record
from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature, signature
from stagemake.model.pipeline import Pipeline
from stagemake.model.stage import StageId
from stagemake.noop_record import Finish
from stagemake.stagefile.declared import kept, named

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> str:
    return laid_out(tmp_path)


def test_the_first_record_has_every_column(root: str) -> None:
    scene = Scene(root)
    place = f"{root}/modules"

    told = steps(scene.finish())

    record = scene.load()
    assert record is not None
    assert told == ["rename names", "rename declared", "rename noop"]
    assert record[: noop.PATHS] == (
        TOOL, root, (("V", "1"), ("PATH", "/bin")), ((("getcwd",), "/"),),
        (("stat", place, os.stat(place).st_mode), ("stat", "/bin/sh", os.stat("/bin/sh").st_mode), ("1", "/bin/sh", True)),
        ((place, signature(place)),),
        ((".", "a*", (), ("a",), ((root, signature(root)), (place, signature(place)))),),
        ((place, signature(place), ("m.py",)),), frozenset(["m"]),
    )  # fmt: skip
    found = by_name(record)
    state = ".stagemake/Stagefile"
    assert found["guards"] == ("Stagefile", "/none", f"{state}/snapshot", f"{state}/journal")
    sh = found["paths"]["one"][1:-1]  # wherever it leads
    assert sh[0] == "/bin/sh"
    assert found["paths"] == {
        "one": ["a", *sh, "x"], "two": ["b", "x", *sh, "y"], "three": ["link", "b", *sh, "z"],
        "four": ["c", *sh, "d", "d/in"],
    }  # fmt: skip
    for path in ("a", "b", "c", "x", "y", "z", "d", "d/in", "link"):
        assert found["rows"][path] == row(root, path), path
    assert found["above"] == {"one": [], "two": ["one"], "three": [], "four": []}
    assert (found["targets"], found["loose"], found["open"]) == (["two", "one"], {"three"}, [])
    assert found["covers_all"] is True
    for name in ("noop", "declared", "names"):
        assert stat.S_IMODE(os.stat(f"{scene.directory}/{name}").st_mode) == 0o600
    assert scene.registry is not None
    assert noop.load_declared(scene.directory, record, VERSION) == kept(scene.registry)


def test_names_are_kept_with_what_evaluation_depended_on_and_nothing_else(root: str) -> None:
    scene = Scene(root)
    record = written(scene)

    names = noop.load_names(scene.directory, VERSION)

    assert names is not None
    own = [one for one in record[noop.OBSERVED] if one[1] != "/bin/sh"]
    assert names[: noop.PATHS] == (
        *record[: noop.OBSERVED], tuple(own), *record[noop.OBSERVED + 1 : noop.PATHS],
    )  # fmt: skip
    assert names[noop.PATHS] == ("Stagefile", "/none")
    assert names[noop.SIGNATURES] == (link_signature(f"{root}/Stagefile"), None)
    assert scene.registry is not None
    assert marshal.loads(names[noop.GRAPH]) == named(scene.registry)


EDITS = [one for n in range(4) for one in combinations(("a", "b", "c"), n)]


@pytest.mark.parametrize("is_build", [True, False])
@pytest.mark.parametrize("edited", EDITS, ids="".join)
def test_a_record_written_by_the_last_one_says_what_a_new_one_would(
    root: str, edited: tuple[str, ...], is_build: bool
) -> None:
    scene = Scene(root)
    written(scene)
    for name in edited:
        edit(f"{root}/{name}")
    recalled = scene.recalled(is_build=is_build)
    affected = {name for name, path in READS.items() if path in edited} | ({"two"} if "a" in edited else set())  # fmt: skip
    assert recalled.affected == affected
    finish = scene.finish(recalled, recalled.affected)

    told = steps(finish)

    assert told == ["rename touched"]
    found = scene.load()
    assert found is not None
    assert scene.registry is not None
    assert noop.load_declared(scene.directory, found, VERSION) == kept(scene.registry)
    expected = Finish(
        state=finish.state, pipeline=scene.pipeline(), world=finish.world, digester=finish.digester,
        clock=finish.clock, recorder=scene.evidence(), variables=scene.variables, covers_all=True,
        registry=scene.registry, recalled=None,
    )  # fmt: skip
    for one in scene.stages:
        for path in (*one.inputs, *one.outputs):
            finish.digester.entry(path)
    assert "rename noop" in steps(expected)
    assert not os.path.exists(f"{scene.directory}/touched")
    anew = scene.load()
    assert anew is not None
    assert {**by_name(found), "declared": 0} == {**by_name(anew), "declared": 0}
    assert noop.load_declared(scene.directory, anew, VERSION) == kept(scene.registry)
    assert set(found[noop.TOUCHED]) >= {found[noop.PATHS].index(name) for name in edited}


def test_what_has_not_changed_is_not_written_again(root: str) -> None:
    scene = Scene(root)
    finish = scene.finish()
    for _ in range(
        2
    ):  # which values are shared shows in the bytes: only from the second time on they are the same
        finish.write()

    assert steps(finish) == []


OTHERS: dict[str, dict[str, Any]] = {
    "what it covers": {"covers_all": False},
    "a stage that failed": {"open": ("four",)},
    "a variable": {"variables": {"PATH": "/bin", "V": "2"}},
}


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize("is_build", [True, False])
def test_where_more_than_rows_has_changed_it_is_written_anew_and_says_the_same(
    root: str, what: str, is_build: bool
) -> None:
    scene = Scene(root)
    before = by_name(written(scene))
    edit(f"{root}/a")
    recalled = scene.recalled(is_build=is_build)

    told = steps(scene.finish(recalled, recalled.affected, **OTHERS[what]))

    assert told == ["rename noop"]
    record = scene.load()
    assert record is not None
    after = by_name(record)
    assert record[noop.TOUCHED] == {}
    for same in ("guards", "paths", "above", "targets", "declared"):
        assert after[same] == before[same]
    for path in ("a", "b", "c", "x", "z", "d/in"):
        if what != "a stage that failed" or path not in {"c", "d/in"}:
            assert after["rows"][path] == row(root, path)
    assert after["covers_all"] == (what != "what it covers")
    assert after["open"] == (["four"] if what == "a stage that failed" else [])
    assert ("V", "2") in after["evaluated"][noop.ENVIRONMENT] or what != "a variable"


def test_where_many_rows_have_changed_it_is_written_anew(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(root)
    written(scene)
    monkeypatch.setattr(noop_record, "_MOST_NOTED", 2)
    # A file and the snapshot; with what was noted before two files and the snapshot.
    for name, expected in (("a", ["rename touched"]), ("c", ["rename noop"])):
        edit(f"{root}/{name}")
        recalled = scene.recalled()
        assert steps(scene.finish(recalled, recalled.affected)) == expected
    found = scene.load()
    assert found is not None
    for path in ("a", "c", "b"):
        assert by_name(found)["rows"][path] == row(root, path)


def test_where_a_stage_has_other_paths_now_its_rows_are_made_anew_and_others_taken_over(
    root: str,
) -> None:
    scene = Scene(root)
    before = by_name(written(scene))
    edit(f"{root}/a")
    recalled = scene.recalled()
    finish = scene.finish(recalled, recalled.affected)
    trace = finish.state.snapshot.traces["one"]
    finish.state.snapshot.traces["one"] = (
        *trace[:4], (("found", finish.digester.entry("found")), ("d", finish.digester.entry("d"))), *trace[5:],
    )  # fmt: skip

    assert steps(finish) == ["rename noop"]

    record = scene.load()
    assert record is not None
    after = by_name(record)
    assert after["paths"]["one"] == ["a", "found", "d", "d/in", *before["paths"]["one"][1:]]
    assert {**after["paths"], "one": 0} == {**before["paths"], "one": 0}
    assert after["loose"] == {"one", "three"}  # a directory was found
    assert after["rows"] == {**before["rows"], "found": (None, noop.NO_DIGEST)} | {
        path: after["rows"][path] for path in ("a", ".stagemake/Stagefile/snapshot")
    }
    assert after["rows"]["a"] == row(root, "a")
    assert after["declared"] == before["declared"]


@pytest.mark.parametrize("is_build", [True, False])
def test_what_may_follow_others_is_known_anew_where_all_paths_are_the_same(
    root: str, is_build: bool
) -> None:
    scene = Scene(root, discovers={"four": ("found",)})
    edit(f"{root}/found")
    assert by_name(written(scene))["loose"] == {"three"}
    for make, loose in ((os.mkdir, {"three", "four"}), (edit, {"three"})):
        durable.remove_any(f"{root}/found")
        make(f"{root}/found")  # an empty directory has the one row that a file has
        recalled = scene.recalled(is_build=is_build)
        assert recalled.affected == {"four"}

        assert steps(scene.finish(recalled, recalled.affected)) == ["rename noop"]

        record = scene.load()
        assert record is not None
        assert by_name(record)["loose"] == loose


def test_a_record_of_other_stages_takes_over_the_rows_of_those_that_were_not_affected(
    root: str,
) -> None:
    scene = Scene(root)
    before = by_name(written(scene))
    edit(f"{root}/c")
    recalled = scene.recalled()
    four, three = scene.stages[3], scene.stages[2]
    some = Pipeline((three, four), (StageId(1),), ((), (StageId(0),)))

    told = steps(scene.finish(recalled, recalled.affected, pipeline=some, covers_all=False))

    assert told == ["rename noop"]
    record = scene.load()
    assert record is not None
    after = by_name(record)
    assert after["paths"] == {name: before["paths"][name] for name in ("three", "four")}
    assert (after["above"], after["targets"]) == ({"three": [], "four": ["three"]}, ["four"])
    assert after["loose"] == {"three"}
    for path in ("link", "b", "z", "c", "d", "d/in"):
        assert after["rows"][path] == row(root, path)
    assert "a" not in after["rows"]


def test_a_record_of_other_targets_replaces_one_that_covers_no_more_than_it(root: str) -> None:
    scene = Scene(root)
    written(scene, covers_all=False)
    edit(f"{root}/c")
    recalled = scene.recalled()
    some = Pipeline((scene.stages[2], scene.stages[3]), (StageId(1),), ((), (StageId(0),)))

    told = steps(scene.finish(recalled, recalled.affected, pipeline=some, covers_all=False))

    assert told == ["rename noop"]
    record = scene.load()
    assert record is not None
    assert list(by_name(record)["paths"]) == ["three", "four"]


def test_of_stages_that_failed_the_number_is_noted_and_what_they_name(root: str) -> None:
    scene = Scene(root)

    record = written(scene, done={"one", "three"}, open=("two", "four"))

    found = by_name(record)
    assert found["open"] == ["two", "four"]
    assert found["paths"]["two"] == ["b", "x", "y"]
    assert found["paths"]["four"] == ["c", "d"]
    assert found["loose"] == {"two", "three", "four"}
