"""The entry of the installed command: say "up to date" where that is known, else open the command line."""

from __future__ import annotations

import gc
import os
import sys

import stagemake
from stagemake.freshness import identity, lock, noop, place, plain_argv, survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from stagemake.recalled import Found

UP_TO_DATE = "stagemake: up to date\n"

_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def main(argv: list[str] | None = None, found: Found | None = None) -> int:
    """Run the command line with `argv` (default: this process's) and return its exit status.

    Args:
        argv: What was typed.
        found: What `look` gave for it, just now.
    """
    # Reading a Stagefile and planning make objects that all live on: looking for garbage among them
    # costs a fifth of a no-op at 10 000 stages and finds nothing. `build` turns it on again to run.
    gc.disable()
    words = sys.argv[1:] if argv is None else argv
    plain = plain_argv.read(words)
    # A first word may be a command, unless the entry has found that it is a target.
    if plain is not None and (found is not None or not plain[0] or words[:1] == ["build"]):
        from stagemake.cli import plain_build  # noqa: PLC0415 - gate, 90 ms with all that it needs

        return plain_build.run(plain, found)
    from stagemake.cli.main import run  # noqa: PLC0415 - gate, 40 ms with click

    return run(words)


def answer(argv: list[str]) -> int | None:
    """Return the exit status of a plain build that has nothing to do, having said so; None: ask the command line."""
    return look(argv)[0]


def look(argv: list[str]) -> tuple[int | None, Found | None]:
    """Answer as `answer`; or return what was found out, for `main`: None where that is nothing."""
    if argv[:1] == ["completion"]:
        return _complete(argv), None
    if argv == ["--version"]:
        sys.stdout.write(f"stagemake {stagemake.__version__}\n")
        return 0, None
    asked = plain_argv.read(argv)
    if asked is None:
        return None, None
    targets, is_dry_run, is_question, is_silent, _, _, is_verbose, is_json = asked
    try:
        is_done, found = _look(
            targets, tells_of_locks=is_dry_run, may_write=not (is_dry_run or is_question),
            tells_of_each=(is_verbose or is_json) and not is_question,
        )  # fmt: skip
    except (
        Exception
    ):  # whatever a record from the disk holds: the long way knows, or says what is wrong
        return None, None
    if not is_done:
        return None, found
    if is_dry_run and not is_question:
        sys.stdout.write(UP_TO_DATE)
    elif not (is_silent or is_question):
        sys.stderr.write(UP_TO_DATE)
    return 0, None


def _look(
    targets: tuple[str, ...], *, tells_of_locks: bool, may_write: bool, tells_of_each: bool
) -> tuple[bool, Found | None]:
    """Return whether "up to date" is all there is to say; if there may be more, what was found out (`recalled.Found`)."""
    stagefile, _ = place.nearest_stagefile(os.getcwd())
    if not stagefile:
        return False, None
    root, name = os.path.split(os.path.realpath(stagefile))
    state = f"{root}/.stagemake"
    directory = f"{state}/{name}"
    if place.fault_of_state(state):
        return False, None
    record = noop.load(directory, stagemake.__version__)
    if record is None:
        return False, None
    is_told = tells_of_locks and lock.is_held(f"{state}/lock")
    tool = identity.tool_identity(_PACKAGE)

    def expand(base: str, pattern: str, excluded: tuple[str, ...]) -> tuple[str, ...]:
        from stagemake.stagefile.glob import expand  # noqa: PLC0415 - gate, 9 ms, where a globbed directory moved

        return expand(root, base, pattern, exclude=excluded)[0]

    moved = survey.moved_since(record, targets, root, tool, expand)
    if moved is None or (is_told and not moved):
        return False, None
    found = (record, moved, root, name)
    if record[noop.OPEN] or tells_of_each:
        return False, found
    if not moved:
        return True, None
    from stagemake import touched  # noqa: PLC0415 - gate, 3 ms, where something has moved

    if may_write:
        is_done = touched.note_touched(record, moved, directory, root)
    else:
        is_done = not is_told and touched.only_touched(record, moved, root) is not None
    return is_done, found


def _complete(argv: list[str]) -> int | None:
    """Answer what TAB asks from what was noted; None where that is not known."""
    from stagemake.cli import completion_noted, raw_output  # noqa: PLC0415 - gate, 2 ms, for TAB only

    try:
        text = completion_noted.answer(argv, _PACKAGE)
    except Exception:  # as in `look`
        return None
    if text is None:
        return None
    raw_output.print_utf8(text)
    return 0


def script() -> None:
    """Be the whole process: run the command line and leave without tearing the interpreter down.

    Freeing ten thousand stages one by one takes 50 ms that nobody needs. Whatever would notice the
    difference (a tracer, a debugger, coverage) gets an ordinary exit.
    """
    gc.disable()
    code: int | None = 0
    try:
        _open_what_is_closed()
        code, found = look(sys.argv[1:])
        if code is None:
            # Where a Stagefile is run for a help all the same, nothing is noted of it.
            if "--help" not in sys.argv:
                from stagemake.stagefile import audit  # noqa: PLC0415 - gate, 3 ms, where there may be work

                audit.install()
            code = main(found=found)
        if sys.gettrace() is not None or "coverage" in sys.modules:
            sys.exit(code)
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = code or 141
    except OSError as error:  # a full disk behind `> file`: what was printed isn't there
        code = code or 1
        _say_last(f"error: can't write the output: {error}\n")
    os._exit(code)


def _open_what_is_closed() -> None:
    """Have the null device in place of standard streams that are closed, as `2>&-` does.

    Else the next file to be opened would get their number, and be written to by what actions print.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
            setattr(sys, name, open(fd, "w" if fd else "r", encoding="utf-8"))  # noqa: SIM115 - as long as we live


def _say_last(text: str) -> None:
    try:
        os.write(2, text.encode())
    except OSError:  # nobody to tell
        return
