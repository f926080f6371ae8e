"""Every rule of sign-off has a line in the docs, code that judges it and a fault planted for it."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from planted import PLANTED

from pelu_fab.network.model import Layer, Network
from pelu_fab.signoff.asked import network_checks

HOME = Path(__file__).parents[1]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rules_of_docs", HOME / "docs" / "rules.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_judge_can_say_is_what_is_documented_and_planted() -> None:
    """Rules in the judge's code, in the table of sign-off's page and among the planted faults: the same ones."""
    judged = set(script().judged())
    table = (HOME / "docs" / "signoff.md").read_text().split("\n## Rules\n")[1].split("\n## ")[0]
    told = {
        rule
        for line in table.splitlines()
        if line.startswith("|")
        for rule in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert len(judged) > 80
    assert {rule for rule in told if "." in rule} == judged
    assert set(PLANTED) == judged


def test_the_page_is_what_the_script_writes_and_its_tests_are_there() -> None:
    assert (HOME / "docs" / "rules.md").read_text() == script().page(PLANTED), "run python docs/rules.py"
    for rule, test in PLANTED.items():
        file, _, name = test.partition("::")
        found = {n.name: n for n in ast.parse((HOME / file).read_text()).body if isinstance(n, ast.FunctionDef)}
        assert name.partition("[")[0] in found, f"{rule}: {test}"
        decorators = " ".join(ast.unparse(d) for d in found[name.partition("[")[0]].decorator_list)
        assert ("parametrize" in decorators) == ("[" in name), f"{rule}: {test} must name one case"


def test_a_rule_that_nobody_planted_is_missed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The comparison above can fail: a new rule in the judge's code is seen."""
    module = script()
    monkeypatch.setattr(module, "HOME", tmp_path)
    (tmp_path / module.JUDGE).mkdir(parents=True)
    (tmp_path / module.JUDGE / "new.py").write_text(
        'LIST = ("lvs.listed",)\n\ndef judge():\n    return "lvs.new", "a lvs.word"\n'
    )
    assert module.judged() == {"lvs.new": [("new", "judge")]}
    with pytest.raises(KeyError, match=r"lvs\.new"):
        module.page({})


def test_a_network_of_another_shape_than_the_checkpoint_is_named_as_such() -> None:
    two = Network((Layer(np.ones(2), np.eye(2)),), ("a", "b"), ("x", "y"))
    three = Network((Layer(np.ones(3), np.full((3, 2), 0.5)),), ("a", "b", "c"), ("x", "y"))
    (check,) = network_checks(two, three)
    assert (check.id, check.status, check.found, check.limit) == ("source.shape", "fail", "3-2", "2-2")
    assert {one.status for one in network_checks(two, two)} == {"pass"}
