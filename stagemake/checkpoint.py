"""Which resumable stages have finished in a build that has not: what the next build need not do again.

A file of lines beside the snapshot, each the JSON of (stage, action key). It goes when a build ends well.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.freshness.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Collection


def finished(path: str) -> dict[str, str]:
    """Return the action key of each stage that has finished; empty when there is no file.

    What a crash has left half written is left out.
    """
    found: dict[str, str] = {}
    try:
        lines = read_regular(path, follows=False).decode("ascii").split("\n")
    except (OSError, UnicodeDecodeError):
        return found
    for line in lines:
        try:
            name, key = json.loads(line)
        except (ValueError, TypeError):
            continue
        if isinstance(name, str) and isinstance(key, str):
            found[name] = key
    return found


def note(path: str, stage_name: str, key: str) -> None:
    """Note that a stage has finished. Comes after its trace; needs the project's lock."""
    fd = durable.open_append(path, 0o600)
    try:
        # A line of its own even after one that was cut short.
        durable.append(fd, f"\n{json.dumps([stage_name, key])}\n".encode("ascii"), path)
    finally:
        os.close(fd)


def forget(path: str, stage_names: Collection[str]) -> None:
    """Forget these stages: the build that they were part of has ended well. Needs the project's lock."""
    if not os.path.exists(path):
        return
    gone = set(stage_names)
    left = {name: key for name, key in finished(path).items() if name not in gone}
    if not left:
        durable.remove(path)
        return
    text = "".join(f"{json.dumps([name, key])}\n" for name, key in left.items())
    durable.write_atomic(path, text.encode("ascii"), mode=0o600)
