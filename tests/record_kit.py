"""Records of `freshness.noop` made by hand, for what compares them."""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_digest

from stagemake.freshness import noop
from stagemake.freshness.signature import link_signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOOL = ("0.1", "a tool")


def row(root: str, path: str) -> tuple[tuple[int, ...] | None, bytes]:
    """Return signature and digest of what is at a path now."""
    full = path if path.startswith("/") else f"{root}/{path}"
    if os.path.islink(full) or not os.path.isfile(full):
        return link_signature(full), noop.NO_DIGEST
    with open(full, "rb") as stream:
        kind = b"x" if os.access(full, os.X_OK) and os.stat(full).st_mode & 0o100 else b"f"
        return link_signature(full), kind + xxh3_128_digest(stream.read())


def graph(
    upstream: Mapping[str, Iterable[str]], ids: Mapping[str, Iterable[int]], targets: Iterable[str] = ()
) -> bytes:  # fmt: skip
    """Return the column GRAPH: by stage what it waits for, and the ids of its paths."""
    names = tuple(upstream)
    by_name = {name: at for at, name in enumerate(names)}
    edges = tuple(tuple(by_name[one] for one in upstream[name]) for name in names)
    own = tuple(tuple(ids[name]) for name in names)
    return marshal.dumps((names, edges, own, tuple(by_name[one] for one in targets), ()))


def record(root: str, guards: Iterable[str], own: Iterable[str], /, **columns: Any) -> noop.Record:
    """Return a record as it is written, of what is at these paths now; `columns` by their names in lower case."""
    guards = tuple(guards)
    every = (*guards, *own)
    rows = [row(root, path) for path in every]
    found = {
        "tool": TOOL, "root": root, "environment": (), "answers": (), "observed": (), "listings": (), "globs": (),
        "searched": (), "names": frozenset(), "paths": every, "signatures": tuple(known for known, _ in rows),
        "guards": len(guards), "covers_all": True, "open": (), "graph": graph({}, {}),
        "digests": b"".join(digest for _, digest in rows), "declared": -1,
    }  # fmt: skip
    assert columns.keys() <= found.keys()
    return (*{**found, **columns}.values(),)
