"""Runs command lines of stagemake in forks of itself, each as the installed script would: see `forked_kit`.

One JSON object a line in: directory, arguments, environment. One out: exit status, output, and who answered.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
import tempfile
import traceback

LEFT = 70
"""The status where the entry, asked alone, leaves the answer to the command line."""


def main() -> None:
    """Serve until standard input ends."""
    # What most command lines load; what else one of them did, the next find loaded, too: see `warm_up`.
    import stagemake.cache.disk
    import stagemake.cache.reader
    import stagemake.cli.build_command
    import stagemake.cli.dry_run
    import stagemake.cli.history_command
    import stagemake.executing
    import stagemake.fingerprint.function
    import stagemake.forecasting
    import stagemake.noop_record
    import stagemake.plan.judge
    import stagemake.report.json_form
    import stagemake.runner.launch
    import stagemake.runner.local
    import stagemake.stagefile.include
    import stagemake.stagefile.language  # noqa: F401 - so that forks have it

    for line in sys.stdin:
        done = run(json.loads(line))
        modules = done.pop("modules")
        print(json.dumps(done), flush=True)
        warm_up(str(modules).split())


def warm_up(names: list[str]) -> None:
    """Import what a command line imported beyond what it found: that is half of what a short one costs.

    Args:
        names: Modules of the tool; what else a project imports, each is to import by itself.
    """
    news = [name for name in names if name not in sys.modules]
    for name in news:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if news:
        gc.collect()
        gc.freeze()  # pages that forks share stay shared


def run(asked: dict[str, object]) -> dict[str, object]:
    """Run one command line in a fork."""
    with tempfile.TemporaryDirectory() as place:
        for name in ("out", "err", "who", "modules"):
            open(f"{place}/{name}", "x").close()
        pid = os.fork()
        if pid == 0:
            try:
                become(place, asked)
            except BaseException:
                traceback.print_exc()  # the server is for other tests as well: it has to go on
                sys.stderr.flush()
            finally:
                os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        texts = {}
        for name in ("out", "err", "who", "modules"):
            with open(f"{place}/{name}", encoding="utf-8") as stream:
                texts[name] = stream.read()
    return {"status": status, **texts}


def become(place: str, asked: dict[str, object]) -> None:
    """Be the script, with output into files in `place`."""
    from stagemake import door
    from stagemake.stagefile import audit

    before = set(sys.modules)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["env"])  # type: ignore[call-overload]  # texts by text
    for fd, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{place}/{name}", os.O_WRONLY | os.O_CREAT), fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    argv = [str(word) for word in asked["argv"]]  # type: ignore[attr-defined]  # a list
    gc.disable()
    looks = count_looks() if asked["counted"] else []
    who = "the entry"
    sys.argv[:] = [f"{os.path.dirname(door.__file__)}/__main__.py", *argv]
    status, found = door.look(argv)
    exec(str(asked["then"]), {"os": os})
    if status is None and asked["only_entry"]:
        status = LEFT
    elif status is None:
        evaluated = []
        stagefile = f"{os.getcwd()}/Stagefile"
        sys.addaudithook(
            lambda event, given: (
                evaluated.append(1)
                if event == "exec" and given[0].co_filename == stagefile
                else None
            )
        )
        audit.install()
        status = door.main(argv, found)
        who = "an evaluation" if evaluated else "what was recalled"
    sys.stdout.flush()
    sys.stderr.flush()
    if asked["counted"]:
        with open(str(asked["counted"]), "w", encoding="utf-8") as stream:
            stream.writelines(f"{path}\n" for path in looks)
    news = [name for name in sys.modules if name.startswith("stagemake.") and name not in before]
    told = {"who": who, "modules": " ".join(news)}
    for name, text in told.items():
        with open(f"{place}/{name}", "w", encoding="utf-8") as stream:
            stream.write(text)
    os._exit(status)


def count_looks() -> list[str]:
    """Have each `lstat` noted from now on, by path relative to the working directory."""
    from stagemake.freshness import noop, signature, survey

    real, here, looks = os.lstat, os.getcwd() + os.sep, list[str]()

    def noting(path: str, **more: int) -> os.stat_result:
        looks.append(os.fspath(path).removeprefix(here))
        return real(path, **more)

    os.lstat = noting  # type: ignore[assignment]  # as far as it is used
    for module in (noop, signature, survey):
        module._lstat = noting  # type: ignore[attr-defined]
    return looks


if __name__ == "__main__":
    main()
