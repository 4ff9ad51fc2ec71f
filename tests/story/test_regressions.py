"""Bugs that the oracle found, each by its smallest history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from oracle.driver import Ask, InProcess, Place

from stagemake import durable

if TYPE_CHECKING:
    from pathlib import Path


class Crash(BaseException):
    """Stands for SIGKILL."""


class Checkout:
    """A project of one Stagefile, built in this process."""

    def __init__(self, base: Path) -> None:
        self.root = base / "p"
        self.root.mkdir()
        self.place = Place(str(self.root), str(base / "cache"), {"PATH": os.environ["PATH"]}, {})

    def stagefile(self, text: str) -> Checkout:
        """Write the Stagefile."""
        imports = "from stagemake import command, stage\n"
        (self.root / "Stagefile").write_text(imports + text, "utf-8")
        return self

    def build(self) -> dict[str, str]:
        """Return how each stage ended."""
        built = InProcess().build(self.place, Ask())
        assert not built.problems
        return built.outcomes

    def outputs(self) -> list[str]:
        """Return files and links below `out`, sorted."""
        found = [path for path in (self.root / "out").rglob("*") if not path.is_dir()]
        return sorted(str(path.relative_to(self.root)) for path in found)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_an_output_may_move_below_the_file_it_was_before(checkout: Checkout) -> None:
    checkout.stagefile("command('a', 'echo 1 > {outputs}', outputs=['out/a'])").build()
    checkout.stagefile("command('a', 'echo 1 > {outputs}', outputs=['out/a/deep'])")

    outcomes = checkout.build()

    assert outcomes == {"a": "ran"}
    assert checkout.outputs() == ["out/a/deep"]
    assert checkout.build() == {"a": "fresh"}


def test_what_an_output_directory_held_goes_away_when_an_output_moves_into_it(
    checkout: Checkout,
) -> None:
    fill = "cd {outputs} && touch old && mkdir sub && touch sub/older"
    checkout.stagefile(f"command('a', 'mkdir {{outputs}} && {fill}', outputs=['out/a/'])").build()
    (checkout.root / "out/a/mine").write_text("the user's", "utf-8")
    checkout.stagefile("command('b', 'echo 1 > {outputs}', outputs=['out/a/deep'])")

    outcomes = checkout.build()

    assert outcomes == {"b": "ran"}
    assert checkout.outputs() == ["out/a/deep", "out/a/mine"]
    assert checkout.build() == {"b": "fresh"}
    assert checkout.outputs() == ["out/a/deep", "out/a/mine"]


def test_what_a_killed_restore_left_beside_an_output_is_removed(checkout: Checkout) -> None:
    checkout.stagefile("command('a', 'echo 1 > {outputs}', outputs=['out/a'])").build()
    (checkout.root / "out/a").unlink()

    def die_before_the_output_gets_its_name(operation: str, path: str) -> None:
        if died or (operation == "rename" and path.endswith("out/a")):
            died.append(path)
            raise Crash

    died: list[str] = []
    durable.install(die_before_the_output_gets_its_name)
    try:
        with pytest.raises(Crash):
            checkout.build()
    finally:
        durable.install(None)
    assert [path for path in checkout.outputs() if ".stagemake-tmp-" in path]

    outcomes = checkout.build()

    assert outcomes == {"a": "restored"}
    assert checkout.outputs() == ["out/a"]


def test_a_snapshot_that_a_kill_left_unfinished_is_removed(checkout: Checkout) -> None:
    checkout.stagefile("command('a', 'echo 1 > {outputs}', outputs=['out/a'])").build()
    state = checkout.root / ".stagemake/Stagefile"
    left = state / f"{durable.TEMP_PREFIX}1-ab"
    left.write_bytes(b"half")
    checkout.stagefile("command('a', 'echo 2 > {outputs}', outputs=['out/a'])")

    checkout.build()

    assert not left.exists()
