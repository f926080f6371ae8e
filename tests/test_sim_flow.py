"""Water over time: the books close, the ideal limit is the algebra, and the clock agrees with closed forms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from waterworks import DETERGENT, OPEN, WATER, random_netlist, resting_at, water_of

import pelu_fab
from pelu_fab import hydraulics as h
from pelu_fab.errors import FabError
from pelu_fab.ir.layout import Leg
from pelu_fab.ir.netlist import Bucket, Duct, Netlist
from pelu_fab.network import algebra
from pelu_fab.sim import flow as flow_module
from pelu_fab.sim.energy import energy
from pelu_fab.sim.flow import flow
from pelu_fab.sim.limits import flow_violations, pour_violations, steady_inflows
from pelu_fab.sim.plumbing import Conditions, plumb
from pelu_fab.sim.schedule import Pour, Schedule, all_at_once, design_pour, from_pours, one_by_one, with_pours
from pelu_fab.sim.tolerance import Noise, blank, draw
from pelu_fab.sim.water import Screen, check_water
from pelu_fab.sim.water import water_of as drawn_water
from pelu_fab.stages.lay_out import lay_out

NETLIST = random_netlist((4, 3, 3), seed=1)
DEVICE = water_of(NETLIST)
POUR = np.array([62_000.0, 34_000.0, 54_000.0, 23_000.0])
REAL = Conditions(mode="real")
ONE = Netlist(
    "one", ((Bucket("L0.b0", 5_000.0),),), (Duct("L0.b0", "out.y0", 1.0),), (("in.x0", "in"),), (("out.y0", "out"),)
)


def in_portions(portions: np.ndarray, duration: float) -> Schedule:
    """Portions (steps, runs, inputs), mm3, one step after the other, each evenly over `duration` seconds."""
    volumes = np.moveaxis(portions, 0, 2)
    start = np.broadcast_to(np.arange(len(portions)) * duration, volumes.shape).copy()
    return Schedule(start, start + duration, volumes / duration)


SCHEDULES = {
    "at once in a second": all_at_once(POUR, 1.0),
    "at once in 20 s": all_at_once(POUR, 20.0),
    "one by one": one_by_one(POUR, 12_000.0),
    "one by one, other order, long pauses": one_by_one(POUR, 20_000.0, pause=7.0, order=[2, 0, 3, 1]),
    "at the design flow": design_pour(POUR, 12_000.0),
    "in portions": in_portions(POUR * np.array([[[0.5, 0, 0.2, 1]], [[0.1, 0.3, 0.8, 0]], [[0.4, 0.7, 0, 0]]]), 5.0),
    "topped up later": from_pours([Pour(i, v / 2, t, 3.0) for i, v in enumerate(POUR) for t in (0.0, 60.0 + i)], 4),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_ideal_water_ends_where_the_algebra_says_whatever_the_schedule(name):
    found = flow(DEVICE, DETERGENT, SCHEDULES[name])
    exact = algebra.run(NETLIST, POUR)
    assert np.abs(found.cups - exact.outputs).max() < 1e-3  # mm3: 1e-6 mL
    assert np.abs(found.kept - np.concatenate(exact.kept, axis=1)).max() < 1e-3
    assert np.abs(found.mass_error()).max() < 1e-6  # mm3: 1e-9 mL


def test_a_hundred_pours_at_once_and_in_portions_of_any_order_fill_the_cups_alike():
    rng = np.random.default_rng(0)
    poured = rng.uniform(0.0, 60_000.0, (100, 4)) * (rng.random((100, 4)) > 0.1)
    portions = np.moveaxis(rng.dirichlet(np.ones(6), poured.shape), 2, 0) * poured
    for schedule in (all_at_once(poured, 5.0), in_portions(portions, 3.0)):
        found = flow(DEVICE, DETERGENT, schedule)
        assert (np.abs(found.mass_error()) <= 1e-9 * np.maximum(found.poured.sum(axis=1), 1.0)).all()
        assert np.abs(found.cups - algebra.outputs(NETLIST, poured)).max() < 1e-3  # mm3


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("conditions", [REAL, Conditions(mode="real", tilt_deg=(0.5, -0.3), primed=False)])
def test_real_water_is_neither_made_nor_lost(name, conditions):
    found = flow(DEVICE, DETERGENT, SCHEDULES[name], conditions)
    assert np.abs(found.mass_error()).max() < 1e-6
    for store in (found.kept, found.cups, found.delivered, found.spilled, found.trace.volumes, found.trace.gutters):
        assert store.min() > -1e-9


def test_a_spilling_device_keeps_its_books_and_names_the_bucket():
    low = water_of(NETLIST, rim_height=4.0)
    found = flow(low, DETERGENT, all_at_once(POUR, 1.5), REAL)
    assert found.spilled.sum() > 1000 and abs(found.mass_error()[0]) < 1e-6
    broken = [v for v in flow_violations(found, low, DETERGENT, pour="a dump") if v.rule == "flow.spill"]
    assert broken[0].where == "L0.b0" and broken[0].unit == "mL"
    assert broken[0].found == pytest.approx(found.spilled[0, 0] / 1000)


def test_the_design_pour_of_a_good_device_breaks_nothing_and_a_low_rim_does():
    assert pour_violations(DEVICE, DETERGENT, POUR, 12_000.0) == []
    low = water_of(NETLIST, rim_height=3.0)
    broken = pour_violations(low, DETERGENT, POUR, 12_000.0)
    assert {v.rule for v in broken} == {"flow.freeboard"} and {v.where for v in broken} == {b.name for b in low.buckets}
    assert min(v.found for v in broken if "dumped" in v.why) < 0 < min(v.found for v in broken if "design" in v.why)


def each(device, change):
    """The device with every bucket changed."""
    return replace(device, rows=tuple(tuple(change(b) for b in row) for row in device.rows))


def test_a_shallow_gutter_backs_up():
    def shallow(bucket):
        return replace(
            bucket, mouths=tuple(replace(m, legs=(*m.legs, Leg(10.0, 8.0, 0.2, 10.0))) for m in bucket.mouths)
        )

    broken = pour_violations(each(DEVICE, shallow), DETERGENT, POUR, 12_000.0)
    assert {v.rule for v in broken} == {"flow.gutter"}
    assert {v.where for v in broken} == {"L1.b0", "L1.b1", "L1.b2", "out.y0", "out.y1", "out.y2"}


def test_walls_across_the_inlet_lift_the_water_before_them_and_eat_the_freeboard():
    """Torricelli by hand: 12 mL/s through 100 mm2 of holes lose (120 / 0.6)^2 / 2g = 2.04 mm a wall."""
    two = each(DEVICE, lambda b: replace(b, screens=(Screen(100.0, 9.0), Screen(100.0, 9.0))))
    bare, walled = (flow(d, DETERGENT, design_pour(POUR, 12_000.0), REAL) for d in (DEVICE, two))
    lost = (bare.freeboard - walled.freeboard)[0, :4]
    assert lost == pytest.approx(np.full(4, 2 * (120 / 0.6) ** 2 / 2 / 9.81e3), abs=0.02)
    narrow = each(DEVICE, lambda b: replace(b, screens=(Screen(20.0, 9.0),)))
    found = flow(narrow, DETERGENT, design_pour(POUR, 12_000.0), REAL)
    over = (12_000 / (h.weir_coefficient(DETERGENT.comb.discharge) * DEVICE.rows[0][0].width)) ** (2 / 3)
    assert 15 - 9 - over < found.freeboard[0, 0] < 15 - 9
    tight = each(DEVICE, lambda b: replace(b, screens=(Screen(20.0, 12.0),)))
    assert {v.where for v in pour_violations(tight, DETERGENT, POUR, 12_000.0) if v.rule == "flow.freeboard"} >= {
        "L0.b0"
    }


def test_no_pour_of_one_jug_at_a_time_passes_the_bound_without_time():
    p = plumb(DEVICE, DETERGENT, REAL)
    bound = steady_inflows(p, np.full(4, 12_000.0))
    heads = np.array([h.comb_head(q, b.teeth, DETERGENT) for q, b in zip(bound, DEVICE.buckets, strict=False)])
    for order in ([0, 1, 2, 3], [3, 1, 2, 0]):
        found = flow(DEVICE, DETERGENT, one_by_one(POUR * 2, 12_000.0, pause=30.0, order=order), REAL)
        assert (found.peak_inflows[0] <= bound * 1.01).all()
        assert (found.peak_heads[0] <= heads + 0.02).all()
    assert (found.peak_inflows[0, :4] > 0.99 * 12_000).all()
    assert (found.peak_heads[0] > 0.8 * heads).all()


def test_runs_side_by_side_equal_runs_alone():
    pours = np.array([POUR, POUR[::-1], POUR * 0.3])
    together = flow(DEVICE, DETERGENT, design_pour(pours, 12_000.0), REAL)
    for k, pour in enumerate(pours):
        alone = flow(DEVICE, DETERGENT, design_pour(pour, 12_000.0), REAL)
        assert np.abs(together.cups[k] - alone.cups[0]).max() < 20  # mm3: steps differ, the water hardly


def test_pouring_more_later_refines_the_answer():
    first = all_at_once(POUR * 0.6, 4.0)
    later = from_pours([Pour(i, v * 0.4, 40.0, 3.0) for i, v in enumerate(POUR)], 4)
    early = flow(DEVICE, DETERGENT, first)
    both = flow(DEVICE, DETERGENT, with_pours(first, later))
    assert np.abs(early.cups - algebra.outputs(NETLIST, POUR * 0.6)).max() < 1e-3
    assert np.abs(both.cups - algebra.outputs(NETLIST, POUR)).max() < 1e-3
    assert (both.cups >= early.cups - 1e-6).all()


def test_halving_the_step_hardly_moves_the_peaks(monkeypatch):
    schedule = design_pour(POUR, 12_000.0)
    coarse = flow(DEVICE, DETERGENT, schedule, REAL)
    monkeypatch.setattr(flow_module, "STEP", flow_module.STEP / 2)
    monkeypatch.setattr(flow_module, "LONGEST_STEP", flow_module.LONGEST_STEP / 2)
    fine = flow(DEVICE, DETERGENT, schedule, REAL)
    high = fine.peak_heads > 0.5
    assert high.any()
    assert np.abs(coarse.peak_heads[high] / fine.peak_heads[high] - 1).max() < 0.01
    assert np.abs(coarse.cups - fine.cups).max() < 5


def test_a_single_bucket_drains_by_the_closed_form(monkeypatch):
    monkeypatch.setattr(flow_module, "STEP", 0.02)
    device = water_of(ONE)
    found = flow(device, DETERGENT, all_at_once(np.array([15_000.0]), 0.01), sample_every=0.0)
    bucket, trace = device.rows[0][0], found.trace
    after = trace.times > 0.02
    times, heads = trace.times[after], trace.heads[after, 0]
    for high, low in ((6.0, 3.0), (3.0, 1.0), (1.0, 0.4)):
        took = np.interp(-low, -heads, times) - np.interp(-high, -heads, times)
        exact = h.drain_time(
            bucket.area, sum(bucket.teeth), high, low,
            discharge=DETERGENT.comb.discharge, viscosity=1.0, sill_length=DETERGENT.comb.sill_length,
        )  # fmt: skip
        assert took == pytest.approx(exact, rel=2e-3)


def test_below_the_threshold_not_a_drop_leaves():
    found = flow(water_of(ONE), DETERGENT, all_at_once(np.array([4_900.0]), 1.0), REAL)
    assert found.cups.max() == 0 and found.kept[0, 0] == pytest.approx(4_900)


def test_real_buckets_keep_what_the_tolerance_model_says_they_keep():
    for process in (DETERGENT, WATER, resting_at(-1.3)):
        device = water_of(NETLIST, process)
        found = flow(device, process, one_by_one(POUR * 2, 12_000.0), REAL)
        assert np.abs(found.kept - [b.retained_volume for b in device.buckets]).max() < 60
        drawn = np.concatenate(draw(blank(device, process), Noise(), 1, np.random.default_rng(0)).retained, axis=1)
        full = found.delivered @ found.plumbing.leaves > 1000
        assert full.all()
        assert np.abs(found.kept - drawn).max() < 30  # mm3


def test_a_primed_device_pours_like_one_without_priming_volumes():
    """V0 is there at the start, stays, and counts in the books."""
    pour = design_pour(POUR, 12_000.0)
    plain, primed = (flow(water_of(NETLIST, priming=v), DETERGENT, pour) for v in (0.0, 11_000.0))
    several = np.array([len(NETLIST.leaving[name]) > 1 for name in plain.plumbing.buckets])
    assert several.any()
    assert primed.trace.volumes[0] == pytest.approx(np.where(several, 11_000.0, 0.0))
    assert primed.kept[0] == pytest.approx(plain.kept[0] + 11_000.0 * several, abs=1e-3)
    assert np.abs(primed.cups - plain.cups).max() < 1e-3
    assert abs(primed.mass_error()[0]) < 1e-6


def test_a_floor_that_rises_behind_widens_the_water_above_the_sill():
    """Its volume by hand: a wedge, then an upright prism on it; and heads turn it round."""
    bent = each(DEVICE, lambda b: replace(b, flare=200.0, brim=3.0))
    p = plumb(bent, DETERGENT, REAL)
    for head in (0.0, 0.1, 2.9, 3.0, 8.0):
        by_hand = p.area * head + (100.0 * head**2 if head <= 3.0 else 900.0 + 600.0 * (head - 3.0))
        assert p.above(np.full(7, head)) == pytest.approx(by_hand)
        assert p.heads(p.base + by_hand) == pytest.approx(np.full(7, head), abs=1e-9)
    assert p.heads(p.base * 0.0) == pytest.approx(-p.sill_height)
    bed = plumb(each(DEVICE, lambda b: replace(b, area=0.0, flare=200.0, brim=9.0, sill_height=0.0)), DETERGENT, REAL)
    assert (bed.heads(bed.base * 0.5) == 0.0).all()
    volumes = np.linspace(0.0, 1.6, 60)[:, None] * p.base
    slope = np.diff(p.potential(volumes), axis=0) / np.diff(volumes, axis=0)
    level = p.sill_z + p.heads((volumes[1:] + volumes[:-1]) / 2)
    assert np.abs(slope - level).max() < 0.01


def test_compensation_brings_real_shares_and_thresholds_to_the_asked_ones():
    found = flow(water_of(NETLIST, OPEN), OPEN, design_pour(POUR, 12_000.0), REAL)
    raw = flow(water_of(NETLIST, OPEN, compensate=False), OPEN, design_pour(POUR, 12_000.0), REAL)
    asked = {(d.source, d.target): d.share for d in NETLIST.ducts}

    def worst(result):
        return max(abs(s[0] - asked[k]) for k, s in result.shares().items() if not np.isnan(s[0]))

    assert worst(found) < 0.006 < worst(raw)


def test_a_dry_device_keeps_film():
    wet, dry = (
        flow(DEVICE, DETERGENT, design_pour(POUR, 12_000.0), Conditions(mode="real", primed=p)) for p in (True, False)
    )
    assert wet.film[0] == 0 and 100 < dry.film[0] < len(dry.plumbing.transit) * 40 + 1
    assert dry.cups.sum() < wet.cups.sum()


def test_dry_teeth_start_late_and_primed_ones_at_once():
    slow = all_at_once(np.array([12_000.0]), 20.0)
    wet, dry = (
        flow(water_of(ONE), DETERGENT, slow, Conditions(mode="real", primed=p)).peak_heads[0, 0] for p in (True, False)
    )
    assert dry == pytest.approx(h.start_head(DETERGENT.fluid, 3.0, brim_deg=45.0), abs=0.2)
    assert wet < 0.8 * dry


def test_a_dry_device_comes_to_rest_where_its_last_tooth_never_started():
    comb = DETERGENT.comb.model_copy(update={"kappa": 1.4, "end_excess": 0.03})
    process, slow = DETERGENT.model_copy(update={"comb": comb}), all_at_once(np.array([12_000.0]), 20.0)
    found = flow(water_of(ONE, process), process, slow, Conditions(mode="real", primed=False))
    assert found.cups.sum() > 5_000.0 and np.abs(found.mass_error()).max() < 1e-6


def test_rows_are_in_the_netlists_order_wherever_their_cards_stand():
    lowered, sized, layout, _ = lay_out(pelu_fab.load(Path(__file__).parents[1] / "designs" / "iris"))
    turned = replace(layout, layers=tuple(row[::-1] for row in layout.layers))
    for one in (layout, turned):
        rows = drawn_water(lowered.netlist, sized, one).rows
        assert [[b.name for b in row] for row in rows] == [[b.name for b in row] for row in lowered.netlist.rows]


def test_a_leaning_table_moves_shares_towards_the_low_side():
    pour = np.array([40_000.0])
    two = Netlist(
        "two",
        ((Bucket("L0.b0", 5_000.0),),),
        (Duct("L0.b0", "out.y0", 0.5), Duct("L0.b0", "out.y1", 0.5)),
        (("in.x0", "in"),),
        (("out.y0", "left"), ("out.y1", "right")),
    )
    device = water_of(two)
    level, right, left = (
        flow(device, DETERGENT, design_pour(pour, 12_000.0), Conditions(mode="real", tilt_deg=(t, 0.0))).cups[0]
        for t in (0.0, 0.5, -0.5)
    )
    assert level[0] == pytest.approx(level[1], rel=1e-6)
    assert right[1] > right[0] * 1.05 and left[0] == pytest.approx(right[1], rel=1e-3)


def test_the_waters_potential_energy_never_rises_and_the_books_close():
    schedule = one_by_one(POUR, 12_000.0)
    found = flow(DEVICE, DETERGENT, schedule, REAL)
    books = energy(found, DEVICE, schedule, density=0.998)
    assert (np.diff(books.potential) <= 1e-12).all()
    assert books.potential[0] == pytest.approx(books.jugs)
    assert books.potential[-1] == pytest.approx(books.retained + books.cups)
    by_hand = 0.998e-6 * POUR.sum() * 9.81 * (DEVICE.rows[0][0].sill_z + 15 + 30) * 1e-3
    assert books.jugs == pytest.approx(by_hand) and books.primed == 0.0
    device = water_of(NETLIST, priming=11_000.0)
    found = flow(device, DETERGENT, schedule, REAL)
    books = energy(found, device, schedule, density=0.998)
    assert (np.diff(books.potential) <= 1e-12).all()
    assert books.potential[0] == pytest.approx(books.jugs + books.primed) and books.primed > 0.1 * books.jugs
    assert books.potential[-1] == pytest.approx(books.retained + books.cups)


def test_bad_schedules_and_networks_are_refused():
    with pytest.raises(FabError, match="name each of the 4 inputs once"):
        one_by_one(POUR, 1.0, order=[0, 0, 1, 2])
    with pytest.raises(FabError, match=r"^pour into input 4: the network has 4; count inputs from 0$"):
        from_pours([Pour(4, 1.0, 0.0, 1.0)], 4)
    with pytest.raises(FabError, match="takes 0 s"):
        from_pours([Pour(0, 1.0, 0.0, 0)], 4)
    bucket = DEVICE.rows[0][0]
    astray = replace(bucket, mouths=(replace(bucket.mouths[0], target="L9.b9"),))
    with pytest.raises(FabError, match=r"^L0\.b0->L9\.b9: leads to nothing in the row below; rename it$"):
        check_water(replace(DEVICE, rows=((astray, *DEVICE.rows[0][1:]), *DEVICE.rows[1:])))
    with pytest.raises(FabError, match="use ideal or real"):
        flow(DEVICE, DETERGENT, SCHEDULES["one by one"], Conditions(mode="wet"))


def test_eight_six_four_runs_like_any_other():
    netlist = random_netlist((8, 6, 4), seed=3)
    pour = np.linspace(10_000, 60_000, 8)
    found = flow(water_of(netlist), DETERGENT, design_pour(pour, 12_000.0))
    assert np.abs(found.cups - algebra.outputs(netlist, pour)).max() < 1e-3
