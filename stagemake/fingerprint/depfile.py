"""Which files a compiler read, from the depfile it wrote in Make's syntax. Asked when a stage settles.

As gcc and clang quote: a backslash before a blank, where backslashes in front of it are doubled; one backslash
before `#`; `$$` for a dollar; a backslash at the end of a line for going on. Elsewhere backslashes
are themselves. A name that ends with a backslash can't be told from the latter; neither compiler can
write it.
"""

from __future__ import annotations

import re

# In this order: what is quoted, what ends a word, and runs of all else.
_TOKEN = re.compile(
    r"(?P<joined>\\\n)"
    r"|(?P<slashes>\\+)(?P<quoted>[ \t\#])"
    r"|(?P<colon>\\:)"
    r"|(?P<dollar>\$\$)"
    r"|(?P<blank>[ \t]+)"
    r"|(?P<end>\n)"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<text>[^\\$ \t\n#]+|.)"
)


def parse_depfile(data: bytes) -> tuple[str, ...]:
    """Return the prerequisites of all rules, in order of first appearance, each once.

    Undecodable names come back as `os.fsdecode` would give them. Rules without prerequisites (`-MP`)
    add nothing. Cost: O(bytes).

    Raises:
        ValueError: A line is no rule; the message names it, counting continued lines as one.
    """
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    found: dict[str, None] = {}
    joined = text.replace("\\\n", " ")
    if "\\" in joined or "$" in joined or "#" in joined:
        lines = _lines(text)
    else:  # nothing is quoted; line numbers are of logical lines then
        rows = joined.replace("\t", " ").split("\n")
        lines = [(number, row.split(" ")) for number, row in enumerate(rows, 1)]
        lines = [(number, [word for word in words if word]) for number, words in lines]
        lines = [(number, words) for number, words in lines if words]
    for line, words in lines:
        found.update(dict.fromkeys(_prerequisites(words, line)))
    return tuple(found)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Return the logical lines that hold anything: number of the first line, words."""
    lines = []
    words: list[str] = []
    word = ""
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "text":
            word += match.group()
        elif kind == "quoted":
            slashes, quoted = match.group("slashes", "quoted")
            if quoted == "#":
                word += slashes[1:] + quoted
            elif len(slashes) % 2:
                word += "\\" * (len(slashes) // 2) + quoted
            else:  # all of them pairs: the blank ends the word
                words.append(word + "\\" * (len(slashes) // 2))
                word = ""
        elif kind == "dollar":
            word += "$"
        elif kind == "colon":
            word += "\\:"
        else:
            if word:
                words.append(word)
                word = ""
            if kind == "end":
                if words:
                    lines.append((line, words))
                    words = []
                line += 1
    if word:
        words.append(word)
    if words:
        lines.append((line, words))
    return lines


def _prerequisites(words: list[str], line: int) -> list[str]:
    """Return what follows the colon of one rule."""
    for index, word in enumerate(words):
        # The colon behind the targets ends a word, or is one. Within a word it is part of a name.
        if word.endswith(":") and not word.endswith("\\:") and (index or len(word) > 1):
            return [_plain(each) for each in words[index + 1 :]]
    target, colon, first = words[0].partition(":")
    if target and colon:  # `a.o:a.c`, or `a\:` for a phony target that ends with a backslash
        return [_plain(each) for each in (first, *words[1:]) if each]
    raise ValueError(f"depfile line {line}: no target and colon in `{' '.join(words):.80}`")


def _plain(word: str) -> str:
    """Return a name with its colons unquoted."""
    return word.replace("\\:", ":")
