"""What the words and the Python around a Snakefile's rules say to them, and what of it is left out."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from stagemake.start.snake_python import Unknown, arguments, parsed
from stagemake.start.snake_values import Scope
from stagemake.start.yaml_file import INSTALL_YAML, NO_YAML, loaded, yaml_loader

if TYPE_CHECKING:
    from stagemake.start.snake_text import Snakefile
    from stagemake.start.survey import Survey


def scope_of(snakefile: Snakefile, found: Survey, name: str) -> tuple[Scope, list[str]]:
    """Return the names that the rules may use, and what of the Python around them is left out."""
    scope, unseen = Scope(found), []
    for chunk, word, text in snakefile.words:
        if word == "configfile" and (held := _configuration(text, scope)) is not None:
            scope.config = held
            scope.remarks.append(
                f"the values of `{text.strip(chr(34) + chr(39))}` are written into the Stagefile; `config(…)` has them set by `-D`"
            )
        elif word == "configfile" and yaml_loader() is None:
            unseen.append(f"{name}:{chunk.line}: `{chunk.head}`: {NO_YAML} ({INSTALL_YAML})")
        elif word == "workdir":
            scope.problem = "`workdir:` has no counterpart: its paths start elsewhere"
            unseen.append(f"{name}:{chunk.line}: `{chunk.head}`")
        elif word not in {
            "wildcard_constraints",
            "localrules",
            "container",
            "conda",
            "containerized",
            "singularity",
        }:
            unseen.append(f"{name}:{chunk.line}: `{chunk.head}`")
    for chunk in snakefile.python:
        names = set(re.findall(r"\w+", chunk.text))
        try:
            (node,) = parsed(chunk.text)
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            if isinstance(node, ast.Assign):
                scope.assign(node)
            elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                unseen.append(f"{name}:{chunk.line}: Python: `{chunk.head}`")
                scope.forget(names)
        except (SyntaxError, ValueError, Unknown):
            unseen.append(f"{name}:{chunk.line}: not known without running it: `{chunk.head}`")
            scope.forget(names)
    for text in (text for _, word, text in snakefile.words if word == "wildcard_constraints"):
        _limit(text, scope)
    return scope, unseen


def _limit(text: str, scope: Scope) -> None:
    try:
        call = arguments(text)
        scope.limits |= {each.arg or "": scope.text(each.value) for each in call.keywords}
    except Unknown as error:
        scope.problem = f"`wildcard_constraints:` of all rules: {error.why}"


def _configuration(text: str, scope: Scope) -> dict[str, Any] | None:  # Any: whatever YAML holds
    load = yaml_loader()
    try:
        path = scope.text(arguments(text).args[0])
    except (Unknown, IndexError):
        return None
    return (
        loaded(load, scope.survey.text(path))
        if load is not None and path in scope.survey.files
        else None
    )
