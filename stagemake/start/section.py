"""One part of a Stagefile to be: code, what it needs, what it leaves out; and the whole put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDTH = 100  # of lines of code
_COMMENT_WIDTH = 88
_HEAD = '''\
"""How this project is built: `stagemake` builds it, `stagemake -n` says what that takes.

Written once by `stagemake init`{sources}. It is yours now.
"""
'''


@frozen
class Section:
    """What one kind of project amounts to.

    Attributes:
        title: Short, for a comment above and for messages, like `C sources`.
        code: Python lines; several blocks are parted by empty ones.
        words: Which words of the Stagefile language the code uses.
        default: Python expressions that name what a plain `stagemake` should build; empty: all of it.
        default_name: How its default pipeline should be called if this section is the only one.
        unseen: What could not be seen or translated, one line each.
        remarks: What to know besides, one line each.
        lacks: Why nothing of it could be read on this machine, and the command that mends that; empty if it could.
    """

    title: str
    code: tuple[str, ...]
    words: frozenset[str] = frozenset()
    default: tuple[str, ...] = ()
    is_whole: bool = True  # whether a plain `stagemake` should build all of it
    default_name: str = "default"
    unseen: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    names: frozenset[str] = field(default=frozenset())  # of its stages and pipelines


def stagefile_text(sections: Sequence[Section], unseen: Sequence[str] = ()) -> str:
    """Return the whole Stagefile: imports, sections, what is left out. The same for the same sections."""
    words = set().union(*(section.words for section in sections))
    parts = [section for section in sections if section.code]
    ending: list[str] = []
    if not all(section.is_whole for section in parts):
        words.add("pipeline")
        name = parts[0].default_name if len(parts) == 1 else "default"
        members = [each for section in parts for each in section.default]
        ending = [
            "",
            "# What a plain `stagemake` builds.",
            *call(f'pipeline("{name}", ', members, ", default=True)"),
        ]
    lines = [_HEAD.format(sources=_listed([section.title for section in parts if section.title]))]
    lines += [f"from stagemake import {', '.join(sorted(words))}"]
    for section in parts:
        lines.append("")
        if len(parts) > 1:
            lines += [f"# -- {section.title} ".ljust(_COMMENT_WIDTH, "-"), ""]
        lines += section.code
    lines += ending
    left_out = [*(each for section in sections for each in section.unseen), *unseen]
    if left_out:
        lines += ["", "# `stagemake init` left out:"]
        for each in left_out:
            lines += comment(printable(each), "#   - ", "#     ")
    return "\n".join(lines) + "\n"


def call(
    before: str, items: Sequence[str], after: str, indent: str = "", brackets: str = "[]"
) -> list[str]:
    """Return the lines of a call or list with `items` in brackets, broken where it gets too wide."""
    opening, closing = brackets[:1], brackets[1:]
    one = f"{indent}{before}{opening}{', '.join(items)}{closing}{after}"
    if len(one) <= _WIDTH:
        return [one]
    lines, line = [f"{indent}{before}{opening}"], f"{indent}   "
    for item in items:
        if len(line) + len(item) + 2 > _WIDTH and line.strip():
            lines.append(line)
            line = f"{indent}   "
        line += f" {item},"
    return [*lines, line, f"{indent}{closing}{after}"]


def comment(text: str, first: str = "# ", following: str = "# ") -> list[str]:
    """Return a text as comment lines of no more than 88 characters."""
    lines, line = [], first
    for word in text.split():
        if len(line) + len(word) > _COMMENT_WIDTH and line.strip("# -"):
            lines.append(line.rstrip())
            line = following
        line += f"{word} "
    return [*lines, line.rstrip()]


def quoted(text: str) -> str:
    """Return a Python literal in double quotes."""
    shown = repr(text)
    if shown[0] == "'" and '"' not in text:
        return f'"{shown[1:-1]}"'.replace("\\'", "'")
    return shown


def quoted_list(texts: Iterable[str]) -> list[str]:
    """Return Python literals."""
    return [quoted(text) for text in texts]


def _listed(titles: Sequence[str]) -> str:
    if not titles:
        return ""
    return " from " + (
        titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"
    )
