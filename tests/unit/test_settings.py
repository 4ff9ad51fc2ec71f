"""The project's table in pyproject.toml."""

from __future__ import annotations

import importlib.util
import json
import tomllib
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from stagemake.model.error import StagemakeError
from stagemake.schema_check import SETTINGS, first_problem, load_schema
from stagemake.settings import _KNOWN, ProjectConfig, read_project_config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [None, "", "[project]\nname = 'x'\n", "[tool.other]\nstagemake = 1\n", "[tool.stagemake]\n"],
)
def test_without_a_table_everything_is_default(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    assert read_project_config(str(tmp_path)) == ProjectConfig()


def test_a_file_without_our_name_is_not_even_parsed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[[[ not toml")

    assert read_project_config(str(tmp_path)) == ProjectConfig()


def test_every_setting_is_read(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.stagemake]\n"
        'cache_dir = "near"\ncache_size = "2 GiB"\ncache_age_days = 7\nenvironment = "inherit"\njobs = 3\n'
        "[tool.stagemake.config]\nlevel = 2\n"
    )

    assert read_project_config(str(tmp_path)) == ProjectConfig(
        cache_dir="near",
        cache_bytes=2 << 30,
        cache_age_s=7 * 86_400.0,
        inherit_environment=True,
        jobs=3,
        values={"level": 2},
    )


@pytest.mark.parametrize("line", ["jobs = true", 'jobs = "2"', "cache_dir = 1", "config = []"])
def test_a_wrong_type_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.stagemake]\n{line}\n")

    with pytest.raises(StagemakeError):
        read_project_config(str(tmp_path))


def table_text(table: dict[str, Any]) -> str:
    """Return a table as TOML, inline: what JSON writes is TOML, but for `null` and the keys of tables."""

    def value_text(value: Any) -> str:
        if isinstance(value, dict):
            items = (f"{json.dumps(key)} = {value_text(each)}" for key, each in value.items())
            return "{" + ", ".join(items) + "}"
        if isinstance(value, list):
            return f"[{', '.join(map(value_text, value))}]"
        return json.dumps(value)

    return "[tool.stagemake]\n" + "".join(
        f"{json.dumps(key)} = {value_text(value)}\n" for key, value in table.items()
    )


ODD = [
    True, False, 0, 1, -1, 2.5, -0.5, 1e15, 1e16, 10**400, "", "auto", "fifo", "clean", "inherit", "2 GiB",
    " 512m ", "1.5kb", "7", "-1", "1e3", "1_0", "5bb", "2 G i", "9" * 16, [], ["a"], ["a", "a"], [""], ["a", 1],
    {}, {"a": 1}, {"a": {"b": [1]}},
]  # fmt: skip


# A whole number written as a float is an integer to JSON Schema, and not to TOML: the one difference.
PAIRS = [
    (name, value)
    for name in (*_KNOWN, "cache_sise")
    for value in ODD
    if not (name == "jobs" and isinstance(value, float) and value.is_integer())
]


@pytest.mark.parametrize(("name", "value"), PAIRS)
def test_the_schema_accepts_what_the_reader_accepts(
    tmp_path: Path, name: str, value: object
) -> None:
    schema = load_schema(SETTINGS)
    text = table_text({name: value})
    (tmp_path / "pyproject.toml").write_text(text)

    fits = first_problem(tomllib.loads(text), schema) == ""

    with nullcontext() if fits else pytest.raises(StagemakeError, match=name):
        read_project_config(str(tmp_path))
    if importlib.util.find_spec("jsonschema"):
        import jsonschema

        assert jsonschema.Draft202012Validator(schema).is_valid(tomllib.loads(text)) is fits


def test_the_schema_knows_each_setting_and_says_what_it_is_for() -> None:
    settings = load_schema(SETTINGS)["properties"]["tool"]["properties"]["stagemake"]

    assert set(_KNOWN) == set(settings["properties"])
    assert all(each["description"].endswith(".") for each in settings["properties"].values())


def test_the_rest_of_a_pyproject_fits() -> None:
    text = "[project]\nname = 'x'\n[tool.other]\na = 1\n[build-system]\nrequires = []\n"

    assert first_problem(tomllib.loads(text), load_schema(SETTINGS)) == ""


@pytest.mark.parametrize("table", ["tool = 1", "[tool]\nstagemake = 1"])
def test_what_is_no_table_fits_neither(tmp_path: Path, table: str) -> None:
    text = f"{table}  # stagemake\n"
    (tmp_path / "pyproject.toml").write_text(text)

    assert first_problem(tomllib.loads(text), load_schema(SETTINGS))
    with pytest.raises(StagemakeError):
        read_project_config(str(tmp_path))
