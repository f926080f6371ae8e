"""The judge's own water against numbers worked out by hand, against CFD, and against the maker's: two books."""

from dataclasses import replace
from math import cos, radians, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterworks import OPEN, resting_at

from pelu_fab import hydraulics
from pelu_fab.hydraulics import comb as makers_comb
from pelu_fab.ir.process import Process
from pelu_fab.signoff import water
from pelu_fab.sources.process import read_process

DETERGENT, WATER, RESIN = (read_process(name) for name in ("fdm-pla-detergent", "fdm-pla-water", "resin"))
PROCESSES = {"detergent": DETERGENT, "water": WATER, "resin": RESIN}
COMB = np.array([2.83, *[3.0] * 8, 2.83])  # of the CFD runs: 1, 3 and 6 teeth, the end ones narrower
OWNER = np.array([0, 1, 1, 1, 2, 2, 2, 2, 2, 2])


widths = st.lists(st.floats(2.2, 4.4), min_size=1, max_size=14)


def law(process: Process) -> water.ToothLaw:
    return water.ToothLaw(process, plain=False)


def test_a_pool_holds_its_residual_head_and_a_meniscus_along_its_edge() -> None:
    # l_c² = 0.030 N/m / (998 kg/m3 · 9.81 m/s2) = 3.064 mm2, cos 10° = 0.985
    assert water.capillary_square(DETERGENT.fluid) == pytest.approx(3.0642, abs=1e-4)
    edge = 98 * 3.0642 * 0.98481
    for rests in (0.1, -1.3):  # over the sill, and drawn down below it
        assert water.held_in_pool(600.0, 98.0, resting_at(rests)) == pytest.approx(600 * rests + edge, abs=0.01)


def test_a_bed_holds_a_wedge_at_its_foot() -> None:
    # A head of 0.1 mm on a slope of 1 in 4 reaches 0.4 mm up: 30 · 0.1 · 0.4 / 2, and 0.4/1.75 of the meniscus.
    edge = (30.0 + 0.8) * 3.0642 * cos(radians(10.0)) * 0.4 / sqrt(3.0642)
    assert water.held_on_bed(30.0, 15.0, 0.25, resting_at(0.1)) == pytest.approx(0.6 + edge, rel=1e-4)
    assert water.held_on_bed(30.0, 15.0, 0.25, resting_at(-1.3)) == 0.0


def test_a_weir_of_thirty_millimetres_carries_eighteen_millilitres_at_five() -> None:
    # q = (2/3) 0.6 √(2 g) H^1.5 = 0.627 mL/s per mm at 5 mm
    assert water.weir_head(30 * 626.5, 30.0, 0.6) == pytest.approx(5.0, abs=0.01)
    assert water.weir_head(0.0, 30.0, 0.6) == 0.0


@pytest.mark.parametrize(
    ("process", "flow", "cfd"), [(OPEN, 8_000.0, (0.110, 0.293, 0.597)), (WATER, 16_000.0, (0.102, 0.300, 0.599))]
)
def test_a_comb_shares_as_in_cfd_within_half_a_point(process: Process, flow: float, cfd: tuple[float, ...]) -> None:
    head = water.steady_head(law(process), COMB, flow)
    shares = np.bincount(OWNER, water.tooth_shares(law(process), COMB, [(head, 1.0)]))
    assert np.abs(shares - cfd).max() < 0.005


def test_plain_water_teeth_share_by_their_open_width() -> None:
    shares = water.tooth_shares(water.ToothLaw(WATER, plain=True), np.array([1.0, 3.0, 4.0]), [(0.3, 0.5), (5.0, 0.5)])
    assert shares == pytest.approx([0.125, 0.375, 0.5])


@given(teeth=widths, head=st.floats(0.6, 15.0), name=st.sampled_from(sorted(PROCESSES)))
def test_judge_and_maker_write_the_same_law(teeth: list[float], head: float, name: str) -> None:
    process, wide = PROCESSES[name], np.array(teeth)
    ours = law(process).flows(wide, water.ends_of(len(wide)), head)
    flags = hydraulics.end_flags(len(wide)) if len(wide) > 1 else np.zeros(1)
    theirs = hydraulics.tooth_law(process).flows(wide, np.full(len(wide), head), flags)
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9)


@given(
    area=st.floats(0, 3e3), edge=st.floats(0, 300), slope=st.floats(0.05, 0.7), name=st.sampled_from(sorted(PROCESSES))
)
def test_judge_and_maker_hold_the_same_water(area: float, edge: float, slope: float, name: str) -> None:
    process = PROCESSES[name]
    fluid, residual = process.fluid, process.comb.residual_head
    assert water.held_in_pool(area, edge, process) == pytest.approx(hydraulics.held_volume(area, edge, fluid, residual))
    assert water.held_on_bed(edge + 5, 15.0, slope, process) == pytest.approx(
        hydraulics.held_on_slope(edge + 5, 15.0, slope, fluid, residual)
    )


@given(
    teeth=widths.filter(lambda w: len(w) > 1), volume=st.floats(20e3, 200e3), name=st.sampled_from(sorted(PROCESSES))
)
def test_judge_and_maker_pour_alike_though_they_step_the_drain_otherwise(
    teeth: list[float], volume: float, name: str
) -> None:
    process, wide = PROCESSES[name], np.array(teeth)
    pour = water.heads_of_pour(law(process), wide, water.Store(700.0), 12e3, volume)
    assert sum(part for _, part in pour) == pytest.approx(1.0)
    ours = water.tooth_shares(law(process), wide, pour)
    heads = hydraulics.pour_heads(
        12e3, volume, 700.0, teeth, process, steady=makers_comb.design_head(12e3, teeth, process)
    )
    assert np.abs(ours - hydraulics.predicted_shares([[w] for w in teeth], heads, process)).max() < 4e-4


@given(teeth=widths.filter(lambda w: len(w) > 1), seed=st.integers(0, 99), name=st.sampled_from(sorted(PROCESSES)))
def test_the_width_asked_for_is_the_width_that_takes_so_much(teeth: list[float], seed: int, name: str) -> None:
    """A comb is asked for what it takes: its own widths. One tooth then asked for a little more must be wider."""
    one, wide = law(PROCESSES[name]), np.array(teeth)
    pour = water.heads_of_pour(one, wide, water.Store(700.0), 12e3, 40e3)
    takes = water.tooth_shares(one, wide, pour)
    assert water.asked_widths(one, wide, takes, pour) == pytest.approx(wide, abs=1e-6)
    more = takes.copy()
    more[seed % len(more)] *= 1.01
    grown = water.asked_widths(one, wide, more, pour) - wide
    assert grown[seed % len(more)] > 0.01 and np.delete(grown, seed % len(more)) == pytest.approx(0.0, abs=1e-6)


def test_the_law_bends_to_each_number_of_the_process() -> None:
    """A number that the judge does not read could be wrong without its notice."""

    def shares(process: Process) -> np.ndarray:
        teeth = np.array([2.5, 3.4, 3.4, 3.0])
        return water.tooth_shares(
            law(process), teeth, water.heads_of_pour(law(process), teeth, water.Store(900.0), 12e3, 20e3)
        )

    over = WATER.model_copy(update={"comb": WATER.comb.model_copy(update={"residual_head": 0.45})})  # below, it holds
    usual = shares(over)
    changes = {
        "comb": ("kappa", "end_excess", "residual_head", "tooth", "discharge", "sill_length"),
        "fluid": ("surface_tension", "advancing_deg", "receding_deg", "density", "viscosity"),
    }
    for table, names in changes.items():
        for name in names:
            part = getattr(over, table)
            other = over.model_copy(update={table: part.model_copy(update={name: 1.3 * getattr(part, name)})})
            assert np.abs(shares(other) - usual).max() > 1e-6, name


def test_a_bed_covers_less_the_lower_its_water_stands() -> None:
    bed = water.Store(100.0, width=40.0, depth=15.0, slope=0.25)
    assert [bed.surface(head) for head in (1.0, 2.0, 9.0)] == [160.0, 320.0, 600.0]
    assert replace(bed, slope=0.0).surface(1.0) == 100.0
