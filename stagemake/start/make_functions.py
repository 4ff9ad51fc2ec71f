"""Functions of a Makefile that follow from their arguments, and from which files are there."""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class UntranslatableError(Exception):
    """Why something can't be translated; one short phrase."""


def patsubst(pattern: str, replacement: str, text: str) -> str:
    """Return the words with those that match a `%` pattern replaced."""
    return " ".join(
        word if (stem := stem_of(pattern, word)) is None else replacement.replace("%", stem, 1)
        for word in text.split()
    )


def stem_of(pattern: str, word: str) -> str | None:
    """Return what `%` stands for in a word; empty where a pattern without one is the word; else None."""
    before, percent, after = pattern.partition("%")
    if not percent:
        return "" if word == pattern else None
    long_enough = len(word) >= len(before) + len(after)
    if long_enough and word.startswith(before) and word.endswith(after):
        return word[len(before) : len(word) - len(after)]
    return None


def wildcard(root: str, text: str) -> list[str]:
    """Return what `$(wildcard …)` gives: existing paths, pattern by pattern.

    Raises:
        UntranslatableError: A pattern leads out of the project.
    """
    found = []
    for pattern in text.split():
        if "**" in pattern or pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
            raise UntranslatableError(f"`$(wildcard {pattern})`")
        found.extend(files_like(root, pattern))
    return found


def files_like(root: str, pattern: str) -> list[str]:
    """Return existing paths that match a shell pattern, sorted; hidden ones only where the dot is written."""
    paths = [""]
    for part in pattern.split("/"):
        following = []
        for path in paths:
            try:
                names = sorted(os.listdir(os.path.join(root, path)))
            except OSError:
                continue
            following += [
                f"{path}{name}/"
                for name in names
                if fnmatch.fnmatchcase(name, part) and (name[0] != "." or part[0] == ".")
            ]
        paths = following
    return [path[:-1] for path in paths]


def _dir(word: str) -> str:
    return word[: word.rfind("/") + 1] or "./"


def _basename(word: str) -> str:
    dot = word.rfind(".")
    return word[:dot] if dot > word.rfind("/") else word


def _suffix(word: str) -> list[str]:
    dot = word.rfind(".")
    return [word[dot:]] if dot > word.rfind("/") else []


ONE_LIST: dict[str, Callable[[list[str]], list[str]]] = {
    "wildcard": list,
    "strip": list,
    "notdir": lambda words: [word[word.rfind("/") + 1 :] for word in words],
    "dir": lambda words: [_dir(word) for word in words],
    "basename": lambda words: [_basename(word) for word in words],
    "suffix": lambda words: [each for word in words for each in _suffix(word)],
    "sort": lambda words: sorted(set(words)),
    "firstword": lambda words: words[:1],
    "lastword": lambda words: words[-1:],
    "words": lambda words: [str(len(words))],
}


def _is_any(patterns: list[str], word: str) -> bool:
    return any(stem_of(pattern, word) is not None for pattern in patterns)


TWO_LISTS: dict[str, Callable[[list[str], list[str], str], list[str]]] = {
    "addprefix": lambda _, words, text: [text + word for word in words],
    "addsuffix": lambda _, words, text: [word + text for word in words],
    "filter": lambda first, words, _: [word for word in words if _is_any(first, word)],
    "filter-out": lambda first, words, _: [word for word in words if not _is_any(first, word)],
}
