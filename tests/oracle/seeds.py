"""The histories of every run: few, and together they cover every act and kind of stage. See `oracle.choose`."""

from __future__ import annotations

IN_PROCESS = (0, 1, 2, 3, 5, 6, 7, 9, 10, 12, 13, 14, 15, 16, 17, 20, 21, 22, 24, 26, 29, 30, 32, 33, 36, 38, 39, 40, 44, 45, 46, 47, 50, 52, 53, 57, 58, 61, 62, 63, 64, 65, 67, 68, 70, 71, 73, 74, 76, 79, 81, 82, 87, 88, 89, 91, 92, 93, 95, 96, 97, 98, 100, 102, 103, 107, 109, 110, 111, 112, 113, 114)  # fmt: skip

SELDOM = (3040, 3357, 3383, 3490, 3672, 3798)
"""By the API as well: projects with what these acts need and few projects have."""

SELDOM_ACTS = (
    "included", "included", "working_directory", "tool_code", "reached_code", "extra_tool",
    "rename_stage", "word", "word_way",
)  # fmt: skip

FORKS = (4037, 4062, 4580, 5933, 6487, 6783, 6821, 6984, 7884)
"""By the command line: projects where nearly every act applies. Each history has a share of the acts, in order."""

KILLED = ("kill", "kill", "interrupt", "at_once", "edit", "remove_output")
TOUCHED = (
    "edit",
    "edit_rest",
    "touch",
    "touch_outputs",
    "remove_output",
    "edit_output",
    "question",
)
"""Acts after which the Stagefile need not be run: what it declared is recalled, where no function is needed."""
