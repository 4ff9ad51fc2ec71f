"""A secret is used and is nowhere afterwards: every byte is searched for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

SECRET = 'hunter2-"quoted" $ecret\\é'
LONGER = SECRET + "-and-more"
NUMBER = "8231940517"
FORMS = tuple(
    {
        form
        for each in (SECRET, NUMBER, "-and-more")
        for form in (each.encode(), each.encode("unicode_escape"), each.replace("\\", "\\\\").replace('"', '\\"').encode(),
                     ascii(each)[1:-1].replace('"', '\\"').encode())
    }
)  # fmt: skip

STAGEFILE = """\
import os
command("sh", 'printf "%s\\\\n" "$TOKEN" "$LONGER" "$PIN" | tee /dev/stderr; cat {inputs} > {outputs}',
        inputs=["in"], outputs=["out/sh"], secret_env=["TOKEN", "LONGER", "PIN"])
command("fails", 'echo "$TOKEN"; exit 3', inputs=["in"], outputs=["out/x"], secret_env=["TOKEN"])
command("again", 'date +%N >> {outputs}; echo "$LONGER"', inputs=["in"], outputs=["out/y"], secret_env=["TOKEN", "LONGER"],
        retries=1)
@stage(inputs=["in"], outputs=["out/f"], secret_env=["TOKEN", "PIN"])
def f(context):
    token, pin = os.environ["TOKEN"], os.environ["PIN"]
    print(token, repr(token), [token], pin)
    context.events.emit("said " + token, {"deep": [{token: "a " + token}], "pin": int(pin)})
    context.outputs[0].write_text("x")
@stage(inputs=["in"], outputs=["out/g"], secret_env=["TOKEN"])
def g(context):
    raise RuntimeError("no " + os.environ["TOKEN"])
@stage(inputs=["in"], secret_env=["PIN"], provides=["v"])
def h(context):
    context.shared["v"] = ["pin", os.environ["PIN"]]
"""


@pytest.fixture
def secretive(project: Project) -> Project:
    project.env.update(TOKEN=SECRET, LONGER=LONGER, PIN=NUMBER)
    return project.stagefile(STAGEFILE).write("in", "1")


def places_of_secrets(project: Project) -> list[str]:
    """Return every file below the base, cache and state included, that holds a secret in any form."""
    return [
        path
        for path, (_, _, content) in project.tree().items()
        if any(form in content for form in FORMS)
    ]


def test_a_secret_is_in_no_byte_that_is_left_or_shown(secretive: Project) -> None:
    said = [
        secretive.run("-k", "-v", "--events", "events", "--timeline", "timeline", "-j2").exited(1),
        secretive.run("-k", "--json"),
        secretive.run("-n", "--json"),
        secretive.run("-n", "-o", "plan.json"),
        secretive.write("in", "2").run("-k", "-v"),
        *(secretive.run("why", name) for name in ("sh", "fails", "again", "f", "g", "h")),
        secretive.run("why", "--json", "sh"),
        secretive.run("history", "1", "--json"),
        secretive.run("history", "1", "2"),
        secretive.run("trace", "sh", "f"),
        secretive.run("verify", "--keep", "again"),
        secretive.write("in", "1").run("-k", "-v"),  # replays what was logged
    ]

    assert places_of_secrets(secretive) == []
    for result in said:
        text = (result.stdout + result.stderr).encode()
        assert not any(form in text for form in FORMS), text.decode()
    assert "***\n***\n***" in said[0].stderr
    assert "its shared value `v` holds a secret, and would be stored" in said[0].stderr
    assert '"name":"said ***"' in secretive.read("events")


def test_the_search_finds_what_it_is_for(secretive: Project) -> None:
    secretive.stagefile(
        STAGEFILE.replace("secret_env", "pass_env").replace('"PIN"], provides=["v"]', '"PIN"]')
    )

    secretive.build("-k", "--events", "events")

    found = places_of_secrets(secretive)
    assert "project/events" in found
    assert any(path.startswith("cache/") for path in found)


def test_a_secret_that_changes_runs_nothing_again(project: Project) -> None:
    project.env["TOKEN"] = "one-value"
    project.stagefile(
        'command("a", "cat {inputs} > {outputs}", inputs=["in"], outputs=["o"], secret_env=["TOKEN"])\n'
    )
    project.write("in", "1").build().ran("a")

    project.env["TOKEN"] = "another-value"

    project.build().printed("stagemake: up to date\n")
    project.remove("o").build().restored("a")
