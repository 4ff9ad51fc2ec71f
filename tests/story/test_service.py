"""Services: started, started anew and ended by `stagemake watch`; no part of any build."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from watch_kit import Watched, ended, is_alive, until

if TYPE_CHECKING:
    from project import Project

SERVER = """
    command("page", "cat text > page", inputs=["text"], outputs=["page"])
    command("server", "echo $$ >> pids; echo serving $(cat page); exec sleep 1000",
            inputs=["page"], service=True)
"""
watched = pytest.mark.usefixtures("_watchfiles")


@pytest.fixture
def _watchfiles() -> None:
    pytest.importorskip("watchfiles")


@pytest.fixture
def server(project: Project) -> Project:
    return project.stagefile(SERVER).write("text", "1\n")


def pids(project: Project, name: str = "pids") -> list[int]:
    return [int(line) for line in project.read(name).split()] if project.has(name) else []


def test_a_build_makes_what_a_service_needs_and_does_not_start_it(server: Project) -> None:
    server.build().ran("page").exited(0)

    server.build().ran().printed("stagemake: up to date\n")

    assert not server.has("pids")


@pytest.mark.parametrize("words", [["build"], ["build", "-n"], ["why"]])
def test_a_service_can_not_be_built_by_name(server: Project, words: list[str]) -> None:
    server.run(*words, "server").exited(2).printed(
        """\
        error: `server` is a service: it runs until it is ended, so it is no part of a build
        hint: `stagemake watch server` builds what it needs and runs it
        """
    )


def test_a_pipeline_or_a_pattern_that_names_a_service_takes_what_it_needs(project: Project) -> None:
    project.stagefile(SERVER + '\n    pipeline("dev", ["server"])\n').write("text", "1\n")

    project.build("dev").ran("page")
    project.remove("page").write("text", "2\n").build("serv*").ran("page")

    assert not project.has("pids")


def test_a_service_is_listed_and_drawn(server: Project) -> None:
    names = [stage["name"] for stage in server.run("list", "--json").json["stages"]]

    assert names == ["page", "server"]
    assert "server" in server.run("graph").stdout
    server.build().exited(0)
    server.run("why").exited(0)


@watched
def test_a_service_is_started_anew_when_what_it_reads_is_another(server: Project) -> None:
    with Watched(server) as watch:
        watch.waits().says("serving 1")
        (first,) = pids(server)

        server.write("text", "2\n")
        watch.waits(2).says("serving 2")

        assert ended(str(first))
        (_, second) = pids(server)
        assert is_alive(second)
        assert watch.stop() == 130
        said = watch.text.splitlines()
    assert ended(str(second))
    # When it prints is its own affair: its lines stand where they come.
    assert [line for line in said if " | " in line] == ["server | serving 1", "server | serving 2"]
    assert [line for line in said if " | " not in line] == [
        "[1/1] ran       page  <time>",
        "stagemake: done, 1 stage: 1 ran in <time>",
        "stagemake: service `server` is started",
        "stagemake: waiting for changes (^C to quit)",
        "stagemake: `text` changed",
        "[1/1] ran       page  <time>",
        "stagemake: done, 1 stage: 1 ran in <time>",
        "stagemake: service `server` is restarted",
        "stagemake: waiting for changes (^C to quit)",
    ]


@watched
def test_a_service_goes_on_when_its_inputs_are_made_as_they_were(project: Project) -> None:
    project.stagefile(SERVER.replace("cat text > page", "head -n 1 text > page"))
    project.write("text", "1\n")
    with Watched(project) as watch:
        watch.waits().says("serving 1")

        project.write("text", "1\nmore\n")
        watch.waits(2)

        assert watch.count("ran       page") == 2
        (only,) = pids(project)
        assert is_alive(only)
        assert watch.count("service `server` is") == 1


@watched
def test_a_source_that_only_a_service_reads_starts_it_anew(project: Project) -> None:
    project.stagefile(
        """
        command("page", "cat text > page", inputs=["text"], outputs=["page"])
        command("server", "echo $$ >> pids; cat settings; exec sleep 1000",
                inputs=["settings"], after=["page"], service=True)
        """
    )
    project.write("text", "1\n").write("settings", "red\n")
    with Watched(project, "server") as watch:
        watch.waits().says("server | red")

        project.write("settings", "blue\n")
        watch.says("server | blue").waits(2)

        assert len(pids(project)) == 2
        assert watch.count("ran       page") == 1


@watched
def test_another_command_is_another_service(server: Project) -> None:
    with Watched(server) as watch:
        watch.waits().says("serving 1")

        server.stagefile(SERVER.replace("serving", "offering"))
        watch.says("offering 1").waits(2)

        assert ended(str(pids(server)[0]))

        server.stagefile(SERVER.partition('command("server"')[0])
        watch.waits(3)

        assert ended(str(pids(server)[1]))
        assert watch.text.endswith(
            "stagemake: service `server` is ended: it is no longer part of what is watched\n"
            "stagemake: waiting for changes (^C to quit)\n"
        )


@watched
def test_a_service_goes_on_while_a_build_fails(server: Project) -> None:
    with Watched(server) as watch:
        watch.waits().says("serving 1")

        server.remove("text")
        watch.waits(2)

        (only,) = pids(server)
        assert is_alive(only)


@watched
def test_a_service_that_ends_is_said_and_started_after_the_next_build(project: Project) -> None:
    project.stagefile(
        """
        command("server", "cat settings; exit $(cat settings)", inputs=["settings"], service=True)
        """
    )
    project.write("settings", "3\n")
    ends = "service `server` ended with exit status {}; it is started again after the next build"
    with Watched(project) as watch:
        watch.waits().says(ends.format(3))

        project.write("settings", "4\n")
        watch.waits(2).says(ends.format(4))


@watched
def test_a_service_whose_program_is_not_there_is_said(project: Project) -> None:
    project.stagefile('command("server", ["no-such-program"], service=True)')

    with Watched(project) as watch:
        watch.waits().says("could not start `no-such-program`")


@watched
def test_a_service_whose_input_is_not_there_is_not_started(project: Project) -> None:
    project.stagefile('command("server", "cat x; sleep 1000", inputs=["x"], service=True)')

    with Watched(project) as watch:
        watch.waits().says(
            "stagemake: service `server` is not started: "
            "its input `x` is neither there nor made by a stage\n"
        )

        project.write("x", "here\n")
        watch.says("server | here")


TREE = """
    command("server", "echo $$ >> pids; trap '' TERM; sleep 1000 & echo $! >> pids; "
            "setsid sleep 1000 & echo $! >> pids; echo ready; wait; sleep 1000", service=True)
"""


@watched
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_a_service_outlives_the_watch(project: Project, number: int) -> None:
    project.stagefile(TREE)
    with Watched(project) as watch:
        watch.waits().says("server | ready")
        started = pids(project)
        assert all(map(is_alive, started))

        watch.stop(number)

        until(lambda: not any(map(is_alive, started)), "the end of the service")
    assert len(started) == 3


@watched
def test_secrets_of_a_service_are_masked(project: Project) -> None:
    project.env["TOKEN"] = "swordfish"
    project.stagefile(
        """
        command("server", "echo word $TOKEN; sleep 1000", secret_env=["TOKEN"], service=True)
        """
    )
    with Watched(project) as watch:
        watch.waits().says("server | word ***")

        assert "swordfish" not in watch.text


@watched
def test_what_another_process_builds_starts_a_service_anew(server: Project) -> None:
    with Watched(server) as watch:
        watch.waits().says("serving 1")

        os.kill(watch.pid, signal.SIGSTOP)
        server.write("text", "2\n").build().ran("page")
        os.kill(watch.pid, signal.SIGCONT)
        watch.says("serving 2").waits(2)

        assert watch.count("ran       page") == 1
