"""How much stages will read of what others are about to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.stage import ProjectPath, Stage, StageName
from stagemake.plan.amounts import Amounts

if TYPE_CHECKING:
    from stagemake.freshness.snapshot import Trace


def amounts_of(traces: dict[str, Trace] | None = None, **sizes: int) -> Amounts:
    """Return what is known where these directories were seen, by their digests."""
    return Amounts(traces or {}, {f"d:{digest}": size for digest, size in sizes.items()}.get)


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
    amounts = amounts_of(two=50)

    assert amounts.read_by(stage("s", "a b"), ("f:1:100", "d:two")) == 150
    assert amounts.read_by(stage("s", "a b"), ("f:1:100", "d:three")) is None
    assert amounts.read_by(stage("s"), ()) == 0


def test_outputs_share_what_a_stage_will_write_as_they_did_last_time() -> None:
    amounts = amounts_of({"split": trace("f:1:300", "f:2:100")})

    amounts.put_down(stage("split", outputs="large small"), 800)

    assert amounts.read_by(stage("s", "large"), (None,)) == 600
    assert amounts.read_by(stage("s", "small a"), (None, "f:3:7")) == 207


def test_a_first_output_gets_all_and_several_first_ones_are_not_known() -> None:
    amounts = amounts_of()

    amounts.put_down(stage("one", outputs="x"), 50)
    amounts.put_down(stage("two", outputs="y z"), 50)

    assert amounts.read_by(stage("s", "x"), (None,)) == 50
    assert amounts.read_by(stage("s", "x y"), (None, None)) is None


def test_a_directory_that_will_be_made_counts_and_so_do_files_in_it() -> None:
    inside = (("d", "d"), ("d/a", "f:1:100"), ("d/b", "f:2:300"))
    amounts = amounts_of({"fill": trace("d:9", inside=inside)})

    amounts.put_down(stage("fill", outputs="d/"), 1200)

    assert amounts.read_by(stage("s", "d/a"), (None,)) == 300
    assert amounts.read_by(stage("s", "d x"), (None, "f:3:7")) == 1207
    assert amounts.read_by(stage("s", "d/ x"), ("d:restored", "f:3:7")) == 1207
    assert amounts.read_by(stage("s", "d/new"), (None,)) is None


def test_what_a_stage_will_write_may_not_be_known() -> None:
    amounts = amounts_of({"empty": trace("f:1:0"), "others": trace("f:1:5")})

    amounts.put_down(stage("unknown", outputs="x"), None)
    amounts.put_down(stage("empty", outputs="y"), 10)  # it was empty: how much of it is in which?
    amounts.put_down(stage("others", outputs="z v"), 10)  # other outputs than last time

    assert [amounts.read_by(stage("s", path), (None,)) for path in "xyz"] == [None] * 3


def test_a_directory_of_which_nothing_is_known_is_not_known_and_a_first_one_gets_all() -> None:
    amounts = amounts_of()

    amounts.put_down(stage("unknown", outputs="d/"), None)
    amounts.put_down(stage("one", outputs="e/"), 50)

    assert amounts.read_by(stage("s", "d a"), (None, "f:3:7")) is None
    assert amounts.read_by(stage("s", "e a"), (None, "f:3:7")) == 57


def test_of_several_directories_each_gets_what_was_in_it() -> None:
    inside = (("d", "d"), ("d/a", "f:1:100"), ("db", "d"), ("db/b", "f:2:300"), ("e", "d"))
    amounts = amounts_of({"fill": trace("d:7", "d:8", "d:9", inside=inside)})

    amounts.put_down(stage("fill", outputs="d/ db/ e/"), 800)

    assert [amounts.read_by(stage("s", path), (None,)) for path in ("d", "db", "e")] == [
        200,
        600,
        0,
    ]
