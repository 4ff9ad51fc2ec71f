"""Writes `man/stagemake.1` from the command line: `python docs/make/man_page.py`.

The page is committed, so that a wheel can be built without running stagemake. A test compares it.
"""

from __future__ import annotations

import re
from pathlib import Path

from commands import Command, commands

import stagemake

HOME = Path(__file__).resolve().parents[2]
PAGE = HOME / "man" / "stagemake.1"
_STATUSES = re.compile(r"^\| `?(\d+(?:, \d+)*)`? \| (.+) \|$", re.MULTILINE)

FILES = (
    ("Stagefile, Stagefile.py", "What is built: a Python program that declares stages."),
    ("pyproject.toml", "Settings, in the table `[tool.stagemake]`."),
    (".stagemake/", "What stagemake knows of the project. Losing it costs time only."),
    ("~/.cache/stagemake/", "Results of all projects of the user; `stagemake cache path` tells."),
)
ENVIRONMENT = (
    ("STAGEMAKE_CACHE_DIR", "The directory of the cache, where `--cache-dir` is not given."),
    ("NO_COLOR, FORCE_COLOR", "No colour at all; colour also where the output is not a terminal."),
    ("CI, GITHUB_ACTIONS", "Print plain lines; on GitHub also groups and annotations."),
    ("MAKEFLAGS", "Names the jobserver of the make that runs stagemake."),
)


def page() -> str:
    """Return the whole page as roff."""
    whole, *others = commands()
    lines = [
        f'.TH STAGEMAKE 1 "" "stagemake {stagemake.__version__}" "User Commands"',
        ".SH NAME",
        r"stagemake \- bring files up to date, and say beforehand what that takes",
        ".SH SYNOPSIS",
        r"\fBstagemake\fR [\fIOPTIONS\fR] [\fITARGETS\fR...]",
        ".br",
        r"\fBstagemake\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR...]",
        ".SH DESCRIPTION",
        *_paragraphs((*whole.paragraphs, "Without a command, `build` is meant, with its options.")),
        ".SH COMMANDS",
    ]
    for command in others:
        lines += _section(command)
    lines += [".SH EXIT STATUS", *_terms(statuses())]
    lines += [".SH ENVIRONMENT", *_terms(ENVIRONMENT), ".SH FILES", *_terms(FILES)]
    return "\n".join(lines) + "\n"


def statuses() -> tuple[tuple[str, str], ...]:
    """Return the table of exit statuses of the page on the command line."""
    text = (HOME / "docs" / "command-line.md").read_text("utf-8")
    return tuple(_STATUSES.findall(text.partition("\n## Exit status\n")[2].partition("\n## ")[0]))


def _section(command: Command) -> list[str]:
    head = f".SS {_roff(f'{command.name} {command.usage}')}"
    return [head, *_paragraphs(command.paragraphs), *_terms(command.options)]


def _paragraphs(texts: tuple[str, ...]) -> list[str]:
    found = []
    for text in texts:
        lines = [_roff(line) for line in text.splitlines()]
        found += [".PP", *([".nf", *lines, ".fi"] if len(lines) > 1 else lines)]
    return found[1:]  # a heading begins a paragraph by itself


def _terms(rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [line for term, text in rows for line in (".TP", rf"\fB{_roff(term)}\fR", _roff(text))]


def _roff(text: str) -> str:
    """Return a line of text that roff prints as it is, `code` in bold."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)  # links of Markdown
    text = text.replace("\\", r"\e").replace("-", r"\-")
    text = re.sub(r"`([^`]+)`", r"\\fB\1\\fR", text)
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
