"""A package.json: `npm ci` as a stage that makes node_modules, and the scripts that end as stages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from stagemake.start.section import Section, call, comment, quoted, quoted_list

if TYPE_CHECKING:
    from stagemake.start.survey import Survey

_LIFECYCLE = re.compile(
    r"(?:pre|post)?(?:install|publish|publishOnly|pack|prepare|uninstall|version|shrinkwrap|dependencies)\Z"
)
_SERVES = re.compile(r"(?:^|[:.-])(?:dev|start|serve|server|watch|preview|storybook)(?:$|[:.-])")
_WATCHES = re.compile(r"--watch\b|\bnodemon\b|--serve\b|\bhttp-server\b|(?:^|\s)-w\b")
_SIDE_EFFECTS = re.compile(
    r"(?:^|[:.-])(?:deploy|publish|release|clean|login|upgrade|update|commit|push)(?:$|[:.-])"
)
_WRITES_SOURCES = re.compile(r"--(?:write|fix)\b|\brimraf\b|^rm\b")
_OUTPUT = re.compile(
    r"(?:--out-?dir|--outDir|--out|-o|--outfile|--dist-dir|-d)[ =](\"[^\"]+\"|'[^']+'|[\w./-]+)|(?:^|[^>&\d])>\s*([\w./-]+)"
)
_SCRATCH = (
    "coverage",
    "**/*.log",
    "**/*.tsbuildinfo",
    "Stagefile*",
)  # what tools leave, and what no script reads
_DEFAULT_OUTPUT = (
    (r"\b(?:vite|rollup|webpack|astro|parcel) ?(?:build)?\b", "dist"),
    (r"\bnext build\b", ".next"),
)


def package_section(found: Survey, outputs: tuple[str, ...]) -> Section | None:
    """Return the section for package.json; None where there is none.

    Args:
        found: What is there.
        outputs: Directories that other sections write, to be left out of what scripts read.
    """
    if "package.json" not in found.files:
        return None
    try:
        package = json.loads(found.text("package.json"))
    except ValueError as error:
        return Section("package.json", (), unseen=(f"package.json can't be parsed: {error}",))
    if not isinstance(package, dict):
        return Section("package.json", (), unseen=("package.json is no object",))
    return _Package(found, package, outputs).section()


class _Package:
    def __init__(self, found: Survey, package: dict[str, Any], outputs: tuple[str, ...]) -> None:
        self._found = found
        self._package = package
        self._outputs = list(outputs)
        self._unseen: list[str] = []
        self._made: dict[str, str] = {}  # output -> the stage that makes it

    def section(self) -> Section:
        install = self._install()
        scripts = self._scripts()
        for name, text in scripts.items():
            output = self._output_of(name, text)
            if output:
                self._made[output] = f"npm.{name}"
                self._outputs.append(output)
        lines = list(install)
        if scripts:
            lines += [""] if lines else []
            lines += comment("A script reads whatever lies here, but for what is made.")
            exclude = dict.fromkeys(
                ["node_modules", *(path.rstrip("/") for path in self._outputs), *_SCRATCH]
            )
            lines += call('files = glob("**/*", exclude=', quoted_list(exclude), ")")
        for name, text in scripts.items():
            lines += self._script(name, text, has_install=bool(install))
        names = {f"npm.{name}" for name in scripts} | ({"npm.ci"} if install else set())
        if "workspaces" in self._package:
            self._unseen.append(
                "package.json: the packages of its workspaces have no stages of their own"
            )
        words = ({"command"} if names else set()) | ({"glob"} if scripts else set())
        return Section(
            "package.json",
            tuple(lines),
            frozenset(words),
            tuple(quoted_list(sorted(names))),
            unseen=tuple(self._unseen),
            remarks=(
                "scripts are taken to need the sources only: name what else one reads in its `inputs`",
            )
            if scripts
            else (),
            names=frozenset(names),
        )

    def _install(self) -> list[str]:
        kinds = ("dependencies", "devDependencies", "optionalDependencies")
        if not any(self._package.get(kind) for kind in kinds):
            return []
        if "package-lock.json" not in self._found.files:
            other = self._found.named("yarn.lock", "pnpm-lock.yaml", "bun.lockb")
            why = f"`{other}` is not npm's" if other else "there is no package-lock.json"
            self._unseen.append(f"package.json: {why}, so no stage installs node_modules")
            return []
        inputs = quoted_list(
            name for name in ("package.json", "package-lock.json") if name in self._found.files
        )
        return [
            "command(",
            '    "npm.ci",',
            '    ["npm", "ci", "--no-audit", "--no-fund"],',
            f"    inputs=[{', '.join(inputs)}],",
            '    outputs=["node_modules/"],',
            '    description="install what package-lock.json says",',
            ")",
        ]

    def _scripts(self) -> dict[str, str]:
        """Return the scripts that become stages; why others don't is noted."""
        kept: dict[str, str] = {}
        scripts = self._package.get("scripts", {})
        if not isinstance(scripts, dict):
            self._unseen.append("package.json: `scripts` is no object")
            return kept
        for name, text in scripts.items():
            why = _why_not(name, text, scripts)
            if why == "hook":
                continue  # npm runs it with its script
            if why:
                self._unseen.append(f"package.json: script `{name}`: {why}")
            else:
                kept[name] = text
        return kept

    def _output_of(self, name: str, text: str) -> str:
        """Return what a script writes, as far as its text says: a directory with a slash; empty if unknown."""
        match = _OUTPUT.search(text)
        path = (match[1] or match[2] or "").strip("\"'") if match else ""
        if not path and re.search(r"(?:^|:)build", name):
            path = next((path for pattern, path in _DEFAULT_OUTPUT if re.search(pattern, text)), "")
            if not path and re.search(r"\btsc\b", text):
                path = self._tsc_output()
            if not path:
                self._unseen.append(
                    f"package.json: what `{name}` writes is not in its text: give the stage `outputs=[…]`"
                )
        path = path.removeprefix("./").rstrip("/")
        if not path or path.startswith(("/", "..")) or path in {".", "src"}:
            return ""
        is_file = "." in path.rpartition("/")[2].lstrip(".")
        return path if is_file else f"{path}/"

    def _tsc_output(self) -> str:
        found = re.search(r'"outDir"\s*:\s*"([^"]+)"', self._found.text("tsconfig.json"))
        return found[1] if found else ""

    def _script(self, name: str, text: str, *, has_install: bool) -> list[str]:
        own = next((path for path, stage in self._made.items() if stage == f"npm.{name}"), "")
        reads = [
            quoted(path.rstrip("/"))
            for path, stage in self._made.items()
            if stage != f"npm.{name}"
            and re.search(rf"(?<![\w-]){re.escape(path.rstrip('/'))}(?![\w-])", text)
        ]
        lines = [
            "command(",
            f"    {quoted(f'npm.{name}')},",
            f'    ["npm", "run", {quoted(name)}],',
            f"    inputs=[{', '.join(['files', *reads])}],",
        ]
        if has_install:
            lines.append('    implicit=["node_modules"],')
        if own:
            lines.append(f"    outputs=[{quoted(own)}],")
        return [*lines, f"    description={quoted(' '.join(text.split()))},", ")"]


def _why_not(name: str, text: object, scripts: dict[str, Any]) -> str:
    """Return why a script is no stage; `hook` for those that npm runs around another one."""
    if not isinstance(text, str) or not text.strip():
        return "it is no text"
    if re.match(r"(?:pre|post)", name) and re.sub(r"^(?:pre|post)", "", name) in scripts:
        return "hook"
    if not name.isprintable() or " " in name:
        return "its name has spaces"
    if _LIFECYCLE.match(name):
        return "npm runs it by itself"
    if _SERVES.search(name) or _WATCHES.search(text):
        return "it does not end by itself"
    if _SIDE_EFFECTS.search(name):
        return "its effect lies outside of what it reads and writes here"
    if _WRITES_SOURCES.search(text):
        return "it changes or removes files in place"
    if "no test specified" in text:
        return "it only says that there is none"
    return ""
