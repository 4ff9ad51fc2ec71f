"""A copy of a project to build in, so that the project itself stays as it is."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from attrs import define, field

from stagemake import durable
from stagemake.tree import STATE_NAME

if TYPE_CHECKING:
    from collections.abc import Collection


@define
class Scratch:
    """A directory of ours with a copy of the project, a cache and what builds report. Removed by `close`."""

    root: str  # of the project, absolute and real
    outputs: frozenset[str]  # paths below the root that stages make, without a slash at the end
    avoided: Collection[str]  # absolute paths that are not copied: caches
    directory: str  # ours; absolute and real
    skipped: list[str] = field(factory=list)  # paths below the root that could not be copied
    copied_bytes: int = 0

    @classmethod
    def below(
        cls, place: str, root: str, outputs: frozenset[str], avoided: Collection[str]
    ) -> Scratch:
        """Return a new one in the directory `place`, empty yet."""
        name = f"stagemake-bench-{os.getpid()}-{os.urandom(4).hex()}"
        directory = f"{os.path.realpath(place)}/{name}"
        durable.make_dirs(directory, 0o700)
        return cls(root, outputs, (*avoided, directory), directory)

    @property
    def copy(self) -> str:
        """Where the project's copy is; each of them is at the same place."""
        return f"{self.directory}/project"

    @property
    def cache(self) -> str:
        """The copy's own cache."""
        return f"{self.directory}/cache"

    def close(self) -> None:
        """Remove all of it."""
        durable.remove_any(self.directory)

    def empty_cache(self) -> None:
        """Forget every result."""
        if os.path.lexists(self.cache):
            durable.remove_any(self.cache)

    def lay_out(self) -> None:
        """Make the copy anew: everything in the project except outputs and what stagemake keeps there.

        Contents are shared where the file system can. Links that lead into the project lead into the copy,
        others to where they led. What can't be read, and what is no file, directory or link, is
        noted in `skipped`.

        Raises:
            OSError: The copy can't be written.
        """
        if os.path.lexists(self.copy):
            durable.remove_any(self.copy)
        self.skipped.clear()
        self.copied_bytes = 0
        modes: list[tuple[str, int]] = []
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            target = f"{self.copy}/{prefix}".rstrip("/")
            durable.make_dirs(target)
            for name, status in self._children(prefix):
                relative = f"{prefix}{name}"
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(f"{relative}/")
                    modes.append((f"{self.copy}/{relative}", stat.S_IMODE(status.st_mode)))
                else:
                    self._copy_one(relative, status)
        for path, mode in reversed(modes):  # what is in a read-only directory must be written first
            if mode & 0o700 != 0o700:
                durable.set_mode(path, mode)

    def _children(self, prefix: str) -> list[tuple[str, os.stat_result]]:
        found = []
        try:
            with os.scandir(f"{self.root}/{prefix}") as children:
                for child in children:
                    relative = f"{prefix}{child.name}"
                    is_avoided = f"{self.root}/{relative}" in self.avoided
                    if child.name == STATE_NAME or relative in self.outputs or is_avoided:
                        continue
                    found.append((child.name, child.stat(follow_symlinks=False)))
        except OSError:
            if not prefix:
                raise
            self.skipped.append(prefix)
        return found

    def _copy_one(self, relative: str, status: os.stat_result) -> None:
        source, target = f"{self.root}/{relative}", f"{self.copy}/{relative}"
        if stat.S_ISLNK(status.st_mode):
            durable.symlink(self._link_text(relative), target)
        elif not stat.S_ISREG(status.st_mode) or not os.access(source, os.R_OK):
            self.skipped.append(relative)
        else:
            self.copied_bytes += durable.clone_or_copy(source, target)
            durable.set_mode(target, stat.S_IMODE(status.st_mode))

    def _link_text(self, relative: str) -> str:
        source = f"{self.root}/{relative}"
        text = os.readlink(source)
        full = os.path.normpath(os.path.join(os.path.dirname(source), text))
        inside = self._below_root(full)
        if inside is None:  # by another name of the root, maybe
            inside = self._below_root(os.path.realpath(source))
        elif not os.path.isabs(text):
            return text
        return full if inside is None else self.copy + inside

    def _below_root(self, path: str) -> str | None:
        """Return a path's part below the root, empty or with a slash in front; None: it is elsewhere."""
        is_inside = path == self.root or path.startswith(f"{self.root}/")
        return path[len(self.root) :] if is_inside else None
