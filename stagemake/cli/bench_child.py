"""One build that `bench` measures, in a process of its own: as the installed script, but timed inside.

Called with a file for the report and a command line.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time

from stagemake import durable
from stagemake.cli.main import run
from stagemake.model.result import Outcome
from stagemake.processes import prctl
from stagemake.stagefile import audit
from stagemake.throughput.points import Seen


def main(began_s: float | None = None) -> None:
    """Build, report, and be gone; the exit status is the build's.

    `began_s` is when importing this began, by `time.perf_counter`, for who wants to know what that took.
    """
    gc.disable()  # as `door.script` has it
    prctl.signal_on_parent_death(signal.SIGKILL)  # by its supervisor all that it runs is ended then
    report, *argv = sys.argv[1:]
    sys.argv = ["stagemake", *argv]
    audit.install()
    seen = Seen()
    seen.install()
    import_s = 0.0 if began_s is None else time.perf_counter() - began_s
    code = run(argv)
    results = [result for outcome in seen.outcomes for result in outcome.results]
    ran = [result for result in results if result.outcome is Outcome.RAN]
    told = {
        "ran": len(ran),
        "restored": sum(result.outcome is Outcome.RESTORED for result in results),
        "own_s": sum(result.wall_s for result in ran),
        "seconds": seen.watch.seconds(),
        "main_seconds": seen.watch.own_seconds(),
        "import": {"s": import_s},
    }
    durable.write_atomic(report, json.dumps(told).encode())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
