"""Which programs a shell text starts. Asked for the identity of commands.

Leans to the safe side: a name too many costs nothing (it doesn't resolve, or one more file is keyed). What a
word with an expansion stands for, and what `eval`, `sh -c` or `xargs` start, stays unseen.
"""

from __future__ import annotations

import functools
import re

_BUILTINS = frozenset(
    [
        ".",
        ":",
        "[",
        "alias",
        "bg",
        "break",
        "builtin",
        "caller",
        "cd",
        "command",
        "continue",
        "declare",
        "dirs",
        "disown",
        "echo",
        "enable",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fc",
        "fg",
        "getopts",
        "hash",
        "help",
        "history",
        "jobs",
        "kill",
        "let",
        "local",
        "logout",
        "mapfile",
        "popd",
        "printf",
        "pushd",
        "pwd",
        "read",
        "readarray",
        "readonly",
        "return",
        "set",
        "shift",
        "shopt",
        "source",
        "test",
        "times",
        "trap",
        "true",
        "type",
        "typeset",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "wait",
    ]
)
_RESERVED = frozenset(
    ["!", "{", "}", "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "coproc"]
)
_WRAPPERS = frozenset(
    ["builtin", "command", "env", "exec", "nice", "nohup", "setsid", "stdbuf", "time"]
)
_NO_PROGRAMS = _RESERVED | _WRAPPERS
_WRAPPER_OPTIONS_WITH_VALUE = frozenset(("-u", "-C", "-n", "-a", "-f", "-i", "-o"))

# One simple command, whose first word is a name; braces, `!` and the like can't begin one.
_SIMPLE = re.compile(r"""[^\S\n]*([\w./+-][\w./+:@%,-]*)(?:[^\S\n][^;&|()`$"'\\#\n]*)?\Z""")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")

_CODE = r"""(?P<joined>\\\n)
    |(?P<heredoc><<(?!<)-?[ \t]*(?P<mark>'[^'\n]*'|"[^"\n]*"|[^\s;&|<>()]+))
    |(?P<redirect>(?:\b\d+)?(?:<<<|<>|>>|[<>]&|>\||&>>?|[<>]))
    |(?P<case_end>;;&?|;&)
    |(?P<separator>&&|\|\||\|&|[;&|\n])
    |(?P<arithmetic>\$\(\((?:[^()]|\([^()]*\))*\)\))
    |(?P<expansion>\$\{|\$\(|`|")
    |(?P<open>\()
    |(?P<close>\))
    |(?P<blank>[ \t\r]+)
    |(?P<quoted>\\(?s:.)|'[^']*')
    |(?P<variable>\$(?:\w+|[@*\#?$!-]))
    |(?P<comment>(?<![^\s;&|()])\#[^\n]*)
    |(?P<text>[^\s;&|()<>'"\\$`\#]+|(?s:.))"""
_TEXT = r"""(?P<quoted>\\(?s:.))
    |(?P<arithmetic>\$\(\((?:[^()]|\([^()]*\))*\)\))
    |(?P<expansion>\$\{|\$\(|`)
    |(?P<variable>\$(?:\w+|[@*\#?$!-]))
    |(?P<close>["}])
    |(?P<text>[^\\$`"}]+|(?s:.))"""
_CLOSER = {"$(": ")", "(": ")", "`": "`", "${": "}", '"': '"', "": ""}


@functools.cache
def _form(is_code: bool) -> re.Pattern[str]:
    """Return what the next piece of a text may be; 0.7 ms, for texts that are not simple."""
    return re.compile(_CODE if is_code else _TEXT, re.VERBOSE)


def programs_of_shell(text: str) -> tuple[str, ...]:
    """Return the first word of every simple command, in order of first appearance, each once.

    Builtins, reserved words and words with expansions are left out; behind `env`, `exec`, `nohup` and their
    kind the next word counts too. Never raises, whatever the text. Cost: 1 us for one simple
    command, else O(characters).
    """
    simple = _SIMPLE.match(text)
    if simple is not None and simple[1] not in _NO_PROGRAMS:
        return () if simple[1] in _BUILTINS else (simple[1],)
    reader = _Reader(text)
    reader.read()
    return tuple(reader.found)


class _Frame:
    """One level of nesting: the text itself, a subshell, a substitution, a quotation."""

    def __init__(self, opener: str) -> None:
        self.opener = opener
        self.closer = _CLOSER[opener]
        self.is_code = opener not in {'"', "${", "<<"}
        self.at_command = True
        self.skips_word = False  # a redirection's target, an option's value
        self.is_wrapped = False  # behind `env` and the like
        self.cases = 0  # `case`s open at this level
        self.in_pattern = False
        self.word: list[str] | None = None
        self.is_plain = True  # no expansion in the word
        self.is_bare = True  # no quoting in the word


class _Reader:
    """Reads one shell text from front to back, keeping its nesting on a list."""

    def __init__(self, text: str) -> None:
        self.found: dict[str, None] = {}
        self._text = text
        self._position = 0
        self._frames = [_Frame("")]
        self._marks: list[str] = []  # here-documents that begin at the next line

    def read(self) -> None:
        """Fill `found`."""
        while self._position < len(self._text):
            frame = self._frames[-1]
            match = _form(frame.is_code).match(self._text, self._position)
            assert match is not None, "BUG: both patterns match any character"
            self._position = match.end()
            kind, piece = match.lastgroup or "", match.group()
            if kind == "mark":  # the inner group of a here-document's start
                kind = "heredoc"
            if kind in {"expansion", "arithmetic", "variable"}:
                self._expand(frame, kind, piece)
            elif not frame.is_code:
                self._quote(frame, kind, piece)
            elif kind == "heredoc":
                self._end_word(frame)
                self._marks.append(match.group("mark").strip("'\"").replace("\\", ""))
            else:
                self._take(frame, kind, piece)
        for frame in self._frames:
            self._end_word(frame)

    def _expand(self, frame: _Frame, kind: str, piece: str) -> None:
        """Take what begins a level within a word."""
        if frame.is_code:
            if piece == "`" and frame.opener == "`":
                self._end_word(frame)
                self._frames.pop()
                return
            frame.word = frame.word or []
            frame.is_plain = frame.is_plain and piece == '"'
            frame.is_bare = False
        else:
            self._around().is_plain = False
        if kind == "expansion":
            self._frames.append(_Frame(piece))

    def _quote(self, frame: _Frame, kind: str, piece: str) -> None:
        """Take a piece within `"` or `${`."""
        if piece == frame.closer:
            self._frames.pop()
        elif frame.opener == '"':
            around = self._around()
            if around.word is not None:
                around.word.append(piece.removeprefix("\\") if kind == "quoted" else piece)

    def _around(self) -> _Frame:
        """Return the innermost level that holds commands, not text."""
        return next(frame for frame in reversed(self._frames) if frame.is_code)

    def _take(self, frame: _Frame, kind: str, piece: str) -> None:
        """Take a piece outside quotations."""
        if kind in {"text", "quoted"}:
            frame.word = frame.word or []
            frame.is_bare = frame.is_bare and kind == "text"
            frame.word.append(piece.strip("'") if piece[0] == "'" else piece.removeprefix("\\"))
            return
        if kind == "joined":
            return
        self._end_word(frame)
        if kind == "redirect":
            frame.skips_word = True
        elif kind == "case_end":
            frame.at_command, frame.in_pattern = True, frame.cases > 0
        elif kind == "separator":
            frame.at_command, frame.is_wrapped, frame.skips_word = True, False, False
            if piece == "\n" and self._marks:
                self._skip_documents()
        elif kind == "open":
            if not frame.in_pattern:
                self._frames.append(_Frame("("))
        elif kind == "close":
            self._close(frame)

    def _close(self, frame: _Frame) -> None:
        """Take a closing parenthesis: of a pattern, of a level, or one too many."""
        if frame.in_pattern:
            frame.in_pattern, frame.at_command = False, True
        elif frame.closer == ")":
            self._frames.pop()
            self._frames[-1].at_command |= frame.opener == "("

    def _skip_documents(self) -> None:
        """Go past here-documents, but read what they substitute."""
        for mark in self._marks:
            end = re.compile(rf"^\t*{re.escape(mark)}$", re.MULTILINE).search(
                self._text, self._position
            )
            stop = end.start() if end else len(self._text)
            body = self._text[self._position : stop]
            for inner in re.findall(r"\$\(([^()]*)\)|`([^`]*)`", body):
                for part in inner:
                    self.found.update(dict.fromkeys(programs_of_shell(part)))
            self._position = end.end() if end else stop
        self._marks = []

    def _end_word(self, frame: _Frame) -> None:
        """Judge the word that ends here, if there is one."""
        if frame.word is None:
            return
        word, is_plain, is_bare = "".join(frame.word), frame.is_plain, frame.is_bare
        frame.word, frame.is_plain, frame.is_bare = None, True, True
        if frame.skips_word:
            frame.skips_word = False
        elif frame.in_pattern:
            frame.in_pattern = not (is_bare and word == "esac")
            frame.cases -= not frame.in_pattern
            frame.at_command = not frame.in_pattern
        elif frame.at_command and not _ASSIGNMENT.match(word):
            self._judge(frame, word, is_plain=is_plain, is_bare=is_bare)

    def _judge(self, frame: _Frame, word: str, *, is_plain: bool, is_bare: bool) -> None:
        """Take a word where a command may begin."""
        if is_bare and not frame.is_wrapped:
            if word in _RESERVED:
                return
            if word == "case":
                frame.cases, frame.in_pattern = frame.cases + 1, True
                return
            if word == "esac":
                frame.cases = max(0, frame.cases - 1)
                return
            if word == "function":  # its name follows, then its body
                frame.skips_word = True
                return
        if frame.is_wrapped and word.startswith("-"):
            frame.skips_word = word in _WRAPPER_OPTIONS_WITH_VALUE
            return
        frame.is_wrapped = is_plain and word in _WRAPPERS
        frame.at_command = frame.is_wrapped
        if is_plain and word and word not in _BUILTINS and word not in {"for", "select"}:
            self.found[word] = None
