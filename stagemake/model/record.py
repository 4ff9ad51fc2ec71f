"""The cache's records as bytes: JSON with a version, checked strictly when read back."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from attrs import frozen
from xxhash import xxh3_128_hexdigest

from stagemake.model.entry import decode_manifest, encode_manifest
from stagemake.model.json_text import writer
from stagemake.model.result import ActionResult, LogBlob

if TYPE_CHECKING:
    from collections.abc import Iterable

Component = tuple[str, str, str]
"""Kind, name and digest or entry of one part of an action key, see `plan.components`."""

VERSION = 1
NEAR_SLOTS = 8
"""How many results of a stage can be compared with a miss. By key, so that storing one needs no reading."""

_ENCODE = writer(sort_keys=True)
_MOST_COMPONENTS = 20_000
_COMPRESS_FROM_BYTES = 1000
_LARGEST_RECORD = 256 * 1024 * 1024


def encode_result(result: ActionResult) -> bytes:
    """Return an action's result as the body of an `act:` record."""
    return _dump(
        {
            "version": VERSION,
            "kind": "result",
            "outputs": encode_manifest(result.outputs),
            "discovered": list(result.discovered),
            "provided": [list(pair) for pair in result.provided],
            "stdout": [result.stdout.digest, result.stdout.size_bytes],
            "stderr": [result.stderr.digest, result.stderr.size_bytes],
            "duration_s": result.duration_s,
            "cpu_s": result.cpu_s,
            "stage": result.stage,
            "created_s": result.created_s,
            **({"disputed": True} if result.is_disputed else {}),
        }
    )


def decode_result(body: bytes) -> ActionResult | None:
    """Return the result in an `act:` record's body; None when it isn't one, whatever is wrong."""
    data = _load(body, "result")
    if data is None:
        return None
    try:
        return ActionResult(
            outputs=decode_manifest(data["outputs"]),
            discovered=_texts(data["discovered"]),
            provided=tuple((_text(name), _text(value)) for name, value in data["provided"]),
            stdout=_log(data["stdout"]),
            stderr=_log(data["stderr"]),
            duration_s=float(data["duration_s"]),
            cpu_s=float(data["cpu_s"]),
            stage=_text(data["stage"]),
            created_s=int(data["created_s"]),
            is_disputed=data.get("disputed") is True,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def encode_hint(lists: Iterable[Iterable[str]], duration_s: float, output_bytes: int) -> bytes:
    """Return what is known under a weak key: lists of discovered inputs, newest first, and costs."""
    return _dump(
        {
            "version": VERSION,
            "kind": "hint",
            "discovered": [list(paths) for paths in lists],
            "duration_s": duration_s,
            "output_bytes": output_bytes,
        }
    )


def decode_hint(body: bytes) -> tuple[tuple[tuple[str, ...], ...], float, int] | None:
    """Return lists of discovered inputs, duration in seconds and output size; None if malformed."""
    data = _load(body, "hint")
    if data is None:
        return None
    try:
        lists = tuple(_texts(paths) for paths in data["discovered"])
        return lists, float(data["duration_s"]), int(data["output_bytes"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


@frozen
class NearResult:
    """What a result in the cache was made from, for comparing; `key` is that of its record."""

    key: str
    created_s: int  # unix seconds
    components: tuple[Component, ...]


def near_key(stage_name: str, slot: int) -> str:
    """Return where one of the results of a stage is noted for comparing."""
    return xxh3_128_hexdigest(b"near %d %b" % (slot, stage_name.encode("utf-8", "surrogatepass")))


def near_slot(key: str, before: str = "") -> int:
    """Return the slot for the result under an action key; not that of the result `before` it."""
    slot = int(key[-2:], 16) % NEAR_SLOTS
    if before and before != key and int(before[-2:], 16) % NEAR_SLOTS == slot:
        return (slot + 1) % NEAR_SLOTS
    return slot


def encode_near(result: NearResult) -> bytes | None:
    """Return a result for comparing as the body of an `act:` record; None when it is too large for that."""
    if len(result.components) > _MOST_COMPONENTS:
        return None
    body = _dump(
        {
            "version": VERSION,
            "kind": "near",
            "key": result.key,
            "created_s": result.created_s,
            "components": [list(one) for one in result.components],
        }
    )
    return b"z" + zlib.compress(body, 1) if len(body) > _COMPRESS_FROM_BYTES else body


def decode_near(body: bytes) -> NearResult | None:
    """Return the result for comparing in a record's body; None when it isn't one, whatever is wrong."""
    if body[:1] == b"z":
        try:
            inflater = zlib.decompressobj()
            body = inflater.decompress(body[1:], _LARGEST_RECORD)
        except zlib.error:
            return None
    data = _load(body, "near")
    if data is None:
        return None
    try:
        components = [
            (_text(kind), _text(name), _text(digest)) for kind, name, digest in data["components"]
        ]
        return NearResult(_text(data["key"]), int(data["created_s"]), tuple(components))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def references(body: bytes) -> tuple[str, ...]:
    """Return the digests of the blobs that a record needs; for garbage collection."""
    result = decode_result(body)
    return tuple(digest for digest, _ in result.blobs) if result is not None else ()


def _dump(data: dict[str, Any]) -> bytes:
    return _ENCODE(data).encode("ascii")


def _load(body: bytes, kind: str) -> dict[str, Any] | None:
    if len(body) > _LARGEST_RECORD:
        return None
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("version") != VERSION or data.get("kind") != kind:
        return None
    return data


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(value)
    return tuple(_text(item) for item in value)


def _log(value: object) -> LogBlob:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError(value)
    digest, size = _text(value[0]), value[1]
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise TypeError(value)
    if digest and (len(digest) != 32 or not set(digest) <= set("0123456789abcdef")):
        raise ValueError(digest)
    return LogBlob(digest, size)
