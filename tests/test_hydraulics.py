"""The laws of weirs, teeth, combs and channels against closed forms, tables worked elsewhere, and each other."""

from dataclasses import replace
from math import inf, isclose

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from waterworks import OPEN, resting_at

from pelu_fab import hydraulics as h
from pelu_fab.errors import FabError
from pelu_fab.hydraulics.tooth import REFERENCE_HEAD
from pelu_fab.sources.process import read_process

DETERGENT = read_process("fdm-pla-detergent")
WATER = read_process("fdm-pla-water")


def fluid(surface_tension: float, angle: float) -> object:
    return DETERGENT.fluid.model_copy(
        update={"surface_tension": surface_tension, "advancing_deg": angle, "receding_deg": angle}
    )


@pytest.mark.parametrize(("head", "per_mm"), [(1, 0.056), (3, 0.29), (5, 0.63), (8, 1.27), (10, 1.77)])
def test_weir_flow_per_mm_matches_the_design_rules(head, per_mm):
    assert h.weir_flow(1.0, head) / 1000 == pytest.approx(per_mm, rel=0.02)


@given(st.floats(0.01, 50), st.floats(0.5, 100), st.floats(0.4, 1.2))
def test_weir_head_undoes_weir_flow(head, width, discharge):
    assert h.weir_head(h.weir_flow(width, head, discharge=discharge), width, discharge=discharge) == pytest.approx(head)


@pytest.mark.parametrize(
    ("area", "width", "half", "film"),
    [(400, 30, 0.34, 12), (600, 30, 0.50, 18), (800, 30, 0.67, 25), (800, 15, 1.34, 49)],
)
def test_drain_times_match_the_table(area, width, half, film):
    assert h.drain_time(area, width, 10, 1) == pytest.approx(half, rel=0.05)
    assert h.drain_time(area, width, 10, 0.1, viscosity=1.0) == pytest.approx(film, rel=0.04)


def test_drain_time_equals_the_integral_of_area_over_flow():
    def per_mm(head):
        quick, film = h.weir_flow(30, head), 9810 * 30 * head**4 / (12 * 1.0 * 2.0)
        return 600 * (1 / quick + 1 / film)

    assert h.drain_time(600, 30, 8, 0.5, viscosity=1.0) == pytest.approx(quad(per_mm, 0.5, 8)[0], rel=1e-9)
    assert h.drain_time(600, 30, 1, 2) == 0
    assert h.drain_time(600, 30, 1, 0) == inf


def test_viscous_head_of_a_two_mm_sill_is_0_45():
    assert h.viscous_head() == pytest.approx(0.45, abs=0.005)


@pytest.mark.parametrize(
    ("surface_tension", "angle", "width", "expected"),
    [
        (0.0728, 10, 3, 0.02), (0.0728, 30, 6, 0.42), (0.0728, 50, 18, 1.83), (0.0728, 70, 3, 1.86),
        (0.0728, 70, inf, 3.12), (0.030, 30, 3, 0.22), (0.030, 50, 3, 0.67), (0.030, 70, 18, 1.90),
    ],
)  # fmt: skip
def test_residual_heads_match_the_table(surface_tension, angle, width, expected):
    assert h.residual_head(width, fluid(surface_tension, angle)) == pytest.approx(expected, abs=0.012)


def test_start_head_is_on_the_safe_side_of_the_two_slow_pours():
    assert 3.2 <= h.start_head(fluid(0.0728, 70), 3.0) <= 4.0
    assert 1.3 <= h.start_head(fluid(0.030, 20), 3.0) <= 1.6
    assert h.start_head(WATER.fluid, brim_deg=0) == pytest.approx(3.5, abs=0.05)


def test_walls_hold_up_what_the_design_rules_say():
    plain = WATER.fluid.model_copy(update={"receding_deg": 70.0})
    assert h.held_volume(600, 98, plain, 0.0) / 1000 == pytest.approx(0.25, abs=0.01)
    assert h.held_volume(600, 98, WATER.fluid, 0.5) == h.held_volume(600, 98, WATER.fluid, 0.0) + 300


def test_a_sloped_floor_holds_less_than_a_flat_one_and_agrees_when_flat():
    flat = h.held_volume(40 * 14, 2 * 54, DETERGENT.fluid, 0.1)
    assert h.held_on_slope(40, 14, 0.0, DETERGENT.fluid, 0.1) == flat
    assert 0 < h.held_on_slope(40, 14, 0.27, DETERGENT.fluid, 0.1) < 0.2 * flat


@pytest.mark.parametrize(("width", "depth", "flow"), [(8, 4, 6), (8, 8, 18), (10, 10, 31)])
def test_chute_capacity_matches_the_design_rules(width, depth, flow):
    assert h.channel_capacity(width, 2 * depth, 30, 0.05) / 1000 == pytest.approx(flow, rel=0.06)
    assert h.channel_capacity(width, 2 * depth, 0.5, 0.05) < h.channel_capacity(width, 2 * depth, 30, 0.05)


@given(st.floats(10, 50_000), st.floats(4, 30), st.floats(2, 45), st.floats(0.02, 0.1))
@settings(max_examples=50)
def test_normal_depth_carries_its_flow(flow, width, slope, friction):
    depth = h.normal_depth(flow, width, slope, friction)
    radius = width * depth / (width + 2 * depth)
    speed = np.sqrt(8 * 9810 * radius * np.sin(np.radians(slope)) / friction)
    assert width * depth * speed == pytest.approx(flow, rel=1e-6)
    assert h.gutter_depth(flow, width, slope, friction) >= h.critical_depth(flow, width)


def test_critical_depth_has_froude_number_one():
    depth = h.critical_depth(12_000, 10)
    assert 12_000 / (10 * depth) == pytest.approx(np.sqrt(9810 * depth))


def test_slopes_that_drain_match_the_design_rules():
    water = WATER.fluid.model_copy(update={"advancing_deg": 90.0, "receding_deg": 53.13})
    assert h.self_draining_slope_deg(water) == pytest.approx(26, abs=1)
    assert 2.5 <= h.self_draining_slope_deg(DETERGENT.fluid) <= 8


@given(st.floats(2.0, 4.2), st.floats(1.0, 15.0))
def test_a_tooth_flows_more_with_head_and_more_at_the_side_wall(width, head):
    assert h.tooth_flow(width, head + 0.1, OPEN) > h.tooth_flow(width, head, OPEN)
    excess = h.tooth_flow(width, head, OPEN, end=True) / h.tooth_flow(width, head, OPEN)
    assert 1.04 < excess < 1.19


@pytest.mark.parametrize(("rests", "stops"), [(0.3, 0.3), (0.0, 0.0), (-1.3, 0.0)])
def test_a_tooth_stops_at_its_residual_head_or_at_its_sill(rests, stops):
    assert h.tooth_flow(3.0, stops, resting_at(rests)) == 0
    assert h.tooth_flow(3.0, stops + 0.05, resting_at(rests)) > 0
    assert h.tooth_flow(3.0, stops - 0.05, resting_at(rests)) == 0


def test_lumped_kappa_is_the_profiles_at_its_reference_head_and_grows_below():
    for process in (DETERGENT, WATER):
        assert h.kappa_at(REFERENCE_HEAD, process) == pytest.approx(process.comb.kappa)
        assert h.excess_at(REFERENCE_HEAD, process) == pytest.approx(process.comb.end_excess)
    assert h.kappa_at(3.0, WATER) > h.kappa_at(6.5, WATER) > h.kappa_at(15.0, WATER)
    assert h.excess_at(1.5, WATER) > h.excess_at(3.0, WATER) == h.excess_at(8.0, WATER)


@given(st.floats(2.4, 10.0))
def test_lumped_kappa_and_excess_follow_the_tooth_law(head):
    """At the heads of combs that carry a design pour; below, by a percent at 2.2 mm, the full law trims teeth."""
    widths = np.linspace(2.4, 4.2, 7)
    for process in (DETERGENT, WATER):
        flows = np.array([h.tooth_flow(w, head, process) for w in widths])
        lumped = (widths + h.kappa_at(head, process)) / (3.0 + h.kappa_at(head, process))
        assert flows / h.tooth_flow(3.0, head, process) == pytest.approx(lumped, rel=0.01)
        ends = h.tooth_flow(3.0, head, process, end=True) / h.tooth_flow(3.0, head, process) - 1
        assert ends == pytest.approx(h.excess_at(head, process))


shares_and_counts = st.lists(st.integers(1, 7), min_size=2, max_size=6).flatmap(
    lambda counts: st.tuples(
        st.just(counts),
        st.lists(st.floats(0.85, 1.15), min_size=len(counts), max_size=len(counts)),
    )
)


@given(shares_and_counts, st.floats(-0.4, 2.0), st.floats(0, 0.2))
def test_eq_8_gives_back_the_shares_and_the_width(drawn, kappa, excess):
    counts, trims = drawn
    weights = np.array(counts) * np.array(trims)
    shares = weights / weights.sum()
    widths = h.tooth_widths(list(shares), counts, 3.0 * sum(counts), kappa, end_excess=excess)
    order = [i for i, n in enumerate(counts) for _ in range(n)]
    teeth = np.array(h.comb_teeth(widths, order))
    assert teeth.sum() == pytest.approx(3.0 * sum(counts))
    carried = (teeth + kappa) * (1 + excess * h.end_flags(len(teeth)))
    assert np.bincount(order, carried) / carried.sum() == pytest.approx(shares)


def test_without_corrections_the_open_width_is_exactly_proportional():
    widths = h.tooth_widths([0.1, 0.3, 0.6], [1, 3, 6], 30.0, 0.0)
    assert [n * w for n, (w, _) in zip([1, 3, 6], widths, strict=True)] == pytest.approx([3, 9, 18])


def test_share_slack_is_the_derivative_of_the_worst_share():
    shares, counts, total, kappa = [0.14, 0.27, 0.59], [1, 3, 6], 30.0, 0.7
    widths = np.array([w for w, _ in h.tooth_widths(shares, counts, total, kappa)])

    def delivered(k):
        carried = np.array(counts) * (widths + k)
        return carried / carried.sum()

    slope = np.abs(delivered(kappa + 1e-6) - delivered(kappa - 1e-6)).max() / 2e-6
    assert h.share_slack(shares, counts, total, kappa) == pytest.approx(slope, rel=1e-6)
    assert h.share_slack([0.1, 0.3, 0.6], counts, total, kappa) == pytest.approx(0.0, abs=1e-12)


def test_equal_teeth_share_by_their_number_at_every_head_save_for_the_ends():
    mouths = [[3.0] * 4, [3.0] * 8, [3.0] * 4]
    for head in (1.0, 2.0, 5.0, 12.0):
        level = replace(h.tooth_law(WATER), end_excess=0.0)
        flows = level.flows(np.full(16, 3.0), np.full(16, head), np.zeros(16))
        assert np.ptp(flows) == 0
        first, middle, last = h.predicted_shares(mouths, head, OPEN)
        assert first == pytest.approx(last) and 0.25 < first < 0.27 and middle < 0.5


@pytest.mark.parametrize("process", [DETERGENT, WATER], ids=["detergent", "water"])
@pytest.mark.parametrize("layout", ["grouped", "mirrored"])
def test_compensated_teeth_deliver_the_shares_over_a_whole_pour(process, layout):
    shares, counts = [0.08, 0.35, 0.57], [1, 5, 8]
    order = [i for i, n in enumerate(counts) for _ in range(n)]
    if layout == "mirrored":
        order = [2, 2, 2, 2, 1, 1, 0, 1, 1, 1, 2, 2, 2, 2]
    heads = h.pour_heads(12_000, 40_000, 700, [3.0] * 14, process)
    assert sum(w for _, w in heads) == pytest.approx(1)
    widths = h.compensated_widths(shares, counts, 42.0, heads, process, order=order)
    teeth = h.comb_teeth(widths, order)
    assert sum(teeth) == pytest.approx(42.0)
    found = np.bincount(order, h.predicted_shares([[w] for w in teeth], heads, process))
    assert np.abs(found - shares).max() < 1e-6


def test_comb_head_carries_the_flow_it_was_asked_for():
    teeth = [2.8, *[3.0] * 8, 2.8]
    head = h.comb_head(12_000, teeth, DETERGENT)
    carried = sum(h.tooth_flow(w, head, DETERGENT, end=k in (0, 9)) for k, w in enumerate(teeth))
    assert carried == pytest.approx(12_000, rel=1e-9)


@pytest.mark.parametrize("rests", [0.1, DETERGENT.comb.residual_head])
def test_a_drain_follows_the_steady_law_down_to_its_rest_or_the_sill(rests):
    law = h.tooth_law(resting_at(rests))
    teeth, ends = np.full(10, 3.0), h.end_flags(10)

    def fall(_, level):
        return [-law.flows(teeth, np.full(10, level[0]), ends).sum() / 600]

    result = solve_ivp(fall, (0, 20), [6.0], rtol=1e-9, atol=1e-9)
    assert isclose(result.y[0, -1], max(rests, 0.0), abs_tol=0.2)
    assert (np.diff(result.y[0]) <= 1e-9).all()


def test_no_flow_has_no_shares():
    with pytest.raises(FabError, match=r"^comb: no tooth flows at a head of 0\.05 mm; give a larger head$"):
        h.predicted_shares([[3.0], [3.0]], 0.05, resting_at(0.1))


def test_teeth_lie_symmetric_about_the_middle():
    centres = h.tooth_centres([2.8, 3.0, 3.0, 2.8], 0.8)
    assert centres == pytest.approx(-centres[::-1])
    assert np.diff(centres) == pytest.approx([3.7, 3.8, 3.7])


def test_outside_the_checked_range_it_says_so():
    assert h.range_notes(head=5.0, tooth_width=3.0, sill_height=20.0, bucket_width=40.0) == ()
    notes = h.range_notes(head=16.0, tooth_width=1.5, sill_height=20.0, bucket_width=30.0)
    assert len(notes) == 4 and "above 15 mm" in notes[0] and "narrower than 2 mm" in notes[1]
    assert "capillary regime" in h.range_notes(head=0.5)[0]


def test_the_rim_stands_above_head_meniscus_and_slosh():
    assert h.rim_height_needed(5.0, DETERGENT) == 12.0
    assert h.start_flow(30.0, 3.2) / 1000 == pytest.approx(10, rel=0.05)
