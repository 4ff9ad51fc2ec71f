"""Which rules of a Snakefile are run with which wildcards: found backwards from what is wanted, as Snakemake does."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.start.snake_python import Unknown, arguments
from stagemake.start.snake_values import MOST, WILDCARD, Path, Scope

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.start.snake_text import Rule

_PATHS = ("input", "output", "log")
_WITHOUT_COUNTERPART = {
    "conda": "the environment of `conda:` is not made: stages use the programs on PATH",
    "container": "`container:` has no counterpart: stages use the programs on PATH",
    "singularity": "`singularity:` has no counterpart: stages use the programs on PATH",
    "envmodules": "`envmodules:` has no counterpart: stages use the programs on PATH",
    "benchmark": "the files of `benchmark:` are not made; `stagemake history` has times",
    "priority": "`priority:` has no counterpart",
    "group": "",
    "localrule": "",
    "cache": "",
}
_CODE = {
    "run": "`run:`: make its code a function with `@stage`",
    "script": "`script:`: a command that runs the script, or a function with `@stage`",
    "notebook": "`notebook:`: a command that runs it",
    "wrapper": "`wrapper:`: write its command",
}
_READ = {
    "input",
    "output",
    "log",
    "params",
    "shell",
    "message",
    "threads",
    "resources",
    "retries",
    "wildcard_constraints",
}

Wildcards = tuple[tuple[str, str], ...]


@define(eq=False)
class Plan:
    """What a rule comes to."""

    rule: Rule
    inputs: list[tuple[str, Path]] = field(factory=list)
    outputs: list[tuple[str, Path]] = field(factory=list)
    logs: list[tuple[str, Path]] = field(factory=list)
    made_by: list[re.Pattern[str]] = field(factory=list)  # what its outputs look like
    jobs: dict[Wildcards, None] = field(factory=dict)  # in the order in which they were asked for
    problem: str = ""
    # Which inputs `{inputs}` stands for, where the command names one list among others; empty: all of them.
    listed: tuple[int, ...] = ()

    @property
    def is_target(self) -> bool:
        """Whether it only names what is wanted."""
        return not self.outputs and "shell" not in self.rule.directives and not self.problem

    @property
    def wildcards(self) -> tuple[str, ...]:
        """Its wildcards, in the order of its first output."""
        found = WILDCARD.finditer(self.outputs[0][1].pattern) if self.outputs else ()
        return tuple(dict.fromkeys(match[1] for match in found))


def planned(rules: tuple[Rule, ...], scope: Scope) -> list[Plan]:
    """Return a plan for each rule, with its jobs; what can't be followed has a `problem`."""
    plans = [_plan(rule, scope) for rule in rules]
    names: set[str] = set()
    for plan in plans:
        if plan.rule.name in names:
            plan.problem = plan.problem or "a second rule of that name"
        names.add(plan.rule.name)
    _find_jobs(plans, scope.survey.files)
    spread_problems(plans)
    return plans


def _plan(rule: Rule, scope: Scope) -> Plan:
    plan = Plan(rule, problem=rule.problem or scope.problem)
    words = rule.directives
    for word in words:
        plan.problem = plan.problem or _CODE.get(word, "")
        if word in _WITHOUT_COUNTERPART:
            scope.remarks += filter(None, [_WITHOUT_COUNTERPART[word]])
        elif word not in _READ and word not in _CODE:
            plan.problem = plan.problem or f"`{word}:` has no counterpart"
    try:
        for word, paths in zip(_PATHS, (plan.inputs, plan.outputs, plan.logs), strict=True):
            paths.extend(scope.paths(words.get(word, "")))
    except Unknown as error:
        plan.problem = plan.problem or error.why
        return plan
    if (
        plan.outputs
        and "shell" not in words
        and not all(path.flag == "touch" for _, path in plan.outputs)
    ):
        plan.problem = plan.problem or "it has no `shell:`"
    if any(path.axes for _, path in (*plan.outputs, *plan.logs)):
        plan.problem = plan.problem or "`expand` among its outputs"
    _match(plan, scope)
    scope.outputs[rule.name] = plan.outputs
    return plan


def _match(plan: Plan, scope: Scope) -> None:
    """Set what the outputs look like; name what can't be an output here."""
    try:
        call = arguments(plan.rule.directives.get("wildcard_constraints", ""))
        limits = {each.arg or "": scope.text(each.value) for each in call.keywords}
    except Unknown as error:
        plan.problem = plan.problem or error.why
        return
    for _, path in plan.outputs:
        for match in WILDCARD.finditer(path.pattern):
            limits.setdefault(match[1], match[2] or scope.limits.get(match[1], ".+"))
    for _, path in (*plan.inputs, *plan.outputs, *plan.logs):
        free = {match[1] for match in WILDCARD.finditer(path.pattern)} - dict(path.axes).keys()
        for name in sorted(free - set(plan.wildcards)):
            plan.problem = plan.problem or f"its first output has no wildcard `{name}`"
    for _, path in (*plan.outputs, *plan.logs):
        if path.pattern.startswith(("/", "..", "~")) or "://" in path.pattern:
            plan.problem = plan.problem or f"its output `{path.pattern}` lies outside the project"
    try:
        plan.made_by = [re.compile(_expression(path.pattern, limits)) for _, path in plan.outputs]
    except re.error as error:
        plan.problem = plan.problem or f"a constraint of a wildcard: {error}"


def _expression(pattern: str, limits: dict[str, str]) -> str:
    parts, end, seen = [], 0, set()
    for match in WILDCARD.finditer(pattern):
        name = match[1]
        parts.append(re.escape(pattern[end : match.start()]))
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{limits[name]})")
        seen.add(name)
        end = match.end()
    return "".join(parts) + re.escape(pattern[end:])


def _find_jobs(plans: list[Plan], files: Collection[str]) -> None:
    """Add the jobs of each plan: rules without wildcards, and what these need, and so on."""
    # With the rules that led to each job, and how long their wildcards were at the least.
    waiting: list[tuple[Plan, Wildcards, dict[Plan, int]]] = [
        (plan, (), {}) for plan in plans if not plan.wildcards
    ]
    count = 0
    while waiting and count < MOST:
        plan, wildcards, above = waiting.pop(0)
        if wildcards in plan.jobs:
            continue
        plan.jobs[wildcards] = None
        count += 1
        above = {**above, plan: _length(wildcards)}
        for _, path in plan.inputs:
            for wanted in path.paths(dict(wildcards)):
                makers = makers_of(wanted, plans)
                if len(makers) > 1:
                    names = " and ".join(f"`{maker.rule.name}`" for maker, _ in makers)
                    for maker, _ in makers:
                        maker.problem = maker.problem or f"`{wanted}` is made by {names}"
                for maker, found in makers:
                    if _length(found) < above.get(maker, math.inf):
                        waiting.append((maker, found, above))
                    elif wanted not in files:  # if it is there, it is a source, as in Snakemake
                        plan.problem = plan.problem or f"making `{wanted}` needs its own rule again"
    for plan, wildcards, _ in waiting:
        if wildcards not in plan.jobs:
            plan.problem = plan.problem or f"the rules come to more than {MOST} stages"
    for plan in plans:
        if not plan.jobs and not plan.problem:
            plan.problem = "nothing asks for what it makes"


def _length(wildcards: Wildcards) -> int:
    return sum(len(text) for _, text in wildcards)


def makers_of(path: str, plans: list[Plan]) -> list[tuple[Plan, Wildcards]]:
    """Return who makes a path, and with which wildcards; more than one is a mistake of the Snakefile's."""
    found = []
    for plan in plans:
        for pattern in plan.made_by:
            if match := pattern.fullmatch(path):
                found.append((plan, tuple((name, match[name]) for name in plan.wildcards)))
                break
    return found


def spread_problems(plans: list[Plan]) -> None:
    """Leave out what needs what is left out."""
    changed = True
    while changed:
        changed = False
        for plan in plans:
            if plan.problem or plan.is_target:
                continue
            needs = (
                (wanted, maker)
                for wildcards in plan.jobs
                for _, path in plan.inputs
                for wanted in path.paths(dict(wildcards))
                for maker, _ in makers_of(wanted, plans)
                if maker.problem
            )
            wanted, _ = next(needs, ("", plan))
            if wanted:
                plan.problem = f"it needs `{wanted}`, which is left out"
                changed = True
