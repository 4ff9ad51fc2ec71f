"""Names are taken once; what a Stagefile names at its end must be there."""

from __future__ import annotations

import pytest

from stagemake.model.error import DuplicateStage, StagefileError, UsageError
from stagemake.model.stage import SourceLocation, Stage, StageName
from stagemake.stagefile.registry import PipelineDefinition, PoolDefinition, StageRegistry


def registry_of(*names: str) -> StageRegistry:
    registry = StageRegistry()
    for name in names:
        registry.register(Stage(StageName(name)))
    return registry


def test_stages_keep_their_order_of_registration() -> None:
    registry = registry_of("b", "a", "c")

    assert [stage.name for stage in registry.stages()] == ["b", "a", "c"]
    assert len(registry) == 3


def test_every_change_has_a_version() -> None:
    registry = registry_of("a")
    before = registry.version

    registry.register(Stage(StageName("b")))
    registry.unregister("b")

    assert registry.version == before + 2


def test_a_prefix_ends_at_a_dot() -> None:
    registry = registry_of("a", "a.b", "a.b.c", "ab")

    assert registry.unregister("a") == ("a", "a.b", "a.b.c")
    assert [stage.name for stage in registry.stages()] == ["ab"]


def test_a_duplicate_names_both_places() -> None:
    registry = StageRegistry()
    registry.register(Stage(StageName("a"), location=SourceLocation("Stagefile", 1)))

    with pytest.raises(DuplicateStage) as raised:
        registry.register(Stage(StageName("a")))

    assert raised.value.facts == (("first", "Stagefile:1"), ("second", "registered by a program"))


def test_an_unknown_name_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(UsageError, match="there is no stage `x`"):
        registry_of("a").get("x")


def test_the_same_pool_twice_is_one_pool() -> None:
    registry = StageRegistry()

    registry.define_pool(PoolDefinition("p", 2))
    registry.define_pool(PoolDefinition("p", 2))

    with pytest.raises(StagefileError, match="two depths: 2 and 3"):
        registry.define_pool(PoolDefinition("p", 3))


def test_names_are_checked_when_all_is_declared() -> None:
    registry = registry_of("a")
    registry.define_pipeline(PipelineDefinition("all", ("a", "b")))

    with pytest.raises(StagefileError, match="names the stage `b`"):
        registry.check_names()
    registry.register(Stage(StageName("b"), pool="p"))
    with pytest.raises(StagefileError, match="names the pool `p`"):
        registry.check_names()
    registry.define_pool(PoolDefinition("p", 1))
    registry.check_names()
