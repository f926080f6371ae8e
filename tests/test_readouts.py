"""Read-outs from one end to the other: judged, forecast, simulated and told, on devices whose answer is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import pelu_fab
from exports import DESIGNS, device, ran
from pelu_fab.commands.source import rig_of
from pelu_fab.errors import FabError
from pelu_fab.formats.pour import to_pour
from pelu_fab.network.algebra import pours_up_to
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.signoff.asked import readout_check
from pelu_fab.signoff.equivalence import data_checks, pours_of, readout_checks
from pelu_fab.signoff.mass import Book, book_of
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.readings import readings

UNIT = 1000.0
Y = Readout("y", plus=("up",), minus=("down",), scale=0.5, unit="m", limit=0.3)
HIGH = Readout("high", "above", plus=("up",), above=10.0)
LAYER = Layer(np.array([2.0]), np.array([[0.5, 0.2, 0.3]]))
NETWORK = Network((LAYER,), ("x",), ("up", "down", "waste"), readouts=(Y, HIGH))
JUG = np.array([50.0]) * UNIT


def built(shares: list[float], retained: float = 2.0) -> Book:
    return book_of(replace(NETWORK, layers=(Layer(np.array([retained]), np.array([shares])),)), UNIT)


def judged(book: Book, network: Network = NETWORK) -> dict[str, Any]:
    books = {"trained": book_of(network, UNIT), "lowered": book_of(network, UNIT), "built": book, "predicted": book}
    checks, facts = readout_checks(network, books, pours_of(JUG, None, UNIT), UNIT)
    assert all(check.id == "equivalence.readout" for check in checks)
    return {"checks": [(check.where, check.unit, check.status, check.found) for check in checks], "facts": facts}


def test_a_device_as_trained_reads_what_was_trained() -> None:
    found = judged(book_of(NETWORK, UNIT))
    assert found["checks"] == [("y", "m", "pass", 0.0), ("high", "pours", "pass", 0.0)]
    assert found["facts"][0]["max"] == {"lowered": 0.0, "built": 0.0, "predicted": 0.0}


def test_a_share_astray_moves_the_number_beyond_its_limit_and_no_further_than_it_must() -> None:
    """48 mL spill at most; 3 points from down to up are 2 × 0.03 × 48 × 0.5 = 1.44 m."""
    found = judged(built([0.53, 0.17, 0.3]))
    assert found["checks"][0] == ("y", "m", "fail", pytest.approx(1.44))
    assert found["facts"][0]["rms"]["built"] == pytest.approx(1.44 * np.sqrt(1 / 3), rel=0.05)
    assert judged(built([0.503, 0.197, 0.3]))["checks"][0] == ("y", "m", "pass", pytest.approx(0.144))
    unlimited = replace(NETWORK, readouts=(replace(Y, limit=None),))
    assert judged(built([0.53, 0.17, 0.3]), unlimited)["checks"][0][2] == "fail", "5 % of 7.2 m are 0.36 m"


def test_a_yes_told_otherwise_counts_by_pours() -> None:
    """Up is above 10 from 22 mL on; a device that keeps 6 mL more says so from 28 mL on: 24 of 201 pours."""
    found = judged(built([0.5, 0.2, 0.3], retained=8.0))
    assert found["checks"][1] == ("high", "pours", "fail", 24.0)
    assert judged(built([0.5, 0.2, 0.3], retained=2.2))["checks"][1][2] == "pass"


def test_the_waste_wins_no_row_of_the_data() -> None:
    book = built([0.2, 0.1, 0.7])
    rows, rivals = np.array([[20.0], [40.0]]), NETWORK.answers[0].rivals(NETWORK.outputs)
    told = (book, book, book, (rows, np.array([0, 0])), UNIT, "")
    assert data_checks(*told, rivals)[1]["errors"] == 0 and data_checks(*told)[1]["errors"] == 2


def test_a_folder_that_reads_otherwise_than_asked_is_found() -> None:
    other = replace(NETWORK, readouts=(replace(Y, offset=1.0), HIGH))
    assert readout_check(NETWORK, NETWORK).status == "pass"
    assert (
        readout_check(NETWORK, other).status == "fail"
        and readout_check(NETWORK, other, is_sure=False).status == "skipped"
    )


def test_pours_run_along_one_jug_and_else_over_the_data() -> None:
    assert pours_of(JUG, None, UNIT)[[0, -1], 0].tolist() == [0.0, 50_000.0]
    rows = np.array([[1.0, 2.0]])
    assert pours_of(np.ones(2), (rows, None), UNIT).tolist() == [[1000.0, 2000.0]]
    drawn = pours_of(np.array([3.0, 5.0]), None, UNIT)
    assert (drawn.max(axis=0) <= [3.0, 5.0]).all() and drawn.max() > 4.5
    assert pours_up_to([50.0])[[0, -1], 0].tolist() == [0.0, 50.0] and pours_up_to([3.0, 5.0]).shape == (101, 2)


@pytest.fixture(scope="module")
def sine() -> Any:
    return rig_of(DESIGNS / "sine")


def forecast(rig: Any, scale: float, prints: int = 256) -> Any:
    pours = pours_up_to(rig.input_max) * rig.unit_volume
    noise = Noise.of(rig.process, primed=True).scaled(scale)
    return readings(rig.water, rig.process, rig.network, pours, rig.unit_volume, prints=prints, noise=noise)


def test_prints_without_scatter_read_the_device_as_drawn(sine: Any) -> None:
    (still,) = forecast(sine, 0.0, prints=2)
    assert still.rms.max() < 0.02 and still.high == pytest.approx(0.9455, abs=1e-3)
    assert still.rms[0] == still.rms[1] and still.right is None


def test_errors_of_prints_grow_with_their_scatter_and_95_percent_lie_beyond_the_rms(sine: Any) -> None:
    (half,), (whole,) = forecast(sine, 0.5), forecast(sine, 1.0)
    told = [found.to_json() for found in (half, whole)]
    assert 1.6 < told[1]["rms"] / told[0]["rms"] < 2.4
    assert all(row["rms"] < row["within_95"] < 3 * row["rms"] for row in told)
    assert told[1]["rms_percent"] == pytest.approx(100 * told[1]["rms"] / 1.891, rel=1e-3)


def test_a_number_that_runs_through_too_little_water_is_refused_with_the_figure() -> None:
    """plus - minus grows by a fifth of what is poured at first: 8 mL are 1.6."""
    design = replace(pelu_fab.load(DESIGNS / "sine"), samples=None, protocol=(), input_max=(8.0,))
    with pytest.raises(FabError, match=r"read-out 'sin x': runs through 1.6 mL of plus - minus in all, at least 5"):
        pelu_fab.compile(design)


@pytest.mark.parametrize(("angle", "value"), [("90", 0.945), ("270", -0.945), ("0", 0.0), ("180", 0.0)])
def test_simulate_answers_with_the_sine_of_an_angle(angle: str, value: float) -> None:
    found = ran("simulate", DESIGNS / "sine", "--sample", angle, "--mode", "ideal")
    (row,) = found["readouts"]
    assert row["value"] == pytest.approx(value, abs=0.02) and row["trained_value"] == pytest.approx(value, abs=0.02)
    assert found["answer"] == row["says"] and row["says"].startswith("sin x = ")


@pytest.mark.parametrize(
    ("pour", "answers"),
    [("0,0", ("no", "no")), ("30,0", ("no", "yes")), ("0,30", ("no", "yes")), ("30,30", ("yes", "yes"))],
)
def test_and_or_says_yes_and_no(pour: str, answers: tuple[str, str]) -> None:
    found = ran("simulate", DESIGNS / "and-or", "--pour", pour)
    assert [row["says"].split()[1] for row in found["readouts"]] == list(answers)


def test_yield_of_yes_and_no_counts_what_is_told_as_trained() -> None:
    both = ran("yield", DESIGNS / "and-or", "--prints", "128")["readouts"]
    assert [row["name"] for row in both] == ["and", "or"] and all(0.9 < row["right"] <= 1.0 for row in both)


def test_the_sheet_tells_the_map_the_pour_in_three_units_and_the_answer() -> None:
    plain = to_pour(device("and-or"))
    assert "measured" not in plain and "Is or above 5 mL? **or: yes (11.0 mL, the mark is 5)**." in plain
    found = device("and-or")
    left = Feature("left (cm)", 2.0, 5.0, "cm", 5.0, 20.0)
    scaling = Scaling((left, replace(left, factor=-2.0, offset=20.0)))
    network = replace(found.design.network, scaling=scaling)
    told = to_pour(replace(found, design=replace(found.design, network=network)))
    assert "| left jug | (left (cm) - 5) x 2 | 5 cm | 20 cm |" in told
    assert "| right jug | (left (cm) - 20) x -2 | 5 cm | 20 cm |" in told
    assert "| left jug | L0.b0 | 20 cm | 30.0 mL | 29.9 g |" in told
    assert "| right jug | L0.b1 | from 20 cm | 0.0 mL | 0.0 g |" in told, "from there on it stays empty"
