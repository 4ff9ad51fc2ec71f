"""Plans as files: written with what they were seen from, read with every doubt, held to."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_hexdigest

import stagemake
from stagemake import durable
from stagemake.model.error import PlanDrifted, UsageError
from stagemake.model.plan_file import PlanFile, PlannedStage
from stagemake.report.amount import plural, printable
from stagemake.schema_check import first_problem, load_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.plan.held import Moved

FORMAT = 1
_HINT = "make one with `stagemake -n -o plan.json`"
_MOST_STAGES = 10
_MOST_TEXTS = 3
_PIECE_BYTES = 1 << 16
_MOST_PIECES = 1 << 14


def check_object(plan: PlanFile) -> dict[str, Any]:
    """Return what is added to the JSON of a dry run, so that the plan can be held to."""
    return {
        "format": FORMAT,
        "root": plan.root,
        "stagefile": plan.stagefile,
        "cwd": plan.cwd,
        "always_make": plan.force,
        "cache": plan.cache,
        "cache_store": plan.cache_store,
        "runner": plan.runner,
        "values": dict(plan.values),
        "stages": [
            {
                "components": [list(one) for one in stage.components],
                "outputs": [list(one) for one in stage.outputs],
            }
            for stage in plan.stages
        ],
    }


def sealed(plan_object: dict[str, Any], plan: PlanFile) -> dict[str, Any]:
    """Return the whole of a plan file: the dry run's JSON, what to check, and a seal over both."""
    whole = {**plan_object, "check": check_object(plan)}
    return {**whole, "seal": _seal(whole)}


def _seal(whole: dict[str, Any]) -> str:
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return xxh3_128_hexdigest(text.encode("ascii"))


def write_plan(path: str, text: str) -> None:
    """Replace the file at `path` in one step.

    Raises:
        OSError: It can't be written.
    """
    # What it says of variables are digests, but paths and parameters may be nobody else's business.
    durable.write_atomic(path, text.encode("ascii"), mode=0o600, sync=True)


def read_plan(path: str) -> PlanFile:
    """Return the plan in a file.

    Raises:
        UsageError: There is none, it was made by a newer version, or it is not as it was written.
    """
    return _plan_of(read_plan_object(path))


def read_plan_object(path: str) -> dict[str, Any]:
    """Return all that a plan's file says, checked. Errors as `read_plan`."""
    try:
        with open(path, "rb") as stream:  # a pipe is fine: somebody makes the plan and hands it on
            # In pieces: asked for a GiB at once, Python takes a GiB first.
            pieces = iter(lambda: stream.read(_PIECE_BYTES), b"")
            data = b"".join(itertools.islice(pieces, _MOST_PIECES))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(
            f"the plan `{path}` can't be read", facts=[("why", why)], hint=_HINT
        ) from None
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"`{path}` is no plan: it is no JSON", hint=_HINT) from None
    if not isinstance(whole, dict) or "check" not in whole:
        more = (
            "it is what `-n --json` prints" if isinstance(whole, dict) and "stages" in whole else ""
        )
        facts = [("why", more)] if more else []
        raise UsageError(f"`{path}` is no plan that can be carried out", facts=facts, hint=_HINT)
    _check(path, whole)
    return whole


def _check(path: str, whole: dict[str, Any]) -> None:
    """Refuse what a newer version wrote, what isn't as the schema says, and what was changed since."""
    check = whole["check"]
    made_by = whole.get("stagemake")
    if isinstance(check, dict):
        found = check.get("format")
        if isinstance(found, int) and not isinstance(found, bool) and found > FORMAT:
            facts = [
                ("made by", f"stagemake {made_by}"),
                ("this is", f"stagemake {stagemake.__version__}"),
            ]
            raise UsageError(
                f"the plan `{path}` was made by a newer version", facts=facts, hint=_HINT
            )
    problem = first_problem(whole, load_schema("plan-file"))
    if not problem and len(whole["check"]["stages"]) != len(whole["stages"]):
        problem = "$.check.stages: not one for each stage"
    if problem:
        raise UsageError(f"`{path}` is no plan of ours", facts=[("where", problem)], hint=_HINT)
    rest = {key: value for key, value in whole.items() if key != "seal"}
    if _seal(rest) != whole["seal"]:
        raise UsageError(f"the plan `{path}` was changed after it was made", hint=_HINT)


def _plan_of(whole: dict[str, Any]) -> PlanFile:
    check = whole["check"]
    return PlanFile(
        version=whole["stagemake"],
        root=check["root"],
        stagefile=check["stagefile"],
        targets=tuple(whole["targets"]),
        cwd=check["cwd"],
        force=check["always_make"],
        cache=check["cache"],
        cache_store=check["cache_store"],
        runner=check["runner"],
        values=check["values"],
        stages=tuple(
            PlannedStage(
                step["name"],
                step["verdict"],
                step["key"],
                tuple((kind, name, digest) for kind, name, digest in more["components"]),
                tuple((output, entry) for output, entry in more["outputs"]),
            )
            for step, more in zip(whole["stages"], check["stages"], strict=True)
        ),
        orphans=tuple(whole["orphans"]),
    )


def check_place(plan: PlanFile, root: str) -> None:
    """Refuse a plan that was made elsewhere, or by another version.

    Raises:
        PlanDrifted: It was.
    """
    facts = []
    if os.path.realpath(plan.root) != os.path.realpath(root):
        facts += [("made for", f"`{plan.root}`"), ("this is", f"`{root}`")]
    if plan.version != stagemake.__version__:
        facts += [
            ("made by", f"stagemake {plan.version}"),
            ("now", f"stagemake {stagemake.__version__}"),
        ]
    if facts:
        raise _drifted(facts)


def check_moved(moved: Sequence[Moved]) -> None:
    """Refuse a plan that no longer fits.

    Raises:
        PlanDrifted: Something moved; with what, stage by stage.
    """
    if not moved:
        return
    facts = []
    for one in moved[:_MOST_STAGES]:
        more = [f"and {len(one.texts) - _MOST_TEXTS} more"] if len(one.texts) > _MOST_TEXTS else []
        texts = map(printable, one.texts[:_MOST_TEXTS])  # a name may hold newlines
        facts.append((printable(one.name), "\n".join([*texts, *more])))
    if len(moved) > _MOST_STAGES:
        facts.append(("and", plural(len(moved) - _MOST_STAGES, "more stage")))
    raise _drifted(facts)


def _drifted(facts: list[tuple[str, str]]) -> PlanDrifted:
    return PlanDrifted(
        "the plan does not hold any more", facts=facts, hint="make a new one: stagemake -n -o FILE"
    )
