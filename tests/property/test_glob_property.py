from __future__ import annotations

import fnmatch
import os
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake.stagefile.glob import expand

names = st.sampled_from(["a", "b", "ab", ".h", "a.c", "b.c", "[a]"])
trees = st.dictionaries(
    names,
    st.recursive(st.none(), lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=8),
    max_size=4,
)
patterns = st.lists(
    st.sampled_from(["a", "*", "**", "?", "*.c", "[ab]", ".*", "[[]a]", "a*"]),
    min_size=1,
    max_size=4,
).map("/".join)


def build(root, tree):
    for name, inner in tree.items():
        path = os.path.join(root, name)
        if inner is None:
            with open(path, "w"):
                pass
        else:
            os.mkdir(path)
            build(path, inner)


def matches(parts, components):
    """Say it the slow way: try every split for `**`."""
    if not components:
        return not parts
    if components[0] == "**":
        if matches(parts, components[1:]) and (parts or len(components) > 1):
            return True
        return (
            bool(parts)
            and parts[0][0] != "."
            and ((len(components) == 1 and len(parts) == 1) or matches(parts[1:], components))
        )
    if not parts or (parts[0][0] == "." and components[0][0] != "."):
        return False
    return fnmatch.fnmatchcase(parts[0], components[0]) and matches(parts[1:], components[1:])


@settings(max_examples=200, deadline=None)
@given(tree=trees, pattern=patterns, wants_dirs=st.booleans(), exclude=st.none() | patterns)
def test_it_finds_what_a_walk_over_everything_finds(tree, pattern, wants_dirs, exclude):
    with tempfile.TemporaryDirectory() as root:
        build(root, tree)
        everything = []
        for directory, directories, files in os.walk(root):
            found_here = directories if wants_dirs else files
            everything += [os.path.relpath(f"{directory}/{name}", root) for name in found_here]

        found, visited = expand(
            root, "", pattern + "/" * wants_dirs, exclude=[exclude] if exclude else []
        )

        def dropped(path):
            parts = path.split("/")
            return exclude and any(
                matches(parts[:end], exclude.split("/")) for end in range(1, len(parts) + 1)
            )

        expected = [
            path
            for path in everything
            if matches(path.split("/"), pattern.split("/")) and not dropped(path)
        ]
        assert list(found) == sorted(expected)
        if any(
            mark in pattern.split("/")[-1] for mark in "*?["
        ):  # else only that name is looked for
            assert {os.path.dirname(path) or "." for path in found} <= set(visited)
