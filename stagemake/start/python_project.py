"""A Python project with a pyproject.toml: a cached check for each tool that is configured and installed."""

from __future__ import annotations

import os
import posixpath
import tomllib
from typing import TYPE_CHECKING, Any

from attrs import frozen

from stagemake.start.section import Section, call, comment, quoted, quoted_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.start.survey import Survey

_ENVIRONMENTS = (".venv/bin", "venv/bin")
_SYNTAX = "import ast, sys; [ast.parse(open(name, 'rb').read(), name) for name in sys.argv[1:]]"


@frozen
class _Check:
    """A tool and the stage that runs it."""

    stage: str
    tool: str
    words: tuple[str, ...]
    says: str
    is_test: bool = False


_CHECKS = (
    _Check("format", "ruff", ("format", "--check", "."), "is everything formatted?"),
    _Check("lint", "ruff", ("check", "."), "ruff's rules"),
    _Check("format", "black", ("--check", "."), "is everything formatted?"),
    _Check("lint", "flake8", (), "flake8's rules"),
    _Check("types", "mypy", (), "do the types fit?"),
    _Check("types", "pyright", (), "do the types fit?"),
    _Check("tests", "pytest", ("-q",), "the test suite", is_test=True),
)


def python_section(
    found: Survey, environ: Mapping[str, str], taken: frozenset[str]
) -> Section | None:
    """Return the section for a Python project; None where there is no pyproject.toml.

    Args:
        found: What is there.
        environ: Its PATH says what is installed, besides `.venv` and `venv`.
        taken: Names of stages that other sections have.
    """
    if "pyproject.toml" not in found.files:
        return None
    try:
        table = tomllib.loads(found.text("pyproject.toml"))
    except tomllib.TOMLDecodeError as error:
        return Section("pyproject.toml", (), unseen=(f"pyproject.toml can't be parsed: {error}",))
    sources = found.ending(".py", ".pyi")
    if not sources:
        return Section("pyproject.toml", (), unseen=("pyproject.toml: there is no Python source",))
    return _Project(found, table, environ, taken).section()


class _Project:
    def __init__(
        self,
        found: Survey,
        table: dict[str, Any],
        environ: Mapping[str, str],
        taken: frozenset[str],
    ) -> None:
        self._found = found
        tools = table.get("tool", {})
        self._tools: dict[str, Any] = tools if isinstance(tools, dict) else {}
        self._table = table
        self._path = environ.get("PATH", "").split(":")
        self._taken = set(taken)
        self._unseen: list[str] = []
        self._names: list[str] = []

    def section(self) -> Section:
        lines = self._variables()
        stages: list[str] = []
        for check in _CHECKS:
            if self._is_configured(check):
                stages += self._check(check)
        if not stages:
            stages = self._syntax()
        stages += self._dist()
        checks = [name for name in self._names if not name.endswith("dist")]
        return Section(
            "pyproject.toml",
            (*lines, *stages),
            frozenset({"command", "glob"}),
            tuple(quoted_list(checks)),
            is_whole=len(checks) == len(self._names),
            default_name="check" if "check" not in self._taken else "default",
            unseen=tuple(self._unseen),
            remarks=(
                f"checks {', '.join(f'`{name}`' for name in checks)}: each is kept as passed",
            ),
            names=frozenset(self._names),
        )

    def _variables(self) -> list[str]:
        """Return the globs: by top-level directory, so that caches and environments stay out."""
        folders = sorted(
            {path.split("/", 1)[0] for path in self._found.ending(".py", ".pyi") if "/" in path}
        )
        patterns = [f"{folder}/**/*.py" for folder in folders]
        if any("/" not in path for path in self._found.ending(".py")):
            patterns.insert(0, "*.py")
        if self._found.ending(".pyi"):
            patterns += [f"{folder}/**/*.pyi" for folder in folders]
        settings = [
            name
            for name in (
                "pyproject.toml", "setup.cfg", "setup.py", "ruff.toml", "mypy.ini", "pytest.ini", "tox.ini",
                "pyrightconfig.json",
            )
            if name in self._found.files
        ]  # fmt: skip
        lines = call("python = glob(", quoted_list(patterns), ")", brackets="")
        lines += call("settings = ", quoted_list(settings), "")
        lines += [
            "",
            *comment(
                "Checks: inputs and no outputs. One that passed is not run again until an input changes."
            ),
        ]
        lines += comment(
            "A tool counts by the file that starts it; after an upgrade of a library: `stagemake -B`."
        )
        return lines

    def _is_configured(self, check: _Check) -> bool:
        tool, files = check.tool, self._found.files
        if check.is_test:
            return bool(self._tests()) and (
                "pytest" in self._tools or "pytest.ini" in files or self._finds(tool) != ""
            )
        if tool == "flake8":
            return ".flake8" in self._dotfiles() or "[flake8]" in self._found.text("setup.cfg")
        if tool == "ruff" and check.stage == "format":
            return (
                "format" in self._tools.get("ruff", {})
                if isinstance(self._tools.get("ruff"), dict)
                else False
            )
        own = {
            "ruff": ("ruff.toml", ".ruff.toml"),
            "mypy": ("mypy.ini", ".mypy.ini"),
            "pyright": ("pyrightconfig.json",),
        }
        named = set(own.get(tool, ()))
        return tool in self._tools or not named.isdisjoint({*files, *self._dotfiles()})

    def _dotfiles(self) -> set[str]:
        try:
            return {name for name in os.listdir(self._found.root) if name[0] == "."}
        except OSError:
            return set()

    def _tests(self) -> tuple[str, ...]:
        named = (posixpath.basename(path) for path in self._found.ending(".py"))
        return tuple(
            name for name in named if name.startswith("test_") or name.endswith("_test.py")
        )

    def _finds(self, program: str) -> str:
        """Return how a stage would name a program: below the root, or by its name alone; empty: absent."""
        for folder in _ENVIRONMENTS:
            if os.access(os.path.join(self._found.root, folder, program), os.X_OK):
                return f"{folder}/{program}"
        for folder in self._path:
            if folder and os.access(os.path.join(folder, program), os.X_OK):
                return program
        return ""

    def _name(self, wanted: str) -> str:
        name = f"python.{wanted}" if wanted in self._taken else wanted
        self._taken.add(name)
        self._names.append(name)
        return name

    def _check(self, check: _Check) -> list[str]:
        program = self._finds(check.tool)
        if not program:
            self._unseen.append(
                f"`{check.tool}` is configured, but not installed here: no stage `{check.stage}`"
            )
            return []
        words = [program, *check.words]
        if check.tool == "mypy" and not self._mypy_knows_files():
            words.append(".")
        lines = [
            "command(",
            f"    {quoted(self._name(check.stage))},",
            f"    [{', '.join(quoted_list(words))}],",
            f"    inputs=[{self._inputs(check)}],",
        ]
        if check.is_test and self._needs_source_path():
            lines.append('    env={"PYTHONPATH": "src"},')
        return [*lines, f"    description={quoted(check.says)},", ")"]

    def _mypy_knows_files(self) -> bool:
        table = self._tools.get("mypy", {})
        keys = {"files", "packages", "modules"}
        text = self._found.text("mypy.ini") + self._found.text("setup.cfg")
        return not keys.isdisjoint(table) or any(
            f"\n{key} " in text or f"\n{key}=" in text for key in keys
        )

    def _inputs(self, check: _Check) -> str:
        """Return the inputs' code; tests may read any file that lies beside them."""
        folders = sorted(
            {
                path.split("/", 1)[0]
                for path in self._found.files
                if path.startswith(("tests/", "test/")) and not path.endswith((".py", ".pyi"))
            }
        )
        if not check.is_test or not folders:
            return "settings, python"
        more = ", ".join(quoted(f"{folder}/**/*") for folder in folders)
        return f'settings, python, glob({more}, exclude="**/*.pyc")'

    def _needs_source_path(self) -> bool:
        options = self._tools.get("pytest", {})
        options = options.get("ini_options", {}) if isinstance(options, dict) else {}
        has_source = any(path.startswith("src/") for path in self._found.ending(".py"))
        return has_source and "pythonpath" not in options

    def _syntax(self) -> list[str]:
        self._unseen.append(
            "no tool is both configured and installed: `syntax` only parses the sources"
        )
        return [
            "command(",
            f"    {quoted(self._name('syntax'))},",
            f"    [{', '.join(quoted_list(['python3', '-c', _SYNTAX, '{inputs}']))}],",
            "    inputs=python,",
            '    description="does every source parse?",',
            ")",
        ]

    def _dist(self) -> list[str]:
        """Return the stage that builds the distribution, where something can."""
        if "build-system" not in self._table or "project" not in self._table:
            return []
        program = self._finds("pyproject-build")
        if not program:
            self._unseen.append(
                "a build backend is configured, but `build` is not installed here: no stage `dist`"
            )
            return []
        data = [
            path
            for path in self._found.files
            if "/" not in path and path.lower().startswith(("readme", "license"))
        ]
        return [
            *comment(
                "Not part of a plain `stagemake`: fetches the build backend. `stagemake dist` makes it."
            ),
            "command(",
            f"    {quoted(self._name('dist'))},",
            f'    [{quoted(program)}, "--outdir", "{{outputs}}"],',
            f"    inputs=[{', '.join(['settings', 'python', *quoted_list(data)])}],",
            '    outputs=["dist/"],',
            '    description="source distribution and wheel",',
            ")",
        ]
