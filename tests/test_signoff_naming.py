"""Hidden buckets are told apart by what they compute, in whatever order they stand."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from handmade import Unit, at_rest, device, network_of, rehash, unit, write
from test_signoff import PROCESS

from pelu_fab.signoff import Report, verify

# Both inputs send half to either hidden bucket, which keep alike: only what lies further down tells them apart.
EVEN = [unit(9000, (0, 5, 3.0), (1, 5, 3.0)), unit(14000, (0, 5, 3.0), (1, 5, 3.0))]
ROWS: list[list[Unit]] = [
    EVEN,
    [unit(6000, (0, 8, 3.0), (1, 2, 3.0)), unit(6000, (0, 2, 3.0), (1, 8, 3.0))],
    [unit(4000, (0, 9, 3.0), (1, 1, 3.0)), unit(4000, (0, 1, 3.0), (1, 9, 3.0))],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(device(ROWS, 2), tmp_path_factory.mktemp("even"), PROCESS, network_of(ROWS, 2))


def judged(folder: Path, network: dict) -> Report:
    """Sign-off of the same device against another network."""
    for name in ("network.json", "lowered.json"):
        (folder / name).write_text(json.dumps(network))
    rehash(folder)
    return verify(folder)


def permuted(network: dict, layer: int, order: tuple[int, ...]) -> dict:
    """The same network, units of a hidden layer in another order."""
    layers = [{"h": list(one["h"]), "w": np.array(one["w"])} for one in network["layers"]]
    layers[layer - 1]["w"] = layers[layer - 1]["w"][:, order]
    layers[layer] = {"h": [layers[layer]["h"][k] for k in order], "w": layers[layer]["w"][list(order)]}
    return {**network, "layers": [{"h": one["h"], "w": one["w"].tolist()} for one in layers]}


@pytest.mark.parametrize("first", [*permutations((0, 1))])
@pytest.mark.parametrize("second", [*permutations((0, 1))])
def test_any_order_of_hidden_units_is_the_same_network(
    folder: Path, first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    network = permuted(permuted(network_of(ROWS, 2), 1, first), 2, second)
    report = judged(folder, network)
    assert at_rest(report.failures) == []
    for found, wanted in zip(report.recovered["layers"], network["layers"], strict=True):
        assert np.abs(np.array(found["shares"]) - wanted["w"]).max() < 1e-6


def test_units_alike_but_for_what_was_kept_before_them_are_told_apart(tmp_path: Path) -> None:
    rows = [
        EVEN,
        [unit(6000, (0, 10, 3.0)), unit(9000, (1, 10, 3.0))],
        [unit(4000, (0, 5, 3.0), (1, 5, 3.0)), unit(4000, (0, 5, 3.0), (1, 5, 3.0))],
    ]
    folder = write(device(rows, 2), tmp_path / "chains", PROCESS, network_of(rows, 2))
    for order in permutations((0, 1)):
        assert at_rest(judged(folder, permuted(network_of(rows, 2), 2, order)).failures) == []


def test_no_naming_makes_another_network_fit(folder: Path) -> None:
    network = network_of(ROWS, 2)
    network["layers"][1]["w"] = [[0.8, 0.2], [0.8, 0.2]]
    failures = judged(folder, network).failures
    assert {c.id for c in failures} >= {"lvs.share", "lvs.section", "equivalence.bound"}
    assert {c.where.split("->")[0] for c in failures if c.id == "lvs.share"} <= {"L1.b0", "L1.b1"}


def test_two_units_of_one_water_are_a_short_and_not_a_missing_unit(folder: Path) -> None:
    """A third hidden unit is asked for whose share arrives in another's bucket."""
    network = network_of(ROWS, 2)
    first, second = network["layers"][0], network["layers"][1]
    first["w"] = [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]
    second["h"], second["w"] = [*second["h"], 6.0], [*second["w"], second["w"][1]]
    shorts = [c.where for c in judged(folder, network).failures if c.id == "lvs.short"]
    assert shorts == ["L1.b1+L1.b2"]
