"""Putting a stage's outputs back from their manifest, all or nothing. Asked when a stage is a hit.

A manifest is not trusted: it may name declared outputs only, and nothing in it leads out of the project.
Links: at a declared output and below it none is followed, a link there is itself replaced. Above it the
layout is the user's: where `build` is their link to another disk, `build/app` is restored on that disk. A link of
another user is not followed, and one that appears meanwhile leads nowhere (`staged`).
"""

from __future__ import annotations

import enum
import errno
import os
from typing import TYPE_CHECKING

from stagemake import durable
from stagemake.model.entry import check_manifest, entries_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stagemake.model.entry import Manifest, OutputFile
    from stagemake.staged import Contents


_MOST_KEPT = 1000


class Restored(enum.Enum):
    """How a restore ended. Only `DONE` has changed an output."""

    DONE = "done"
    INCOMPLETE = "incomplete"  # contents are missing or damaged: a miss
    REFUSED = "refused"  # the manifest breaks a rule: a miss, and worth a word


def restore(
    manifest: Manifest,
    outputs: Sequence[str],
    contents: Contents,
    *,
    holding: durable.Holding,
    entry_at: Callable[[str], str] | None = None,
    displace: Callable[[str], None] | None = None,
    learn: Callable[[str, str, os.stat_result], None] | None = None,
) -> Restored:
    """Make the declared outputs what the manifest says; what else a directory output holds goes away.

    Everything is fetched beside the outputs before the first one is replaced. Directory outputs are
    built whole and swapped in. On failure all that is unfinished is removed.

    Args:
        manifest: Any rows; judged here.
        outputs: The declared outputs, directories with a slash at the end.
        contents: Where they come from: `fetch(digest, size_bytes, target, mode)` creates the file `target`, which does not
            exist, with verified contents and `mode` less the umask; False, and no file, when it can't.
        holding: Of the project's directory; what it opens for this stays open until it is closed.
        entry_at: `Digester.output_entry`; outputs that have the right entry already are left untouched.
        displace: Called with the project path of each existing output about to be replaced, before any
            is; may move it away (`preserve`).
        learn: `Digester.learn`, told path, entry and status of each file that was brought back.

    Raises:
        OSError: The project's disk failed (full, read-only, something in the way of a directory). If
            that came between two renames, some outputs are new and some old.
    """
    from stagemake.staged import Staging  # noqa: PLC0415 - gate, 1 ms, where results come back

    try:
        check_restorable(manifest, outputs)
    except ValueError:
        return Restored.REFUSED
    right = entries_of(manifest)
    rows_of = _rows_by_output(manifest, right)
    holding.trim()
    staging = Staging(holding)
    try:
        for output in outputs:
            path = output.rstrip("/")
            if entry_at is not None and entry_at(path) == right[path]:
                continue
            if not staging.build(path, rows_of[path], contents):
                staging.undo()
                return Restored.INCOMPLETE
        if displace is not None:
            for path in staging.existing():
                displace(path)
        staging.replace()
    except BaseException:
        staging.undo()
        raise
    if learn is not None:
        for row, status in staging.fetched:
            learn(row.path, row.entry, status)
    return Restored.DONE


def check_restorable(manifest: Manifest, outputs: Sequence[str]) -> None:
    """Refuse a manifest that isn't for exactly these outputs.

    Raises:
        ValueError: `check_manifest` refuses it, a row lies in no declared output or in no listed
            directory, or an output is missing or of the wrong kind.
    """
    check_manifest(manifest)
    kinds = {row.path: row.kind for row in manifest}
    declared = {output.rstrip("/"): output.endswith("/") for output in outputs}
    for path, is_dir in declared.items():
        if path not in kinds or (kinds[path] == "directory") != is_dir:
            raise ValueError(f"missing or of the wrong kind: {path!r}")
    for path in kinds:
        if path not in declared and kinds.get(os.path.dirname(path)) != "directory":
            raise ValueError(f"not in a declared output: {path!r}")


def _rows_by_output(manifest: Manifest, outputs: Iterable[str]) -> dict[str, list[OutputFile]]:
    """Return each output's own rows, directories before what is in them."""
    rows_of: dict[str, list[OutputFile]] = {output: [] for output in outputs}
    output_of: dict[str, str] = {}
    for row in manifest:
        output = row.path if row.path in rows_of else output_of[os.path.dirname(row.path)]
        output_of[row.path] = output
        rows_of[output].append(row)
    return rows_of


def sweep_temps(directories: Iterable[str]) -> int:
    """Remove unfinished things of ours directly in these directories; return how many.

    For the one who holds the project's lock: what it finds was left by a crash. Directories that
    aren't there or can't be read are skipped, and so is what can't be removed: it is in nobody's way.
    """
    count = 0
    for directory in directories:
        try:
            names = os.listdir(directory or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith(durable.TEMP_PREFIX):
                try:
                    durable.remove_any(os.path.join(directory, name))
                except OSError:
                    continue
                count += 1
    return count


def preserve(root: str, path: str, kept_dir: str) -> str:
    """Move a file, link or directory of the user's out of the way; return where it is now.

    Args:
        root: The project's directory, absolute.
        path: What to move, relative to the root.
        kept_dir: Where to, relative to the root: `.stagemake/kept/<time>`. What was kept there before
            stays; then the next of `<time>.1`, `<time>.2` is taken.

    Raises:
        OSError: It couldn't be moved; it is still where it was.
    """
    path = path.rstrip("/")
    for number in range(_MOST_KEPT):
        kept = f"{kept_dir}.{number}/{path}" if number else f"{kept_dir}/{path}"
        try:
            durable.make_dirs(os.path.dirname(f"{root}/{kept}"))
            durable.move_aside(f"{root}/{path}", f"{root}/{kept}")
        except (FileExistsError, NotADirectoryError):
            if not os.path.lexists(f"{root}/{path}"):
                raise
            continue
        return kept
    raise FileExistsError(errno.EEXIST, "nowhere left to keep it", f"{root}/{path}")
