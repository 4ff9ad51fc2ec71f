"""One random history: acts on a random project, and after each of them everything that has to be true."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING

from attrs import define, evolve, field
from oracle.driver import Ask, Built, Driver, Foreseen, Place, environment
from oracle.effect import Difference, Effect
from oracle.expected import Expectation, Status, expect
from oracle.invent import random_project
from oracle.project import OWN, Kind, ProjectModel, Spec, write_sources
from oracle.render import render
from oracle.tree import Entry, changes, copy_to, holds_text, listing, results

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

STATE = ".stagemake"
NULL_SHARE = 0.3  # in how many steps a second build is made, which must do nothing


@define
class History:
    """A project, its surroundings, and what the harness remembers of it."""

    base: str
    rnd: random.Random
    driver: Driver
    clean_share: float = 1.0  # in how many steps the clean build is made as well
    plan_share: float = 1.0  # in how many a dry run comes first
    project: ProjectModel = field(init=False)
    log: list[str] = field(factory=list)
    tally: Counter[tuple[str, str]] = field(factory=Counter)  # by act and outcome after it
    tokens: list[str] = field(factory=list)  # texts of the user's that must never be lost
    stored: set[str] = field(factory=set)  # keys, and bases, of results the cache must have
    is_damaged: bool = False  # the cache holds contents that only reading them shows to be bad
    is_collected: bool = (
        False  # a record may be there without the hint that makes a plan know of it
    )
    shared_tops: set[str] = field(factory=set)
    last: Expectation = field(factory=Expectation)  # as of the last complete, verified build
    counter: int = 0
    home: str = "p"  # where the checkout lies, below `base`
    _clean_seen: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.project = random_project(self.rnd)
        os.makedirs(f"{self.base}/race")
        os.makedirs(self.root)
        write_sources(self.root)

    @property
    def root(self) -> str:
        """The checkout that acts change."""
        return f"{self.base}/{self.home}"

    @property
    def cache(self) -> str:
        """The cache that all checkouts share."""
        return f"{self.base}/cache"

    def move(self) -> None:
        """Move the checkout to its other place, or back."""
        old = self.root
        self.home = "q" if self.home == "p" else "p"
        os.rename(old, self.root)

    def rest(self) -> dict[str, Entry]:
        """Return what is in the checkout apart from sources and state: outputs, and what lies among them."""
        return results(self.root, (*OWN, STATE))

    def place(self, root: str = "", cache: str = "") -> Place:
        """Return where to build, as things stand now."""
        variables = environment(**self.project.environ)
        return Place(root or self.root, cache or self.cache, variables, dict(self.project.values))

    def token(self) -> str:
        """Return a text that stands nowhere else."""
        self.counter += 1
        return f"user-text-{self.counter}-of-{self.rnd.randrange(10**9)}"

    def token_paths(self) -> list[str]:
        """Return the files that hold texts of the user's."""
        texts = [token.encode() for token in self.tokens]
        return [
            path for path, entry in results(self.root, OWN).items()
            if entry[0] == "file" and any(text in entry[1] for text in texts)
        ]  # fmt: skip

    def forget_tokens(self) -> None:
        """Forget texts that the user has just removed."""
        self.tokens = [token for token in self.tokens if holds_text(self.root, token)]

    def let_go(self, spec: Spec) -> None:
        """Note that a stage gives up its outputs: one that is not up to date may leave what the user changed."""
        if self.last.status.get(spec.name) is not Status.GOOD:
            self.shared_tops.update(spec.outputs)

    def fail(self, what: str) -> Difference:
        """Return what to raise, with the way that led here."""
        return Difference(f"{what}\n  after: " + " | ".join(self.log[-6:]))

    # -- one step --------------------------------------------------------------------------------

    def step(self, name: str, act: Callable[[History], Effect | None]) -> bool:
        """Carry out an act and check everything; False when the act does not apply here."""
        effect = act(self)
        if effect is None:
            return False
        self.log.append(name)
        self.check(effect)
        return True

    def check(self, effect: Effect) -> None:
        """Build, and compare with what is right, what was planned, and a clean build."""
        render(self.project, self.root)
        right = expect(self.project, self.root)
        ask = Ask(
            jobs=self.rnd.choice([1, 2, 4]), keep_going=not right.is_good, names=tuple(right.status)
        )
        if self.rnd.random() < 0.15:
            ask = evolve(ask, cache=self.rnd.choice(["off", "read", "write", "auto"]))
        foreseen = (
            self.planned(ask)
            if self.plan_share == 1 or self.rnd.random() < self.plan_share
            else Foreseen()
        )
        before = self.listing_of_own()
        known = set(self.stored)
        built = self.build(ask)
        touched = changes(before, self.listing_of_own())
        if touched:
            raise self.fail(f"the build changed what the user owns: {touched}")
        self.compare_outcomes(right, built)
        self.compare_tree(right, self.root)
        if foreseen.verdicts:
            self.compare_plan(foreseen, built, is_good=right.is_good)
        self.compare_need(right, built, effect)
        self.compare_store(right, built, ask, known)
        self.note(right, built, ask)
        if self.rnd.random() < NULL_SHARE:
            self.compare_null(right)
        self.look_for_tokens()
        if self.rnd.random() < self.clean_share:
            self.compare_clean(right)
        self.last = right

    def build(self, ask: Ask, root: str = "") -> Built:
        """Build and remember what the cache must hold from now on."""
        built = self.driver.build(self.place(root), ask)
        if built.error:
            raise self.fail(f"the build refused: {built.error}")
        if ask.cache in {"on", "write"}:
            cached = {spec.name for spec in self.project.specs if spec.is_cached}
            self.stored |= {built.keys[name] or "" for name in built.names("ran") & cached}
        return built

    def note(self, right: Expectation, built: Built, ask: Ask) -> None:
        """Remember what a build of everything did."""
        act = self.log[-1] if self.log else "start"
        self.tally[act, "done"] += 1
        self.tally[f"cache {ask.cache}", "done"] += 1
        if built.who:
            self.tally[f"answer by {built.who}", "done"] += 1
        for outcome in set(built.outcomes.values()):
            self.tally[act, outcome] += 1
        for spec in self.project.specs:
            self.tally[f"kind {spec.kind.name}", built.outcomes[spec.name]] += 1
        if ask.cache in {"on", "write"}:
            self.stored |= {
                self.address(right, spec) for spec in self.project.specs
                if spec.is_cached and built.outcomes[spec.name] == "ran"
            }  # fmt: skip

    def address(self, right: Expectation, spec: Spec) -> str:
        """Return what a stage's result is found by, as the harness thinks of it."""
        name = spec.name if spec.kind.is_call else ""  # a command's name does not count
        return f"{name} {right.basis.get(spec.name, spec.name)}"

    def listing_of_own(self) -> dict[str, tuple[object, ...]]:
        """Return all that is the user's."""
        paths = [f"{self.root}/{name}" for name in OWN]
        found = listing(*paths)
        for path in paths:
            if os.path.isfile(path):
                found[path] = tuple(os.lstat(path))[:7]
        return found

    def planned(self, ask: Ask) -> Foreseen:
        """Return what a dry run says, which must not change a byte."""
        before = listing(self.base)
        foreseen = self.driver.plan(self.place(), ask)
        touched = changes(before, listing(self.base))
        if touched:
            raise self.fail(f"the dry run changed {touched}")
        return foreseen

    # -- what has to be true ---------------------------------------------------------------------

    def compare_outcomes(
        self, right: Expectation, built: Built, only: set[str] | None = None
    ) -> None:
        """Check how each stage ended."""
        wanted = {name: right.status[name] for name in right.status if only is None or name in only}
        for name, status in wanted.items():
            if name in right.by_order:
                continue
            outcome = built.outcomes.get(name, "absent")
            allowed = {
                Status.GOOD: {"fresh", "restored", "cut_off", "ran"},
                Status.FAILED: {"failed"},
                Status.MISSING: {"failed"},
                Status.BLOCKED: {"blocked"},
            }[status]
            if outcome not in allowed:
                why = built.problems.get(name, "")
                raise self.fail(f"`{name}` should be {status.value} and is {outcome} ({why})")
        more = built.outcomes.keys() - wanted.keys()
        if more:
            raise self.fail(f"stages that nobody asked for: {sorted(more)}")

    def compare_tree(self, right: Expectation, root: str, only: set[str] | None = None) -> None:
        """Check every byte below the project that is not the user's own."""
        found = results(root, (*OWN, STATE))
        good = right.names(Status.GOOD) if only is None else only & right.names(Status.GOOD)
        wanted: dict[str, Entry] = {}
        tolerated: set[str] = set()  # old outputs of what could not be brought up to date
        for spec in self.project.specs:
            if spec.name in good:
                tops = set(spec.outputs)
                wanted.update(
                    (path, entry) for path, entry in right.entries.items() if _is_in(path, tops)
                )
            elif right.status[spec.name] is not Status.FAILED or only is not None:
                tolerated.update(spec.outputs)
        for path, entry in wanted.items():
            if found.get(path) != entry:
                raise self.fail(f"`{path}` is {_shown(found.get(path))}, right is {_shown(entry)}")
        for path, entry in found.items():
            if path in wanted or _is_in(path, tolerated) or self.is_users(path, entry):
                continue
            if entry[0] == "directory" and not _is_in(path, set(wanted)):
                continue  # a directory above outputs, or the rest of one
            if only is None or os.path.basename(path).startswith(".stagemake-tmp"):
                raise self.fail(f"`{path}` should not be there: {_shown(entry)}")

    def is_users(self, path: str, entry: Entry) -> bool:
        """Whether a file holds a text of the user's, or shares an old output directory with one."""
        texts = [token.encode() for token in self.tokens]
        if entry[0] == "file" and any(token in entry[1] for token in texts):
            return True
        return any(_is_in(path, {kept}) for kept in self.shared_tops)

    def compare_plan(self, foreseen: Foreseen, built: Built, *, is_good: bool) -> None:
        """Check that what was said before is what happened."""
        holes = ["restored"] if self.is_damaged or self.is_collected else []
        allowed = {
            "fresh": {"fresh"},
            "hit": {"restored", "ran"} if self.is_damaged else {"restored"},
            "miss": {"ran", "failed", "blocked", *holes},
            "maybe": {"restored", "cut_off", "ran", "failed", "blocked"},
        }
        for name, verdict in foreseen.verdicts.items():
            outcome = built.outcomes[name]
            blocked = outcome == "blocked" or (verdict != "fresh" and outcome == "failed")
            if outcome not in allowed[verdict] and not blocked:
                raise self.fail(f"`{name}` was said to be {verdict} and {outcome}")
        self.compare_maybes(foreseen)
        least, most = foreseen.runs
        ran = len(built.names("ran"))
        if is_good and not (self.is_damaged or holes) and not least <= ran <= most:
            raise self.fail(f"{ran} stages ran, {least} to {most} were foreseen")

    def compare_maybes(self, foreseen: Foreseen) -> None:
        """Check that a maybe stands only where a stage upstream will run or may run, and names it."""
        said = foreseen.verdicts
        wanted = {name for name, verdict in said.items() if verdict == "maybe"}
        if wanted != foreseen.maybes.keys():
            raise self.fail(f"chances of {sorted(foreseen.maybes)}, but maybe are {sorted(wanted)}")
        for name, deciders in foreseen.maybes.items():
            above = self.project.waits_for(name) - {name}
            if not all(said[other] in {"miss", "maybe"} for other in deciders):
                raise self.fail(f"`{name}` hangs on {deciders}, of which some do not run")
            if not above.issuperset(deciders):
                raise self.fail(f"`{name}` hangs on {deciders}, and waits for {sorted(above)}")

    def compare_need(self, right: Expectation, built: Built, effect: Effect) -> None:
        """Check that nothing ran without a reason."""
        always = {spec.name for spec in self.project.specs if spec.always}
        ran = built.names("ran") - always
        if effect.runs_nothing and ran:
            raise self.fail(f"nothing that counts has changed, but {sorted(ran)} ran")
        if effect.runs_needed_only:
            idle = {name for name in ran if right.basis[name] == self.last.basis.get(name)}
            if idle:
                raise self.fail(f"{sorted(idle)} ran although nothing changed for them")

    def compare_store(self, right: Expectation, built: Built, ask: Ask, stored: set[str]) -> None:
        """Check that nothing ran that the cache has, and that nothing uncached was restored."""
        for spec in self.project.specs:
            outcome = built.outcomes.get(spec.name)
            if outcome == "restored" and not spec.is_cached:
                raise self.fail(f"`{spec.name}` is not cached and was restored")
            if outcome != "ran" or spec.always or not spec.is_cached or self.is_damaged:
                continue
            if spec.kind is Kind.SCAN or ask.cache in {"off", "write"}:
                continue  # of the lists of discovered inputs only the latest are kept
            if built.keys[spec.name] in stored or self.address(right, spec) in stored:
                raise self.fail(f"`{spec.name}` ran, which the cache has")

    def compare_null(self, right: Expectation) -> None:
        """Check that a second build finds nothing to do."""
        built = self.build(Ask(keep_going=True, names=tuple(right.status)))
        if built.who:
            self.tally[f"answer by {built.who}", "done"] += 1
        may_run = {spec.name for spec in self.project.specs if spec.always}
        ran = {name for name in right.names(Status.GOOD) if built.outcomes[name] != "fresh"}
        below_always = {
            spec.name for spec in self.project.specs
            if may_run & self.project.closure([spec.name])
        }  # fmt: skip
        if built.names("ran") - may_run or ran - below_always:
            raise self.fail(f"a second build did more than nothing: {built.outcomes}")
        self.compare_tree(right, self.root)

    def look_for_tokens(self) -> None:
        """Check that no text of the user's was lost."""
        for token in self.tokens:
            if not holds_text(self.root, token):
                raise self.fail(f"the user's {token} is gone")

    def compare_clean(self, right: Expectation) -> None:
        """Build the same sources in a new directory with an empty cache; once per state."""
        state = repr((sorted(right.basis.items()), sorted(self.project.environ.items())))
        if state in self._clean_seen:
            return
        self._clean_seen.add(state)
        clean = f"{self.base}/clean"
        copy_to(clean, self.root, OWN)
        place = evolve(self.place(clean), cache=f"{self.base}/clean-cache")
        try:
            # Not by chance: histories are the same however many clean builds are made beside them.
            self.driver.build(place, Ask(cache="off" if len(self.log) % 2 else "on"))
            self.compare_tree(right, clean)
        finally:
            shutil.rmtree(clean)
            shutil.rmtree(f"{self.base}/clean-cache", ignore_errors=True)


def _is_in(path: str, tops: set[str]) -> bool:
    """Whether a path is one of these or lies below one."""
    while path:
        if path in tops:
            return True
        path = os.path.dirname(path)
    return False


def _shown(entry: Entry | None) -> str:
    return "absent" if entry is None else repr(entry)[:200]
