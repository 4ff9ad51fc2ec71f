r"""What actions printed, made safe to print again: text and colours, nothing else that drives a terminal.

A log may move the cursor over what stands there, set the title, write the clipboard (OSC 52), have the
terminal type an answer (`ESC [ c`), switch what keys send (`ESC [ > 4 m`), or hide all that follows (`ESC [ 8 m`).
"""

from __future__ import annotations

import re

_SEQUENCE = re.compile(
    r"(?P<colour>\x1b\[[0-9;:]{0,64}m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # any other that begins like a colour; `?` for one cut off
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # with a text in it: to its end, or that of the line
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_RESET = "\x1b[0m"
_RESETS = frozenset((_RESET, "\x1b[m"))


def shown_log(data: bytes, *, keep_colour: bool) -> str:
    """Return captured output that is safe to print: colours only, no other control sequences.

    Of a line that was rewritten, as bars of progress are, the last form. Colours that are still on at the end are switched off there, before its last line's end.
    """
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    if not keep_colour:
        return _SEQUENCE.sub("", text)
    last = _RESET

    def kept(found: re.Match[str]) -> str:
        nonlocal last
        colour = found["colour"] or ""
        last = colour or last
        return colour

    text = _SEQUENCE.sub(kept, text)
    if last in _RESETS:
        return text
    return f"{text[:-1]}{_RESET}\n" if text.endswith("\n") else text + _RESET
