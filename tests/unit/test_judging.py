"""What one stage needs, asked of a world in memory: each thing that counts, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from judge_kit import CAT, FILES, Scene

from stagemake.fingerprint.component import FunctionIdentity
from stagemake.freshness import snapshot as columns
from stagemake.model.plan import Reason, Verdict
from stagemake.model.result import ActionResult
from stagemake.model.stage import Call, Command, ProjectPath, Stage, StageName
from stagemake.plan import fresh
from stagemake.plan.judge import Judgement, judge_stale
from stagemake.plan.programs import own_paths, paths_around, programs_of
from stagemake.plan.sight import DiskSight, PlannedSight

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEPS = evolve(CAT, depfile=ProjectPath("d"))
RESULT = ActionResult(stage="cat")


def seen(made: Judgement) -> tuple[Verdict, Reason, str]:
    return made.verdict, made.reason, made.subject


def done(stage: Stage = CAT, *discovered: str) -> Scene:
    scene = Scene(stage)
    scene.done(discovered=discovered)
    return scene


def identity(digest: str, *parts: tuple[str, str], always: bool = False) -> FunctionIdentity:
    return FunctionIdentity(digest, parts, (), always, (), ())


# --- fresh ------------------------------------------------------------------------------------------


def test_what_was_done_and_holds_is_fresh_under_its_key() -> None:
    scene = Scene()
    made = scene.done()

    found = scene.judge()

    assert seen(found) == (Verdict.FRESH, Reason.UNCHANGED, "")
    assert found.key == made.key
    assert found.refreshed is None
    assert scene.records.asked == []


@pytest.mark.parametrize(
    ("path", "entry", "reason"),
    [
        ("a", "f:ab:1", Reason.INPUT_CHANGED),
        ("a", "f:aa:2", Reason.INPUT_CHANGED),
        ("a", "x:aa:1", Reason.INPUT_CHANGED),
        ("b", "f:aa:1", Reason.INPUT_CHANGED),
        ("b", "-", Reason.INPUT_MISSING),
        ("conf", "f:cd:1", Reason.INPUT_CHANGED),
        ("out", "f:01:2", Reason.OUTPUT_MODIFIED),
        ("out", "-", Reason.OUTPUT_MISSING),
        ("dir", "d:98:0", Reason.OUTPUT_MODIFIED),
        ("h", "f:de:1", Reason.INPUT_CHANGED),
        ("g", "-", Reason.INPUT_MISSING),
        ("/bin/sh", "x:23:1", Reason.PROGRAM_CHANGED),
    ],
)
@pytest.mark.parametrize("is_planned", [False, True])
def test_each_entry_that_moved_counts(
    path: str, entry: str, reason: Reason, *, is_planned: bool
) -> None:
    scene = done(DEPS, "h", "g")
    if is_planned:
        scene.open("elsewhere")
    assert scene.judge().verdict is Verdict.FRESH

    scene.disk.entries[path] = entry

    assert seen(scene.judge()) == (
        Verdict.MISS,
        reason,
        "dir/" if path == "dir" else path,
    )


def test_a_shared_value_that_changed_counts() -> None:
    scene = done()

    scene.values["word"] = '"v"'

    assert seen(scene.judge()) == (Verdict.MISS, Reason.VALUE_CHANGED, "word")


CHANGES: list[tuple[Callable[[Stage], Stage], Reason, str]] = [
    (lambda s: evolve(s, action=Command(("/bin/sh", "x"))), Reason.COMMAND_CHANGED, ""),
    (lambda s: evolve(s, inputs=s.inputs[:1]), Reason.INPUT_REMOVED, "b"),
    (lambda s: evolve(s, inputs=(*s.inputs, ProjectPath("h"))), Reason.INPUT_ADDED, "h"),
    (lambda s: evolve(s, inputs=s.inputs[::-1]), Reason.DECLARATION_CHANGED, "order of inputs"),
    (lambda s: evolve(s, outputs=s.outputs[:1]), Reason.OUTPUTS_CHANGED, ""),
    (lambda s: evolve(s, env=(("E", "1"),)), Reason.ENV_CHANGED, "E"),
    (lambda s: evolve(s, env=(("E", None),)), Reason.ENV_CHANGED, "E"),
    (lambda s: evolve(s, pass_env=("P",)), Reason.ENV_CHANGED, "passed through="),
    (lambda s: evolve(s, secret_env=("S",)), Reason.ENV_CHANGED, "passed through="),
    (lambda s: evolve(s, config=(("c", "1"),)), Reason.CONFIG_CHANGED, "c"),
    (lambda s: evolve(s, params=(("p", 1),)), Reason.PARAMS_CHANGED, "p"),
    (lambda s: evolve(s, version="2"), Reason.DECLARATION_CHANGED, "version"),
    (lambda s: evolve(s, depfile=ProjectPath("d")), Reason.DECLARATION_CHANGED, "depfile"),
    (lambda s: evolve(s, uses=()), Reason.DECLARATION_CHANGED, "uses"),
    (lambda s: evolve(s, provides=("v",)), Reason.DECLARATION_CHANGED, "provides"),
    (lambda s: evolve(s, tools=("/bin/sh",)), Reason.DECLARATION_CHANGED, "tools"),
    (lambda s: evolve(s, cwd=ProjectPath("sub")), Reason.DECLARATION_CHANGED, "cwd"),
    (lambda s: evolve(s, console=True), Reason.DECLARATION_CHANGED, "console"),
]


@pytest.mark.parametrize(("change", "reason", "subject"), CHANGES)
def test_each_thing_declared_counts(
    change: Callable[[Stage], Stage], reason: Reason, subject: str
) -> None:
    scene = done()
    old = scene.snapshot.traces["cat"][columns.KEY]

    scene.stage = change(CAT)

    found = scene.judge()
    assert seen(found) == (Verdict.MISS, reason, subject)
    assert found.key != old


@pytest.mark.parametrize(
    "change",
    [
        {"pool": "p"}, {"cpus": 3.0}, {"memory_bytes": 5}, {"timeout_s": 1.0}, {"retries": 2},
        {"description": "x"}, {"cache": False},
    ],
)  # fmt: skip
def test_what_only_says_how_a_stage_runs_does_not_count(change: dict[str, object]) -> None:
    scene = done()

    scene.stage = evolve(CAT, **change)  # type: ignore[arg-type]  # a stage's own fields

    assert scene.judge().verdict is Verdict.FRESH


def test_a_name_does_not_count_where_the_result_is_in_the_cache() -> None:
    scene = Scene()
    key = scene.done().key or ""
    scene.records.results[key] = RESULT
    scene.stage = evolve(CAT, name=StageName("dog"))

    found = scene.judge()

    assert seen(found) == (Verdict.HIT, Reason.NO_RECORD, "")
    assert (found.key, found.cached) == (key, RESULT)


# --- what is never fresh, and what is never looked up -----------------------------------------------


@pytest.mark.parametrize(
    ("words", "change", "reason"),
    [
        ({"force": True}, {}, Reason.FORCED),
        ({"traced": frozenset({"cat"})}, {}, Reason.FORCED),
        ({}, {"always": True}, Reason.ALWAYS),
    ],
)
@pytest.mark.parametrize("is_open", [False, True])
def test_what_runs_in_any_case_is_neither_fresh_nor_looked_up(
    words: dict[str, object], change: dict[str, object], reason: Reason, *, is_open: bool
) -> None:
    scene = Scene(evolve(CAT, **change))  # type: ignore[arg-type]  # a stage's own fields
    key = scene.done().key or ""
    scene.words = words
    scene.records.results[key] = RESULT
    if is_open:
        scene.open("a")

    found = scene.judge()

    assert seen(found) == (Verdict.MISS, reason, "")
    assert found.key == (None if is_open else key)
    assert scene.records.asked == []
    assert found.old_outputs == ("f:00:2", "d:99:0")
    assert found.old_key == key


@pytest.mark.parametrize("always", [False, True])
def test_a_function_that_cannot_be_identified_runs_always(*, always: bool) -> None:
    stage = evolve(CAT, action=Call(print))
    scene = Scene(stage, identity=identity("ab", always=always))
    scene.done()

    found = scene.judge()

    expected = (Verdict.MISS, Reason.UNIDENTIFIED) if always else (Verdict.FRESH, Reason.UNCHANGED)
    assert seen(found) == (*expected, "")
    assert found.refreshed is None


def test_a_function_counts_by_its_identity_and_names_what_changed() -> None:
    scene = Scene(evolve(CAT, action=Call(print)), identity=identity("ab", ("f()", "1")))
    scene.done()

    scene.identity = identity("cd", ("f()", "2"))

    assert seen(scene.judge()) == (Verdict.MISS, Reason.CODE_CHANGED, "f()")


def test_a_stage_that_nothing_is_known_of_was_never_built() -> None:
    scene = Scene()

    found = scene.judge()

    assert seen(found) == (Verdict.MISS, Reason.NEVER_BUILT, "")
    assert found.old_outputs is None
    assert found.key == scene.done().key
    assert scene.records.asked == [found.key]


@pytest.mark.parametrize("has_trace", [False, True])
def test_a_run_that_left_no_result_was_interrupted(*, has_trace: bool) -> None:
    scene = done()
    trace = scene.snapshot.traces.pop("cat")
    if has_trace:
        scene.snapshot.traces["cat"] = (trace[0], "", *trace[2:])
    else:
        scene.snapshot.interrupted["cat"] = ("out",)

    assert seen(scene.judge()) == (Verdict.MISS, Reason.INTERRUPTED, "")


# --- the cache --------------------------------------------------------------------------------------


def test_a_result_of_these_inputs_is_a_hit_and_the_reason_says_what_moved() -> None:
    scene = Scene()
    key = scene.done().key or ""
    scene.disk.entries["a"] = "f:ab:1"
    scene.done()
    scene.disk.entries["a"] = FILES["a"]
    scene.records.results[key] = RESULT

    found = scene.judge()

    assert seen(found) == (Verdict.HIT, Reason.INPUT_CHANGED, "a")
    assert (found.key, found.cached) == (key, RESULT)


def test_a_stage_that_keeps_nothing_in_the_cache_takes_nothing_from_it() -> None:
    scene = Scene(evolve(CAT, cache=False))
    key = scene.done().key or ""
    scene.records.results[key] = RESULT
    scene.disk.entries["out"] = "-"

    found = scene.judge()

    assert seen(found) == (Verdict.MISS, Reason.OUTPUT_MISSING, "out")
    assert found.key == key
    assert scene.records.asked == []


def test_lists_of_discovered_inputs_are_tried_one_after_the_other_the_own_one_first() -> None:
    scene = done(DEPS, "h")
    own = scene.snapshot.traces["cat"][columns.KEY]
    other = Scene(DEPS).done(discovered=("g",)).key or ""
    scene.records.hints[scene.world().weak_hex(DEPS)] = (("h",), ("g",), ("missing",))
    scene.disk.entries["out"] = "-"
    scene.records.results[other] = RESULT

    found = scene.judge()

    assert scene.records.asked == [own, other]
    assert (found.verdict, found.key, found.cached) == (Verdict.HIT, other, RESULT)


def test_of_a_stage_with_a_depfile_nothing_is_looked_up_before_its_inputs_were_discovered() -> None:
    scene = Scene(DEPS)

    found = scene.judge()

    assert seen(found) == (Verdict.MISS, Reason.NEVER_BUILT, "")
    assert found.key is None
    assert scene.records.asked == []


def test_a_key_that_misses_is_that_of_the_likeliest_list() -> None:
    scene = done(DEPS, "h")
    own = scene.snapshot.traces["cat"][columns.KEY]
    scene.records.hints[scene.world().weak_hex(DEPS)] = (("g",),)
    scene.disk.entries["out"] = "-"

    assert scene.judge().key == own


# --- the same under another text --------------------------------------------------------------------


def test_a_program_that_moved_with_its_content_makes_a_new_trace_and_no_run(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "prog").touch(0o755)
    stage = evolve(CAT, action=Command(("prog", "x")))
    scene = Scene(stage, root=str(tmp_path))
    for place in ("one", "two"):
        scene.disk.entries[f"{tmp_path}/{place}/prog"] = "x:33:1"
        scene.disk.entries[f"{place}/prog"] = "x:33:1"
    scene.words = {}
    trace = stale_trace(scene, "one")
    assert trace[columns.PROGRAMS] == (("prog", "one/prog", "x:33:1"),)
    scene.snapshot.traces["cat"] = trace

    found = judged_with_path(scene, "two")

    assert seen(found) == (Verdict.FRESH, Reason.UNCHANGED, "")
    assert found.key == trace[columns.KEY]
    programs = (("prog", "two/prog", "x:33:1"),)
    assert found.refreshed == (*trace[: columns.PROGRAMS], programs, *trace[columns.DISCOVERED :])


def judged_with_path(scene: Scene, search_path: str) -> Judgement:
    world = scene.world()
    world.search_path = search_path
    return judge_stale(scene.stage, world, DiskSight(scene.disk, scene.values))


def stale_trace(scene: Scene, search_path: str) -> tuple[object, ...]:
    made = judged_with_path(scene, search_path)
    outputs = ("f:00:2", "d:99:0")
    return (
        made.declaration, made.key, made.entries, made.programs, (), outputs, (),
        (made.values, ()), (1.0, 1.0, 2),
    )  # fmt: skip


# --- while stages upstream will run -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["a", "b", "conf"])
def test_an_input_that_will_be_made_anew_makes_a_maybe(path: str) -> None:
    scene = done().open(path)

    found = scene.judge()

    assert seen(found) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, path)
    assert found.key is None
    assert scene.records.asked == []


def test_a_discovered_input_that_will_be_made_anew_makes_a_maybe() -> None:
    scene = done(DEPS, "h", "g").open("g")

    found = scene.judge()

    assert seen(found) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, "g")
    assert found.key is None


def test_while_one_list_of_discovered_inputs_is_open_there_is_no_key() -> None:
    scene = done(DEPS, "g").open("g")
    scene.records.hints[scene.world().weak_hex(DEPS)] = (("h",),)

    found = scene.judge()

    assert seen(found) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, "g")
    assert found.key is None
    assert len(scene.records.asked) == 1


def test_a_value_that_will_be_told_anew_makes_a_maybe() -> None:
    scene = done()
    planned = PlannedSight(scene.disk)
    planned.add_open(0, Stage(StageName("maker"), provides=("word",)))
    scene.sight = planned

    assert seen(scene.judge()) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, "word")


def test_a_program_that_will_be_made_anew_makes_a_maybe(tmp_path: Path) -> None:
    (tmp_path / "tool").touch(0o755)
    scene = Scene(evolve(CAT, action=Command(("./tool", "x"))), root=str(tmp_path))
    scene.done()
    assert scene.judge().verdict is Verdict.FRESH

    assert scene.open("elsewhere").judge().refreshed is None

    found = scene.open("tool").judge()

    assert seen(found) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, "tool")


def test_an_open_stage_makes_a_miss_of_one_without_a_past() -> None:
    scene = Scene().open("a")

    found = scene.judge()

    assert seen(found) == (Verdict.MISS, Reason.NEVER_BUILT, "")
    assert found.key is None


@pytest.mark.parametrize("change", [{"version": "2"}, {"env": (("E", "1"),)}])
def test_a_past_of_another_declaration_makes_no_maybe_unless_the_cache_knows(
    change: dict[str, object],
) -> None:
    scene = done()
    scene.stage = evolve(CAT, **change)  # type: ignore[arg-type]  # a stage's own fields
    scene.open("a")
    assert scene.judge().verdict is Verdict.MISS

    scene.records.hints[scene.world().weak_hex(scene.stage)] = ((),)

    assert seen(scene.judge()) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, "a")


def test_an_unrelated_open_stage_leaves_others_fresh() -> None:
    scene = done(DEPS, "h").open("elsewhere")

    assert seen(scene.judge()) == (Verdict.FRESH, Reason.UNCHANGED, "")


# --- what an unfinished build has done --------------------------------------------------------------


def resumed(tmp_path: Path, **change: object) -> Scene:
    scene = Scene(evolve(CAT, resumable=True, always=True, **change))  # type: ignore[arg-type]  # a stage's own fields
    key = scene.done().key
    (tmp_path / "checkpoint").write_text(f'["cat", "{key}"]\n')
    scene.words = {"checkpoint_path": f"{tmp_path}/checkpoint"}
    return scene


def test_a_resumable_stage_that_finished_in_a_build_that_did_not_is_done(tmp_path: Path) -> None:
    scene = resumed(tmp_path)

    found = scene.judge()

    assert seen(found) == (Verdict.FRESH, Reason.RESUMED, "")
    assert found.key == scene.snapshot.traces["cat"][columns.KEY]


@pytest.mark.parametrize("path", ["a", "conf", "out", "dir", "/bin/sh"])
def test_a_resumable_stage_of_which_anything_moved_runs(tmp_path: Path, path: str) -> None:
    scene = resumed(tmp_path)

    scene.disk.entries[path] = "x:77:7"

    assert seen(scene.judge())[:2] == (Verdict.MISS, Reason.ALWAYS)


def test_a_resumable_stage_whose_inputs_are_open_may_be_done(tmp_path: Path) -> None:
    scene = resumed(tmp_path).open("b")

    assert seen(scene.judge()) == (Verdict.MAYBE, Reason.UPSTREAM_RUNS, "b")


def test_a_resumable_stage_that_is_declared_otherwise_runs(tmp_path: Path) -> None:
    scene = resumed(tmp_path).open("b")

    scene.stage = evolve(scene.stage, version="3")

    assert seen(scene.judge()) == (Verdict.MISS, Reason.ALWAYS, "")


@pytest.mark.parametrize("words", [{"force": True}, {"traced": frozenset({"cat"})}])
def test_what_is_forced_is_not_resumed(tmp_path: Path, words: dict[str, object]) -> None:
    scene = resumed(tmp_path)

    scene.words |= words

    assert seen(scene.judge()) == (Verdict.MISS, Reason.FORCED, "")


def test_what_finished_under_another_key_is_not_resumed(tmp_path: Path) -> None:
    scene = resumed(tmp_path)
    (tmp_path / "checkpoint").write_text('["cat", "0123"]\n')

    assert seen(scene.judge()) == (Verdict.MISS, Reason.ALWAYS, "")


def test_what_is_not_resumable_is_not_resumed(tmp_path: Path) -> None:
    scene = resumed(tmp_path)

    scene.stage = evolve(scene.stage, resumable=False)

    assert seen(scene.judge()) == (Verdict.MISS, Reason.ALWAYS, "")


# --- links, and loose stages ------------------------------------------------------------------------


def test_a_link_among_the_inputs_is_fresh_while_what_it_leads_to_is() -> None:
    scene = Scene()
    scene.disk.entries["a"] = "l:b:f:bb:1"
    scene.done()
    assert scene.judge().verdict is Verdict.FRESH

    scene.sight = LinkedSight(scene.disk, scene.values)

    assert scene.judge().verdict is not Verdict.FRESH


class LinkedSight(DiskSight):
    """Sees that something else is open, and that the link `a` leads there."""

    def entry(self, path: str) -> str:
        return "l:b:f:ff:9" if path == "a" else super().entry(path)

    def has_open(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("entries", "discovered", "programs", "is_loose"),
    [
        (("f:aa:1", "f:bb:1"), (), (), False),
        (("f:aa:1", "l:x"), (), (), True),
        (("d:aa:1",), (), (), False),
        ((), (("h", "f:aa:1"),), (), False),
        ((), (("g", "f:aa:1"), ("h", "d:aa:1")), (), True),
        ((), (("h", "l:aa"),), (), True),
        ((), (), (("sh", "/bin/sh", "x:1:1"),), False),
        ((), (), (("sh", "/bin/sh", "x:1:1"), ("t", "t", "x:1:1")), True),
    ],
)
def test_links_discovered_directories_and_own_programs_make_a_stage_loose(
    entries: tuple[str, ...],
    discovered: tuple[object, ...],
    programs: fresh.Programs,
    *,
    is_loose: bool,
) -> None:
    scene = Scene()
    trace = ((), "key", entries, programs, discovered, (), (), ((), ()), ())
    is_open = LinkedSight(scene.disk, scene.values)

    assert fresh.is_loose(trace, scene.world(), is_open) == is_loose
    assert fresh.may_follow(trace) == is_loose
    assert not fresh.is_loose(trace, scene.world(), DiskSight(scene.disk, {}))


# --- programs ---------------------------------------------------------------------------------------


def test_programs_in_the_project_are_seen_as_they_will_be() -> None:
    scene = Scene()
    scene.disk.entries |= {
        "gone": "-",
        "text": "f:1:1",
        "link": "l:x",
        "tool": "x:12:1",
        "sub/t": "x:9:9",
    }
    sight = PlannedSight(scene.disk)
    sight.add_open(0, Stage(StageName("m"), outputs=(ProjectPath("late"),)))
    programs = (
        ("sh", "/bin/sh", "x:0:0"), ("./tool", "tool", "x:11:1"), ("./same", "tool", "x:12:1"),
        ("./gone", "gone", "x:1:1"), ("./text", "text", "x:1:1"), ("./link", "link", "x:1:1"),
        ("./late", "late", "x:1:1"), ("nowhere", "", "-"), ("./sub/../sub/t", "", "-"),
    )  # fmt: skip

    assert fresh.as_seen(programs, sight) == (
        ("sh", "/bin/sh", "x:0:0"), ("./tool", "tool", "x:12:1"), ("./same", "tool", "x:12:1"),
        ("./gone", "", "-"), ("./text", "", "-"), ("./link", "link", "l:x"),
        ("./late", "late", None), ("nowhere", "", "-"), ("./sub/../sub/t", "sub/t", "x:9:9"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"action": Command(("sh", "x"))}, ["sh"]),
        ({"action": Command(("sh", "x")), "tools": ("cat", "sh")}, ["sh", "cat"]),
        ({"action": Command(("cat x | sort > y",), shell=True)}, ["/bin/sh", "cat", "sort"]),
        ({"action": Command(("./tool",))}, ["./tool"]),
        ({"action": Command(("./tool",)), "cwd": ProjectPath("sub")}, ["sub/tool"]),
        ({"action": Command(("../tool",)), "cwd": ProjectPath("sub")}, ["./tool"]),
        ({"action": Command(("/bin/sh",)), "cwd": ProjectPath("sub")}, ["/bin/sh"]),
        ({"action": Command(("sh",)), "cwd": ProjectPath("sub")}, ["sh"]),
        ({"action": Command(("a",)), "inputs": (ProjectPath("a"),)}, []),
        ({"action": Command(("./dir/made",))}, []),
        ({"action": Command(("./out",))}, []),
        ({"action": Command(("/bin/sh",)), "inputs": (ProjectPath("/bin/sh"),)}, []),
        ({"action": Command(("/bin/sh",)), "outputs": (ProjectPath("/bin/"),)}, []),
        ({"action": Command(("sh",)), "inputs": (ProjectPath("/etc/x"),)}, ["sh"]),
        ({"action": Command(("./tool",)), "tools": ("sh", "cat")}, ["./tool", "sh", "cat"]),
        ({"action": None}, []),
        ({"action": Call(print)}, []),
        ({"action": Call(print), "tools": ("sh",)}, ["sh"]),
    ],
)
def test_programs_of_a_stage_are_those_it_starts_but_for_what_it_reads_or_makes(
    words: dict[str, object], expected: list[str]
) -> None:
    scene = Scene(evolve(CAT, **words))  # type: ignore[arg-type]  # a stage's own fields

    found = programs_of(scene.stage, scene.world())

    assert [name for name, _, _ in found] == expected
    assert [path for _, path, _ in found] == [
        f"/bin/{name.rpartition('/')[2]}" if "tool" not in name else "" for name in expected
    ]


def test_paths_around_a_path_end_at_the_root_of_what_it_says() -> None:
    assert paths_around("a/b/c") == ["a/b/c", "a/b", "a"]
    assert paths_around("a") == ["a"]
    assert paths_around("/a/b") == ["/a/b", "/a"]


def test_own_programs_are_those_found_in_the_project() -> None:
    assert own_paths((("a", "/bin/a", "x"), ("b", "b/c", "x"), ("c", "", "-"))) == ("b/c",)
