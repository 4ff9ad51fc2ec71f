"""Stages from objects: what programs that embed stagemake register."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from stagemake.model.error import UsageError
from stagemake.model.seed import StageLike
from stagemake.model.stage import Call, Stage
from stagemake.stagefile.declare import build_stage

if TYPE_CHECKING:
    from stagemake.stagefile.session import Session


def stage_of(session: Session, given: StageLike) -> Stage:
    """Return the Stage value of an object with `name`, `dependencies()` and `execute(context)`.

    Raises:
    UsageError: It isn't one.
    """
    if not isinstance(given, StageLike):
        raise UsageError(
            f"{given!r} is no stage",
            hint="a stage has name, dependencies() and execute(context)",
        )
    words: dict[str, Any] = {}
    for word in (
        "inputs",
        "implicit",
        "outputs",
        "params",
        "uses",
        "provides",
        "config",
        "env",
    ):
        value = getattr(given, word, None)
        if value:
            words[word] = value
    describe = getattr(given, "dry_run_description", None)
    words["description"] = describe() if callable(describe) else ""
    supports = getattr(given, "supports_dry_run", None)
    made = build_stage(session, given.name, Call(given.execute), words, None)  # type: ignore[arg-type]  # checked inside
    return evolve(
        made,
        dependencies=tuple(given.dependencies()),
        supports_dry_run=bool(supports()) if callable(supports) else True,
    )
