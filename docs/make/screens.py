"""Follows a page as a reader does, and writes into it what its commands print: `python docs/make/screens.py`.

A page is followed from top to bottom, beginning in an empty directory:

- A block with a title like `src/main.c` is a file to write; `Stagefile, at the end` is put behind what is there and an
  empty line;
  of the language `diff`, it is an edit: what it has without the lines that begin with `+` is there once.
- A block of the language `console` holds commands, each after `$ `, and below it what it prints, stderr included.
  A directory that is changed to is that of the next command, too.
- A block of the language `sh` or without a title is for reading.

What is printed replaces what the page shows where that does not say the same: times and digests stay as they are,
unless `--all` is given.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, frozen
from printed import says

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOME = Path(__file__).resolve().parents[2]
PAGES = ("tutorial.md", "python-packages.md")  # those below `docs` that are followed
TIMEOUT_S = 60
_BLOCK = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<title>[^"\n]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_AT_THE_END = ", at the end"
# What a reader's machine may have set otherwise, and would show.
_FOREIGN = re.compile(
    r"PYTHON.*|STAGEMAKE_.*|VIRTUAL_ENV|CC|C?FLAGS|(NO|FORCE)_COLOR|CLICOLOR.*|COLUMNS|LC_.*|LANG(UAGE)?|TERM|CI|GIT_.*"
)


@frozen
class Screen:
    """One command of a page."""

    line: str
    shown: str  # what the page has below it
    printed: str
    status: int

    @property
    def holds(self) -> bool:
        """Whether the page says what was printed."""
        return says(self.shown, self.printed)


@define
class Reader:
    """Someone who follows a page: a home, which is where the page begins, and a cache, both in `base`."""

    base: Path
    environment: Mapping[str, str]  # all of it
    place: Path  # the directory that the next command begins in

    @classmethod
    def at(cls, base: Path, python: str = sys.executable) -> Reader:
        """Return one for whom an environment is active.

        Args:
            base: An empty directory, not behind a link.
            python: The environment's interpreter, which can import stagemake.
        """
        programs, home = base / "bin", base / "home"
        programs.mkdir()
        home.mkdir()
        for name, words in (("stagemake", " -m stagemake"), ("python3", "")):
            (programs / name).write_text(f'#!/bin/sh\nexec "{python}"{words} "$@"\n')
            (programs / name).chmod(0o755)
        kept = {name: text for name, text in os.environ.items() if not _FOREIGN.fullmatch(name)}
        person = {"NAME": "a", "EMAIL": "a@example.org"}
        git = {
            f"GIT_{who}_{what}": text
            for who in ("AUTHOR", "COMMITTER")
            for what, text in person.items()
        }
        return cls(
            base,
            {
                **kept, **git, "PATH": f"{programs}{os.pathsep}{kept['PATH']}", "HOME": str(home), "TERM": "dumb",
                "LANG": "C.UTF-8", "PYTHONPATH": str(HOME), "STAGEMAKE_CACHE_DIR": str(base / "cache"),
                "GIT_CONFIG_NOSYSTEM": "1",
            },
            home,
        )  # fmt: skip

    def write(self, title: str, text: str, *, is_diff: bool) -> None:
        """Do what a block with a title says."""
        path = self.place / title.removesuffix(_AT_THE_END)
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_diff:
            text = _edited(path.read_text("utf-8"), text, title)
        elif title.endswith(_AT_THE_END):
            text = f"{path.read_text('utf-8')}\n{text}"
        path.write_text(text, "utf-8")

    def type(self, line: str) -> tuple[str, int]:
        """Return what a line of shell prints, with our temporary directory left out, and its status."""
        moved = self.base / "moved"
        script = f"exec 2>&1\ntrap 'pwd > {moved}' EXIT\n{line}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.place, env=dict(self.environment), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
        )  # fmt: skip
        self.place = Path(moved.read_text("utf-8").rstrip("\n"))
        return done.stdout.replace(f"{self.base}/home", "/home/me"), done.returncode


def followed(page: str, reader: Reader) -> Iterator[Screen]:
    """Do what a page says, and yield each command with what it printed, in order."""
    for block in _BLOCK.finditer(page):
        language, title, text = block["language"], block["title"], block["text"]
        if title:
            reader.write(title, text, is_diff=language == "diff")
        elif language == "console":
            for line, shown in commands(text):
                yield Screen(line, shown, *reader.type(line))


def commands(session: str) -> list[tuple[str, str]]:
    """Return the commands of a console block with what is below each."""
    start, *parts = re.split(r"^\$ ", session, flags=re.MULTILINE)
    assert not start.strip(), f"a console block begins without a command: {start!r}"
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


def rewritten(page: str, screens: list[Screen], *, all_anew: bool = False) -> str:
    """Return a page with what was printed, where it showed something else; or with all of it."""
    waiting = iter(screens)

    def block(found: re.Match[str]) -> str:
        if found["language"] != "console":
            return found[0]
        told = [next(waiting) for _ in commands(found["text"])]
        return (
            "```console\n" + "".join(_shown(screen, all_anew=all_anew) for screen in told) + "```"
        )

    return _BLOCK.sub(block, page)


def _shown(screen: Screen, *, all_anew: bool) -> str:
    # What is left out by `...` was left out by hand.
    stays = screen.holds and not (all_anew and "...\n" not in screen.shown)
    text = screen.shown if stays else screen.printed
    return f"$ {screen.line}\n{text}" + ("\n" if text and not text.endswith("\n") else "")


def _edited(text: str, diff: str, title: str) -> str:
    """Return a text with one edit: lines with a `-` are replaced by those with a `+`, at that place."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[line[0] in "- " :] for line in lines if line[0] != "+")
    new = "".join(line[line[0] in "+ " :] for line in lines if line[0] != "-")
    assert text.count(old) == 1, f"{text.count(old)} times in {title}:\n{old}"
    return text.replace(old, new)


def main() -> None:
    """Follow each page and write it anew."""
    for name in PAGES:
        path = HOME / "docs" / name
        page = path.read_text("utf-8")
        with tempfile.TemporaryDirectory() as base:
            screens = list(followed(page, Reader.at(Path(base).resolve())))
        broken = [screen.line for screen in screens if "Traceback (most" in screen.printed]
        if broken:
            sys.exit(f"{name}: nothing written, as these end with a traceback: {broken}")
        path.write_text(rewritten(page, screens, all_anew="--all" in sys.argv), "utf-8")
        changed = sum(not screen.holds for screen in screens)
        print(f"{name}: {len(screens)} commands, {changed} screens written anew")  # noqa: T201


if __name__ == "__main__":
    main()
