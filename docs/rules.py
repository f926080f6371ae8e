"""Writes docs/rules.md, each rule of sign-off with its code and its planted fault: `python docs/rules.py`."""

import ast
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HOME = Path(__file__).parents[1]
JUDGE = "pelu_fab/signoff"
GROUPS = (
    *("file", "manifest", "source", "lower", "mesh", "cut", "flow", "hands", "read"),
    *("lvs", "drc", "mass", "equivalence"),
)
RULE = re.compile(rf"({'|'.join(GROUPS)})\.[a-z0-9_]+")
NO_RULES = {"manifest.json"}  # a file's name
HEAD = """# Every rule, its code, its fault

Written by `python docs/rules.py`; a test holds it complete. [Sign-off](signoff.md#rules) says what each rule asks and
its limit. While a test of the last column runs, its rule is watched, and the test fails unless the rule does
(`tests/conftest.py`). Faults cut into the meshes of whole devices, each named by the rules that must find it, stand in
[tests/faults.py](../tests/faults.py); `benchmarks/kill_score.py` counts them.

| rule | judged by | planted by |
|---|---|---|
"""


def judged() -> dict[str, list[tuple[str, str]]]:
    """Rules by what can emit them: (module, function), by the text of the judge's own files."""
    found: dict[str, list[tuple[str, str]]] = {}
    for file in sorted((HOME / JUDGE).glob("*.py")):
        for top in ast.parse(file.read_text()).body:
            if not isinstance(top, ast.FunctionDef | ast.ClassDef):
                continue  # lists of rules, as which of them are mandatory
            said = {
                node.value for node in ast.walk(top) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            for rule in sorted(said):
                if RULE.fullmatch(rule) and rule not in NO_RULES:
                    found.setdefault(rule, []).append((file.stem, top.name))
    return found


def page(planted: Mapping[str, str]) -> str:
    """The page; `planted` has a test for each rule, `file::test` or `file::test[case]`."""
    lines = []
    order = sorted(judged().items(), key=lambda item: (GROUPS.index(item[0].split(".")[0]), item[0]))
    for rule, places in order:
        code = ", ".join(f"[{module}.{name}](../{JUDGE}/{module}.py)" for module, name in places)
        file, _, test = planted[rule].partition("::")
        name, _, case = test.removesuffix("]").partition("[")
        words = name.removeprefix("test_").replace("_", " ")
        lines.append(f"| `{rule}` | {code} | [{words}](../{file}){f' ({case})' if case else ''} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(HOME / "tests"))
    from planted import PLANTED

    (HOME / "docs" / "rules.md").write_text(page(PLANTED))
