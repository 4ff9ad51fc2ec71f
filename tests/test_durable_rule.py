"""Only `durable` changes the disk, so that every fault can be made in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import stagemake

ROOT = Path(stagemake.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

ALLOWED = {
    "durable/copies.py": "the one place",
    "durable/directories.py": "the one place",
    "durable/files.py": "the one place",
    "durable/held.py": "the one place",
    "cache/raw_disk.py": "diskcache's own files, as far as it forces that",
    "cache/raw_disk_read.py": "as above",
    "calling.py": "a stage's scratch directory, in the process of that stage",
}
ALLOWED_BELOW = {
    "runner/": "pipes, null devices and what stages' processes need",
    "observe/": "logs of what a stage's processes did, in the watching process",
}

OS_CALLS = {
    "chflags", "chmod", "chown", "copy_file_range", "fchmod", "fchown", "fdatasync", "fsync",
    "ftruncate", "lchmod", "lchown", "link", "makedirs", "mkdir", "mkfifo", "mknod", "pwrite",
    "pwritev", "remove", "removedirs", "removexattr", "rename", "renames", "replace", "rmdir",
    "sendfile", "setxattr", "symlink", "truncate", "unlink", "utime", "write", "writev",
}  # fmt: skip
PATH_METHODS = {
    "hardlink_to", "mkdir", "rename", "rmdir", "symlink_to", "touch", "unlink", "write_bytes", "write_text",
}  # fmt: skip
WRITE_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE"}
READING = {"r", "rb", "rt"}


def mode_of(call: ast.Call, position: int) -> str:
    """Return the mode of a call of `open`; "?" when it is no constant."""
    given = call.args[position] if len(call.args) > position else None
    for keyword in call.keywords:
        if keyword.arg == "mode":
            given = keyword.value
    if given is None:
        return "r"
    return str(given.value) if isinstance(given, ast.Constant) else "?"


def changes(tree: ast.AST) -> list[str]:
    """Return every call in a module that can change the disk, with its line."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"shutil", "tempfile"}:
            found.append(f"{node.lineno}: from {node.module}")
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names} & (OS_CALLS | WRITE_FLAGS)
            found.extend(f"{node.lineno}: from os import {name}" for name in names)
        if isinstance(node, ast.Attribute) and node.attr in WRITE_FLAGS:
            found.append(f"{node.lineno}: os.{node.attr}")
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id == "open":
            if mode_of(node, 1) not in READING:
                found.append(f"{node.lineno}: open")
        elif isinstance(function, ast.Attribute):
            owner = function.value.id if isinstance(function.value, ast.Name) else ""
            if owner == "os" and function.attr in OS_CALLS:
                found.append(f"{node.lineno}: os.{function.attr}")
            elif owner in {"shutil", "tempfile"}:
                found.append(f"{node.lineno}: {owner}.{function.attr}")
            elif owner not in {"os", "durable", "held", "store"} and function.attr in PATH_METHODS:
                found.append(f"{node.lineno}: .{function.attr}")
    return found


def is_allowed(name: str) -> bool:
    return name in ALLOWED or any(name.startswith(prefix) for prefix in ALLOWED_BELOW)


def test_the_search_finds_what_it_is_for() -> None:
    text = """
import os, shutil
from os import replace
open("x", "w"); open("x", mode=m); open("x"); open("x", "rb")
os.unlink("x"); os.open("x", os.O_RDWR); os.open("x", os.O_RDONLY); shutil.rmtree("x"); p.write_text("")
durable.mkdir("x")
"""
    assert changes(ast.parse(text)) == [
        "3: from os import replace", "4: open", "4: open", "5: os.unlink", "5: shutil.rmtree",
        "5: .write_text", "5: os.O_RDWR",
    ]  # fmt: skip


# What writes to descriptors that are no files, or writes nothing.
PIPES = {
    "cli/ending.py": {"os.O_WRONLY"},  # the null device, when whoever read us has left
    "door.py": {"os.write", "os.O_RDWR", "open"},  # the null device, for closed streams
    "execute/interrupt.py": {"os.write"},
    "freshness/survey.py": {"os.write"},  # a pipe
    "jobserver/pool.py": {"os.write", "os.O_RDWR"},  # pipes and FIFOs
    "processes/keeper.py": {"os.write"},  # a pipe
    "watch/service_run.py": {"os.write"},  # a pipe that wakes its thread
    "watch/keys.py": {"os.write"},  # a pipe
    # Flags that a Stagefile's own calls of open are compared with.
    "stagefile/recorder.py": {
        "os.O_WRONLY",
        "os.O_RDWR",
        "os.O_CREAT",
        "os.O_TRUNC",
        "os.O_APPEND",
    },
}


def test_nothing_else_changes_the_disk() -> None:
    found = {str(path.relative_to(ROOT)): changes(ast.parse(path.read_bytes())) for path in MODULES}

    not_agreed = {
        name: others
        for name, calls in found.items()
        if not is_allowed(name)
        and (others := [one for one in calls if one.partition(": ")[2] not in PIPES.get(name, ())])
    }
    assert not_agreed == {}
    assert {name for name in ALLOWED if name in found} <= {name for name in found if found[name]}
