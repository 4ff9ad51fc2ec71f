"""The benchmark harness counts what a tool's server does for a run, and nothing that it did before."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SERVER = """\
import time
def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
burn(0.3)
open("ready", "x").close()
open("asked").close()
burn(0.2)
open("answered", "w").close()
time.sleep(60)
"""
# Waits without computing, however long the server takes.
CLIENT = "mkfifo answered; : > asked; cat answered"


@pytest.fixture(scope="module")
def modules():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return {
            name: importlib.import_module(name) for name in ("spent", "trees", "peers", "graphs")
        }
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="tells by /proc")
def test_what_the_system_says_of_a_process_is_what_the_process_says_itself(modules):
    spent = modules["spent"]

    assert spent.own_s() == pytest.approx(spent.process_s(os.getpid()), abs=0.1)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="tells by /proc")
def test_a_run_costs_what_the_server_did_for_it_besides(modules, tmp_path):
    tool = modules["peers"].Tool(
        "served", ("sh", "-c", CLIENT), (), (), server="{root}/server.pid"
    )  # fmt: skip
    tree = modules["trees"].Tree(tool, modules["graphs"].make_graph("wide", 1), str(tmp_path), 60)
    os.mkfifo(tmp_path / "asked")
    server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=tmp_path)
    try:
        (tmp_path / "server.pid").write_text(str(server.pid))
        while not (tmp_path / "ready").exists():
            assert server.poll() is None

        cost = tree.run(tool.build)
    finally:
        server.kill()
        server.wait()

    assert 0.15 < cost.cpu_s < 0.45  # 0.2 s of the server, and a few shells
