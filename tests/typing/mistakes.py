"""Mistakes that mypy --strict finds. Each line with one names the code it is found under."""

from __future__ import annotations

from stagemake import StageContext, StageDependency, StageManager


class NoExecute:
    name = "a"

    def dependencies(self) -> list[StageDependency]:
        return []


class WrongContext:
    name = "b"

    def dependencies(self) -> list[StageDependency]:
        return []

    def execute(self, context: int) -> None: ...


class WrongOrder:
    name = "c"

    def dependencies(self) -> list[str]:
        return ["core.ready"]

    def execute(self, context: StageContext) -> None:
        context.storage.write("out", 3)  # expect: arg-type
        context.root = context.root  # expect: misc
        context.config.get_number("level")  # expect: attr-defined


manager = StageManager(".")
manager.register_stage(NoExecute())  # expect: arg-type
manager.register_stage(WrongContext())  # expect: arg-type
manager.register_stage(WrongOrder())  # expect: arg-type
manager.register_pre_stage_hook(object(), timeout_s="long")  # expect: arg-type
StageDependency(7)  # expect: arg-type
