"""Thin streams cling: they turn round a lip and hang under it before they fall; what stands near leads them away. mm.

By CFD (docs/cfd.md) 0.9 mL/s hung up to 7 mm behind a lip (detergent; 4 with water), and ran out over a wall there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, radians, sqrt

import numpy as np

from pelu_fab.ir.process import Fluid
from pelu_fab.signoff.found import Place, place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.report import Check, least
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.water import capillary_square

HANGS = 4.3  # capillary lengths, times the cosine of the contact angle: how far back water was seen under a lip
BRIDGED = 4.0  # mm from an underside down: what stands higher is met by what hangs there
LOOKED, STEP = 14.0, 0.5  # mm back from a lip that are looked at, and between two places
LIP = 1.0  # mm over and under a lip's end in which its part's own floor lies
ACROSS = 1.0  # mm between two places along a lip, at most


def hangs(fluid: Fluid) -> float:
    """How far back under a lip water hangs before it falls, mm."""
    angle = radians((fluid.advancing_deg + fluid.receding_deg) / 2.0)
    return HANGS * sqrt(capillary_square(fluid)) * cos(angle)


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """A gutter's lip over a vessel `goal`: `lip` (2, 3) its ends, `ahead` (2,) level and how far below level (radians)
    water leaves it, `part` whose lip it is.
    """

    name: str
    goal: int
    lip: Array
    ahead: Array
    angle: float
    part: int


Astray = Callable[[int, Array, Index], Mask]  # of places on faces, those that do not drain to a vessel


def clings(wet: Wet, ends: Sequence[Ending], astray: Astray) -> list[Check]:
    """How far behind each lip another part stands close under it, but for what drains to its vessel.

    Streams of several buckets leave by one lip, which is looked at once.
    """
    lips = [(end.part, end.goal, *np.round(end.lip, 2).ravel().tolist()) for end in ends]
    found = {lip: _free(wet, end, astray) for lip, end in dict(zip(lips, ends, strict=True)).items()}
    limit = hangs(wet.process.fluid)
    why = f"back from its lip to what stands within {BRIDGED:g} mm below; a thin stream hangs there before it falls"
    return [
        least("flow.cling", e.name, found[lip][0], limit, "mm", why, found[lip][1])
        for lip, e in zip(lips, ends, strict=True)
    ]


def _free(wet: Wet, end: Ending, astray: Astray) -> tuple[float, Place]:
    """Over the lip's width, step by step square back: down from its part's underside to what is next below. How far
    back that is first met, and where.
    """
    (left, right), back = end.lip, np.arange(STEP, LOOKED, STEP)
    along = (right - left) / max(float(np.linalg.norm(right - left)), 1e-9)
    out = np.array([-along[1], along[0]]) * np.sign(along[0] * end.ahead[1] - along[1] * end.ahead[0])
    ahead = np.array([*out, -np.tan(end.angle) * (out @ end.ahead)])
    across = np.linspace(left, right, 2 + int(np.linalg.norm(right - left) / ACROSS))
    places = (across[:, None, :] - back[:, None] * ahead).reshape(-1, 3)
    query, face, z, facing = wet.surface.columns.crossings(places, (-np.inf, LIP))
    own = wet.surface.part_of_face[face] == end.part
    under = np.full(len(places), np.inf)
    near = own & (np.abs(z - places[query, 2]) < 3.0 * LIP)
    np.minimum.at(under, query[near], z[near])
    gap = under[query] - z
    met = np.flatnonzero(~own & (facing > 0) & (gap < BRIDGED) & (gap > -LIP))
    tops = np.column_stack([places[query[met], :2], z[met]])
    met = query[met[astray(end.goal, tops, face[met])]]
    distances = np.tile(back, len(across))
    first = int(met[np.argmin(distances[met])]) if len(met) else -1
    return (float(distances[first]) if len(met) else LOOKED), place_of(places[first])
