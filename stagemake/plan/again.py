"""Judging a stage once more just before it starts, without doing all of it over. Asked while a build runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.model.plan import Verdict
from stagemake.plan.judge import judge

if TYPE_CHECKING:
    from stagemake.model.stage import Stage
    from stagemake.plan.fresh import Sight
    from stagemake.plan.judge import Judgement
    from stagemake.plan.world import World


def is_lasting(stage: Stage, made: Judgement) -> bool:
    """Whether a judgement holds for as long as what it names is as it was.

    Only of a hit, and of a miss with no past result here that could come to hold again; and where everything
    is known, no input was discovered, and no other stage may make a program.
    """
    return (
        (made.cached is not None or (made.verdict is Verdict.MISS and made.old_outputs is None))
        and made.key is not None
        and stage.depfile is None
        and not stage.resumable
        and all(path[:1] == "/" for _, path, _ in made.programs)  # looked up once a build
    )


def judge_again(
    planned: Judgement | None, stage: Stage, upstream: tuple[int, ...], world: World, sight: Sight
) -> Judgement:
    """Return what `judge` would: the planned judgement where nothing that it went by has moved.

    Args:
        planned: A lasting one, used once; None where the plan's is not.
        stage: The stage.
        upstream: Ids of the stages it waits for.
        world: As for `judge`.
        sight: How things look now.
    """
    if (
        planned is not None
        and (planned.cached is not None or world.snapshot.traces.get(stage.name) is None)
        and planned.entries == tuple([sight.entry(p) for p in (*stage.inputs, *stage.implicit)])
        and planned.values == tuple([(name, sight.value(name)) for name in stage.uses])
    ):
        return planned
    return judge(stage, upstream, world, sight)
