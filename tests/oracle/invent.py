"""Makes up random projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from oracle.project import (
    CWDS,
    FOLDER,
    LISTING,
    LOADS,
    MARKS,
    SOURCES,
    VARIABLES,
    WORD_WAYS,
    Kind,
    ProjectModel,
    Spec,
)

if TYPE_CHECKING:
    import random

_WEIGHTS = {
    Kind.SHELL: 5, Kind.ARGV: 2, Kind.CALL: 5, Kind.FIRST: 3, Kind.TREE: 3, Kind.LINK: 2,
    Kind.SCAN: 3, Kind.GLOB: 2, Kind.PROVIDE: 2, Kind.CHECK: 2, Kind.PINNED: 2, Kind.MAKER: 2,
    Kind.UNPACK: 2,
}  # fmt: skip


def random_project(rnd: random.Random) -> ProjectModel:
    """Return a project of three to nine stages; every kind appears sooner or later."""
    specs: list[Spec] = []
    kinds = rnd.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=rnd.randint(3, 7))
    files = list(SOURCES)  # what shell stages read
    others: list[str] = [FOLDER]  # what only functions can
    if Kind.SCAN in kinds and rnd.random() < 0.7:
        # What the listing may name as a header; every stage that reads the listing waits for it.
        specs.append(Spec("header", Kind.FIRST, (SOURCES[0],), ("out/header",), origin="header"))
    for number, kind in enumerate(kinds):
        spec = _random_spec(rnd, f"s{number}", kind, files, others)
        if kind is Kind.SCAN:
            spec = evolve(spec, after=tuple(one.name for one in specs if one.name == "header"))
        elif specs and rnd.random() < 0.2:
            earlier = rnd.choice(specs).name
            word = rnd.choice(["after", "optional", "before"])
            if word == "before":
                at = next(i for i, one in enumerate(specs) if one.name == earlier)
                specs[at] = evolve(specs[at], before=(f"s{number}",))
            else:
                more = ("no.such.stage",) if word == "optional" else ()
                spec = evolve(spec, **{word: (earlier, *more)})  # type: ignore[arg-type]  # both are tuples of names
        specs.append(spec)
        (others if kind.is_directory else files).extend(spec.outputs)
        second = _companion(rnd, spec, number)
        if second is not None:
            specs.append(second)
            files.extend(second.outputs)
    values = {"opt": "o1"} if rnd.random() < 0.3 else {}
    return ProjectModel(specs, values=values, word_way=rnd.choice(list(WORD_WAYS)))


def _companion(rnd: random.Random, spec: Spec, number: int) -> Spec | None:
    """Return the stage that some kinds don't come without."""
    name = f"u{number}"
    output = (f"out/{name}",)
    if spec.kind is Kind.PROVIDE:
        return Spec(name, Kind.USE, outputs=output, uses=spec.provides, origin=name)
    if spec.kind is Kind.MAKER:
        made = spec.outputs[0]
        return Spec(name, Kind.RUNNER, (rnd.choice(SOURCES),), output, program=made, origin=name)
    return None


def _random_spec(
    rnd: random.Random, name: str, kind: Kind, files: list[str], others: list[str]
) -> Spec:
    readable = files + others if kind.is_call else files
    inputs = tuple(rnd.sample(readable, rnd.randint(1, min(3, len(readable)))))
    outputs: tuple[str, ...] = (f"out/{name}",)
    if kind is Kind.SCAN:
        inputs = (LISTING,)
    elif kind is Kind.GLOB:
        inputs = ()
    elif kind in {Kind.FIRST, Kind.LINK, Kind.PROVIDE, Kind.MAKER, Kind.UNPACK}:
        inputs = (rnd.choice(files),)
    elif kind is Kind.CHECK:
        inputs, outputs = (rnd.choice(SOURCES),), ()
    elif kind in {Kind.SHELL, Kind.CALL} and rnd.random() < 0.25:
        outputs = (f"out/{name}", f"out/mo re/{name}")
    may_fail = inputs and inputs[0] in SOURCES and kind not in {Kind.ARGV, Kind.MAKER, Kind.PINNED}
    has_marks = kind.is_call and kind is not Kind.PINNED
    return Spec(
        name,
        kind,
        inputs,
        outputs,
        origin=name,
        tag=rnd.choice(["t0", "t1"]),
        env=tuple(rnd.sample(VARIABLES, rnd.choice([0, 0, 1, 2]))),
        passes_env=rnd.random() < 0.2,
        reads_config=rnd.random() < 0.4,
        reads_extra=rnd.choice(["", "", "", "tools", "implicit"]) if kind is Kind.SHELL else "",
        reads_word=kind in {Kind.SHELL, Kind.ARGV} and rnd.random() < 0.4,
        load=rnd.choice(LOADS),
        fails_on=rnd.choice(["v7", "v8"]) if may_fail and rnd.random() < 0.25 else "",
        is_executable=kind in {Kind.SHELL, Kind.CALL} and rnd.random() < 0.4,
        always=kind is Kind.SHELL and rnd.random() < 0.07,
        is_cached=rnd.random() > 0.07,
        cwd=rnd.choice(CWDS) if kind is Kind.SHELL and rnd.random() < 0.4 else "",
        provides=f"value.{name}" if kind is Kind.PROVIDE else "",
        marks=tuple(rnd.sample(list(MARKS), rnd.choice([0, 2, 4]))) if has_marks else (),
    )
