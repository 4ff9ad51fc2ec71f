"""The text of a random project: Stagefile, helper module and scripts."""

from __future__ import annotations

import os

from oracle.project import Kind, ProjectModel, Spec, write

_HEAD = """\
from stagemake import command, config, glob, stage
import helper

opt = config("opt", "o0")

"""

_HELPER = '''\
"""Shared by the functions of the Stagefile. {comment}"""

import os

TOKEN = "{token}"  # remark {comment}


def race(context, moment):
    path = f"{{context.root}}/../race/{{context.name}}.{{moment}}"
    if os.path.exists(path):
        os.system(f"cd '{{context.root}}' && sh '{{path}}'")


def header(context, tag):
    option = dict(context.config).get("opt", "-")
    env = " ".join(f"{{name}}={{context.env.get(name, '')}}" for name in ("E", "F"))
    return f"{{tag}} {{context.params['p']}} {{option}} {{env}} {{TOKEN}}\\n"


def described(path, shown):
    if os.path.isdir(path) and not os.path.islink(path):
        found = [f"{{shown}} directory\\n"]
        for name in sorted(os.listdir(path)):
            child = os.path.join(path, name)
            if os.path.islink(child):
                found.append(f"{{shown}}/{{name}} -> {{os.readlink(child)}}\\n")
            else:
                found.append(described(child, f"{{shown}}/{{name}}"))
        return "".join(found)
    with open(path) as stream:
        text = stream.read()
    return f"{{shown}} " + ("x " if os.stat(path).st_mode & 0o100 else "") + text


def body(context, tag):
    race(context, "before")
    text = header(context, tag) + "".join(
        described(str(path), str(path.relative_to(context.root))) for path in context.inputs
    )
    race(context, "after")
    return text


def first_line(path):
    with open(path) as stream:
        return stream.readline()


def fail_on(context, begin):
    if first_line(context.inputs[0]).startswith(begin):
        raise RuntimeError("told to fail")


def put(path, text, executable=False):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as stream:
        stream.write(text)
    if executable:
        os.chmod(path, 0o755)


def spread(top, text):
    weight = sum(text.encode())
    os.makedirs(f"{{top}}/sub")
    for number in range(weight % 4):
        put(f"{{top}}/f{{number}}", f"{{number}} {{text}}")
    put(f"{{top}}/sub/run", "run\\n", weight % 2 == 1)
    if weight % 2 == 0:
        os.mkdir(f"{{top}}/void")
    if weight % 3 == 0:
        os.symlink("sub/run", f"{{top}}/link")
'''

_JOIN = """\
#!/bin/sh
# joins files
set -e
out=$1 header=$2 name=$3
shift 3
if [ -e "../race/$name.before" ]; then . "../race/$name.before"; fi
{
    printf '%s\\n' "$header E=$E F=$F TOKEN"
    for f in "$@"; do
        printf '%s ' "$f"
        if [ -x "$f" ]; then printf 'x '; fi
        cat "$f"
    done
} > "$out"
if [ -e "../race/$name.after" ]; then . "../race/$name.after"; fi
"""

_SCAN = """\
#!/bin/sh
# joins what its first argument names
set -e
printf '%s\\n' "$4 TOKEN" > "$2"
printf '%s: %s' "$2" "$1" > "$3"
while read -r word path; do
    if [ "$word" = use ]; then
        printf ' \\\\\\n  %s' "$path" >> "$3"
        cat "$path" >> "$2"
    fi
done < "$1"
echo >> "$3"
"""


def render(project: ProjectModel, root: str) -> None:
    """Write what `project` declares; a file that would not change is left alone."""
    texts = {
        "Stagefile": _HEAD + "\n".join(_stage_text(spec) for spec in project.specs),
        "helper.py": _HELPER.format(token=project.helper_token, comment=project.helper_comment),
        "tools/join.sh": _JOIN.replace("TOKEN", project.tool_token),
        "tools/scan.sh": _SCAN.replace("TOKEN", project.tool_token),
    }
    for path, text in texts.items():
        full = os.path.join(root, path)
        if os.path.exists(full):
            with open(full, encoding="utf-8") as stream:
                if stream.read() == text:
                    continue
        write(root, path, text)
        if path.endswith(".sh"):
            os.chmod(full, 0o755)


def _stage_text(spec: Spec) -> str:
    return _call_text(spec) if spec.kind.is_call else _command_text(spec)


def _keywords(spec: Spec) -> str:
    slash = "/" if spec.kind is Kind.TREE else ""
    outputs = [output + slash for output in spec.outputs]
    words = [
        f"inputs={list(spec.inputs)!r}",
        f"outputs={outputs!r}",
        f"params={{'p': {spec.param}}}",
    ]
    if spec.kind is Kind.GLOB:
        words[0] = "inputs=glob('glob/*.txt')"
    if spec.env:
        words.append(f"env={list(spec.env)!r}")
    if spec.reads_config and spec.kind.is_call:
        words.append("config='opt'")
    if spec.after:
        words.append(f"after={list(spec.after)!r}")
    if spec.always:
        words.append("always=True")
    if spec.uses:
        words.append(f"uses={[spec.uses]!r}")
    if spec.provides:
        words.append(f"provides={[spec.provides]!r}")
    if spec.kind is Kind.SCAN:
        words.append(f"depfile='out/{spec.name}.d'")
    return ", ".join(words)


def _command_text(spec: Spec) -> str:
    option = "' + opt + '" if spec.reads_config else "-"
    header = f"{spec.tag} {{params.p}} {option}"
    remark = f"# remark {spec.comment}\n"
    if spec.kind is Kind.ARGV:
        argv = f"['tools/join.sh', '{{outputs[0]}}', '{header}', '{spec.name}', '{{inputs}}']"
    elif spec.kind is Kind.SCAN:
        argv = f"['tools/scan.sh', '{{inputs}}', '{{outputs}}', '{{depfile}}', '{header}']"
    else:
        argv = "'''" + _shell_text(spec, header.replace("'", "'''")) + "'''"
    return f"{remark}command({spec.name!r}, {argv}, {_keywords(spec)})\n"


def _shell_text(spec: Spec, header: str) -> str:
    first = spec.inputs[0] if spec.inputs else ""
    fail = ""
    if spec.fails_on:
        fail = f'line=$(head -n 1 {first})\ncase "$line" in {spec.fails_on}*) exit 3;; esac\n'
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
    race = f"if [ -e ../race/{spec.name}.%s ]; then . ../race/{spec.name}.%s; fi\n"
    text = "set -e\n" + race.replace("%s", "before")
    text += f'{{ printf "%s\\\\n" "{header} E=$E F=$F"\nfor f in {{inputs}}; do\n'
    text += 'printf \'%s \' "$f"; if [ -x "$f" ]; then printf \'x \'; fi; cat "$f"\n'
    text += f"done; }} > {{outputs[0]}}\n{race.replace('%s', 'after')}{fail}"
    if len(spec.outputs) > 1:
        text += "{ cat {outputs[0]}; echo more; } > {outputs[1]}\n"
    if spec.is_executable:
        text += "if grep -q '[13579]' {outputs[0]}; then chmod +x {outputs[0]}; fi\n"
    return text


def _call_text(spec: Spec) -> str:
    lines = [f"@stage(name={spec.name!r}, {_keywords(spec)})", f"def {spec.name}(context):"]
    lines.append(f'    """Do what is told. {spec.comment}"""')
    lines.append(f"    text = helper.body(context, {spec.tag!r})  # remark {spec.comment}")
    lines.append("    top = str(context.outputs[0])")
    if spec.kind is Kind.PROVIDE:
        lines.append(
            f"    context.shared[{spec.provides!r}] = helper.first_line(context.inputs[0])"
        )
    if spec.kind is Kind.USE:
        lines.append(f"    text += context.shared[{spec.uses!r}]")
    if spec.kind is Kind.TREE:
        lines.append("    helper.spread(top, text)")
    elif spec.is_executable:
        lines.append("    helper.put(top, text, any(digit in text for digit in '13579'))")
    else:
        lines.append("    helper.put(top, text)")
    if len(spec.outputs) > 1:
        lines.append("    helper.put(str(context.outputs[1]), text + 'more\\n')")
    if spec.fails_on:
        lines.append(f"    helper.fail_on(context, {spec.fails_on!r})")
    return "\n".join(lines) + "\n"
