"""From the keywords of a Stagefile to a Stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stagemake.model.error import BadKeyword, BadValue, did_you_mean
from stagemake.model.stage import (
    Action,
    Call,
    Command,
    SourceLocation,
    Stage,
)
from stagemake.stagefile.keyword_readers import READERS
from stagemake.stagefile.paths import canonical

if TYPE_CHECKING:
    from stagemake.stagefile.keywords import Keywords
    from stagemake.stagefile.session import Session

_NOT_OF_SERVICES = {
    "outputs": "outputs", "depfile": "depfile", "provides": "provides", "uses": "uses",
    "console": "console", "timeout_s": "timeout", "retries": "retries", "always": "always",
    "resumable": "resumable", "pool": "pool", "cpus": "cpus", "memory_bytes": "memory",
}  # fmt: skip
"""Keywords by field: what only makes sense for an action that ends in a build."""


def check_name(name: object) -> str:
    """Return a stage's, pipeline's or pool's name.

    Raises:
        BadValue: It's no text, empty, starts with `-`, or has spaces or control characters.
    """
    if not isinstance(name, str):
        raise BadValue(f"a name is a text, not {name!r}")
    if not name or name[0] == "-" or not name.isprintable() or " " in name:
        raise BadValue(
            f"{name!r} can't be a name",
            hint="names are printable, have no spaces and don't start with `-`",
        )
    return name


def check_depth(depth: object) -> int:
    """Return a pool's depth.

    Raises:
        BadValue: It's no number from 1 up.
    """
    if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
        raise BadValue(f"the depth of a pool is a number from 1 up, not {depth!r}")
    return depth


def build_stage(
    session: Session,
    name: object,
    action: Action | None,
    keywords: Keywords,
    location: SourceLocation | None,
) -> Stage:
    """Return the stage that some keywords describe.

    Raises:
        StagefileError: A keyword is unknown, or a value has the wrong type or is out of range.
    """
    fields: dict[str, Any] = {}  # Any: attrs checks nothing; each reader below gives one type
    for word, value in keywords.items():
        reader = READERS.get(word)
        if reader is None:
            raise _unknown_keyword(word)
        if value is not None:
            reader(session, value, fields)
    # What a Stagefile says is relative to it, wherever it is included from.
    if session.base and "cwd" not in fields and session.base.partition("/")[0] != "..":
        fields["cwd"] = session.base
    if "console" in fields:
        _check_console(fields)
    if "cwd" in fields:
        _check_cwd(fields)
    if fields.get("service"):
        _check_service(action, fields)
    if type(action) is Command and fields.get("provides"):
        raise BadValue(
            "a command can't set a shared value",
            hint="provides= is for functions; have the command write a file, which others read as an input",
        )
    if type(action) is Command and "/" in action.template[0]:
        _add_own_program(session, action, fields)
    if session.home is not None and type(action) is Call:
        action = Call(action.function, session.home)
    full_name = session.prefix + check_name(name)
    return Stage.of(name=full_name, action=action, location=location, **fields)


def read_keyword(
    session: Session, word: str, value: object
) -> Any:  # Any: each keyword has its type
    """Return one keyword's value as `build_stage` would have it; `timeout` in seconds.

    Raises:
        StagefileError: The value has the wrong type or is out of range.
    """
    fields: dict[str, Any] = {}  # Any: as above
    READERS[word](session, value, fields)
    (found,) = fields.values()
    return found


def _check_console(fields: dict[str, Any]) -> None:
    """Refuse secrets on the terminal: what an action prints there can't be masked."""
    if fields["console"] and fields.get("secret_env"):
        raise BadValue(
            "console=True and secret_env don't go together: what is printed on the console can't be masked",
            hint="use pass_env, if what the action prints may show the values",
        )


def _check_service(action: Action | None, fields: dict[str, Any]) -> None:
    """Refuse a service that is no command, or that would have a part in a build."""
    if type(action) is not Command:
        raise BadValue(
            "only a command can be a service",
            hint='start the function in a program: command("NAME", "python serve.py", service=True)',
        )
    for name, word in _NOT_OF_SERVICES.items():
        if fields.get(name):
            raise BadValue(
                f"service=True and {word}= don't go together",
                hint="a service runs beside builds: it has inputs and an order, and makes nothing that others read",
            )


def _check_cwd(fields: dict[str, Any]) -> None:
    """Refuse a working directory that is removed before the action starts."""
    cwd = fields["cwd"]
    for output in fields.get("outputs", ()):
        if f"{cwd}/".startswith(f"{output.rstrip('/')}/"):
            raise BadValue(
                f"cwd is `{cwd}`, which lies in the stage's own output `{output}`",
                hint="an output is not there when the action starts: make and enter it in the action",
            )


def _add_own_program(session: Session, action: Command, fields: dict[str, Any]) -> None:
    """Make a program of the project's own an input: it may be made by a stage.

    Of a shell text that is the first word, when it is a plain relative path.
    """
    word = action.template[0]
    if "{params." in word:
        from stagemake.stagefile.placeholder import with_params  # noqa: PLC0415 - gate, 3 ms

        word = with_params(word, fields.get("params", ()))
    if action.shell:
        word = word.split(None, 1)[0]
        if "/" not in word:
            return
        if not word.replace("/", "").replace("_", "").replace("-", "").replace(".", "").isalnum():
            return
    if "/" not in word or word[0] in "/{~" or "{" in word:  # an input or output is known as that
        return
    path = canonical(word, session.root, fields.get("cwd", ""))  # where the command runs
    if path not in fields.get("inputs", ()) and path not in fields.get("implicit", ()):
        fields["implicit"] = (*fields.get("implicit", ()), path)


def _unknown_keyword(word: str) -> BadKeyword:
    return BadKeyword(f"unknown keyword `{word}`", hint=did_you_mean(word, READERS))


def stage_words() -> tuple[str, ...]:
    """Return all keywords of a stage."""
    return tuple(READERS)
