"""A dvc.yaml: each stage of it as a command, where a YAML library can be imported."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from stagemake.start.dvc_template import Unresolved, instances
from stagemake.start.section import Section, quoted, quoted_list
from stagemake.start.yaml_file import INSTALL_YAML, NO_YAML, loaded, yaml_loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from stagemake.start.survey import Survey

_NAME = "dvc.yaml"
_OUTPUTS = ("outs", "metrics", "plots")
_KNOWN = {"cmd", "deps", "desc", "meta", "params", "wdir", "always_changed", "frozen", *_OUTPUTS}


def dvc_section(found: Survey) -> Section | None:
    """Return the section for dvc.yaml; None where there is none."""
    if _NAME not in found.files:
        return None
    load = yaml_loader()
    if load is None:
        why = f"{_NAME}: {NO_YAML} (to have it read: {INSTALL_YAML}, then `stagemake init -n`)"
        return Section(_NAME, (), unseen=(why,), lacks=(NO_YAML, INSTALL_YAML))
    try:
        document = load(found.text(_NAME))
    except Exception as error:
        what = str(error).split("\n", 1)[0]
        return Section(_NAME, (), unseen=(f"{_NAME} can't be parsed: {what}",))
    stages = document.get("stages") if isinstance(document, dict) else None
    if not isinstance(stages, dict) or not stages:
        return Section(_NAME, (), unseen=(f"{_NAME}: it has no stages",))
    lock = loaded(load, found.text("dvc.lock"))
    return _Dvc(found, document, lock, _values(load, found, document)).section()


def _values(load: Callable[[str], Any], found: Survey, document: dict[str, Any]) -> dict[str, Any]:
    """Return what `${…}` can name: params.yaml, and what `vars` holds or reads."""
    values = loaded(load, found.text("params.yaml"))
    given = document.get("vars")
    for each in given if isinstance(given, list) else ():
        values |= each if isinstance(each, dict) else loaded(load, found.text(str(each)))
    return values


class _Dvc:
    def __init__(
        self,
        found: Survey,
        document: dict[str, Any],
        lock: dict[str, Any],
        values: dict[str, Any],
    ) -> None:
        self._found = found
        self._document = document
        self._lock = lock.get("stages", {}) if isinstance(lock.get("stages"), dict) else {}
        self._values = values
        self._unseen: list[str] = []
        self._names: list[str] = []
        self._guessed: list[str] = []

    def section(self) -> Section:
        lines: list[str] = []
        for key in self._document:
            if key not in {"stages", "schema", "vars"}:
                self._unseen.append(f"{_NAME}: `{key}` has no counterpart")
        for name, whole in self._document["stages"].items():
            try:
                found = list(instances(str(name), whole, self._values))
            except Unresolved as error:
                found = []
                what = f"`{error}` is not known: write the value, or `config(…)`"
                self._unseen.append(f"{_NAME}: stage `{name}`: {what}")
            for each, stage in found:
                if why := _why_not(each, stage):
                    self._unseen.append(f"{_NAME}: stage `{each}`: {why}")
                else:
                    lines += ["", *self._stage(each, stage)]
        remarks = []
        if self._guessed:
            remarks.append(
                f"{', '.join(self._guessed)}: taken for a directory, as its name has no ending"
            )
        if self._names:
            if "${" in self._found.text(_NAME):
                remarks.append("the values of `${…}` are written into the Stagefile")
            remarks.append(
                "params count by their whole file, and variables of the environment must be declared"
            )
        return Section(
            _NAME,
            tuple(lines[1:]),
            frozenset({"command"} if self._names else ()),
            tuple(quoted_list(self._names)),
            unseen=tuple(self._unseen),
            remarks=tuple(remarks),
            names=frozenset(self._names),
        )

    def _stage(self, name: str, stage: dict[str, Any]) -> list[str]:
        self._names.append(name)
        folder = posixpath.normpath(str(stage.get("wdir", ".")))
        inputs = [_below(folder, path) for path in _paths(stage.get("deps"))]
        inputs += [_below(folder, path) for path in _parameter_files(stage.get("params"))]
        outputs = [path for kind in _OUTPUTS for path in _paths(stage.get(kind))]
        commands = stage["cmd"] if isinstance(stage["cmd"], list) else [stage["cmd"]]
        texts = [str(each).strip() for each in commands]
        text = texts[0] if len(texts) == 1 else " && ".join(f"( {each}\n)" for each in texts)
        shown = [self._output(name, path, _below(folder, path), text) for path in outputs]
        lines = ["command(", f"    {quoted(name)},", f"    {quoted(text)},"]
        if inputs:
            lines.append(f"    inputs=[{', '.join(quoted_list(dict.fromkeys(inputs)))}],")
        if shown:
            lines.append(f"    outputs=[{', '.join(quoted_list(shown))}],")
        if folder != ".":
            lines.append(f"    cwd={quoted(folder)},")
        if stage.get("always_changed") or not inputs:
            lines.append("    always=True," if inputs or stage.get("always_changed") else "")
        if isinstance(stage.get("desc"), str):
            lines.append(f"    description={quoted(' '.join(stage['desc'].split()))},")
        return [*(line for line in lines if line), ")"]

    def _output(self, name: str, path: str, full: str, text: str) -> str:
        """Return an output with a slash where it is a directory, by what is there, dvc.lock, its name, the command."""
        if full in self._found.files:
            return full
        locked = self._lock.get(name, {})
        for kind in ("outs", "metrics", "plots"):
            for each in locked.get(kind, ()) if isinstance(locked, dict) else ():
                if isinstance(each, dict) and each.get("path") == path:
                    digest = next((str(each[key]) for key in ("md5", "hash") if key in each), "")
                    return f"{full}/" if digest.endswith(".dir") else full
        if any(known.startswith(f"{full}/") for known in self._found.files):
            return f"{full}/"
        if "." in posixpath.basename(full) or full.endswith("/"):
            return full
        if re.search(rf">\s*{re.escape(path)}(?![\w/.-])", text):
            return full  # the command writes into it as into a file
        self._guessed.append(f"`{full}`")
        return f"{full}/"


def _below(folder: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, path))
    return f"{joined}/" if path.endswith("/") else joined


def _paths(value: object) -> list[str]:
    """Return paths from a list of texts and `{path: options}`, or from a mapping."""
    items = list(value) if isinstance(value, (list, dict)) else []
    return [str(next(iter(item)) if isinstance(item, dict) else item) for item in items]


def _parameter_files(value: object) -> list[str]:
    """Return the files that `params` names; params.yaml for bare names."""
    found = []
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            found += [str(key) for key in item]
        else:
            found.append("params.yaml")
    return found


def _why_not(name: object, stage: object) -> str:
    if not isinstance(stage, dict) or "cmd" not in stage:
        return "it has no `cmd`"
    if not isinstance(name, str) or not name.isprintable() or " " in name:
        return "its name has spaces"
    for key in stage:
        if key not in _KNOWN:
            return f"`{key}` has no counterpart"
    if stage.get("frozen"):
        return "it is frozen"
    for path in (each for kind in _OUTPUTS for each in _paths(stage.get(kind))):
        full = _below(str(stage.get("wdir", ".")), path)
        if full.startswith(("/", "..")) or "://" in path:
            return f"its output `{path}` lies outside the project"
    if any("://" in path for path in _paths(stage.get("deps"))):
        return "it depends on something that is not a file here"
    return ""
