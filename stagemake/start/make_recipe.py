"""A recipe of a Makefile as the text of one command: automatic variables as placeholders, variables by name."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake.start.make_functions import UntranslatableError
from stagemake.start.make_values import Expansion

if TYPE_CHECKING:
    from stagemake.start.make_graph import Node
    from stagemake.start.make_values import Values

# Around what is no literal text: a variable of the Stagefile, or a placeholder.
VARIABLE, PLACEHOLDER, END = "\ue000", "\ue001", "\ue002"
PIECE = re.compile(f"([{VARIABLE}{PLACEHOLDER}])([^{END}]*){END}")

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_TAKEN = {
    "command",
    "config",
    "env",
    "glob",
    "pipeline",
    "pool",
    "stage",
    "exported",
    "source",
    "stem",
}
_LOOKS_LIKE_PLACEHOLDER = re.compile(r"\{(?:inputs|outputs|depfile|params)\b")
# What would reach the next line, if both were one shell's; or end it.
_NEEDS_SHELL_OF_ITS_OWN = re.compile(
    r"#|\n|<<|(?<![&>])&(?!&)|^\s*\w+=|"
    r"(?:^|[;&|({\s])(?:cd|exit|export|set|unset|umask|exec|trap|ulimit|alias|\.|shift|eval|readonly|return)(?:[\s;)]|$)"
)
_SEVERAL_COMMANDS = re.compile(r";|(?<!\\)\n|(?<![&>])&(?![&>])")
_REMOVES = re.compile(r"(?:rm|rmdir)\s[^;&|]*\Z|find\s[^;&|]*(?:-delete|rm)\b[^;&|]*")


@define
class Recipe:
    """What a node's recipe comes to."""

    text: str  # with pieces, see `PIECE`
    lines: list[str]  # as make would start them, one a shell
    variables: list[str] = field(factory=list)  # of the Stagefile, by first use

    @property
    def only_removes(self) -> bool:
        """Whether every line of it deletes something of the project."""
        lines = [line for line in self.lines if not line.startswith("echo ")]
        return bool(lines) and all(_REMOVES.match(line) and " /" not in line for line in lines)

    @property
    def plain(self) -> str:
        """The whole with today's values."""
        return " && ".join(self.lines)


def translate_recipe(node: Node, values: Values, inputs: tuple[str, ...]) -> Recipe:
    """Return a node's recipe as one shell text.

    Args:
        node: Whose recipe.
        values: The variables at the end of the Makefile, as recipes see them.
        inputs: What the stage will declare as inputs, which is what `{inputs}` stands for.

    Raises:
        UntranslatableError: Something in it depends on more than the Makefile's text.
    """
    variables: list[str] = []
    automatic = _automatic(node)
    direct = {"@": _placeholder("outputs" if len(node.targets) == 1 else "outputs[0]")}
    if inputs and node.prerequisites[:1] == inputs[:1]:
        direct["<"] = _placeholder("inputs" if len(inputs) == 1 else "inputs[0]")
    if inputs and node.inputs == inputs:
        direct["^"] = direct["?"] = _placeholder("inputs")
        if node.prerequisites == inputs:
            direct["+"] = direct["^"]

    def on_variable(name: str) -> str | None:
        if _is_kept(name, values):
            variables.append(name)
            return f"{VARIABLE}{name}{END}"
        value = values.value(name)
        if inputs and len(inputs) > 1 and tuple(value.split()) == inputs:
            return _placeholder("inputs")
        return None

    shown, plain = [], []
    for line in map(values.unfolded, node.recipe):
        expansion = Expansion(values, automatic, direct)
        expansion.on_variable = lambda name: _tolerant(on_variable, name)
        shown.append(expansion.expand(line))
        plain.append(Expansion(values, automatic, automatic).expand(_without_kept(line, values)))
    text = _joined([_checked(line) for line in shown])
    bodies = [line.strip("@-+ \t\n") for line in plain]
    if values.is_posix and any(_SEVERAL_COMMANDS.search(body) for body in bodies):
        raise UntranslatableError("`.POSIX` ends a line at the first of its commands that fails")
    return Recipe(text, [body for body in bodies if body], list(dict.fromkeys(variables)))


def _without_kept(line: str, values: Values) -> str:
    """Replace variables that are read from the environment by what they are without it."""
    for name in re.findall(r"\$[({]([A-Za-z_]\w*)[)}]", line):
        if _is_kept(name, values):
            found = values.by_name.get(name)
            text = found.text if found is not None else ""
            line = line.replace(f"$({name})", text).replace(f"${{{name}}}", text)
    return line


def _tolerant(ask: object, name: str) -> str | None:
    """Ask; what can't be known is found out, with its reason, when the value is taken."""
    try:
        return ask(name)  # type: ignore[operator, no-any-return]  # a closure of ours
    except UntranslatableError:
        return None


def _is_kept(name: str, values: Values) -> bool:
    """Whether a variable becomes one of the Stagefile: it decides on no path, and its value is constant."""
    if not _IDENTIFIER.match(name) or keyword.iskeyword(name) or name in _TAKEN:
        return False
    if name in values.structural or name in {"MAKE", "SHELL", "MAKEFLAGS", "CURDIR", "MAKELEVEL"}:
        return False
    if values.is_built_in(name) and "$" in values.by_name[name].text:
        return False
    found = values.by_name.get(name)
    if found is None or values.is_built_in(name):
        return True
    if found.unknown or re.search(r"\$[({]?[@<^+?*|%]", found.text):
        return False
    try:
        value = values.own_value(name)
    except UntranslatableError:
        return False
    return bool(value) and len(value) < 1000 and _is_text(value)


def _automatic(node: Node) -> dict[str, str]:
    words = {
        "@": [node.name],
        "<": list(node.prerequisites[:1]),
        "^": list(node.inputs),
        "?": list(node.inputs),  # all are newer: no output is there when an action begins
        "+": list(node.prerequisites),
        "|": list(dict.fromkeys(node.order_only)),
        "*": [node.stem],
    }
    found = {}
    for name, paths in words.items():
        found[name] = " ".join(paths)
        found[f"{name}D"] = " ".join(path.rpartition("/")[0] or "." for path in paths)
        found[f"{name}F"] = " ".join(path.rpartition("/")[2] for path in paths)
    if not node.stem:  # make sets it by known suffixes, or not at all
        for name in ("*", "*D", "*F"):
            del found[name]
    return found


def _placeholder(name: str) -> str:
    return f"{PLACEHOLDER}{name}{END}"


def _checked(line: str) -> str:
    literal = PIECE.sub("", line)
    if _LOOKS_LIKE_PLACEHOLDER.search(literal):
        raise UntranslatableError("its text has what stagemake takes for a placeholder")
    if not _is_text(literal):
        raise UntranslatableError("its text has control characters or is not UTF-8")
    return line


def _is_text(text: str) -> bool:
    return text.translate({9: " ", 10: " "}).isprintable()


def _joined(lines: list[str]) -> str:
    """Return recipe lines as one text that does what make does line by line, each in its own shell."""
    parts = []
    for line in lines:
        if "'" not in line and '"' not in line:
            line = re.sub(r"[ \t]*\\\n[ \t]*", " ", line)  # noqa: PLW2901 - the same line, on one line
        body = line.lstrip("@-+ \t")
        flags = line[: len(line) - len(body)]
        body = body.rstrip()
        if body:
            parts.append((body, "-" in flags))
    if len(parts) == 1 and not parts[0][1]:
        return parts[0][0]
    return " && ".join(_part(body, is_forgiven=forgiven) for body, forgiven in parts)


def _part(body: str, *, is_forgiven: bool) -> str:
    needs_shell = _NEEDS_SHELL_OF_ITS_OWN.search(PIECE.sub("x", body))
    if is_forgiven:
        return (
            f"( ( {body}\n) || true )"
            if needs_shell or re.search(r"[;|&]", body)
            else f"( {body} || true )"
        )
    return f"( {body}\n)" if needs_shell else body
