"""The agenda gives what the rule says, stage by stage, for any graph and any sharing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from plan_kit import stage

from stagemake.model.pipeline import Pipeline
from stagemake.plan.agenda import Agenda, Limits

if TYPE_CHECKING:
    from stagemake.model.stage import Stage

POOLS = {"one": 1, "two": 2}


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    count = draw(st.integers(0, 12))
    upstream = [
        tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else ()
        for i in range(count)
    ]
    stages = tuple(
        stage(
            number,
            cpus=draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, 8.0])),
            memory_bytes=draw(st.sampled_from([0, 3, 20])),
            pool=draw(st.sampled_from(["", "one", "two"])),
            console=draw(st.integers(0, 4)) == 0,
        )
        for number in range(count)
    )
    return Pipeline(stages, (), upstream)  # type: ignore[arg-type]  # ids


class Rule:
    """The rule, word by word: of all ready stages that have room, the first by weight, then by id."""

    def __init__(self, pipeline: Pipeline, limits: Limits, weight: list[float], passed: set[int]):
        self.pipeline, self.limits, self.weight = pipeline, limits, weight
        self.settled, self.running, self.begun = set(passed), set[int](), set(passed)

    def is_done(self, stage_id: int) -> bool:
        """Whether a stage and all that it waits for are settled."""
        above = self.pipeline.upstream[stage_id]
        return stage_id in self.settled and all(map(self.is_done, above))

    def has_room(self, one: Stage) -> bool:
        taken = [self.pipeline.stages[i] for i in self.running]
        cpus = self.limits.jobs - sum(min(each.cpus, self.limits.jobs) for each in taken)
        memory = self.limits.memory_bytes - sum(each.memory_bytes for each in taken)
        in_pool = sum(each.pool == one.pool for each in taken)
        if cpus <= 0 or (one.pool and in_pool >= self.limits.pools[one.pool]):
            return False
        if one.console and any(each.console for each in taken):
            return False
        fits = min(one.cpus, self.limits.jobs) <= cpus and one.memory_bytes <= memory
        return fits or not taken

    def next(self) -> int | None:
        ready = [
            i for i, above in enumerate(self.pipeline.upstream)
            if i not in self.begun and all(map(self.is_done, above))
            and self.has_room(self.pipeline.stages[i])
        ]  # fmt: skip
        return min(ready, key=lambda i: (-self.weight[i], i), default=None)


@given(pipelines(), st.integers(1, 4), st.data())
def test_the_next_stage_is_the_one_that_the_rule_names(
    pipeline: Pipeline, jobs: int, data: st.DataObject
) -> None:
    ids = range(len(pipeline.stages))
    weight = [float(data.draw(st.integers(0, 3))) for _ in ids]
    passed = {i for i in ids if data.draw(st.integers(0, 4)) == 0}
    limits = Limits(jobs, 10, POOLS)
    rule, agenda = (
        Rule(pipeline, limits, weight, passed),
        Agenda.of(pipeline, limits, weight, passed),
    )

    for _ in range(3 * len(ids) + 1):
        wanted = rule.next()
        assert agenda.copy().next() == wanted
        if wanted is not None:
            assert agenda.next() == wanted
            rule.begun.add(wanted)
            if data.draw(st.booleans()):  # it runs
                agenda.take(wanted)
                rule.running.add(wanted)
            else:  # it was restored, or cut off
                agenda.settle(wanted)
                rule.settled.add(wanted)
        elif rule.running:
            done = data.draw(st.sampled_from(sorted(rule.running)))
            agenda.give_back(done)
            rule.running.discard(done)
            agenda.settle(done)
            rule.settled.add(done)

    assert rule.settled == set(ids)  # nobody is forgotten
