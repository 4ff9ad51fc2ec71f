"""What of a Snakefile is not known for sure is left out and listed; nothing is made of its first or last value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stagemake.start.first_stagefile import first_stagefile

if TYPE_CHECKING:
    from pathlib import Path

USES = 'rule a:\n    output: "a"\n    shell: "echo {S} > {output}"\n'
UNKNOWN = "rule `a`: `S` is not known without running it"
TEXT = "rule `a`: `shell:` is not one text with names in its braces"
CASES = {
    'S = ["a"]\nS = S + ["b"]\n' + USES: UNKNOWN,
    'S = ["a"]\nS += ["b"]\n' + USES: UNKNOWN,
    'S = ["a"]\nS.append("b")\n' + USES: UNKNOWN,
    'S = ["a"]\nT = S\nT.append("b")\n' + USES: UNKNOWN,
    'S = ["a"]\nS = list(T)\nS = ["b"]\n' + USES: UNKNOWN,
    'configfile: "c.yaml"\nconfig["s"] = 2\n' + USES.replace("{S}", "{config[s]}"):
        "rule `a`: `config['s']` is not known without running it",
    'configfile: "c.yaml"\nS = config["l"]\nS.append("b")\n' + USES.replace("{S}", "{config[l]}"):
        "rule `a`: `config['l']` is not known without running it",
    'workdir: "d"\n' + USES.replace("{S}", "x"): "rule `a`: `workdir:` has no counterpart: its paths start elsewhere",
    "wildcard_constraints: s=f()\n" + USES.replace("{S}", "x"):
        "rule `a`: `wildcard_constraints:` of all rules: `f()` is not known without running it",
    USES.replace('"echo {S} > {output}"', '""'): TEXT,
    USES.replace('"echo {S} > {output}"', '"a", "b"'): TEXT,
    USES.replace("{S}", "{if}"): TEXT,
    'rule all:\n    input: "a"\nrule a:\n    input: "{f}.gz"\n    output: "{f}"\n    shell: "cp {input} {output}"\n':
        "rule `a`: making `a.gz` needs its own rule again",
    'rule all:\n    input: expand("b.{i}", i=range(20000))\nrule a:\n    output: "b.{i}"\n    shell: "touch {output}"\n':
        "rule `a`: the rules come to more than 20000 stages",
}  # fmt: skip


@pytest.mark.parametrize("text", CASES)
def test_the_rule_is_left_out(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("s: 1\nl: [a]\n")
    (tmp_path / "Snakefile").write_text(text)

    found = first_stagefile(str(tmp_path), {}, (), from_make=False)

    said = [each.partition(": ")[2] for each in found.unseen if ": rule `a`: " in each]
    assert said == [CASES[text]]
    assert not {'outputs=["a"]', 'f"b.{i}"', 'f"{f}"'} & set(found.text.replace(",", " ").split())
