"""The few command lines that can be answered without the command line's own parser."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

Plain = tuple[tuple[str, ...], bool, bool, bool, int, bool, bool, bool]
"""Targets as typed, whether -n, -q and -s were given, how many jobs (0: not said), whether -k, -v and --json were."""


def read(argv: Sequence[str]) -> Plain | None:
    """Return what a plain `build` asks for; None for whatever is not known to be one.

    Known are `build` as the first word, `-jN` and `-j N`, `-k`, `-n`, `-q`, `-s`, `-v`, `--json`, each by
    itself, and targets.
    """
    targets: list[str] = []
    dry_run = question = silent = keep_going = verbose = as_json = False
    jobs = 0
    at = 1 if argv[:1] == ["build"] else 0
    while at < len(argv):
        word = argv[at]
        at += 1
        if word == "-n":
            dry_run = True
        elif word == "-q":
            question = True
        elif word == "-s":
            silent = True
        elif word[:2] == "-j":
            count = word[2:]
            if not count:
                count = argv[at] if at < len(argv) else ""
                at += 1
            # What int() takes besides (`+2`, ` 2`, `1_0`) is left to the other parser.
            if not (count.isascii() and count.isdecimal() and len(count) < 5 and int(count)):
                return None
            jobs = int(count)
        elif word == "-k":
            keep_going = True
        elif word == "-v":
            verbose = True
        elif word == "--json":
            as_json = True
        elif not word or word[0] == "-":
            return None
        else:
            targets.append(word)
    return tuple(targets), dry_run, question, silent, jobs, keep_going, verbose, as_json
