"""What a power cut leaves: of everything that was not synced any part, in any of its versions.

A state of the disk is put together from what each path held since it was last sure to be there. That is more
than file systems do (it also takes the write-ahead log of a database apart from the database), never less,
but for one thing: a renamed file is at its old name or its new one, as with every journal.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

Version = dict
"""What was at a path: kind, data or text, mode, mtime_ns, inode, and whether its data is sure to be there."""

_LARGEST_BYTES = 1 << 20


class Recording:
    """The versions of everything below some directories while a program runs; the first was there before it."""

    def __init__(self, tops: list[str]) -> None:
        self.tops = tops
        self.versions: dict[str, list[Version | None]] = {}
        self._stamps: dict[str, tuple] = {}
        self._synced: set[tuple] = set()
        self._last = ("", "")
        self._take()
        for known in self.versions.values():
            assert known[0] is not None
            known[0]["is_sure"] = True
            self._synced.add((known[0]["inode"], known[0]["data"]))

    def look(self, operation: str, path: str) -> None:
        """Note what has changed up to now; called before `operation` is carried out."""
        self._take()
        what, where = self._last
        if what == "fsync":
            self._note_sync(where)
        self._last = operation, path

    def _note_sync(self, path: str) -> None:
        if os.path.isdir(path) and not os.path.islink(path):
            # All names in it are sure now: nothing older can be there any more.
            for known_path, known in self.versions.items():
                if os.path.dirname(known_path) == path:
                    del known[:-1]
        else:  # the data of what will get this name, still under a temporary one
            directory = os.path.dirname(path)
            for known_path, known in self.versions.items():
                latest = known[-1]
                if latest is not None and (
                    known_path == path
                    or (
                        os.path.dirname(known_path) == directory and ".stagemake-tmp-" in known_path
                    )
                ):
                    latest["is_sure"] = True
                    self._synced.add((latest["inode"], latest["data"]))

    def _take(self) -> None:
        present = set()
        for top in self.tops:
            todo = [top]
            while todo:
                directory = todo.pop()
                try:
                    with os.scandir(directory) as entries:
                        children = list(entries)
                except OSError:
                    continue
                for child in children:
                    try:
                        status = child.stat(follow_symlinks=False)
                    except FileNotFoundError:  # a stage or its supervisor was faster
                        continue
                    present.add(child.path)
                    if stat.S_ISDIR(status.st_mode):
                        todo.append(child.path)
                    self._note(child.path, status)
        for path in self._stamps.keys() - present:
            del self._stamps[path]
            self.versions[path].append(None)

    def _note(self, path: str, status: os.stat_result) -> None:
        is_dir = stat.S_ISDIR(status.st_mode)
        stamp = (
            (status.st_mode,) if is_dir
            else (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        )  # fmt: skip
        if self._stamps.get(path) == stamp:
            return
        version = _version(path, status)
        if version is None:
            return
        self._stamps[path] = stamp
        if (version["inode"], version["data"]) in self._synced:
            version["is_sure"] = True
        self.versions.setdefault(path, [None] if self._last != ("", "") else []).append(version)

    def save(self, path: str) -> None:
        """Write everything for `leave`."""
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(self.versions, stream)


def _version(path: str, status: os.stat_result) -> Version | None:
    common = {
        "mode": stat.S_IMODE(status.st_mode),
        "mtime_ns": status.st_mtime_ns,
        "inode": status.st_ino,
    }
    if stat.S_ISDIR(status.st_mode):
        return {"kind": "directory", "data": "", "is_sure": True, **common}
    try:
        if stat.S_ISLNK(status.st_mode):
            return {"kind": "link", "data": os.readlink(path), "is_sure": True, **common}
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_BYTES:
            return None
        with open(path, "rb") as stream:
            data = b64encode(stream.read()).decode()
    except FileNotFoundError:
        return None
    return {"kind": "file", "data": data, "is_sure": status.st_size == 0, **common}


def leave(recording_path: str, tops: list[str], rnd: random.Random) -> None:
    """Make of the directories `tops` what a power cut may have left of them."""
    with open(recording_path, encoding="utf-8") as stream:
        versions: dict[str, list[Version | None]] = json.load(stream)
    for top in tops:
        shutil.rmtree(top, ignore_errors=True)
    chosen = {path: rnd.choice(known) for path, known in versions.items()}
    if rnd.random() < 0.4:  # everything lost late: the names are there, their contents are not
        chosen = {path: known[-1] for path, known in versions.items()}
    _keep_renamed(versions, chosen, rnd)
    for path in sorted(chosen):
        version = chosen[path]
        if version is not None:
            _put(path, version, rnd)
    for path in sorted(chosen, reverse=True):  # last, as filling a directory needs its mode
        version = chosen[path]
        if version is not None and version["kind"] == "directory" and os.path.isdir(path):
            os.chmod(path, version["mode"])


def _keep_renamed(
    versions: dict[str, list[Version | None]],
    chosen: dict[str, Version | None],
    rnd: random.Random,
) -> None:
    """Have what was sure once at one of the places that it was renamed to."""
    first = {
        known[0]["inode"]: path for path, known in versions.items()
        if known[0] is not None and known[0]["kind"] == "file" and known[0]["is_sure"]
    }  # fmt: skip
    for inode, path in first.items():
        original = versions[path][0]
        assert original is not None
        places = [
            other for other, known in versions.items()
            if any(one is not None and one["inode"] == inode for one in known)
        ]  # fmt: skip
        if len(places) > 1 and not any(
            (one := chosen[place]) is not None and one["inode"] == inode for place in places
        ):
            chosen[rnd.choice(places)] = original


def _put(path: str, version: Version, rnd: random.Random) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):  # a directory made for what is in it
        return
    if version["kind"] == "directory":
        os.mkdir(path)
        return
    if version["kind"] == "link":
        os.symlink(version["data"], path)
        return
    data = b64decode(version["data"])
    if not version["is_sure"] and data:
        data = _partly(data, rnd)
    with open(path, "wb") as stream:
        stream.write(data)
    os.chmod(path, version["mode"])
    os.utime(path, ns=(version["mtime_ns"], version["mtime_ns"]))


def _partly(data: bytes, rnd: random.Random) -> bytes:
    """Return what may be there of data that was never synced: often all of it, zeros, less, blocks of it."""
    how = rnd.choice(["all", "all", "zeros", "none", "cut", "zero tail", "zero block"])
    cut = rnd.randrange(len(data))
    match how:
        case "zeros":
            return bytes(len(data))
        case "none":
            return b""
        case "cut":
            return data[:cut]
        case "zero tail":
            return data[:cut] + bytes(len(data) - cut)
        case "zero block":
            start = cut & ~4095
            return data[:start] + bytes(len(data[start : start + 4096])) + data[start + 4096 :]
        case _:
            return data
