"""Contents of the past by digest: from what was kept beside the history, from the cache, or still on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field
from xxhash import xxh3_128_hexdigest

from stagemake.contents import read_if
from stagemake.model.difference import CODE_PREFIX, Difference
from stagemake.model.entry import content_of
from stagemake.model.line_diff import LineDiff, line_diff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stagemake.cache.guarded import GuardedStore
    from stagemake.cache.reader import ReadOnlyStore
    from stagemake.past.texts import Texts

MOST_BYTES = 1 << 20
"""Larger contents are not compared line by line."""


@define(eq=False, repr=False)
class Remembered:
    """Looks contents up; changes nothing. What isn't found any more gives no diff."""

    root: str
    texts: Texts
    reader_of: Callable[[], ReadOnlyStore | GuardedStore]  # asked when first needed
    codes: Mapping[str, str] = field(
        factory=dict
    )  # sources of functions as they are now, by digest

    def diff(self, difference: Difference) -> LineDiff | None:
        """Return what changed in a file or function, line by line; None where that can't be told."""
        old, new = self._side(difference.old, ""), self._side(difference.new, difference.subject)
        if new is not None and old is None and b"\0" in new:
            return line_diff(b"", new)  # what it was is not kept of such files: say why
        return None if old is None or new is None or old == new else line_diff(old, new)

    def _side(self, value: str, path: str) -> bytes | None:
        if value.startswith(CODE_PREFIX):
            return self._code(value.removeprefix(CODE_PREFIX))
        content = content_of(value) if value[:2] in {"f:", "x:"} and value.count(":") == 2 else None
        if content is None or content[1] > MOST_BYTES:
            return None
        digest, size_bytes = content
        if path:
            full = path if path[0] == "/" else f"{self.root}/{path}"
            data = read_if(full, digest, size_bytes)
            if data is not None:
                return data
        kept = self.texts.get(digest)
        if kept is not None and xxh3_128_hexdigest(kept) == digest:
            return kept
        return self.reader_of().read(digest, MOST_BYTES)

    def _code(self, digest: str) -> bytes | None:
        if digest in self.codes:
            return self.codes[digest].encode("utf-8", "backslashreplace")
        return self.texts.get(digest)
