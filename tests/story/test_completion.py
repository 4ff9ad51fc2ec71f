"""`completion`: what TAB offers, asked of the tool, and of real bash, zsh and fish with what they put into the line."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from project import PACKAGE_HOME

from stagemake.cli.command_names import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

STAGES = """\
opt = config("opt", "-O2")
objects = [
    command(f"compile.{n}", "cp {inputs} {outputs}", inputs=[f"src/{n}.c"], outputs=[f"out/{n}.o"])
    for n in ("main", "util")
]
command("link", "cat {inputs} > {outputs}", inputs=objects, outputs=["out/app"],
        description="Join everything.")
command("ns:one", "true", inputs=["src/main.c"])
command("ns:two", "true", inputs=["src/main.c"])
command("dollar$x", "true", inputs=["src/main.c"])
command('qu"o`te\\\\', "true", inputs=["src/main.c"])
pipeline("release", ["link"], default=True)
"""


@pytest.fixture
def app(project: Project) -> Project:
    return project.stagefile(STAGES).write("src/main.c").write("src/util.c")


def offered(project: Project, *words: str, shell: str = "zsh", cwd: str = "") -> list[str]:
    """Return the candidates for the last of `words`."""
    result = project.build("completion", shell, "--", *words, cwd=cwd).exited(0)
    assert result.stderr == ""
    return [line.split("\t")[1] for line in result.stdout.splitlines()]


# --- What is offered. ------------------------------------------------------------------------------


def test_the_first_word_is_a_command_a_pipeline_or_a_stage(app: Project) -> None:
    with app.unchanged():
        found = offered(app, "")

    assert found == [
        *COMMANDS, "release", "compile.main", "compile.util", "link", "ns:one", "ns:two",
        "dollar$x", 'qu"o`te\\',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("co",), ["completion", "compile.main", "compile.util"]),
        (("compile.m",), ["compile.main"]),
        (("link", "c"), ["compile.main", "compile.util"]),  # behind a target there is no command
        (("build", "c"), ["compile.main", "compile.util"]),
        (("-n", "c"), ["compile.main", "compile.util"]),
        (("compile.main", "compile."), ["compile.util"]),  # each once
        (("why", "r"), ["release"]),
        (("graph", "l"), ["link"]),
        (("list", "l"), ["link"]),
        (("clean", "l"), ["link"]),
        (("out",), ["out/"]),
        (("build", "out/"), ["out/main.o", "out/util.o", "out/app"]),
        (("nothing",), []),
        # Options, and values of options in all their spellings.
        (("--cac",), ["--cache", "--cache-dir", "--cache-store"]),
        (("--vers",), ["--version"]),
        (("build", "--vers"), []),
        (("list", "--t"), ["--tree"]),
        (("--cache", "o"), ["off", "on"]),
        (("--cache=o",), ["--cache=off", "--cache=on"]),
        (
            ("graph", "--format", ""),
            ["dot", "mermaid", "json", "svg", "png", "html", "compile-commands"],
        ),
        (("--color=al",), ["--color=always"]),
        (("-kj", ""), []),
        (("-kj4", "li"), ["link"]),
        (("-j", "4", "li"), ["link"]),
        (("-D", ""), ["opt="]),
        (("-Do",), ["-Dopt="]),
        (("--silent=",), []),
        (("--", "--"), []),
        (("--no-such=x",), []),
        (("--no-such", "li"), ["link"]),
        # Commands in commands, and commands without targets.
        (("cache", "st"), ["stats"]),
        (("cache", "gc", "--max-"), ["--max-size", "--max-age"]),
        (("cache", "gc", ""), []),
        (("completion", "z"), ["zsh"]),
        (("-C", ".", "li"), ["list", "link"]),  # a command may follow these options
    ],
)
def test_what_may_follow(app: Project, words: tuple[str, ...], expected: list[str]) -> None:
    with app.unchanged():
        assert sorted(expected) == sorted(offered(app, *words))


def test_options_are_all_there_with_their_help(app: Project) -> None:
    text = app.build("completion", "fish", "--", "build", "-").stdout

    assert "word\t--keep-going\tGo on with what does not need a failed stage.\n" in text
    assert "word\t-k\tGo on with what does not need a failed stage.\n" in text
    assert text.count("\n") == len(set(text.splitlines())) > 20


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("-C", ""), "dir"),
        (("--directory=",), "dir"),
        (("cache", "stats", "--cache-dir", "x"), "dir"),
        (("-f", "St"), "file"),
        (("-fSt",), "file"),
        (("graph", "-o", ""), "file"),
    ],
)
def test_files_and_directories_are_left_to_the_shell(
    app: Project, words: tuple[str, ...], kind: str
) -> None:
    app.build("completion", "zsh", "--", *words).printed(f"{kind}\t\t\n")


def test_dash_C_f_and_D_on_the_line_count(app: Project) -> None:
    app.stagefile(
        'command("other." + config("kind", "x"), "true", inputs=["a"])', name="sub/Other.py"
    )

    assert offered(app, "-f", "sub/Other.py", "other") == ["other.x"]
    assert offered(app, "--file=sub/Other.py", "-Dkind=y", "other") == ["other.y"]
    assert offered(app, "-C", "sub", "-f", "Other.py", "build", "other") == ["other.x"]
    assert offered(app, "-C", "sub", "li", cwd="src") == ["list"]  # there is no such directory
    assert offered(app, "-C", "..", "compile.m", cwd="src") == ["compile.main"]


def test_outputs_are_relative_to_the_working_directory(app: Project) -> None:
    assert offered(app, "build", "../out/a", cwd="src") == ["../out/app"]
    assert offered(app, "build", "-C", "src", "../out/a") == ["../out/app"]


def test_a_stage_named_like_a_command_is_offered_once_and_behind_build(project: Project) -> None:
    project.stagefile('command("clean", "true", inputs=["a"])')

    assert offered(project, "clea") == ["clean"]
    assert offered(project, "build", "clea") == ["clean"]


@pytest.mark.parametrize(
    "text",
    [
        "raise ValueError",
        "no python(",
        "import sys; sys.exit(4)",
        'command("one", "true", input=["a"])',
        "input()",
    ],
)
def test_a_broken_stagefile_gives_no_names_and_no_message(project: Project, text: str) -> None:
    project.stagefile(text)

    with project.unchanged():
        result = project.run("completion", "zsh", "--", "build", "")

    result.printed("").exited(0)


def test_no_stagefile_gives_commands_only(project: Project) -> None:
    assert offered(project, "") == list(COMMANDS)


def test_what_a_stagefile_prints_is_no_candidate(project: Project) -> None:
    project.stagefile(
        """
        import os, subprocess, sys
        print("word\\tprinted\\t")
        sys.__stdout__.write("word\\twritten\\t\\n")
        os.write(1, b"word\\traw\\t\\n")
        subprocess.run(["echo", "word\\tsaid\\t"])
        command("one", "true", inputs=["a"])
        """
    )

    assert project.run("completion", "zsh", "--", "build", "").stdout == "word\tone\t\n"


def test_control_characters_never_reach_the_line(project: Project) -> None:
    project.stagefile(
        """
        command("one", "true", inputs=["a"], outputs=["out/\\x1b[31m", "out/b"],
                description="two\\nlines\\tand \\x1b[31m")
        """
    )

    project.build("completion", "zsh", "--", "on").printed("word\tone\ttwo lines and  [31m\n")
    assert offered(project, "out/") == ["out/b"]


def test_options_are_completed_without_running_the_stagefile(project: Project) -> None:
    project.stagefile('with open("ran", "w"): pass')

    assert "--cache" in offered(project, "--")
    assert offered(project, "--cache", "r") == ["read"]
    assert not project.has("ran")
    assert offered(project, "build", "x") == []
    assert project.has("ran")


def test_a_build_imports_nothing_of_it(app: Project) -> None:
    code = "import sys; from stagemake.door import main; main(['-n']); print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=app.root, capture_output=True, text=True, check=True,
        env={**app.environment(), "PYTHONPATH": PACKAGE_HOME}, timeout=60,
    )  # fmt: skip

    mine = ("stagemake.cli.completion", "stagemake.cli.graph", "stagemake.report.graph", "stagemake.report.listing")  # fmt: skip
    assert [name for name in done.stdout.split() if name.startswith(mine)] == []


def test_a_shell_has_to_be_known(project: Project) -> None:
    project.build("completion").printed("error: name a shell: bash, zsh or fish\n").exited(2)
    assert (
        "the shell is `tcsh`, not bash, zsh or fish"
        in project.build("completion", "tcsh").exited(2).stderr
    )


@pytest.mark.parametrize(
    ("line", "replaced", "expected"),
    [
        ("stagemake ns:", "", ["one", "two"]),
        ("stagemake build ns:t", "t", ["two"]),
        ("stagemake 'ns:t", "ns:t", ["ns:two"]),
        ("stagemake dol", "dol", ["dollar\\$x"]),
        ('stagemake "dol', "dol", ["dollar\\$x"]),
        ("stagemake 'dol", "dol", ["dollar$x"]),
        ("stagemake --cache=r", "r", ["read"]),
        ("stagemake -Do", "-Do", ["-Dopt="]),
        ("stagemake -C no -D", "-D", ["-D"]),
        ("stagemake -C no -D ", "", []),
    ],
)
def test_bash_is_given_what_replaces_its_part_of_the_word(
    app: Project, line: str, replaced: str, expected: list[str]
) -> None:
    assert offered(app, line, replaced, shell="bash") == expected


# --- Real shells. ----------------------------------------------------------------------------------


@pytest.fixture
def path(app: Project) -> Iterator[str]:
    """Put a `stagemake` on the PATH that runs this package, for the tests' shells."""
    script = app.base / "bin" / "stagemake"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stagemake "$@"\n')
    script.chmod(0o755)
    before = app.env
    app.env = {
        **before,
        "PATH": f"{script.parent}:{os.environ['PATH']}",
        "PYTHONPATH": PACKAGE_HOME,
        "TERM": "dumb",
    }
    yield str(script)
    app.env = before


BASH_SET_UP = """\
eval "$(stagemake completion bash)"
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind 'set page-completions off'
bind -x '"\\C-g": printf "<<<%s>>>" "$READLINE_LINE"'
echo REA''DY
"""
ZSH_SET_UP = """\
autoload -Uz compinit; compinit -u -D; unsetopt beep
eval "$(stagemake completion zsh)"
show() { print -rn -- "<<<$BUFFER>>>" }; zle -N show; bindkey '^G' show
echo REA''DY
"""


def tabbed(project: Project, shell: list[str], set_up: str, lines: list[str]) -> list[str]:
    """Type each line and a TAB into an interactive shell; return what the line is then."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        shell, stdin=theirs, stdout=theirs, stderr=theirs,
        cwd=project.root, env=project.environment(), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        os.write(terminal, set_up.encode())
        read_until(terminal, "READY\r\n")
        found = []
        for line in lines:
            os.write(terminal, f"{line}\t\x07".encode())
            found.append(read_until(terminal, ">>>").rpartition("<<<")[2].partition(">>>")[0])
            os.write(terminal, b"\x15")  # empty the line
        return found
    finally:
        process.kill()
        process.wait()
        os.close(terminal)


def read_until(terminal: int, mark: str) -> str:
    text = b""
    end_s = time.monotonic() + 60
    while mark.encode() not in text:
        assert time.monotonic() < end_s, text
        if select.select([terminal], [], [], 0.5)[0]:
            text += os.read(terminal, 65536)
    return text.decode(errors="replace")


def bash_has_programmable_completion() -> bool:
    if shutil.which("bash") is None:
        return False
    text = "((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) && type complete"
    return subprocess.run(["bash", "-c", text], capture_output=True, check=False).returncode == 0


IN_BOTH = {
    "stagemake lis": "stagemake list ",
    "stagemake comp": "stagemake comp",  # a command and stages
    "stagemake build comp": "stagemake build compile.",
    "stagemake compile.m": "stagemake compile.main ",
    "stagemake ns": "stagemake ns:",
    "stagemake ns:": "stagemake ns:",
    "stagemake ns:o": "stagemake ns:one ",
    "stagemake 'ns:o": "stagemake 'ns:one' ",
    "stagemake ns\\:o": "stagemake ns:one ",
    "stagemake dol": "stagemake dollar\\$x ",
    "stagemake 'dol": "stagemake 'dollar$x' ",
    'stagemake "dol': 'stagemake "dollar\\$x" ',
    "stagemake qu": 'stagemake qu\\"o\\`te\\\\ ',
    "stagemake 'qu": "stagemake 'qu\"o`te\\' ",
    "stagemake rel": "stagemake release ",
    "stagemake build out": "stagemake build out/",
    "stagemake build out/ap": "stagemake build out/app ",
    "stagemake --cache=re": "stagemake --cache=read ",
    "stagemake --cache re": "stagemake --cache read ",
    "stagemake -D o": "stagemake -D opt=",
    "stagemake -C sr": "stagemake -C src/",
    "stagemake -f Stage": "stagemake -f Stagefile ",
    "stagemake --file=Stage": "stagemake --file=Stagefile ",
    "stagemake -C src why rel": "stagemake -C src why release ",
    "stagemake cache st": "stagemake cache stats ",
    "stagemake nothing": "stagemake nothing",
    "true; stagemake lin": "true; stagemake link ",
    "../bin/stagemake lin": "../bin/stagemake link ",
}


@pytest.mark.skipif(
    not bash_has_programmable_completion(), reason="there is no bash 4.4 with completion"
)
def test_tab_in_bash(app: Project, path: str) -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]

    found = tabbed(app, shell, BASH_SET_UP, list(IN_BOTH))

    assert dict(zip(IN_BOTH, found, strict=True)) == IN_BOTH


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_tab_in_zsh(app: Project, path: str) -> None:
    found = tabbed(app, ["zsh", "-f", "-i"], ZSH_SET_UP, list(IN_BOTH))

    assert dict(zip(IN_BOTH, found, strict=True)) == IN_BOTH


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stagemake lin", ["link\tJoin everything."]),
        ("stagemake build ns:", ["ns:one", "ns:two"]),
        ("stagemake 'dol", ["dollar$x"]),
        ('stagemake "qu', ['qu"o`te\\']),
        ("stagemake --cache=re", ["--cache=read"]),
        ("stagemake -C src why rel", ["release\ta pipeline"]),
        ("stagemake --file=Stage", ["--file=Stagefile"]),
        ("stagemake -C sr", ["src/"]),
        ("stagemake build out/a", ["out/app"]),
        ("stagemake nothing", []),
    ],
)
def test_tab_in_fish(app: Project, path: str, line: str, expected: list[str]) -> None:
    done = subprocess.run(
        ["fish", "-N", "-c", "stagemake completion fish | source; complete -C $argv[1]", line],
        cwd=app.root, env=app.environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    assert [each.rstrip("\t") for each in done.stdout.splitlines()] == expected
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_has_no_syntax_error(app: Project, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = app.base / "script"
    script.write_text(app.build("completion", shell).exited(0).stdout)

    subprocess.run([shell, "-n", script], check=True, timeout=60)


def test_the_lines_to_set_it_up_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")

    for line in (
        'eval "$(stagemake completion bash)"',
        'eval "$(stagemake completion zsh)"',
        "stagemake completion fish > ~/.config/fish/completions/stagemake.fish",
    ):
        assert f"`{line}`" in page
