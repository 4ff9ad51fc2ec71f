"""Texts of the files of random projects; those with a `{…}` are filled in by `oracle.render`."""

from __future__ import annotations

HELPER = '''\
"""Shared by the functions of the Stagefile. {comment}"""

import oracle_kit as kit

TOKEN = "{token}"  # remark {comment}


def unused():
    return {comment}


def header(context, tag):
    option = "-"
    values = dict(context.config)
    if values:
        option = values["opt"] + "/" + values["number"]
    env = " ".join(f"{{name}}={{context.env.get(name, '')}}" for name in ("E", "F"))
    return f"{{tag}} {{context.params['p']}} {{option}} {{env}} {{TOKEN}}\\n"


def body(context, tag):
    return header(context, tag) + kit.joined(context)
'''

WORDS = '''\
"""Words. {comment}"""

from lib import deep


def unused():
    return {comment}


def speak():
    """Say it. {comment}"""
    return "{words}"


def inner():
    return deep.level()


class Box:
    word = "{method}"

    def method(self):
        return self.word  # remark {comment}
'''

DEEP = """\
# remark {comment}
OTHER = {comment}
LEVEL = "{inner}"


def level():
    return LEVEL
"""

HEADS = {
    "const": 'CONST = "{const}"\n',
    "table": 'TABLE = {{"key": ["a", "{table}"], "other": 1}}\n',
    "closure": """\
def closing(value):
    def get():
        return value

    return get


get_closed = closing("{closure}")
""",
    "default": """\
def defaulting(given):
    def by_default(value=given):
        return value

    return by_default


by_default = defaulting("{default}")
""",
    "decorator": """\
def marked(word):
    def wrap(function):
        @functools.wraps(function)
        def inner():
            return word + function()

        return inner

    return wrap


@marked("{decorator}")
def decorated():
    return ""


""",
    "partial": """\
def same(value):
    return value


bound = functools.partial(same, "{partial}")
""",
    "words": "from lib import words\n",
    "inner": "from lib import words\n",
    "method": "from lib import words\n",
    "twin_one": "import one.util\n",
    "twin_two": "import two.util\n",
    "alias": "from two.util import alias as other_mark\n",
    "late": """\
def late():
    import lib.late

    return lib.late.TOKEN


""",
}

JOIN = """\
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

SCAN = """\
#!/bin/sh
# joins what its first argument names, and what that names
set -e
out=$2 list=$3
scan() {
    while read -r word path; do
        if [ "$word" = use ]; then
            printf ' \\\\\\n  ' >> "$list"
            printf '%s' "$path" | sed -e 's/[ #]/\\\\&/g' -e 's/\\$/$$/g' >> "$list"
            cat "$path" >> "$out"
            scan "$path"
        fi
    done < "$1"
}
printf '%s\\n' "$4 TOKEN" > "$out"
printf '%s: %s' "$out" "$1" > "$list"
scan "$1"
echo >> "$list"
"""
