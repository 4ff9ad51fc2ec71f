"""What commands there are, without any of them: for who only has to tell names from other words."""

from __future__ import annotations

COMMANDS = {
    "build": "bring targets up to date (what `stagemake` does by itself)",
    "watch": "build again whenever something changes",
    "list": "show stages, pipelines and descriptions",
    "why": "say why a stage would run, or ran last time",
    "trace": "say what a stage reads and writes that it does not declare",
    "history": "show past builds, how good their forecasts were, what differs between two",
    "report": "write a build, or a plan, as one HTML page",
    "graph": "show which stage waits for which: dot, mermaid, JSON, SVG, PNG",
    "cache": "look at the cache, clean it up, check it",
    "verify": "rerun stages and compare: which ones do not make the same again",
    "clean": "remove what stagemake made, and nothing else",
    "bench": "measure how fast stages are built here, and compare with before",
    "init": "write a first Stagefile for this directory",
    "doctor": "say what is off on this machine, and how to mend it",
    "plugins": "show installed plugins: version, state and what they bring",
    "completion": "print what lets a shell complete stage names",
}

# Options of every command that may also stand before its name, as in make and git: all take a value.
LEADING = ("-C", "-f", "-D", "--directory", "--file", "--define", "--cache-dir")
