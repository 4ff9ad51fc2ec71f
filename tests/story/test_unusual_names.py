"""File names of every kind through everything that handles one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import forked_kit
import pytest

if TYPE_CHECKING:
    from project import Project, Result

NAMES = (
    "two words", " first", "last ", "single'quote", 'double"quote', "both'\"", "new\nline", "\n", "tab\tin",
    "$HOME", "$$", "$(echo x)", "`echo x`", "a:b", "b:", "#hash", "h#ash", "100%", "%s %d", "back\\slash", "end\\",
    "\\n", "-dash", "--", "-rf", "*", "?", "[x]", "a;b", "a&b", "a|b", "a>b", "a<b", "(a)", "a!b", "~", "~root",
    "a=b", "a,b", "@a", "^", "{inputs}", "{{outputs}}", "{params.x}", "{a,b}", "{}", "...", "..a", "\u00e9",
    "e\u0301", "\u540d\u524d", "\U0001f600", "\u202egnp", "\u00a0", "\u2028", "\ufeff", "\udcff", "caf\udce9",
    "\udc80\udcbf", "\r", "a\rb", "\x1b[31m", "\x07", "\x7f", "\x85", "Stagefile\n", "CON", "x" * 200,
)  # fmt: skip
# No compiler can write these into a depfile.
DEPFILE_NAMES = tuple(
    name for name in NAMES if not (set("\n\r") & set(name) or name.endswith("\\"))
)


def awkward_lines(result: Result) -> list[str]:
    """Return the lines that could drive a terminal."""
    return [line for line in (result.stdout + result.stderr).split("\n") if not line.isprintable()]


def plain(data: str) -> bytes:
    return os.fsencode(data)


@pytest.fixture
def odd(project: Project) -> Project:
    """A project in which every name is an input, an output, in a directory, a parameter, a depfile entry."""
    for number, name in enumerate(NAMES):
        (project.root / f"-in/{name}").parent.mkdir(exist_ok=True)
        (project.root / f"-in/{name}").write_bytes(b"%d" % number)
        (project.root / f"{name}.top").write_bytes(b"%d" % number)
    project.stagefile(f"""\
        import json
        NAMES = {NAMES!r}
        DEPFILE_NAMES = {DEPFILE_NAMES!r}
        WRITE = '''
        import json, os, sys
        def quoted(name):
            for old, new in (("$", "$$"), ("#", chr(92) + "#")):
                name = name.replace(old, new)
            out = ""
            for char in name:
                if char in " \\t":
                    out += chr(92) * (len(out) - len(out.rstrip(chr(92)))) + chr(92)
                out += char
            return out
        depfile, output, names = sys.argv[1:]
        read = json.loads(names)
        with open(depfile, "wb") as file:
            file.write(os.fsencode("o: " + " ".join(map(quoted, read)) + chr(10)))
        open(output, "wb").write(b"".join(open(name, "rb").read() for name in read))
        '''
        for i, name in enumerate(NAMES):
            command(f"argv.{{i}}", ["cp", "{{inputs}}", "{{outputs}}"], inputs=[f"{{name}}.top"], outputs=[f"{{name}}.out"])
            command(f"shell.{{i}}", "cat {{inputs}} > {{outputs}}", inputs=[f"-in/{{name}}"], outputs=[f"-out/{{name}}"])
            command(f"param.{{i}}", 'printf %s {{params.x}} > {{outputs}}; printf %s "$X" >> {{outputs}}',
                    params={{"x": name}}, env={{"X": name}}, outputs=[f"params/{{i}}"])
            @stage(name=f"call.{{i}}", inputs=[f"-in/{{name}}"], outputs=[f"call/{{name}}/{{name}}"], params={{"name": name}})
            def call(context):
                assert context.inputs[0].name == context.outputs[0].name == context.params["name"]
                context.outputs[0].write_bytes(context.inputs[0].read_bytes())
            command(f"cwd.{{i}}", "cat {{inputs}} > {{outputs}}", inputs=[f"{{name}}.top"], outputs=[f"-cwd/{{name}}/x"],
                    cwd=f"-cwd/{{name}}")
        command("depfile", ["{sys.executable}", "-c", __import__("textwrap").dedent(WRITE), "{{depfile}}", "{{outputs}}",
                            "{{params.names}}"], params={{"names": json.dumps([f"-in/{{name}}" for name in DEPFILE_NAMES])}}, outputs=["o"], depfile="o.d")
        @stage(inputs=["-in"], outputs=["tree/"])
        def tree(context):
            top = context.outputs[0]
            for path in context.inputs[0].iterdir():
                (top / path.name / path.name).mkdir(parents=True)
                (top / path.name / "f").write_bytes(path.read_bytes())
                (top / path.name / "l").symlink_to(path.name)
        command("globbed", "cat {{inputs}} > {{outputs}}", inputs=glob("-in/*"), outputs=["globbed"])
        """)
    return project


def outputs(project: Project) -> dict[str, tuple[int, bytes]]:
    return {
        path: (mode, content)
        for path, (mode, _, content) in project.tree().items()
        if path.startswith("project/") and "/.stagemake" not in path
    }


def test_unusual_names_build_stay_fresh_change_come_back_and_are_cleaned(odd: Project) -> None:
    before = outputs(odd)
    assert odd.build("--json").exited(0).json["ok"]
    made = outputs(odd)
    for number, name in enumerate(NAMES):
        text = b"%d" % number
        for path in (
            f"{name}.out",
            f"-out/{name}",
            f"call/{name}/{name}",
            f"tree/{name}/f",
            f"-cwd/{name}/x",
        ):
            assert (odd.root / path).read_bytes() == text, path
        assert (odd.root / f"tree/{name}/l").readlink().name == name
        assert (odd.root / f"params/{number}").read_bytes() == plain(name) * 2
    odd.build().printed("stagemake: up to date\n")

    for name in NAMES:
        (odd.root / f"-in/{name}").write_bytes(b"new")
    result = odd.build().exited(0)
    ran = {kind: [f"{kind}.{i}" for i in range(len(NAMES))] for kind in ("shell", "call")}
    result.ran(*ran["shell"], *ran["call"], "depfile", "tree", "globbed")

    for number, name in enumerate(NAMES):
        (odd.root / f"-in/{name}").write_bytes(b"%d" % number)
    odd.build().restored(*ran["shell"], *ran["call"], "depfile", "tree", "globbed")
    assert outputs(odd) == made

    odd.build("clean").exited(0)
    assert outputs(odd) == before
    odd.build().exited(0)
    assert outputs(odd) == made


def test_unusual_names_survive_json(odd: Project) -> None:
    plan = odd.run("-n", "--json").exited(0).json
    listed = odd.run("list", "--json").exited(0).json

    assert all(step["verdict"] == "miss" for step in plan["stages"])
    by_name = {stage["name"]: stage for stage in listed["stages"]}
    for number, name in enumerate(NAMES):
        assert by_name[f"argv.{number}"]["inputs"] == [f"{name}.top"]
        assert by_name[f"argv.{number}"]["outputs"] == [f"{name}.out"]


def test_unusual_names_drive_no_terminal_and_stay_on_their_line(odd: Project) -> None:
    for arguments in (
        ["-v"],
        ["list"],
        ["-n"],
        ["-n", "-v"],
        ["why", "tree", "argv.7", "shell.57"],
    ):
        result = odd.run(*arguments).exited(0)
        assert not awkward_lines(result), arguments
    for number, name in enumerate(NAMES):
        (odd.root / f"-in/{name}").write_bytes(b"new")
        (odd.root / f"{name}.out").write_bytes(b"mine %d" % number)
    for arguments in (
        ["why", "tree", *(f"shell.{i}" for i in range(len(NAMES)))],
        ["-n", "-v"],
        ["-v"],
    ):
        result = odd.run(*arguments).exited(0)
        assert not awkward_lines(result), arguments


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_input_is_named_on_one_line(project: Project, name: str) -> None:
    project.stagefile(
        f'command("a", "cat {{inputs}}", inputs=[{"gone/" + name!r}], outputs=[{"out/" + name!r}])\n'
    )

    for result in (project.build(), project.build("-k"), project.build("-n")):
        assert not awkward_lines(result)
        assert "\ngone" not in result.stdout + result.stderr


def test_outputs_that_are_not_made_are_named_on_one_line(project: Project) -> None:
    project.stagefile(f"""\
        for i, name in enumerate({NAMES!r}):
            command(f"s{{i}}", "mkdir {{outputs}}", inputs=["Stagefile"], outputs=[f"out/{{name}}"])
        """)

    result = project.build("-k").exited(1)

    assert not awkward_lines(result)
    # One that it failed, and a paragraph of four; then the sum.
    assert len(result.stderr.splitlines()) == 5 * len(NAMES) + 1, result.stderr


def test_targets_may_be_outputs_of_any_name(project: Project) -> None:
    project.stagefile(f"""\
        for i, name in enumerate({NAMES!r}):
            command(f"s{{i}}", "touch {{outputs}}", inputs=["Stagefile"], outputs=[f"out/{{name}}"])
        """)

    for number, name in enumerate(NAMES):
        plan = project.build("-n", "--json", "--", f"out/{name}").exited(0).json
        assert [stage["name"] for stage in plan["stages"]] == [f"s{number}"], name
    stages = [f"s{number}" for number in range(len(NAMES))]
    project.build("build", "--", *(f"out/{name}" for name in NAMES)).ran(*stages)


def test_the_project_itself_may_lie_anywhere(project: Project) -> None:
    roots = (
        "a b",
        "new\nline",
        "'\"",
        "$HOME",
        "a:b",
        "#",
        "100%s",
        "back\\",
        "-x",
        "*",
        "\udcff",
        "e\u0301",
        "{inputs}",
    )
    for number, name in enumerate(roots):
        root = project.base / f"{number}" / name
        root.mkdir(parents=True)
        (root / "Stagefile").write_text(
            "from stagemake import command, stage\n"
            'command("a", "pwd -P > {outputs}", inputs=["Stagefile"], outputs=["a"])\n'
            '@stage(inputs=["a"], outputs=["b"])\n'
            "def b(context):\n    context.outputs[0].write_bytes(context.inputs[0].read_bytes())\n"
        )
        words = ("--json", "--cache=off")
        if name in {"new\nline", "a:b", "-x", "\udcff"}:  # where the interpreter starts, too
            own = subprocess.run(
                [sys.executable, "-m", "stagemake", *words], cwd=root, check=False, capture_output=True,
                env=project.process_environment(),
            )  # fmt: skip
            status, out = own.returncode, own.stdout.decode()
        else:
            done = forked_kit.run(str(root), words, project.process_environment())
            assert done is not None
            status, out = done.status, done.out
        assert status == 0, name
        assert json.loads(out)["outcomes"]["ran"] == 2, name
        assert (root / "b").read_bytes() == os.fsencode(root) + b"\n"


LONGEST = (
    "x" * 255,
    "é" * 127 + "x",
    "-" + "y" * 254,
    "." + "$" * 254,
    " " * 255,
    "\n" * 255,
    "{" * 255,
)


@pytest.mark.parametrize("name", LONGEST, ids=lambda name: ascii(name[:1]))
def test_the_longest_names_build_come_back_are_put_aside_and_fail(
    project: Project, name: str
) -> None:
    project.write(f"in/{name}", "1\n").write("x")
    project.stagefile(f"""\
        N = {name!r}
        command("argv", ["cp", "{{inputs}}", "{{outputs}}"], inputs=["in/" + N], outputs=["out/" + N])
        @stage(inputs=["in"], outputs=["tree/"], params={{N: N}})
        def tree(context):
            import shutil
            shutil.copytree(context.inputs[0], context.outputs[0] / N)
            (context.outputs[0] / "link").symlink_to(N)
        command("depfile", "cat in/* > {{outputs}}; printf 'o: x\\n' > {{depfile}}", outputs=["o/" + N],
                depfile="d/" + N)
        command("cwd", "cat {{inputs}} > {{outputs}}", inputs=["in/" + N], outputs=[f"cwd/{{N}}/{{N}}"],
                cwd="cwd/" + N)
        """)
    names = ("argv", "tree", "depfile", "cwd")
    project.build().ran(*names)
    made = outputs(project)
    project.build("clean").exited(0)
    project.build().restored(*names)
    assert outputs(project) == made

    project.write(f"out/{name}", "mine").write(f"tree/{name}/more", "mine")
    result = project.build().restored("argv", "tree")
    assert result.stderr.count(" kept as ") == 2
    project.stagefile(
        f'command("argv", "cat {{inputs}} > {{outputs}}; exit 1", inputs=[{f"in/{name}"!r}], outputs=[{f"out/{name}"!r}])\n'
    )
    project.build().failed("argv")
    assert (project.root / ".stagemake/Stagefile/failed/argv/out" / name).exists()


@pytest.mark.parametrize("name", ["s" * 255, "s" * 5000, "a/../b", "..", "/", "é" * 200, "$x'\""])
def test_stage_names_of_every_kind_run_fail_and_are_explained(project: Project, name: str) -> None:
    project.write("in", "1").stagefile(f"""\
        command({name!r}, "cat {{inputs}} > {{outputs}}; test ! -e fail", inputs=["in"], outputs=["out"])
        @stage(name={name!r} + "2", inputs=["out"], outputs=["two"])
        def two(context):
            (context.scratch / "x").write_text("")
            context.outputs[0].write_text("")
        """)
    project.build().ran(name, f"{name}2")

    project.write("in", "2").write("fail")

    project.build("-k").failed(name)
    project.build("why", name).exited(0)
    project.build("graph", "--format", "mermaid").exited(0)
    assert project.build("-n", "--json").exited(0).json["stages"][0]["name"] == name
    project.remove("fail").build().ran(name, f"{name}2")


def test_unusual_names_are_drawn_and_survive_json_of_the_graph(odd: Project) -> None:
    drawn = odd.run("graph", "--format", "json").exited(0).json

    made = {path for one in drawn["stages"] for path in one["outputs"]}
    assert {f"{name}.out" for name in NAMES} <= made
    for form in ("dot", "mermaid"):
        result = odd.run("graph", "--files", "--format", form).exited(0)
        assert not awkward_lines(result), form


def test_links_to_nowhere_to_themselves_and_to_directories_go_in_and_come_back(
    project: Project,
) -> None:
    project.write("d/f", "1").stagefile("""\
        command("loop", "readlink {inputs} > {outputs}", inputs=["loop"], outputs=["o/loop"])
        command("dangling", "readlink {inputs} > {outputs}", inputs=["dangling"], outputs=["o/dangling"])
        command("dir", "cat {inputs}/f > {outputs}", inputs=["dir"], outputs=["o/dir"])
        command("made", "cd o; ln -s nowhere gone; ln -s self self; ln -s ../d d", inputs=["Stagefile"],
                outputs=["o/gone", "o/self", "o/d"])
        """)
    for link, text in (("loop", "loop"), ("dangling", "gone"), ("dir", "d")):
        (project.root / link).symlink_to(text)
    names = ("loop", "dangling", "dir", "made")
    project.build().ran(*names)
    made = outputs(project)
    project.build().printed("stagemake: up to date\n")

    project.build("clean").exited(0)

    project.build().restored(*names)
    assert outputs(project) == made
    (project.root / "gone").write_text("now it leads somewhere")
    project.write("d/f", "2").build().ran("dangling", "dir")


def test_names_that_differ_in_case_or_form_only_are_two_files(project: Project) -> None:
    if os.path.exists(os.path.join(project.root, "stagefile")):
        pytest.skip("this file system folds case")
    twins = ("A/x", "a/x", "a/X", "e\u0301", "\u00e9")
    project.stagefile(f"""\
        TWINS = {twins!r}
        for i, name in enumerate(TWINS):
            command(f"t{{i}}", f"echo {{i}} > {{{{outputs}}}}", inputs=["Stagefile"], outputs=[name])
        """)

    project.build().ran(*(f"t{i}" for i in range(len(twins))))
    assert [project.read(name) for name in twins] == [f"{i}\n" for i in range(len(twins))]

    project.build("clean").exited(0)
    project.build().restored(*(f"t{i}" for i in range(len(twins))))
    assert [project.read(name) for name in twins] == [f"{i}\n" for i in range(len(twins))]


@pytest.mark.parametrize("kind", ["fifo", "socket", "in a directory"])
def test_an_input_that_is_no_file_is_refused_at_once(project: Project, kind: str) -> None:
    project.write("dir/x").stagefile(
        'command("a", "cat {inputs} > {outputs}", inputs=["in"], outputs=["o"])\n'
    )
    if kind == "socket":
        with contextlib.chdir(project.root), socket.socket(socket.AF_UNIX) as made:
            made.bind("in")
    elif kind == "fifo":
        os.mkfifo(project.root / "in")
    else:
        (project.root / "in").mkdir()
        os.mkfifo(project.root / "in/x")

    refused = project.build().exited(2)
    assert "neither a file nor a directory nor a symbolic link" in refused.stderr
    for arguments in (["-n"], ["why", "a"]):
        assert "input can't be read: in" in project.build(*arguments).exited(0).stdout


@pytest.mark.slow
def test_a_sparse_file_of_more_than_4_gib_comes_back_sparse(project: Project) -> None:
    project.stagefile(
        'command("big", "truncate -s 4294967297 {outputs}", inputs=["Stagefile"], outputs=["big"])\n'
    )
    big = project.root / "big"
    try:
        project.build().ran("big")
        big.unlink()

        project.build().restored("big")

        status = big.stat()
        assert status.st_size == (4 << 30) + 1
        assert status.st_blocks * 512 < 8 << 20
    finally:
        big.unlink(missing_ok=True)
