"""What differs between a revision and the working tree? Asks git, whatever its user has set up. Changes nothing."""

from __future__ import annotations

import enum
import os
import subprocess
from typing import TYPE_CHECKING

from attrs import field, frozen

from stagemake.model.error import GitFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")
"""Variables of git that go on counting: where it finds itself, and which directories its user trusts."""

_SETTINGS = (
    "core.fsmonitor=false",  # or a broken monitor decides what has changed
    "core.untrackedCache=false",
    "core.ignoreStat=false",
    "core.excludesFile=/dev/null",  # what this user never commits may be an input all the same
    "diff.autoRefreshIndex=false",  # it would take the index's lock, and write
    "submodule.recurse=false",
)
_DIFF = (
    *("diff", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv"),
    *("--no-color", "--no-relative", "--ignore-submodules=none", "-O/dev/null"),
)
_UNTRACKED = ("ls-files", "-z", "--others", "--exclude-standard", "--full-name")
_SUBMODULE = "160000"
_FILES = {"100644", "100755"}
_MOST_ODD = 100  # names with a newline; they are arguments


class Change(enum.Enum):
    """What became of a file since the revision."""

    EDITED = "edited"
    ADDED = "added"
    DELETED = "deleted"


@frozen
class Differing:
    """What differs between a revision and the working tree, staged or not."""

    revision: str  # as typed
    commit: str  # full hash of what it was compared with
    top: str  # absolute: the repository's working tree
    changes: Mapping[str, Change]  # by absolute path; renames are a deletion and an addition
    submodules: frozenset[str] = field(factory=frozenset)  # of these paths


def differing(directory: str, revision: str, environ: Mapping[str, str]) -> Differing:
    """Return what differs between a revision and the working tree around `directory`.

    Files count that are tracked in one of them, and untracked ones that `.gitignore` and
    `.git/info/exclude` don't name. `REV...` stands for where HEAD's line left REV's.

    Raises:
        GitFailed: There is no git, no repository, or no such revision.

    Cost: a handful of processes; git looks at each tracked file, and reads those that were touched.
    """
    git = _Git(directory, environ)
    top = os.fsdecode(git.ask("rev-parse", "--show-toplevel").removesuffix(b"\n"))
    git = _Git(top, environ)
    commit = _commit(git, revision)
    changes: dict[str, Change] = {}
    submodules: set[str] = set()
    entries = list(_entries(git.ask(*_DIFF, commit, "--")))
    touched = _only_touched(git, entries)
    for entry in entries:
        if entry.name not in touched:
            changes[f"{top}/{entry.name}"] = entry.change
            if _SUBMODULE in entry.modes:
                submodules.add(f"{top}/{entry.name}")
    for one in filter(None, git.ask(*_UNTRACKED).split(b"\0")):
        path = f"{top}/{os.fsdecode(one)}".rstrip("/")  # another repository in this one has a slash
        known = changes.get(path)
        changes[path] = Change.ADDED if known in {None, Change.ADDED} else Change.EDITED
    return Differing(revision, commit, top, changes, frozenset(submodules))


def text_at(differing: Differing, path: str, environ: Mapping[str, str]) -> bytes | None:
    """Return what a file held at the revision; None if it was not there.

    Args:
        differing: From `differing`.
        path: Absolute, in its working tree.
        environ: As for `differing`.
    """
    name = os.path.relpath(path, differing.top)
    try:
        return _Git(differing.top, environ).ask("cat-file", "blob", f"{differing.commit}:{name}")
    except GitFailed:
        return None


def _commit(git: _Git, revision: str) -> str:
    """Return the hash that a revision stands for."""
    is_base = revision.endswith("...")
    name = revision.removesuffix("...") if is_base else revision
    try:
        found = git.ask(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        if is_base:
            found = git.ask("merge-base", found.decode("ascii").strip(), "HEAD")
    except GitFailed as error:
        hint = "a branch, a tag or a hash; `REV...` for where this branch left REV"
        if git.is_shallow():
            hint = "this clone is shallow: `git fetch --unshallow`, or fetch that revision"
        raise GitFailed(
            f"git knows no revision `{revision}` here", facts=error.facts, hint=hint
        ) from None
    return found.decode("ascii").strip()


@frozen
class _Entry:
    """One entry of a raw diff."""

    name: str  # relative to the top
    change: Change
    modes: tuple[str, str]  # at the revision, and now
    old_hash: str
    new_hash: str  # zeros: git has not looked at the content


def _entries(raw: bytes) -> Iterator[_Entry]:
    parts = iter(raw.split(b"\0"))
    for head in parts:
        if not head:
            continue
        old, new, *hashes, status = head.decode("ascii").lstrip(":").split(" ")
        change = {"A": Change.ADDED, "D": Change.DELETED}.get(status[:1], Change.EDITED)
        yield _Entry(os.fsdecode(next(parts)), change, (old, new), hashes[0], hashes[1])


def _only_touched(git: _Git, entries: Iterable[_Entry]) -> set[str]:
    """Return the names of files whose content is the old one, whatever their times say."""
    hash_by_name = {
        entry.name: entry.old_hash
        for entry in entries
        if entry.change is Change.EDITED
        and entry.modes[0] == entry.modes[1]
        and entry.modes[0] in _FILES
        and not entry.new_hash.strip("0")
    }
    odd = [
        name for name in hash_by_name if name[0] == '"' or "\n" in name
    ]  # no line can hold these
    plain = [name for name in hash_by_name if name not in odd]
    same: set[str] = set()
    for names, words, given in (
        (plain, ("--stdin-paths",), b"".join(os.fsencode(name) + b"\n" for name in plain)),
        (odd[:_MOST_ODD], ("--", *odd[:_MOST_ODD]), b""),
    ):
        try:
            found = git.ask("hash-object", *words, given=given).split() if names else []
        except GitFailed:  # one of them can't be read: let all differ
            continue
        now = zip(names, found, strict=True)
        same |= {name for name, digest in now if digest.decode("ascii") == hash_by_name[name]}
    return same


class _Git:
    """Runs git in a directory, without what its surroundings would have it look at instead."""

    def __init__(self, directory: str, environ: Mapping[str, str]) -> None:
        self._directory = directory
        kept = {
            name: value
            for name, value in environ.items()
            if not name.startswith("GIT_") or name in _KEPT
        }
        self._environ = {
            **kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0",
        }  # fmt: skip

    def ask(self, *words: str, given: bytes = b"") -> bytes:
        """Return what git prints, when it has read what is given.

        Raises:
            GitFailed: It isn't there, or it failed.
        """
        settings = [word for setting in _SETTINGS for word in ("-c", setting)]
        argv = [
            "git",
            "--no-pager",
            "--literal-pathspecs",
            *settings,
            "-C",
            self._directory,
            *words,
        ]
        try:
            done = subprocess.run(
                argv, env=self._environ, input=given, capture_output=True, check=False
            )
        except OSError:
            raise GitFailed(
                "git is not on this machine", hint="install it; or name the stages to build"
            ) from None
        if done.returncode == 0:
            return done.stdout
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        facts = [("git says", said[0].removeprefix("fatal: "))] if said else []
        if any("not a git repository" in line for line in said):
            raise GitFailed(
                f"`{self._directory}` is in no git repository",
                hint="what differs is asked of git; name the stages to build",
            )
        raise GitFailed("git can't say what differs", facts=facts)

    def is_shallow(self) -> bool:
        """Return whether this clone lacks older commits."""
        try:
            return self.ask("rev-parse", "--is-shallow-repository").strip() == b"true"
        except GitFailed:
            return False
