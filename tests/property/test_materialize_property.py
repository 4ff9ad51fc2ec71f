from __future__ import annotations

import os
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.materialize import Restored, restore
from stagemake.model.entry import (
    OutputFile,
    check_manifest,
    decode_manifest,
    encode_manifest,
    entries_of,
)
from stagemake.staged import Contents

names = st.one_of(
    st.sampled_from(["a", "b", "a b", "ü", "-rf", "a\n", "caf\udce9", "\x1b[2J", "a.b", "a-"]),
    st.text(
        st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]),
        min_size=1,
        max_size=8,
    ),
).filter(lambda name: name not in {".", "..", ".stagemake"} and len(os.fsencode(name)) < 200)
leaves = st.one_of(
    st.tuples(st.sampled_from(["file", "executable"]), st.binary(max_size=40)),
    st.tuples(st.just("symlink"), names),
)
trees = st.recursive(leaves, lambda inner: st.dictionaries(names, inner, max_size=4), max_leaves=12)
outputs_strategy = st.dictionaries(names, trees, min_size=1, max_size=3)


def rows_of(outputs, blobs):
    """Return the manifest of nested dictionaries: name -> (kind, contents) or dictionary."""
    rows, waiting = [], list(outputs.items())
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            rows.append(OutputFile(path, "directory"))
            waiting.extend((f"{path}/{name}", inner) for name, inner in node.items())
        elif node[0] == "symlink":
            rows.append(OutputFile(path, "symlink", target=node[1]))
        else:
            digest = xxh3_128_hexdigest(node[1])
            blobs[digest] = node[1]
            rows.append(OutputFile(path, node[0], digest, len(node[1])))
    return tuple(sorted(rows, key=lambda row: row.path))


@settings(max_examples=120, deadline=None)
@given(old=outputs_strategy, new=outputs_strategy, reads=st.booleans())
def test_what_is_restored_over_anything_is_what_the_manifest_says(old, new, reads):
    blobs = {}

    def fetch(digest, size_bytes, target, mode):
        durable.write_new(target, blobs[digest], mode)
        return True

    with tempfile.TemporaryDirectory() as root:
        for outputs in (old, new):
            manifest = rows_of(outputs, blobs)
            declared = [
                f"{name}/" if isinstance(node, dict) else name for name, node in outputs.items()
            ]

            holding = durable.Holding(root)
            contents = Contents(fetch, (lambda digest, _: blobs[digest]) if reads else None)
            ended = restore(manifest, declared, contents, holding=holding)
            holding.close()

            digester = Digester(root)
            assert ended is Restored.DONE
            assert {path: digester.output_entry(path) for path in outputs} == entries_of(manifest)
            scanned = []
            for path in declared:
                scanned += digester.scan_output(path, declared_dir=path.endswith("/"))
            assert tuple(sorted(scanned, key=lambda row: row.path)) == manifest
        assert set(os.listdir(root)) == set(old) | set(new)


@given(outputs_strategy)
def test_manifests_are_sound_and_survive_encoding(outputs):
    manifest = rows_of(outputs, {})

    check_manifest(manifest)

    assert decode_manifest(encode_manifest(manifest)) == manifest


cells = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.just("file"), st.just("0" * 32))
paths = st.lists(st.sampled_from(["..", "a", "b", "", ".", "~", "a\0"]), max_size=5).map("/".join)


@given(st.lists(st.one_of(cells, st.tuples(paths, cells, cells, cells, cells)), max_size=4))
def test_whatever_decodes_lies_below_the_root(data):
    try:
        manifest = decode_manifest(data)
    except ValueError:
        return

    for row in manifest:
        assert os.path.normpath(f"/root/{row.path}") == f"/root/{row.path}"
