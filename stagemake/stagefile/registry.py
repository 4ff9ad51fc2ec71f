"""The stages, pipelines, pools and values that one evaluation declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake.model.error import DuplicateStage, StagefileError, UsageError
from stagemake.model.naming import did_you_mean_within, find_outward
from stagemake.model.stage import StageName
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from stagemake.model.stage import SourceLocation, Stage


@frozen(eq=False, repr=False)
class PipelineDefinition(Valued):
    """A named selection of stages. Adds no edge: the order is what is preferred and shown."""

    name: str
    members: tuple[str, ...]
    default: bool = False
    location: SourceLocation | None = None
    within: tuple[
        str, ...
    ] = ()  # for each member where its name is looked up first; empty: settled


@frozen
class PoolDefinition:
    """A limit on how many stages of one kind run side by side."""

    name: str
    depth: int
    location: SourceLocation | None = None


class StageRegistry:
    """Every registered stage by name, in registration order; owned by one manager."""

    def __init__(self) -> None:
        self._stage_by_name: dict[str, Stage] = {}
        self.pipelines: dict[str, PipelineDefinition] = {}
        self.pools: dict[str, PoolDefinition] = {}
        self.version = 0  # counts changes, so that what is made from the stages can be remembered

    def __len__(self) -> int:
        return len(self._stage_by_name)

    def __contains__(self, name: str) -> bool:
        return name in self._stage_by_name

    def register(self, stage: Stage) -> None:
        """Add a stage.

        Raises:
            DuplicateStage: A stage of that name is there already.
        """
        name = stage.name
        known = self._stage_by_name.get(name)
        if known is not None:
            raise DuplicateStage(
                f"two stages are named `{name}`",
                facts=[("first", _place(known)), ("second", _place(stage))],
                hint="give one of them another name; in a loop, put the loop variable into it",
            )
        self._stage_by_name[name] = stage
        self.version += 1

    def take_over(self, stage_by_name: dict[str, Stage]) -> None:
        """Have these stages, of another registry, in place of all that are here."""
        self._stage_by_name = stage_by_name
        self.version += 1

    def unregister(self, prefix: str) -> tuple[str, ...]:
        """Remove the stage of that name and every stage below `prefix.`; return their names."""
        gone = tuple(
            name for name in self._stage_by_name if name == prefix or name.startswith(f"{prefix}.")
        )
        for name in gone:
            del self._stage_by_name[name]
        self.version += 1
        return gone

    def remove(self, name: str) -> None:
        """Remove one stage; one that is not there is fine."""
        if self._stage_by_name.pop(name, None) is not None:
            self.version += 1

    def get(self, name: str) -> Stage:
        """Return the stage of that name.

        Raises:
            UsageError: There is none; with near matches.
        """
        try:
            return self._stage_by_name[name]
        except KeyError:
            raise UsageError(
                f"there is no stage `{name}`",
                hint=did_you_mean_within(name, "", self._stage_by_name),
            ) from None

    def stages(self) -> tuple[Stage, ...]:
        """Return all stages in registration order."""
        return tuple(self._stage_by_name.values())

    def define_pipeline(self, pipeline: PipelineDefinition) -> None:
        """Add a named pipeline.

        Raises:
            DuplicateStage: A pipeline or stage of that name is there, or a second default.
        """
        known = self.pipelines.get(pipeline.name)
        if known is not None:
            raise DuplicateStage(
                f"two pipelines are named `{pipeline.name}`",
                facts=[("first", _place(known)), ("second", _place(pipeline))],
            )
        if pipeline.default:
            for other in self.pipelines.values():
                if other.default:
                    raise DuplicateStage(
                        f"two default pipelines: `{other.name}` and `{pipeline.name}`",
                        facts=[("first", _place(other)), ("second", _place(pipeline))],
                    )
        self.pipelines[pipeline.name] = pipeline

    def define_pool(self, pool: PoolDefinition) -> None:
        """Add a pool; the same pool twice with one depth is fine.

        Raises:
            StagefileError: The pool is there with another depth.
        """
        known = self.pools.get(pool.name)
        if known is not None and known.depth != pool.depth:
            raise StagefileError(
                f"pool `{pool.name}` has two depths: {known.depth} and {pool.depth}",
                facts=[("first", _place(known)), ("second", _place(pool))],
            )
        self.pools[pool.name] = pool

    def check_names(self) -> None:
        """Settle and check what can only be known when everything is declared.

        Names that an included Stagefile uses become full names: its own first, then outwards.

        Raises:
            StagefileError: A pipeline names an unknown stage or shares a stage's name; a stage
                names an unknown pool.
        """
        for stage in tuple(self._stage_by_name.values()):
            if any(each.within for each in stage.dependencies):
                self._settle_dependencies(stage)
        for pipeline in tuple(self.pipelines.values()):
            if pipeline.name in self._stage_by_name:
                raise DuplicateStage(
                    f"a pipeline and a stage are both named `{pipeline.name}`",
                    facts=[
                        ("pipeline", _place(pipeline)),
                        ("stage", _place(self._stage_by_name[pipeline.name])),
                    ],
                )
            self._check_members(pipeline)
        for stage in self._stage_by_name.values():
            if stage.pool and stage.pool not in self.pools:
                raise StagefileError(
                    f"stage `{stage.name}` names the pool `{stage.pool}`, which nobody defined",
                    facts=[("declared", _place(stage))],
                    hint=did_you_mean_within(stage.pool, "", self.pools)
                    or f'add pool("{stage.pool}", 1) to the Stagefile',
                )

    def _check_members(self, pipeline: PipelineDefinition) -> None:
        known = self._stage_by_name
        members = []
        for index, member in enumerate(pipeline.members):
            within = pipeline.within[index] if pipeline.within else ""
            found = find_outward(member, within, known)
            if found is None:
                raise StagefileError(
                    f"pipeline `{pipeline.name}` names the stage `{member}`, which nobody declared",
                    facts=[("declared", _place(pipeline))],
                    hint=did_you_mean_within(member, within, known),
                )
            members.append(found)
        if pipeline.within:
            settled = evolve(pipeline, members=tuple(members), within=())
            self.pipelines[pipeline.name] = settled

    def _settle_dependencies(self, stage: Stage) -> None:
        """Give a stage the full names of what it waits for; what isn't there yet may still come."""
        settled = []
        for each in stage.dependencies:
            found = find_outward(each.stage, each.within, self._stage_by_name)
            if each.within and found is not None:
                settled.append(evolve(each, stage=StageName(found), within=""))
            else:
                settled.append(each)
        self._stage_by_name[stage.name] = evolve(stage, dependencies=tuple(settled))
        self.version += 1


def _place(one: Stage | PipelineDefinition | PoolDefinition) -> str:
    return str(one.location) if one.location is not None else "registered by a program"
