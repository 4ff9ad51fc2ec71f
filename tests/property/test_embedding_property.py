"""What holds for every set of class-based stages: hooks, shared values, dry runs, order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stagemake import (
    BaseStage,
    BuildRequest,
    DependencyOrder,
    Outcome,
    StageContext,
    StageDependency,
    StageHook,
    StagemakeError,
    StageManager,
)
from stagemake.model.error import DependencyCycle, UnknownDependency

if TYPE_CHECKING:
    from pathlib import Path


SLOW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Node(BaseStage):
    """One of a random graph: reads what others make, writes a file of its own; may fail."""

    def __init__(self, number: int, above: tuple[int, ...], kind: str) -> None:
        self.name = f"s{number}"
        self.inputs = (f"in/{number}", *(f"out/{one}" for one in above))
        self.outputs = (f"out/{number}",)
        self.kind = kind
        self.always = kind == "always"
        self.retries = 1 if kind == "shaky" else 0

    def execute(self, context: StageContext) -> None:
        if self.kind == "fails":
            raise ValueError(self.name)
        tried = context.root / f"tried.{self.name}"
        if self.kind == "shaky" and not tried.exists():
            tried.touch()
            raise ValueError("once more")
        texts = [context.storage.read_text(path) for path in context.inputs]
        context.storage.write(self.outputs[0], f"({' '.join(texts)[:50]})")


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    count = draw(st.integers(1, 5))
    return [
        Node(
            number,
            tuple(sorted(draw(st.sets(st.integers(0, number - 1), max_size=2)))) if number else (),
            draw(st.sampled_from(["plain", "plain", "plain", "always", "shaky", "fails"])),
        )
        for number in range(count)
    ]


class Record(StageHook):
    """Notes every call, and how the stage had ended by then."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def before_stage(self, stage_name: str, context: StageContext) -> None:
        self.calls.append(("before", stage_name))

    def after_stage(self, stage_name: str, context: StageContext) -> None:
        assert context.results[stage_name].outcome in {Outcome.RAN, Outcome.FAILED}
        self.calls.append(("after", stage_name))


@pytest.mark.slow
@SLOW
@given(
    nodes=graphs(),
    jobs=st.integers(1, 4),
    keep_going=st.booleans(),
    edited=st.sets(st.integers(0, 4)),
    lost=st.sets(st.integers(0, 4)),
)
def test_hooks_are_called_once_round_each_executed_stage_and_for_no_other(  # noqa: PLR0917 - drawn
    tmp_path_factory: pytest.TempPathFactory,
    nodes: list[Node],
    jobs: int,
    keep_going: bool,
    edited: set[int],
    lost: set[int],
) -> None:
    base = tmp_path_factory.mktemp("hooks")
    root = base / "p"
    (root / "in").mkdir(parents=True)
    for number in range(len(nodes)):
        (root / f"in/{number}").write_text(str(number))
    manager = StageManager(root, cache_dir=base / "cache")
    hook = Record()
    manager.register_pre_stage_hook(hook)
    manager.register_post_stage_hook(hook)
    for node in nodes:
        manager.register_stage(node)
    request = BuildRequest(jobs=jobs, keep_going=keep_going)

    for turn in range(3):
        hook.calls.clear()
        for number in edited if turn == 1 else ():
            if number < len(nodes):
                (root / f"in/{number}").write_text("edited")
        for number in lost if turn == 2 else ():
            (root / f"out/{number}").unlink(missing_ok=True)
        pipeline = manager.build_pipeline(request)

        results = manager.execute_pipeline(request).results

        executed = [one.name for one in results if one.exit_code is not None]
        assert sorted(hook.calls) == sorted((w, name) for name in executed for w in ("after", "before"))  # fmt: skip
        place = {call: index for index, call in enumerate(hook.calls)}
        for stage_id, stage in enumerate(pipeline.stages):
            if stage.name not in executed:
                continue
            assert place["before", stage.name] < place["after", stage.name]
            for above in pipeline.upstream[stage_id]:
                name = pipeline.stages[above].name
                if name in executed:
                    assert place["after", name] < place["before", stage.name]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


class Provide(BaseStage):
    """Provide a value."""

    name = "provide"
    inputs = ("in",)
    outputs = ("made",)
    provides = ("value",)

    def __init__(self, text: str) -> None:
        self.text = text

    def execute(self, context: StageContext) -> None:
        context.shared["value"] = json.loads(self.text)
        context.storage.write("made", "")


class Use(BaseStage):
    """Write down what it sees."""

    name = "use"
    uses = ("value",)
    outputs = ("seen",)
    cache = False

    def execute(self, context: StageContext) -> None:
        context.storage.write("seen", repr(context.shared["value"]))


@pytest.mark.slow
@SLOW
@given(value=PLAIN)
def test_a_hit_gives_exactly_the_shared_values_of_the_run(
    tmp_path_factory: pytest.TempPathFactory, value: Any
) -> None:
    base = tmp_path_factory.mktemp("values")
    seen = []
    outcomes = []
    for name in ("one", "two"):
        root = base / name
        root.mkdir()
        (root / "in").write_text("")
        manager = StageManager(root, cache_dir=base / "cache")
        manager.register_stage(Provide(json.dumps(value)))
        manager.register_stage(Use())

        outcomes.append([result.outcome for result in manager.execute_pipeline().results])
        seen.append((root / "seen").read_text())

    assert outcomes == [[Outcome.RAN, Outcome.RAN], [Outcome.RESTORED, Outcome.RAN]]
    # Mappings come sorted; what they hold is what was set.
    assert seen[0] == seen[1] == repr(json.loads(json.dumps(value, sort_keys=True)))


PATHS = st.sampled_from(["out/x", "out/y", "in/0", "deep/er/z", "out"])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PATHS, st.just("text")),
        st.tuples(st.sampled_from(["copy", "move"]), PATHS, PATHS),
        st.tuples(st.sampled_from(["remove", "mkdir"]), PATHS),
        st.tuples(st.just("chmod"), PATHS, st.just(0o600)),
    ),
    max_size=4,
)


class Acts(BaseStage):
    """Does things to files, in a dry run only in words; and to itself, where that is forgotten."""

    inputs = ("in/0",)
    config = {"level": 1}  # noqa: RUF012 - as people write it

    def __init__(self, number: int, acts: list[tuple[Any, ...]], kind: str) -> None:
        self.name = f"acts{number}"
        self.outputs = (f"out{number}/",)
        self.provides = (f"value{number}",)
        self.acts = acts
        self.kind = kind
        self.done = 0

    def supports_dry_run(self) -> bool:
        return self.kind != "opaque"

    def execute(self, context: StageContext) -> None:
        raise AssertionError("a dry run does not execute")

    def plan_operations(self, context: StageContext) -> None:
        self.done += 1
        context.shared[self.provides[0]] = self.done
        if self.kind == "raises":
            raise ValueError(self.name)
        for act in self.acts:
            try:
                getattr(context.storage, act[0])(*act[1:])
            except (OSError, StagemakeError):
                continue


def listing(base: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [base, *base.rglob("*")]
    }  # fmt: skip


@pytest.mark.slow
@SLOW
@given(
    kinds=st.lists(
        st.tuples(ACTS, st.sampled_from(["plain", "plain", "opaque", "raises"])),
        min_size=1,
        max_size=4,
    ),
    nodes=graphs(),
    is_built=st.booleans(),
)
def test_a_dry_run_of_any_stages_leaves_disk_shared_data_and_configuration_as_they_are(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[tuple[list[tuple[Any, ...]], str]],
    nodes: list[Node],
    is_built: bool,
) -> None:
    base = tmp_path_factory.mktemp("dry")
    root = base / "p"
    (root / "in").mkdir(parents=True)
    for number in range(5):
        (root / f"in/{number}").write_text(str(number))
    manager = StageManager(root, cache_dir=base / "cache")
    stages = [Acts(number, acts, kind) for number, (acts, kind) in enumerate(kinds)]
    for stage in (*nodes, *stages):
        manager.register_stage(stage)
    if is_built:
        manager.execute_pipeline(BuildRequest(targets=("s*",), keep_going=True))
    before = listing(base), manager.get_stages(), manager.plan().steps

    report = manager.dry_run_pipeline()

    again = manager.dry_run_pipeline()
    assert (listing(base), manager.get_stages(), manager.plan().steps) == before
    assert [stage.done for stage in stages] == [0] * len(stages)
    assert report.operations == again.operations
    assert len(report.operations) == report.total_operations()
    speaking = {stage.name for stage in stages if stage.kind == "plain"}
    assert {one.stage for one in report.operations if one.stage.startswith("acts")} <= speaking
    named = {report.plan.pipeline.stages[one].name for one in report.opaque}
    assert named == {stage.name for stage in stages if stage.kind != "plain"}


NAMES = [f"{plugin}.{word}" for plugin in ("one", "two", "three") for word in "abc"]


class Ordered(BaseStage):
    """A stage of a plug-in, with an order."""

    def __init__(self, name: str, order: tuple[StageDependency, ...]) -> None:
        self.name = name
        self._order = order

    def dependencies(self) -> tuple[StageDependency, ...]:
        return self._order

    def execute(self, context: StageContext) -> None: ...


ORDERS = st.builds(
    StageDependency, st.sampled_from(NAMES), st.sampled_from(DependencyOrder), st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(
    orders=st.dictionaries(st.sampled_from(NAMES), st.lists(ORDERS, max_size=2).map(tuple)),
    gone=st.sampled_from(["", "one", "two"]),
    shuffled=st.randoms(use_true_random=False),
)
def test_the_order_that_plug_ins_declare_is_kept_whatever_comes_and_goes(
    tmp_path_factory: pytest.TempPathFactory,
    orders: dict[str, tuple[StageDependency, ...]],
    gone: str,
    shuffled: Any,
) -> None:
    manager = StageManager(tmp_path_factory.getbasetemp())
    names = list(orders)
    shuffled.shuffle(names)
    for name in names:
        manager.register_stage(Ordered(name, orders[name]))
    if gone:
        manager.unregister_stages(gone)
    left = {name for name in names if not gone or not name.startswith(f"{gone}.")}
    edges = set()
    for name in left:
        for one in orders[name]:
            pair = (one.stage, name) if one.order is DependencyOrder.BEFORE else (name, one.stage)
            edges.add(pair)
    lacks = any(one.required and one.stage not in left for name in left for one in orders[name])
    inner = {(first, second) for first, second in edges if {first, second} <= left}

    told = ""
    ordered: list[str] = []
    try:
        ordered = [str(stage.name) for stage in manager.resolve()]
    except UnknownDependency:
        assert lacks
        return
    except DependencyCycle as error:  # told with the names of those in it
        told = str(error)

    assert not lacks
    assert bool(told) == has_cycle(left, inner)
    if told:
        assert any(f"`{name}`" in told for name in left)
        return
    assert sorted(ordered) == sorted(left)
    assert all(ordered.index(first) < ordered.index(second) for first, second in inner)


def has_cycle(names: set[str], edges: set[tuple[str, str]]) -> bool:
    waiting = set(names)
    while free := {one for one in waiting if not any(b == one and a in waiting for a, b in edges)}:
        waiting -= free
    return bool(waiting)
