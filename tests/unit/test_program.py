from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagemake.fingerprint.shell import programs_of_shell
from stagemake.program import resolve_program


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat in/a.txt > out/a.txt", "cat"),
        ("  cat  ", "cat"),
        ("", ""),
        ("cd x", ""),
        (
            'A=1 B="x y" gcc -c a.c && ld a || strip b; ar x | ranlib & wait',
            "gcc ld strip ar ranlib",
        ),
        ("A=1", ""),
        ("> out sort < in", "sort"),
        ("2>/dev/null touch x", "touch"),
        ("tool 2>&1 | tee log", "tool tee"),
        ("tool >&2 && next", "tool next"),
        ("echo a&b&&c", "b c"),
        (
            "if grep -q x f; then awk '{print}' f; elif a; then b; else sed s/a/b/; fi",
            "grep awk a b sed",
        ),
        ("for x in a b c; do cp $x d; done", "cp"),
        ("for i in 1 2\ndo\n  lame $i\ndone", "lame"),
        ("while read l; do wc $l; done < f; until x; do y; done", "wc x y"),
        ("case $x in a|b) make;; (c) ninja -C x;; *) exit 1;; esac; tar x", "make ninja tar"),
        ("case a in esac; after", "after"),
        ("case a in b) case c in d) inner;; esac;; e) outer;; esac; after", "inner outer after"),
        ("! { rsync a b; }", "rsync"),
        ("(cd x && ./configure) | tail", "./configure tail"),
        ('echo $(date +%s) `hostname -f` "$(uname -a) y"', "date hostname uname"),
        ('echo "a $(echo "b $(deep)" | mid) c"', "deep mid"),
        ("x=$(first) second", "first second"),
        ("echo ${X:-$(inner)} y; next", "inner next"),
        ('$CC -c a.c; ${CXX} b; a$b; $(which cc) x; "$X" y', "which"),
        ("'my prog' x; \"g\"c\\c y", "my\0prog gcc"),
        ("echo 'a; b' \"c; d\" e\\; f", ""),
        ("# gcc\nls # rm; rm\ncp a#b c", "ls cp"),
        ("a\\\nb c", "ab"),
        ("cat <<EOF > out\nls not this\n$(id -u) `who`\nEOF\nmkdir x", "cat id who mkdir"),
        ("cat <<-'E F'\n\tls\n\tE F\nmkdir x", "cat mkdir"),
        ("echo $((1<<3)) $(( (a) + b )); bison x", "bison"),
        (
            "env -u A B=c python3 x.py; nohup perl; exec nice -n 5 gzip",
            "env python3 nohup perl nice gzip",
        ),
        ("time make; command -v foo; exec bar", "time make foo bar"),
        ("env; ls", "env ls"),
    ],
)
def test_the_first_word_of_every_simple_command_is_found(text, expected):
    assert programs_of_shell(text) == tuple(
        word.replace("\0", " ") for word in expected.split(" ") if word
    )


shell = st.text(st.sampled_from("ab ;&|()<>'\"\\$`#\n{}=!-*/"), max_size=40)
pieces = st.lists(
    st.sampled_from(
        [
            "case x in",
            "esac",
            "if",
            "$(",
            ")",
            "`",
            '"',
            "'",
            "<<E",
            "\nE\n",
            ";;",
            "env ",
            "a ",
            ";",
            "${",
            "}",
            "((",
        ]
    ),
    max_size=20,
).map(" ".join)


@given(st.one_of(shell, pieces, st.text()))
def test_no_text_makes_it_raise(text):
    found = programs_of_shell(text)

    assert len(set(found)) == len(found)
    assert all(found)


@given(
    st.lists(
        st.sampled_from(
            ["cc -c a", "ld b > c", "A=1 ar 'x;y'", "(tar z)", "$(git d)", "{ sed e; }"]
        ),
        min_size=1,
    ),
    st.sampled_from([";", "&&", "||", "|", "\n", " & "]),
)
def test_joined_commands_are_found_as_each_alone(parts, between):
    together = programs_of_shell(between.join(parts))

    alone = [name for part in parts for name in programs_of_shell(part)]
    assert together == tuple(dict.fromkeys(alone))


@pytest.fixture
def root(tmp_path):
    for place in ("project/bin", "project/tools", "system"):
        (tmp_path / place).mkdir(parents=True)
    for path, mode in [
        ("project/bin/own", 0o755),
        ("system/own", 0o755),
        ("system/sys", 0o755),
        ("system/plain", 0o644),
        ("project/tools/t", 0o755),
    ]:
        (tmp_path / path).write_text("#!/bin/sh\n")
        os.chmod(tmp_path / path, mode)
    (tmp_path / "system/dir").mkdir()
    return str(tmp_path / "project")


def test_a_name_is_looked_up_as_the_shell_would(root):
    system = os.path.join(os.path.dirname(root), "system")
    path = f"bin:{system}:/nowhere"
    wanted = [
        "own",
        "sys",
        "plain",
        "dir",
        "gone",
        "tools/t",
        "./tools/../tools/t",
        "tools/x",
        f"{system}/sys",
        "nul\0",
    ]

    found = [resolve_program(name, path, root) for name in wanted]

    outside = f"{system}/sys"
    assert found == [
        "bin/own",
        outside,
        None,
        None,
        None,
        "tools/t",
        "tools/t",
        None,
        outside,
        None,
    ]


def test_a_memo_answers_the_second_time(root):
    memo = {}
    first = resolve_program("own", "bin", root, memo)

    os.unlink(f"{root}/bin/own")

    assert resolve_program("own", "bin", root, memo) == first == "bin/own"
    assert resolve_program("own", "bin", root) is None
