"""What has been looked at in one build: entries by path, until something may have changed them. For digesting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterable


@define(eq=False, repr=False)
class Seen:
    """Entries by path as it was asked for, so that a directory may stand with and without its slash."""

    entries: dict[str, str] = field(factory=dict)
    links: set[str] = field(factory=set)  # of these: what they lead to may change with any path

    def forget(self, paths: Iterable[str]) -> None:
        """Drop what may have been written; see `Digester.forget`. Cost: O(depth), for directories O(paths seen)."""
        seen = self.entries
        for written in paths:
            path = written.rstrip("/")
            known = seen.pop(path, "")
            seen.pop(f"{path}/", None)
            if known[:1] == "d" or written != path:
                below = f"{path}/"
                for inner in [inner for inner in seen if inner.startswith(below)]:
                    del seen[inner]
            while path := path.rpartition("/")[0]:
                seen.pop(path, None)
                seen.pop(f"{path}/", None)
        seen.pop(".", None)
        for link in self.links:
            seen.pop(link, None)
        self.links.clear()
