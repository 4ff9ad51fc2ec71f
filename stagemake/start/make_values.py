"""Variables and functions of a Makefile, as far as their values follow from its text alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from stagemake.start.make_functions import (
    ONE_LIST,
    TWO_LISTS,
    UntranslatableError,
    patsubst,
    wildcard,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What GNU make has before it reads a line, as far as recipes of C and C++ use it.
BUILT_IN = {
    "AR": "ar", "ARFLAGS": "rv", "AS": "as", "CC": "cc", "CXX": "g++", "CPP": "$(CC) -E", "LD": "ld",
    "LEX": "lex", "RM": "rm -f", "YACC": "yacc", "OUTPUT_OPTION": "-o $@",
    "COMPILE.c": "$(CC) $(CFLAGS) $(CPPFLAGS) $(TARGET_ARCH) -c",
    "COMPILE.cc": "$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(TARGET_ARCH) -c",
    "LINK.c": "$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(TARGET_ARCH)",
    "LINK.cc": "$(CXX) $(CXXFLAGS) $(CPPFLAGS) $(LDFLAGS) $(TARGET_ARCH)",
    "LINK.o": "$(CC) $(LDFLAGS) $(TARGET_ARCH)",
}  # fmt: skip
_BUILT_IN_POSIX = {"ARFLAGS": "-rv", "CC": "c99", "CFLAGS": "-O1"}  # below the target `.POSIX`
_ARCHAIC = ("LOADLIBES", "TARGET_ARCH")  # in make's own rules, and set by nobody
_SPECIAL = (
    "MAKE",
    "MAKEFLAGS",
    "MAKECMDGOALS",
    "MAKEFILE_LIST",
    "CURDIR",
    "MAKELEVEL",
    ".VARIABLES",
)
_MOST_NESTED = 40
_FUNCTION = re.compile(r"([a-z-]+)[ \t]+(.*)\Z", re.DOTALL)
_FUNCTIONS = {
    "addprefix", "addsuffix", "and", "basename", "call", "dir", "error", "eval", "file", "filter",
    "filter-out", "findstring", "firstword", "flavor", "foreach", "guile", "if", "info", "intcmp", "join", "lastword",
    "abspath", "realpath", "let", "notdir", "or", "origin", "patsubst", "shell", "sort", "strip", "subst", "suffix",
    "value", "warning", "wildcard", "word", "wordlist", "words",
}  # fmt: skip


@frozen
class Variable:
    """A variable's text, still to be expanded unless `is_simple`. `unknown` says why there is none."""

    text: str
    is_simple: bool = False
    takes_environment: bool = False  # `?=` or nobody: a variable of the environment wins
    unknown: str = ""


Look = dict[str, str]


@define
class Values:
    """The variables as they are at one line; `expand` reads them.

    Args:
        root: Where `wildcard` looks, absolute.
        environ: What make would import; only whether a name is in there is asked.
    """

    root: str
    environ: Mapping[str, str]
    by_name: dict[str, Variable] = field(factory=dict)
    structural: set[str] = field(factory=set)  # names that decided on targets and prerequisites
    wildcards: set[str] = field(factory=set)  # patterns that `wildcard` looked for
    is_posix: bool = False
    _built_in: dict[str, str] = field(factory=lambda: dict(BUILT_IN), init=False)

    def __attrs_post_init__(self) -> None:
        for name, text in BUILT_IN.items():
            self.by_name.setdefault(name, Variable(text))

    def is_built_in(self, name: str) -> bool:
        """Whether a variable still is what make has without a Makefile."""
        found = self.by_name.get(name)
        return found is not None and found.text == self._built_in.get(name)

    def follow_posix(self) -> None:
        """Do as the target `.POSIX` does: other defaults, and shells that end at a failure."""
        self.is_posix = True
        self._built_in.update(_BUILT_IN_POSIX)
        for name, text in _BUILT_IN_POSIX.items():
            if name not in self.by_name or self.by_name[name].text == BUILT_IN.get(name):
                self.by_name[name] = Variable(text)

    def unfolded(self, text: str) -> str:
        """Return a text with make's own compound variables (`COMPILE.c`) replaced by what is in them."""
        for name, inner in self._built_in.items():
            if "$" in inner and self.is_built_in(name):
                text = text.replace(f"$({name})", inner).replace(f"${{{name}}}", inner)
        for name in _ARCHAIC:
            if name not in self.by_name and name not in self.environ:
                text = text.replace(f" $({name})", "")
        return text

    def value(self, name: str) -> str:
        """Return a variable's whole value, automatic variables not among what it may use.

        Raises:
            UntranslatableError: It does not follow from the text.
        """
        return Expansion(self).expand(f"$({name})")

    def own_value(self, name: str) -> str:
        """Return the value that the Makefile gives, whatever the environment has.

        Raises:
            UntranslatableError: It does not follow from the text.
        """
        found = self.by_name.get(name)
        if found is None:
            return ""
        return found.text if found.is_simple else Expansion(self).expand(found.text)

    def assign(self, name: str, operator: str, text: str) -> None:
        """Do as `name operator text` does.

        Raises:
            UntranslatableError: The value can't be known; the variable is then unknown.
        """
        old = self.by_name.get(name)
        if operator == "?=":
            if old is None:
                self.by_name[name] = Variable(text, takes_environment=True)
        elif operator == "=":
            self.by_name[name] = Variable(text)
        elif operator == "+=":
            self.append(name, old, text)
        else:
            self.by_name[name] = Variable("", unknown=f"`{name}` is not known")
            self.by_name[name] = Variable(self._expanded(text), is_simple=True)

    def append(self, name: str, old: Variable | None, text: str) -> None:
        """Do as `+=` does."""
        if old is None:
            if name in self.environ:
                raise UntranslatableError(f"`{name} +=` adds to the environment's `{name}`")
            self.by_name[name] = Variable(text)
        elif not old.unknown:
            more = self._expanded(text) if old.is_simple else text
            joined = f"{old.text} {more}" if old.text else more
            self.by_name[name] = Variable(joined, old.is_simple, old.takes_environment)

    def _expanded(self, text: str) -> str:
        expansion = Expansion(self)
        value = expansion.expand(text)
        self.structural |= expansion.names
        return value

    def forget(self, name: str, why: str) -> None:
        """Note that nobody can say what a variable holds."""
        self.by_name[name] = Variable("", unknown=why)


@define
class Expansion:
    """One expansion: what automatic variables stand for, and what direct references become.

    Args:
        values: The variables.
        automatic: By name (`@`, `<D`): the value where a function works on it.
        direct: By name: what to write instead where nothing works on the value.
        on_variable: Asked for each variable written in the text itself; None: take its value.
    """

    values: Values
    automatic: Look = field(factory=dict)
    direct: Look = field(factory=dict)
    on_variable: Callable[[str], str | None] | None = None
    names: set[str] = field(factory=set)  # of all variables that were read

    def expand(self, text: str, depth: int = 0, *, is_inside: bool = False) -> str:
        """Return a text with every reference replaced.

        Raises:
            UntranslatableError: A reference has no value that follows from the Makefile's text.
        """
        if depth > _MOST_NESTED:
            raise UntranslatableError("a variable refers to itself")
        parts, at = [], 0
        while (dollar := text.find("$", at)) >= 0:
            parts.append(text[at:dollar])
            following = text[dollar + 1 : dollar + 2]
            if following == "$":
                parts.append("$")
                at = dollar + 2
            elif following in {"(", "{"}:
                end = _closing(text, dollar + 1)
                parts.append(self._reference(text[dollar + 2 : end], depth, is_inside=is_inside))
                at = end + 1
            else:
                parts.append(self._variable(following, depth, is_inside=is_inside))
                at = dollar + 2
        parts.append(text[at:])
        return "".join(parts)

    def _reference(self, inner: str, depth: int, *, is_inside: bool) -> str:
        function = _FUNCTION.match(inner)
        if function and function[1] in _FUNCTIONS:
            return self._call(function[1], function[2], depth)
        name, colon, substitution = inner.partition(":")
        if colon and "=" in substitution and "$" not in name:
            old, _, new = substitution.partition("=")
            if "%" not in old:
                old, new = f"%{old}", f"%{new}"
            value = self._variable(name, depth, is_inside=True)
            return patsubst(self.expand(old, depth + 1), self.expand(new, depth + 1), value)
        if "$" in inner:
            inner = self.expand(inner, depth + 1, is_inside=True)
        return self._variable(inner.strip(), depth, is_inside=is_inside)

    def _variable(self, name: str, depth: int, *, is_inside: bool) -> str:
        if name in self.automatic:
            return (
                self.automatic[name] if is_inside else self.direct.get(name, self.automatic[name])
            )
        if not name or name[0] in "@<^+?*|%":
            raise UntranslatableError(f"`$({name})`" if len(name) > 1 else f"`${name}`")
        if name in _SPECIAL:
            raise UntranslatableError(f"`$({name})`")
        if depth == 0 and not is_inside and self.on_variable is not None:
            instead = self.on_variable(name)
            if instead is not None:
                return instead
        self.names.add(name)
        found = self.values.by_name.get(name)
        takes = found is None or found.takes_environment or self.values.is_built_in(name)
        if takes and name in self.values.environ:
            raise UntranslatableError(f"`$({name})` comes from the environment")
        if found is None:
            return ""
        if found.unknown:
            raise UntranslatableError(found.unknown)
        if found.is_simple:
            return found.text
        return self.expand(found.text, depth + 1, is_inside=is_inside)

    def _call(self, name: str, text: str, depth: int) -> str:
        count = {"subst": 3, "patsubst": 3}.get(name, 2 if name in TWO_LISTS else 1)
        if name not in ONE_LIST and name not in TWO_LISTS and count != 3:
            raise UntranslatableError(f"the function `$({name} …)`")
        parts = _arguments(text, count)
        if len(parts) != count:
            raise UntranslatableError(f"`$({name} {text})`")
        given = [self.expand(part, depth + 1, is_inside=True) for part in parts]
        if name == "wildcard":
            self.values.wildcards.update(given[0].split())
            return " ".join(wildcard(self.values.root, given[0]))
        if name == "subst":
            return given[2].replace(given[0], given[1]) if given[0] else given[2] + given[1]
        if name == "patsubst":
            return patsubst(given[0].strip(), given[1].strip(), given[2])
        if name in TWO_LISTS:
            return " ".join(TWO_LISTS[name](given[0].split(), given[1].split(), given[0]))
        return " ".join(ONE_LIST[name](given[0].split()))


def _closing(text: str, start: int) -> int:
    """Return where the parenthesis or brace at `start` closes."""
    opening = text[start]
    closing = ")" if opening == "(" else "}"
    level = 0
    for at in range(start, len(text)):
        level += (text[at] == opening) - (text[at] == closing)
        if level == 0:
            return at
    raise UntranslatableError("a reference without its end")


def _arguments(text: str, most: int) -> list[str]:
    """Return the arguments of a function; the last one takes further commas."""
    parts: list[str] = []
    level = start = 0
    for at, character in enumerate(text):
        level += (character in "({") - (character in ")}")
        if character == "," and level == 0 and len(parts) + 1 < most:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
