"""A Snakefile as text: its rules, and the Python around them. Nothing of it is run."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"""|\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|#[^\n]*',
    re.DOTALL,
)
_TRIPLE = ('"""', "'''")
_RULE = re.compile(r"(rule|checkpoint)(?:\s+(\w+))?\s*:[ \t]*(.*)", re.DOTALL)
# What Snakemake's language has at the top besides rules.
_WORD = re.compile(
    r"(configfile|include|module|use\b.*|localrules|ruleorder|wildcard_constraints|workdir|envvars|container|conda"
    r"|containerized|singularity|report|onstart|onsuccess|onerror|scattergather|pepfile|pepschema|pathvars|storage"
    r"|resource_scopes|inputflags|outputflags)\s*:[ \t]*(.*)",
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"(\w+)\s*:[ \t]*(.*)", re.DOTALL)


@frozen
class Chunk:
    """Lines that belong together, the first of which is not indented."""

    line: int  # counted from 1
    text: str

    @property
    def head(self) -> str:
        """The first line, for messages."""
        return self.text.partition("\n")[0].strip()


@define(eq=False)
class Rule:
    """One rule as it is written."""

    name: str
    line: int
    directives: dict[str, str] = field(
        factory=dict
    )  # what follows each word, as Python's arguments
    description: str = ""
    problem: str = ""  # why it can't be translated


@frozen
class Snakefile:
    """What a Snakefile holds, in order."""

    rules: tuple[Rule, ...]
    python: tuple[Chunk, ...]
    words: tuple[tuple[Chunk, str, str], ...]  # where, the word, what follows it


def read_snakefile(text: str) -> Snakefile:
    """Part a Snakefile; what can't be followed has a `problem`. Never fails."""
    rules: list[Rule] = []
    python: list[Chunk] = []
    words: list[tuple[Chunk, str, str]] = []
    for chunk in _chunks(text.splitlines(), 0):
        if found := _RULE.fullmatch(chunk.text):
            rule = _rule(chunk, found[2] or f"rule{len(rules) + 1}", found[3])
            if found[1] == "checkpoint":
                rule.problem = "a checkpoint: no stage can be declared while a build runs"
            rules.append(rule)
        elif found := _WORD.fullmatch(chunk.text):
            words.append((chunk, found[1].split()[0], found[2].strip()))
        else:
            python.append(chunk)
    return Snakefile(tuple(rules), tuple(python), tuple(words))


def _rule(chunk: Chunk, name: str, body: str) -> Rule:
    rule = Rule(name, chunk.line)
    first, _, rest = body.partition("\n")
    if first.partition("#")[0].strip():
        rule.problem = "it stands on one line"
        return rule
    lines = rest.split("\n")
    # Not the least of all lines: comments, and lines within a string, can stand further out.
    first = next((line for line in lines if line.strip() and line.strip()[0] != "#"), "")
    for part in _chunks(lines, len(first) - len(first.lstrip())):
        text = textwrap.dedent(part.text).strip()
        found = _DIRECTIVE.fullmatch(text)
        if found:
            rule.directives[found[1]] = found[2]
        elif text[:1] in "\"'":
            rule.description = " ".join(text.strip("\"'").split("\n", 1)[0].split())
        else:
            rule.problem = f"`{part.head}`"
    return rule


def _chunks(lines: list[str], indent: int) -> Iterator[Chunk]:
    """Yield what begins at this indentation, with all that is further in or within brackets and strings."""
    begun = 0
    held: list[str] = []
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        is_further = len(line) - len(line.lstrip()) > indent
        if held and (not bare or is_further or bare[0] == "#" or _is_open("\n".join(held))):
            held.append(line)
            continue
        if held:
            yield Chunk(begun, "\n".join(held).rstrip())
            held = []
        if bare and bare[0] != "#":
            begun, held = number, [line]
    if held:
        yield Chunk(begun, "\n".join(held).rstrip())


def _is_open(text: str) -> bool:
    bare = _STRING.sub(lambda found: found[0] if found[0] in _TRIPLE else "", text)
    if any(mark in bare for mark in _TRIPLE) or bare.endswith("\\"):
        return True
    return sum(map(bare.count, "([{")) > sum(map(bare.count, ")]}"))
