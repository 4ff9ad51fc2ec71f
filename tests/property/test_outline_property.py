"""A plan without keys says what the one with keys says, but for the keys; and it reads no file."""

from __future__ import annotations

import json
import os
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_recalled_property import sample

from stagemake.digesting import Digester
from stagemake.manager import StageManager
from stagemake.model.error import StagemakeError
from stagemake.model.mode import CacheMode
from stagemake.model.request import BuildRequest
from stagemake.plan import outline
from stagemake.report.json_form import plan_object
from stagemake.report.plan_text import plan_text

if TYPE_CHECKING:
    from project import Project

    from stagemake.model.report import DryRunReport

# Not `b`, which the Stagefile may read: it would wait at a pipe.
PATHS = (
    "a",
    "in/x.txt",
    "in/y.txt",
    "link",
    "linked",
    "alias",
    "out/one",
    "out/size",
    "made",
    "out/tree/x.txt",
)


def harm(project: Project, rnd: random.Random) -> None:
    """Put something odd at a path, or nothing."""
    full = project.root / rnd.choice(PATHS)
    if full.is_dir() and not full.is_symlink():
        return
    full.parent.mkdir(parents=True, exist_ok=True)
    full.unlink(missing_ok=True)
    odd = rnd.randrange(7)
    if odd == 1:
        os.mkfifo(full)
    elif odd == 2:
        full.symlink_to(rnd.choice(("a", "nowhere", full.name, "in", "/dev/null")))
    elif odd == 3:
        full.mkdir()
        (full / "inner").write_text("1")
    elif odd == 4:
        full.write_text("secret")
        full.chmod(0)
    elif odd > 4:
        full.write_text("somebody's")


def report(project: Project, **words: Any) -> DryRunReport:  # Any: the request's own fields
    manager = StageManager(
        str(project.root),
        cache_dir=str(project.base / "cache"),
        environ={"PATH": os.environ["PATH"]},
    )
    manager.load("Stagefile")
    return manager.dry_run_pipeline(BuildRequest(**words))


def said(project: Project, **words: Any) -> list[str]:  # Any: as above
    """Return all that a dry run says, keys left out; the mistake where there is one."""
    try:
        found = report(project, **words)
    except (StagemakeError, OSError) as error:
        return [str(error)]
    lines = json.dumps(plan_object(found, ()), indent=1) + plan_text(found, verbose=True)
    others = (
        '"key":',
        '"free_bytes":',
        " free",
    )  # whoever else writes to the disk moves the latter
    return [line for line in lines.splitlines() if not any(word in line for word in others)]


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10**6),
    odd=st.integers(0, 4),
    force=st.booleans(),
    cache=st.sampled_from(["on", "off", "write"]),
)
def test_a_plan_without_keys_says_all_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, odd: int, *, force: bool, cache: str
) -> None:
    rnd = random.Random(seed)
    project = sample(tmp_path_factory.mktemp("outline"), rnd)
    for _ in range(odd):
        harm(project, rnd)
    words = {"force": force, "cache": CacheMode(cache)}

    with_keys = said(project, **words)

    assert with_keys == said(project, keys=False, **words)


COPY = "command('copy', 'cat {inputs} > {outputs}', inputs=['a'], outputs=['out/a'])\n"


def test_keys_are_left_out_only_where_nothing_can_match(project: Project) -> None:
    project.stagefile(COPY).write("a", "1")
    first = report(project, keys=False).plan.steps[0]
    with_keys = report(project).plan.steps[0]
    project.build().ran("copy")
    shutil.rmtree(project.root / ".stagemake")
    project.remove("out/a")

    restored = project.build("-n")

    assert (first.key, with_keys.key is None) == (None, False)
    assert "hit    copy" in restored.stdout


def test_what_can_be_read_is_not(project: Project) -> None:
    project.write("a", "1")

    disk = outline.UnreadDisk(None, str(project.root))  # type: ignore[arg-type]  # nobody it could ask to read

    assert disk.entry("a") == outline.UNREAD
    assert disk.entry("b") == "-"


def test_what_somebody_else_owns_is_read(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("a", "1")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    disk = outline.UnreadDisk(Digester(str(project.root)), str(project.root))

    assert disk.entry("a") == Digester(str(project.root)).entry("a")
