"""`graph`: the whole text of each format, what may be written where, and that it only reads."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from project import PACKAGE_HOME

if TYPE_CHECKING:
    from project import Project

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
HEAD = """\
digraph stagemake {
  graph [rankdir=LR, fontname="Helvetica", fontsize=11];
  node [shape=box, fontname="Helvetica", fontsize=11, height=0.3, margin="0.12,0.06"];
  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];
"""
APP = '''\
pool("heavy", 1)
objects = [
    command(f"compile.{n}", "cp {inputs} {outputs}", inputs=[f"{n}.c"], outputs=[f"obj/{n}.o"])
    for n in ("a", "b")
]
@stage(inputs=objects, outputs=["app"], pool="heavy", provides=["size"])
def link(context):
    """Join everything."""

@stage(inputs=["obj"], outputs=["dist/"], uses=["size"], after=["compile.a"])
def package(context):
    pass

command("check", "true", inputs=["dist/x/y"], optional=["lint"])
command("lint", "true", inputs=["a.c"], before=["compile.a"])
pipeline("release", ["package"], default=True)
pipeline("tests", ["check", "lint"])
'''


@pytest.fixture
def app(project: Project) -> Project:
    return project.stagefile(APP).write("a.c").write("b.c")


def test_dot_is_the_default(app: Project) -> None:
    with app.unchanged():
        app.build("graph", "package").printed(
            HEAD
            + """\
  s0 [label="compile.a", tooltip="command compile.a\\nmakes obj/a.o\\nStagefile:4"];
  s1 [label="compile.b", tooltip="command compile.b\\nmakes obj/b.o\\nStagefile:4"];
  s2 [label="link\\nJoin everything.\\npool heavy", style=rounded, tooltip="function link\\nJoin everything.\\nmakes app\\nStagefile:7"];
  s3 [label="package", style=rounded, penwidth=2, tooltip="function package\\nmakes dist/\\nin release\\nStagefile:11"];
  s0 -> s2 [tooltip="reads obj/a.o"];
  s1 -> s2 [tooltip="reads obj/b.o"];
  s0 -> s3 [tooltip="reads obj"];
  s1 -> s3 [tooltip="reads obj"];
  s2 -> s3 [tooltip="uses size"];
}
"""
        )


def test_mermaid_with_labels_and_groups(app: Project) -> None:
    with app.unchanged():
        app.build("graph", "--format", "mermaid", "--labels", "--group").printed(
            """\
            flowchart LR
              s0["lint"]
              s1["compile.a"]
              s2["compile.b"]
              s3("link<br/>Join everything.<br/>pool heavy")
              s4("package")
              s5["check"]
              subgraph g0 ["compile"]
                s1
                s2
              end
              s0 -.->|"before"| s1
              s1 -->|"obj/a.o"| s3
              s2 -->|"obj/b.o"| s3
              s1 -->|"obj"| s4
              s2 -->|"obj"| s4
              s3 -->|"size"| s4
              s0 -.->|"optional"| s5
              s4 -->|"dist/x/y"| s5
              classDef default_pipeline stroke-width:3px
              class s4 default_pipeline
            """
        )


def test_files_are_nodes_between_the_stages(app: Project) -> None:
    app.build("graph", "--files", "--format", "mermaid", "package").printed(
        """\
        flowchart LR
          s0["compile.a"]
          s1["compile.b"]
          s2("link<br/>Join everything.<br/>pool heavy")
          s3("package")
          f0[/"a.c"/]
          f1[/"obj/a.o"/]
          f2[/"b.c"/]
          f3[/"obj/b.o"/]
          f4[/"app"/]
          f5[\\"obj/"\\]
          f6[\\"dist/"\\]
          f0 --> s0
          s0 --> f1
          f2 --> s1
          s1 --> f3
          f1 --> s2
          f3 --> s2
          s2 --> f4
          f5 --> s3
          f1 --> f5
          f3 --> f5
          s3 --> f6
          s2 --> s3
          classDef default_pipeline stroke-width:3px
          class s3 default_pipeline
        """
    )


def test_a_box_holds_what_its_stages_make(app: Project) -> None:
    text = app.build("graph", "--files", "--group", "--format", "mermaid", "link").stdout

    assert text.partition("  subgraph ")[2].partition("  end")[0] == (
        'g0 ["compile"]\n    s0\n    f1\n    s1\n    f3\n'
    )


def test_a_reduced_graph_leaves_out_what_a_longer_way_implies(app: Project) -> None:
    edges = app.build("graph", "--format", "json", "--reduce").json["edges"]

    assert [(edge["from"], edge["to"]) for edge in edges] == [
        ("lint", "compile.a"),
        ("compile.a", "link"),
        ("compile.b", "link"),
        ("link", "package"),
        ("package", "check"),
    ]


def test_json_tells_why_each_edge_is_there(app: Project) -> None:
    with app.unchanged():
        found = app.build("graph", "--format", "json").json

    assert found["stages"] == app.build("list", "--json").json["stages"]
    assert found["pipelines"] == app.build("list", "--json").json["pipelines"]
    assert found["edges"] == [
        edge("lint", "compile.a", "before", required=False),
        edge("compile.a", "link", "path", ["obj/a.o"]),
        edge("compile.b", "link", "path", ["obj/b.o"]),
        edge("compile.a", "package", "path", ["obj"]),
        edge("compile.b", "package", "path", ["obj"]),
        edge("link", "package", "value", values=["size"]),
        edge("lint", "check", "after", required=False),
        edge("package", "check", "path", ["dist/x/y"]),
    ]


def edge(
    start: str,
    end: str,
    kind: str,
    paths: list[str] | None = None,
    values: list[str] | None = None,
    *,
    required: bool = True,
) -> dict[str, object]:
    return {
        "from": start,
        "to": end,
        "kind": kind,
        "paths": paths or [],
        "values": values or [],
        "required": required,
    }


def test_the_documented_json_has_exactly_the_keys_of_the_real_one(app: Project) -> None:
    text = PAGE.read_text("utf-8")
    example = next(
        found
        for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        if "edges" in (found := json.loads(block))
    )
    kinds = re.search(r"`kind` is the first of these that applies: (.*)\.", text)
    assert kinds is not None

    real = app.build("graph", "--format", "json").json

    assert list(example) == list(real)
    for part in ("stages", "edges", "pipelines"):
        assert list(example[part][0]) == list(real[part][0])
    assert {each["kind"] for each in real["edges"]} == set(
        re.findall(r"`(\w+)`", kinds[1].replace("(`optional` too)", ""))
    )


def test_every_option_of_graph_is_documented() -> None:
    from stagemake.cli.graph_command import command

    section = PAGE.read_text("utf-8").partition("\n## Graph\n")[2].partition("\n## ")[0]
    shared = {"directory", "stagefile", "values", "cache_dir"}
    own = {
        name
        for param in command.params
        if param.name not in shared | {"targets"}
        for name in param.opts
    }

    assert {name for name in own if not re.search(rf"`{name}(?:`| )", section)} == set()


def test_pipelines_are_told_where_all_their_stages_are_shown(app: Project) -> None:
    found = app.build("graph", "--format", "json", "package").json

    assert [one["name"] for one in found["pipelines"]] == ["release"]


def test_a_stage_without_action_is_a_group(project: Project) -> None:
    project.stagefile("")
    project.write(
        "app.py",
        "from stagemake import Stage, StageManager\n"
        "from stagemake.report.graph_picture import Look, Shape, picture\n"
        "manager = StageManager()\n"
        "manager.register_stage(Stage.of(name='all'))\n"
        "drawn = picture(manager.build_pipeline(), (), (), Look())\n"
        "assert drawn.nodes[0].shape is Shape.GROUP\n",
    )
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=project.root, check=False, capture_output=True, text=True,
        env={**project.environment(), "PYTHONPATH": PACKAGE_HOME}, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_reading_the_whole_project_waits_for_all_that_is_made(project: Project) -> None:
    project.stagefile(
        """
        command("a", "true", outputs=["x/a", "x/b"])
        command("b", "true", outputs=["y"])
        command("lint", "true", inputs=["."])
        """
    )

    edges = project.build("graph", "--format", "json").json["edges"]

    assert edges == [edge("a", "lint", "path", ["."]), edge("b", "lint", "path", ["."])]


def test_labels_are_short_and_tooltips_whole(project: Project) -> None:
    long = "some/directory/with/a/long/name/and/more/of/it"
    project.stagefile(
        f"""
        command("a", "true", outputs=[f"{long}/{{i:02}}" for i in range(12)])
        command("b", "true", inputs=[f"{long}/{{i:02}}" for i in range(12)])
        """
    )

    line = project.build("graph", "--labels").stdout.splitlines()[-2]

    shown = ", ".join(f"{long}/{i:02}" for i in range(10))
    assert line == (
        '  s0 -> s1 [label="…long/name/and/more/of/it/00 and 11 more", '
        f'tooltip="reads {shown} and 2 more"];'
    )


def test_no_stages_make_an_empty_graph(project: Project) -> None:
    project.stagefile("")

    project.build("graph").printed(HEAD + "}\n")
    project.build("graph", "--format", "mermaid").printed("flowchart LR\n")
    assert project.build("graph", "--format", "json").json["edges"] == []


def test_a_cycle_is_told_as_everywhere(project: Project) -> None:
    project.stagefile(
        'command("a", "true", after=["b"])\ncommand("b", "true", after=["a"])\n'
    ).build("graph").printed(
        """\
        error: 2 stages wait for each other in a circle
          `a` -> `b`  `b` runs after `a`, declared Stagefile:3
          `b` -> `a`  `a` runs after `b`, declared Stagefile:2
        hint: take one of these edges away
        """
    ).exited(2)


# --- Where it goes. --------------------------------------------------------------------------------


def test_a_file_is_replaced_and_nothing_else_written(app: Project) -> None:
    app.write("out/graph.dot", "old")
    before = app.tree()

    app.build("graph", "-o", "out/graph.dot").printed("").exited(0)

    after = app.tree()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed == {"project/out", "project/out/graph.dot"}
    assert app.read("out/graph.dot") == app.build("graph").stdout
    assert app.build("graph", "-o", "-").stdout == app.build("graph").stdout


def test_a_link_is_followed_and_stays(app: Project) -> None:
    app.write("real.dot", "old")
    (app.root / "link.dot").symlink_to("real.dot")

    app.build("graph", "-o", "link.dot").exited(0)

    assert (app.root / "link.dot").is_symlink()
    assert app.read("real.dot").startswith("digraph")


def test_the_file_is_relative_to_the_directory_of_dash_c(app: Project) -> None:
    app.write("sub/x").build("graph", "-C", "sub", "-o", "g.dot").exited(0)

    assert app.has("sub/g.dot")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("sub", "error: `sub` is a directory\nhint: name a file in it\n"),
        ("no/g.dot", "error: there is no directory to write `no/g.dot` in\n"),
        (
            "Stagefile",
            "error: `Stagefile` is a Stagefile or a module of it\nhint: name another file\n",
        ),
        (
            "/dev/null",
            "error: `/dev/null` is no regular file\nhint: `-o -` writes to stdout\n",
        ),
    ],
)
def test_what_must_not_be_replaced_is_refused(app: Project, output: str, message: str) -> None:
    app.write("sub/x")

    with app.unchanged():
        app.build("graph", "-o", output).printed(message).exited(2)


def test_json_takes_no_options_of_pictures(app: Project) -> None:
    app.build("graph", "--format", "json", "--files").printed(
        """\
        error: `--files`, `--labels` and `--group` are for pictures
        hint: the JSON always has all paths and reasons
        """
    ).exited(2)


def test_utf_8_is_printed_whatever_the_locale(project: Project) -> None:
    project.stagefile('command("grün漢", "true", inputs=["x"])')
    project.env["PYTHONIOENCODING"] = "latin-1"

    assert '[label="grün漢", ' in project.run("graph").stdout


# --- Real Graphviz. --------------------------------------------------------------------------------

NASTY = [
    'quo"te', "back\\slash", "\\N", "\\", "end\\", "<b>", "&amp;", "&", "#35;", ";", "{a|b}", "a->b",
    "end", "graph", "subgraph", "x[y]", "`code`", "1.", "%%x", "ünï漢", "$x", "a:b", "_",
    'box"\\N<&.a', 'box"\\N<&.b',
]  # fmt: skip


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("options", [(), ("--files", "--labels", "--group", "--reduce")])
def test_graphviz_draws_every_name_as_it_is(project: Project, options: tuple[str, ...]) -> None:
    project.stagefile(
        f"""
        before = []
        for name in {NASTY!r}:
            before = [command(name, "true", inputs=["in-" + name], after=before,
                              description="about " + name)]
        """
    )
    text = project.build("graph", *options).exited(0).stdout

    drawn = subprocess.run(
        ["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True, timeout=60
    )

    assert drawn.stderr == ""
    space = "{http://www.w3.org/2000/svg}"
    shown = {
        node.findtext(f"{space}title"): [
            (line.text or "").replace("\xa0", " ") for line in node.iter(f"{space}text")
        ]
        for node in ET.fromstring(drawn.stdout).iter(f"{space}g")
        if node.get("class") == "node"
    }
    boxes = [title for title in shown_boxes(drawn.stdout) if title]
    assert boxes == (['box"\\N<&'] if options else [])
    for number, name in enumerate(NASTY):
        assert shown[f"s{number}"] == [name, f"about {name}"]


def shown_boxes(svg: str) -> list[str]:
    space = "{http://www.w3.org/2000/svg}"
    return [
        group.findtext(f"{space}text", "")
        for group in ET.fromstring(svg).iter(f"{space}g")
        if group.get("class") == "cluster"
    ]


def test_ten_thousand_stages_are_a_matter_of_lines(project: Project) -> None:
    project.stagefile(
        """
        for i in range(10_000):
            command(f"s{i}", "true", inputs=[f"o{i - 1}"] if i else ["src"], outputs=[f"o{i}"])
        """
    )

    text = project.build("graph", "--reduce").exited(0).stdout

    assert text.count(" -> ") == 9_999


def test_as_html_it_is_the_page_of_a_plan(project: Project) -> None:
    project.stagefile('command("a", "true > a", outputs=["a"])\ncommand("b", "true")')

    with project.unchanged():
        page = project.run("graph", "--format", "html", "a").exited(0).stdout
        refused = project.run("graph", "--format", "html", "--labels")

    same = project.run("report", "-n", "-o", "-", "a").exited(0).stdout
    assert page[:15] == "<!doctype html>"
    assert re.sub(r'"made":[0-9.]+', "", page) == re.sub(r'"made":[0-9.]+', "", same)
    refused.exited(2).printed(
        """\
        error: the page takes TARGETS and `-o` only
        hint: stagemake graph --format html -o graph.html
        """
    )
