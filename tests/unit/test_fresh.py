"""Whether a last result still holds: each condition by itself, in each way to look, and what is looked at for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve, field
from judge_kit import CAT, VALUES, Scene

from stagemake.freshness import snapshot as columns
from stagemake.model.stage import Command, ProjectPath
from stagemake.plan.fresh import as_seen, follows, fresh_key, may_follow, outputs_hold
from stagemake.plan.sight import DiskSight

if TYPE_CHECKING:
    from collections.abc import Callable

DEPS = evolve(CAT, depfile=ProjectPath("d"))


@define
class Watched:
    """A sight that says what the test wants, and notes what it was asked for."""

    scene: Scene
    is_open: bool = False
    clear: bool = True
    changed: dict[str, str | None] = field(factory=dict)  # entries that will be others
    asked: list[str] = field(factory=list)

    def entry(self, path: str) -> str | None:
        self.asked.append(path)
        return self.changed.get(path, self.scene.disk.entry(path))

    def value(self, name: str) -> str | None:
        return self.scene.values.get(name)

    def is_clear(self, upstream: tuple[int, ...]) -> bool:
        assert upstream == (0,)
        return self.clear

    def has_open(self) -> bool:
        return self.is_open


WAYS = {
    "nothing is open": {"is_open": False, "clear": True},
    "something else is open": {"is_open": True, "clear": True},
    "something upstream is open": {"is_open": True, "clear": False},
}


def done(stage: object = CAT, *discovered: str) -> tuple[Scene, str]:
    scene = Scene(stage)  # type: ignore[arg-type]  # a stage
    key = scene.done(discovered=discovered).key
    assert key is not None
    return scene, key


def key_in(scene: Scene, way: str = "nothing is open", **words: object) -> str | None:
    sight = Watched(scene, **{**WAYS[way], **words})  # type: ignore[arg-type]  # its own fields
    return fresh_key(scene.stage, (0,), scene.world(), sight)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("discovered", [(), ("h", "g")])
def test_what_holds_has_its_key(way: str, discovered: tuple[str, ...]) -> None:
    scene, key = done(DEPS, *discovered)

    assert key_in(scene, way) == key


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["a", "b", "conf", "h", "g", "out", "dir", "/bin/sh"])
def test_each_path_counts_however_it_is_looked_at(way: str, path: str) -> None:
    scene, _ = done(DEPS, "h", "g")

    scene.disk.entries[path] = "f:99:9"

    assert key_in(scene, way) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", ["a", "b", "conf"])
def test_each_input_counts_where_nothing_was_discovered(way: str, path: str) -> None:
    scene, _ = done()

    scene.disk.entries[path] = "f:99:9"

    assert key_in(scene, way) is None


@pytest.mark.parametrize("path", ["a", "conf", "h"])
@pytest.mark.parametrize("entry", [None, "f:99:9"])
def test_what_will_be_made_anew_counts_before_it_is(path: str, entry: str | None) -> None:
    scene, _ = done(DEPS, "h")

    assert key_in(scene, "something else is open", changed={path: entry}) is None
    assert key_in(scene, "something upstream is open", changed={path: entry}) is None


def test_while_nothing_upstream_is_open_the_disk_says_what_is_there() -> None:
    scene, key = done()

    assert key_in(scene, "something else is open", changed={"a": "f:99:9"}) == key
    assert key_in(scene, "something upstream is open", changed={"a": "f:99:9"}) is None


@pytest.mark.parametrize(("way", "is_fresh"), [("nothing is open", True), ("something else is open", False)])  # fmt: skip
def test_a_link_is_seen_through_while_anything_is_open(way: str, *, is_fresh: bool) -> None:
    scene = Scene()
    scene.disk.entries["b"] = "l:77"
    key = scene.done().key

    assert key_in(scene, way) == key
    assert key_in(scene, way, changed={"b": "l:78"}) == (key if is_fresh else None)


def test_a_value_counts_where_the_stage_uses_any() -> None:
    scene, key = done()

    assert key_in(scene) == key
    scene.values["word"] = '"v"'
    assert key_in(scene) is None
    scene.values = {}
    assert key_in(scene) is None


def test_all_values_count() -> None:
    scene = Scene(evolve(CAT, uses=("word", "more")))
    scene.values = {**VALUES, "more": "1"}
    key = scene.done().key
    assert key_in(scene) == key

    scene.values["more"] = "2"

    assert key_in(scene) is None


CONDITIONS: dict[str, Callable[[Scene], object]] = {
    "no trace": lambda scene: scene.snapshot.traces.clear(),
    "a trace without a key": lambda scene: put(scene, columns.KEY, ""),
    "another declaration": lambda scene: setattr(scene, "stage", evolve(scene.stage, version="2")),
    "forced": lambda scene: scene.words.update(force=True),
    "traced": lambda scene: scene.words.update(traced=frozenset({"cat"})),
    "runs always": lambda scene: setattr(scene, "stage", evolve(scene.stage, always=True)),
    "another program": lambda scene: scene.disk.entries.update({"/bin/sh": "x:99:1"}),
    "an output gone": lambda scene: scene.disk.entries.pop("out"),
    "a directory gone": lambda scene: scene.disk.entries.pop("dir"),
}


def put(scene: Scene, column: int, value: object) -> None:
    trace = list(scene.snapshot.traces["cat"])
    trace[column] = value
    scene.snapshot.traces["cat"] = tuple(trace)


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("way", WAYS)
def test_each_condition_alone_ends_it(way: str, kind: str) -> None:
    scene, _ = done()

    CONDITIONS[kind](scene)

    assert key_in(scene, way) is None


def test_another_stage_that_is_traced_ends_nothing() -> None:
    scene, key = done()

    scene.words = {"traced": frozenset({"dog"})}

    assert key_in(scene) == key


def test_what_a_survey_has_seen_is_not_looked_at_again() -> None:
    scene, key = done()
    known = dict(scene.disk.entries)
    scene.disk.entries.clear()
    scene.disk.entries["/bin/sh"] = known["/bin/sh"]
    scene.words = {"seen": {**known, "dir/": known["dir"]}}

    assert key_in(scene) == key
    scene.words = {"seen": {**known, "dir/": known["dir"], "a": "f:99:9"}}
    assert key_in(scene) is None  # what was seen is another; the disk has nothing


@pytest.mark.parametrize(("entry", "is_fresh"), [("x:11:1", True), (None, False), ("x:12:1", False), ("-", False)])  # fmt: skip
def test_a_program_of_the_project_is_seen_as_it_will_be_while_anything_is_open(
    entry: str | None, tmp_path_factory: pytest.TempPathFactory, *, is_fresh: bool
) -> None:
    root = tmp_path_factory.mktemp("root")
    (root / "tool").touch(0o755)
    scene = Scene(evolve(CAT, action=Command(("./tool", "x"))), root=str(root))
    key = scene.done().key

    assert key_in(scene, "nothing is open", changed={"tool": entry}) == key
    assert key_in(scene, "something else is open", changed={"tool": entry}) == (key if is_fresh else None)  # fmt: skip


@pytest.mark.parametrize(("path", "entry", "holds"), [("out", "f:00:2", True), ("out", "f:00:3", False), ("dir", "d:98:0", False), ("dir", "-", False)])  # fmt: skip
def test_outputs_hold_while_each_is_as_it_was_left(path: str, entry: str, *, holds: bool) -> None:
    scene, _ = done()
    trace = scene.snapshot.traces["cat"]

    scene.disk.entries[path] = entry

    assert outputs_hold(scene.stage, trace, scene.world()) is holds


@pytest.mark.parametrize(
    ("entries", "discovered", "expected"),
    [
        ((), (), False),
        (("f:1:1", "x:1:1", "d:1", "-"), (("h", "f:1:1"), ("g", "-")), False),
        (("f:1:1", "l:1"), (), True),
        (("l:1", "f:1:1"), (), True),
        ((), (("g", "f:1:1"), ("h", "l:1")), True),
        ((), (("h", "d:1"), ("g", "f:1:1")), True),
    ],
)
def test_links_and_discovered_directories_may_be_followed(
    entries: tuple[str, ...], discovered: tuple[object, ...], *, expected: bool
) -> None:
    trace = ((), "key", entries, (), discovered, (), (), ((), ()), ())

    assert (follows(trace), may_follow(trace)) == (expected, expected)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (("sh", "/bin/sh", "x:1:1"), ("sh", "/bin/sh", "x:1:1")),
        (("t", "t", "x:11:1"), ("t", "t", "x:11:1")),
        (("t", "t", "x:10:1"), ("t", "t", "x:11:1")),
        (("bin/../t", "", "-"), ("bin/../t", "t", "x:11:1")),
        (("t", "", "-"), ("t", "", "-")),
        (("link", "link", "x:1:1"), ("link", "link", "l:1")),
        (("file", "file", "x:1:1"), ("file", "", "-")),
        (("dir", "dir", "x:1:1"), ("dir", "", "-")),
        (("gone", "gone", "x:1:1"), ("gone", "", "-")),
        (("open", "open", "x:1:1"), ("open", "open", None)),
        (("./open", "", "-"), ("./open", "open", None)),
    ],
)
def test_a_program_is_seen_as_it_will_be(
    program: tuple[str, str, str], expected: tuple[str, str, str | None]
) -> None:
    scene = Scene()
    scene.disk.entries = {"t": "x:11:1", "link": "l:1", "file": "f:1:1", "dir": "d:1", "/bin/sh": "x:9:9"}  # fmt: skip
    sight = Watched(scene, changed={"open": None})
    beside = ("own", "t", "x:11:1")

    assert as_seen((program, beside), sight) == (expected, beside)
    assert "/bin/sh" not in sight.asked
    assert "/" not in sight.asked


def test_where_all_programs_lie_outside_nothing_is_asked() -> None:
    scene = Scene()
    sight = Watched(scene)
    programs = (("sh", "/bin/sh", "x:1:1"), ("cat", "/bin/cat", "x:2:1"))

    assert as_seen(programs, sight) is programs
    assert (as_seen((), sight), sight.asked) == ((), [])


def test_a_build_in_which_all_above_has_settled_goes_by_the_disk() -> None:
    scene, key = done(DEPS, "h")
    sight = DiskSight(scene.disk, scene.values)

    assert fresh_key(scene.stage, (0,), scene.world(), sight) == key
