"""`init --from-make`: what it translates gives what make gives; what it can't translate it lists."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from attrs import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or shutil.which("gcc") is None, reason="no make or no gcc here"
)

MAIN = '#include "a.h"\nint f(void);\nint main(void) { return f() - A; }\n'
FILES = {
    "main.c": MAIN, "f.c": "int f(void) { return 1; }\n", "a.h": "#define A 1\n", "one.txt": "one\n", "two.txt": "two\n",
    "src/main.c": '#include "../a.h"\nint f(void);\nint main(void) { return f() - A; }\n', "src/f.c": "int f(void) { return 1; }\n",
}  # fmt: skip
MADE_BY_US = {"Stagefile", ".stagemake", "Makefile"}


@frozen
class Case:
    """A Makefile, what is said to be left out of it, and whether a second build has nothing to do."""

    name: str
    text: str
    left_out: tuple[str, ...] = ()
    again: str = "stagemake: up to date\n"
    without: tuple[str, ...] = ()  # what make makes and the Stagefile does not


CASES = (
    Case("an explicit rule", "a.txt: one.txt two.txt\n\tcat $^ > $@\n"),
    Case("automatic variables", "d/a.txt: one.txt two.txt one.txt\n\tmkdir -p $(@D)\n\techo $(@F) $(<F) $^ $+ $< > $@\n"),
    Case("a recipe behind the semicolon", "a.txt: one.txt ; cp $< $@\n"),
    Case("several targets of one rule", "all: a b\na b: one.txt\n\tcat $< > $@; echo $@ >> $@\n"),
    Case("grouped targets", "all: a b\na b &: one.txt\n\tcp one.txt a\n\tcp one.txt b\n"),
    Case("each line in a shell of its own", 'a: one.txt\n\t@cd src && true\n\tX=1; cat one.txt > $@\n\techo "[$$X]" >> $@\n'),
    Case("lines that go on", "a: one.txt \\\n   two.txt\n\tcat one.txt \\\n\t  two.txt > $@\n\techo 'x \\\n\ty' >> $@\n"),
    Case("failures that don't count", "a: one.txt\n\t-false\n\t-cat absent one.txt > $@ 2>/dev/null\n\techo end >> $@\n"),
    Case("a comment in a recipe", "a: one.txt # here\n\tcat $< > $@ # and here\n\techo b >> $@\n"),
    Case("dollars and braces", "a: one.txt\n\tfor i in 1 2; do echo $$i $${i}; done > $@\n\tawk '{print $$1}' $< >> $@\n"),
    Case("braces beside a variable", "W = word\na: one.txt\n\tawk '{print $$1, \"$(W)\"}' $< > $@\n"),
    Case("kinds of assignment", "A = $(B)\nB := 1\nB += 2\nC ?= 3\nC ?= 4\nD ::= $(B)x\nB = 5\na: one.txt\n\techo $(A) $(B) $(C) $(D) > $@\n"),
    Case("a default of several parts", "B = 1\nA ?= $(B)x\na: one.txt\n\techo $(A) > $@\n"),
    Case("functions", (
        "S = $(sort two.txt one.txt one.txt)\nall: $(patsubst %.txt,%.up,$(S)) b\n%.up: %.txt\n\ttr a-z A-Z < $< > $@\n"
        "b: $(wildcard *.txt)\n\techo $(notdir src/f.c) $(basename src/f.c) $(addprefix x/,$(S)) $(addsuffix .x,$(S)) $(subst t,T,$(S)) > $@\n"
        "\techo $(dir src/f.c f.c) $(suffix a.b c) $(filter %.txt,$^ x) $(filter-out o%,$(S)) $(firstword $(S)) $(strip  a  b ) >> $@\n"
    )),
    Case("substitution references", "S := main.c f.c\nO := $(S:.c=.x)\nP := $(S:%.c=out-%)\na: $(S)\n\techo $(O) $(P) > $@\n"),
    Case("objects by the built-in rule", "app: main.o f.o\n\t$(CC) -o $@ $^\nmain.o f.o: a.h\n"),
    Case("a program by the built-in rule", "CFLAGS = -O1\nmain: main.o f.o\n"),
    Case("a program straight from its source", ".PHONY: all\nall: solo\n"),
    Case("a pattern rule over a wildcard", (
        "SRC := $(wildcard src/*.c)\nOBJ := $(SRC:src/%.c=build/%.o)\nall: bin/app\nbin/app: $(OBJ) | bin\n\t$(CC) -o $@ $(OBJ)\n"
        "build/%.o: src/%.c a.h | build\n\t$(CC) $(CFLAGS) -c -o $@ $<\nbuild bin:\n\tmkdir -p $@\n"
    )),
    Case("objects beside the sources", "OBJ = $(patsubst %.c,%.o,$(wildcard src/*.c))\napp: $(OBJ)\n\tcc -o $@ $^\n%.o: %.c\n\tcc -c -o $@ $<\n"),
    Case("a static pattern", "O = main.o f.o\napp: $(O)\n\tcc $^ -o $@\n$(O): %.o: %.c a.h\n\tcc -c $< -o $@ -DNAME=$*\n"),
    Case("a suffix rule", ".SUFFIXES: .txt .up\nall: one.up two.up\n.txt.up:\n\ttr a-z A-Z < $< > $@\n"),
    Case("depfiles", "CFLAGS = -MMD -MP -O2\nO = main.o f.o\napp: $(O)\n\t$(CC) -o $@ $^\n-include $(O:.o=.d)\n", without=("main.d", "f.d")),
    Case("the shortest stem wins", "all: a.out.up b.up\n%.up: one.txt\n\techo long $* > $@\n%.out.up: one.txt\n\techo short $* > $@\n"),
    Case("a chain of patterns", "all: one.c2\n%.b2: %.txt\n\tcp $< $@\n%.c2: %.b2\n\tcp $< $@\n", without=("one.b2",)),
    Case("a goal that is named", "first: ; touch first\n.DEFAULT_GOAL := second\nsecond: one.txt\n\tcp $< $@\n"),
    Case("an included file", "include more.mk\nall: $(WHAT)\n", left_out=()),
    Case("an exported variable", 'export WORD = w x\na: one.txt\n\techo "$$WORD" > $@\n'),
    Case("another shell", "SHELL := /bin/bash\na: one.txt\n\t[[ -e $< ]] && cp $< $@\n"),
    Case("variables of the target's own name", "T = prog\n$(T): main.c f.c\n\tcc -o $(T) main.c f.c\n"),
    Case("headers behind a header", "all: x\na.h: one.txt\nx: a.h main.c\n\tcat $^ > $@\n"),
    Case("a phony that cleans", ".PHONY: clean\na: one.txt\n\tcp $< $@\nclean:\n\trm -f a\n\t-rm -rf b\n"),
    Case("a target that is always made", "all: a\na: one.txt FORCE\n\tcp one.txt $@\nFORCE:\n", again="[1/1] ran       a  <time>\nstagemake: done, 1 stage: 1 ran in <time>\n"),
    Case("younger prerequisites", "l.a: main.o f.o\n\tar rc $@ $?\n\techo $(?F) > $@.txt\n"),
    Case("a file that is only touched", "all: f.c a\n\ttouch all\na: one.txt\n\tcp $< $@\nf.c: one.txt\n\ttouch $@\n"),
    Case("a task that needs a task", "all: a\na: one.txt\n\tcp $< $@\ncheck: tests\ntests: a\n\tcmp a one.txt\ninstall: tests\n\tinstall -d . && install a .\n"),
    Case("portable make", ".POSIX:\n.SUFFIXES:\n.SUFFIXES: .c .o\napp: main.o f.o\n\t$(CC) $(LDFLAGS) -o $@ main.o f.o\n.c.o:\n\t$(CC) -c $(CFLAGS) -o $@ $<\n\techo $(CC) $(CFLAGS) > flags\n", without=("flags",)),
    # -- what is left out ------------------------------------------------------------------------
    Case("a conditional", "ifeq ($(X),1)\nF = -1\nelse\nF = -2\nendif\nall: a b\na: one.txt\n\techo $(F) > $@\nb: one.txt\n\tcp $< $@\n", (
        "Makefile:1: the conditional `ifeq ($(X),1)`, and what is in it up to line 5", "Makefile:7: `a`: `F` is set by a conditional",
    ), without=("a",)),
    Case("a conditional with tabs", "F = 1\nifeq ($(X),1)\n\tifdef Y\n\tF += 2\n\tendif\nendif\nall: a b\na: one.txt\n\techo $(F) > $@\nb: one.txt\n\tcp $< $@\n", (
        "Makefile:2: the conditional `ifeq ($(X),1)`, and what is in it up to line 6", "Makefile:8: `a`: `F` is set by a conditional",
    ), without=("a",)),
    Case("lines that end at a failure", ".POSIX:\nall: a b\na: one.txt\n\ttrue; cp $< $@\nb: one.txt\n\tcp $< $@ && test -s $@\n", (
        "Makefile:3: `a`: `.POSIX` ends a line at the first of its commands that fails",
    ), without=("a",)),
    Case("a rule in a conditional", "all: a b\nb: one.txt\n\tcp $< $@\nifdef X\na: one.txt\n\tcp $< $@\nelse\na: two.txt\n\tcp $< $@\nendif\n", (
        "Makefile:4: the conditional `ifdef X`, and what is in it up to line 10", "Makefile:4: `a`: its rule is inside a conditional",
    ), without=("a",)),
    Case("programs' output", "V := $(shell echo 1)\nW != echo 2\nall: a b c\na: one.txt\n\techo $(V) > $@\nc: one.txt\n\techo $(W) > $@\nb: one.txt\n\tcp $< $@\n", (
        "Makefile:1: `V := $(shell echo 1)`: the function `$(shell …)`", "Makefile:2: `W != echo 2`: it runs a program",
        "Makefile:4: `a`: `V` is not known: the function `$(shell …)`", "Makefile:6: `c`: `W` is what a program prints",
    ), without=("a", "c")),
    Case("make in make", "all: a b\nb: one.txt\n\tcp $< $@\na: one.txt\n\t$(MAKE) -f /dev/null -n; touch $@\n", ("Makefile:4: `a`: `$(MAKE)`",), without=("a",)),
    Case("define and eval", "define BODY\nb: one.txt\n\tcp one.txt b\nendef\n$(eval $(BODY))\na: one.txt\n\tcp $< $@\nall: a b\n", (
        "Makefile:1: `define BODY`, and what is in it up to line 4", "Makefile:5: `$(eval $(BODY))`: the function `$(eval …)`", "`b`: it is not there, and no rule makes it",
    ), again="stagemake: up to date\n", without=("b",)),
    Case("double colons", "all: a b\na:: one.txt\n\tcat $< > $@\na:: two.txt\n\tcat $< >> $@\nb: one.txt\n\tcp $< $@\n", ("Makefile:2: `a`: double-colon rules",), without=("a",)),
    Case("a variable for one target", "W = 1\nall: a b\na: W = 2\na: one.txt\n\techo $(W) > $@\nb: one.txt\n\techo $(W) > $@\n", (
        "Makefile:3: `a: W = 2`: a variable for one target", "Makefile:4: `a`: `W` has another value for it",
    ), without=("a",)),
    Case("what needs what is left out", "all: a b\nx: one.txt\n\techo $(MAKE) > $@\na: x\n\tcp $< $@\nb: one.txt\n\tcp $< $@\n", (
        "Makefile:2: `x`: `$(MAKE)`", "Makefile:4: `a`: it needs `x`, which is left out",
    ), without=("a", "x")),
    Case("a recipe that does not name its file", "all: a b\nn.up: one.txt\n\tsh mk.sh\na: n.up\n\tcp $< $@\nb: one.txt\n\tcp $< $@\n", (
        "Makefile:2: `n.up`: its recipe does not name the file that it should make", "Makefile:4: `a`: it needs `n.up`, which is left out",
    ), without=("a", "n.up")),
    Case("a pattern with two targets", "all: q.xx b\n%.xx %.yy: one.txt\n\tcp one.txt $*.xx; cp one.txt $*.yy\nb: one.txt\n\tcp $< $@\n", ("Makefile:2: `q.xx`: a pattern rule with several targets",), without=("q.xx", "q.yy")),
    Case("outside the project", "all: b ../x\n../x:\n\ttouch $@\nb: one.txt\n\tcp $< $@\n", ("Makefile:1: `all`: the path `../x` needs quotes or leads outside", "Makefile:2: `../x`: the path `../x` needs quotes or leads outside")),
    Case("shell patterns as prerequisites", "all: a b\na: *.txt\n\tcat $^ > $@\nb: one.txt\n\tcp $< $@\n", ("Makefile:2: `a`: a file name with `*`, `?`, `[`, `~` or parentheses",), without=("a",)),
    Case("a circle", "all: b\nx: y\n\tcp $< $@\ny: x\n\tcp $< $@\nb: one.txt\n\tcp $< $@\n", ("Makefile:2: `x`: it needs itself", "Makefile:4: `y`: it needs itself")),
    Case("an include that is not there", "include absent.mk\nall: b\nb: one.txt\n\tcp $< $@\n", ("Makefile:1: `include absent.mk`: it is not there",), without=("b",)),
)  # fmt: skip

REFUSED = {
    ".ONESHELL:\na: one.txt\n\tcp $< $@\n": ("Makefile:1: `.ONESHELL`", "Makefile:2: `a`: `.ONESHELL` changes how recipes are read"),
    ".RECIPEPREFIX = >\na: one.txt\n> cp $< $@\n": (
        "Makefile:1: `.RECIPEPREFIX = >`: everything below depends on it", "Makefile:3: `> cp $< $@`: neither a rule nor an assignment",
    ),
    "export\na: one.txt\n\tcp $< $@\n": (
        "Makefile:1: `export`: it passes every variable to every recipe", "Makefile:2: `a`: `export` passes every variable to every recipe",
    ),
    ".SECONDEXPANSION:\na: $$(X)\n\tcp one.txt $@\n": ("Makefile:1: `.SECONDEXPANSION`", "Makefile:2: `a`: a file name with `*`, `?`, `[`, `~` or parentheses"),
    "VPATH = src\na.o: g.c\n\tcc -c $< -o $@\n": (
        "Makefile:1: `VPATH = src`: everything below depends on it", "Makefile:2: `a.o`: `VPATH` is set", "`g.c`: it is not there, and no rule makes it",
    ),
}  # fmt: skip


def make(root: Path, base: Path) -> None:
    """Run make itself on a copy of the files."""
    env = {"PATH": os.environ["PATH"], "HOME": str(base), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    subprocess.run(
        ["make", "-k", "-s"], cwd=root, env=env, capture_output=True, timeout=60, check=False
    )


def files(root: Path) -> dict[str, bytes]:
    """Return the contents below a directory, without what is ours."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in MADE_BY_US
    }


def left_out(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^left out: (.*)$", text, re.MULTILINE))


def lay_out(project: Project, text: str) -> None:
    for path, content in FILES.items():
        project.write(path, content)
    project.write("solo.c", "int main(void) { return 0; }\n").write(
        "more.mk", "WHAT = one.copy\n%.copy: %.txt\n\tcp $< $@\n"
    )
    project.write("mk.sh", "cp one.txt n.up\n").write("Makefile", text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_translated_gives_what_make_gives(project: Project, case: Case) -> None:
    lay_out(project, case.text)
    copy = project.base / "by-make"
    shutil.copytree(project.root, copy)
    sources = files(copy)
    make(copy, project.base)

    said = project.build("init", "--from-make")
    built = project.build()

    assert left_out(said.stderr) == case.left_out, said.stderr
    assert said.exit_code == 0
    assert built.exit_code == 0, project.read("Stagefile") + built.stderr
    for path in case.without:
        (copy / path).unlink(missing_ok=True)
    ours, theirs = files(project.root), files(copy)
    assert {path: ours.get(path) for path in theirs} == theirs, project.read("Stagefile")
    assert set(theirs) > set(sources) or case.left_out
    assert project.build().stderr == case.again
    for line in case.left_out:  # the file says it as well
        assert " ".join(line.split()) in re.sub(r"\n#\s+", " ", project.read("Stagefile"))


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text.split("\n", 1)[0])
def test_what_changes_the_meaning_of_every_line_gives_no_stage(project: Project, text: str) -> None:
    lay_out(project, text)

    said = project.build("init", "--from-make")

    assert left_out(said.stderr) == REFUSED[text]
    assert "hello" in project.read("Stagefile")  # what a directory with nothing in it gets
    project.build().ran("hello", "shout")


TYPICAL = """\
CC = gcc
CFLAGS = -O2 -Wall -MMD
LDLIBS = -lm
SRCS := $(wildcard src/*.c)
OBJS := $(SRCS:src/%.c=build/%.o)

.PHONY: all clean test
all: app doc.txt

app: $(OBJS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

build/%.o: src/%.c | build
	$(CC) $(CFLAGS) -c $< -o $@

build:
	mkdir -p $@

doc.txt: one.txt
	@echo "from $<" > $@

test: app
	./app

clean:
	rm -rf build app doc.txt

-include $(OBJS:.o=.d)
"""

TRANSLATED = '''\
"""How this project is built: `stagemake` builds it, `stagemake -n` says what that takes.

Written once by `stagemake init` from the Makefile. It is yours now.
"""

from stagemake import command, config, env, glob, pipeline

# As in `make CC=…`, but: `stagemake -D CC=…`.
CC = config("CC", "gcc")
CFLAGS = config("CFLAGS", "-O2 -Wall -MMD")
LDFLAGS = env("LDFLAGS", "")
LDLIBS = config("LDLIBS", "-lm")

# Makefile:13
objects = [
    command(
        f"build/{source.stem}.o",
        f"{CC} {CFLAGS} -c {{inputs}} -o {{outputs}}",
        inputs=[source],
        outputs=[f"build/{source.stem}.o"],
        depfile=f"build/{source.stem}.d",  # lists the headers: inputs too
    )
    for source in glob("src/*.c")
]

# Makefile:10
command(
    "app",
    f"{CC} {LDFLAGS} -o {{outputs}} {{inputs}} {LDLIBS}",
    inputs=objects,
    outputs=["app"],
)

# Makefile:19
command(
    "doc.txt",
    'echo "from {inputs}" > {outputs}',
    inputs=["one.txt"],
    outputs=["doc.txt"],
)

# Makefile:22
command(
    "test",
    "./app",
    inputs=["app"],
    always=True,  # as in make: nothing says that it is done
)

# What a plain `stagemake` builds.
pipeline("all", ["app", "doc.txt"], default=True)
'''


def test_a_typical_makefile_reads_well_and_runs_exactly_what_an_edit_takes(
    project: Project,
) -> None:
    lay_out(project, TYPICAL)

    said = project.build("init", "--from-make")

    assert said.stderr == (
        "stagemake: found the Makefile\n"
        "note: `clean` is left out: `stagemake clean` removes what was made\n"
        "stagemake: wrote Stagefile\n"
        "hint: `stagemake -n` says what it would do, `stagemake` does it\n"
    )
    assert project.read("Stagefile") == TRANSLATED
    project.build().ran("build/main.o", "build/f.o", "app", "doc.txt")
    assert project.build().stderr == "stagemake: up to date\n"
    project.write("a.h", "#define A 2\n")
    project.build().ran("build/main.o", "app")
    project.write("one.txt", "other\n")
    project.build().ran("doc.txt")
    project.write("src/g.c", "int g(void) { return 1; }\n")
    project.build().ran("build/g.o", "app")  # the wildcard sees it
    project.build("-D", "CFLAGS=-O0 -MMD").ran("build/main.o", "build/f.o", "build/g.o", "app")


def test_reading_a_makefile_runs_nothing(project: Project) -> None:
    text = "X := $(shell touch ran)\nY != touch ran\n$(eval Z := $(shell touch ran))\na:\n\t+touch ran; touch $@\n"
    project.write("Makefile", text)

    with project.unchanged():
        project.build("init", "-n", "--from-make")


def test_names_of_commands_are_not_taken_by_stages(project: Project) -> None:
    lay_out(project, ".PHONY: build list\nbuild: a\na: one.txt\n\tcp $< $@\nlist:\n\tls\n")

    said = project.build("init")

    assert "note: `list` is a command of stagemake: it is called `make.list` here\n" in said.stderr
    project.build().ran("a")
    assert project.build("make.build").stderr == "stagemake: up to date\n"


def test_a_makefile_is_asked_for_where_there_is_none(project: Project) -> None:
    said = project.build("init", "--from-make").exited(2)

    assert said.stderr == (
        "error: there is no Makefile here\n  looked for  GNUmakefile, makefile, Makefile\n"
    )


def test_variables_of_built_in_rules_can_be_set(project: Project) -> None:
    lay_out(project, "CC = gcc\napp: main.o f.o\n\t$(CC) -o $@ $^\n")
    project.build("init", "--from-make")
    project.build().ran("main.o", "f.o", "app")

    project.build("-D", "CC=gcc -O1").ran("main.o", "f.o", "app")


def test_what_make_has_made_is_named(project: Project) -> None:
    lay_out(project, "all: a b\na: one.txt\n\tcp $< $@\nb: one.txt\n\tcp $< $@\n")
    project.write("a", "old\n").write("b", "one\n")

    said = project.build("init", "--from-make")

    assert said.stderr.splitlines()[1] == (
        "note: `a` and 1 other are there already: the first build makes all anew, "
        "and keeps what it replaces below `.stagemake/kept/`"
    )
    project.build().ran("a", "b")
    kept = list(project.root.glob(".stagemake/kept/*/*"))
    assert [path.read_text() for path in kept] == ["old\n"]
