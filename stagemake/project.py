"""One project's declarations: what Stagefiles and programs registered, and the graph over them."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.identities import Identities
from stagemake.model.error import BadValue, MissingProgram, did_you_mean
from stagemake.model.stage import Call, Stage
from stagemake.stagefile.registry import PipelineDefinition, PoolDefinition
from stagemake.stagefile.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stagemake.model.pipeline import Pipeline
    from stagemake.plan.declaration import Identity
    from stagemake.recalled import Recalled
    from stagemake.resolve.edges import EdgeTable
    from stagemake.stagefile.loader import Evaluation
    from stagemake.stagefile.registry import StageRegistry


@define(eq=False, repr=False)
class Project:
    """The stages of one root. The graph is made when first asked for and again after a change."""

    root: str
    session: Session
    evaluations: list[Evaluation] = field(factory=list)
    _table: EdgeTable | None = None
    _table_version: int = -1
    _has_calls_of_programs: bool = False
    _names_checked_at: int = 0  # the registry's version
    recalled: Recalled | None = None  # in place of evaluations
    runs_services: bool = False  # whether who asks for services by name starts them
    identities: Identities = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.identities = Identities(self.root, self.evaluations, self.recorded)

    @classmethod
    def at(
        cls,
        root: str,
        environ: Mapping[str, str],
        config: Mapping[str, object],
        stage_env: Mapping[str, str],
    ) -> Project:
        """Return an empty project at `root`, an absolute path; `stage_env` is what every stage gets."""
        return cls(root, Session(root=root, environ=environ, config=config, stage_env=stage_env))

    @property
    def registry(self) -> StageRegistry:
        """The stages, pipelines and pools."""
        return self.session.registry

    def look_again(self) -> None:
        """Forget what registered functions were: the program may have changed what they refer to.

        Comes before each request. A Stagefile's functions stay as they were evaluated.
        """
        if self._has_calls_of_programs:
            self.identities.forget_programs()

    def register(self, stage: Stage) -> None:
        """Take in a stage from outside of any Stagefile.

        Raises:
            DuplicateStage: A stage of that name is there already.
        """
        self.registry.register(stage)
        if isinstance(stage.action, Call):
            self._has_calls_of_programs = True
            self.identify(stage)  # notes the sources, as long as they are what was loaded
            self.identities.forget_programs()

    def register_pipeline(
        self, name: str, stages: Iterable[str | Stage], *, default: bool = False
    ) -> None:
        """Name a selection of stages, from outside of any Stagefile.

        Raises:
            StagefileError: The name is taken or no name, or there is a default already.
        """
        if isinstance(stages, (str, Stage)):
            stages = (stages,)
        from stagemake.stagefile.declare import check_name  # noqa: PLC0415 - gate, 3 ms, for programs that register

        members = tuple(check_name(one.name if isinstance(one, Stage) else one) for one in stages)
        self.registry.define_pipeline(PipelineDefinition(check_name(name), members, default))
        self._names_checked_at = -1

    def register_pool(self, name: str, depth: int) -> None:
        """Limit how many stages run side by side, from outside of any Stagefile.

        Raises:
            StagefileError: The depth is no number from 1 up, or the pool has another one already.
        """
        from stagemake.stagefile.declare import check_depth, check_name  # noqa: PLC0415 - as above

        self.registry.define_pool(PoolDefinition(check_name(name), check_depth(depth)))
        self._names_checked_at = -1

    def load(self, path: str, texts: Mapping[str, str] | None = None) -> Evaluation:
        """Run a Stagefile and take in what it declares.

        Args:
            path: Of the Stagefile, absolute.
            texts: What files of it, and of modules of the project, are taken to hold; by absolute path.

        Raises:
            StagefileError: Something in it is wrong.
        """
        from stagemake.stagefile.loader import evaluate  # noqa: PLC0415 - gate, 10 ms, not where it is recalled

        with self.recorded():
            evaluation = evaluate(self.session, path, texts)
        self.evaluations.append(evaluation)
        self._names_checked_at = self.registry.version
        self.identities.clear()
        return evaluation

    def recall(self, recalled: Recalled) -> None:
        """Take in what an earlier evaluation declared, in place of `load`."""
        self.session.registry = recalled.registry
        self.recalled = recalled
        self._names_checked_at = self.registry.version

    @property
    def is_recorded(self) -> bool:
        """Whether it is known what the evaluation depended on, as far as it can be."""
        return self.session.recorder is not None or self.recalled is not None

    def check_programs(self) -> None:
        """Check that the programs are there that Stagefiles need.

        Not when they are evaluated: stages can be listed and drawn without any program.

        Raises:
            MissingProgram: One isn't; further ones are among the facts.
        """
        missing = self.session.missing_programs
        if missing:
            first, *others = missing
            also = [("also", f"{one.headline}; {one.hint}".rstrip("; ")) for one in others]
            raise MissingProgram(first.names, facts=[*first.facts, *also], hint=first.hint)

    def recorded(self) -> contextlib.AbstractContextManager[None]:
        """Return what has the reads in a block noted, if anybody asks."""
        recorder = self.session.recorder
        return contextlib.nullcontext() if recorder is None else recorder.active()

    def look_at_modules(self) -> None:
        """Have the files of all that was imported noted, for what was looked up until now."""
        recorder = self.session.recorder
        if recorder is not None:
            for evaluation in self.evaluations:
                recorder.look_at_modules(evaluation.texts)
            for name in self.identities.looked_up():
                recorder.imports.note_lookup(name)

    def table(self) -> EdgeTable:
        """Return all stages with the edges between them.

        Raises:
            StagefileError: Outputs collide or would replace a Stagefile, or a dependency is unknown.
        """
        if self._names_checked_at != self.registry.version:
            self.registry.check_names()  # what programs registered; a Stagefile was checked
            self._names_checked_at = self.registry.version
        if self._table is None or self._table_version != self.registry.version:
            from stagemake.resolve.edges import infer_edges  # noqa: PLC0415 - gate, 5 ms, not where it is recalled
            from stagemake.resolve.own_files import check_own_files  # noqa: PLC0415 - as above

            stages = self.registry.stages()
            check_own_files(stages, self._stagefiles())
            self._table = infer_edges(stages)
            self._table_version = self.registry.version
        return self._table

    def _stagefiles(self) -> set[str]:
        """Return the Stagefiles that were run, by their names and by what these lead to, relative to the root."""
        files = {os.path.join(self.root, file) for file, _ in self.session.included}
        files.update(evaluation.path for evaluation in self.evaluations)
        relative = {os.path.relpath(file, self.root) for file in files}
        real_root = os.path.realpath(self.root)
        relative.update([os.path.relpath(os.path.realpath(file), real_root) for file in files])
        return {file for file in relative if not file.startswith("../")}

    def pipeline(self, targets: Sequence[str], cwd: str = "") -> Pipeline:
        """Return what `targets` take, in order; without any: the default pipeline, else everything.

        Raises:
            UnknownTarget: A target is nothing known.
            DependencyCycle: Stages wait for each other.
        """
        if self.recalled is not None:
            known = self.recalled.pipeline(targets)
            if known is not None:
                return known
        from stagemake.resolve.build import build_pipeline  # noqa: PLC0415 - gate, 3 ms, not where it is recalled
        from stagemake.resolve.services import refuse_services, service_ids, without_services  # noqa: PLC0415 - as above

        table = self.table()
        if not self.runs_services:
            refuse_services(table, targets)
        wanted = self._wanted(table, targets, cwd)
        services = frozenset(service_ids(table))
        everything = isinstance(wanted, range)  # then there is no order to prefer
        if services:
            wanted = without_services(table, wanted, services)
        return build_pipeline(table, wanted, preference=() if everything else wanted)

    def shown(self, targets: Sequence[str], cwd: str = "") -> Pipeline:
        """Return what `targets` take with the services among them, in order, to be looked at; without any: all.

        Raises:
            UnknownTarget: A target is nothing known.
            DependencyCycle: Stages wait for each other.
        """
        from stagemake.resolve.build import build_pipeline  # noqa: PLC0415 - as above

        table = self.table()
        every = [stage.name for stage in self.registry.stages()]
        wanted = self._wanted(table, targets or every, cwd)
        return build_pipeline(table, wanted, preference=wanted)

    def services(self, targets: Sequence[str], cwd: str = "") -> tuple[Stage, ...]:
        """Return the services among what `targets` name; without any as `pipeline`, in order of registration.

        Raises:
            UnknownTarget: A target is nothing known.
        """
        from stagemake.resolve.services import service_ids  # noqa: PLC0415 - as above

        table = self.table()
        services = service_ids(table)
        if not services:
            return ()
        wanted = frozenset(self._wanted(table, targets, cwd))
        return tuple([table.stages[i] for i in services if i in wanted])

    def _wanted(self, table: EdgeTable, targets: Sequence[str], cwd: str) -> Sequence[int]:
        if targets:
            pipelines = {each.name: each.members for each in self.registry.pipelines.values()}
            from stagemake.resolve.select import select  # noqa: PLC0415 - as above

            return select(targets, stages=table.stages, pipelines=pipelines, cwd_prefix=cwd)
        default = next((one for one in self.registry.pipelines.values() if one.default), None)
        if default is not None:
            return [table.id_by_name[member] for member in default.members]
        return range(len(table.stages))

    def check_values(self, given: Mapping[str, object]) -> None:
        """Refuse values that were given for this run and that nothing reads: most likely a slip.

        Raises:
            BadValue: There is one.
        """
        known = self.session.config_defaults.keys() | self.session.config_read.keys()
        for name in given:
            if name not in known and self.evaluations:
                raise BadValue(
                    f"no Stagefile reads the configuration `{name}`",
                    hint=did_you_mean(name, known)
                    or f'a Stagefile reads it by config("{name}", "default")',
                )

    def identify(self, stage: Stage) -> Identity | None:
        """Return the identity of a stage's function; None for commands. Remembers what it parsed."""
        assert self.recalled is None or self.evaluations or not stage.is_call, (
            "what was recalled alone has no functions"
        )
        return self.identities.of(stage)
