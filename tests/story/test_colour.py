"""Who gets colours: decided when something is shown, not when it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from screen_kit import Screen

from stagemake import StageManager

if TYPE_CHECKING:
    from project import Project

STAGE = (
    "command('say', \"printf '\\\\033[1;35mloud\\\\033[0m\\\\n'; : > {outputs}\", outputs=['o'])\n"
)
LOUD = "\x1b[1;35mloud\x1b[0m\n"


@pytest.mark.parametrize(
    ("env", "arguments", "has_colour"),
    [
        ({}, (), False),
        ({"FORCE_COLOR": "1"}, (), True),
        ({"CLICOLOR_FORCE": "1"}, (), True),
        ({"CLICOLOR_FORCE": "0"}, (), False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": "1"}, ("--color", "always"), True),
        ({"FORCE_COLOR": "1"}, ("--color", "never"), False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, (), True),
        ({"CI": "true", "GITHUB_ACTIONS": "true"}, (), False),
    ],
)
def test_a_pipe_gets_them_on_request(
    project: Project, env: dict[str, str], arguments: tuple[str, ...], *, has_colour: bool
) -> None:
    project.env.update(env)

    said = project.stagefile(STAGE).build(*arguments).exited(0).stderr

    assert ("\x1b[32mran" in said) == has_colour
    assert (LOUD in said) == has_colour
    assert has_colour or "\x1b" not in said


@pytest.mark.parametrize(
    ("env", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_has_them_unless_it_cannot(
    project: Project, env: dict[str, str], *, has_colour: bool
) -> None:
    project.env.update(env)
    project.stagefile(STAGE)

    with Screen.open(project) as screen:
        assert screen.end() == 0

    assert (b"\x1b[1;35mloud" in screen.raw) == has_colour
    assert b"loud" in screen.raw


@pytest.mark.parametrize(
    "words", [("doctor",), ("history",), ("history", "1"), ("cache", "stats")], ids=" ".join
)
def test_commands_that_tell_what_is_there_have_them_too(
    project: Project, words: tuple[str, ...]
) -> None:
    project.stagefile(STAGE).build().exited(0)
    plain = project.run(*words).exited(0).stdout

    project.env["FORCE_COLOR"] = "1"
    painted = project.run(*words).exited(0).stdout

    assert "\x1b[" not in plain
    assert "\x1b[1m" in painted
    assert project.run(*words, "--color", "never").exited(0).stdout == plain


RAW = b"\x1b[1;35mloud\x1b[0m\x1b]0;title\x07 \xff\x00\x08\n 1 %\r99 %\r\n\x1b[2Jdone\x1b[?25l"


@pytest.mark.parametrize(
    ("env", "arguments", "has_colour"),
    [
        ({}, (), False),
        ({"FORCE_COLOR": "1"}, (), True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": "1"}, ("--color=always",), True),
        ({"FORCE_COLOR": "1"}, ("--color=never",), False),
    ],
)
def test_what_is_stored_is_as_it_came_and_what_is_shown_is_decided_then(
    project: Project, env: dict[str, str], arguments: tuple[str, ...], *, has_colour: bool
) -> None:
    project.stagefile(
        "command('say', 'cat raw; cat raw >&2; : > {outputs}', implicit=['raw'], outputs=['o'])\n"
    )
    (project.root / "raw").write_bytes(RAW)
    project.env.update(env)
    begin = "\x1b[1;35mloud\x1b[0m" if has_colour else "loud"
    shown = f"{begin} \\xff\n99 %\ndone\n" * 2

    ran = project.build("-v", *arguments).ran("say").stderr
    project.remove("o")
    restored = project.build("-v", *arguments).restored("say").stderr

    assert shown in ran
    assert shown in restored
    manager = StageManager(root=project.root, cache_dir=project.cache)
    manager.load("Stagefile")
    outcome = manager.execute_pipeline(["say"])
    assert manager.log_of(outcome.results[0]) == (RAW, RAW)


def test_what_was_stored_for_a_pipe_is_shown_with_colours_on_a_terminal(project: Project) -> None:
    project.stagefile(STAGE).build().ran("say")
    project.remove("o")

    plain = project.build("-v").restored("say").stderr
    project.remove("o")
    coloured = project.build("-v", "--color", "always").stderr

    assert "loud\n" in plain
    assert "\x1b" not in plain
    assert LOUD in coloured
