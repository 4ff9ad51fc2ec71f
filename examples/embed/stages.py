"""What is done with a shelf: every text is counted, then the shelf is summed up."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from stagemake import BaseStage, StageContext

if TYPE_CHECKING:
    from collections.abc import Sequence


class Count(BaseStage):
    """Count lines and words of one text."""

    pass_env = ("PACE_S",)  # how slow to be; promised not to change the result

    def __init__(self, text: str) -> None:
        self.name = f"count.{text}"
        self.inputs = (f"texts/{text}.txt",)
        self.outputs = (f"build/{text}.json",)
        self.provides = (f"words.{text}",)

    def execute(self, context: StageContext) -> None:
        """Count, and say after each line how far it is."""
        lines = context.storage.read_text(self.inputs[0]).splitlines()
        words = 0
        for number, line in enumerate(lines, 1):
            words += len(line.split())
            context.events.emit("progress", {"line": number, "of": len(lines), "pid": os.getpid()})
            time.sleep(float(context.env.get("PACE_S", "0")))
        context.shared[self.provides[0]] = words
        context.storage.write(self.outputs[0], json.dumps({"lines": len(lines), "words": words}))


class Sum(BaseStage):
    """Sum up a shelf from what was counted."""

    name = "sum"
    outputs = ("build/shelf.txt",)

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self.uses = tuple(f"words.{text}" for text in texts)

    def execute(self, context: StageContext) -> None:
        """Write one line a text, and the total."""
        counts = {text: context.shared[f"words.{text}"] for text in self.texts}
        lines = [f"{text}: {words} words" for text, words in counts.items()]
        context.storage.write(
            self.outputs[0], "\n".join([*lines, f"all: {sum(counts.values())} words"]) + "\n"
        )
