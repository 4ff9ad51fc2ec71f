"""Writes the site's reference of what `from stagemake import …` gives, from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, NewType

import stagemake

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Cost|Example|Examples):(.*)$")
_QUOTED = re.compile(r": '([^']*)'")  # annotations are texts: `from __future__ import annotations`
_ITEM = re.compile(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): +(.*)$")


def page() -> str:
    """Return the page as Markdown: functions of the Stagefile first, then classes, each by name."""
    names = [name for name in stagemake.__all__ if name != "__version__"]
    found = {name: getattr(stagemake, name) for name in names}
    classes = [name for name in names if isinstance(found[name], (type, NewType))]
    functions = [name for name in names if name not in classes and callable(found[name])]
    lines = [
        "# Python names",
        "",
        "What `from stagemake import …` gives, written from the program.",
        "",
    ]
    for head, listed in (("Functions", functions), ("Classes", classes)):
        lines += [f"## {head}", ""]
        for name in listed:
            lines += [
                f"### {name}",
                "",
                *_signature(name, found[name]),
                *docstring(found[name]),
                "",
            ]
            if inspect.isclass(found[name]):
                lines += _members(found[name])
    return "\n".join(lines) + "\n"


def _members(owner: type) -> Iterator[str]:
    for name, member in vars(owner).items():
        if name.startswith("_"):
            continue
        inner = member.fget if isinstance(member, property) else getattr(owner, name)
        if not inspect.isfunction(inner) and not inspect.ismethod(inner):
            continue
        yield from (f"#### {owner.__name__}.{name}", "")
        if not isinstance(member, property):
            yield from _signature(name, inner)
        yield from (*docstring(inner), "")


def _signature(name: str, thing: object) -> list[str]:
    if isinstance(thing, NewType):
        return [f"A type of its own for `{thing.__supertype__.__name__}`.", ""]
    try:
        signature = inspect.signature(thing)  # type: ignore[arg-type]  # refused below if it isn't callable
    except (TypeError, ValueError):  # an enum, a protocol: nothing to call
        return []
    words = []
    kind_before = None
    for each in signature.parameters.values():
        if each.kind is each.KEYWORD_ONLY and kind_before not in {each.kind, each.VAR_POSITIONAL}:
            words.append("*")
        kind_before = each.kind
        if each.name not in {"self", "cls"}:
            words.append(_QUOTED.sub(r": \1", str(each)))
    back = signature.return_annotation
    arrow = "" if back is signature.empty else f" -> {back}"
    one_line = f"{name}({', '.join(words)}){arrow}"
    if len(one_line) > 88:
        one_line = "\n    ".join((f"{name}(", *(f"{word}," for word in words))) + f"\n){arrow}"
    return ["```python", one_line, "```", ""]


def docstring(thing: object) -> list[str]:
    """Return a docstring in Google's form as lines of Markdown; none where there is none."""
    lines = []
    text = "" if isinstance(thing, NewType) else inspect.getdoc(thing) or ""
    for line in text.splitlines():
        if section := _SECTION.match(line):
            lines += ["", f"*{section[1]}:*{section[2]}", ""]
        elif item := _ITEM.match(line):
            lines.append(f"- `{item[1]}`: {item[2]}")
        else:
            lines.append(line)
    return lines
