"""The exact change of a Stagefile that declares what was found: where, which keyword, which text."""

from __future__ import annotations

import ast
import json
import os
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from stagemake.model.observation import Edit
from stagemake.model.stage import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagemake.model.observation import Observation
    from stagemake.model.stage import Stage


def with_edits(seen: Observation, stage: Stage, root: str) -> Observation:
    """Return an observation with the edits that would make it clean, and advice where none would.

    Cost: reads and parses the Stagefile that declares the stage.
    """
    inputs = [each.path for each in seen.reads]
    outputs = [
        each.path for each in seen.writes if _can_be_output(each.owner, each.act, each.is_input)
    ]
    advice = [
        f"it {each.act} `{each.path}`, {_why_not(each.owner, is_input=each.is_input)}"
        for each in seen.writes
        if each.path not in outputs
    ]
    if outputs and _shows(stage, "{outputs"):
        advice.append(
            "`{outputs}` of the command will name the new output as well: write the others out"
        )
    wanted = [(_read_keyword(stage), inputs), ("outputs", outputs)]
    edits: list[Edit] = []
    at = stage.location
    place = None if at is None else _Place.of(root, at.file, at.line)
    for keyword, paths in wanted:
        if place is not None and place.call is not None and paths:
            edits.append(place.edit(place.call, keyword, paths))
        elif paths:  # declared by a class, by a program, or in a way that can't be read
            advice.append(f"add {', '.join(map(_literal, paths))} to its {keyword}")
    return evolve(seen, edits=tuple(edits), advice=tuple(advice))


def _can_be_output(owner: str, act: str, is_input: bool) -> bool:
    return not owner and act != "removes" and not is_input


def _why_not(owner: str, *, is_input: bool) -> str:
    if is_input:
        return "an input of its own: let it write a copy"
    if owner:
        return f"which `{owner}` makes: only one stage can make a file"
    return "which no stage can declare: let it leave that alone"


def _read_keyword(stage: Stage) -> str:
    """Return what new inputs go to: not where the action would see them, and act on them."""
    return "implicit" if stage.is_call or _shows(stage, "{inputs") else "inputs"


def _shows(stage: Stage, placeholder: str) -> bool:
    action = stage.action
    return isinstance(action, Command) and any(placeholder in word for word in action.template)


@frozen
class _Place:
    """A declaration in its source."""

    file: str  # relative to the root
    line: int
    lines: tuple[str, ...]
    call: ast.Call | None  # None: not found, as of a stage that is a class

    @classmethod
    def of(cls, root: str, file: str, line: int) -> _Place:
        try:
            with open(os.path.join(root, file), encoding="utf-8") as stream:
                text = stream.read()
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError):
            return cls(file, line, (), None)
        calls = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and node.lineno <= line <= (node.end_lineno or node.lineno)
            and _name_of(node.func) in {"command", "stage"}
        ]
        # Of several on the line, or one in the other, the one that begins last.
        calls.sort(key=lambda node: (node.lineno, node.col_offset))
        return cls(file, line, tuple(text.split("\n")), calls[-1] if calls else None)

    def edit(self, call: ast.Call, keyword: str, paths: Sequence[str]) -> Edit:
        """Return how to add paths to a keyword of the call."""
        values = ", ".join(_literal(self._relative(path)) for path in paths)
        given = next((each.value for each in call.keywords if each.arg == keyword), None)
        if given is None:
            return self._new(call, keyword, values)
        if isinstance(given, ast.List | ast.Tuple):
            return self._more(given, keyword, values)
        old = self._source(given)
        text = f"[*({old}), {values}]"
        return self._at(
            (given.lineno, given.col_offset), _end_of(given), keyword, text, f"{keyword}={text}"
        )

    def _new(self, call: ast.Call, keyword: str, values: str) -> Edit:
        arguments = [*call.args, *(each.value for each in call.keywords)]
        text = f"{keyword}=[{values}]"
        return self._insert(arguments, call, keyword, text, text)

    def _more(self, given: ast.List | ast.Tuple, keyword: str, values: str) -> Edit:
        old = self._source(given)
        body = old[:-1].rstrip().rstrip(",")
        between = ", " if given.elts else ""
        shown = f"{keyword}={body}{between}{values}{old[-1]}"
        if "\n" in old:
            shown = f"{values} in {keyword}=[…]"
        return self._insert(given.elts, given, keyword, values, shown)

    def _insert(
        self, inside: Sequence[ast.expr], around: ast.expr, keyword: str, text: str, shown: str
    ) -> Edit:
        """Return how to put one more behind what stands between two brackets."""
        line, column = _end_of(around)
        close = (line, column - 1)
        if not inside:
            return self._at(close, close, keyword, text, shown)
        last = max(_end_of(each) for each in inside)
        comma = self._comma(last, close)
        if comma is None:
            return self._at(close, close, keyword, f", {text}", shown)
        return self._at(comma, comma, keyword, f" {text},", shown)

    def _comma(self, start: tuple[int, int], close: tuple[int, int]) -> tuple[int, int] | None:
        """Return where a trailing comma ends, outside of comments; None: there is none."""
        for number in range(start[0], close[0] + 1):
            raw = self.lines[number - 1].encode()
            first = start[1] if number == start[0] else 0
            last = close[1] if number == close[0] else len(raw)
            at = raw[first:last].partition(b"#")[0].find(b",")
            if at >= 0:
                return number, first + at + 1
        return None

    def _at(
        self, start: tuple[int, int], end: tuple[int, int], keyword: str, text: str, shown: str
    ) -> Edit:
        (line, column), (end_line, end_column) = self._characters(start), self._characters(end)
        return Edit(self.file, line, column, end_line, end_column, keyword, text, shown)

    def _characters(self, position: tuple[int, int]) -> tuple[int, int]:
        """Return a position of `ast`, which counts bytes from 0, with characters counted from 1."""
        line, column = position
        return line, len(self.lines[line - 1].encode()[:column].decode()) + 1

    def _source(self, node: ast.expr) -> str:
        return ast.get_source_segment("\n".join(self.lines), node) or ast.unparse(node)

    def _relative(self, path: str) -> str:
        folder = os.path.dirname(self.file)
        if not folder:
            return path
        return os.path.relpath(path, folder) + ("/" if path.endswith("/") else "")


def _literal(text: str) -> str:
    """Return a text as Python spells it, in double quotes where that is possible."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def _name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _end_of(node: ast.expr) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def applied(text: str, edits: Sequence[Edit]) -> str:
    """Return a Stagefile's text with edits made, the last position first."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda each: (each.line, each.column), reverse=True):
        head = lines[edit.line - 1][: edit.column - 1]
        tail = lines[edit.end_line - 1][edit.end_column - 1 :]
        lines[edit.line - 1 : edit.end_line] = f"{head}{edit.text}{tail}".split("\n")
    return "\n".join(lines)
