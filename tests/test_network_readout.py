"""What the cups say: fullest, difference, above; ties, empty cups and the waste."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pelu_fab.errors import FabError
from pelu_fab.network.files import from_network_json, to_network_json
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.network.readout import FULLEST, Readout, readouts_from
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.signoff.question import read_question
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.sources.design import load
from pelu_fab.sources.tables import ReadoutEntry, readouts_of, validate
from pelu_fab.training.save import checkpoint_bytes

CUPS = ("plus", "minus", "waste")
SINE = Readout("sin x", plus=("plus",), minus=("minus",), scale=0.15, limit=0.05)
HEIGHT = Readout("tide", plus=("plus",), scale=2.0, offset=-1.0, unit="m")
OR = Readout("or", "above", plus=("plus",), above=5.0)
XOR = Readout("xor", "above", plus=("plus",), minus=("minus",))
SUM = Readout("sum", plus=("plus", "waste"), minus=("minus",))
ALL = (FULLEST, SINE, HEIGHT, OR, XOR, SUM, Readout("of two", "fullest", cups=("minus", "waste")))
NETWORK = Network((Layer(np.ones(1), np.full((1, 3), 1 / 3)),), ("x",), CUPS, readouts=ALL)


@pytest.mark.parametrize(
    ("readout", "cups", "words"),
    [
        (FULLEST, (3.0, 5.0, 90.0), "minus"),
        (FULLEST, (5.0, 5.0, 90.0), "none, plus and minus are equally full"),
        (FULLEST, (0.0, 0.0, 90.0), "none, every cup is empty"),
        (FULLEST, (0.01, 0.09, 90.0), "none, every cup is empty"),
        (FULLEST, (0.01, 0.1, 90.0), "minus"),
        (ALL[-1], (99.0, 5.0, 6.0), "waste"),
        (SINE, (7.0, 0.5, 3.0), "sin x = 0.97"),
        (SINE, (0.0, 0.0, 50.0), "sin x = 0.00"),
        (HEIGHT, (1.26, 9.0, 0.0), "tide = 1.5 m"),
        (OR, (6.0, 0.0, 0.0), "or: yes (6.0 mL, the mark is 5)"),
        (OR, (5.0, 0.0, 0.0), "or: on the line (5.0 mL, the mark is 5)"),
        (XOR, (1.0, 2.0, 0.0), "xor: no (-1.0 mL, the mark is 0)"),
        (SUM, (1.0, 2.5, 4.0), "sum = 2.5"),
    ],
)
def test_the_cups_say_it_in_words(readout: Readout, cups: tuple[float, ...], words: str) -> None:
    assert readout.says(np.array(cups), CUPS) == words


def test_units_of_two_ml_are_told_in_ml_and_numbers_stay() -> None:
    assert OR.says(np.array([6.0, 0, 0]), CUPS, unit_ml=2.0) == "or: yes (12.0 mL, the mark is 10)"
    assert SINE.says(np.array([7.0, 0.5, 0]), CUPS, unit_ml=2.0) == "sin x = 0.975"


def test_a_number_is_read_of_many_rows_at_once() -> None:
    cups = np.array([[7.0, 0.5, 3.0], [0.0, 2.0, 1.0]])
    assert SINE.values(cups, CUPS) == pytest.approx([0.975, -0.3])
    assert XOR.values(cups, CUPS).tolist() == [6.5, -2.0]


def test_a_network_of_waste_alone_still_has_an_answer() -> None:
    assert FULLEST.says(np.array([2.0]), ("waste",)) == "waste"
    assert replace(NETWORK, readouts=()).answers == (FULLEST,)


def test_read_outs_go_through_every_file_and_both_readers(tmp_path: Path) -> None:
    assert readouts_from(json.loads(json.dumps([one.to_table() for one in ALL]))) == ALL
    assert from_network_json(to_network_json(NETWORK), "x").readouts == ALL
    for name, blob in (("n.json", to_network_json(NETWORK)), ("n.safetensors", checkpoint_bytes(NETWORK))):
        (tmp_path / name).write_bytes(blob)
        assert read_checkpoint(tmp_path / name).readouts == ALL
        assert read_trained(blob, name).readouts == ALL


def test_cups_that_a_design_renames_are_read_under_their_new_names(tmp_path: Path) -> None:
    names = ["up", "down", "rest"]
    (tmp_path / "n.safetensors").write_bytes(checkpoint_bytes(NETWORK))
    toml = f"schema = 1\nname = 'n'\ncheckpoint = 'n.safetensors'\noutputs = {names}\ninput_max = [40]\n"
    (tmp_path / "design.toml").write_text(toml)
    readouts = load(tmp_path).network.readouts
    assert [(one.plus, one.minus, one.cups) for one in readouts[-2:]] == [
        (("up", "rest"), ("down",), ()),
        ((), (), ("down", "rest")),
    ]
    assert read_question(tmp_path).network.readouts == readouts


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"name": "y", "kind": "lowest"}, "kind is 'lowest'; allowed"),
        ({"name": "y"}, "names no cup as plus"),
        ({"name": "y", "kind": "fullest", "plus": "a"}, "has plus, which kind 'fullest' does not know"),
        ({"name": "y", "plus": "a", "above": 3.0}, "has above, which kind 'difference' does not know"),
        ({"name": "y", "kind": "above", "plus": "a", "scale": 3.0}, "has scale, which kind 'above' does not know"),
        ({"name": "y", "plus": "a", "limit": 0.0}, "limit is 0.0; allowed"),
    ],
)
def test_an_entry_says_what_its_kind_knows(entry: dict[str, Any], why: str) -> None:
    with pytest.raises(FabError, match=why):
        validate(ReadoutEntry, entry, "design.toml")


def test_a_good_entry_is_a_read_out() -> None:
    assert readouts_of([ReadoutEntry(name="or", kind="above", plus="plus", above=5.0)]) == (OR,)
    assert readouts_of([ReadoutEntry(name="sum", plus=["plus", "waste"], minus="minus")]) == (SUM,)
    assert (SUM.gap, OR.gap, OR.to_table()["plus"]) == ("plus + waste - minus", "plus", "plus")


@pytest.mark.parametrize(
    ("readout", "why"),
    [
        (Readout("y", plus=("pluss",)), "'y' names the cup 'pluss'; did you mean 'plus'"),
        (Readout("y", "fullest", cups=("plus", "b")), "'y' names the cup 'b'"),
        (Readout("y", plus=("plus",), minus=("",)), "'y' names the cup ''"),
        (Readout("y", "least", plus=("plus",)), "is of kind 'least'"),  # type: ignore[arg-type]
        (Readout("y", plus=("plus",), limit=-1.0), "has the limit -1"),
        (Readout("y", plus=("plus", "waste"), minus=("plus",)), "'y' names a cup twice"),
    ],
)
def test_a_read_out_of_no_cup_is_refused(readout: Readout, why: str) -> None:
    with pytest.raises(FabError, match=why):
        check_network(replace(NETWORK, readouts=(readout,)), "net")


@pytest.mark.parametrize("entry", [3, {}, {"name": 1}, {"name": "y", "scale": "big"}, {"name": "y", "colour": "red"}])
def test_a_table_that_is_no_read_out_is_refused(entry: object) -> None:
    table = json.loads(to_network_json(NETWORK)) | {"readouts": [entry]}
    with pytest.raises(FabError, match="is no network"):
        from_network_json(json.dumps(table).encode(), "n.json")
