"""Bugs kept as patches: reading one, and applying it to a copy of the package."""

from __future__ import annotations

import os
import shutil

from attrs import frozen


class DoesNotApply(Exception):
    """A patch and the code it breaks have drifted apart; the text says where."""


@frozen
class SeededBug:
    """One patch. Lines before the first `---` say what it breaks and which acts show it."""

    name: str
    what: str
    acts: tuple[str, ...]
    seed: int  # of the first history to try
    changes: tuple[tuple[str, str, str], ...]  # file, old text, new text


def read_bug(path: str) -> SeededBug:
    """Return what is in a patch file."""
    with open(path, encoding="utf-8") as stream:
        lines = stream.read().splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("--- "))
    head = [line.removeprefix("#").strip() for line in lines[:start]]
    fields = dict(line.split(": ", 1) for line in head[1:])
    return SeededBug(
        name=os.path.basename(path).removesuffix(".patch"),
        what=head[0],
        acts=tuple(fields["acts"].split()),
        seed=int(fields.get("seed", "0")),
        changes=tuple(_changes(lines[start:])),
    )


def _changes(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return old and new text of each hunk; line numbers are not believed."""
    found: list[tuple[str, str, str]] = []
    file, old, new = "", "", ""
    for line in [*lines, "@@"]:
        if line.startswith("--- "):
            continue
        if line.startswith(("+++ ", "@@")):
            if old:
                found.append((file, old, new))
            old, new = "", ""
            file = line[len("+++ b/") :].strip() if line.startswith("+++ ") else file
            continue
        old += line[1:] if line[0] in " -" else ""
        new += line[1:] if line[0] in " +" else ""
    return found


def copy_with(bug: SeededBug | None, home: str, target: str) -> None:
    """Copy the package from `home` to `target` and break it.

    Raises:
        DoesNotApply: The text to replace isn't there exactly once.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(f"{home}/stagemake", f"{target}/stagemake", ignore=ignored)
    for file, old, new in bug.changes if bug else ():
        path = f"{target}/{file}"
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        if text.count(old) != 1:
            raise DoesNotApply(
                f"{bug.name if bug else ''}.patch no longer applies to {file}: this stands there"
                f" {text.count(old)} times, not once; write the patch anew:\n{old}"
            )
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text.replace(old, new))
