"""A project split into included Stagefiles is the same project as in one file with all names written out."""

from __future__ import annotations

import random
from posixpath import relpath
from typing import TYPE_CHECKING

from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import PRELUDE, Project

if TYPE_CHECKING:
    import pytest

DIRECTORIES = ("", "a", "a/b", "a/b/c", "d", "d/a")
CALL = """
def f{number}(context):
    import os
    parts = [path.read_text() for path in context.inputs]
    context.outputs[0].write_text({text!r} + "".join(parts) + helper.mark() + os.path.basename(os.getcwd()))
"""


@define
class Declared:
    """One stage; paths are relative to the root."""

    number: int
    directory: str
    kind: str  # command, function or check
    inputs: list[str]
    after: list[int]
    text: str = "one"

    @property
    def output(self) -> str:
        return "/".join(filter(None, (self.directory, f"out/{self.number}")))

    @property
    def full_name(self) -> str:
        return ".".join(filter(None, (self.directory.replace("/", "."), f"s{self.number}")))


@define
class Invented:
    """A random project, written down in either form."""

    stages: list[Declared]
    sources: dict[str, str]
    helper: str = "!"
    names: dict[int, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.names = {one.number: one.full_name for one in self.stages}

    def declaration(self, stage: Declared, *, is_split: bool, pick: random.Random) -> str:
        base = stage.directory if is_split else ""
        inputs = [relpath(path, base or ".") for path in stage.inputs]
        words = [f"inputs={inputs!r}"]
        if stage.kind != "check":
            words.append(f"outputs={[relpath(stage.output, base or '.')]!r}")
        after = [self.names[number] for number in stage.after]
        prefix = f"{base.replace('/', '.')}." if base else ""
        # Inside a package its own names may be written short.
        after = [name.removeprefix(prefix) if pick.random() < 0.7 else name for name in after]
        words.append(f"after={after!r}")
        if not is_split and stage.directory:
            words.append(f"cwd={stage.directory!r}")
        name = f"s{stage.number}" if is_split else stage.full_name
        if stage.kind == "function":
            decorator = f"@stage(name={name!r}, {', '.join(words)})"
            return decorator + CALL.format(number=stage.number, text=stage.text)
        command = f"echo {stage.text} $(basename $PWD) {{inputs}}; cat {{inputs}}"
        if stage.kind == "command":
            command = f"({command}) > {{outputs}}"
        return f"command({name!r}, {command!r}, {', '.join(words)})\n"

    def write_split(self, project: Project) -> None:
        for directory in DIRECTORIES:
            own = [one for one in self.stages if one.directory == directory]
            pick = random.Random(len(self.stages))
            parts = [self.declaration(one, is_split=True, pick=pick) for one in own]
            inner = [
                other
                for other in DIRECTORIES
                if other and relpath(other, directory or ".").count("/") == 0 and other != directory
                and (not directory or other.startswith(f"{directory}/"))
            ]  # fmt: skip
            parts += [f"include({relpath(other, directory or '.')!r})\n" for other in inner]
            pick.shuffle(parts)
            text = PRELUDE + "import helper\n" + "".join(parts)
            project.write("/".join(filter(None, (directory, "Stagefile"))), text)
        self.write_rest(project)

    def write_flat(self, project: Project) -> None:
        pick = random.Random(1)
        parts = [self.declaration(one, is_split=False, pick=pick) for one in self.stages]
        project.write("Stagefile", PRELUDE + "import helper\n" + "".join(parts))
        self.write_rest(project)

    def write_rest(self, project: Project) -> None:
        for path, content in self.sources.items():
            project.write(path, content)
        project.write("helper.py", f"def mark():\n    return {self.helper!r}\n")


def invent(pick: random.Random) -> Invented:
    """Return a project of 2 to 9 stages in some of the directories."""
    sources = {f"{each}/in".lstrip("/"): each for each in DIRECTORIES}
    stages: list[Declared] = []
    for number in range(pick.randint(2, 9)):
        made = [one.output for one in stages if one.kind != "check"]
        inputs = pick.sample([*sources, *made], pick.randint(1, 2))
        after = pick.sample(range(number), pick.randint(0, min(2, number)))
        kind = pick.choice(["command", "command", "function", "check"])
        stages.append(Declared(number, pick.choice(DIRECTORIES), kind, inputs, after))
    return Invented(stages, sources)


def edit(invented: Invented, pick: random.Random) -> None:
    """Change one thing: a source, the helper that functions call, a stage's own text."""
    what = pick.choice(["source", "source", "helper", "text"])
    if what == "source":
        invented.sources[pick.choice(sorted(invented.sources))] = pick.choice("xyz")
    elif what == "helper":
        invented.helper = pick.choice("?!.")
    else:
        pick.choice(invented.stages).text = pick.choice(["one", "two"])


def told(project: Project) -> dict[str, tuple[str, str]]:
    """Build, and return outcome and key of each stage."""
    built = project.build("--json").exited(0).json
    return {one["name"]: (one["outcome"], one["key"]) for one in built["stages"]}


def outputs(project: Project, invented: Invented) -> dict[str, str]:
    return {one.output: project.read(one.output) for one in invented.stages if one.kind != "check"}


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6))
def test_a_split_project_builds_what_one_file_builds_with_the_same_keys(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    pick = random.Random(seed)
    invented = invent(pick)
    split = Project(tmp_path_factory.mktemp("split"))
    flat = Project(tmp_path_factory.mktemp("flat"))
    for step in range(4):
        if step:
            edit(invented, pick)
        invented.write_split(split)
        invented.write_flat(flat)

        assert told(split) == told(flat), invented
        assert outputs(split, invented) == outputs(flat, invented)
    again = split.clone()
    assert {outcome for outcome, _ in told(again).values()} == {"restored"}
