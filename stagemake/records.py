"""The cache's records as judging wants them: decoded, complete, or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import define, field, frozen

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


@frozen(eq=False, repr=False)
class Absence:
    """Why there is no result under a key."""

    is_sure: bool = True  # it need not be looked up again
    is_bare: bool = False  # there is a record, but not all that it names


_ABSENT, _BARE, _UNKNOWN = Absence(), Absence(is_bare=True), Absence(is_sure=False)


@define(eq=False, repr=False)
class StoredRecords:
    """Records from a cache; answered by what the cache holds then, or held when one shortly before was asked for."""

    source_of: Callable[[], Source]  # asked when first needed: a fresh build opens no cache
    absent: set[str] = field(factory=set)  # keys that were misses when looked up: not asked again
    bare: set[str] = field(factory=set)  # those of them that have a record, without its contents
    _ahead: dict[str, ActionResult | Absence] = field(factory=dict)  # looked up, not asked for yet
    _hints: dict[str, Hint | None] = field(factory=dict)

    def result(self, key: str, ahead: tuple[str, ...] = ()) -> ActionResult | None:
        """Return the stored result with all its contents there; None for a miss.

        Those `ahead` are looked up with it and kept until they are asked for, once: two queries for all in place
        of two for each.
        """
        if key in self.absent:
            return None
        if ahead:
            wanted = list(dict.fromkeys((key, *ahead)))
            self._ahead = self._looked_up([each for each in wanted if each not in self.absent])
        if key in self._ahead:
            found = self._ahead.pop(key)
        else:
            found = self._looked_up([key]).get(key, _ABSENT)
        if isinstance(found, Absence):
            self.absent.update((key,) if found.is_sure else ())
            self.bare.update((key,) if found.is_bare else ())
            return None
        return found

    def _looked_up(self, keys: Sequence[str]) -> dict[str, ActionResult | Absence]:
        """Return what there is under each key: a whole result, or what is missing of it."""
        source = self.source_of()
        bodies = source.get(keys)
        found: dict[str, ActionResult | Absence] = dict.fromkeys(keys, _ABSENT)
        for key, body in bodies.items():
            result = decode_result(body)
            found[key] = _UNKNOWN if result is None else result
        blobs = {
            digest
            for one in found.values()
            if not isinstance(one, Absence)
            for digest, _ in one.blobs
        }
        missing = source.missing(blobs) if blobs else ()
        if missing:
            for key, one in found.items():
                if not isinstance(one, Absence) and any(
                    digest in missing for digest, _ in one.blobs
                ):
                    found[key] = _BARE  # the record alone brings nothing back
        return found

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
