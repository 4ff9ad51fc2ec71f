"""A Snakefile as a section of a Stagefile: variables, a command or a loop of commands for each rule, pipelines."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.start.section import Section, call, quoted, quoted_list
from stagemake.start.snake_jobs import Plan, makers_of, planned, spread_problems
from stagemake.start.snake_python import Unfit, Unknown, safe
from stagemake.start.snake_scope import scope_of
from stagemake.start.snake_shell import number, shell_of
from stagemake.start.snake_text import read_snakefile
from stagemake.start.snake_values import WILDCARD, Values

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.start.snake_values import Path, Scope
    from stagemake.start.survey import Survey

NAMES = ("Snakefile", "workflow/Snakefile")


def snake_section(found: Survey, reserved: Collection[str]) -> Section | None:
    """Return the section for a Snakefile; None where there is none.

    Args:
        found: What lies in the directory.
        reserved: Words that mean something else on stagemake's command line.
    """
    name = found.named(*NAMES)
    if not name:
        return None
    try:
        snakefile = read_snakefile(found.text(name))
        scope, unseen = scope_of(snakefile, found, name)
        plans = planned(snakefile.rules, scope)
        return _Writer(name, plans, scope, unseen, reserved).section()
    except RecursionError:
        return Section(name, (), unseen=(f"{name}: an expression in it is nested too deeply",))


@define
class _Writer:
    name: str
    plans: list[Plan]
    scope: Scope
    unseen: list[str]
    reserved: Collection[str]
    used: dict[str, Values] = field(factory=dict)  # variables that the code uses
    words: set[str] = field(factory=set)
    has_bash: bool = False
    loops: set[str] = field(factory=set)  # variables of loops: no list may have their names

    def __attrs_post_init__(self) -> None:
        for plan in self.plans:
            self.loops |= {*plan.wildcards}
            self.loops |= {name for _, path in plan.inputs for name, _ in path.axes}

    def section(self) -> Section:
        blocks = self._blocks()
        if not blocks:
            unseen = [*self.unseen, *self._problems()]
            nothing = f"{self.name}: it has no rule with a command"
            return Section(self.name, (), unseen=tuple(unseen or [nothing]))
        first = self.plans[0]
        default = [self._variable(first)] if first in blocks else self._members(first, blocks)
        lines = self._variables()
        for block in blocks.values():
            lines += ["", *block]
        groups = [plan for plan in self.plans if plan.is_target]
        for plan in groups:
            if plan is not first and (members := self._members(plan, blocks)):
                self.words.add("pipeline")
                lines += ["", *call(f"pipeline({quoted(self._called(plan))}, ", members, ")")]
        remarks = [*dict.fromkeys(self.scope.remarks)]
        if self.has_bash:
            remarks.append(
                "what has pipes runs in bash, as in Snakemake; programs in it count where `tools=` names them"
            )
        return Section(
            self.name,
            tuple(lines[1:] if lines[:1] == [""] else lines),
            frozenset(self.words),
            tuple(default),
            is_whole=not default or (first in blocks and self._reached(first) >= set(blocks)),
            default_name=self._called(first) if first in groups else "default",
            unseen=(*self.unseen, *self._problems()),
            remarks=tuple(remarks),
            names=frozenset(self._called(plan) for plan in (*blocks, *groups)),
        )

    def _reached(self, first: Plan) -> set[Plan]:
        """Return the rules that are run for one."""
        reached, waiting = {first}, [first]
        while waiting:
            plan = waiting.pop()
            wanted = (
                each
                for job in plan.jobs
                for _, path in plan.inputs
                for each in path.paths(dict(job))
            )
            makers = {maker for each in wanted for maker, _ in makers_of(each, self.plans)}
            waiting += makers - reached
            reached |= makers
        return reached

    def _problems(self) -> list[str]:
        return [
            f"{self.name}:{plan.rule.line}: rule `{plan.rule.name}`: {plan.problem}"
            for plan in self.plans
            if plan.problem
        ]

    def _blocks(self) -> dict[Plan, list[str]]:
        """Return the code of each rule that can be written, and that needs none that can't."""
        blocks: dict[Plan, list[str]] = {}
        for plan in self.plans:
            if not plan.problem and not plan.is_target:
                try:
                    blocks[plan] = self._rule(plan)
                except Unknown as error:
                    plan.problem = error.why
                except (ValueError, SyntaxError, IndexError):
                    plan.problem = "`shell:` is not one text with names in its braces"
        spread_problems(self.plans)
        return {plan: block for plan, block in blocks.items() if not plan.problem}

    # -- one rule --------------------------------------------------------------------------------

    def _rule(self, plan: Plan) -> list[str]:
        words, needs_bash = shell_of(plan, self.scope).words()
        title = "".join(f".{{{name}}}" for name in plan.wildcards)
        shown = f'f"{self._called(plan)}{title}"' if title else quoted(self._called(plan))
        listed = plan.listed or range(len(plan.inputs))
        inputs = [path for at, (_, path) in enumerate(plan.inputs) if at in listed]
        others = [path for at, (_, path) in enumerate(plan.inputs) if at not in listed]
        lines = [f"    {shown},", *words, *self._paths("inputs", inputs)]
        lines += self._paths("implicit", others)
        outputs = [path for _, path in (*plan.outputs, *plan.logs)]
        lines += self._paths("outputs", outputs)
        if cpus := number(plan, "threads", self.scope):
            lines += [f"    cpus={cpus},"] if cpus != "1" else []
        if retries := number(plan, "retries", self.scope):
            lines.append(f"    retries={retries},")
        if plan.rule.description:
            lines.append(f"    description={quoted(plan.rule.description)},")
        self.words.add("command")
        self.has_bash = self.has_bash or needs_bash
        variable = self._variable(plan)
        if not plan.wildcards:
            return [f"{variable} = command(", *lines, ")"]
        inner = ["    command(", *(f"    {line}" for line in lines), "    )"]
        return [f"{variable} = [", *inner, *(f"    {loop}" for loop in self._loops(plan)), "]"]

    def _loops(self, plan: Plan) -> list[str]:
        jobs = [dict(wildcards) for wildcards in plan.jobs]
        if any(set(value) & set(" \t\n") for job in jobs for value in job.values()):
            raise Unfit("a wildcard with a space")
        if any(safe(name) != name for name in plan.wildcards):
            raise Unfit("a wildcard with a name that has a meaning here")
        if len({".".join(job.values()) for job in jobs}) < len(jobs):
            raise Unfit("wildcards that give two stages one name")
        axes = {name: tuple(dict.fromkeys(job[name] for job in jobs)) for name in plan.wildcards}
        product = set(itertools.product(*axes.values()))
        if product == {tuple(job[name] for name in plan.wildcards) for job in jobs}:
            return [f"for {name} in {self._listed(texts)}" for name, texts in axes.items()]
        rows = [f"({', '.join(quoted(job[name]) for name in plan.wildcards)})" for job in jobs]
        return call(f"for {', '.join(plan.wildcards)} in ", rows, "")

    def _listed(self, texts: tuple[str, ...]) -> str:
        """Return the variable that holds these texts, or a list of them."""
        for name, values in self.scope.values.items():
            if name in self.loops or not isinstance(values, Values):
                continue
            if set(values.texts) == set(texts) and texts:
                self.used[name] = values
                return values.name
        return f"[{', '.join(quoted_list(texts))}]"

    def _paths(self, word: str, paths: list[Path]) -> list[str]:
        shown = [self._path(path) for path in paths]
        if not shown:
            return []
        if len(shown) == 1 and shown[0].startswith("*"):
            return [f"    {word}={shown[0][1:]},"]
        return call(f"{word}=", shown, ",", "    ")

    def _path(self, path: Path) -> str:
        names = {name for name, _ in path.axes}
        text = WILDCARD.sub(r"{\1}", path.pattern) + ("/" if path.flag == "directory" else "")
        shown = f"f{quoted(text)}" if WILDCARD.search(text) else quoted(text)
        if not names:
            return shown
        loops = "".join(f" for {name} in {self._axis(values)}" for name, values in path.axes)
        return f"*[{shown}{loops}]"

    def _axis(self, values: Values) -> str:
        for name, each in self.scope.values.items():
            if name in self.loops or not isinstance(each, Values):
                continue
            if each.texts == values.texts and values.texts:
                self.used[name] = each
                return each.name
        return f"[{', '.join(quoted_list(values.texts))}]"

    # -- names -----------------------------------------------------------------------------------

    def _called(self, plan: Plan) -> str:
        name = plan.rule.name
        return f"rule.{name}" if name in self.reserved else name

    def _variable(self, plan: Plan) -> str:
        name = plan.rule.name
        wildcards = {each for other in self.plans for each in other.wildcards}
        return f"{name}_" if name in wildcards | set(self.scope.values) else safe(name)

    def _variables(self) -> list[str]:
        lines = []
        for name, values in self.scope.values.items():
            if name not in self.used or not isinstance(values, Values):
                continue
            if not values.pattern:
                lines += call(f"{values.name} = ", quoted_list(values.texts), "")
                continue
            self.words.add("glob")
            before, after = values.pattern.split("{}")
            cut = f".removeprefix({quoted(before)})" * bool(
                before
            ) + f".removesuffix({quoted(after)})" * bool(after)
            lines.append(
                f"{values.name} = [str(path){cut} for path in glob({quoted(f'{before}*{after}')})]"
            )
        return lines

    def _members(self, target: Plan, written: Collection[Plan]) -> list[str]:
        """Return the stages that make what a rule without output asks for, as Python."""
        wanted: dict[str, dict[tuple[tuple[str, str], ...], None]] = {}
        by_name = {each.rule.name: each for each in written}
        for _, path in target.inputs:
            for each in path.paths({}):
                for found, wildcards in makers_of(each, self.plans):
                    wanted.setdefault(found.rule.name, {})[wildcards] = None
        members = []
        for name, jobs in wanted.items():
            if name not in by_name:
                continue
            maker = by_name[name]
            if len(jobs) == len(maker.jobs):
                members.append(
                    f"*{self._variable(maker)}" if maker.wildcards else self._variable(maker)
                )
            else:
                members += [
                    quoted(".".join([self._called(maker), *dict(job).values()])) for job in jobs
                ]
        return members
