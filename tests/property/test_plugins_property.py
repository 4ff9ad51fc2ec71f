"""Random plugin sets: nothing is lost, every declared order holds, cycles are told with plugins' names."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake import (
    BaseStage,
    DependencyOrder,
    Plugin,
    StageDependency,
    StagemakeError,
    StageManager,
    core_stages,
)
from stagemake.model.error import DependencyCycle
from stagemake.model.stage import StageName

if TYPE_CHECKING:
    from collections.abc import Iterable

CORE = core_stages.IN_ORDER
BEFORE, AFTER = DependencyOrder.BEFORE, DependencyOrder.AFTER


@define
class Hung(BaseStage):
    """A stage with any dependencies, which notes that it ran."""

    name: str
    wanted: tuple[StageDependency, ...]
    log: list[str] = field(factory=list)

    def dependencies(self) -> Iterable[StageDependency]:
        """Return them."""
        return self.wanted

    def execute(self, context: Any) -> None:
        """Note it."""
        self.log.append(context.name)


@frozen
class Drawn:
    """Plugins by name, each with its stages' names and dependencies."""

    stages_by_plugin: dict[str, dict[str, tuple[StageDependency, ...]]]

    @property
    def every(self) -> dict[str, tuple[StageDependency, ...]]:
        """All stages of all plugins."""
        return {
            name: deps for stages in self.stages_by_plugin.values() for name, deps in stages.items()
        }


@st.composite
def plugin_sets(draw: st.DrawFn, *, targets: tuple[str, ...] = ()) -> Drawn:
    """Draw up to four plugins with up to four stages each, ordered against all and some that are missing."""
    plugins = draw(st.lists(st.sampled_from(["ape", "bee", "cat", "dog"]), unique=True, max_size=4))
    names = [
        f"{plugin}.{draw(st.sampled_from('xyz'))}{i}"
        for plugin in plugins
        for i in range(draw(st.integers(0, 4)))
    ]
    known = [*names, *targets]
    found: dict[str, dict[str, tuple[StageDependency, ...]]] = {plugin: {} for plugin in plugins}
    for name in names:
        wanted = []
        for _ in range(draw(st.integers(0, 3))):
            other = draw(st.sampled_from([*known, "gone.stage"]))
            required = draw(st.booleans()) and other != "gone.stage"
            if other != name:
                order = draw(st.sampled_from(DependencyOrder))
                wanted.append(StageDependency(StageName(other), order, required))
        found[name.partition(".")[0]][name] = tuple(wanted)
    return Drawn(found)


def manager_with(drawn: Drawn, kind: str, log: list[str], root: str) -> StageManager:
    """Return a manager with these plugins, whose stages are of one kind."""
    plugins = [
        Plugin(plugin, **{kind: [Hung(name, wanted, log) for name, wanted in stages.items()]})
        for plugin, stages in drawn.stages_by_plugin.items()
    ]
    return StageManager(root, cache_dir=f"{root}/cache", plugins=plugins)


def check_order(order: list[str], every: dict[str, tuple[StageDependency, ...]]) -> None:
    """Check that what each stage declares holds."""
    place = {name: at for at, name in enumerate(order)}
    for name, wanted in every.items():
        for dependency in wanted:
            if dependency.stage in place and name in place:
                is_before = place[dependency.stage] < place[name]
                assert is_before is (dependency.order is BEFORE), (dependency, order)


def check_cycle(error: DependencyCycle, drawn: Drawn, *, is_session: bool) -> None:
    """Check that the circle is closed, that its edges are declared, and by whom."""
    pairs = [tuple(re.findall(r"`([^`]+)`", label)) for label, _ in error.facts]
    assert [second for _, second in pairs] == [first for first, _ in (*pairs[1:], pairs[0])]
    for (first, second), (_, text) in zip(pairs, error.facts, strict=True):
        says = {
            dependency.stage
            for dependency in drawn.every.get(second, ())
            if dependency.order is BEFORE
        }
        says_too = {
            dependency.stage
            for dependency in drawn.every.get(first, ())
            if dependency.order is AFTER
        }
        if first in says:
            assert f"declared plugin `{second.partition('.')[0]}`" in text
        elif second in says_too:
            assert f"declared plugin `{first.partition('.')[0]}`" in text
        else:
            assert is_session
            assert CORE.index(first) + 1 == CORE.index(second)


@settings(deadline=None, max_examples=150)
@given(plugin_sets(targets=CORE))
def test_a_session_runs_every_stage_once_in_an_order_that_holds(drawn: Drawn) -> None:
    log: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        manager = manager_with(drawn, "lifecycle", log, root)
        try:
            with manager:
                manager.begin()
                begun = list(log)
        except DependencyCycle as error:
            check_cycle(error, drawn, is_session=True)
            return
    assert manager.extensions is not None
    ran = list(manager.extensions.session.ran)

    assert [name for name in ran if name in CORE] == list(CORE)
    assert sorted(log) == sorted(drawn.every)
    assert [name for name in ran if name not in CORE] == log
    check_order(ran, drawn.every)
    check_order(list(manager.lifecycle), drawn.every)
    assert list(manager.lifecycle) == ran
    assert ran.index("core.ready") < ran.index("core.shutdown")
    # What must follow the pipeline is not among what began; what says it comes before ready is.
    for name, wanted in drawn.every.items():
        for dependency in wanted:
            if dependency.stage == "core.shutdown" and dependency.order is BEFORE:
                assert name not in begun
            if dependency.stage == "core.ready" and dependency.order is AFTER:
                assert name in begun


@settings(deadline=None, max_examples=100)
@given(plugin_sets())
def test_a_registry_holds_what_random_plugins_bring_in_an_order_that_holds(drawn: Drawn) -> None:
    with tempfile.TemporaryDirectory() as root:
        manager = manager_with(drawn, "stages", [], root)
        assert [stage.name for stage in manager.get_stages()] == list(drawn.every)
        try:
            pipeline = manager.build_pipeline()
        except DependencyCycle as error:
            check_cycle(error, drawn, is_session=False)
            return
        order = [stage.name for stage in pipeline.stages]
        assert sorted(order) == sorted(drawn.every)
        check_order(order, drawn.every)

        for plugin in list(
            drawn.stages_by_plugin
        ):  # and each can go again, with all that it brought
            prefix = manager.unregister_plugin(plugin)
            assert prefix == tuple(drawn.stages_by_plugin[plugin])
        assert manager.get_stages() == ()


@settings(deadline=None, max_examples=50)
@given(plugin_sets(targets=CORE), st.data())
def test_a_session_that_fails_anywhere_ends_all_the_same(drawn: Drawn, data: st.DataObject) -> None:
    if not drawn.every:
        return
    bad = data.draw(st.sampled_from(sorted(drawn.every)))
    log: list[str] = []
    with tempfile.TemporaryDirectory() as root:
        manager = manager_with(drawn, "lifecycle", log, root)
        for plugin in manager.extensions.roster.plugins if manager.extensions else ():
            for part in plugin.of("lifecycle"):
                if part.value.name == bad:
                    part.value.log = _Refusing()
        with pytest.raises(StagemakeError), manager:
            manager.begin()
    assert manager.extensions is not None
    ran = manager.extensions.session.ran

    assert "core.shutdown" in ran
    assert len(set(ran)) == len(ran)
    after_bad = {
        name for name, wanted in drawn.every.items() if StageDependency(StageName(bad)) in wanted
    }
    assert not after_bad & set(log)
    assert Path(root).exists() is False


class _Refusing(list[str]):
    """A log that raises."""

    def append(self, item: str) -> None:
        raise ValueError(item)
