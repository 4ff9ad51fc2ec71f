"""Reads a Makefile from its text into rules, without running anything; what it can't follow it lists.

`make -pn` would know more, but it runs `$(shell …)` and recipes with `$(MAKE)`: looking must not do that.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stagemake.start.make_block import ASSIGNMENT, block_at, names_of
from stagemake.start.make_functions import UntranslatableError
from stagemake.start.make_lines import is_one_reference, plain_path, shortened, without_comment
from stagemake.start.make_rules import Makefile, Rule, Unseen, refuse_unknown
from stagemake.start.make_values import Expansion, Values

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("GNUmakefile", "makefile", "Makefile")  # in the order in which GNU make looks
_SUFFIX_RULE = re.compile(r"(\.[A-Za-z]+)(\.[A-Za-z]+)\Z")
_CONDITIONAL = ("ifeq", "ifneq", "ifdef", "ifndef")
# Special targets that ask for what stagemake does anyway, or does not need.
_NOTHING_TO_DO = (
    ".DELETE_ON_ERROR", ".NOTPARALLEL", ".PRECIOUS", ".SECONDARY", ".INTERMEDIATE", ".SILENT", ".LOW_RESOLUTION_TIME",
)  # fmt: skip
_MOST_INCLUDED = 50


def read_makefile(root: str, name: str, environ: Mapping[str, str]) -> Makefile:
    """Return what the Makefile `name` of `root` says; reads it and what it includes, and nothing else."""
    found = Makefile(Values(root, environ))
    _Reader(found, root).read(name)
    refuse_unknown(found)
    return found


class _Reader:
    """Goes through the lines from top to bottom, as make does."""

    def __init__(self, found: Makefile, root: str) -> None:
        self.found = found
        self._root = root
        self._rules: list[Rule] = []  # which the next recipe line belongs to
        self._file = ""
        self._main = ""
        self._included = 0

    def read(self, name: str) -> None:
        """Take in one file, as far as it can be read."""
        self._main = self._main or name
        before, self._file = self._file, name
        with open(os.path.join(self._root, name), "rb") as stream:
            text = stream.read().decode("utf-8", "surrogateescape")
        lines = text.replace("\r\n", "\n").split("\n")
        at = 0
        while at < len(lines):
            start = at
            while (
                lines[at].endswith("\\") and not lines[at].endswith("\\\\") and at + 1 < len(lines)
            ):
                at += 1
            at += 1
            at = self._take(lines, start, at)
        self._rules = []
        self._file = before

    def _take(self, lines: list[str], start: int, end: int) -> int:
        """Take the logical line `lines[start:end]`; return where to go on."""
        if lines[start].startswith("\t") and self._rules:
            self._recipe_line("\n".join(lines[start:end])[1:].replace("\n\t", "\n"))
            return end
        line = without_comment(" ".join(part.rstrip("\\").strip() for part in lines[start:end]))
        word = line.split(None, 1)[0] if line else ""
        if word in _CONDITIONAL:
            return self._skip_block(
                lines, start, _CONDITIONAL, "endif", f"the conditional `{line}`"
            )
        if word == "define" or line.startswith("override define"):
            return self._skip_block(lines, start, ("define",), "endef", f"`{line}`")
        if line:
            try:
                self._statement(line, start + 1)
            except UntranslatableError as error:
                self._miss(start + 1, f"`{shortened(line)}`: {error}")
                self._rules = []
        return end

    def _miss(self, line: int, what: str) -> None:
        file = "" if self._file == self._main else self._file
        self.found.unseen.append(Unseen(line, what, file))

    def _recipe_line(self, text: str) -> None:
        for rule in self._rules:
            rule.recipe.append(text)

    def _skip_block(
        self, lines: list[str], start: int, openers: tuple[str, ...], closer: str, what: str
    ) -> int:
        """Go past a block, and forget every variable and rule that it might make."""
        touched = block_at(
            lines, start, openers, closer, in_rule=closer == "endef" or bool(self._rules)
        )
        at = start + len(touched)
        self._miss(start + 1, f"{what}, and what is in it up to line {at}")
        if closer == "endef":
            names = lines[start].replace("override", "").split()[1:2]
            for name in names:
                self.found.values.forget(name, f"`{name}` is made by `define`")
        else:
            self._forget_block(touched, start + 1)
        return at

    def _forget_block(self, lines: list[str], number: int) -> None:
        rules = list(self._rules)
        for line in lines:
            assignment = ASSIGNMENT.match(line.strip())
            if line.startswith("\t") and rules:
                for rule in rules:
                    rule.problem = rule.problem or "its recipe has a conditional in it"
            elif assignment:
                self.found.values.forget(
                    assignment["name"], f"`{assignment['name']}` is set by a conditional"
                )
                rules = self._rules = []
            elif ":" in line:
                rules = []
                targets = names_of(line, self.found.values)
                why = "its rule is inside a conditional"
                rule = Rule(tuple(map(plain_path, targets)), (), (), number, problem=why)
                rules = self._rules = self._placed(rule, is_double=False)

    def _statement(self, line: str, number: int) -> None:
        word = line.split(None, 1)[0]
        if word in {"include", "-include", "sinclude"}:
            self._rules = []
            self._include(line.partition(word)[2], number, must=word == "include")
            return
        if word in {"vpath", "unexport", "load", "-load", "undefine"}:
            self._rules = []
            raise UntranslatableError(f"`{word}`")
        assignment = ASSIGNMENT.match(line)
        if assignment:
            self._rules = []
            self._assign(assignment)
        elif word == "export":
            self._rules = []
            names = line.split()[1:]
            if not names:
                self.found.refusal = "`export` passes every variable to every recipe"
                raise UntranslatableError("it passes every variable to every recipe")
            self.found.exported += names
        elif line.startswith("$(") and is_one_reference(line):
            self._rules = []
            if Expansion(self.found.values).expand(line).strip():
                raise UntranslatableError("lines made by an expansion")
        else:
            self._rule(line, number)

    def _assign(self, match: re.Match[str]) -> None:
        found, name, operator = self.found, match["name"], match["operator"]
        if "$" in name:
            raise UntranslatableError("the variable's name is computed")
        if name == "SHELL" and match["value"].strip() in {"/bin/sh", "sh"}:
            found.values.by_name.pop(name, None)
            return
        if name in {".RECIPEPREFIX", ".SHELLFLAGS", "VPATH"}:
            found.refusal = found.refusal or f"`{name}` is set"
            raise UntranslatableError("everything below depends on it")
        if name == "MAKEFLAGS":
            flags = match["value"].split()
            if not {"-r", "-rR", "-R", "--no-builtin-rules"}.isdisjoint(flags):
                found.has_built_in_rules = False
            return
        if name == ".DEFAULT_GOAL":
            found.goal = Expansion(found.values).expand(match["value"]).strip()
            return
        if operator == "!=":
            found.values.forget(name, f"`{name}` is what a program prints")
            raise UntranslatableError("it runs a program")
        try:
            found.values.assign(name, operator, match["value"])
        except UntranslatableError as error:
            found.values.forget(name, f"`{name}` is not known: {error}")
            raise
        if "export" in match["words"]:
            found.exported.append(name)

    def _include(self, text: str, number: int, *, must: bool) -> None:
        names = Expansion(self.found.values).expand(text).split()
        for name in names:
            if name.endswith((".d", ".dep", ".deps", ".P")):
                continue  # depfiles: a stage reads its own
            self._included += 1
            inside = not name.startswith("/") and ".." not in name.split("/")
            if self._included > _MOST_INCLUDED or not inside:
                raise UntranslatableError("not a file of this project")
            if os.path.isfile(os.path.join(self._root, name)):
                self.read(name)
            elif must:
                self._miss(number, f"`include {name}`: it is not there")

    def _rule(self, line: str, number: int) -> None:
        head, semicolon, first = line.partition(";")
        colon = re.search(r"&?::?(?![=])", head)
        if colon is None:
            raise UntranslatableError("neither a rule nor an assignment")
        behind = head[colon.end() :]
        values = self.found.values
        expansion = Expansion(values)
        targets = tuple(map(plain_path, expansion.expand(head[: colon.start()]).split()))
        own = ASSIGNMENT.match(behind.strip())
        if own and own["name"] and ":" not in own["name"]:
            self._rules = []
            self.found.own_variables.update(
                dict.fromkeys(targets, f"`{own['name']}` has another value for it")
            )
            raise UntranslatableError("a variable for one target")
        expanded = expansion.expand(behind)
        values.structural |= expansion.names
        pattern = ""
        if ":" in expanded:
            pattern, _, expanded = expanded.partition(":")
        normal, _, order_only = expanded.partition("|")
        rule = Rule(
            targets,
            tuple(map(plain_path, normal.split())),
            tuple(map(plain_path, order_only.split())),
            number,
            [first.strip()] if semicolon else [],
            pattern.strip(),
            is_grouped=colon[0].startswith("&"),
        )
        self._rules = self._placed(rule, is_double=colon[0].endswith("::"))

    def _placed(self, rule: Rule, *, is_double: bool) -> list[Rule]:
        """Put a rule where it belongs; return what its recipe lines go to."""
        found, targets = self.found, rule.targets
        if not targets:
            return []
        if targets[0].startswith(".") and "/" not in targets[0] and not rule.pattern:
            suffixes = _SUFFIX_RULE.match(targets[0])
            if not suffixes:
                self._special(targets[0], rule)
                return []
            pattern = Rule((f"%{suffixes[2]}",), (f"%{suffixes[1]}",), (), rule.line, rule.recipe)
            found.patterns.append(pattern)
            return [pattern]
        if is_double:
            rule.problem = "double-colon rules"
        if any(
            set(path) & set("*?[~()") for path in (*targets, *rule.prerequisites, *rule.order_only)
        ):
            rule.problem = "a file name with `*`, `?`, `[`, `~` or parentheses"
        if any("%" in target for target in targets):
            if len(targets) > 1:
                rule.problem = "a pattern rule with several targets"
            found.patterns.append(rule)
        else:
            if not found.goal and (targets[0][0] != "." or "/" in targets[0]):
                found.goal = targets[0]
            found.rules.append(rule)
        return [rule]

    def _special(self, target: str, rule: Rule) -> None:
        found = self.found
        if target == ".PHONY":
            found.phony.update(rule.prerequisites)
        elif target == ".SUFFIXES":
            found.has_built_in_rules = found.has_built_in_rules and bool(rule.prerequisites)
        elif target == ".POSIX":
            found.values.follow_posix()
        elif target not in _NOTHING_TO_DO:
            if target in {".ONESHELL", ".SECONDEXPANSION", ".EXPORT_ALL_VARIABLES"}:
                found.refusal = found.refusal or f"`{target}` changes how recipes are read"
            self._miss(rule.line, f"`{target}`")
