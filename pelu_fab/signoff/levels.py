"""Levels: at the design pour, water before each wall across an inlet goes through its holes, not over its top. mm.

A mean level: by CFD a tenth of a pour washes over the last wall of a card, near where the stream lands (docs/cfd.md).
`pools` follows a siphon's pool so too, column by column: a floor that slopes asks for more than heights 0.2 mm apart.
"""

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from pelu_fab.signoff.boxes import runs
from pelu_fab.signoff.found import Vessel, place_of
from pelu_fab.signoff.gravity import Wet, full_siphons, inflows
from pelu_fab.signoff.report import Check, least
from pelu_fab.signoff.sections import cuts
from pelu_fab.signoff.stl import Array, turned
from pelu_fab.signoff.water import GRAVITY, weir_head

ALONG, UP = 0.7, 0.2  # mm between the planes across an inlet that are looked at, and between heights in one
HIGHEST, UNDER = 24.0, 2.0  # mm above the sill up to which walls are looked at; below a pool, to meet its floor
HOLDS = 0.5  # of what is open in the widest plane: water is held back where less is
SHUT = 1.0  # mm of air across a whole plane: there a wall is without holes


def levels(wet: Wet, design_flow: float) -> list[Check]:
    """Of each bucket that divides water: how far above it the walls that it goes through stand, at least."""
    flow = inflows(wet.found, full_siphons(wet.found, wet.process), design_flow)
    buckets = [(k, v) for k, v in enumerate(wet.found.vessels) if v.branches > 1 and v.siphon is None and v.volume > 0]
    return [_level(wet, wet.names.get(index, vessel.part), vessel, flow.get(index, 0.0)) for index, vessel in buckets]


def _level(wet: Wet, name: str, vessel: Vessel, flow: float) -> Check:
    """From the comb's head upstream; through holes of A mm2 it takes (Q / (C_d A))^2 / 2g (Torricelli)."""
    discharge, width = wet.process.comb.discharge, sum(t.width for t in vessel.teeth)
    planes, head = _planes(wet, vessel), weir_head(flow, max(width, 0.1), discharge)
    room = [plane.open_below(head) for plane in planes]
    held, margin, at = HOLDS * max(room, default=0.0), HIGHEST, 0.0
    for is_held, group in groupby(zip(planes, room, strict=True), key=lambda pair: pair[1] < held):
        inside = [plane for plane, _ in group]
        walls = [(plane.open_below(top), top, plane.back) for plane in inside if (top := plane.shut_up_to) > head]
        if not is_held or not walls or inside[-1] is planes[-1]:
            continue
        holes, top, back = min(walls)
        head += (flow / (discharge * max(holes, 0.1))) ** 2 / (2.0 * GRAVITY)
        margin, at = min((margin, at), (top - head, back))
        head = min(head, top)
    sill, out = np.array(vessel.teeth[0].at[:2]), np.array(vessel.teeth[0].outward)
    why = "of a wall across its inlet stand out of the water before it, at the design pour"
    return least("flow.level", name, margin, 0.0, "mm", why, place_of(np.array([*(sill - out * at), vessel.level])))


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """A cut along the comb, `back` from its teeth: how wide it is open at heights (n) above the sill, `UP` apart."""

    back: float
    up: Array
    air: Array

    def open_below(self, level: float) -> float:
        """mm2 of air below a level."""
        return UP * float(self.air[self.up < level].sum())

    @property
    def shut_up_to(self) -> float:
        """Top of the highest wall without holes; what lies below the floor is no air."""
        return float(self.up[self.air < SHUT].max(initial=self.up[0])) + UP / 2.0


def _planes(wet: Wet, vessel: Vessel) -> list[_Plane]:
    """From the comb to the back of its pool."""
    out = np.array(vessel.teeth[0].outward)
    axes = np.array([[-out[1], out[0], 0.0], [0.0, 0.0, 1.0], [out[0], out[1], 0.0]])  # along, up, towards the teeth
    sill = np.array([*vessel.teeth[0].at[:2], vessel.level]) @ axes.T
    low, high = np.array(vessel.bounds)
    ends = np.array([[x, y, 0.0] for x in (low[0], high[0]) for y in (low[1], high[1])]) @ axes.T - sill
    left, right = ends[:, 0].min(), ends[:, 0].max()
    places = np.arange(ends[:, 2].min() + ALONG / 2.0, ends[:, 2].max(), ALONG)
    up = np.arange(vessel.floor_z - vessel.level - UNDER + UP / 2.0, HIGHEST, UP)
    own = wet.surface.corners[wet.surface.faces_of_part(wet.surface.names.index(vessel.part))]
    segments, _, plane = cuts(turned(own, axes) - sill, places)
    a, b = segments.transpose(1, 0, 2)
    first, after = np.searchsorted(up, np.minimum(a[:, 1], b[:, 1])), np.searchsorted(up, np.maximum(a[:, 1], b[:, 1]))
    segment, row = runs(first, after - first)
    a, b = a[segment], b[segment]
    along = a[:, 0] + (up[row] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    signed = np.where(b[:, 1] > a[:, 1], 1.0, -1.0) * np.clip(along, left, right)  # material is left on the way up
    solid = np.bincount(plane[segment] * len(up) + row, signed, len(places) * len(up)).reshape(len(places), len(up))
    air = right - left - solid
    air[np.arange(len(up)) < np.argmax(air < SHUT, axis=1)[:, None]] = 0.0
    return [_Plane(-float(places[k]), up, air[k]) for k in range(len(places) - 1, -1, -1)]
