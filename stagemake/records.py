"""The cache's records as judging wants them: decoded, complete, or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from stagemake.model.record import NEAR_SLOTS, decode_hint, decode_near, decode_result, near_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stagemake.model.record import NearResult
    from stagemake.model.result import ActionResult

Hint = tuple[tuple[tuple[str, ...], ...], float, int]


class Source(Protocol):
    """What both the read-only reader and a full store can do."""

    def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the intact records among `keys`."""

    def missing(self, digests: Iterable[str]) -> set[str]:
        """Return which contents aren't there."""


@define(eq=False, repr=False)
class StoredRecords:
    """Records from a cache; asked for one at a time, answered by what the cache holds then."""

    source_of: Callable[[], Source]  # asked when first needed: a fresh build opens no cache
    absent: set[str] = field(factory=set)  # keys that were misses when looked up: not asked again
    bare: set[str] = field(factory=set)  # those of them that have a record, without its contents
    _hints: dict[str, Hint | None] = field(factory=dict)

    def result(self, key: str) -> ActionResult | None:
        """Return the stored result with all its contents there; None for a miss."""
        if key in self.absent:
            return None
        body = self.source_of().get([key]).get(key)
        if body is None:
            self.absent.add(key)
            return None
        result = decode_result(body)
        if result is None:
            return None
        blobs = [digest for digest, _ in result.blobs]
        if blobs and self.source_of().missing(blobs):
            self.absent.add(key)  # the record alone brings nothing back
            self.bare.add(key)
            return None
        return result

    def is_absent(self, key: str) -> bool:
        """Return whether a look-up has found no record under a key; asks nobody."""
        return key in self.absent and key not in self.bare

    def hint(self, weak: str) -> Hint | None:
        """Return lists of discovered inputs, seconds and bytes known for a declaration."""
        if weak not in self._hints:
            body = self.source_of().get([weak]).get(weak)
            self._hints[weak] = decode_hint(body) if body is not None else None
        return self._hints[weak]

    def near(self, stage_name: str) -> list[NearResult]:
        """Return what results of a stage were made from, those whose record is still there. Two reads."""
        source = self.source_of()
        noted = source.get([near_key(stage_name, slot) for slot in range(NEAR_SLOTS)])
        found = [near for body in noted.values() if (near := decode_near(body)) is not None]
        there = source.get([near.key for near in found])
        return [near for near in found if near.key in there]
