"""Whatever a Makefile holds: reading it ends, and what is written is a Stagefile that loads."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stagemake.manager import StageManager
from stagemake.start.first_stagefile import first_stagefile

LINES = (
    "A = x y", "B := $(A:.c=.o)", "A += $(B)", "C ?= $(shell x)", "B = $(wildcard *.c)", "D = $(B:%.c=d/%.o)", "export A", "all: app $(D)",
    "app: $(D) | d", "\t$(CC) -o $@ $^", "d/%.o: %.c", "\t$(CC) $(A) -c $< -o $@", "d:", "\tmkdir -p $@", "%.o: %.c", "%: %.x", ".PHONY: all clean",
    "clean:", "\trm -f app", "ifeq (1,2)", "else", "endif", "define X", "endef", "a b: c", "a: b", "b: a", "\techo '$*' \"$(@D)\" {inputs} \\", "\t  more",
    "include Makefile", "-include x.d", "all: A = 3", "d/%.o: B += 1", "x:: y", "a.o b.o: %.o: %.c a.h", ".c.o:", "$(eval a: b)", "$(A): $(D)", "SHELL = bash",
    ".DEFAULT_GOAL = b", "p q &: c ; touch p q", "\t@-+cat $+ > $@ # $?", "FORCE:", "e: FORCE", "../f: /etc/passwd", "d/e/f: d", "\ttouch $@", "d/e: a.c",
)  # fmt: skip
WORDS = (
    "$",
    "$(",
    ")",
    "%",
    ":",
    "=",
    "\t",
    "\n",
    "\\\n",
    "#",
    "|",
    "{",
    '"',
    "'",
    "\x00",
    "ü",
    "::",
    " ",
)


@st.composite
def makefiles(draw: st.DrawFn) -> str:
    text = "\n".join(draw(st.lists(st.sampled_from(LINES), max_size=16))) + "\n"
    for word in draw(st.lists(st.sampled_from(WORDS), max_size=3)):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + word + text[at:]
    return text


@settings(max_examples=150, deadline=None)
@given(makefiles())
def test_any_makefile_gives_a_stagefile_that_loads(text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for name in ("a.c", "b.c", "c", "a.h"):
            (root / name).write_text("")
        (root / "Makefile").write_text(text)

        made = first_stagefile(directory, {"A": "set"}, {"list"}, from_make=True)

        (root / "Stagefile").write_text(made.text)
        manager = StageManager(directory)
        manager.load("Stagefile")
        manager.build_pipeline([stage.name for stage in manager.get_stages()])
        assert made == first_stagefile(directory, {"A": "set"}, {"list"}, from_make=True)
