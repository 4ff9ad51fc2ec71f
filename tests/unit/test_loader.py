"""Where a Stagefile is found, and what running one leaves behind."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from stagemake.model.error import EvaluationFailed, NoStagefile
from stagemake.stagefile.find import find_stagefile
from stagemake.stagefile.loader import Evaluation, evaluate
from stagemake.stagefile.session import CURRENT, Session

if TYPE_CHECKING:
    from pathlib import Path


def run(root: Path, text: str) -> Evaluation:
    (root / "Stagefile").write_text(text)
    return evaluate(Session(root=str(root), environ={}, config={}), str(root / "Stagefile"))


def test_the_nearest_stagefile_is_found(tmp_path: Path) -> None:
    (tmp_path / "Stagefile").touch()
    (tmp_path / "a/b").mkdir(parents=True)
    assert find_stagefile(str(tmp_path / "a/b")) == str(tmp_path / "Stagefile")

    (tmp_path / "a/Stagefile.py").touch()

    assert find_stagefile(str(tmp_path / "a/b")) == str(tmp_path / "a/Stagefile.py")


def test_a_directory_named_stagefile_is_none(tmp_path: Path) -> None:
    (tmp_path / "Stagefile").mkdir()

    with pytest.raises(NoStagefile):
        find_stagefile(str(tmp_path))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_the_search_ends_below_another_users_directory(tmp_path: Path) -> None:
    (tmp_path / "theirs/mine").mkdir(parents=True)
    (tmp_path / "Stagefile").touch()
    (tmp_path / "theirs/Stagefile").touch()
    os.chown(tmp_path / "theirs", 65534, -1)

    with pytest.raises(NoStagefile):
        find_stagefile(str(tmp_path / "theirs/mine"))


def test_a_helper_is_compiled_from_the_text_that_is_noted(tmp_path: Path) -> None:
    (tmp_path / "helper_a.py").write_text("VALUE = 1\n")

    evaluation = run(tmp_path, "import helper_a\n")

    assert evaluation.text_of(str(tmp_path / "helper_a.py")) == "VALUE = 1\n"
    assert evaluation.text_of(str(tmp_path / "Stagefile")) == "import helper_a\n"
    assert evaluation.text_of("/elsewhere.py") is None
    assert "helper_a" not in sys.modules
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Stagefile", "helper_a.py"]


def test_packages_and_their_modules_are_helpers_too(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack/__init__.py").write_text("from pack.inner import VALUE\n")
    (tmp_path / "pack/inner.py").write_text("VALUE = 7\n")

    evaluation = run(tmp_path, "import pack\nassert pack.VALUE == 7\n")

    assert "pack.inner" not in sys.modules
    with evaluation.active():
        assert sys.modules["pack.inner"].VALUE == 7
    assert "pack.inner" not in sys.modules


def test_active_brings_the_modules_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "helper_b.py").write_text("VALUE = []\n")
    evaluation = run(tmp_path, "import helper_b\nhelper_b.VALUE.append(1)\n")

    with evaluation.active():
        import helper_b  # type: ignore[import-not-found]  # made above

        assert helper_b.VALUE == [1]

    assert "helper_b" not in sys.modules


def test_a_helper_wins_over_an_installed_module_and_gives_it_back(tmp_path: Path) -> None:
    import json.tool as installed

    (tmp_path / "tabnanny.py").write_text("OURS = True\n")

    run(tmp_path, "import tabnanny\nassert tabnanny.OURS\n")

    import tabnanny

    assert not hasattr(tabnanny, "OURS")
    assert sys.modules["json.tool"] is installed


def test_a_failed_run_leaves_nothing_behind_either(tmp_path: Path) -> None:
    before = (list(sys.path), list(sys.meta_path), sys.dont_write_bytecode, CURRENT.get())

    with pytest.raises(EvaluationFailed):
        run(tmp_path, "1 / 0\n")

    assert (sys.path, sys.meta_path, sys.dont_write_bytecode, CURRENT.get()) == before
    assert "Stagefile" not in sys.modules
