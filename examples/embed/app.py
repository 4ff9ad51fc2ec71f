"""An asyncio application that owns managers: builds shelves, shows how far it is, cancels."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from stagemake import BuildOutcome, Outcome, StageManager
from stages import Count, Sum

SHELVES = Path(__file__).parent / "shelves"


class Shelf:
    """One shelf: a manager of its own on a root of its own."""

    def __init__(self, name: str, *, pace_s: float = 0.0) -> None:
        self.name = name
        environ = {**os.environ, "PACE_S": str(pace_s)}
        self.manager = StageManager(SHELVES / name, jobs=1, environ=environ)
        texts = sorted(path.stem for path in (SHELVES / name / "texts").glob("*.txt"))
        for text in texts:
            self.manager.register_stage(Count(text))
        self.manager.register_stage(Sum(texts))
        self.manager.register_pipeline("shelf", ["sum"], default=True)
        self.progress: asyncio.Queue[tuple[str, dict[str, int]]] = asyncio.Queue()

    def listen(self) -> None:
        """Bring what stages say from the thread that builds into the event loop."""
        loop = asyncio.get_running_loop()
        self.manager.events.subscribe(
            lambda event: loop.call_soon_threadsafe(
                self.progress.put_nowait, (event.stage, event.payload)
            ),
            name="progress",
        )

    def say(self, text: str) -> None:
        """Print a line about this shelf."""
        print(f"{self.name}: {text}", flush=True)

    async def show(self) -> None:
        """Print how far each text is, as it comes in."""
        while True:
            stage, at = await self.progress.get()
            self.say(f"{stage} line {at['line']} of {at['of']}")

    async def build(self) -> BuildOutcome:
        """Bring the shelf up to date, and show how far it is."""
        self.listen()
        showing = asyncio.create_task(self.show())
        outcome = await self.manager.execute_pipeline_async()
        await asyncio.sleep(0)  # what was said last is shown
        showing.cancel()
        ran = len(outcome.with_outcome(Outcome.RAN))
        self.say(f"{len(outcome.results)} stages, {ran} ran")
        return outcome

    async def cancel_half_way(self) -> None:
        """Begin a build and cancel it in the middle of its second text."""
        self.listen()
        building = asyncio.create_task(self.manager.execute_pipeline_async())
        seen: dict[str, int] = {}
        while len(seen) < 2:
            stage, at = await self.progress.get()
            seen[stage] = at["pid"]
        building.cancel()
        try:
            await building
        except asyncio.CancelledError:
            self.say(f"cancelled in {list(seen)[-1]}")
        left = [pid for pid in seen.values() if is_alive(pid)]
        done = [step for step in (await self.manager.plan_async()).steps if step.key]
        fresh = sum(step.verdict.value == "fresh" for step in done)
        self.say(f"{len(left)} processes left, {fresh} stage done")


def is_alive(pid: int) -> bool:
    """Return whether there is a process of that number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def main(command: str, *names: str) -> int:
    """Do what the command line says; return the exit status."""
    if command == "cancel":
        await Shelf(names[0], pace_s=0.2).cancel_half_way()
        return 0
    outcomes = await asyncio.gather(*(Shelf(name).build() for name in names))
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
