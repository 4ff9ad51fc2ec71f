"""How much stages will read of what others are about to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.stage import ProjectPath, Stage, StageName
from stagemake.plan.amounts import Amounts

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace


def stage(name: str, inputs: str = "", outputs: str = "") -> Stage:
    return Stage(
        StageName(name),
        inputs=tuple(ProjectPath(path) for path in inputs.split()),
        outputs=tuple(ProjectPath(path) for path in outputs.split()),
    )


def trace(*outputs: str, inside: tuple[tuple[str, str], ...] = ()) -> Trace:
    """Return what a stage left at its outputs, by their entries."""
    entries = [*outputs, *(entry for _, entry in inside)]
    total = sum(int(entry.split(":")[2]) for entry in entries if entry[0] == "f")
    return ((), "key", (), (), (), outputs, inside, ((), ()), (1.0, 1.0, total))


def test_what_is_there_counts_as_it_is() -> None:
    amounts = Amounts({})

    assert amounts.read_by(stage("s", "a b"), ("f:1:100", "d:2")) == 100
    assert amounts.read_by(stage("s"), ()) == 0


def test_outputs_share_what_a_stage_will_write_as_they_did_last_time() -> None:
    amounts = Amounts({"split": trace("f:1:300", "f:2:100")})

    amounts.put_down(stage("split", outputs="large small"), 800)

    assert amounts.read_by(stage("s", "large"), (None,)) == 600
    assert amounts.read_by(stage("s", "small a"), (None, "f:3:7")) == 207


def test_a_first_output_gets_all_and_several_first_ones_are_not_known() -> None:
    amounts = Amounts({})

    amounts.put_down(stage("one", outputs="x"), 50)
    amounts.put_down(stage("two", outputs="y z"), 50)

    assert amounts.read_by(stage("s", "x"), (None,)) == 50
    assert amounts.read_by(stage("s", "x y"), (None, None)) is None


def test_files_in_a_directory_that_will_be_made_count_and_the_directory_does_not() -> None:
    inside = (("d", "d"), ("d/a", "f:1:100"), ("d/b", "f:2:300"))
    amounts = Amounts({"fill": trace("d:9", inside=inside)})

    amounts.put_down(stage("fill", outputs="d/"), 1200)

    assert amounts.read_by(stage("s", "d/a"), (None,)) == 300
    assert amounts.read_by(stage("s", "d x"), (None, "f:3:7")) == 7
    assert amounts.read_by(stage("s", "d/new"), (None,)) is None


def test_what_a_stage_will_write_may_not_be_known() -> None:
    amounts = Amounts({"empty": trace("f:1:0"), "others": trace("f:1:5")})

    amounts.put_down(stage("unknown", outputs="x"), None)
    amounts.put_down(stage("empty", outputs="y"), 10)  # it was empty: how much of it is in which?
    amounts.put_down(stage("others", outputs="z v"), 10)  # other outputs than last time

    assert [amounts.read_by(stage("s", path), (None,)) for path in "xyz"] == [None] * 3


def test_a_directory_counts_nothing_whatever_is_known_of_the_stage_that_makes_it() -> None:
    amounts = Amounts({})

    amounts.put_down(stage("unknown", outputs="d/"), None)

    assert amounts.read_by(stage("s", "d a"), (None, "f:3:7")) == 7
