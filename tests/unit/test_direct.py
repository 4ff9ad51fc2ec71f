from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from runner_kit import ENV, local_runner, run_one

from stagemake.runner.direct import direct_of
from stagemake.runner.port import Work

PROBE = f"""#!{sys.executable} -IS
import os, sys
os.write(1, ascii((sys.argv[1:], sorted(os.environ.items()), os.getcwd())).encode())
"""
NO_DIFFERENCE = {"SHLVL", "_", "OLDPWD"}  # bash and busybox set these; no program goes by them


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat in/a.txt > out/a.txt", (("cat", "in/a.txt"), "out/a.txt")),
        ("  ./tool  -o b/c  x=1 ", (("./tool", "-o", "b/c", "x=1"), "")),
        ("cat a >out/a.txt", (("cat", "a"), "out/a.txt")),
        ("cat a >> out/a.txt", None),
        ("cat a 2> out/a.txt", None),
        ("cat a 2 > out/a.txt", (("cat", "a", "2"), "out/a.txt")),
        ("cat a > elsewhere", None),
        ("cat a > out/a.txt b", None),
        ("cat a\nrm b", None),
        ("A=1 cat a", None),
        ("cat *.c", None),
        ("cat ~", None),
        ("cat a; rm b", None),
        ("cat 'a'", None),
        ("cat $HOME", None),
        ("cat é", None),
        ("echo a", None),
        ("time make", None),
        ("", None),
        ("> out/a.txt", None),
    ],
)
def test_only_one_program_with_plain_words_needs_no_shell(text, expected) -> None:
    assert direct_of(text, ["out/a.txt"], ENV) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"PWD": "/"},
        {"IFS": "a"},
        {"OPTERR": "0"},
        {"ARGV0": "a"},
        {"BASH_FUNC_cat%%": "() { :; }"},
        {"PATH": "/bin%builtin"},
        {"PATH": ""},
        {"PATH": ":/bin"},
        {"PATH": "/bin:"},
        {"PATH": "/bin::/usr/bin"},
    ],
)
def test_where_the_environment_concerns_a_shell_it_decides(more) -> None:
    assert direct_of("cat a", (), {**ENV, **more}) is None


@pytest.mark.parametrize("search_path", [":{}", "{}:", "{}::{}"])
def test_a_script_found_by_an_empty_place_on_path_has_the_name_the_shell_gives_it(
    tmp_path, search_path
) -> None:
    script = tmp_path / "named"
    script.write_text('#!/bin/sh\necho "$0"\n')
    script.chmod(0o755)
    env = {**ENV, "PATH": search_path.format("/nowhere", "/nowhere")}
    with_shell = subprocess.run(
        ["/bin/sh", "-c", "named"], env=env, cwd=tmp_path, capture_output=True, check=True
    )

    work = Work(0, env, argv=("/bin/sh", "-c", "named"), direct=direct_of("named", (), env))
    with local_runner(tmp_path) as runner:
        done = run_one(runner, work)

    assert done.stdout == with_shell.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_what_bash_takes_for_its_own_is_left_to_the_shell() -> None:
    told = subprocess.run(["bash", "-c", "compgen -bk"], capture_output=True, text=True, check=True)

    assert [word for word in told.stdout.split() if direct_of(word, (), ENV)] == []


words = st.one_of(
    st.text(st.sampled_from("ab1./+@%:,=-_"), min_size=1, max_size=6),
    st.text(st.sampled_from("ab1./ ><&|;'\"$*?~#{}!()[]=\\^`\t"), max_size=3),
    st.sampled_from([">", "> out", "2>", "<"]),
)


plain = st.text(st.sampled_from("ab1./+@%:,-_"), min_size=1, max_size=6)
tails = st.sampled_from([[], [], [">", "out"], [">out"], ["> out"]])
texts = st.builds(list.__add__, st.lists(plain, max_size=4), tails) | st.lists(words, max_size=5)


@settings(max_examples=20, deadline=None)
@given(texts)
def test_a_program_started_without_the_shell_finds_what_it_would_find_with_it(
    tmp_path_factory, pieces
) -> None:
    text = " ".join(["./probe", *pieces])
    direct = direct_of(text, ["out"], ENV)
    assume(direct is not None)
    seen = []
    for given_direct in (None, direct):
        root = tmp_path_factory.mktemp("root") / "same"
        root.mkdir()
        (root / "probe").write_text(PROBE)
        (root / "probe").chmod(0o755)
        with local_runner(root) as runner:
            done = run_one(runner, Work(0, ENV, argv=("/bin/sh", "-c", text), direct=given_direct))
        made = (root / "out").read_bytes() if direct[1] else b""
        mode = (root / "out").stat().st_mode if direct[1] else 0
        seen.append((done.exit_code, mode, *_told(done.stdout + made, str(root), runner)))

    assert seen[0] == seen[1]


def _told(printed: bytes, root: str, runner) -> tuple[object, ...]:
    text = printed.decode().replace(root, "ROOT").replace(runner._settings.marker, "MARKER")
    argv, env, cwd = eval(text)
    return argv, [pair for pair in env if pair[0] not in NO_DIFFERENCE], cwd


def done_directly(root, text: str, direct, **options):
    with local_runner(root) as runner:
        return run_one(runner, Work(0, ENV, argv=("/bin/sh", "-c", text), direct=direct, **options))


def test_the_program_is_started_in_place_of_the_shell(tmp_path) -> None:
    (tmp_path / "a").write_text("x")

    done = done_directly(tmp_path, "exit 3", (("cat", "a"), "out"))

    assert (done.exit_code, done.stdout) == (0, b"")
    assert (tmp_path / "out").read_text() == "x"


def test_what_is_on_the_console_or_where_its_file_is_already_has_the_shell(tmp_path) -> None:
    (tmp_path / "out").write_text("old")

    there = done_directly(tmp_path, "exit 3", (("cat", "/dev/null"), "out"))
    console = done_directly(tmp_path, "exit 4", (("cat", "/dev/null"), ""), console=True)

    assert (there.exit_code, console.exit_code) == (3, 4)
    assert (tmp_path / "out").read_text() == "old"


@pytest.mark.parametrize(
    "text",
    ["no-such-program a", "cat in > no/such/directory", "./no-bang > out", "./not-executable"],
)
def test_where_the_program_can_not_be_started_the_shell_says_what_it_says(tmp_path, text) -> None:
    (tmp_path / "no-bang").write_text("printf '%s' hello; exit 5\n")
    (tmp_path / "no-bang").chmod(0o755)
    (tmp_path / "not-executable").write_text("")
    direct = direct_of(text, ["no/such/directory", "out"], ENV)

    with_shell = done_directly(tmp_path, text, None)
    (tmp_path / "out").unlink(missing_ok=True)
    without = done_directly(tmp_path, text, direct)

    assert direct is not None
    assert (with_shell.exit_code, with_shell.stderr) == (without.exit_code, without.stderr)
    assert ("hello" if "bang" in text else "") == (
        (tmp_path / "out").read_text() if (tmp_path / "out").exists() else ""
    )


@pytest.mark.parametrize("content", [b"\0" * 4096, b"\x7fELF\1\n\ntrue\n"])
def test_a_damaged_program_is_refused_as_the_shell_does(tmp_path, content) -> None:
    (tmp_path / "damaged").write_bytes(content)
    (tmp_path / "damaged").chmod(0o755)
    direct = direct_of("./damaged in", (), ENV)

    with_shell = done_directly(tmp_path, "./damaged in", None)
    without = done_directly(tmp_path, "./damaged in", direct)

    assert direct is not None
    assert (with_shell.exit_code, with_shell.stderr) == (without.exit_code, without.stderr)
