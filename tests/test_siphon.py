"""A bucket with a siphon: Viana's air law, priming, running, breaking, against figures of a model worked by hand."""

from dataclasses import replace
from itertools import pairwise
from math import inf, pi, sqrt

import numpy as np
import pytest
from waterworks import DETERGENT, WATER

from pelu_fab import hydraulics as h
from pelu_fab.errors import FabError
from pelu_fab.ir.layout import Leg
from pelu_fab.ir.netlist import Bucket, Duct, Netlist, to_text
from pelu_fab.ir.siphon import Siphon
from pelu_fab.network import algebra
from pelu_fab.sim.flow import flow
from pelu_fab.sim.forecast import forecast
from pelu_fab.sim.limits import pour_violations
from pelu_fab.sim.plumbing import Conditions, plumb
from pelu_fab.sim.schedule import Pour, all_at_once, design_pour, from_pours, one_by_one
from pelu_fab.sim.tolerance import Noise, answers, blank, draw, outputs
from pelu_fab.sim.water import WaterBucket, WaterMouth, WaterNetwork, check_water

REAL = Conditions(mode="real")
# 600 mm2, a bore of 6 mm, its crown 30 mm and its intake 4 mm above the floor, a rising leg with an open top
U = Siphon(bore=6.0, crest=6.0 * pi, intake_z=-26.0, outlet_z=-60.0, length=100.0)
BUCKET = WaterBucket(
    name="L0.b0",
    retained_volume=4200.0,
    shares=(("out.y0", 1.0),),
    drawn_volume=18_000.0,
    area=600.0,
    perimeter=0.0,  # the model by hand knows no menisci
    width=24.0,
    depth=25.0,
    sill_z=80.0,
    sill_height=30.0,
    rim_height=15.0,
    mouths=(WaterMouth("out.y0", (6.0 * pi,), (0.0,), (Leg(20.0, 6.0, 6.0, 80.0),)),),
    siphon=U,
    flush_volume=18_700.0,
    residue=4200.0,
)


def device(bucket=BUCKET):
    return WaterNetwork("flush", ((bucket,),), (("in.x0", "jug"),), (("out.y0", "cup"),))


def given(volumes_ml, *, rate=12_000.0, bucket=BUCKET, process=DETERGENT, conditions=REAL):
    """What reaches the cup, mL, of pours (mL) at `rate`."""
    pours = 1000.0 * np.atleast_2d(volumes_ml).T
    found = flow(device(bucket), process, design_pour(pours, rate), conditions)
    assert np.abs(found.mass_error()).max() < 1e-6
    return found.cups[:, 0] / 1000.0


@pytest.mark.parametrize(
    ("bore", "plain", "soapy", "full"),
    [(4, 0.03, 0.13, 7), (5, 0.11, 0.47, 11), (6, 0.32, 1.2, 16), (8, 1.7, 4.0, 29)],
)
def test_bores_prime_and_run_as_vianas_law_and_darcys_say(bore, plain, soapy, full):
    """mL/s, of plain water and with detergent; full at 60 mm of head."""
    assert h.priming_flow(bore, WATER.fluid) / 1000 == pytest.approx(plain, rel=0.1)
    assert h.priming_flow(bore, DETERGENT.fluid) / 1000 == pytest.approx(soapy, rel=0.05)
    found = h.full_flow(np.array(60.0), np.array(float(bore)), np.array(100.0), 1.0) / 1000
    assert float(found) == pytest.approx(full, rel=0.05)
    siphon = replace(U, bore=float(bore))
    assert h.full_head(1000 * float(found), siphon, replace_viscosity(1.0)) == pytest.approx(60.0, abs=1e-6)


def replace_viscosity(value):
    return DETERGENT.model_copy(update={"fluid": DETERGENT.fluid.model_copy(update={"viscosity": value})})


def test_a_wide_pipes_bubble_rises_as_dumitrescus():
    """Fr -> 0.34 where surface tension no longer counts; none rises in a capillary."""
    assert h.bubble_froude(60.0, WATER.fluid) == pytest.approx(0.34, rel=0.01)
    assert h.bubble_froude(1.0, WATER.fluid) < 1e-4


def test_it_keeps_all_below_its_threshold_and_empties_itself_above():
    assert given([18.0]) == pytest.approx([0.0], abs=1e-9)
    assert given([19.0, 25.0]) == pytest.approx([14.9, 20.8], abs=0.15)
    low, high = given([18.5]), given([18.9])
    assert low <= 0.51 and high > 14.5  # what stands above the crown trickles; then all at once


def test_the_threshold_is_what_has_flowed_in_when_the_crown_passes_the_priming_flow():
    assert h.flush_volume(U, 600.0, 18_000.0, 12_000.0, DETERGENT) == pytest.approx(18_700, abs=100)
    slower = [h.flush_volume(U, 600.0, 18_000.0, q, DETERGENT) for q in (12_000.0, 4_000.0, 1_500.0, 1_200.0)]
    assert all(a < b for a, b in pairwise(slower)) and slower[-1] == inf
    assert h.priming_flow(6.0, DETERGENT.fluid) > 1_200.0


def test_a_sump_leaves_what_lies_in_it():
    """60 mm2 up to where the bore draws air."""
    sump = replace(BUCKET, drawn_volume=18_000.0, residue=60.0 * 7.0, foot=60.0)
    assert given([25.0], bucket=sump) == pytest.approx([25.0 - 0.42], abs=0.05)


def test_a_slow_stream_trickles_and_never_flushes():
    found = flow(device(), DETERGENT, all_at_once(np.array([30_000.0]), 30.0), REAL)  # 1 mL/s
    assert found.kept[0, 0] == pytest.approx(18_000, abs=50)
    assert found.trace.mouth_flows.max() < 1_300


def test_a_steady_stream_makes_it_oscillate():
    """2 mL/s lift it from 4.2 to 18.9 mL in 7 s, and then about 16 - 2 mL/s leave for 1 s: some 9 s a flush."""
    found = flow(device(), DETERGENT, all_at_once(np.array([120_000.0]), 60.0), REAL)
    flows = found.trace.mouth_flows[:, 0]
    starts = np.flatnonzero((flows[1:] > 8_000) & (flows[:-1] <= 8_000))
    gaps = np.diff(found.trace.times[starts])
    assert len(gaps) >= 4 and gaps == pytest.approx(np.full(len(gaps), 8.6), abs=0.8)


def test_when_it_is_poured_counts_as_no_weir_ever_asks():
    """Two halves of 30 mL make one flush; 19 mL flush alone, and what comes later is kept."""
    halves = one_by_one(np.array([15_000.0]), 12_000.0)
    assert flow(device(), DETERGENT, halves, REAL).cups[0, 0] == 0.0
    early = from_pours([Pour(0, 19_000.0, 0.0, 19 / 12), Pour(0, 11_000.0, 30.0, 1.0)], 1)
    late = from_pours([Pour(0, 15_000.0, 0.0, 1.25), Pour(0, 15_000.0, 30.0, 1.25)], 1)
    kept = [flow(device(), DETERGENT, schedule, REAL).kept[0, 0] for schedule in (early, late)]
    assert kept[0] == pytest.approx(15_200, abs=200) and kept[1] == pytest.approx(4_200, abs=100)


NETLIST = Netlist(
    "flush",
    ((Bucket("L0.b0", 4200.0, 18_700.0),),),
    (Duct("L0.b0", "out.y0", 1.0),),
    (("in.x0", "jug"),),
    (("out.y0", "cup"),),
)


def test_ideal_water_ends_where_the_algebra_says_when_it_comes_at_once():
    pours = np.array([[0.0], [4_000.0], [18_699.0], [18_701.0], [25_000.0], [35_000.0]])
    found = flow(device(), DETERGENT, design_pour(pours, 12_000.0))
    exact = algebra.run(NETLIST, pours)
    assert np.abs(found.cups - exact.outputs).max() < 11.0  # mm3: what a siphon breaks at
    assert np.abs(found.kept - exact.kept[0]).max() < 11.0
    assert exact.outputs[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.0, 14_501.0, 20_800.0, 30_800.0])


def test_a_netlist_tells_a_flush_from_a_weir():
    assert "bucket L0.b0 retains 4.2000 mL of a flush at 18.7000 mL\n" in to_text(NETLIST)
    assert NETLIST.layers[0].flushes.all()


def test_prints_scatter_its_threshold_and_what_it_leaves():
    found = draw(blank(device(), DETERGENT), Noise.of(DETERGENT), 4000, np.random.default_rng(1))
    met, left = found.retained[0] + found.jumps[0], found.retained[0]
    assert met.mean() == pytest.approx(18_700, abs=50) and left.mean() == pytest.approx(4_200, abs=30)
    assert met.std() == pytest.approx(350, abs=100)  # mm3, as forecast for such a bucket
    assert left.std() == pytest.approx(600, abs=100)
    still = draw(blank(device(), DETERGENT), Noise(), 1, np.random.default_rng(1))
    poured = outputs(still, np.array([[18_000.0, 25_000.0]]))
    assert poured[0, 0] == pytest.approx([0.0, 20_800.0], abs=20)


def test_a_pour_well_off_the_threshold_is_certain_and_one_at_it_a_coin():
    two = device(replace(BUCKET, shares=(("out.y0", 1.0),)))
    prints = draw(blank(two, DETERGENT), Noise.of(DETERGENT), 2000, np.random.default_rng(2))
    cups = outputs(prints, np.array([[17_000.0, 18_690.0, 20_500.0]]))[:, 0] > 5_000
    low, middle, high = cups.mean(axis=0)
    assert low == 0.0 and high == 1.0 and 0.3 < middle < 0.7
    assert (answers(prints, np.array([[17_000.0]]), Noise(), np.random.default_rng(0)) == 0).all()


def test_a_forecast_counts_the_siphon_among_the_causes_and_certifies_by_the_distance_to_the_threshold():
    far, near = np.array([[10_000.0], [26_000.0]]), np.array([[18_600.0], [18_800.0]])
    certified = []
    for pours in (far, near):
        found = forecast(device(), DETERGENT, NETLIST.layers, pours, prints=200)
        assert "siphon" in found.by_cause
        certified.append(found.certified)
    assert certified[0] > 0.95 and certified[1] < 0.2
    assert found.gaps == pytest.approx([0.1, 0.1])


def test_a_jug_dumped_into_it_needs_a_rim_and_what_its_bore_carries_does_not():
    assert pour_violations(device(), DETERGENT, np.array([25_000.0]), 12_000.0) == []
    volume = np.array([75_000.0])  # 25 mL/s, the bore takes 16: 27 mL lift 600 mm2 by 45 mm
    (broken,) = pour_violations(device(), DETERGENT, volume, 12_000.0)
    found = flow(device(replace(BUCKET, rim_height=90.0)), DETERGENT, all_at_once(volume, 3.0), REAL)
    assert broken.rule == "flow.freeboard" and 15.0 - broken.found == pytest.approx(1.1 + 45.0, abs=1.0)
    assert found.peak_heads[0, 0] < 15.0 - broken.found, "a bound of what happens in time"


def test_a_tilted_table_moves_the_crown():
    level, leaning = (plumb(device(), DETERGENT, Conditions(mode="real", tilt_deg=(0.0, t))) for t in (0.0, 1.0))
    assert level.siphons is not None and leaning.siphons is not None
    gap = level.siphons.primes - leaning.siphons.primes
    assert gap == pytest.approx([600 * 12.5 * np.tan(np.radians(1.0))])


def test_a_residue_above_the_crown_is_refused():
    with pytest.raises(FabError, match="residue"):
        check_water(device(replace(BUCKET, residue=18_000.0)))


def test_the_crown_is_a_weir_until_it_primes():
    """Poleni by hand: a crest of 18.85 mm at 1.1 mm passes the 1.23 mL/s that prime a bore of 6 mm."""
    head = h.priming_head(U, DETERGENT)
    byhand = 2 / 3 * DETERGENT.comb.discharge * sqrt(2 * 9810) * 6 * pi * head**1.5
    assert byhand == pytest.approx(h.priming_flow(6.0, DETERGENT.fluid)) and 1.0 < head < 1.2
    assert h.crest_flow(np.array([-1.0, head]), np.array(6 * pi), DETERGENT) == pytest.approx([0.0, byhand])
