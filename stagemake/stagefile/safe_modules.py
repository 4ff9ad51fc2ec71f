"""Which modules of the standard library a Stagefile may import and still be the same next time.

Listed are those whose answers depend on their arguments, on the interpreter, or on files and variables
that are read in ways the recorder sees. What is missing (time, randomness, threads, sockets, processes'
identities, C code with files of its own) makes an evaluation one that has to be repeated.
"""

from __future__ import annotations

SAFE = frozenset((
    "__future__", "_io", "abc", "argparse", "array", "ast", "base64", "binascii", "bisect", "cmath", "codecs",
    "collections", "colorsys", "configparser", "contextlib", "contextvars", "copy", "copyreg", "csv",
    "dataclasses", "decimal", "difflib", "enum", "errno", "filecmp", "fnmatch", "fractions", "functools",
    "glob", "graphlib", "gzip", "hashlib", "heapq", "hmac", "html", "importlib", "inspect", "io", "itertools",
    "json", "keyword", "linecache", "math", "numbers", "operator", "optparse", "os", "pathlib", "pkgutil",
    "platform", "plistlib", "posixpath", "pprint", "re", "reprlib", "shlex", "shutil", "stagemake", "stat",
    "string", "stringprep", "struct", "subprocess", "symtable", "sys", "sysconfig", "tarfile",
    "textwrap", "token", "tokenize", "tomllib", "traceback", "types", "typing", "unicodedata", "urllib",
    "warnings", "weakref", "xml", "zipfile", "zlib",
))  # fmt: skip
"""Top-level names. `subprocess` is harmless until it starts something, which is seen."""

ESCAPES = frozenset((
    "FileFinder", "PathFinder", "StageManager", "__builtins__", "__loader__", "_current_frames", "_fork_exec",
    "_getframe", "find_loader", "fork_exec", "get_loader", "meta_path", "modules", "now", "path_hooks",
    "path_importer_cache", "resolve_name", "settrace", "today", "utcnow",
))  # fmt: skip
"""Names by which code gets hold of what it never imported, or does what nobody hears: dates come from libraries, too."""

BY_CHANCE = frozenset(("hash", "id"))
"""Built-in functions whose answers are others in each process."""
