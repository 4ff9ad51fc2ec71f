"""While a Stagefile runs, stand-ins are in the place of what it may ask; a function counts as if they were not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

IMPORTS_BY_NAME = """\
import importlib
from importlib import import_module as load

WORD = "helper"

@stage(outputs=["named"])
def named(context):
    context.outputs[0].write_text(__import__("helper").TEXT)

@stage(outputs=["computed"])
def computed(context):
    context.outputs[0].write_text(__import__(WORD).TEXT)

@stage(outputs=["attribute"])
def attribute(context):
    context.outputs[0].write_text(importlib.import_module(WORD).TEXT)

@stage(outputs=["taken"])
def taken(context):
    context.outputs[0].write_text(load(WORD).TEXT)

@stage(outputs=["library"])
def library(context):
    context.outputs[0].write_text(importlib.__import__(WORD).TEXT)
"""

HELD = """\
import os
import time
from time import {clock} as now

KNOWN = {{"place": os.{place}}}

class Asked:
    place = staticmethod(os.{place})
    other = os.{place}

@stage(outputs=["clock"])
def clock(context):
    context.outputs[0].write_text(now.__name__)

@stage(outputs=["listed"])
def listed(context):
    context.outputs[0].write_text(KNOWN["place"].__name__)

@stage(outputs=["classed"])
def classed(context):
    context.outputs[0].write_text(Asked.place.__name__)

def writing(function):
    def write(context):
        context.outputs[0].write_text(function.__name__)
    return write

stage(name="closed", outputs=["closed"])(writing(os.{place}))
"""


def test_what_can_import_any_module_is_seen_to(project: Project) -> None:
    project.stagefile(IMPORTS_BY_NAME).write("helper.py", "TEXT = 'old'\n")
    stages = ("named", "computed", "attribute", "taken", "library")
    project.run().ran(*stages)

    project.write("helper.py", "TEXT = 'new'\n").run().ran(*stages)

    assert [project.read(name) for name in stages] == ["new"] * len(stages)


def test_one_clock_or_question_is_not_taken_for_another(project: Project) -> None:
    project.stagefile(HELD.format(clock="time", place="getpid"))
    stages = ("clock", "listed", "classed", "closed")
    project.run().ran(*stages)

    project.stagefile(HELD.format(clock="monotonic", place="getppid"))

    project.run().ran(*stages)
