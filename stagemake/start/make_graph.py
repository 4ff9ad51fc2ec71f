"""Which rule makes which file, as make would choose: explicit rules, static patterns, patterns, built-in ones."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from attrs import define

from stagemake.start.make_functions import stem_of
from stagemake.start.make_rules import Rule

if TYPE_CHECKING:
    from stagemake.start.make_rules import Makefile

BUILT_IN_RULES = (
    Rule(("%",), ("%.o",), (), 0, ["$(LINK.o) $^ $(LOADLIBES) $(LDLIBS) -o $@"]),
    *(
        Rule(("%",), (f"%{suffix}",), (), 0, [f"$({link}) $^ $(LOADLIBES) $(LDLIBS) -o $@"])
        for suffix, link in ((".c", "LINK.c"), (".cc", "LINK.cc"), (".cpp", "LINK.cc"))
    ),
    *(
        Rule(("%.o",), (f"%{suffix}",), (), 0, [f"$({compile_}) $(OUTPUT_OPTION) $<"])
        for suffix, compile_ in ((".c", "COMPILE.c"), (".cc", "COMPILE.cc"), (".cpp", "COMPILE.cc"))
    ),
)
_TYPED = (
    ".a", ".c", ".C", ".cc", ".cpp", ".d", ".def", ".F", ".f", ".h", ".html", ".info", ".l", ".ln", ".m", ".md", ".mod", ".o",
    ".out", ".p", ".py", ".r", ".s", ".S", ".sh", ".so", ".tex", ".texi", ".texinfo", ".txt", ".w", ".y",
)  # fmt: skip
_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*\Z")
_MKDIR = re.compile(
    r"[@\-+ \t]*(?:\[ -d [^\]]+\] *\|\| *|test -d \S+ *\|\| *)?mkdir( -p)? [^;&|]+\Z"
)


@define(eq=False)
class Node:
    """What makes some targets: a rule with everything that is said about them elsewhere too."""

    targets: tuple[str, ...]
    line: int = 0
    prerequisites: tuple[str, ...] = ()  # with repeats, as `$+` has them
    order_only: tuple[str, ...] = ()
    recipe: tuple[str, ...] = ()
    stem: str = ""
    family: Rule | None = None  # the pattern that gave the recipe
    problem: str = ""

    @property
    def name(self) -> str:
        """The first target."""
        return self.targets[0]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The prerequisites, each once, as `$^` has them."""
        return tuple(dict.fromkeys(self.prerequisites))

    @property
    def makes_directory(self) -> bool:
        """Whether all it does is to make a directory, which stagemake does by itself."""
        return bool(self.recipe) and all(_MKDIR.match(line) for line in self.recipe)


class Graph:
    """Every target of a Makefile with what makes it."""

    def __init__(self, makefile: Makefile, root: str) -> None:
        self.makefile = makefile
        self.nodes: dict[str, Node] = {}
        self._root = root
        self._rules: dict[str, list[Rule]] = {}
        for rule in makefile.rules:
            for target in rule.targets:
                self._rules.setdefault(target, []).append(rule)
        self._mentioned = set(self._rules)
        for rule in makefile.rules:
            self._mentioned.update(rule.prerequisites, rule.order_only)
        waiting = list(self._rules)[::-1]
        while waiting:
            target = waiting.pop()
            if target in self.nodes:
                continue
            node = self._node(target)
            if node is not None:
                self.nodes.update(dict.fromkeys(node.targets, node))
                if not node.problem:
                    waiting += reversed((*node.prerequisites, *node.order_only))

    def exists(self, path: str) -> bool:
        """Whether something is at a path now."""
        return os.path.exists(os.path.join(self._root, path))

    def is_directory(self, path: str) -> bool:
        """Whether a directory is at a path now."""
        return os.path.isdir(os.path.join(self._root, path))

    def size(self, path: str) -> int:
        """Return the bytes of the file at a path; 0 where there is none."""
        full = os.path.join(self._root, path)
        return os.path.getsize(full) if os.path.isfile(full) else 0

    def is_phony(self, target: str) -> bool:
        """Whether `.PHONY` names it."""
        return target in self.makefile.phony

    def closure(self, goal: str) -> list[str]:
        """Return all targets behind a goal, itself included."""
        found: dict[str, None] = {}
        waiting = [goal]
        while waiting:
            target = waiting.pop()
            node = self.nodes.get(target)
            if node is None or target in found:
                continue
            found[target] = None
            waiting += (*node.prerequisites, *node.order_only)
        return list(found)

    def ordered(self) -> list[Node]:
        """Return all nodes, what is needed first; a circle is a problem of each node in it."""
        done: dict[int, None] = {}
        ordered: list[Node] = []
        for start in set_of(self.nodes.values()):
            path: list[tuple[Node, list[str]]] = [(start, [])]
            if id(start) in done:
                continue
            open_ids = {id(start)}
            path = [(start, [*start.prerequisites, *start.order_only][::-1])]
            while path:
                node, left = path[-1]
                if not left:
                    path.pop()
                    open_ids.discard(id(node))
                    if id(node) not in done:
                        done[id(node)] = None
                        ordered.append(node)
                    continue
                following = self.nodes.get(left.pop())
                if following is None or id(following) in done:
                    continue
                if id(following) in open_ids:
                    every = [each for each, _ in path]
                    for each in every[every.index(following) :]:
                        each.problem = each.problem or "it needs itself"
                    continue
                open_ids.add(id(following))
                path.append((following, [*following.prerequisites, *following.order_only][::-1]))
        return ordered

    def _node(self, target: str) -> Node | None:
        """Return what makes a target; None for a source."""
        rules = self._rules.get(target, [])
        with_recipe = [rule for rule in rules if rule.recipe]
        problems = [rule.problem for rule in rules if rule.problem]
        problem = problems[0] if problems else ""
        if len(with_recipe) > 1 and not problem:
            problem = "it has two recipes"
        if with_recipe:
            node = self._explicit(target, with_recipe[-1], rules)
        else:
            pattern = None if self.is_phony(target) or problem else self._pattern(target)
            if pattern is not None:
                rule, stem, prefix = pattern
                node = Node(
                    (target,),
                    rule.line or (rules[0].line if rules else 0),
                    tuple(
                        prefix + each.replace("%", stem, 1) if "%" in each else each
                        for each in rule.prerequisites
                    ),
                    tuple(
                        prefix + each.replace("%", stem, 1) if "%" in each else each
                        for each in rule.order_only
                    ),
                    tuple(rule.recipe),
                    prefix + stem,
                    rule,
                    rule.problem,
                )
                self._add(node, rules)
            elif rules:
                node = Node((target,), rules[0].line)
                self._add(node, rules)
            elif self.exists(target):
                return None
            else:
                node = Node((target,), problem="it is not there, and no rule makes it")
        if problem:
            node.problem = problem
            node.line = next((rule.line for rule in rules if rule.problem), node.line)
        return node

    def _explicit(self, target: str, main: Rule, rules: list[Rule]) -> Node:
        stem = ""
        patterns: tuple[str, ...] = main.prerequisites
        if main.pattern:
            found = stem_of(main.pattern, target)
            stem = found or ""
            patterns = tuple(each.replace("%", stem, 1) for each in patterns)
        node = Node(
            main.targets if main.is_grouped else (target,),
            main.line,
            patterns,
            tuple(each.replace("%", stem, 1) for each in main.order_only)
            if main.pattern
            else main.order_only,
            tuple(main.recipe),
            stem,
            main if main.pattern else None,
        )
        if main.pattern and stem_of(main.pattern, target) is None:
            node.problem = f"it does not match `{main.pattern}`"
        self._add(node, [rule for rule in rules if rule is not main])
        return node

    @staticmethod
    def _add(node: Node, rules: list[Rule]) -> None:
        """Add what rules without a recipe say of a target."""
        for rule in rules:
            more = rule.prerequisites
            if rule.pattern:
                stem = stem_of(rule.pattern, node.name) or ""
                more = tuple(each.replace("%", stem, 1) for each in more)
            node.prerequisites += more
            node.order_only += rule.order_only

    def _pattern(self, target: str, depth: int = 0) -> tuple[Rule, str, str] | None:
        """Return the pattern rule that make would take, its stem, and the directory before both."""
        rules = [rule for rule in self.makefile.patterns if rule.recipe or rule.problem]
        if self.makefile.has_built_in_rules:
            cancelled = {(r.targets, r.prerequisites) for r in self.makefile.patterns}
            rules += [r for r in BUILT_IN_RULES if (r.targets, r.prerequisites) not in cancelled]
        candidates = []
        for rule in rules:
            pattern = rule.targets[0]
            prefix, name = "", target
            if "/" not in pattern:
                prefix, name = target[: target.rfind("/") + 1], target[target.rfind("/") + 1 :]
            stem = stem_of(pattern, name)
            if not stem or (pattern == "%" and self._is_typed(target)):
                continue
            candidates.append((rule, stem, prefix))
        candidates.sort(key=lambda each: len(each[1]))
        for chained in (False, True) if depth < 3 else (False,):
            for rule, stem, prefix in candidates:
                if (
                    chained
                    and rule.targets[0] == "%"
                    and rule.line == 0
                    and rule.prerequisites == ("%.o",)
                ):
                    continue
                paths = [
                    prefix + each.replace("%", stem, 1) if "%" in each else each
                    for each in (*rule.prerequisites, *rule.order_only)
                ]
                if all(self._can_be(path, depth, chained=chained) for path in paths):
                    return rule, stem, prefix
        return None

    def _can_be(self, path: str, depth: int, *, chained: bool) -> bool:
        if self.exists(path) or path in self._mentioned:
            return True
        return chained and self._pattern(path, depth + 1) is not None

    def _is_typed(self, target: str) -> bool:
        """Whether rules for anything (`%: %.c`) leave a target alone."""
        if os.path.splitext(target)[1] in _TYPED:
            return True
        return target not in self._rules and (self.exists(target) or target.startswith("."))


def is_plain_path(path: str) -> bool:
    """Whether a path needs no quotes and lies below the root or is absolute."""
    return bool(_SAFE.match(path)) and ".." not in path.split("/")


def set_of(nodes: object) -> list[Node]:
    """Return each node once, in order: several targets may share one."""
    return list({id(node): node for node in nodes}.values())  # type: ignore[attr-defined]  # any iterable of nodes
