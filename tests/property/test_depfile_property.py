from __future__ import annotations

import os
import re

from hypothesis import example, given
from hypothesis import strategies as st

from stagemake.fingerprint.depfile import parse_depfile

# No name ends in a backslash or holds a line's end: Make's syntax can't say it. Nor a backslash before
# a colon, which compilers of different ages quote differently.
names = st.one_of(
    st.text(st.sampled_from("ab \t$#\\:%ü."), min_size=1, max_size=8),
    st.binary(min_size=1, max_size=6).map(os.fsdecode),
).filter(lambda name: not re.search(r"[\0\r\n]|\\$|\\:|:$|^:", name))


def quoted(name):
    name = name.replace("$", "$$")
    name = re.sub(r"(\\*)([ \t])", r"\1\1\\\2", name)
    return name.replace("#", "\\#")


@given(
    rules=st.lists(
        st.tuples(st.lists(names, min_size=1, max_size=3), st.lists(names, max_size=5)), max_size=4
    ),
    gap=st.sampled_from([" ", " \\\n  ", "\t", " \\\r\n "]),
    end=st.sampled_from(["\n", "\r\n", "\n\n"]),
)
@example(rules=[(["a"], ["b\\ c"])], gap=" ", end="\n")
def test_what_was_written_is_read(rules, gap, end):
    text = "".join(
        gap.join(map(quoted, targets)) + ":" + "".join(gap + quoted(name) for name in sources) + end
        for targets, sources in rules
    )

    found = parse_depfile(os.fsencode(text))

    assert found == tuple(dict.fromkeys(name for _, sources in rules for name in sources))


@given(st.text(st.sampled_from("ab:/. \t\n\r\\"), max_size=30))
@example("a:b\\\nc d\n\n e : f")
def test_what_is_quoted_elsewhere_changes_nothing_of_what_is_read(text):
    """Files without anything quoted are read another, quicker way."""
    text = re.sub(r"\\(?!\n)", "", text)  # only lines that go on

    def read(data):
        try:
            return parse_depfile(data.encode())
        except ValueError as error:
            return str(error)

    plain, slow = read(f"{text}\nz: y\n"), read(f"{text}\nz: $$\n")

    if isinstance(plain, str):
        assert plain == slow
    else:
        assert (*plain[:-1], "$") == slow


@given(st.one_of(st.binary(), st.text(st.sampled_from("a:\\ \n#$\r\t")).map(str.encode)))
def test_nothing_but_a_value_error_comes_of_any_bytes(data):
    try:
        found = parse_depfile(data)
    except ValueError:
        return

    assert len(set(found)) == len(found)
    assert all(found)
