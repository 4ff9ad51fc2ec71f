"""Which inputs a run discovered, and which changed while it ran: each makes a note, and no record."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from shop_kit import Bench, entry, stage_of

from stagemake.execute import settle as rule
from stagemake.execute.settle import Settled, StageProblem, trace_of
from stagemake.execute.watching import Watching
from stagemake.freshness import snapshot as columns
from stagemake.freshness.signature import of_status, youngest_ns
from stagemake.model.entry import MISSING
from stagemake.model.pipeline import Pipeline
from stagemake.model.request import BuildRequest
from stagemake.model.stage import ProjectPath, Stage, StageId
from stagemake.observe.means import Offered
from stagemake.plan.judge import strong_key
from stagemake.runner.port import Work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stagemake.execute.storing import Run


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- discovered inputs ------------------------------------------------------------------------------


def deps(**words: Any) -> Stage:
    return stage_of(depfile=ProjectPath("d"), **words)


def with_depfile(bench: Bench, stage: Stage, text: str, *above: Stage, **words: Any) -> Settled:
    bench.write("out", "made")
    bench.write("d", text)
    run = bench.begun(stage, len(above))
    run.begun_ns += 10**10  # whatever is there was there before
    return bench.settled(stage, *above, run=run, **words)


def test_discovered_inputs_are_recorded_sorted_and_keyed(bench: Bench) -> None:
    for path in ("h", "g"):
        bench.write(path, path)
    stage = deps(implicit=(ProjectPath("conf"),))
    bench.write("conf", "c")

    made = with_depfile(bench, stage, "out: h ./g a conf out h /dev/null /dev/stdin /dev/fd/0\n")

    found = (("g", entry("g")), ("h", entry("h")))
    assert made.result.discovered == ("g", "h")
    assert made.found == made.trace[columns.DISCOVERED] == found
    assert not (bench.root / "d").exists()
    assert made.notes == ()
    run = bench.begun(stage)
    assert made.key == strong_key(bench.shop.world.weak_bytes(stage), run.judgement, found)
    assert made.trace[columns.KEY] == made.key
    assert made.is_for_cache


def test_an_output_directory_is_no_discovered_input(bench: Bench) -> None:
    bench.write("dir/x", "x")

    made = with_depfile(bench, deps(outputs="out dir/"), "out: dir a\n")

    assert made.result.discovered == ()


def test_what_a_depfile_names_counts_from_where_the_action_ran(bench: Bench) -> None:
    bench.write("sub/h", "h")

    made = with_depfile(bench, deps(cwd=ProjectPath("sub")), f"out: h {bench.root}/a ../a\n")

    assert made.result.discovered == ("sub/h",)


def test_what_was_known_of_a_discovered_input_before_is_not_believed(bench: Bench) -> None:
    bench.write("h", "before")
    bench.shop.digester.entry("h")
    bench.write("h", "after")

    made = with_depfile(bench, deps(), "out: h\n")

    assert made.found == (("h", entry("after")),)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("gone", "it did not write its depfile `d`"),
        ("rubbish", "its depfile `d` can't be read: depfile line 1"),
        ("fifo", "its depfile `d` can't be read: "),
        ("directory", "its depfile `d` can't be read: "),
        ("large", "its depfile `d` can't be read: "),
    ],
)
def test_a_depfile_that_cannot_be_read_is_a_problem(
    bench: Bench, kind: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write("out", "made")
    path = bench.root / "d"
    if kind == "rubbish":
        path.write_text("no rule\n")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "large":
        path.write_text("out: a\n")
        monkeypatch.setattr(rule, "_MOST_DEPFILE_BYTES", 6)

    with pytest.raises(StageProblem) as caught:
        bench.settled(deps())

    assert str(caught.value).startswith(problem)


MAKER = stage_of("made/", "", name="maker")
OTHER = stage_of("other", "", name="other")


@pytest.mark.parametrize(
    ("upstream", "is_noted"),
    [
        (((), (), ()), True),
        (((), (), (0,)), False),
        (((), (0,), (1,)), False),
        (((), (), (1,)), True),
    ],
)
def test_what_another_stage_makes_may_be_discovered_by_who_waits_for_it(
    bench: Bench, upstream: tuple[tuple[int, ...], ...], *, is_noted: bool
) -> None:
    bench.write("made/h", "h")
    stage = deps()

    made = with_depfile(bench, stage, "out: made/h\n", MAKER, OTHER, upstream=upstream)

    note = 'not recorded: it read `made/h`, which `maker` makes, without waiting for it; add after=["maker"] or the path to its inputs'
    assert made.notes == ((note,) if is_noted else ())
    assert made.found == (() if is_noted else (("made/h", entry("h")),))
    assert made.is_for_cache is not is_noted
    assert made.trace[columns.DISCOVERED] == (("made/h", entry("h")),)
    assert made.trace[columns.KEY] == ("" if is_noted else made.key)
    assert made.key is not None


def test_each_input_that_was_not_waited_for_is_told(bench: Bench) -> None:
    bench.write("made/h", "h")
    bench.write("other", "o")
    bench.write("own", "own")

    made = with_depfile(bench, deps(), "out: other made/h own\n", MAKER, OTHER)

    assert [note.partition("`")[2].partition("`")[0] for note in made.notes] == ["made/h", "other"]


def test_what_a_stage_made_itself_may_be_discovered(bench: Bench) -> None:
    bench.write("dir/h", "h")

    made = with_depfile(bench, deps(outputs="out dir/"), "out: dir/h\n", MAKER)

    assert (made.notes, made.result.discovered) == ((), ("dir/h",))


def test_of_a_graph_in_which_many_ways_lead_up_each_stage_is_met_once() -> None:
    stages = tuple(stage_of(str(number), "", name=str(number)) for number in range(40))
    upstream = tuple(tuple(range(max(0, number - 2), number)) for number in range(40))
    pipeline = Pipeline(stages, (), upstream)  # type: ignore[arg-type]  # a position is a StageId

    assert rule._everything_above(39, pipeline) == set(range(39))
    assert rule._everything_above(0, pipeline) == set()


# --- what moved meanwhile ---------------------------------------------------------------------------

MOVES: dict[str, tuple[Callable[[Path], object], str]] = {
    "written anew": (lambda root: (root / "a").write_text("other"), "a"),
    "touched": (lambda root: os.utime(root / "a", (1, 1)), "a"),
    "gone": (lambda root: (root / "a").unlink(), "a"),
    "appeared": (lambda root: (root / "b").write_text(""), "b"),
    "in a directory": (lambda root: (root / "dir/x").write_text("other"), "dir/x"),
    "gone from a directory": (lambda root: (root / "dir/x").unlink(), "dir"),
    "an implicit one": (lambda root: (root / "conf").write_text("other"), "conf"),
}


@pytest.mark.parametrize("kind", MOVES)
def test_an_input_that_changed_while_a_stage_ran_leaves_no_record(bench: Bench, kind: str) -> None:
    bench.write("dir/x", "x")
    bench.write("conf", "c")
    stage = stage_of(inputs="dir a b", implicit=(ProjectPath("conf"),))
    bench.write("out", "made")
    run = bench.begun(stage)
    change, subject = MOVES[kind]
    change(bench.root)

    made = bench.settled(stage, run=run, wall_s=3.0)

    assert made.notes == (f"not recorded: input `{subject}` changed while the stage ran",)
    assert (made.key, made.found, made.is_for_cache) == (None, (), False)
    assert made.trace == trace_of(stage, run.judgement, "", (), made.result)
    assert made.trace[columns.OUTPUTS] == (entry("made"),)
    assert made.trace[columns.KEY] == ""
    assert made.result.duration_s == 3.0


def test_an_input_that_is_gone_from_the_middle_is_named_after_what_differs_itself(
    bench: Bench,
) -> None:
    bench.write("dir/x", "x")
    stage = stage_of(inputs="dir")
    bench.write("out", "made")
    run = bench.begun(stage)
    run = evolve(run, before=(*run.before, ("dir/y", (1, 2, 3, 4, 5, 6))))

    made = bench.settled(stage, run=run)

    assert made.notes == ("not recorded: input `dir/y` changed while the stage ran",)


def discovering(bench: Bench, late_ns: int, *above: Stage) -> Settled:
    """Settle a stage that discovers `h` and began so much before `h` was written."""
    bench.write("h", "h")
    bench.write("out", "made")
    bench.write("d", "out: h\n")
    run = bench.begun(deps(), len(above))
    ((_, signature),) = bench.shop.digester.signatures(["h"])
    assert signature is not None
    run.begun_ns = youngest_ns(signature) - late_ns
    return bench.settled(deps(), *above, run=run, upstream=((), (0,)) if above else None)


@pytest.mark.parametrize(("late_ns", "is_late"), [(-1, False), (0, True), (1, True)])
def test_a_discovered_input_must_be_older_than_the_run(
    bench: Bench, late_ns: int, *, is_late: bool
) -> None:
    made = discovering(bench, late_ns)

    note = "not recorded: input `h` changed while the stage ran"
    assert made.notes == ((note,) if is_late else ())
    assert (made.key is None) is is_late


@pytest.mark.parametrize(("late_ns", "is_late"), [(-1, False), (0, False), (1, True)])
def test_what_a_stage_of_this_build_made_may_be_as_old_as_the_run(
    bench: Bench, late_ns: int, *, is_late: bool
) -> None:
    made = discovering(bench, late_ns, stage_of("h", "", name="maker"))

    assert (made.key is None) is is_late


@pytest.mark.parametrize("path", ["nowhere", "dir/nowhere", "dir/no/where", "/no/where"])
def test_a_discovered_input_that_was_never_there_counts_as_missing(bench: Bench, path: str) -> None:
    bench.write("dir/x", "x")
    full = path if path[0] != "/" else f"{bench.root}{path}"

    made = with_depfile(bench, deps(), f"out: {full}\n")

    found = ((path.lstrip("/"), MISSING),)
    assert (made.notes, made.found) == ((), found)
    run = bench.begun(deps())
    assert made.key == strong_key(bench.shop.world.weak_bytes(deps()), run.judgement, found)


@pytest.mark.parametrize("late", ["dir", "dir/inner", "a file", "a link", "a dangling link"])
def test_a_discovered_input_that_may_have_been_there_leaves_no_record(
    bench: Bench, late: str
) -> None:
    bench.write("dir/inner/x", "x")
    bench.write("file", "x")
    (bench.root / "link").symlink_to("dir")
    (bench.root / "dangling").symlink_to("nothing")
    bench.write("out", "made")
    of_late = {"a file": "file/h", "a link": "link/h", "a dangling link": "dangling"}
    path = of_late.get(late, "dir/inner/h")
    bench.write("d", f"out: {path}\n")
    run = bench.begun(deps())
    run.begun_ns += 10**10
    if late not in of_late:
        run.begun_ns = youngest_ns(of_status((bench.root / late).stat()))
        other = bench.root / ("dir/inner" if late == "dir" else "dir")
        os.utime(other, ns=(1, 1))

    made = bench.settled(deps(), run=run)

    (note,) = made.notes
    assert note == (
        f"not recorded: its depfile names `{path}`, which is not there, and may have been while the"
        f" stage ran; have it leave `{path}` out"
    )
    assert made.key is None


def with_program(bench: Bench, path: str, stage: Stage) -> Run:
    run = bench.begun(stage)
    programs = ((path.rpartition("/")[2], path, bench.shop.digester.entry(path)),)
    run.judgement = evolve(run.judgement, programs=programs)
    return run


@pytest.mark.parametrize(("text", "is_other"), [("#!other", True), ("#!same", False)])
def test_a_program_of_the_project_counts_by_its_content_after_the_run(
    bench: Bench, text: str, *, is_other: bool
) -> None:
    bench.write("bin/tool", "#!same")
    bench.write("out", "made")
    run = with_program(bench, "bin/tool", stage_of())
    (bench.root / "bin/tool").unlink()
    bench.write("bin/tool", text)

    made = bench.settled(stage_of(), run=run)

    note = "not recorded: input `bin/tool` changed while the stage ran"
    assert made.notes == ((note,) if is_other else ())


@pytest.mark.parametrize("program", [("tool", "", "-"), ("sh", "/bin/sh", "x:00:1")])
def test_programs_outside_and_those_that_are_nowhere_are_not_looked_at_again(
    bench: Bench, program: tuple[str, str, str]
) -> None:
    bench.write("out", "made")
    run = bench.begun(stage_of())
    run.judgement = evolve(run.judgement, programs=(program,))

    assert bench.settled(stage_of(), run=run).notes == ()


def test_what_the_sandbox_cannot_tell_leaves_no_record(bench: Bench) -> None:
    stage = stage_of("sub/out")
    request = BuildRequest(sandbox=True)
    watching = Watching(
        root=str(bench.root), request=request, pipeline=Pipeline((stage,), (StageId(0),), ((),)),
        scratch=str(bench.root / "scratch"), temporary="/tmp",
        offered=Offered(seccomp="none", strace="none", landlock=""),
    )  # fmt: skip
    bench.open(watching=watching, request=request)
    run = bench.begun(stage)
    watching.watched(Work(0, {}, argv=("true",)), run)
    bench.write("sub/out", "made")

    made = bench.settled(stage, run=run)

    assert made.notes == ("not recorded: whether the sandbox kept it from something is not known here",)  # fmt: skip
    assert (made.key, made.trace[columns.KEY], made.is_for_cache) == (None, "", False)
