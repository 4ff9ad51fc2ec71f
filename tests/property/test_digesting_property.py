from __future__ import annotations

import os
import tempfile
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake import durable
from stagemake.digesting import Digester
from stagemake.freshness.signature import FileClock

paths = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a"])
edits = st.one_of(
    st.tuples(st.just("write"), paths, st.sampled_from(["one", "two", "three"])),
    st.tuples(st.just("write in place, old time"), paths, st.sampled_from(["one", "two"])),
    st.tuples(st.just("remove"), paths, st.just("")),
    st.tuples(st.just("link"), paths, st.sampled_from(["a", "../a", "d", "."])),
    st.tuples(st.just("chmod"), paths, st.sampled_from(["755", "644"])),
    st.tuples(st.just("swap"), paths, paths),
    st.tuples(st.just("new build"), st.just(""), st.just("")),
)
WATCHED = ["a", "b", "d", "d/a", "d/e", "d/e/a", "gone"]


def apply(root, edit, path, argument):
    full = f"{root}/{path}"
    os.makedirs(os.path.dirname(full), exist_ok=True)
    if edit.startswith("write") and not os.path.islink(full):
        before = os.stat(full) if os.path.exists(full) else None
        with open(full, "w") as file:
            file.write(argument)
        if before and "old time" in edit:
            os.utime(full, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif not os.path.lexists(full):
        if edit == "link":
            os.symlink(argument, full)
    elif edit in {"remove", "link"}:
        os.unlink(full)
    elif edit == "chmod" and not os.path.islink(full):
        os.chmod(full, int(argument, 8))
    elif edit == "swap" and os.path.lexists(f"{root}/{argument}") and path != argument:
        os.rename(full, f"{root}/swap")
        os.rename(f"{root}/{argument}", full)
        os.rename(f"{root}/swap", f"{root}/{argument}")


@settings(max_examples=350, deadline=None)  # some 2 000 edits
@given(st.lists(edits, max_size=12))
def test_a_remembering_digester_says_what_a_fresh_one_says(history):
    with tempfile.TemporaryDirectory() as place:
        root, probe = f"{place}/project", f"{place}/probe"
        os.mkdir(root)
        memo = {}
        digester = Digester(root, memo, FileClock(probe, durable.touch))
        for edit, path, argument in history:
            if edit == "new build":
                digester.settle(time.monotonic() + 5)
                digester = Digester(root, memo, FileClock(probe, durable.touch))
            else:
                apply(root, edit, path, argument)
                digester.forget([path, argument] if edit == "swap" else [path])

            fresh = Digester(root)
            assert digester.entries(WATCHED) == fresh.entries(WATCHED)
            assert digester.output_entries(WATCHED) == fresh.output_entries(WATCHED)
