"""The text of a random project: Stagefile, helper modules, settings and scripts."""

from __future__ import annotations

import os
import random
import shutil

from oracle.project import MARKS, PART, WORD_WAYS, Kind, ProjectModel, Spec, write
from oracle.texts import DEEP, HEADS, HELPER, JOIN, SCAN, WORDS


def render(project: ProjectModel, root: str) -> None:
    """Write what `project` declares; a file that would not change is left alone."""
    texts = _texts(project)
    for path in ("pyproject.toml", f"{PART}/Stagefile", "lib/words.py", "lib/words/__init__.py"):
        full = os.path.join(root, path)
        if path not in texts and os.path.exists(full):
            if path.endswith("__init__.py"):
                shutil.rmtree(os.path.dirname(full))
            else:
                os.unlink(full)
    for path, text in texts.items():
        full = os.path.join(root, path)
        if os.path.exists(full):
            with open(full, encoding="utf-8") as stream:
                if stream.read() == text:
                    continue
        write(root, path, text)
        if path.startswith("tools/"):
            os.chmod(full, 0o755)


def _texts(project: ProjectModel) -> dict[str, str]:
    codes = {**project.codes, "comment": str(project.helper_comment)}
    texts = {
        "Stagefile": _stagefile(project),
        "helper.py": HELPER.format(token=project.helper_token, comment=project.helper_comment),
        "lib/__init__.py": "",
        "lib/deep.py": DEEP.format(**codes),
        "lib/late.py": f'TOKEN = "{codes["late"]}"\n',
        "one/util.py": f'def mark():\n    return "{codes["twin_one"]}"\n',
        "two/util.py": f'def mark():\n    return "{codes["twin_two"]}"\n\n\n'
        f'def alias():\n    return "{codes["alias"]}"\n',
        "tools/join.sh": JOIN.replace("TOKEN", project.tool_token),
        "tools/scan.sh": SCAN.replace("TOKEN", project.tool_token),
        "tools/extra": f"#!/bin/sh\n# {project.extra_token}\n",
        "tools/word": f"{project.word}\n",
    }
    inner = [spec for spec in project.specs if _is_parted(project, spec)]
    if inner:
        texts[f"{PART}/Stagefile"] = _head(project, inner, "../") + "\n".join(
            _command_text(spec, "../") for spec in _shuffled(project, inner)
        )
    words = WORDS.format(**codes)
    if project.layout == "module":
        texts["lib/words.py"] = words
    else:
        texts["lib/words/__init__.py"] = words
    if project.layout == "both":
        stale = dict.fromkeys(codes, "0")
        texts["lib/words.py"] = WORDS.format(**stale)
    if project.table:
        lines = [f"{name} = {value}\n" for name, value in project.table.items()]
        texts["pyproject.toml"] = "[tool.stagemake.config]\n" + "".join(lines)
    return texts


def _is_parted(project: ProjectModel, spec: Spec) -> bool:
    return project.is_parted and spec.cwd == PART


def _shuffled(project: ProjectModel, specs: list[Spec]) -> list[Spec]:
    if project.shuffle:
        return random.Random(project.shuffle).sample(specs, len(specs))
    return specs


def _head(project: ProjectModel, specs: list[Spec], up: str) -> str:
    """Return what a Stagefile begins with; `up` leads from its directory to the root."""
    text = "from stagemake import capture, command, config, glob, include, pipeline, pool, stage\n"
    text += f"ROOT, UP = __file__.rpartition('/')[0] + '/{up}', {up!r}\n"
    text += "pool('slow', 1)\n"
    text += "option = f\"{config('opt', 'o0')}/{config('number', 1)}\"\n"
    if any(spec.reads_word for spec in specs):
        text += (
            "def text_of(path):\n    with open(path) as stream:\n        return stream.read()\n\n"
        )
        text += f"word = {WORD_WAYS[project.word_way]}\n"
    return text + "\n"


def _stagefile(project: ProjectModel) -> str:
    used = {mark for spec in project.specs for mark in spec.marks}
    heads = dict.fromkeys(HEADS[mark] for mark in MARKS if mark in used)
    specs = [spec for spec in project.specs if not _is_parted(project, spec)]
    text = "import functools\n\nimport helper\nimport oracle_kit as kit\n"
    text += _head(project, specs, "")
    text += "".join(heads).format(**project.codes) + "\n"
    if len(specs) < len(project.specs):
        text += f"include({PART!r}, prefix='')\n\n"
    text += "\n".join(_stage_text(spec) for spec in _shuffled(project, specs))
    return text + f"\npipeline('some', {[spec.name for spec in project.specs[::2]]!r})\n"


def _stage_text(spec: Spec) -> str:
    return _call_text(spec) if spec.kind.is_call else _command_text(spec, "")


def _keywords(spec: Spec, up: str = "") -> str:
    """Return the keywords of a stage; `up` leads to the root from the directory of its Stagefile."""
    slash = "/" if spec.kind.is_directory else ""
    outputs = [up + output + slash for output in spec.outputs]
    extra = f"{_up(spec) if spec.reads_extra == 'tools' else up}tools/extra"
    words: dict[str, object] = {
        "inputs": [up + path for path in spec.inputs],
        "outputs": outputs,
        "params": {"p": spec.param, **({"origin": spec.origin} if spec.kind.is_call else {})},
        "env": list(spec.env),
        "pass_env": ["PASSED"] if spec.passes_env else None,
        "config": ["opt", "number"] if spec.reads_config and spec.kind.is_call else None,
        spec.reads_extra: [extra],
        "cwd": "" if up else spec.cwd,
        "after": list(spec.after),
        "before": list(spec.before),
        "optional": list(spec.optional),
        "always": spec.always,
        "uses": [spec.uses] if spec.uses else None,
        "provides": [spec.provides] if spec.provides else None,
        "depfile": f"out/{spec.origin}.d" if spec.kind is Kind.SCAN else None,
        "version": spec.version,
        "ignore_code": spec.kind is Kind.PINNED,
    }
    said = [f"{word}={value!r}" for word, value in words.items() if word and value]
    said += [spec.load] if spec.load else []
    if spec.kind is Kind.GLOB:
        said.append("inputs=glob('glob/*.txt')")
    if not spec.is_cached:
        said.append("cache=False")
    return ", ".join(said)


def _up(spec: Spec) -> str:
    return "../" if spec.cwd else ""


def _command_text(spec: Spec, up: str) -> str:
    """Return a command's declaration; `up` as in `_keywords`."""
    option = "' + option + '" if spec.reads_config else "-"
    option += " ' + word + '" if spec.reads_word else ""
    header = f"{spec.tag} {{params.p}} {option}"
    remark = f"# remark {spec.comment}\n"
    if spec.kind is Kind.ARGV:
        argv = f"['tools/join.sh', '{{outputs[0]}}', '{header}', '{spec.origin}', '{{inputs}}']"
    elif spec.kind is Kind.SCAN:
        argv = f"['tools/scan.sh', '{{inputs}}', '{{outputs}}', '{{depfile}}', '{header}']"
    elif spec.kind is Kind.RUNNER:
        argv = f"[{f'./{spec.program}'!r}, '{{inputs}}', '{{outputs}}']"
    else:
        argv = "'''" + _shell_text(spec, header.replace("'", "'''")) + "'''"
    return f"{remark}command({spec.name!r}, {argv}, {_keywords(spec, up)})\n"


def _shell_text(spec: Spec, header: str) -> str:
    fail = ""
    if spec.fails_on:
        fail = f'line=$(head -n 1 {{inputs[0]}})\ncase "$line" in {spec.fails_on}*) exit 3;; esac\n'
    if spec.kind is Kind.CHECK:
        return f"set -e\n: {spec.tag}\ngrep -q . {{inputs}}\n{fail}"
    if spec.kind is Kind.FIRST:
        return f"set -e\n: {spec.tag}\nhead -n 1 {{inputs}} > {{outputs}}\n{fail}"
    if spec.kind is Kind.LINK:
        return (
            f"set -e\n: {spec.tag}\nline=$(head -n 1 {{inputs}})\n"
            'case "$line" in *[02468]*) t=a;; *) t=b;; esac\n'
            f"ln -s ../src/$t {{outputs}}\n{fail}"
        )
    if spec.kind is Kind.UNPACK:
        return (
            f"set -e\n: {spec.tag}\nmkdir -p {{outputs}}/'na me/$x' {{outputs}}/empty\n"
            "line=$(head -n 1 {inputs})\n"
            "printf '%s' \"$line\" > {outputs}/'na me/$x/ü'\n"
            "case \"$line\" in *[13579]*) ln -s 'na me' {outputs}/-link;;\n"
            f"*) : > {{outputs}}/-file; chmod +x {{outputs}}/-file;; esac\n{fail}"
        )
    script = f"{_up(spec)}../race/{spec.origin}.%s"
    race = f"if [ -e {script} ]; then . {script}; fi\n"
    text = "set -e\n" + race.replace("%s", "before")
    text += f'{{ printf "%s\\\\n" "{header} E=$E F=$F"\nfor f in {{inputs}}; do\n'
    text += 'printf \'%s \' "$f"; if [ -x "$f" ]; then printf \'x \'; fi; cat "$f"\n'
    extra = f"cat {_up(spec)}tools/extra; " if spec.reads_extra else ""
    text += f"done; {extra}}} > {{outputs[0]}}\n{race.replace('%s', 'after')}{fail}"
    if len(spec.outputs) > 1:
        text += "{ cat {outputs[0]}; echo more; } > {outputs[1]}\n"
    if spec.is_executable:
        text += "if grep -q '[13579]' {outputs[0]}; then chmod +x {outputs[0]}; fi\n"
    return text


def _call_text(spec: Spec) -> str:
    lines = [f"@stage(name={spec.name!r}, {_keywords(spec)})", f"def {spec.origin}(context):"]
    lines.append(f'    """Do what is told. {spec.comment}"""')
    if spec.kind is Kind.PINNED:
        lines.append(f"    not_counted = {spec.tag!r}")
        # Who sets a version changes it with the code.
        lines.append(
            f"    text = {spec.version!r} + f\"{{context.params['p']}}\\n\" + kit.joined(context)"
        )
    else:
        lines.append(f"    text = helper.body(context, {spec.tag!r})  # remark {spec.comment}")
    if spec.marks:
        marks = ", ".join(MARKS[mark] for mark in spec.marks)
        lines.append(f"    text = ' '.join([{marks}]) + '\\n' + text")
    lines.append("    top = str(context.outputs[0])")
    if spec.kind is Kind.PROVIDE:
        lines.append("    line = kit.first_line(context.inputs[0])")
        lines.append(
            f"    context.shared[{spec.provides!r}] = {{'line': line, 'n': [1, len(line)]}}"
        )
    if spec.kind is Kind.USE:
        lines.append(f"    given = context.shared[{spec.uses!r}]")
        lines.append("    text += f\"{given['line']}{given['n'][1]}\\n\"")
    if spec.kind is Kind.TREE:
        lines.append("    kit.spread(top, text)")
    elif spec.kind is Kind.MAKER:
        lines.append("    kit.program(top, kit.first_line(context.inputs[0]))")
    elif spec.is_executable:
        lines.append("    kit.put(top, text, any(digit in text for digit in '13579'))")
    else:
        lines.append("    kit.put(top, text)")
    if len(spec.outputs) > 1:
        lines.append("    kit.put(str(context.outputs[1]), text + 'more\\n')")
    if spec.fails_on:
        lines.append(f"    kit.fail_on(context, {spec.fails_on!r})")
    return "\n".join(lines) + "\n"
