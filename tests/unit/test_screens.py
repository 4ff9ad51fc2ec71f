"""What follows pages does what a reader would, and writes into them what was printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from screens import Reader, followed, rewritten

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """\
# Made up

```text title="notes/a.txt"
one
two
```

```text title="notes/a.txt, at the end"
three
```

```diff title="notes/a.txt"
 one
-two
+2
```

```sh
exit 1
```

```console
$ cd notes && cat a.txt
$ cat a.txt | wc -l; echo 20 ms; false
4
10 ms
```
"""


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader.at(tmp_path.resolve())


def test_files_are_written_edited_and_seen_and_a_directory_stays(reader: Reader) -> None:
    first, second = followed(PAGE, reader)

    assert (first.printed, first.status, first.holds) == ("one\n2\n\nthree\n", 0, False)
    assert (second.printed.split(), second.status, second.holds) == (["4", "20", "ms"], 1, True)
    assert reader.place == reader.base / "home" / "notes"


def test_only_screens_that_say_something_else_are_written_anew(reader: Reader) -> None:
    screens = list(followed(PAGE, reader))

    new, anew = rewritten(PAGE, screens), rewritten(PAGE, screens, all_anew=True)

    assert new == PAGE.replace("cat a.txt\n", "cat a.txt\none\n2\n\nthree\n", 1)
    assert anew == new.replace("10 ms", "20 ms")


def test_what_is_left_out_by_hand_stays_left_out(tmp_path: Path) -> None:
    page = "```console\n$ seq 9\n1\n...\n9\n$ seq 2\n1\n...\n3\n```\n"

    screens = list(followed(page, Reader.at(tmp_path.resolve())))

    assert rewritten(page, screens, all_anew=True) == page.replace("...\n3", "2")


@pytest.mark.parametrize("edit", ["-zero\n+0\n", "-o\n+O\n"])
def test_an_edit_of_what_is_not_there_once_is_a_mistake(reader: Reader, edit: str) -> None:
    page = f'```text title="a"\no\no\n```\n\n```diff title="a"\n{edit}```\n'

    with pytest.raises(AssertionError, match=r"^[02] times in a"):
        list(followed(page, reader))


def test_a_home_is_shown_as_anybodys(reader: Reader) -> None:
    assert reader.type("pwd; echo $HOME") == ("/home/me\n/home/me\n", 0)
