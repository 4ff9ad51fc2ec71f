"""From a Makefile's graph to stages: what each target becomes, and why one is left out."""

from __future__ import annotations

import itertools
import re
import sys
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.start.make_draft import Draft, Translation
from stagemake.start.make_functions import UntranslatableError, stem_of
from stagemake.start.make_graph import Graph, Node, is_plain_path, set_of
from stagemake.start.make_reader import read_makefile
from stagemake.start.make_recipe import translate_recipe
from stagemake.start.make_rules import Unseen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.start.make_rules import Makefile


def translate_makefile(root: str, name: str, environ: Mapping[str, str]) -> Translation:
    """Return the stages that the Makefile `name` of `root` describes. Reads, and runs nothing."""
    makefile = read_makefile(root, name, environ)
    return _Translator(makefile, root).translate()


class _Translator:
    def __init__(self, makefile: Makefile, root: str) -> None:
        self._makefile = makefile
        self._graph = Graph(makefile, root)
        self._reasons: dict[str, str] = {}  # by first target: why it is left out
        self._drafts: dict[str, Draft] = {}
        self._cleanups: list[str] = []
        self._without_depfile: list[str] = []
        self._made = Translation(makefile, unseen=list(makefile.unseen))
        self._needing: dict[str, list[Node]] = {}  # by path: what has it as a prerequisite
        for node in set_of(self._graph.nodes.values()):
            for path in node.prerequisites:
                self._needing.setdefault(path, []).append(node)

    def translate(self) -> Translation:
        """Do it."""
        made, graph = self._made, self._graph
        for node in set_of(graph.nodes.values()):
            self._leave_out_touch(node)
        self._mark_own_variables()
        self._mark_parents()
        for node in self._graph.ordered():
            self._one(node)
        made.drafts = list(self._drafts.values())
        made.goal = self._makefile.goal
        for target, node in graph.nodes.items():
            if not node.recipe and target not in self._reasons and self._behind(target):
                made.groups[target] = self._behind(target)
        made.goal_stages = self._behind(made.goal) if made.goal else []
        alike: dict[tuple[int, str], list[str]] = {}
        for name, reason in self._reasons.items():
            alike.setdefault((graph.nodes[name].line, reason), []).append(f"`{name}`")
        for (line, reason), names in alike.items():
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            made.unseen.append(Unseen(line, f"{', '.join(names[:2])}{more}: {reason}"))
        made.unseen.sort(key=lambda each: (each.file, each.line or sys.maxsize))
        there = [p for draft in made.drafts for p in draft.outputs if graph.exists(p)]
        if there:
            more = f" and {len(there) - 1} other{'s' * (len(there) > 2)} are"
            made.remarks.append(
                f"`{there[0]}`{more if there[1:] else ' is'} there already: the first build makes all anew, "
                "and keeps what it replaces below `.stagemake/kept/`"
            )
        if self._cleanups:
            named = ", ".join(f"`{name}`" for name in self._cleanups)
            verb = "are" if len(self._cleanups) > 1 else "is"
            made.remarks.append(f"{named} {verb} left out: `stagemake clean` removes what was made")
        if self._without_depfile:
            made.remarks.append(
                f"`{self._without_depfile[0]}`"
                + (" and others are" if len(self._without_depfile) > 1 else " is")
                + " compiled without -MMD: headers that no rule names are not seen, as in make"
            )
        return made

    def _mark_own_variables(self) -> None:
        """Leave out targets with variables of their own; make hands these down to all they need."""
        nodes = self._graph.nodes
        in_goal = set(self._graph.closure(self._makefile.goal))
        for target, why in self._makefile.own_variables.items():
            for each in [name for name in nodes if stem_of(target, name) is not None]:
                handed_down = self._graph.closure(each) if each in in_goal else [each]
                for name in handed_down:
                    said = why if name == each else f"it is made for `{each}`, where {why[:-7]}"
                    nodes[name].problem = nodes[name].problem or said

    def _leave_out_touch(self, node: Node) -> None:
        """Have a target that is only touched, and has content, stand for what it needs: no stage keeps content."""
        if not node.recipe or not self._graph.size(node.name):
            return
        touched = [re.fullmatch(r"[@\-+ \t]*touch\s+(\S+)\s*", line) for line in node.recipe]
        own = {node.name, "$@", "$(@)"}
        if all(each and each[1] in own for each in touched):
            node.recipe = ()
            self._made.remarks.append(f"`{node.name}` has content: that it is touched is left out")

    def _mark_parents(self) -> None:
        """Leave out what would make a directory that other targets lie in, and do more than that."""
        made = [name for name, node in self._graph.nodes.items() if node.recipe]
        parents = {name[:at] for name in made for at in range(len(name)) if name[at] == "/"}
        for name in made:
            node = self._graph.nodes[name]
            if name in parents and not node.makes_directory:
                node.problem = node.problem or "other targets lie in it"

    def _one(self, node: Node) -> None:
        """Decide what one node becomes, all it needs having been decided."""
        try:
            self._decide(node)
        except UntranslatableError as error:
            self._reasons[node.name] = str(error)

    def _decide(self, node: Node) -> None:
        if node.problem:
            raise UntranslatableError(node.problem)
        for path in (*node.targets, *node.prerequisites, *node.order_only):
            if not is_plain_path(path):
                raise UntranslatableError(f"the path `{path}` needs quotes or leads outside")
        if any(target.startswith("/") for target in node.targets):
            raise UntranslatableError("it lies outside the project")
        if not node.recipe:
            self._without_recipe(node)
            return
        if node.makes_directory and not self._graph.is_phony(node.name):
            return
        if self._makefile.refusal:
            raise UntranslatableError(self._makefile.refusal)
        draft = self._draft(node)
        if draft is not None:
            self._drafts[node.name] = draft

    def _without_recipe(self, node: Node) -> None:
        for path in (*node.prerequisites, *node.order_only):
            other = self._graph.nodes.get(path)
            if other is not None and other.name in self._reasons and self._graph.exists(node.name):
                raise UntranslatableError(f"it needs `{other.name}`, which is left out")

    def _draft(self, node: Node) -> Draft | None:
        needed = self._needed(node)
        inputs = tuple(path for path in node.inputs if path in needed.inputs)
        draft = Draft(
            node,
            translate_recipe(node, self._makefile.values, inputs),
            inputs,
            tuple(path for path in needed.inputs if path not in inputs),
            tuple(dict.fromkeys(needed.after)),
            always=needed.always,
        )
        if not draft.recipe.text:
            raise UntranslatableError("its recipe is empty")
        plain = draft.recipe.plain
        phony = self._graph.is_phony(node.name)
        if not phony and not all(self._makes(node, target, plain) for target in node.targets):
            phony = True
            if self._is_needed_as_file(node):
                raise UntranslatableError("its recipe does not name the file that it should make")
        if phony and draft.recipe.only_removes:
            self._cleanups.append(node.name)
            return None
        if phony:
            draft.always = True
            return draft
        draft.outputs = tuple(
            f"{target}/" if self._graph.is_directory(target) else target for target in node.targets
        )
        for path in draft.inputs:
            if self._graph.is_directory(path) and any(
                t.startswith(f"{path}/") for t in node.targets
            ):
                raise UntranslatableError(f"it lies in the directory `{path}`, which it reads")
        self._find_depfile(draft, plain)
        return draft

    def _is_needed_as_file(self, node: Node) -> bool:
        """Whether a file is made from what a node's recipe makes; what makes no file may just follow it."""
        if not {".", "/"}.isdisjoint(node.name):
            return node.name in self._needing
        waiting, seen = [node.name], {node.name}
        while waiting:
            for other in self._needing.get(waiting.pop(), ()):
                if not other.recipe:
                    waiting += [name for name in other.targets if name not in seen]
                    seen.update(other.targets)
                elif not self._graph.is_phony(other.name):
                    plain = translate_recipe(other, self._makefile.values, ()).plain
                    if any(self._makes(other, target, plain) for target in other.targets):
                        return True
        return False

    @staticmethod
    def _makes(node: Node, target: str, plain: str) -> bool:
        """Whether a recipe names what it should make; else it is a task, whatever `.PHONY` says."""
        if node.line == 0 or re.search(r"\$[({]?[@*]", "\n".join(node.recipe)):
            return True
        token = rf"(?<![\w./-]){re.escape(target)}(?![\w./-])"
        if not {".", "/"}.isdisjoint(target):
            return bool(re.search(token, plain))
        return bool(
            re.search(rf"(?:-o|>)\s*{token}", plain)
            or re.search(rf"(?:^|&& )(?:ar|cp|install|ld|ln|mv|touch)\s[^\n;&|]*{token}", plain)
        )

    def _find_depfile(self, draft: Draft, plain: str) -> None:
        words = plain.split()
        is_object = len(draft.outputs) == 1 and draft.outputs[0].endswith((".o", ".lo", ".obj"))
        if "-c" not in words or not is_object:
            return
        if {"-MMD", "-MD"}.isdisjoint(words):
            self._without_depfile.append(draft.name)
            return
        named = [after for word, after in itertools.pairwise(words) if word == "-MF"]
        glued = [word[3:] for word in words if word.startswith("-MF") and len(word) > 3]
        default = re.sub(r"\.[^./]*\Z", "", draft.outputs[0]) + ".d"
        draft.depfile = [*named, *glued, default][0]

    def _needed(self, node: Node) -> _Needed:
        """Return what stands behind a node's prerequisites, through those without a recipe."""
        found = _Needed()
        waiting = [(path, False) for path in (*node.prerequisites,)]
        waiting += [(path, True) for path in node.order_only]
        seen = set()
        while waiting:
            path, is_order = waiting.pop(0)
            if (path, is_order) in seen:
                continue
            seen.add((path, is_order))
            other = self._graph.nodes.get(path)
            if other is None:
                if not is_order:
                    found.inputs.append(path)
                continue
            if other.name in self._reasons:
                raise UntranslatableError(f"it needs `{other.name}`, which is left out")
            draft = self._drafts.get(other.name)
            if draft is not None:
                if draft.outputs and not is_order:
                    found.inputs.append(path)
                else:
                    found.after.append(draft.name)
                    found.always = found.always or not is_order
                continue
            if other.makes_directory:
                if not is_order and re.search(r"\$[({]?[<^+]", "\n".join(node.recipe)):
                    raise UntranslatableError(f"`{path}` is a directory that its recipe uses")
                continue
            if not is_order and not other.recipe:
                if self._graph.exists(path) and not self._graph.is_phony(path):
                    found.inputs.append(path)
                elif not other.prerequisites and not other.order_only:
                    found.always = True  # the FORCE of many Makefiles
                if not self._graph.exists(path) and re.search(
                    r"\$[({]?[<^+]", "\n".join(node.recipe)
                ):
                    raise UntranslatableError(f"its recipe uses `{path}`, which is no file")
            waiting += [(each, is_order) for each in other.prerequisites]
            waiting += [(each, True) for each in other.order_only]
        found.inputs = list(dict.fromkeys(found.inputs))
        return found

    def _behind(self, target: str) -> list[str]:
        """Return the stages that a target without a recipe stands for; the stage itself of others."""
        found: dict[str, None] = {}
        waiting, seen = [target], set()
        while waiting:
            path = waiting.pop(0)
            node = self._graph.nodes.get(path)
            if node is None or path in seen:
                continue
            seen.add(path)
            if node.name in self._drafts:
                found[node.name] = None
            elif not node.recipe:
                waiting += [*node.prerequisites, *node.order_only]
        return list(found)


@define
class _Needed:
    inputs: list[str] = field(factory=list)
    after: list[str] = field(factory=list)
    always: bool = False
