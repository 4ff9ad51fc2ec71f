"""What a Snakefile's expressions come to, as far as that can be known without running them."""

from __future__ import annotations

import ast
import itertools
import math
import re
from typing import TYPE_CHECKING, NoReturn

from attrs import define, field, frozen

from stagemake.start.snake_python import Unknown, arguments, safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.start.survey import Survey

MOST = 20_000  # paths of one rule, jobs of a Snakefile
WILDCARD = re.compile(r"\{(\w+)(?:,([^{}]*(?:\{\d+(?:,\d*)?\}[^{}]*)*))?\}")
_FLAGS = {"directory", "touch", "temp", "temporary", "protected", "ensure"}


@frozen
class Values:
    """Texts that stand in a list, and the variable that holds them."""

    texts: tuple[str, ...]
    name: str = ""  # empty: written out where it is used
    pattern: str = ""  # of `glob_wildcards`: with one wildcard


@frozen
class Path:
    """One path of a rule, or what `expand` makes of several axes."""

    pattern: str  # wildcards in braces
    axes: tuple[tuple[str, Values], ...] = ()
    flag: str = ""

    def paths(self, wildcards: Mapping[str, str]) -> list[str]:
        """Return the paths for some wildcards of the rule."""
        found = []
        for texts in itertools.product(*(values.texts for _, values in self.axes)):
            given = {
                **wildcards,
                **{name: text for (name, _), text in zip(self.axes, texts, strict=True)},
            }
            found.append(WILDCARD.sub(lambda match: given.get(match[1], match[0]), self.pattern))  # noqa: B023 - called at once
        return found


@define
class Scope:
    """Names that are known so far, and what they stand for."""

    survey: Survey
    values: dict[str, Values | str] = field(factory=dict)
    config: object = None  # what the configuration file holds
    outputs: dict[str, list[tuple[str, Path]]] = field(factory=dict)  # of rules, by their names
    remarks: list[str] = field(factory=list)
    limits: dict[str, str] = field(factory=dict)  # of wildcards, in all rules
    problem: str = ""  # why no rule can be translated
    forgotten: set[str] = field(factory=set)  # names that may have had several values

    def forget(self, names: set[str]) -> None:
        """Take these names, and lists that may be the same object, as unknown from here to the end."""
        lost = [self.values[name] for name in names if name in self.values]
        texts = {value.texts for value in lost if isinstance(value, Values)}
        for name, value in [*self.values.items()]:
            if name in names or (isinstance(value, Values) and value.texts in texts):
                del self.values[name]
                self.forgotten.add(name)
        self.forgotten |= names
        if "config" in names or any(_has_list(self.config, list(one)) for one in texts):
            self.config = None

    def assign(self, node: ast.Assign) -> None:
        """Note what a variable stands for.

        Raises:
            Unknown: It can't be known.
        """
        if len(node.targets) > 1:
            raise Unknown(ast.unparse(node))
        target = node.targets[0]
        value: Values | str
        if (
            isinstance(target, ast.Tuple)
            and len(target.elts) == 1
            and _called(node.value) == "glob_wildcards"
        ):
            target, value = target.elts[0], self._globbed(node.value)
        else:
            value = self.value(node.value)
        if not isinstance(target, ast.Name) or target.id in (
            self.values.keys() | self.forgotten | {"config"}
        ):
            raise Unknown(ast.unparse(node))
        if isinstance(value, Values):
            value = Values(value.texts, safe(target.id), value.pattern)
        self.values[target.id] = value

    # -- single values ---------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Values | str:
        """Return a text, or several.

        Raises:
            Unknown: It can't be known.
        """
        match node:
            case ast.Constant(value=str() | int() | float() as single) if not isinstance(
                single, bool
            ):
                return str(single)
            case ast.Name(id=name) if name in self.values:
                return self.values[name]
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return Values(tuple(self.text(item) for item in items))
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._sum(self.value(left), self.value(right), node)
            case ast.JoinedStr(values=parts):
                return "".join(self._part(part, node) for part in parts)
            case ast.Call(func=ast.Name(id="sorted" | "list"), args=[inner], keywords=[]):
                found = self.value(inner)
                return (
                    found
                    if isinstance(found, Values) and (found.pattern or not found.name)
                    else self._unknown(node)
                )
            case ast.Call(func=ast.Name(id="range"), args=[*_], keywords=[]):
                return self._range(node)
            case (
                ast.Attribute(value=ast.Call() as inner) | ast.Subscript(value=ast.Call() as inner)
            ):
                return self._globbed(inner)
            case ast.Subscript():
                return self._configured(node)
        return self._unknown(node)

    def text(self, node: ast.expr) -> str:
        """Return a text; see `value`."""
        found = self.value(node)
        return found if isinstance(found, str) else self._unknown(node)

    def _unknown(self, node: ast.AST) -> NoReturn:
        raise Unknown(ast.unparse(node))

    def _range(self, node: ast.expr) -> Values:
        assert isinstance(node, ast.Call), "BUG: `range` is called"
        try:
            found = range(*(int(self.text(each)) for each in node.args))
        except (TypeError, ValueError):
            return self._unknown(node)
        return Values(tuple(map(str, found))) if len(found) <= MOST else self._unknown(node)

    def _sum(self, left: Values | str, right: Values | str, node: ast.expr) -> Values | str:
        if isinstance(left, str) and isinstance(right, str):
            return left + right
        if isinstance(left, Values) and isinstance(right, Values):
            return Values(left.texts + right.texts)
        return self._unknown(node)

    def _part(self, part: ast.expr, whole: ast.expr) -> str:
        match part:
            case ast.Constant(value=str() as found):
                return found
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                return self.text(inner)
        return self._unknown(whole)

    def _configured(self, node: ast.expr) -> Values | str:
        keys: list[str] = []
        inner = node
        while isinstance(inner, ast.Subscript):
            keys.insert(0, self.text(inner.slice))
            inner = inner.value
        found = self.config
        if not isinstance(inner, ast.Name) or inner.id != "config":
            return self._unknown(node)
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, list) and all(isinstance(each, str | int | float) for each in found):
            return Values(tuple(map(str, found)))
        if isinstance(found, dict):
            return Values(tuple(map(str, found)))  # as a list it is its keys
        return str(found) if isinstance(found, str | int | float) else self._unknown(node)

    def _globbed(self, node: ast.expr) -> Values:
        """Return what `glob_wildcards` of one wildcard finds today."""
        if (
            not isinstance(node, ast.Call)
            or _called(node) != "glob_wildcards"
            or len(node.args) != 1
        ):
            raise Unknown(ast.unparse(node))
        pattern = self.text(node.args[0])
        names = [match[1] for match in WILDCARD.finditer(pattern)]
        if len(names) != 1 or set("*?[") & set(pattern) or node.keywords:
            raise Unknown(f"{ast.unparse(node)}: it has not exactly one plain wildcard")
        before, after = WILDCARD.split(pattern)[0], WILDCARD.split(pattern)[-1]
        found = [
            path[len(before) : len(path) - len(after)]
            for path in self.survey.files
            if path.startswith(before)
            and path.endswith(after)
            and len(path) > len(before) + len(after)
        ]
        if any("/" in each for each in found):
            raise Unknown(f"{ast.unparse(node)}: it also finds files further in")
        return Values(tuple(found), pattern=WILDCARD.sub("{}", pattern))

    # -- paths -----------------------------------------------------------------------------------

    def paths(self, text: str) -> list[tuple[str, Path]]:
        """Return the paths that a directive such as `input:` holds, each with its name; most have none.

        Raises:
            Unknown: It can't be known.
        """
        call = arguments(text)
        found = [("", path) for node in call.args for path in self._paths(node)]
        for keyword in call.keywords:
            found += [(keyword.arg or "", path) for path in self._paths(keyword.value)]
        return found

    def _paths(self, node: ast.expr) -> list[Path]:
        match node:
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [path for item in items for path in self._paths(item)]
            case ast.Call(func=ast.Name(id="expand")):
                return self._expanded(node)
            case ast.Call(func=ast.Name(id=flag), args=[inner]) if flag in _FLAGS:
                if flag not in {"directory", "touch"}:
                    self.remarks.append(
                        f"`{flag}(…)` has no counterpart: such outputs are outputs like others"
                    )
                return [Path(path.pattern, path.axes, flag) for path in self._paths(inner)]
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="rules"), attr=rule), attr="output"
            ):
                if rule in self.outputs:
                    return [path for _, path in self.outputs[rule]]
        found = self.value(node)
        return [Path(each) for each in ((found,) if isinstance(found, str) else found.texts)]

    def _expanded(self, node: ast.Call) -> list[Path]:
        axes = {}
        for keyword in node.keywords:
            if keyword.arg == "allow_missing":
                continue
            found = self.value(keyword.value)
            axes[keyword.arg or self._unknown(node)] = (
                found if isinstance(found, Values) else Values((found,))
            )
        if len(node.args) != 1:
            raise Unknown(ast.unparse(node))
        given = self.value(node.args[0])
        paths = []
        for pattern in (given,) if isinstance(given, str) else given.texts:
            used = {match[1] for match in WILDCARD.finditer(re.sub(r"\{\{.*?\}\}", "", pattern))}
            if not used <= set(axes):
                raise Unknown(ast.unparse(node))
            if math.prod(len(axes[name].texts) for name in used) > MOST:
                raise Unknown(f"{ast.unparse(node)}: more than {MOST} paths")
            bare = pattern.replace("{{", "{").replace("}}", "}")
            paths.append(
                Path(bare, tuple((name, values) for name, values in axes.items() if name in used))
            )
        return paths


def _called(node: ast.expr) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _has_list(config: object, texts: list[str]) -> bool:
    """Whether a list of these texts is somewhere in a configuration: it may be the one that a name stands for."""
    if isinstance(config, list):
        is_it = [str(each) for each in config] == texts
        return is_it or any(_has_list(each, texts) for each in config)
    if isinstance(config, dict):
        return any(_has_list(each, texts) for each in config.values())
    return False
