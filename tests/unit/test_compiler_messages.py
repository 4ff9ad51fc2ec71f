"""Which lines of a log are about a line of a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.report.compiler_messages import Message, messages


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a/b.c:3:5: error: expected ';'", Message("a/b.c", 3, 5, "error", "expected ';'")),
        ("a.c:3:5: fatal error: x.h: no", Message("a.c", 3, 5, "error", "x.h: no")),
        ("a.c:3:5: warning: unused [-W]", Message("a.c", 3, 5, "warning", "unused [-W]")),
        ("a.py:12: error: bad  [arg]", Message("a.py", 12, 0, "error", "bad  [arg]")),
        ("a.py:1:2: F401 `os` unused", Message("a.py", 1, 2, "", "F401 `os` unused")),
        ("pages/x.md:30: no heading", Message("pages/x.md", 30, 0, "", "no heading")),
        ("s.ts(3,5): error TS2322: no", Message("s.ts", 3, 5, "error", "no")),
        ("  my dir/a.c:1:1: error: x", Message("my dir/a.c", 1, 1, "error", "x")),
    ],
)
def test_messages_of_tools_are_found(line: str, expected: Message) -> None:
    assert list(messages(f"before\n{line}\nafter: 3\n")) == [expected]


@pytest.mark.parametrize(
    "line", ["a.c:3:5: note: declared here", "hello", "12:30:45", "a.c:3", "x" * 9000 + ".c:1: a"]
)
def test_others_are_not(line: str) -> None:
    assert list(messages(line)) == []


def test_a_traceback_is_at_each_of_its_frames_innermost_first() -> None:
    text = """\
Traceback (most recent call last):
  File "/p/Stagefile", line 6, in f
    g()
  File "/usr/lib/python3/json.py", line 9, in g
    raise ValueError("no rows")
ValueError: no rows
a.c:1:1: error: x
"""

    assert list(messages(text)) == [
        Message("/usr/lib/python3/json.py", 9, 0, "error", "ValueError: no rows"),
        Message("/p/Stagefile", 6, 0, "error", "ValueError: no rows"),
        Message("a.c", 1, 1, "error", "x"),
    ]


@given(st.text())
def test_any_text_is_fine(text: str) -> None:
    for message in messages(text):
        assert message.path
        assert message.text.strip()
