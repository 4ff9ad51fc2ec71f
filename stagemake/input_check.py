"""What fails before anything is run: inputs that nobody makes and that are not there, or can't be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake.freshness.noop import Overtaken
from stagemake.model.error import MissingInput, UnreadableInput
from stagemake.plan.missing import CREATE_IT, missing_inputs, unreadable_inputs, why_not_read

if TYPE_CHECKING:
    from stagemake.model.plan import Plan
    from stagemake.plan.world import World

_MOST_MISSING = 5  # inputs that nobody makes, named in one error


def check_inputs(plan: Plan, world: World) -> None:
    """Do nothing if the inputs of all that is to run are there.

    Raises:
        MissingInput: One is neither there nor made by a stage.
        UnreadableInput: One is there and can't be read.
        Overtaken: One is not there, and a hint may name what the plan leaves out.

    Cost: a look at the inputs of the stages that are not fresh, most of them looked at before.
    """
    missing = missing_inputs(plan, world)
    if missing and plan.pipeline.left_out:
        raise Overtaken
    if missing:
        path, stage, hint = missing[0]
        more = [
            ("also", f"`{other}`, for `{one.name}`") for other, one, _ in missing[1:_MOST_MISSING]
        ]
        if len(missing) > _MOST_MISSING:
            more.append(("and", f"{len(missing) - _MOST_MISSING} more"))
        raise MissingInput(
            f"stage `{stage.name}` needs an input nobody makes",
            facts=[("input", f"`{path}`"), ("declared", str(stage.location)), *more],
            hint=hint or CREATE_IT,
        )
    unreadable = unreadable_inputs(plan)
    if unreadable:
        path, stage = unreadable[0]
        raise UnreadableInput(
            f"stage `{stage.name}` needs an input that can't be read",
            facts=[
                ("input", f"`{path}`"),
                *([("why", why)] if (why := why_not_read(path, world)) else []),
                ("declared", str(stage.location)),
            ],
            hint="make it readable, or declare the stage without it; `-k` builds the others",
        )
