"""A translated Makefile as lines of a Stagefile: variables, loops over what one pattern makes, pipelines."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stagemake.start.make_recipe import PIECE, VARIABLE
from stagemake.start.make_units import Unit, as_pattern, units_of
from stagemake.start.section import Section, call, comment, quoted, quoted_list

if TYPE_CHECKING:
    from collections.abc import Collection

    from stagemake.start.make_draft import Draft, Translation


def make_section(made: Translation, name: str, root: str, reserved: Collection[str]) -> Section:
    """Return the section for a translation of the Makefile `name`.

    Args:
        made: The translation.
        name: Of the Makefile, for messages.
        root: Where it lies.
        reserved: Words that mean something else on stagemake's command line.
    """
    return _Writer(made, name, root, reserved).section()


class _Writer:
    def __init__(self, made: Translation, name: str, root: str, reserved: Collection[str]) -> None:
        self._made = made
        self._reserved = reserved
        self._name = name
        self._root = root
        self._words: set[str] = set()
        self._names: set[str] = set()

    def section(self) -> Section:
        made = self._made
        lines: list[str] = []
        if made.drafts:
            units = units_of(made)
            for unit in units:
                self._name_unit(unit)
            lines += self._variables()
            for unit in units:
                lines += ["", *self._unit(unit, units)]
        groups = self._pipelines()
        lines += groups
        goal = made.goal_stages
        goal_is_group = made.goal in made.groups
        whole = len(_reached(made)) == len(made.drafts)
        remarks = []
        if not goal and made.drafts:
            remarks.append(
                f"make's default goal `{made.goal}` gives no stage: a plain `stagemake` builds all files"
            )
            goal = [draft.name for draft in made.drafts if draft.outputs]
        remarks += [
            f"`{name}` is a command of stagemake: it is called `{self._called(name)}` here"
            for name in (*(draft.name for draft in made.drafts), *made.groups)
            if name in self._reserved
        ]
        unseen = tuple(_told(self._name, each.file, each.line, each.what) for each in made.unseen)
        return Section(
            f"the {self._name}" if self._name == "Makefile" else self._name,
            tuple(lines[1:] if lines[:1] == [""] else lines),
            frozenset(self._words),
            tuple(quoted_list(map(self._called, goal))),
            is_whole=whole and not goal_is_group,
            default_name=self._called(made.goal) if goal_is_group else "default",
            unseen=unseen,
            remarks=(*made.remarks, *remarks),
            names=frozenset({draft.name for draft in made.drafts} | set(made.groups)),
        )

    def _called(self, target: str) -> str:
        """Return what a target is called as a stage or pipeline: by itself, where that can be asked for."""
        return f"make.{target}" if target in self._reserved else target

    # -- variables -------------------------------------------------------------------------------

    def _variables(self) -> list[str]:
        values = self._made.makefile.values
        used = dict.fromkeys(name for draft in self._made.drafts for name in draft.recipe.variables)
        lines = []
        for name in used:
            found = values.by_name.get(name)
            if found is None or values.is_built_in(name):
                self._words.add("env")
                text = "" if found is None else found.text
                lines.append(f"{name} = env({quoted(name)}, {quoted(text)})")
            elif found.takes_environment:
                self._words |= {"config", "env"}
                text = quoted(values.own_value(name))
                lines.append(f"{name} = config({quoted(name)}, env({quoted(name)}, {text}))")
            else:
                self._words.add("config")
                lines.append(f"{name} = config({quoted(name)}, {quoted(values.own_value(name))})")
        if any(" = config(" in line for line in lines):
            first = next(line for line in lines if " = config(" in line).split()[0]
            lines[:0] = comment(f"As in `make {first}=…`, but: `stagemake -D {first}=…`.")
        exported = list(dict.fromkeys(self._made.makefile.exported))
        if exported:
            pairs = [f"{quoted(name)}: {quoted(values.value(name))}" for name in exported]
            lines.append(f"exported = {{{', '.join(pairs)}}}")
        return ["", *lines] if lines else []

    # -- stages ----------------------------------------------------------------------------------

    def _name_unit(self, unit: Unit) -> None:
        if len(unit.drafts) == 1 and not unit.glob:
            return
        suffix = os.path.splitext(unit.outputs[0])[1][1:]
        stem = {"o": "objects"}.get(suffix, f"{suffix}_files" if suffix.isidentifier() else "made")
        name, count = stem, 1
        while name in self._names:
            count += 1
            name = f"{stem}_{count}"
        self._names.add(name)
        unit.variable = name

    def _unit(self, unit: Unit, units: list[Unit]) -> list[str]:
        self._words.add("command")
        first = unit.drafts[0]
        lines = []
        if first.node.line:
            lines += comment(f"{self._name}:{first.node.line}")
        if not unit.variable:
            return [*lines, *self._command(unit, first, units, "")]
        loop = f"for stem in [{', '.join(quoted_list(unit.stems))}]"
        if unit.glob:
            self._words.add("glob")
            loop = f"for source in glob({quoted(unit.glob)})"
        head = f"{unit.variable} = ["
        body = self._command(unit, first, units, "    ")
        if len(f"    {loop}") > 100:
            loop_lines = call("for stem in ", quoted_list(unit.stems), "", "    ")
        else:
            loop_lines = [f"    {loop}"]
        return [*lines, head, *body, *loop_lines, "]"]

    def _command(self, unit: Unit, draft: Draft, units: list[Unit], indent: str) -> list[str]:
        inner = f"{indent}    "
        path = _Paths(unit, draft).shown
        lines = [
            f"{indent}command(",
            f"{inner}{path(self._called(draft.name))},",
            *self._text(draft, inner),
        ]
        if draft.inputs:
            lines += self._paths("inputs", unit, draft, units, inner)
        if draft.implicit:
            lines += self._paths("implicit", unit, draft, units, inner)
        if draft.outputs:
            lines.append(f"{inner}outputs=[{', '.join(path(each) for each in draft.outputs)}],")
        if draft.depfile:
            lines.append(f"{inner}depfile={path(draft.depfile)},  # lists the headers: inputs too")
        if draft.after:
            lines += call("after=", quoted_list(map(self._called, draft.after)), ",", inner)
        if self._made.makefile.exported:
            lines.append(f"{inner}env=exported,")
        if draft.always:
            lines.append(f"{inner}always=True,  # as in make: nothing says that it is done")
        return [*lines, f"{indent})"]

    def _paths(
        self, word: str, unit: Unit, draft: Draft, units: list[Unit], indent: str
    ) -> list[str]:
        """Return `inputs=[…],` with what a loop made by the loop's name."""
        paths = draft.inputs if word == "inputs" else draft.implicit
        shown = _Paths(unit, draft).shown
        if word == "inputs" and unit.glob and draft.inputs[:1] == (_Paths(unit, draft).source,):
            rest = [shown(path) for path in paths[1:]]
            return call("inputs=", ["source", *rest], ",", indent)
        items: list[str] = []
        at = 0
        while at < len(paths):
            for other in units:
                made = other.outputs
                if other.variable and other is not unit and paths[at : at + len(made)] == made:
                    items.append(other.variable)
                    at += len(made)
                    break
            else:
                items.append(shown(paths[at]))
                at += 1
        if len(items) == 1 and items[0].isidentifier() and items[0] != "source":
            return [f"{indent}{word}={items[0]},"]
        return call(f"{word}=", items, ",", indent)

    def _text(self, draft: Draft, indent: str) -> list[str]:
        """Return the command's text as an argument, in pieces where it is long."""
        shell = self._made.makefile.values.by_name.get("SHELL")
        text = draft.recipe.text
        chunks = re.split(r"(?<= && )", text) if len(text) > 70 else [text]
        shown = [_literal(chunk) for chunk in chunks]
        if shell is not None:
            words = [
                quoted(self._made.makefile.values.own_value("SHELL").strip()),
                '"-c"',
                " ".join(shown),
            ]
            return call("", words, ",", indent)
        return [f"{indent}{each}" for each in shown[:-1]] + [f"{indent}{shown[-1]},"]

    def _pipelines(self) -> list[str]:
        """Return the pipelines for targets that only name others, make's goal excepted."""
        lines: list[str] = []
        for target, stages in self._made.groups.items():
            is_phony = target in self._made.makefile.phony or not os.path.exists(
                os.path.join(self._root, target)
            )
            if target == self._made.goal or not is_phony or target[0] in ".-":
                continue
            self._words.add("pipeline")
            members = quoted_list(map(self._called, stages))
            lines += call(f"pipeline({quoted(self._called(target))}, ", members, ")")
        return ["", *lines] if lines else []


class _Paths:
    """How a unit's code writes a path of one of its stages."""

    def __init__(self, unit: Unit, draft: Draft) -> None:
        self._unit = unit
        self._draft = draft
        self._stem = draft.node.stem.removeprefix(unit.folder) if unit.variable else ""
        self.source = draft.inputs[0] if draft.inputs else ""

    def shown(self, path: str) -> str:
        if not self._unit.variable:
            return quoted(path)
        pattern = as_pattern(path, self._draft, self._unit)
        if pattern is None:
            return quoted(path)
        expression = "source.stem" if self._unit.glob else "stem"
        return 'f"' + pattern.replace("\0", f"{{{expression}}}") + '"'


def _literal(text: str) -> str:
    """Return a recipe with its pieces as a Python literal; an f-string where it has variables."""
    is_formatted = VARIABLE in text
    parts, at = [], 0
    for piece in PIECE.finditer(text):
        parts.append(_escaped(text[at : piece.start()], is_formatted=is_formatted))
        if piece[1] == VARIABLE:
            parts.append(f"{{{piece[2]}}}")
        else:
            parts.append(f"{{{{{piece[2]}}}}}" if is_formatted else f"{{{piece[2]}}}")
        at = piece.end()
    parts.append(_escaped(text[at:], is_formatted=is_formatted))
    inner = "".join(parts)
    quote = "'" if '"' in inner and "'" not in inner else '"'
    inner = inner.replace(quote, f"\\{quote}")
    return f"{'f' if is_formatted else ''}{quote}{inner}{quote}"


def _escaped(text: str, *, is_formatted: bool) -> str:
    shown = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return shown.replace("{", "{{").replace("}", "}}") if is_formatted else shown


def _reached(made: Translation) -> set[str]:
    """Return the stages that make's goal takes."""
    by_path = {path.rstrip("/"): draft for draft in made.drafts for path in draft.outputs}
    by_name = {draft.name: draft for draft in made.drafts}
    found: set[str] = set()
    waiting = list(made.goal_stages)
    while waiting:
        draft = by_name[waiting.pop()]
        if draft.name not in found:
            found.add(draft.name)
            waiting += draft.after
            paths = (*draft.inputs, *draft.implicit)
            waiting += [by_path[path].name for path in paths if path in by_path]
    return found


def _told(name: str, file: str, line: int, what: str) -> str:
    return f"{file or name}:{line}: {what}" if line else what
