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
        ("env -u; ls; env -i; rm x; env -k x y", "env ls rm x"),
        ("'if' x; \"case\" y; \\for z; a b", "if case a"),
        ("env if x; nice case y; exec esac; time for x", "env if nice case esac time"),
        ("tool $(first) second `third` fourth", "tool first third"),
        ("f() { inner; }; g () { deep; }; (a) > b; (c)", "f inner g deep a c"),
        ("case x in 'esac') a;; \"esac\") b;; e\\sac) c;; esac; d", "a b c d"),
        ("case x in (a|b) c;& d) e;;& *) f; esac; g", "c e f g"),
        ("case x in a) b ;; esac | c; esac; d", "b c d"),
        ("case x in a) case y in b) c; esac;; d) e;; esac; f", "c e f"),
        ("if a; then esac; b; fi; case x in y) c;; esac; d", "a b c d"),
        ("A=1 B+=2 c D=3; _x1=y z; 1a=b; a-b=c d", "c z 1a=b a-b=c"),
        ("cat <<A <<B; one\nx $(two)\nA\ny `three`\nB\nfour", "cat one two three four"),
        ("cat <<A\nx\nAA\nA \n\tA\nb", "cat b"),
        ("cat <<A\nnot", "cat"),
        ("cat <<A; b\n$(c d", "cat b"),
        ("cat <<\\A\nls\nA\nb", "cat b"),
        ("a <<<b; c <>d e; f >|g; h &>i; j &>>k; l <&3; m 2>n o", "a c f h j l m"),
        ("> a b c; 2> d e f; <<<g h", "b e h"),
        ("a |& b; c & d;; e ;& f", "a b c d e f"),
        ('a ${x} b; c ${y:-`d`} e; f ${z:-"$(g)"} h', "a c d f g"),
        ('a "b`c`d" e; "f${g}h" i; "j$((1+(2)))" k; "l$m" n; o', "a c o"),
        ("a`b`c d; e$(f)g h; $i j; ${k} l; $((1)) m", "b f"),
        ("`a \\`b\\``; c", "a c"),
        ('`a "b; c"; d`; e `f $(g)h i; j`; k', "a d e f g j k"),
        ('$i"b" c; ${x}"d"; `e`"f" g; $(h)"i"; j', "e h j"),  # whose beginning nobody knows
        ("(a; (b); c) & d; (e", "a b c d e"),
        ("a) b; c", "a c"),
        ("a\\ b c; d\\\ne f; 'g'h i; \"j k\"l m", "a\0b de gh j\0kl"),
        ('"a\\"b" c; "d\\$e" f', 'a"b d$e'),
        ("for a in b; do c; done; select d in e; do f; done; function g { h; }", "c f h"),
        ("function f() { a; }; function g\n{\nb\n}; env function c", "a b env function"),
        ("'function' a; b", "function b"),
        ("a\tb\n c\r d", "a c"),
        ("a#b #c\nd;#e\nf&#g\n(#h\ni)#j", "a#b d f i"),
        ("./a.sh; a/b; +c; d,e; f:g; h@i; %j", "./a.sh a/b +c d,e f:g h@i %j"),
        ("./a.sh b", "./a.sh"),
        ("a=b", ""),
        ("a b\\ c", "a"),
        ("{ a; }; b", "a b"),
    ],
)
def test_the_first_word_of_every_simple_command_is_found(text, expected):
    assert programs_of_shell(text) == tuple(
        word.replace("\0", " ") for word in expected.split(" ") if word
    )


BUILTINS = """
    . : [ alias bg break builtin caller cd command continue declare dirs disown echo enable eval exec exit export false
    fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly
    return set shift shopt source test times trap true type typeset ulimit umask unalias unset wait
""".split()  # noqa: SIM905 - as a shell lists them
RESERVED = "! { } if then elif else while until do coproc".split()  # noqa: SIM905 - as above
WRAPPERS = "builtin command env exec nice nohup setsid stdbuf time".split()  # noqa: SIM905 - as above


@pytest.mark.parametrize("name", BUILTINS)
def test_what_the_shell_does_itself_is_no_program(name):
    alone = programs_of_shell(name)
    first = programs_of_shell(f"{name}; tool")
    quoted = programs_of_shell(f"'{name}' tool x")

    wrapped = ("tool",) if name in WRAPPERS else ()
    assert (alone, first, quoted) == ((), ("tool",), wrapped)


@pytest.mark.parametrize("name", RESERVED)
def test_behind_a_reserved_word_a_command_begins(name):
    assert programs_of_shell(f"{name} tool x") == ("tool",)


@pytest.mark.parametrize("name", ["fi", "done", "}", "esac"])
def test_what_ends_a_compound_command_is_no_program(name):
    assert programs_of_shell(f"{name}; tool; {name}") == ("tool",)


@pytest.mark.parametrize("name", WRAPPERS)
@pytest.mark.parametrize(
    "before",
    ["", "A=1 ", "-x ", "--x=1 ", "-u v ", "-C v ", "-n v ", "-a v ", "-f v ", "-i v ", "-o v "],
)
def test_behind_what_starts_another_program_that_one_counts(name, before):
    found = programs_of_shell(f"{name} {before}tool x")

    own = () if name in BUILTINS else (name,)
    assert found == (*own, "tool")


SPECIAL = {*BUILTINS, *RESERVED, *WRAPPERS, "fi", "done", "esac", "case", "for", "select", "function"}  # fmt: skip
NAMES = st.from_regex(r"[a-z0-9_./+-]{1,6}", fullmatch=True).filter(
    lambda name: name not in SPECIAL
)


@given(NAMES, st.lists(st.sampled_from(["x", "-c", "a=b", "*.c", "~", "!", "a,b", "{}", "[z]"])))
def test_one_simple_command_is_found_as_among_others(name, words):
    alone = programs_of_shell(" ".join([name, *words]))
    among = programs_of_shell("\n" + " ".join([name, *words]) + ";")

    assert alone == among == (name,)


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
