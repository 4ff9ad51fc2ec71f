"""`capture`: what a program prints, for a Stagefile that needs it while it is read."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from stagemake.model.error import BadValue, CaptureFailed, MissingProgram, StagemakeError
from stagemake.model.stage import Stage
from stagemake.program import resolve_program
from stagemake.stagefile.audit import unheard
from stagemake.stagefile.declare import read_keyword
from stagemake.stagefile.language import command_action
from stagemake.stagefile.paths import canonical
from stagemake.stagefile.session import Question, Session, current

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stagemake.stagefile.child import Ended
    from stagemake.stagefile.keywords import Input, PathLike

_SHOWN_LINES = 10  # of stderr, the last
_SHOWN_CHARACTERS = 100  # of the command


def capture(
    argv_or_text: Sequence[str] | str,
    /,
    *,
    inputs: Sequence[Input] | Input | None = None,
    env: Mapping[str, str | None] | Sequence[str] | str = (),
    cwd: PathLike = "",
    timeout: float = 60,
) -> str:
    """Run a program now and return what it prints to stdout, without the line ends behind it.

    It gets the environment of stages and no stdin. Bytes that are no UTF-8 come as in file names.

    Args:
        argv_or_text: A list starts without a shell; a text goes through `/bin/sh`. No placeholders.
        inputs: All that the answer depends on, beside program, command and environment; builds then
            remember it. Without them the program runs each time the Stagefile is read.
        env: Variables to add, or the names of some to pass, as for stages.
        cwd: Where to run it, relative to the Stagefile; the root when left out.
        timeout: Seconds until it is ended and has failed.

    Raises:
        CaptureFailed: It can't be started, fails, or takes too long.
        MissingProgram: It isn't there.
        StagefileError: An argument is wrong.

    Cost: the program's run; what is remembered, reading the inputs and the program.
    """
    session = current()
    location = session.location(1)
    try:
        question = _question(session, argv_or_text, inputs, env, cwd)
        output = _answer(session, question, read_keyword(session, "timeout", timeout))
    except MissingProgram:
        raise
    except StagemakeError as error:
        raise error.at("capture()", location) from None
    session.captured.append(question.inputs)
    if session.recorder is not None:
        session.recorder.blame("uses capture()")
    return os.fsdecode(output.rstrip(b"\r\n"))


def _question(
    session: Session,
    argv_or_text: Sequence[str] | str,
    inputs: Sequence[Input] | Input | None,
    env: Mapping[str, str | None] | Sequence[str] | str,
    cwd: PathLike,
) -> Question:
    action = command_action(argv_or_text)
    paths = None
    if inputs is not None:
        _refuse_stages(inputs)
        paths = read_keyword(session, "inputs", inputs)
    directory = read_keyword(session, "cwd", cwd) if cwd else ""
    variables = dict(session.environ if session.stage_env is None else session.stage_env)
    if "PWD" in variables:  # passed through: it says where the tool was started
        variables["PWD"] = f"{session.root}/{directory}".rstrip("/")
    for name, value in read_keyword(session, "env", env) if env else ():
        if value is None:
            variables.pop(name, None)
        else:
            variables[name] = value
    argv = ("/bin/sh", "-c", *action.template) if action.shell else action.template
    return Question(argv, action.shell, directory, tuple(sorted(variables.items())), paths)


def _refuse_stages(inputs: Sequence[Input] | Input) -> None:
    for one in inputs if isinstance(inputs, (list, tuple)) else (inputs,):
        if isinstance(one, Stage):
            raise BadValue(
                f"inputs holds the stage `{one.name}`",
                hint="capture() runs while the Stagefile is read, before any stage; make it a stage",
            )


def _answer(session: Session, question: Question, timeout_s: float) -> bytes:
    program = _program(session, question)
    memo = session.capture_memo if question.inputs is not None else None
    key = memo.key(question, program) if memo is not None else ""
    known = memo.recall(key) if memo is not None else None
    if known is not None:
        return known
    from stagemake.stagefile.child import run  # noqa: PLC0415 - gate, 12 ms with subprocess

    shown = _shown(question)
    if not os.path.isdir(f"{session.root}/{question.cwd}"):
        raise CaptureFailed(f"there is no directory `{question.cwd}` to run `{shown}` in")
    try:
        with unheard():  # that a program is started is noted by `capture` itself
            ended = run(
                question.argv,
                program if program[0] == "/" else f"{session.root}/{program}",
                cwd=f"{session.root}/{question.cwd}",
                env=dict(question.env),
                timeout_s=timeout_s,
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CaptureFailed(f"`{shown}` could not be started: {reason.lower()}") from None
    if ended.trouble:
        raise _failure(shown, ended)
    if memo is not None and memo.key(question, program) == key:  # nothing moved meanwhile
        memo.remember(key, ended.stdout)
    return ended.stdout


def _program(session: Session, question: Question) -> str:
    """Return where the program is: absolute, or relative to the root."""
    name = question.argv[0]
    path = canonical(name, session.root, question.cwd) if "/" in name else name
    search_path = dict(question.env).get("PATH", os.defpath)
    found = resolve_program(
        path if "/" in path or "/" not in name else f"./{path}",
        search_path,
        session.root,
        cwd=question.cwd,
    )
    if found is None:
        session.tell_missing_program(name)
        facts = [("needed", f"{session.location(3)}, capture()")]
        if "/" not in name:
            facts.append(("searched", f"PATH: {search_path}"))
        raise MissingProgram((name,), facts=facts, hint="install it, or put it on PATH")
    return found


def _shown(question: Question) -> str:
    text = question.argv[2] if question.is_shell else shlex.join(question.argv)
    line = " ".join(text.split())
    most = _SHOWN_CHARACTERS
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _failure(shown: str, ended: Ended) -> CaptureFailed:
    lines = os.fsdecode(ended.stderr).rstrip().split("\n")
    facts = [("printed", "\n".join(lines[-_SHOWN_LINES:]))] if lines != [""] else []
    return CaptureFailed(f"`{shown}` {ended.trouble}", facts=facts, hint=ended.hint)
