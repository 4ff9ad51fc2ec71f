"""The hooks that come along: structured logging, performance, progress, checkpoints."""

from __future__ import annotations

import io
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from stagemake import StageManager, command
from stagemake.hook.checkpoints import Checkpoint, Checkpoints
from stagemake.hook.performance import PerformanceMonitor
from stagemake.hook.progress import Progress
from stagemake.hook.structured_log import StructuredLog
from stagemake.model.error import UsageError
from stagemake.runner.peak import RSS_UNIT_BYTES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path) -> StageManager:
    root = tmp_path / "p"
    root.mkdir()
    (root / "in").write_text("1")
    manager = StageManager(root, cache_dir=tmp_path / "cache", jobs=1)
    manager.register_stage(command("a", "cp in a", inputs=["in"], outputs=["a"], description="copy"))  # fmt: skip
    manager.register_stage(command("b", "wc -c < a > b", inputs=["a"], outputs=["b"]))
    manager.register_stage(command("c", "cp b c; exit 3", inputs=["b"], outputs=["c"]))
    return manager


def register(manager: StageManager, hook: Any) -> None:
    manager.register_pre_stage_hook(hook)
    manager.register_post_stage_hook(hook)


# --- Structured logging. ---------------------------------------------------------------------------


def test_a_structured_log_has_a_line_for_every_start_and_end(manager: StageManager) -> None:
    stream = io.StringIO()
    register(manager, StructuredLog(stream=stream, now_s=lambda: 5.0))

    manager.execute_pipeline()

    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(row["event"], row["stage"], row.get("outcome")) for row in rows] == [
        ("stage_started", "a", None), ("stage_finished", "a", "ran"),
        ("stage_started", "b", None), ("stage_finished", "b", "ran"),
        ("stage_started", "c", None), ("stage_finished", "c", "failed"),
    ]  # fmt: skip
    assert rows[0] == {
        "event": "stage_started",
        "time_s": 5.0,
        "stage": "a",
        "description": "copy",
    }
    assert rows[1].keys() - rows[0].keys() == {
        "outcome", "wall_s", "cpu_s", "peak_rss_bytes", "exit_code", "output_bytes", "problem", "key",
    }  # fmt: skip
    assert (rows[1]["output_bytes"], rows[1]["exit_code"], rows[1]["problem"]) == (1, 0, "")
    assert (rows[5]["exit_code"], rows[5]["problem"]) == (3, "exit status 3")


def test_a_structured_log_is_by_default_the_standard_librarys(
    manager: StageManager, caplog: pytest.LogCaptureFixture
) -> None:
    register(manager, StructuredLog())

    with caplog.at_level(logging.INFO, logger="stagemake"):
        manager.execute_pipeline()

    levels = [(record.levelname, record.stagemake["stage"]) for record in caplog.records]  # type: ignore[attr-defined]
    assert levels == [("INFO", one) for one in "aabbc"] + [("ERROR", "c")]
    assert caplog.messages[0] == "stage a started"
    assert caplog.messages[5].startswith("stage c failed after ")
    assert caplog.messages[5].endswith(" s: exit status 3")


# --- Performance. ----------------------------------------------------------------------------------


def test_a_performance_monitor_measures_every_executed_stage(manager: StageManager) -> None:
    # What needs less memory than this process ever had is not known.
    own_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT_BYTES
    needed = own_bytes + (100 << 20)
    manager.register_stage(
        command(
            "busy",
            [sys.executable, "-c", f"x = bytearray({needed}); sum(range(2_000_000))"],
            always=True,
        )
    )
    monitor = PerformanceMonitor()
    manager.register_post_stage_hook(monitor)

    manager.execute_pipeline(["busy", "b"])

    busy = next(one for one in monitor.measurements if one.stage == "busy")
    assert {one.stage for one in monitor.measurements} == {"a", "b", "busy"}
    assert busy.wall_s > 0
    assert busy.cpu_s > 0
    assert busy.peak_rss_bytes is not None
    assert busy.peak_rss_bytes > needed
    assert monitor.slowest(1)[0].wall_s == max(one.wall_s for one in monitor.measurements)
    head, *lines = monitor.table().splitlines()
    assert head.split() == ["wall", "cpu", "peak", "stage"]
    assert {line.split()[-1] for line in lines} == {"a", "b", "busy"}
    monitor.clear()
    manager.execute_pipeline(["b"])
    assert monitor.measurements == []


# --- Progress. -------------------------------------------------------------------------------------


def test_progress_shows_every_change_with_the_total(manager: StageManager) -> None:
    shown: list[str] = []
    progress = Progress(lambda state: shown.append(str(state)))
    register(manager, progress)
    manager.events.subscribe(progress.on_event)

    manager.execute_pipeline()

    assert shown == ["[0/3] a", "[1/3]", "[1/3] b", "[2/3]", "[2/3] c", "[3/3, 1 failed]"]


def test_progress_expects_less_when_a_stage_is_cut_off(manager: StageManager) -> None:
    manager.execute_pipeline(["b"])
    (manager_root(manager) / "in").write_text("2")  # the same size: `b` would make the same again
    manager.register_stage(command("d", "cp b d", inputs=["b"], outputs=["d"]))
    manager.execute_pipeline(["d"])
    (manager_root(manager) / "in").write_text("3")
    shown: list[str] = []
    progress = Progress(lambda state: shown.append(str(state)))
    register(manager, progress)
    manager.events.subscribe(progress.on_event)

    manager.execute_pipeline(["d"])

    assert shown == ["[0/3] a", "[1/3]", "[1/3] b", "[2/3]", "[2/2]"]


def test_progress_as_a_hook_alone_does_not_know_the_total(
    manager: StageManager, capsys: pytest.CaptureFixture[str]
) -> None:
    register(manager, Progress())

    manager.execute_pipeline(["a"])

    assert capsys.readouterr().err == "[0] a\n[1]\n"


def manager_root(manager: StageManager) -> Path:
    from pathlib import Path

    return Path(manager.root)


# --- Checkpoints. ----------------------------------------------------------------------------------


def test_checkpoints_say_how_far_a_build_came_and_go_when_it_ends_well(
    manager: StageManager, tmp_path: Path
) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoint.json", now_s=lambda: 7.0)
    register(manager, checkpoints)
    manager.events.subscribe(checkpoints.on_event)

    manager.execute_pipeline()

    assert checkpoints.left_over() == Checkpoint(os.getpid(), 7.0, ("a", "b"), ("c",), ())
    manager.unregister_stages("c")
    manager.register_stage(command("c", "cp b c", inputs=["b"], outputs=["c"]))
    assert manager.execute_pipeline().ok
    assert checkpoints.left_over() is None


def test_what_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}")

    with pytest.raises(UsageError, match="is no checkpoint"):
        Checkpoints(tmp_path / "file").left_over()


PROGRAM = """
import sys
from stagemake import BaseStage, StageManager, command
from stagemake.hook.checkpoints import Checkpoints

class Load(BaseStage):
    name = "load"
    always = True
    cache = False
    resumable = True

    def execute(self, context):
        with open(context.root / "log", "a") as log:
            log.write("load ")

manager = StageManager("p", cache_dir="cache")
manager.register_stage(Load())
manager.register_stage(command("first", "echo first >> log; echo > {outputs}", outputs=["one"], after=["load"]))
manager.register_stage(command("slow", "test -e go || { echo > began; exec sleep 1000; }", inputs=["one"]))
checkpoints = Checkpoints("checkpoint.json")
manager.register_pre_stage_hook(checkpoints)
manager.register_post_stage_hook(checkpoints)
manager.events.subscribe(checkpoints.on_event)
left = checkpoints.left_over()
print("none" if left is None else f"{' '.join(left.finished)} | {' '.join(left.running)}", flush=True)
sys.exit(0 if manager.execute_pipeline().ok else 1)
"""


def test_a_program_that_is_killed_says_afterwards_how_far_it_came_and_does_not_repeat_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "app.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [sys.executable, "app.py"]
    with subprocess.Popen(started, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as first:
        deadline = time.monotonic() + 60
        while not (tmp_path / "p/began").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)  # another process makes it
        first.send_signal(signal.SIGKILL)
    (tmp_path / "p/go").touch()

    second = subprocess.run(
        started, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (second.returncode, second.stdout) == (0, "load first | slow\n"), second.stderr
    assert (tmp_path / "p/log").read_text().split() == ["load", "first"]
    assert not (tmp_path / "checkpoint.json").exists()
