"""What is at a path, as one short text, and manifests: what is at a stage's outputs. Pure, no disk.

-                    nothing
f:<hex>:<size>       a file: xxh3-128 of its bytes, size in bytes
x:<hex>:<size>       a file that its owner may execute
l:<hex>              a symbolic link: over its text, for inputs also over what it leads to
d:<hex>              a directory: over the path and entry of everything in it
?unreadable          an output that is there and can't be read, or is no file: a FIFO, say; never recorded
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen
from xxhash import xxh3_128_hexdigest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MISSING = "-"
"""The entry of a path where nothing is."""

UNREADABLE = "?unreadable"
"""The entry of an output that can't be read: equal to nothing that was recorded."""

DIRECTORY_ROW = "d"
"""What stands for a directory among the rows inside another one."""

KINDS = frozenset(("file", "executable", "symlink", "directory"))

_NUL = "\0"
_HEX = frozenset("0123456789abcdef")
_NO_PARTS = frozenset(("", ".", "..", ".stagemake"))  # of a canonical path
_MOST_ROWS = 1_000_000
_LONGEST_PATH_BYTES = 3_000
_LONGEST_LINK_BYTES = 4_095
_LARGEST_BYTES = 1 << 62


@frozen
class OutputFile:
    """One row of a manifest. Contents are kept for `file` and `executable` only."""

    path: str  # relative to the root, no trailing slash
    kind: str = "file"  # one of `KINDS`
    digest: str = ""  # of the contents; empty for links and directories
    size_bytes: int = 0  # 0 for links and directories
    target: str = ""  # the text of a link

    @property
    def entry(self) -> str:
        """What the row says is there; for a directory only that it is one."""
        if self.kind == "file":
            return file_entry(self.digest, self.size_bytes)
        if self.kind == "executable":
            return executable_entry(self.digest, self.size_bytes)
        return link_entry(self.target) if self.kind == "symlink" else DIRECTORY_ROW


Manifest = tuple[OutputFile, ...]
"""All of a stage's outputs, sorted by path. A directory output is listed flat, with itself and all in it."""


def file_entry(digest: str, size_bytes: int) -> str:
    """Return the entry of a plain file."""
    return f"f:{digest}:{size_bytes}"


def executable_entry(digest: str, size_bytes: int) -> str:
    """Return the entry of a file that its owner may execute."""
    return f"x:{digest}:{size_bytes}"


def link_entry(target: str) -> str:
    """Return the entry of a symbolic link by its text alone: in trees and for outputs."""
    return f"l:{_digest(target)}"


def followed_link_entry(target: str, reached: str) -> str:
    """Return the entry of a link that is an input: its text, and the entry of what it leads to."""
    return f"l:{_digest(target + _NUL + reached)}"


def directory_entry(rows: Iterable[tuple[str, str]]) -> str:
    """Return the entry of a directory from the relative path and entry of everything in it.

    The order of `rows` doesn't matter; directories inside have `DIRECTORY_ROW`. Cost: O(n log n).
    """
    # NUL is in no path and in no entry, so nothing else joins to the same text.
    return f"d:{_digest(_NUL.join(part for row in sorted(rows) for part in row))}"


def bytes_inside(rows: Iterable[tuple[str, str]]) -> int:
    """Return the sizes of all files among the rows of a directory together. Cost: 0.3 µs a file."""
    return sum(int(entry.rpartition(":")[2]) for _, entry in rows if entry[0] in "fx")


def kind_of(entry: str) -> str:
    """Return one of `KINDS`, or an empty text for nothing."""
    return {"f": "file", "x": "executable", "l": "symlink", "d": "directory"}.get(entry[:1], "")


def content_of(entry: str) -> tuple[str, int] | None:
    """Return digest and size in bytes of a file's entry; None for everything else."""
    if entry[:2] not in {"f:", "x:"}:
        return None
    _, digest, size_bytes = entry.split(":")
    return digest, int(size_bytes)


def row_of(path: str, entry: str, target: str = "") -> OutputFile:
    """Return the manifest row for what is at `path`; `target` is a link's text."""
    content = content_of(entry)
    digest, size_bytes = content or ("", 0)
    return OutputFile(path, kind_of(entry), digest, size_bytes, target)


def entries_of(manifest: Manifest) -> dict[str, str]:
    """Return the entry of each output in a manifest, links by their text; keys without slash.

    Equal to what `Digester.output_entry` finds once the manifest is restored. Cost: O(rows x depth).
    """
    if len(manifest) == 1 and manifest[0].kind != "directory":  # of most stages
        return {manifest[0].path: manifest[0].entry}
    inside: dict[str, list[tuple[str, str]]] = {}
    entries: dict[str, str] = {}
    for row in manifest:  # sorted, so a directory comes before what is in it
        top = next((parent for parent in _parents(row.path) if parent in inside), None)
        if top is not None:
            inside[top].append((row.path[len(top) + 1 :], row.entry))
        elif row.kind == "directory":
            inside[row.path] = []
        else:
            entries[row.path] = row.entry
    entries.update((path, directory_entry(rows)) for path, rows in inside.items())
    return entries


def entry_of_output(manifest: Manifest, output: str) -> str:
    """Return the entry of one output, links by their text; `MISSING` when it has no row."""
    output = output.rstrip("/")
    below = f"{output}/"
    rows = tuple(row for row in manifest if row.path == output or row.path.startswith(below))
    return entries_of(rows).get(output, MISSING)


def encode_manifest(manifest: Manifest) -> tuple[tuple[str, str, str, int, str], ...]:
    """Return rows of plain values, fit for marshal and JSON."""
    return tuple((row.path, row.kind, row.digest, row.size_bytes, row.target) for row in manifest)


def decode_manifest(data: Any) -> Manifest:  # Any: whatever a cache or a file held
    """Return the manifest that `encode_manifest` wrote, from tuples or lists.

    Raises:
        ValueError: It isn't one, or `check_manifest` refuses it.
    """
    if not isinstance(data, tuple | list) or len(data) > _MOST_ROWS:
        raise ValueError("a manifest is a list of at most a million rows")
    manifest = tuple(_decode_row(row) for row in data)
    check_manifest(manifest)
    return manifest


def _decode_row(row: Any) -> OutputFile:  # Any: as above
    """Return one row; only types are judged here."""
    if not isinstance(row, tuple | list) or len(row) != 5:
        raise ValueError(f"not a manifest row: {row!r:.200}")
    path, kind, digest, size_bytes, target = row
    texts = isinstance(path, str) and isinstance(kind, str) and isinstance(digest, str)
    if not (texts and isinstance(target, str) and type(size_bytes) is int):
        raise ValueError(f"wrong types in a manifest row: {row!r:.200}")
    return OutputFile(path, kind, digest, size_bytes, target)


def check_manifest(manifest: Sequence[OutputFile]) -> None:
    """Refuse a manifest that could do harm or that no scan can have made.

    Raises:
        ValueError: A path is absolute, has `..` or names our own files; rows repeat, aren't sorted or
            lie in something that is no directory; a link leaves the root; a digest or size is no such.

    Cost: O(rows x depth).
    """
    if len(manifest) == 1:  # of most stages: nothing to compare it with
        _check_path(manifest[0].path)
        _check_content(manifest[0])
        return
    kinds: dict[str, str] = {}
    previous = ""
    for row in manifest:
        _check_path(row.path)
        if row.path <= previous:
            raise ValueError(f"not sorted, or twice in the manifest: {row.path!r}")
        previous = row.path
        _check_content(row)
        for parent in _parents(row.path):
            if kinds.get(parent, "directory") != "directory":
                raise ValueError(f"inside something that is no directory: {row.path!r}")
        kinds[row.path] = row.kind


def _check_path(path: str) -> None:
    """Refuse what isn't a canonical path below the root."""
    if "\0" in path or not _NO_PARTS.isdisjoint(path.split("/")):
        raise ValueError(f"not a path for an output: {path!r}")
    size = len(path) if path.isascii() else len(path.encode("utf-8", "surrogateescape"))
    if size > _LONGEST_PATH_BYTES:
        raise ValueError(f"path too long: {path[:80]!r}…")


def _check_content(row: OutputFile) -> None:
    """Refuse a row whose other columns don't fit its kind."""
    if row.kind in {"file", "executable"}:
        if len(row.digest) != 32 or not _HEX.issuperset(row.digest):
            raise ValueError(f"no digest: {row.path!r}")
        if not 0 <= row.size_bytes < _LARGEST_BYTES or row.target:
            raise ValueError(f"size or target make no sense: {row.path!r}")
        return
    if row.kind not in KINDS or row.digest or row.size_bytes:
        raise ValueError(f"not a kind of output, or with contents it can't have: {row.path!r}")
    if row.kind == "directory" and row.target:
        raise ValueError(f"a directory has no target: {row.path!r}")
    if row.kind == "symlink" and not stays_inside(row.path, row.target):
        raise ValueError(f"link leaves the project: {row.path!r} -> {row.target!r}")


def stays_inside(path: str, target: str) -> bool:
    """Whether a link at `path` reading `target` leads to a place below the root, by its text."""
    if not target or target[0] == "/" or "\0" in target:
        return False
    if len(target.encode("utf-8", "surrogateescape")) > _LONGEST_LINK_BYTES:
        return False
    depth = path.count("/")
    for part in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return True


def _parents(path: str) -> Iterable[str]:
    """Yield the paths that `path` lies in, outermost first."""
    at = path.find("/")
    while at != -1:
        yield path[:at]
        at = path.find("/", at + 1)


def _digest(text: str) -> str:
    """Return the digest of a text that may hold undecodable names."""
    return xxh3_128_hexdigest(text.encode("utf-8", "surrogateescape"))
