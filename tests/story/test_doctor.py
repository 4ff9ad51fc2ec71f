"""`doctor`: each thing that can be off is made to be off, and found, with what mends it. Nothing is changed."""

from __future__ import annotations

import compileall
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, Any

import pytest
from project import PACKAGE_HOME

import stagemake
from stagemake.doctor import project_part
from stagemake.doctor.cache_part import look_at_cache
from stagemake.doctor.filesystem import file_system_of, folds_case
from stagemake.doctor.finding import Findings
from stagemake.settings import ProjectConfig

if TYPE_CHECKING:
    from pathlib import Path

    from project import Project

COPY = 'command("copy", "cp a b", inputs=["a"], outputs=["b"])\n'
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no Stagefile be slow to read: a busy machine is."""
    monkeypatch.setattr(project_part, "_SLOW_S", 1e6)


@pytest.fixture
def built(project: Project) -> Project:
    """Return a project that has been built once."""
    project.env["PATH"] = "/usr/bin:/bin"
    project.stagefile(COPY).write("a", "1").build().ran("copy")
    return project


def findings(project: Project, *arguments: str, exit_code: int | None = None) -> dict[str, Any]:
    """Return what doctor finds by section and code, as (level, text, hint). Checks that nothing changes."""
    with project.unchanged():
        result = project.build("doctor", "--json", *arguments)
    found = result.json
    if exit_code is not None:
        assert result.exit_code == exit_code
    assert found["ok"] is (result.exit_code == 0)
    assert result.stderr == ""
    return {
        f"{each['section']}.{each['code']}": (each["level"], each["text"], each["hint"])
        for each in found["findings"]
    }


def off(found: dict[str, Any]) -> dict[str, Any]:
    """Return what is not ok."""
    return {code: each for code, each in found.items() if each[0] != "ok"}


def test_a_sound_project_has_no_problems(built: Project) -> None:
    found = findings(built, exit_code=0)

    assert off(found) == {}
    assert {code.partition(".")[0] for code in found} == {
        "versions",
        "system",
        "project",
        "state",
        "cache",
    }


def test_a_stagefile_that_is_slow_to_read_is_noted(
    built: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_part, "_SLOW_S", 0.0)

    level, text, hint = findings(built, exit_code=0)["project.slow_evaluation"]

    assert (level, text) == ("note", "1 stage, read in <time>")
    assert hint == "every command runs the Stagefile: move work from its top level into stages"


@pytest.mark.parametrize(
    "text",
    [
        "import big\n" + COPY,
        '@stage(outputs=["o"])\ndef make(context):\n    import big.m0\n',
    ],
    ids=["at the top", "in a function"],
)
def test_packages_that_nobody_compiled_are_noted_until_somebody_does(
    project: Project, text: str
) -> None:
    site = project.base / "site-packages"
    (site / "big").mkdir(parents=True)
    for name in ("__init__", *(f"m{number}" for number in range(49))):
        (site / f"big/{name}.py").touch()
    project.env["PYTHONPATH"] = f"{PACKAGE_HOME}:{site}"
    project.write("a").stagefile(text)

    def noted() -> dict[str, Any]:
        result = project.run("doctor", "--json")
        return {each["code"]: each for each in result.json["findings"]}.get("no_bytecode", {})

    before = noted()
    compileall.compile_dir(site, quiet=1)
    after = noted()

    assert before["level"] == "note"
    assert before["text"] == (
        "`big`: 50 modules without bytecode, which are compiled each time that they are imported"
    )
    assert before["hint"].startswith("compile them once: ")
    assert " -m compileall -q " in before["hint"]
    assert after == {}


def test_the_report_reads_well_at_80_columns(built: Project) -> None:
    built.stagefile(COPY + 'command("deploy", "true", pass_env=["TOKEN"], inputs=["a"])\n')

    with built.unchanged():
        result = built.run("doctor")

    lines = re.sub(r"\n {11}(?!hint)", " ", result.stdout)  # paths of tests are long
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    assert lines.startswith(f"versions\n  ok       stagemake {stagemake.__version__} in")
    assert (
        """\
project
  ok       `Stagefile` in `<root>`
  ok       2 stages, read in <time>
  note     `deploy`: pass_env of `TOKEN`, whose values do not count
           hint: their authors promise that these don't change what is made; `env=` makes them count
  ok       2 programs that stages start: all there
"""
        in lines
    )
    assert (
        """
cache
  ok       `<cache>` (from STAGEMAKE_CACHE_DIR)
  ok       yours alone (mode 0700)
  ok       3 records, 1 blob, """
        in lines
    )
    assert lines.endswith("\nstagemake: no problems, 1 note\n")


def test_colour_is_for_terminals(built: Project) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    environment = {**built.environment(), "PYTHONPATH": PACKAGE_HOME, "TERM": "xterm"}
    subprocess.run(
        [sys.executable, "-m", "stagemake", "doctor"],
        cwd=built.root, env=environment, stdout=theirs, check=True, timeout=60,
    )  # fmt: skip
    os.close(theirs)
    text = os.read(ours, 1 << 16).decode()
    os.close(ours)

    assert "\x1b[32mok\x1b[0m" in text
    plain = re.sub(r"\x1b\[\d*m|\r", "", text)
    assert max(len(line) for line in plain.splitlines() if "`" not in line) <= 60


# -- versions and system ---------------------------------------------------------------------------


def test_two_installations_on_path_are_a_problem(built: Project) -> None:
    for name in ("one", "two"):
        built.write(f"../{name}/stagemake", "#!/bin/sh\n")
        (built.base / name / "stagemake").chmod(0o755)
    built.env["PATH"] = f"{built.base}/one:{built.base}/two:/usr/bin:/bin"

    level, text, hint = findings(built, exit_code=1)["versions.several_installations"]

    assert level == "problem"
    assert (
        text
        == "PATH has 2 programs called stagemake: `<base>/one/stagemake`, `<base>/two/stagemake`"
    )
    assert "-m stagemake" in hint


def test_another_pythons_stagemake_on_path_is_noted(built: Project) -> None:
    built.write("../one/stagemake", "#!/bin/sh\n")
    (built.base / "one/stagemake").chmod(0o755)
    built.env["PATH"] = f"{built.base}/one:/usr/bin:/bin"

    assert findings(built, exit_code=0)["versions.other_on_path"][0] == "note"


# -- the project -----------------------------------------------------------------------------------


def test_without_a_stagefile_init_is_named(project: Project) -> None:
    found = findings(project, exit_code=0)

    assert found["project.no_stagefile"] == (
        "note", "no Stagefile in `<root>` or above", "`stagemake init` writes a first one",
    )  # fmt: skip
    assert found["cache.absent"][0] == "ok"


def test_a_broken_stagefile_is_a_problem_and_the_rest_is_looked_at(project: Project) -> None:
    project.stagefile('command("x", "true", inputs="a", bogus=1)')

    found = findings(project, exit_code=1)

    level, text, _ = found["project.stagefile"]
    assert (level, text.partition(" (")[0]) == ("problem", "unknown keyword `bogus`")
    assert "Stagefile:2" in text
    assert "cache.path" in found


def test_a_wrong_setting_is_a_problem(built: Project) -> None:
    built.write("pyproject.toml", "[tool.stagemake]\njobz = 1\n")

    level, text, hint = findings(built, exit_code=1)["project.stagefile"]

    assert (level, hint) == ("problem", "did you mean `jobs`?")
    assert text == "unknown setting `jobz` (in pyproject.toml, [tool.stagemake])"


def test_settings_are_told_and_what_an_inherited_environment_costs(built: Project) -> None:
    built.write(
        "pyproject.toml", '[tool.stagemake]\njobs = 3\nenvironment = "inherit"\ncache_dir = "c"\n'
    )
    del built.env["PATH"]

    found = findings(built)

    assert found["project.settings"][1] == 'from pyproject.toml: jobs = 3; cache_dir = "c"'
    assert found["project.inherit"][0] == "note"
    assert "a changed variable goes unseen" in found["project.inherit"][2]


def test_who_promises_what_is_listed(built: Project) -> None:
    built.stagefile(
        COPY
        + """\
        command("secret", "true", secret_env=["KEY"], inputs=["a"])
        command("each", "true", inputs=["a"], always=True)
        command("bare", "true")
        command("fleeting", "cp a c", inputs=["a"], outputs=["c"], cache=False)
        @stage(inputs=["a"], outputs=["d"], ignore_code=True, any_python=True)
        def loose(context):
            pass
        """.replace("        ", "", 1).replace("\n        ", "\n")
    )

    found = findings(built, exit_code=0)

    assert (
        found["project.secret_env"][1] == "`secret`: secret_env of `KEY`, whose values do not count"
    )
    assert found["project.always"][1] == "`each`: in every build (always)"
    assert (
        found["project.runs_always"][1] == "`bare`: neither inputs nor outputs, so in every build"
    )
    assert found["project.no_cache"][1] == "`fleeting`: never stored (cache=False)"
    assert found["project.ignore_code"][1] == "`loose`: the code does not count (ignore_code)"
    assert found["project.any_python"][1] == "`loose`: one result for every Python (any_python)"


def test_a_function_that_runs_always_is_named_with_the_culprit(built: Project) -> None:
    built.stagefile(
        "numbers = (n for n in [1])\n"
        '@stage(inputs=["a"], outputs=["d"])\ndef held(context):\n    list(numbers)\n'
    )

    level, text, hint = findings(built)["project.unidentified"]

    assert level == "note"
    assert text.startswith("`held` runs in every build: ")
    assert "`Stagefile:numbers`" in text
    assert "`params`" in hint


def test_a_missing_program_is_a_problem(built: Project) -> None:
    built.stagefile(
        COPY
        + 'command("x", ["no-such-tool"], inputs=["a"])\ncommand("y", "no-such-tool | cat", inputs=["a"])'
    )

    assert findings(built, exit_code=1)["project.missing_program"] == (
        "problem", "the program `no-such-tool` is not there, for `x`, `y`",
        "install it, put its directory on PATH, or name another in the Stagefile",
    )  # fmt: skip


def test_a_program_that_a_stage_makes_is_not_missing(built: Project) -> None:
    built.stagefile(
        'command("make", "cp a gen", inputs=["a"], outputs=["gen"])\ncommand("use", ["./gen"], inputs=["a"])'
    )

    assert "project.missing_program" not in findings(built, exit_code=0)


def test_orphans_and_case_twins_are_noted(built: Project) -> None:
    built.stagefile(
        'command("one", "true", outputs=["c"])\ncommand("two", "true", outputs=["C"])\n'
    )

    found = findings(built, exit_code=0)

    assert found["project.orphans"][1] == "outputs that no stage makes any more: `b`"
    assert found["project.case_twins"][1] == "the outputs `C` and `c` differ only in case"


# -- the state -------------------------------------------------------------------------------------


def test_who_holds_the_lock_is_told(built: Project) -> None:
    with open(built.root / ".stagemake/lock", "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)

        level, text, _ = findings(built, exit_code=0)["state.locked"]

    assert level == "note"
    assert re.fullmatch(r"a build is running: process (<pid>|\d+)", text)


def test_a_damaged_snapshot_is_noted(built: Project) -> None:
    built.write(".stagemake/Stagefile/snapshot", b"stagemake snapshot\nnonsense")

    assert findings(built, exit_code=0)["state.snapshot"][0] == "note"


def test_what_was_put_aside_is_counted(built: Project) -> None:
    built.write(".stagemake/kept/2026-01-01T00-00-00/x", "12345")

    assert findings(built, exit_code=0)["state.kept"][1] == (
        "`.stagemake/kept/` holds 1 file of yours, 5 B, that builds put aside"
    )


@pytest.mark.parametrize(("mode", "code"), [(0o500, "not_writable"), (0o777, "mode")])
def test_a_state_directory_with_a_wrong_mode_is_a_problem(
    built: Project, mode: int, code: str
) -> None:
    path = built.root / ".stagemake"
    path.chmod(mode)

    level, _, hint = findings(built, exit_code=1)[f"state.{code}"]

    assert level == "problem"
    subprocess.run(
        ["/bin/sh", "-c", hint.strip("`").replace("<root>", str(built.root))], check=True
    )  # the hint mends it
    assert off(findings(built, exit_code=0)) == {}


def test_a_state_that_is_no_directory_is_a_problem(project: Project) -> None:
    project.stagefile(COPY).write("a").write(".stagemake", "")

    assert findings(project, exit_code=1)["state.no_directory"][0] == "problem"


@as_root
def test_a_state_of_another_user_is_a_problem(built: Project) -> None:
    os.chown(built.root / ".stagemake", 12345, -1)

    assert findings(built, exit_code=1)["state.foreign_owner"][1] == (
        "`.stagemake/` belongs to user 12345, not to user 0"
    )


# -- the cache -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "level"), [(0o777, "problem"), (0o755, "note")])
def test_a_cache_that_others_can_enter_is_told_and_mended(
    built: Project, mode: int, level: str
) -> None:
    built.cache.chmod(mode)

    found = findings(built)["cache.mode"]

    assert found[0] == level
    assert f"(mode {mode:04o})" in found[1]
    built.cache.chmod(0o700)
    assert off(findings(built, exit_code=0)) == {}


@as_root
def test_a_cache_of_another_user_is_a_problem(built: Project) -> None:
    os.chown(built.cache, 12345, -1)

    level, text, hint = findings(built, exit_code=1)["cache.foreign_owner"]

    assert (level, text) == ("problem", "it belongs to user 12345, not to user 0, and is not used")
    assert hint.startswith("`chown -R 0 <cache>`")


def test_a_cache_that_is_a_link_or_a_file_is_a_problem(built: Project) -> None:
    real = built.base / "elsewhere"
    built.cache.rename(real)
    built.cache.symlink_to(real)
    linked = findings(built, exit_code=1)
    built.cache.unlink()
    built.cache.write_text("")
    plain = findings(built, exit_code=1)

    assert linked["cache.link"][2] == "name what it leads to: STAGEMAKE_CACHE_DIR=<base>/elsewhere"
    assert plain["cache.no_directory"][0] == "problem"


@pytest.mark.parametrize("damage", ["header", "page"])
def test_a_damaged_database_is_a_problem(built: Project, damage: str) -> None:
    database = built.cache / "cache.db"
    data = bytearray(database.read_bytes())
    if damage == "header":
        data[:32] = b"x" * 32
    else:
        data[4096:] = b"\xff" * (len(data) - 4096)
    database.write_bytes(data)

    level, text, hint = findings(built, exit_code=1)["cache.damaged"]

    assert level == "problem"
    assert text.startswith("its database can't be read: ")
    assert hint.startswith("`stagemake cache verify`")
    built.build("cache", "verify")
    assert "cache.damaged" not in findings(built)


def test_a_write_ahead_log_without_its_index_is_noted(built: Project) -> None:
    (built.cache / "cache.db-wal").write_bytes(b"x" * 100)

    assert "without its index" in findings(built)["cache.wal"][1]


def test_a_cache_over_its_limit_is_noted(built: Project) -> None:
    built.write("pyproject.toml", '[tool.stagemake]\ncache_size = "10 B"\n')

    level, text, hint = findings(built, exit_code=0)["cache.over_limit"]

    assert (level, text.rpartition(" of ")[2]) == ("note", "10 B")
    assert hint.startswith("`stagemake cache gc`")


def test_caches_that_were_set_aside_are_noted(built: Project) -> None:
    (built.base / "cache.corrupt-2").mkdir()

    assert findings(built, exit_code=0)["cache.set_aside"][1] == (
        "damaged caches were set aside: `<cache>.corrupt-2`"
    )


def test_where_the_cache_comes_from_is_told(built: Project) -> None:
    given = findings(built, "--cache-dir", "other")
    by_variable = findings(built)
    built.env["STAGEMAKE_CACHE_DIR"] = ""
    built.env["XDG_CACHE_HOME"] = str(built.base / "home/xdg")
    default = findings(built)
    built.write("pyproject.toml", '[tool.stagemake]\ncache_dir = "in"\n')

    assert given["cache.path"][1].endswith("(from --cache-dir)")
    assert by_variable["cache.path"][1].endswith("(from STAGEMAKE_CACHE_DIR)")
    assert default["cache.path"][1].endswith("(the default for this user)")
    assert findings(built)["cache.path"][1] == "`<root>/in` (from pyproject.toml)"


# -- file systems, as far as one machine can't have them all ---------------------------------------


def mounts(tmp_path: Path, *lines: tuple[str, str, str]) -> str:
    path = tmp_path / "mountinfo"
    text = "".join(
        f"{i} 1 0:{i} / {point} {options} shared:1 - {kind} none rw\n"
        for i, (point, kind, options) in enumerate(lines)
    )
    path.write_text(text)
    return str(path)


def test_the_innermost_and_latest_mount_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a b"
    inner.mkdir()
    shown = str(inner).replace(" ", "\\040")
    table = mounts(tmp_path, ("/", "ext4", "rw"), (shown, "tmpfs", "rw"), (shown, "nfs4", "ro"))

    outer, found = file_system_of("/", table), file_system_of(f"{inner}/absent/x", table)

    assert (outer.kind, outer.is_network, outer.is_read_only) == ("ext4", False, False)
    assert (found.kind, found.is_network, found.is_read_only) == ("nfs4", True, True)
    assert file_system_of("/", str(tmp_path / "absent")).kind == ""


@pytest.mark.parametrize(
    ("kind", "clones", "clock"),
    [("btrfs", True, None), ("vfat", False, "coarse"), ("zfs", True, "tick")],
)
def test_what_a_kind_can_do(tmp_path: Path, kind: str, clones: bool, clock: str | None) -> None:
    found = file_system_of("/", mounts(tmp_path, ("/", kind, "rw")))

    assert found.may_clone is clones
    if sys.platform == "linux":
        assert clock is None or found.clock == clock


def test_case_is_told_by_a_name_that_is_there(tmp_path: Path) -> None:
    assert folds_case(str(tmp_path)) is None

    (tmp_path / "Name").write_text("")

    assert folds_case(str(tmp_path)) is (tmp_path / "nAME").exists()


def test_little_room_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stagemake.doctor import machine

    found = Findings("cache")
    monkeypatch.setattr(machine, "_LITTLE_SPACE_BYTES", 1 << 80)
    machine.look_at_space(found, "the cache", str(tmp_path))

    assert [(each.code, each.level.value) for each in found.found] == [("little_space", "problem")]


def test_a_cache_that_can_not_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    found = look_at_cache(str(tmp_path / "cache"), ProjectConfig(), {}, is_given=True)

    assert [each.code for each in found.found if each.level.value != "ok"] == []
    if os.geteuid() and shutil.which("true"):
        tmp_path.chmod(0o500)
        found = look_at_cache(str(tmp_path / "cache"), ProjectConfig(), {}, is_given=True)
        assert "not_writable" in [each.code for each in found.found]


def test_an_input_that_nobody_makes_is_a_problem(built: Project) -> None:
    built.stagefile(
        COPY + 'command("next", "cat {inputs}", inputs=["b", "c", "bb"], outputs=["d"])\n'
        'command("last", "cat {inputs}", inputs=["c"], outputs=["e"])\n'
    )

    found = findings(built, exit_code=1)

    assert found["project.missing_input"] == (  # the last of two
        "problem",
        "the input `bb` is not there, and no stage makes it, for `next`",
        "did you mean `b`?",
    )
    lines = [line.strip() for line in built.build("doctor").stdout.splitlines()]
    at = lines.index(
        "problem  the input `c` is not there, and no stage makes it, for `next`, `last`"
    )
    assert lines[at + 1] == "hint: create it, or declare the stage that makes it"
    assert lines[-1] == "stagemake: 2 problems"


def test_a_link_that_leads_nowhere_is_not_there_as_for_a_build(built: Project) -> None:
    built.remove("a")
    (built.root / "a").symlink_to("nowhere")

    assert findings(built, exit_code=1)["project.missing_input"][1] == (
        "the input `a` is not there, and no stage makes it, for `copy`"
    )


def test_stages_in_a_circle_are_a_problem(built: Project) -> None:
    built.stagefile(COPY + 'command("back", "cp b a", inputs=["b"], outputs=["a"])\n')

    level, text, hint = findings(built, exit_code=1)["project.graph"]

    assert (level, hint) == ("problem", "take one of these edges away")
    assert text.startswith("2 stages wait for each other in a circle (")
    assert "`copy` -> `back` `back` reads `b`, declared Stagefile:3" in text
    assert "`back` -> `copy` `copy` reads `a`, declared Stagefile:2" in text


def test_a_line_that_does_not_parse_is_told_without_a_caret(built: Project) -> None:
    built.stagefile("for x in (1, 2)\n    print(x)\n")

    assert findings(built, exit_code=1)["project.stagefile"] == (
        "problem",
        "the Stagefile does not parse: expected ':' (at Stagefile:2; line for x in (1, 2))",
        "mend it: `stagemake list` shows the place",
    )
