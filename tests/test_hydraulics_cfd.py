"""The tooth law against the CFD runs (OpenFOAM interFoam), case by case.

Fitted on A with surface tension: PULL, STOP_LENGTH, WIDTH_EFFECT, kappa0 = -0.1. On G's stop: a residual head of
2.08 mm. On L: END_GROWTH. End excess 0.06 from the combs' bulk. All the rest are tests.
"""

from math import radians

import numpy as np
import pytest
from scipy.optimize import brentq

from pelu_fab import hydraulics as h
from pelu_fab.hydraulics.tooth import END_GROWTH, END_KNEE, REFERENCE_HEAD
from pelu_fab.sources.process import read_process

SLOTS, SLOT_OF = [3.0, 9.0, 18.0], [0, 1, 2]
COMB, TOOTH_OF = [3.0] * 10, [0, 1, 1, 1, 2, 2, 2, 2, 2, 2]
TRIMMED = [2.83, *[3.0] * 8, 2.83]


def process(surface_tension, angle, *, excess=0.06, residual=None):
    """A fluid without hysteresis, as in the runs."""
    base = read_process("fdm-pla-water")
    update = {"surface_tension": surface_tension, "advancing_deg": angle, "receding_deg": angle}
    fluid = base.fluid.model_copy(update=update)
    stop = h.residual_head(3.0, fluid) if residual is None else residual
    bulk = excess * (1 + END_GROWTH * (END_KNEE - REFERENCE_HEAD))

    def with_kappa(kappa):
        comb = base.comb.model_copy(update={"kappa": kappa, "end_excess": bulk, "residual_head": stop})
        return base.model_copy(update={"fluid": fluid, "comb": comb})

    return with_kappa(brentq(lambda kappa: h.tooth_law(with_kappa(kappa)).kappa0 + 0.1, -1.0, 20.0))


DRY = process(1e-6, 89.9, excess=0.0)  # no surface tension
WATER = process(0.0728, 70.0, residual=2.08)
CONTRACTED = process(0.0728, 70.0, excess=0.0, residual=2.08)  # piers instead of side walls
DETERGENT = process(0.030, 20.0)


def drained(teeth, owner, fluid, start, stop):
    """Delivered shares while the level falls from `start` to `stop` mm: each mm of head is the same volume."""
    law = h.tooth_law(fluid)
    widths = np.array(teeth)
    low = max(stop, float(law.residual_heads(widths).min()) + 1e-3)
    heads = np.linspace(low, start, 2000)[:, None]
    flows = law.flows(widths, heads, h.end_flags(len(teeth)))
    shares = (flows / flows.sum(1, keepdims=True)).mean(0)
    return np.bincount(owner, shares)


DRAINS = [
    ("A, no surface tension", SLOTS, SLOT_OF, DRY, 29.7, 0.96, (0.102, 0.302, 0.596)),
    ("A, water (fitted)", SLOTS, SLOT_OF, CONTRACTED, 29.7, 2.3, (0.125, 0.301, 0.574)),
    ("B, water", SLOTS, SLOT_OF, WATER, 29.7, 2.6, (0.117, 0.302, 0.582)),
    ("G, comb, water", COMB, TOOTH_OF, WATER, 9.55, 2.08, (0.104, 0.298, 0.598)),
    ("H, comb, detergent", COMB, TOOTH_OF, DETERGENT, 9.55, 0.58, (0.105, 0.297, 0.598)),
    ("I, comb, half blades", COMB, TOOTH_OF, WATER, 9.55, 2.11, (0.106, 0.297, 0.598)),
    ("A from 9.5, no surface tension", SLOTS, SLOT_OF, DRY, 9.5, 0.96, (0.092, 0.297, 0.612)),
    ("B from 9.5", SLOTS, SLOT_OF, WATER, 9.5, 2.6, (0.137, 0.296, 0.567)),
    ("G from 5", COMB, TOOTH_OF, WATER, 5.0, 2.08, (0.108, 0.294, 0.597)),
    ("H from 5", COMB, TOOTH_OF, DETERGENT, 5.0, 0.58, (0.109, 0.293, 0.598)),
]


@pytest.mark.parametrize("case", DRAINS, ids=[c[0] for c in DRAINS])
def test_drains_agree_within_one_percentage_point(case):
    _, teeth, owner, fluid, start, stop, cfd = case
    assert np.abs(drained(teeth, owner, fluid, start, stop) - cfd).max() < 0.01


STEADY = [
    ("L, detergent, 8 mL/s (fitted)", DETERGENT, 8_000, (0.110, 0.293, 0.597)),
    ("M, water, 16 mL/s", WATER, 16_000, (0.102, 0.300, 0.599)),
]


@pytest.mark.parametrize("case", STEADY, ids=[c[0] for c in STEADY])
def test_steady_pours_agree_within_one_percentage_point(case):
    _, fluid, flow, cfd = case
    head = h.comb_head(flow, TRIMMED, fluid)
    found = np.bincount(TOOTH_OF, h.predicted_shares([[w] for w in TRIMMED], head, fluid))
    assert np.abs(found - cfd).max() < 0.01


@pytest.mark.parametrize(("fluid", "flow", "cfd"), [(DETERGENT, 8_000, 1.9), (WATER, 16_000, 3.5)], ids=["L", "M"])
def test_the_head_of_a_steady_pour_agrees_within_a_quarter_mm(fluid, flow, cfd):
    assert h.comb_head(flow, TRIMMED, fluid) == pytest.approx(cfd, abs=0.25)


def leaning(fluid, head, owner):
    """Shares of the comb at `head`, leaning by half a degree towards its last tooth."""
    lift = h.tooth_centres(COMB, 0.8) * np.tan(radians(0.5))
    flows = h.tooth_law(fluid).flows(np.array(COMB), head + lift, h.end_flags(10))
    return np.bincount(owner, flows / flows.sum())


MIRRORED = [2, 2, 2, 1, 0, 1, 1, 2, 2, 2]


def test_a_leaning_comb_with_detergent_agrees_within_one_and_a_half_points():
    assert np.abs(leaning(DETERGENT, 2.0, TOOTH_OF) - (0.096, 0.276, 0.628)).max() < 0.015
    assert np.abs(leaning(DETERGENT, 2.0, MIRRORED) - (0.096, 0.296, 0.608)).max() < 0.01


def test_a_common_centroid_cancels_most_of_the_tilt():
    for fluid, head in ((DETERGENT, 2.0), (WATER, 3.0)):
        by_tooth = h.predicted_shares([[3.0]] * 10, head, fluid)
        moved = [np.abs(leaning(fluid, head, o) - np.bincount(o, by_tooth)).max() for o in (TOOTH_OF, MIRRORED)]
        assert moved[1] < 0.35 * moved[0]


KNOWN_MISSES = [  # where the law is off by more: unequal slots over the last mm, and plain water just after its start
    ("A from 9.5", SLOTS, SLOT_OF, CONTRACTED, 9.5, 2.3, (0.155, 0.289, 0.557), 0.012),
    ("A from 5", SLOTS, SLOT_OF, CONTRACTED, 5.0, 2.3, (0.233, 0.269, 0.498), 0.03),
    ("B from 5", SLOTS, SLOT_OF, WATER, 5.0, 2.6, (0.184, 0.285, 0.531), 0.04),
]


@pytest.mark.parametrize("case", KNOWN_MISSES, ids=[c[0] for c in KNOWN_MISSES])
def test_known_misses_are_no_worse_than_documented(case):
    _, teeth, owner, fluid, start, stop, cfd, limit = case
    off = np.abs(drained(teeth, owner, fluid, start, stop) - cfd).max()
    assert 0.01 < off < limit


def test_the_leaning_comb_just_after_its_start_in_plain_water_is_not_predicted():
    off = np.abs(leaning(WATER, 2.7, TOOTH_OF) - (0.080, 0.198, 0.722)).max()
    assert 0.05 < off < 0.12
