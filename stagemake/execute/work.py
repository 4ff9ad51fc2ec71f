"""What a runner is given to carry out a stage: its command or its function's arguments, and the environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stagemake.execute.environment import stage_environment
from stagemake.execute.outputs import written_by
from stagemake.model.stage import Command
from stagemake.runner.direct import direct_of
from stagemake.runner.port import Work
from stagemake.stagefile.placeholder import argv_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagemake.execute.storing import Run
    from stagemake.execute.workshop import Workshop


def work_of(run: Run, shop: Workshop, values: Mapping[str, str]) -> Work:
    """Return the action of a run.

    Args:
        run: Of a stage that has one.
        shop: What the build works with.
        values: Shared values so far, as JSON.
    """
    stage = run.stage
    base = shop.base_env if shop.call_env is None or not stage.is_call else shop.call_env
    env = stage_environment(base, shop.environ, stage, shop.root)
    if isinstance(stage.action, Command):
        argv, direct = argv_of(stage), None
        if stage.action.shell:
            direct = direct_of(argv[-1], () if stage.cwd else stage.outputs, env)
        return Work(
            run.stage_id, env, argv=argv, timeout_s=stage.timeout_s, console=stage.console,
            cwd=stage.cwd, direct=direct, makes=written_by(stage),
        )  # fmt: skip
    used = {name: json.loads(values[name]) for name in stage.uses}
    payload = json.dumps({"uses": used, "env": dict(env)}).encode("ascii")
    return Work(
        run.stage_id, env, payload=payload, timeout_s=stage.timeout_s,
        console=stage.console, cwd=stage.cwd, makes=written_by(stage),
    )  # fmt: skip
