"""Class-based stages: what they may have, how they are keyed, and what is refused."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import (
    BaseStage,
    DependencyOrder,
    Outcome,
    StageContext,
    StageDependency,
    StagemakeError,
    StageManager,
    command,
)

if TYPE_CHECKING:
    from types import ModuleType


def manager_at(root: Path, **keywords: Any) -> StageManager:
    root.mkdir(exist_ok=True)
    return StageManager(root, cache_dir=root.parent / "cache", **keywords)


def outcomes(manager: StageManager, *targets: str) -> dict[str, Outcome]:
    results = manager.execute_pipeline(targets).results
    return {str(result.name): result.outcome for result in results}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "p").mkdir()
    return tmp_path / "p"


class Write(BaseStage):
    """Write a text."""

    outputs = ("out",)

    def __init__(self, text: str = "a", name: str = "write") -> None:
        self.name = name
        self.text = text

    def execute(self, context: StageContext) -> None:
        context.storage.write("out", self.text)


# --- Keyed by the class's code and the instance's attributes. --------------------------------------


def test_two_instances_with_different_attributes_have_different_keys(root: Path) -> None:
    for text in ("a", "b", "a"):
        manager = manager_at(root)
        manager.register_stage(Write(text))

        manager.execute_pipeline()

        assert (root / "out").read_text() == text
    assert outcomes(manager) == {"write": Outcome.FRESH}


def test_an_attribute_changed_between_two_builds_of_one_manager_counts(root: Path) -> None:
    stage = Write("a")
    manager = manager_at(root)
    manager.register_stage(stage)
    assert outcomes(manager) == {"write": Outcome.RAN}

    stage.text = "b"

    assert outcomes(manager) == {"write": Outcome.RAN}
    assert (root / "out").read_text() == "b"
    stage.text = "a"
    assert outcomes(manager) == {"write": Outcome.RESTORED}


APPLICATION = """
from stagemake import BaseStage

LEVEL = 1

class Write(BaseStage):
    name = "write"
    outputs = ("out",)

    def execute(self, context):
        context.storage.write("out", f"{self.word()} {LEVEL}")

    def word(self):
        return "WORD"
"""


def load(path: Path, text: str) -> ModuleType:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("embedding_application", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["embedding_application"] = module
    exec(compile(text, path, "exec"), module.__dict__)
    return module


def test_a_method_that_execute_calls_counts_and_a_comment_does_not(root: Path) -> None:
    for text, expected in (
        (APPLICATION, Outcome.RAN),
        (APPLICATION.replace("LEVEL = 1", "LEVEL = 1  # said"), Outcome.FRESH),
        (APPLICATION.replace("WORD", "other"), Outcome.RAN),
        (APPLICATION.replace("LEVEL = 1", "LEVEL = 2"), Outcome.RAN),
    ):
        manager = manager_at(root)
        manager.register_stage(load(root.parent / "app.py", text).Write())

        assert outcomes(manager) == {"write": expected}


def test_a_global_that_the_program_changes_between_two_builds_counts(root: Path) -> None:
    application = load(root.parent / "app.py", APPLICATION)
    manager = manager_at(root)
    manager.register_stage(application.Write())
    outcomes(manager)

    application.LEVEL = 7  # type: ignore[attr-defined]  # it has one

    assert outcomes(manager) == {"write": Outcome.RAN}
    assert (root / "out").read_text() == "WORD 7"


def test_a_program_whose_source_is_edited_while_it_runs_goes_by_what_it_has_loaded(
    root: Path,
) -> None:
    application = load(root.parent / "app.py", APPLICATION)
    manager = manager_at(root)
    manager.register_stage(application.Write())
    (root.parent / "app.py").write_text(APPLICATION.replace("WORD", "edited"))
    assert outcomes(manager) == {"write": Outcome.RAN}
    assert (root / "out").read_text() == "WORD 1"

    later = manager_at(root)
    later.register_stage(
        load(root.parent / "app.py", APPLICATION.replace("WORD", "edited")).Write()
    )

    assert outcomes(later) == {"write": Outcome.RAN}
    assert (root / "out").read_text() == "edited 1"


# --- Keywords and order. ---------------------------------------------------------------------------


def test_every_keyword_of_a_stage_may_be_an_attribute(root: Path) -> None:
    class Rich(Write):
        inputs = ("in",)
        implicit = (Path("other"),)
        params: Any = {"least": 3}  # noqa: RUF012 - as people write it
        env: Any = {"COLOUR": "red"}  # noqa: RUF012 - as above
        config: Any = {"level": 2}  # noqa: RUF012 - as above
        tools = ("cp",)
        pool = "slots"
        cpus = 2
        memory = "1 GiB"
        timeout = 60
        retries = 2
        cache = False
        version = 3
        cwd = "sub"

    manager = manager_at(root, config={"level": 9})
    manager.register_pool("slots", 1)

    made = manager.register_stage(Rich())

    assert made.inputs == ("in",)
    assert made.implicit == ("other",)
    assert made.params == (("least", 3),)
    assert made.env == (("COLOUR", "red"),)
    assert made.config == (("level", "9"),)
    assert (made.pool, made.cpus, made.memory_bytes, made.timeout_s) == ("slots", 2.0, 1 << 30, 60)
    assert (made.retries, made.cache, made.version, made.cwd) == (2, False, "3", "sub")
    assert made.location is not None
    assert made.location.file.endswith("test_class_stages.py")


class Note(BaseStage):
    """Append its name to a list of what ran."""

    always = True

    def __init__(self, name: str, *order: StageDependency) -> None:
        self.name = name
        self._order = order

    def dependencies(self) -> tuple[StageDependency, ...]:
        return self._order

    def execute(self, context: StageContext) -> None:
        with (context.root / "order").open("a") as stream:
            stream.write(f"{self.name} ")


@pytest.mark.parametrize("reverse", [False, True])
def test_before_and_after_order_stages_of_different_plugins_both_ways_round(
    root: Path, reverse: bool
) -> None:
    stages = [
        Note("core.ready"),
        Note("one.after", StageDependency("core.ready", DependencyOrder.BEFORE)),
        Note("two.before", StageDependency("core.ready", DependencyOrder.AFTER)),
        Note("two.last", StageDependency("one.after", DependencyOrder.BEFORE, required=False)),
        Note("one.free", StageDependency("nobody.there", DependencyOrder.AFTER, required=False)),
    ]
    manager = manager_at(root, jobs=1)
    for stage in reversed(stages) if reverse else stages:
        manager.register_stage(stage)

    assert manager.execute_pipeline().ok

    ran = (root / "order").read_text().split()
    assert ran.index("two.before") < ran.index("core.ready") < ran.index("one.after")
    assert ran.index("one.after") < ran.index("two.last")
    assert "one.free" in ran


def test_a_required_before_pulls_the_named_stage_and_the_others_do_not(root: Path) -> None:
    manager = manager_at(root)
    manager.register_stage(Note("a"))
    manager.register_stage(Note("b", StageDependency("a")))
    manager.register_stage(Note("c", StageDependency("a", required=False)))
    manager.register_stage(Note("d", StageDependency("a", DependencyOrder.AFTER)))

    taken = {name: [s.name for s in manager.resolve([name])] for name in ("b", "c", "d")}

    assert taken == {"b": ["a", "b"], "c": ["c"], "d": ["d"]}


def test_a_check_among_the_inputs_is_waited_for_although_dependencies_says_nothing(
    root: Path,
) -> None:
    manager = manager_at(root)
    check = manager.register_stage(command("check", "true", inputs=["in"]))
    (root / "in").write_text("")

    class After(Write):
        inputs = (check,)

    manager.register_stage(After())

    assert [s.name for s in manager.resolve(["write"])] == ["check", "write"]


def test_a_named_pipeline_is_registered_and_built(root: Path) -> None:
    manager = manager_at(root)
    manager.register_pipeline("all", ["write"], default=True)  # before its stages: plug-ins do
    manager.register_stage(Write())
    manager.register_stage(Note("other"))

    assert outcomes(manager) == {"write": Outcome.RAN}
    assert [one.name for one in manager.get_pipelines()] == ["all"]
    assert manager.execute_pipeline(manager.build_pipeline(["all"])).ok


# --- What is refused, in one clear error each. -----------------------------------------------------


def refused(manager: StageManager, stage: Any) -> str:
    with pytest.raises(StagemakeError) as raised:
        manager.register_stage(stage)
    text = str(raised.value)
    return "\n".join(line for line in text.splitlines() if not line.startswith("  declared"))


class Plain:
    """The least there can be."""

    name: Any = "plain"

    def dependencies(self) -> Any:
        return ()

    def execute(self, context: StageContext) -> Any:
        return None


def changed(**members: Any) -> Plain:
    made = type("Changed", (Plain,), members)()
    assert isinstance(made, Plain)
    return made


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (
            3,
            "error: 3 is no stage\nhint: a stage has name, dependencies() and execute(context)",
        ),
        (
            Plain,
            "error: `Plain` is a class, not a stage\nhint: register an instance: Plain()",
        ),
        (changed(name=""), "error: '' can't be a name\nhint: names are printable, have no spaces and don't start with `-`"),
        (changed(name=7), "error: a name is a text, not 7"),
        (
            changed(dependencies=lambda self: 5),
            "error: dependencies() returned 5, not a list",
        ),
        (
            changed(dependencies=lambda self: [5]),
            'error: dependencies() holds 5, not a StageDependency\nhint: write StageDependency("its.name")',
        ),
        (
            changed(dependencies=lambda self: [StageDependency("a", "before")]),  # type: ignore[arg-type]
            ("error: StageDependency('a', 'before') is not what it should be\n"
            'hint: write StageDependency("its.name", DependencyOrder.BEFORE, required=False)'),
        ),
        (
            changed(dependencies=lambda self: 1 / 0),
            "error: <lambda>() of stage `plain` raised ZeroDivisionError: division by zero",
        ),
        (
            changed(supports_dry_run=lambda self: "yes"),
            "error: supports_dry_run() returned 'yes', not True or False",
        ),
        (
            changed(dry_run_description=lambda self: None),
            "error: dry_run_description() returned None, not a text",
        ),
        (
            changed(execute=lambda self: None),
            ("error: execute() takes no argument, but is called with a StageContext\n"
            "hint: write def execute(self, context)"),
        ),
        (changed(execute=4), "error: `execute` is 4, not a method"),
        (changed(timeout=-1), "error: timeout is -1, not a number from 0 up"),
        (
            changed(outputs=["../x"]),
            "error: an output lies outside the project: `../x`\nhint: outputs must lie below the root",
        ),
        (
            changed(config=["level"]),
            ("error: configuration `level` has no value\n"
            'hint: read it before: config("level", "default"); or give a default: config={"level": …}'),
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)  # fmt: skip
def test_what_is_no_proper_stage_is_refused(root: Path, stage: Any, expected: str) -> None:
    assert refused(manager_at(root), stage) == expected


def test_a_stage_that_lacks_a_member_is_told_which(root: Path) -> None:
    class Half:
        name = "half"

        def execute(self, context: StageContext) -> None: ...

    told = refused(manager_at(root), Half())

    assert told == (
        "error: an instance of `test_a_stage_that_lacks_a_member_is_told_which.<locals>.Half` is no stage\n"
        "  lacks  `dependencies`\nhint: a stage has name, dependencies() and execute(context)"
    )


def test_a_dependency_on_nobody_is_told_with_what_is_near(root: Path) -> None:
    manager = manager_at(root)
    manager.register_stage(Note("core.ready"))
    manager.register_stage(Note("a", StageDependency("core.redy")))

    with pytest.raises(StagemakeError) as raised:
        manager.plan(["a"])

    text = str(raised.value)
    assert text.startswith("error: stage `a` runs after `core.redy`, which is no stage\n")
    assert text.endswith("hint: did you mean `core.ready`?")


def test_two_stages_of_one_name_are_told_with_their_places(root: Path) -> None:
    manager = manager_at(root)
    manager.register_stage(Write())

    with pytest.raises(StagemakeError) as raised:
        manager.register_stage(Note("write"))

    text = str(raised.value)
    assert text.startswith("error: two stages are named `write`\n")
    assert text.count("test_class_stages.py:") == 2


def test_a_pipeline_of_unknown_stages_is_refused_when_it_is_used(root: Path) -> None:
    manager = manager_at(root)
    manager.register_stage(Write())
    manager.register_pipeline("all", ["wrte"])

    with pytest.raises(StagemakeError, match="`all` names the stage `wrte`, which nobody declared"):
        manager.build_pipeline(["all"])


def problem_of(manager: StageManager) -> str:
    (result,) = manager.execute_pipeline().with_outcome(Outcome.FAILED)
    return result.problem


def test_what_execute_returns_is_a_mistake(root: Path) -> None:
    class Returns(Write):
        def execute(self, context: StageContext) -> Any:
            super().execute(context)
            return {"rows": 3}

    manager = manager_at(root)
    manager.register_stage(Returns())

    assert problem_of(manager) == (
        "execute() of stage `write` returned {'rows': 3}; it returns None;"
        " results are outputs, or shared values by context.shared"
    )
    assert not (root / "out").exists()


def test_what_an_async_execute_returns_is_a_mistake_too(root: Path) -> None:
    class Returns(Write):
        async def execute(self, context: StageContext) -> Any:
            return 1

    manager = manager_at(root)
    manager.register_stage(Returns())

    assert problem_of(manager).startswith("execute() of stage `write` returned 1; it returns None;")
