"""The Python in a Snakefile as syntax: parsed, never run; and what to say where that is not enough."""

from __future__ import annotations

import ast
import warnings
from keyword import iskeyword

WORDS = {"command", "glob", "path", "pipeline"}  # what the code uses itself


class Unknown(Exception):
    """An expression can't be followed; the text says which."""

    @property
    def why(self) -> str:
        """What to say of a rule that has it."""
        return f"`{self}` is not known without running it"


class Unfit(Unknown):
    """Something has no counterpart; the text says what, for people."""

    @property
    def why(self) -> str:
        """What to say of a rule that has it."""
        return str(self)


def safe(name: str) -> str:
    """Return a name as a variable that is in nobody's way."""
    return f"{name}_" if name in WORDS or iskeyword(name) else name


def arguments(text: str) -> ast.Call:
    """Return what follows a word as the arguments of a call.

    Raises:
        Unknown: It is no Python.
    """
    try:
        (statement,) = parsed(f"_({text}\n)")
    except (SyntaxError, ValueError, RecursionError):
        raise Unknown(" ".join(text.split())[:60]) from None
    tree = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(tree, ast.Call):
        raise Unknown(" ".join(text.split())[:60])
    if any(isinstance(each, ast.Starred) for each in tree.args):
        raise Unknown(ast.unparse(tree.args[0]))
    return tree


def parsed(text: str) -> list[ast.stmt]:
    """Return the statements of a text of Python; unknown escapes, which people write for wildcards, are no matter.

    Raises:
        SyntaxError, ValueError: It is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text).body
