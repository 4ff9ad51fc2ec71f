"""Which programs count for a stage, and where they are. Asked where a stage is judged, and after it has run."""

from __future__ import annotations

from os.path import normpath
from typing import TYPE_CHECKING

from stagemake.model.stage import Command

if TYPE_CHECKING:
    from stagemake.model.stage import Stage
    from stagemake.plan.world import Programs, World


def programs_of(stage: Stage, world: World) -> Programs:
    """Return (name, path, entry) of every program that counts for a stage, in order of appearance."""
    action = stage.action
    names: tuple[str, ...] = ()
    if isinstance(action, Command):
        names = world.names_in(action.template[0]) if action.shell else action.template[:1]
        if any("{" in name for name in names):
            from stagemake.stagefile.placeholder import program_of  # noqa: PLC0415 - gate, 3 ms

            names = tuple([program_of(stage, name) for name in names])
    if stage.tools:
        names = (*names, *stage.tools)
    if not names:
        return ()
    if stage.cwd:
        names = tuple([_from_root(name, stage.cwd) for name in names])
    search = world.search_of(stage)
    has_absolute = "/" in [path[0] for path in stage.inputs + stage.outputs]
    if not has_absolute:
        outside = world.programs_outside(names, search)
        if outside:
            return outside
    made = {*stage.inputs, *(path.rstrip("/") for path in stage.outputs)}
    found = []
    for name in dict.fromkeys(names):
        program = world.program(name, search)
        if program[1][:1] == "/" and not has_absolute:
            found.append(program)
            continue
        # A program that is an input counts as that already; one that the stage makes is no input.
        if made.isdisjoint(paths_around(program[1] or normpath(name))):
            found.append(program)
    return world.shared(tuple(found))


def _from_root(name: str, cwd: str) -> str:
    """Return a program's name with the path in it, if there is one, counted from the root."""
    if "/" not in name or name[0] == "/":
        return name
    path = normpath(f"{cwd}/{name}")
    return path if "/" in path else f"./{path}"


def paths_around(path: str) -> list[str]:
    """Return a path and all directories above it, innermost first."""
    found = [path]
    while path := path.rpartition("/")[0]:
        found.append(path)
    return found


def own_paths(programs: Programs) -> tuple[str, ...]:
    """Return where those programs are that lie in the project."""
    return tuple(path for _, path, _ in programs if path and path[0] != "/")
