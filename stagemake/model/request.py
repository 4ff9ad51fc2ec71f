"""What a user asked for, parsed: the one value that travels from the command line downwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from stagemake.model.mode import CacheMode
from stagemake.model.valued import Valued

if TYPE_CHECKING:
    from stagemake.model.plan_file import PlanFile  # 12 ms; few builds are held to one


@frozen(eq=False, repr=False)
class BuildRequest(Valued):
    """One request to plan or build."""

    targets: tuple[str, ...] = ()  # names, pipelines, output paths, patterns; empty: the default
    jobs: int = 0  # how many stages side by side; 0: as many as there are processors
    keep_going: bool = False  # go on with whatever does not depend on a failed stage
    force: bool = False  # run every wanted stage, whatever is fresh or cached
    cache: CacheMode = CacheMode.ON
    wait: bool = True  # for another build of this project to end; False: ProjectLocked
    cache_store: str = ""  # the cache, by name; empty: the project's setting, else the one on disk
    runner: str = ""  # what carries out actions, by name; empty: the project's setting, else local
    keeps_stdout: bool = False  # the caller prints there: console stages get stderr in its place
    keeps_forecast: bool = False  # a build's outcome also holds what its plan had said
    cwd: str = ""  # the working directory relative to the root, for targets that are paths
    check: bool = False  # fail stages that read or write what they don't declare
    sandbox: bool = False  # keep stages from what they don't declare
    asked_s: float | None = (
        None  # when whoever waits began to, by `time.monotonic`; None: when the build is asked for
    )
    traced: frozenset[str] = frozenset()  # stages to run and watch, whatever is fresh or cached
    held: PlanFile | None = None  # do exactly this, or refuse
    keys: bool = True  # False: a dry run may leave them out where nothing hangs on them
    assume_changed: tuple[
        str, ...
    ] = ()  # project paths that are taken to have other content: for plans and dry runs only

    @property
    def is_watched(self) -> bool:
        """Whether any stage is watched, or kept from files."""
        return self.check or self.sandbox or bool(self.traced)
