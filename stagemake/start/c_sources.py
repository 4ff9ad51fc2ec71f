"""C and C++ sources without a build file of their own: compiled with depfiles, linked where there is a main()."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.start.section import Section, call, comment, quoted, quoted_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stagemake.start.survey import Survey

C, CXX = (".c",), (".cc", ".cpp", ".cxx")
_HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inc")
_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_MAIN = re.compile(r"\bmain\s*\([^;{]*\)\s*(?:noexcept\s*)?\{")
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]+)[>\"]", re.MULTILINE)
# Headers of the system whose functions lie in a library that must be named.
_LIBRARIES = {
    "math.h": "-lm", "cmath": "-lm", "complex.h": "-lm", "tgmath.h": "-lm", "pthread.h": "-pthread", "thread": "-pthread",
    "threads.h": "-pthread", "dlfcn.h": "-ldl", "zlib.h": "-lz", "curses.h": "-lncurses", "ncurses.h": "-lncurses",
    "readline/readline.h": "-lreadline", "sqlite3.h": "-lsqlite3", "curl/curl.h": "-lcurl", "png.h": "-lpng",
}  # fmt: skip


@frozen
class _Sources:
    paths: tuple[str, ...]
    mains: tuple[str, ...]  # those with a main()
    folders: tuple[str, ...]  # for -I
    libraries: tuple[str, ...]
    unknown: tuple[str, ...]  # includes that nothing here answers
    has_cxx: bool
    has_c: bool


def c_section(found: Survey) -> Section | None:
    """Return the section for C and C++ sources; None where there are none."""
    sources = _look(found)
    if sources is None:
        return None
    if any("Python.h" in found.text(path) for path in sources.paths):
        return Section(
            "C sources",
            (),
            unseen=("C sources for Python (`Python.h`): its build backend compiles them",),
        )
    words = {"command", "config", "env", "glob"}
    lines = _variables(sources) + _compile(sources)
    link = "cxx" if sources.has_cxx else "cc"
    names = {"link"}
    remarks = []
    if len(sources.mains) == 1:
        program = _program(sources.mains[0], ())
        lines += ["", *_link_call(link, "link", "objects", program, sources)]
        remarks.append(f"`build/{program}` links all sources: `{sources.mains[0]}` has the main()")
    elif sources.mains:
        programs = _programs(sources.mains)
        lines += _several(programs, link, sources)
        names = {f"link.{program}" for program in programs}
        shown = ", ".join(f"`build/{program}`" for program in programs)
        remarks.append(f"{shown}: each links one main() with all sources that have none")
    unseen = [f"`#include {name}`: not found here" for name in sources.unknown]
    if not sources.mains:
        unseen.append("no source has a main(): the sources are compiled, nothing is linked")
        names = set()
    if sources.libraries:
        remarks.append(f"{' '.join(sources.libraries)}: guessed from the headers that are included")
    return Section(
        "C++ sources" if not sources.has_c else "C sources",
        tuple(lines),
        frozenset(words),
        tuple(quoted_list(sorted(names))) or ("*objects",),
        unseen=tuple(unseen),
        remarks=tuple(remarks),
        names=frozenset(names),
    )


def _look(found: Survey) -> _Sources | None:
    paths = found.ending(*C, *CXX)
    if not paths:
        return None
    headers = set(found.ending(*_HEADERS))
    mains: list[str] = []
    includes: dict[tuple[str, str], list[str]] = {}
    for path in (*paths, *sorted(headers)):
        text = found.text(path)
        if path not in headers and _MAIN.search(_NOT_CODE.sub(" ", text)):
            mains.append(path)
        for mark, name in _INCLUDE.findall(text):
            includes.setdefault((mark, name), []).append(path)
    folders, unknown = _folders(includes, headers | set(paths))
    libraries = [_LIBRARIES[name] for mark, name in sorted(includes) if name in _LIBRARIES]
    return _Sources(
        paths,
        tuple(mains),
        folders,
        tuple(dict.fromkeys(libraries)),
        unknown,
        has_cxx=any(path.endswith(CXX) for path in paths),
        has_c=any(path.endswith(C) for path in paths),
    )


def _folders(
    includes: dict[tuple[str, str], list[str]], files: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the directories that includes are relative to, and what is included and not there."""
    folders, unknown = set(), []
    for (mark, name), users in sorted(includes.items()):
        beside = [
            posixpath.normpath(posixpath.join(posixpath.dirname(user), name)) for user in users
        ]
        if mark == '"' and all(path in files for path in beside):
            continue
        homes = sorted(
            path[: -len(name)].rstrip("/") or "."
            for path in files
            if f"/{path}".endswith(f"/{name}")
        )
        if homes:
            folders.add(min(homes, key=lambda home: (home.count("/"), home)))
        elif mark == '"':
            unknown.append(f'"{name}"')
    return tuple(sorted(folders)), tuple(unknown)


def _variables(sources: _Sources) -> list[str]:
    lines = []
    if sources.has_c:
        lines.append('cc = env("CC", "cc")')
    if sources.has_cxx:
        lines.append('cxx = env("CXX", "c++")')
    lines += ['flags = config("flags", "-O2 -g").split()  # stagemake -D flags="-O0 -g"']
    if sources.folders:
        lines.append(
            f"includes = [{', '.join(quoted(f'-I{folder}') for folder in sources.folders)}]"
        )
    if sources.libraries and sources.mains:
        lines.append(f"libraries = [{', '.join(quoted_list(sources.libraries))}]")
    return lines


def _compile(sources: _Sources) -> list[str]:
    compilers = [("c", C, "cc", sources.has_c), ("c++", CXX, "cxx", sources.has_cxx)]
    used = [(suffixes, variable) for _, suffixes, variable, is_used in compilers if is_used]
    extra = "*includes, " if sources.folders else ""
    compiler = used[0][1] if len(used) == 1 else 'cc if source.suffix == ".c" else cxx'
    patterns = quoted_list(_patterns(sources.paths))
    return [
        "",
        *call("sources = glob(", patterns, ")", brackets=""),
        "",
        "# One stage a source. The compiler lists the headers in the depfile: they become inputs.",
        "objects = [",
        "    command(",
        '        f"compile.{source}",',
        f'        [{compiler}, *flags, {extra}"-MMD", "-MF", "{{depfile}}", "-c", "{{inputs}}", "-o", "{{outputs}}"],',
        "        inputs=[source],",
        '        outputs=[f"build/objects/{source}.o"],',
        '        depfile=f"build/objects/{source}.d",',
        "    )",
        "    for source in sources",
        "]",
    ]


def _patterns(paths: Iterable[str]) -> list[str]:
    """Return one glob a directory and ending: new files in them are seen, other directories are not."""
    return sorted(
        {
            posixpath.join(posixpath.dirname(path), f"*{posixpath.splitext(path)[1]}")
            for path in paths
        }
    )


def _program(main: str, taken: Iterable[str]) -> str:
    stem = posixpath.splitext(posixpath.basename(main))[0]
    name = "app" if stem == "main" else stem
    if name == "objects" or name in taken:
        name = posixpath.splitext(main)[0].replace("/", "-")
    return name


def _programs(mains: tuple[str, ...]) -> dict[str, str]:
    programs: dict[str, str] = {}
    for main in mains:
        programs[_program(main, programs)] = main
    return programs


def _link_call(compiler: str, name: str, inputs: str, program: str, sources: _Sources) -> list[str]:
    extra = ", *libraries" if sources.libraries else ""
    return [
        "command(",
        f"    {quoted(name)},",
        f'    [{compiler}, "-o", "{{outputs}}", "{{inputs}}"{extra}],',
        f"    inputs={inputs},",
        f'    outputs=["build/{program}"],',
        ")",
    ]


def _several(programs: dict[str, str], compiler: str, sources: _Sources) -> list[str]:
    pairs = [f"{quoted(program)}: {quoted(main)}" for program, main in programs.items()]
    extra = ", *libraries" if sources.libraries else ""
    one = f"programs = {{{', '.join(pairs)}}}"
    table = [one] if len(one) <= 100 else ["programs = {", *(f"    {pair}," for pair in pairs), "}"]
    return [
        "",
        *comment(
            "Programs, and the source with the main() of each; what has none is linked into all."
        ),
        *table,
        "by_source = dict(zip(map(str, sources), objects, strict=True))",
        "shared = [made for source, made in by_source.items() if source not in programs.values()]",
        "for program, main in programs.items():",
        "    command(",
        '        f"link.{program}",',
        f'        [{compiler}, "-o", "{{outputs}}", "{{inputs}}"{extra}],',
        "        inputs=[by_source[main], *shared],",
        '        outputs=[f"build/{program}"],',
        "    )",
    ]
