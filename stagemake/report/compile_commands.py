"""Stages that run a C or C++ compiler, as a JSON compilation database. Asked for by `stagemake graph`.

Reads commands as text and runs nothing. What only a shell could expand is told, never guessed.
"""

from __future__ import annotations

import os
import re
import shlex
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.stage import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stagemake.model.stage import Stage

_SOURCE = re.compile(r".\.(?:c|cc|cp|cpp|cxx|c\+\+|C|CPP|m|mm|M|cu|hip|i|ii|cppm|ixx)\Z")
# With whatever in front: `aarch64-linux-gnu-gcc-13`, `mpicxx`, a script of the project called `mycc`.
_COMPILER = re.compile(
    r"[\w.+-]*?(?:cc|c\+\+|g\+\+|m\+\+|clang|clang\+\+|cxx|c89|c99|icpc|icx|icpx)(?:-[\d.]+)?\Z"
)
# They start the compiler that follows, and say nothing about how it compiles.
_WRAPPERS = frozenset(
    [
        *("ccache", "sccache", "distcc", "icecc", "gomacc", "env", "exec", "nice", "time"),
        *("!", "{", "if", "then", "elif", "else", "while", "until", "do"),  # of the shell
    ]
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
# The next word is theirs, so it is no source, whatever it ends in.
_WITH_VALUE = frozenset(
    [
        *("-o", "-MF", "-MT", "-MQ", "-MJ", "-include", "-imacros", "-include-pch", "-isysroot"),
        *(
            "-I",
            "-isystem",
            "-iquote",
            "-idirafter",
            "-L",
            "-l",
            "-D",
            "-U",
            "-x",
            "-T",
            "-Xlinker",
        ),
        *("-Xclang", "-Xpreprocessor", "-Xassembler", "-arch", "-target", "--param", "-framework"),
    ]
)
_OPERATORS = ";&|()<>\n"


@frozen
class Compilation:
    """One source that a stage compiles."""

    directory: str  # absolute, where the compiler runs
    arguments: tuple[str, ...]  # the compiler first; of several sources only this one
    file: str  # as in `arguments`: absolute or relative to `directory`
    output: str | None  # likewise; None where the command does not say

    def as_object(self) -> dict[str, object]:
        """Return the entry of the database; `output` is left out where it isn't known."""
        entry: dict[str, object] = {
            "directory": self.directory,
            "arguments": list(self.arguments),
            "file": self.file,
        }
        return entry if self.output is None else {**entry, "output": self.output}


def compilations_of(
    stage: Stage, argv: Sequence[str], root: str
) -> tuple[tuple[Compilation, ...], bool]:
    """Return what a stage compiles, in the order of its command, and whether all of that could be read.

    Args:
        stage: Any; one that runs no compiler gives nothing.
        argv: Of its command, placeholders filled in; a shell text is the last item.
        root: Of the project, absolute.
    """
    action = stage.action
    if not isinstance(action, Command):
        return (), True
    directory = os.path.join(root, stage.cwd).rstrip("/") or "/"
    if not action.shell:
        return tuple(_of_words(_unwrapped(argv), directory)), True
    found: list[Compilation] = []
    text = argv[-1].replace("\\\n", " ")
    try:
        commands = list(_simple_commands(text))
    except ValueError:
        return (), not any(_names_compiler(word) for word in text.split())
    is_read = True
    for each in commands:
        words = _unwrapped(each)
        if words[:1] == ["cd"] and len(words) > 1:
            directory = os.path.normpath(os.path.join(directory, words[1]))
        elif words and _names_compiler(words[0]) and any(set("$`*?") & set(w) for w in words):
            is_read = False
        else:
            found += _of_words(words, directory)
    return tuple(found), is_read


def _of_words(words: Sequence[str], directory: str) -> Iterator[Compilation]:
    if not words or not _names_compiler(words[0]):
        return
    sources = [
        index
        for index, word in enumerate(words)
        if index and _is_source(word) and words[index - 1] not in _WITH_VALUE
    ]
    output = next((after for word, after in pairwise(words) if word == "-o"), None)
    for source in sources:
        arguments = tuple(
            word for index, word in enumerate(words) if index == source or index not in sources
        )
        yield Compilation(directory, arguments, words[source], output)


def _is_source(word: str) -> bool:
    return not word.startswith("-") and _SOURCE.search(word) is not None


def _names_compiler(word: str) -> bool:
    return _COMPILER.match(os.path.basename(word)) is not None


def _unwrapped(words: Sequence[str]) -> list[str]:
    """Return the words from the compiler on: without `ccache`, `env` and assignments before it."""
    start = 0
    while start < len(words) and (
        os.path.basename(words[start]) in _WRAPPERS or _ASSIGNMENT.match(words[start])
    ):
        start += 1
    return list(words[start:])


def _simple_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a shell text, without redirections.

    Raises:
        ValueError: A quote isn't closed, or there are parentheses: a subshell with a directory of its own.
    """
    lexer = shlex.shlex(text, posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    is_target = False  # of a redirection
    for token in lexer:
        if not token or set(token) - set(_OPERATORS):
            if not is_target:
                words.append(token)
            is_target = False
        elif set(token) & set("()"):
            raise ValueError(token)
        elif set(token) & set("<>"):
            is_target = True
            if words and words[-1] in {"1", "2"}:  # 2> FILE
                words.pop()
        else:
            is_target = False
            yield words
            words = []
    yield words
