"""From a measurement to a pour: the map, its way through files, and what it finds odd."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelu_fab.commands.rig import units_of
from pelu_fab.errors import FabError
from pelu_fab.network.files import from_network_json, to_network_json
from pelu_fab.network.model import Layer, Network, check_network
from pelu_fab.network.scaling import Feature, Scaling, plain_scaling, scaling_from, unit_in
from pelu_fab.signoff.checkpoint import read_trained
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.training.save import checkpoint_bytes

BILL = Feature("bill", 2.0, 32.0, "mm", 32.0, 60.0)
MASS = Feature("mass", 0.01, 2700.0, "g", 2700.0, 6300.0)
REST = replace(BILL, factor=-2.0, offset=60.0)
THREE = Scaling((BILL, MASS, REST))
NETWORK = Network((Layer(np.ones(3), np.eye(3)),), ("bill", "mass", "bill~"), ("a", "b", "c"), scaling=THREE)
NUMBER = st.floats(-1e6, 1e6)


def test_a_pour_is_offset_and_factor_and_never_below_nothing() -> None:
    assert [feature.name for feature in THREE.measured] == ["bill", "mass"]
    found = THREE.pours(np.array([[42.0, 3700.0], [30.0, 2000.0], [60.0, 6300.0]]))
    assert found.tolist() == [[20.0, 10.0, 36.0], [0.0, 0.0, 60.0], [56.0, 36.0, 0.0]]


@given(NUMBER, NUMBER, NUMBER.filter(lambda x: abs(x) > 1e-3))
def test_a_pour_tells_the_value_that_was_measured(value: float, offset: float, factor: float) -> None:
    feature = Feature("x", factor, offset)
    [[units]] = Scaling((feature,)).pours(np.array([[value]]))
    if units > 1e-3:
        assert feature.value(units) == pytest.approx(value, rel=1e-6, abs=1e-6)
    assert Feature("constant", 0.0, 3.0).value(5.0) is None


def test_a_network_alone_is_scaled_by_its_one_factor() -> None:
    plain = Network((Layer(np.ones(2), np.eye(2)),), ("petal length (cm)", "b"), ("y", "z"), 10.0)
    assert plain.measures.pours(np.array([[1.5, 2.0]])).tolist() == [[15.0, 20.0]]
    assert [feature.unit for feature in plain.measures.features] == ["cm", ""]
    ranged = plain.measures.ranged(np.array([[10.0, 3.0], [60.0, 3.0]]))
    assert [(f.low, f.high) for f in ranged.features] == [(1.0, 6.0), (0.3, 0.3)]
    assert THREE.ranged(np.zeros((1, 3))) == THREE, "what training knows stays"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("bill_length_mm", "mm"),
        ("petal length (cm)", "cm"),
        ("body mass [g]", "g"),
        ("angle (degrees)", "degrees"),
        ("temperature_at_noon", ""),
        ("m", ""),
        ("plan_b", ""),
        ("()", ""),
        ("_mm", ""),
    ],
)
def test_a_name_tells_its_unit(name: str, unit: str) -> None:
    assert unit_in(name) == unit


def test_a_sample_out_of_the_data_s_range_is_said_and_another_unit_guessed() -> None:
    assert THREE.doubts([40.0, 4000.0]) == []
    assert THREE.doubts([62.0, 6500.0]) == [], "a little beyond is nothing to speak of"
    assert THREE.doubts([4.2, 4000.0]) == [
        "bill is 4.2 mm, the data go from 32 to 60, and 42 would be among them: likely another unit"
    ]
    mass = THREE.doubts([40.0, 4.0])
    assert len(mass) == 1 and "and 4000 would be among them" in mass[0]
    below = THREE.doubts([3.9, 3.7])
    assert len(below) == 3 and below[-1] == "all 2 measurements are below the data's: are they in other units?"
    assert THREE.doubts([400.0, 4000.0])[0].endswith(", and 40 would be among them: likely another unit")
    assert Scaling((Feature("x", 1.0),)).doubts([1e9]) == [], "nothing is known of its range"


def test_the_map_goes_through_every_file_and_both_readers(tmp_path: Path) -> None:
    assert scaling_from(json.loads(json.dumps(THREE.to_table()))) == THREE
    assert from_network_json(to_network_json(NETWORK), "x").scaling == THREE
    for name, blob in (("n.json", to_network_json(NETWORK)), ("n.safetensors", checkpoint_bytes(NETWORK))):
        (tmp_path / name).write_bytes(blob)
        assert read_checkpoint(tmp_path / name).scaling == THREE
        assert read_trained(blob, name).scaling == THREE


@pytest.mark.parametrize("other", ['"minmax"', "minmax", "3", "{}"])
def test_somebody_else_s_scaling_in_a_checkpoint_is_theirs(tmp_path: Path, other: str) -> None:
    blob = checkpoint_bytes(replace(NETWORK, scaling=None), {"scaling": other})
    (tmp_path / "n.safetensors").write_bytes(blob)
    assert read_checkpoint(tmp_path / "n.safetensors").scaling is None
    assert read_trained(blob, "n.safetensors").scaling is None


@pytest.mark.parametrize(
    ("scaling", "why"),
    [
        (Scaling((BILL,)), "scales 1 features, the network has 3 inputs"),
        (Scaling((BILL, replace(MASS, factor=float("inf")), REST)), "'mass' by numbers that are not finite"),
        (Scaling((BILL, replace(MASS, low=7000.0), REST)), "'mass' a range from 7000.0 to 6300.0"),
        (Scaling((BILL, replace(MASS, low=None), REST)), "'mass' a range from None to 6300.0"),
    ],
)
def test_a_map_that_can_t_be_is_refused(scaling: Scaling, why: str) -> None:
    with pytest.raises(FabError, match=why):
        check_network(replace(NETWORK, scaling=scaling), "net")


@pytest.mark.parametrize("entry", [{}, {"name": "x"}, {"name": 3, "factor": 1}, {"name": "x", "factor": "many"}, 3])
def test_a_table_that_is_no_map_is_refused(entry: object) -> None:
    table = json.loads(to_network_json(NETWORK))
    table["scaling"] = [entry]
    with pytest.raises(FabError, match="is no network"):
        from_network_json(json.dumps(table).encode(), "n.json")


def test_a_sample_with_decimal_commas_is_read_between_semicolons() -> None:
    measures = plain_scaling(("a", "b"), 2.0)
    assert units_of("8,2; 5,6", measures) == units_of("8.2,5.6", measures) == [16.4, 11.2]
    with pytest.raises(FabError, match="is not 2 numbers; give, parted by commas, with decimal points, a, b"):
        units_of("8,2,5,6", measures)
