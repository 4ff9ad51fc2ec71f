"""A `shell:` of Snakemake as a command of a Stagefile: what stands in braces, and which shell it needs."""

from __future__ import annotations

import ast
import re
import string
import textwrap
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.start.section import quoted
from stagemake.start.snake_python import Unfit, Unknown, arguments, parsed
from stagemake.start.snake_values import WILDCARD, Scope, Values

if TYPE_CHECKING:
    from stagemake.start.snake_jobs import Plan
    from stagemake.start.snake_values import Path

# What /bin/sh has not, or does otherwise: Snakemake has bash stop at any command of a pipe that fails.
_NEEDS_BASH = re.compile(
    r"\[\[|<\(|>\(|&>|\|&|<<<|\$'|\(\(|(?<!\|)\|(?!\|)|\bsource\b|\bpushd\b|\bset -o\b|\$\{\w+[/^,:]"
)
_SEVERAL = re.compile(r"[;\n]")
_OURS = re.compile(r"\{(?=(?:inputs|outputs|depfile|params\.\w+)(?:\[-?\d+\])?\})")
_PLAIN = re.compile(r"[\w./@%+=:, -]*")  # paths that no shell minds
_FIELD = re.compile(r"(\w+)(?:\.(\w+)|\[(-?\w+)\])?")


@define
class Shell:
    """The text of a command, in pieces: as it is, what stagemake puts in, and variables of a loop."""

    pieces: list[tuple[str, str]] = field(factory=list)  # "text", "ours" or "loop", and what it is

    @property
    def bare(self) -> str:
        """The text alone."""
        return "".join(text for kind, text in self.pieces if kind == "text")

    def words(self) -> tuple[list[str], bool]:
        """Return the lines of the argument to `command`, and whether it needs bash."""
        needs_bash = bool(_NEEDS_BASH.search(self.bare))
        if not needs_bash and _SEVERAL.search(self.bare):
            self.pieces.insert(0, ("text", "set -e\n"))
        is_formatted = any(kind == "loop" for kind, _ in self.pieces)
        lines = "".join(self._shown(*piece, is_formatted=is_formatted) for piece in self.pieces)
        mark = "f" if is_formatted else ""
        texts = [f"{mark}{quoted(line)}" for line in lines.splitlines(keepends=True)]
        if not needs_bash:
            return [f"    {text}" for text in texts[:-1]] + [f"    {texts[-1]},"], False
        if len(texts) == 1 and len(texts[0]) < 50:
            return [f'    ["bash", "-euo", "pipefail", "-c", {texts[0]}],'], True
        head = ["    [", '        "bash", "-euo", "pipefail", "-c",']
        return [
            *head,
            *(f"        {text}" for text in texts[:-1]),
            f"        {texts[-1]},",
            "    ],",
        ], True

    def _shown(self, kind: str, text: str, *, is_formatted: bool) -> str:
        if kind == "loop":
            return f"{{{text}}}"
        if kind == "text":
            text = _OURS.sub("{{", text)
            text = re.sub(r"(?<=\{\{)((?:inputs|outputs|depfile|params)[^{}]*)\}", r"\1}}", text)
        return text.replace("{", "{{").replace("}", "}}") if is_formatted else text


def shell_of(plan: Plan, scope: Scope) -> Shell:
    """Return the command of a rule.

    Raises:
        Unknown: Something in braces can't be known, or has no counterpart.
    """
    shell = Shell()
    directives = plan.rule.directives
    if "shell" in directives:
        (node,) = arguments(directives["shell"]).args
        text = textwrap.dedent(scope.text(node)).strip()
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise Unknown(f"shell: {error}") from None
        plan.listed = _listed(plan, [name for _, name, _, _ in parts if name])
        for literal, name, spec, conversion in parts:
            shell.pieces.append(("text", literal))
            if name is not None:
                shell.pieces += _put_in(name, f"{conversion or ''}{spec or ''}", plan, scope)
    touched = [index for index, (_, path) in enumerate(plan.outputs) if path.flag == "touch"]
    if touched and shell.pieces:
        # On lines of its own, for a comment or an `&` at its end; in a subshell, as a failed `a && b` alone stops no `set -e`.
        shell.pieces = [("text", "(\n"), *shell.pieces, ("text", "\n)\n")]
    for at, index in enumerate(touched):
        shell.pieces.append(("text", " && touch " if at else "touch "))
        shell.pieces.append(("ours", f"{{outputs[{index}]}}"))
    return shell


def _put_in(name: str, form: str, plan: Plan, scope: Scope) -> list[tuple[str, str]]:
    found = _FIELD.fullmatch(name)
    if found is None or form not in {"", "q"}:
        raise Unknown(f"{{{name}{':' if form else ''}{form}}}")
    base, key = found[1], found[2] or found[3] or ""
    logs = len(plan.logs)
    if base == "input" and plan.listed:
        chosen = _chosen(plan.inputs, key)
        if set(chosen) <= set(plan.listed):
            return [("ours", "{inputs}")]
        return _written_out([plan.inputs[index][1].pattern for index in chosen], plan)
    if base == "input":
        return [("ours", _some("inputs", plan.inputs, key, 0))]
    if base == "output":
        if not key and logs:
            return [
                ("ours", " ".join(f"{{outputs[{index}]}}" for index in range(len(plan.outputs))))
            ]
        return [("ours", _some("outputs", plan.outputs, key, logs))]
    if base == "log":
        indexes = [len(plan.outputs) + index for index in range(logs)]
        wanted = [indexes[int(key)]] if key.isdigit() and int(key) < logs else indexes
        return [("ours", " ".join(f"{{outputs[{index}]}}" for index in wanted))]
    if base == "wildcards" and key in plan.wildcards:
        return [("loop", key)]
    if base in {"threads", "rule"} and not key:
        return [
            ("text", number(plan, "threads", scope) or "1" if base == "threads" else plan.rule.name)
        ]
    if base in {"params", "resources"}:
        return _parameter(base, key, plan, scope)
    (statement,) = parsed(f"config[{key!r}]" if base == "config" else base)
    if not isinstance(statement, ast.Expr):
        raise Unknown(f"{{{name}}}")
    return [("text", _joined(scope.value(statement.value)))]


def _chosen(paths: list[tuple[str, Path]], key: str) -> list[int]:
    """Return the places of those of a rule's paths that a name or a number means."""
    if key.isdigit():  # of all files, those that `expand` gives counted each
        before = paths[: int(key) + 1]
        if int(key) >= len(paths) or any(path.axes for _, path in before):
            raise Unfit(f"`[{key}]`: a file by its number, in or behind a list of files")
        return [int(key)]
    return [index for index, (name, _) in enumerate(paths) if name == key]


def _listed(plan: Plan, fields: list[str]) -> tuple[int, ...]:
    """Return the inputs that stand in a list among others, and that the command names by themselves."""
    keys = {
        found[2] or found[3] or ""
        for name in fields
        if (found := _FIELD.fullmatch(name)) and found[1] == "input"
    }
    several = {index for index, (_, path) in enumerate(plan.inputs) if path.axes}
    groups = [chosen for key in sorted(keys) if set(chosen := _chosen(plan.inputs, key)) & several]
    if "" in keys or len(groups) != 1 or len(groups[0]) == len(plan.inputs):
        return ()
    return tuple(groups[0])


def _written_out(patterns: list[str], plan: Plan) -> list[tuple[str, str]]:
    text = " ".join(patterns)
    if not patterns or not _PLAIN.fullmatch(WILDCARD.sub("", text)):
        raise Unknown(text or "{input}")
    return _with_wildcards(text, plan)


def _some(word: str, paths: list[tuple[str, Path]], key: str, behind: int) -> str:
    """Return the placeholders for those of a rule's paths that `key` means: a name, a number, or all of them."""
    if not key:
        return f"{{{word}}}"
    chosen = _chosen(paths, key)
    several = [index for index, (_, path) in enumerate(paths) if path.axes]
    if not chosen or set(chosen) & set(several):
        if chosen and len(chosen) == len(paths) and not behind:
            return f"{{{word}}}"
        raise Unfit(f"`{{{word[:-1]}.{key}}}`: a list of files among others, beside another")
    # Behind what `expand` gives, places are counted from the end.
    before = [index for index in several if index < chosen[0]]
    if before and [index for index in several if index > chosen[0]]:
        raise Unfit(f"`{{{word[:-1]}.{key}}}`: a file between lists of files")
    shift = len(paths) if before else 0
    return " ".join(f"{{{word}[{index - shift}]}}" for index in chosen)


def _parameter(word: str, key: str, plan: Plan, scope: Scope) -> list[tuple[str, str]]:
    call = arguments(plan.rule.directives.get(word, ""))
    nodes = {each.arg: each.value for each in call.keywords}
    if key.isdigit() and int(key) < len(call.args):
        return _with_wildcards(scope.value(call.args[int(key)]), plan)
    if key not in nodes:
        raise Unknown(f"{{{word}.{key}}}" if key else f"{{{word}}}")
    return _with_wildcards(scope.value(nodes[key]), plan)


def _joined(value: Values | str) -> str:
    return value if isinstance(value, str) else " ".join(value.texts)


def _with_wildcards(value: Values | str, plan: Plan) -> list[tuple[str, str]]:
    text = _joined(value)
    pieces, end = [], 0
    for match in WILDCARD.finditer(text):
        if match[1] not in plan.wildcards:
            raise Unknown(text)
        pieces += [("text", text[end : match.start()]), ("loop", match[1])]
        end = match.end()
    return [*pieces, ("text", text[end:])]


def number(plan: Plan, word: str, scope: Scope) -> str:
    """Return what `threads:` or `retries:` says; empty for nothing, or for what is not known."""
    try:
        call = arguments(plan.rule.directives.get(word, ""))
        found = scope.text(call.args[0]) if call.args else ""
    except Unknown:
        return ""
    return found if found.isdigit() else ""
