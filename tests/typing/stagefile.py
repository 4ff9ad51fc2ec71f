"""A Stagefile, as mypy --strict and pyright see it. Checked by `test_typing.py`, never run."""

from __future__ import annotations

from stagemake import StageContext, command, config, env, glob, pipeline, stage

cc = env("CC", "cc")
level = config("level", 3)

objects = [
    command(
        f"compile.{source.stem}",
        [cc, f"-DLEVEL={level + 1}", "-c", "{inputs}", "-o", "{outputs}"],
        inputs=[source],
        outputs=[f"build/{source.stem}.o"],
    )
    for source in glob("src/*.c")
]


@stage(inputs=[*objects, "in.txt"], outputs=["out.txt"], params={"least": 3}, provides=["rows"])
def tidy(context: StageContext) -> None:
    context.outputs[0].write_text(context.inputs[0].read_text(), "utf-8")
    context.shared["rows"] = 3


@stage(inputs=[tidy], after=[objects[0]], uses=["rows"])
async def check(context: StageContext) -> None:
    context.events.emit("checked", {"rows": 3})


@stage
def always(context: StageContext) -> None: ...


last = command("last", "cat {inputs}", inputs=[tidy, objects], after=[check], implicit=tidy)
pipeline("all", [tidy, check, last, "always"], default=True)
command("typo", "true", input=["a"])  # type: ignore[call-arg]


@stage(inputs=["a"])  # type: ignore[arg-type]
def takes_two(context: StageContext, more: int) -> None: ...
