"""Holds a build to a plan file while it runs: the same stages run, the same come back, none else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.model.plan import Verdict
from stagemake.plan.components import components_of, distance

if TYPE_CHECKING:
    from stagemake.model.plan import Step
    from stagemake.model.plan_file import PlanFile
    from stagemake.plan.judge import Judgement


@define(eq=False, repr=False)
class Guard:
    """Asked for each stage just before it would be done. What it refuses is in `refused`."""

    held: PlanFile
    refused: list[str] = field(factory=list)

    def problem(self, name: str, step: Step, made: Judgement) -> str:
        """Return why a stage can't be done as planned, one line; empty when it can.

        A `maybe` may end in any way, as long as what was known of it has not moved.
        """
        text = self._moved(name, made) or self._other_verdict(step.verdict, made)
        if text:
            self.refused.append(name)
        return text and f"not as planned: {text}"

    def lost(self, name: str) -> str:
        """Return what to say of a stage whose planned restore turned out impossible."""
        self.refused.append(name)
        return "not as planned: its cached result is damaged or gone"

    def _moved(self, name: str, made: Judgement) -> str:
        planned = self.held.by_name.get(name)
        if planned is None or not made.declaration:
            return ""
        now = components_of(made.declaration, made.entries, made.programs, (), made.values)
        before = [one for one in planned.components if one[0] != "discovered"]
        apart = distance(now, before)
        if apart.inputs:
            return f"`{apart.inputs[0]}` has changed since"
        return f"its {apart.others[0][0]} has changed since" if apart.others else ""

    @staticmethod
    def _other_verdict(planned: Verdict, made: Judgement) -> str:
        if planned is Verdict.HIT and made.verdict is Verdict.MISS:
            return "the cache has lost its result"
        if planned is Verdict.MISS and made.verdict is Verdict.FRESH:
            return "it is up to date already"
        return ""
