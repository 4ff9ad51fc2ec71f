"""Shell text that needs no shell: one program, plain words, perhaps a file for what it prints. Saves a process.

Where the shell would do nothing but start a program as it is named here, that is started in its place, with the
environment it would have. In doubt the text goes to the shell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stagemake.runner.port import Direct

# No quotes, expansions, patterns, tildes, assignments in front; a blank before `>`, so that no digit belongs to it.
_PLAIN = re.compile(
    r" *([\w./][\w.+/-]*(?: +[\w./+@%:,-][\w./+@%:,=-]*)*)(?: +> *([\w./][\w./+@%:,=-]*))? *",
    re.ASCII,
)
_LONGEST = 128 * 1024  # bytes, which are characters here; Linux gives no shell more in one argument
_SHELLS_OWN = frozenset((
    ".", "..", ":", "alias", "autoload", "bg", "bind", "break", "builtin", "bye", "caller",
    "case", "cd", "chdir", "command", "compgen", "complete", "compopt", "continue", "coproc",
    "declare", "dirs", "disown", "do", "done", "echo", "elif", "else", "emulate", "enable", "end",
    "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "float", "for",
    "foreach", "function", "functions", "getconf", "getln", "getopts", "global", "hash", "help",
    "hist", "history", "if", "in", "inlib", "integer", "jobs", "kill", "let", "limit", "local",
    "log", "logout", "mapfile", "mknod", "nameref", "nocorrect", "noglob", "popd", "print",
    "printf", "pushd", "pushln", "pwd", "r", "read", "readarray", "readonly", "realpath",
    "rehash", "rename", "repeat", "return", "sched", "select", "set", "setopt", "shift", "shopt",
    "sleep", "source", "stop", "suspend", "test", "then", "time", "times", "trap", "true",
    "ttyctl", "type", "typeset", "ulimit", "umask", "unalias", "unfunction", "unhash", "unlimit",
    "unset", "unsetopt", "until", "vmap", "wait", "whence", "where", "which", "while", "zcompile",
    "zmodload",
))  # fmt: skip
"""What dash, bash, busybox, ksh, mksh or zsh take for a word of their own, not for a program."""

_SHELLS_VARIABLES = frozenset((
    "ARGV0", "BASH", "BASHOPTS", "BASHPID", "BASH_ENV", "BASH_EXECUTION_STRING", "BASH_SUBSHELL",
    "BASH_VERSINFO", "BASH_VERSION", "CDPATH", "ENV", "EPOCHREALTIME", "FPATH", "HISTCMD", "IFS",
    "LINENO", "MAIL", "MAILPATH", "OLDPWD", "OPTERR", "OPTIND", "POSIXLY_CORRECT", "PPID", "PS1",
    "PS2", "PS4", "PWD", "RANDOM", "SECONDS", "SHELLOPTS", "SHLVL", "SRANDOM", "STTY", "_",
))  # fmt: skip
"""What changes how a shell works, or is changed by it: where one of them is set, the shell decides."""


def direct_of(text: str, outputs: Collection[str], env: Mapping[str, str]) -> Direct | None:
    """Return what `/bin/sh -c text` comes down to; None where it may do more than start one program.

    Args:
        text: As the shell would get it.
        outputs: The files it may print to, as they are called in the text: nothing is there when it starts.
        env: The whole environment.

    Cost: 3 us.
    """
    if len(text) >= _LONGEST:
        return None
    match = _PLAIN.fullmatch(text)
    if match is None:
        return None
    argv = tuple(match[1].split())
    target: str = match[2] or ""
    if argv[0] in _SHELLS_OWN or (target and target not in outputs):
        return None
    return (argv, target) if _passes_unchanged(env) else None


def _passes_unchanged(env: Mapping[str, str]) -> bool:
    """Whether a shell gives this on as it is; some drop what is no name of theirs, or take it for functions."""
    search_path = env.get("PATH", "%")
    if not _SHELLS_VARIABLES.isdisjoint(env) or "%" in search_path:
        return False
    # Of a script found by an empty place, `$0` is `x` with dash and `./x` with bash: as the shell at hand has it.
    if "::" in search_path or search_path[:1] in {"", ":"} or search_path[-1] == ":":
        return False
    return all(map(str.isidentifier, env)) and "".join(env).isascii()
