"""Names inside the cache and the seal on records: what makes a row ours, and a record intact."""

from __future__ import annotations

import re
import struct

import xxhash

RECORD_PREFIX = "act:"
BLOB_PREFIX = "blob:"

_MAGIC = b"SMA1"
_HEADER = struct.Struct("<4sQ16s")
OVERHEAD_BYTES = _HEADER.size

_HEX = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"(?:act|blob):[0-9a-f]{32}")
_VALUE_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val")


def is_digest(text: object) -> bool:
    """Tell whether `text` is 32 lower-case hex digits."""
    return type(text) is str and _HEX.fullmatch(text) is not None


def is_key(text: object) -> bool:
    """Tell whether `text` is a namespaced key, as stored in the database."""
    return type(text) is str and _KEY.fullmatch(text) is not None


def is_value_name(text: object) -> bool:
    """Tell whether `text` names a value file inside the cache and nothing else."""
    return type(text) is str and _VALUE_NAME.fullmatch(text) is not None


def digest_of(data: bytes) -> str:
    """Return the xxh3-128 of `data` in hex."""
    return xxhash.xxh3_128_hexdigest(data)


def seal(key: str, body: bytes) -> bytes:
    """Return `body` with a header that binds it to its length, its bytes and its namespaced key."""
    return _HEADER.pack(_MAGIC, len(body), _checksum(key, body)) + body


def unseal(key: str, sealed: bytes) -> bytes | None:
    """Return the body that was sealed under `key`; None when anything about it differs."""
    if len(sealed) < OVERHEAD_BYTES:
        return None
    magic, length, checksum = _HEADER.unpack_from(sealed)
    body = sealed[OVERHEAD_BYTES:]
    if magic != _MAGIC or length != len(body) or checksum != _checksum(key, body):
        return None
    return body


def _checksum(key: str, body: bytes) -> bytes:
    hasher = xxhash.xxh3_128(key.encode() + b"\0")
    hasher.update(body)
    return hasher.digest()
