"""What an evaluation noted of what it read: what a later one could be compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagemake import StageManager

if TYPE_CHECKING:
    from pathlib import Path


def test_programs_and_variables_are_noted(tmp_path: Path) -> None:
    (tmp_path / "Stagefile").write_text(
        "from stagemake import capture, need, which\n"
        "which('no-such', 'sh')\n"
        "need('./tool')\n"
        "capture('echo $GIVEN', env='GIVEN')\n"
    )
    manager = StageManager(tmp_path, environ={"PATH": "/usr/bin:/bin", "GIVEN": "g", "OTHER": "o"})

    manager.load()

    session = manager.project.session
    assert session.programs_sought.keys() == {"no-such", "sh", "./tool"}
    assert session.programs_sought["no-such"] is session.programs_sought["./tool"] is None
    assert session.programs_sought["sh"] in {"/usr/bin/sh", "/bin/sh"}
    assert [one.names for one in session.missing_programs] == [("./tool",)]
    assert session.env_read == {"GIVEN": "g"}
