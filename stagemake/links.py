"""Where project paths are once symbolic links are followed. Asked by what-if, and by what maps changed files to stages."""

from __future__ import annotations

import os

_MOST_LINKS = 40  # as the kernel: what has more of them leads nowhere


class Links:
    """Follows links, those of each directory once. Paths are project paths; lives for one request.

    Args:
        root: The project's directory, absolute, without links.
    """

    def __init__(self, root: str) -> None:
        self._prefix = root.rstrip("/") + "/"
        self._folders: dict[str, tuple[tuple[str, ...], str]] = {}  # by path: links on the way, end

    def place(self, path: str) -> str:
        """Return where a path is: all links followed but one that stands at the path itself."""
        folder, _, name = self._full(path).rpartition("/")
        real = self._folder(folder)[1]
        return self._project_path(f"{real}/{name}" if name else real)

    def end(self, path: str) -> str:
        """Return where a path leads in the end, whether or not something is there."""
        return self._project_path(_followed(self._full(path))[1])

    def way(self, path: str) -> tuple[str, ...]:
        """Return every place where a change changes what is read at a path: links on the way, and the end."""
        folder, _, name = self._full(path).rpartition("/")
        links, real = self._folder(folder)
        inner, end = _followed(f"{real}/{name}")
        return tuple(map(self._project_path, (*links, *inner, end)))

    def _folder(self, full: str) -> tuple[tuple[str, ...], str]:
        known = self._folders.get(full)
        if known is None:
            known = self._folders[full] = _followed(full)
        return known

    def _full(self, path: str) -> str:
        path = path.rstrip("/") or "/"
        if path == ".":
            return self._prefix[:-1]
        return path if path[0] == "/" else self._prefix + path

    def _project_path(self, full: str) -> str:
        if full == self._prefix[:-1]:
            return "."
        return full.removeprefix(self._prefix)


def _followed(full: str) -> tuple[tuple[str, ...], str]:
    """Return the links that are met on the way to an absolute path, where they stand, and its end."""
    met: list[str] = []
    at, ahead = "", full.split("/")[::-1]
    while ahead:
        name = ahead.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            at = at.rpartition("/")[0]
            continue
        here = f"{at}/{name}"
        try:
            target = os.readlink(here)
        except OSError:  # no link, or nothing there
            at = here
            continue
        met.append(here)
        if len(met) > _MOST_LINKS:
            return tuple(met), here
        at = "" if target[:1] == "/" else at
        ahead.extend(target.split("/")[::-1])
    return tuple(met), at or "/"
