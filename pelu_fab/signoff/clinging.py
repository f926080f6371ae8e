"""Thin streams cling: they turn round a lip and hang under it before they fall; what stands near leads them away. mm.

By CFD (docs/cfd.md) 0.9 mL/s hung up to 7 mm behind a lip (detergent; 4 with water), and ran out over a wall there.
"""

from collections.abc import Callable, Sequence
from math import cos, radians, sqrt
from typing import TYPE_CHECKING

import numpy as np

from pelu_fab.ir.process import Fluid
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.report import Check, least
from pelu_fab.signoff.stl import Array, Index, Mask
from pelu_fab.signoff.water import capillary_square

if TYPE_CHECKING:
    from pelu_fab.signoff.flowing import Stream

HANGS = 4.3  # capillary lengths, times the cosine of the contact angle: how far back water was seen under a lip
BRIDGED = 4.0  # mm from an underside down: what stands higher is met by what hangs there
LOOKED, STEP = 14.0, 0.5  # mm back from a lip that are looked at, and between two places
LIP = 1.0  # mm over and under a lip's end in which its part's own floor lies
ACROSS = 1.0  # mm between two places along a lip, at most


def hangs(fluid: Fluid) -> float:
    """How far back under a lip water hangs before it falls, mm."""
    angle = radians((fluid.advancing_deg + fluid.receding_deg) / 2.0)
    return HANGS * sqrt(capillary_square(fluid)) * cos(angle)


Astray = Callable[[int, Array, Index], Mask]  # of places on faces, those that do not drain to a vessel


def clings(wet: Wet, streams: Sequence["Stream"], astray: Astray) -> list[Check]:
    """Of each gutter that ends in a vessel: how far behind its lip another part stands close under it, but for what
    drains to that vessel.
    """
    ends = [stream for stream in streams if stream.over is None and stream.leaves != _source(wet, stream)]
    return [_clings(wet, stream, astray) for stream in ends]


def _source(wet: Wet, stream: "Stream") -> int:
    return wet.surface.names.index(wet.found.vessels[stream.way.source].part)


def _clings(wet: Wet, stream: "Stream", astray: Astray) -> Check:
    """Over the lip's width, step by step square back: down from its part's underside to what is next below."""
    (start, end), back = stream.lip, np.arange(STEP, LOOKED, STEP)
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-9)
    out = np.array([-along[1], along[0]]) * np.sign(along[0] * stream.ahead[1] - along[1] * stream.ahead[0])
    ahead = np.array([*out, -np.tan(stream.angle) * (out @ stream.ahead)])
    across = np.linspace(start, end, 2 + int(np.linalg.norm(end - start) / ACROSS))
    places = (across[:, None, :] - back[:, None] * ahead).reshape(-1, 3)
    query, face, z, facing = wet.surface.columns.crossings(places, (-np.inf, LIP))
    own = wet.surface.part_of_face[face] == stream.leaves
    under = np.full(len(places), np.inf)
    near = own & (np.abs(z - places[query, 2]) < 3.0 * LIP)
    np.minimum.at(under, query[near], z[near])
    gap = under[query] - z
    met = np.flatnonzero(~own & (facing > 0) & (gap < BRIDGED) & (gap > -LIP))
    tops = np.column_stack([places[query[met], :2], z[met]])
    met = query[met[astray(stream.way.goal, tops, face[met])]]
    distances = np.tile(back, len(across))
    first = int(met[np.argmin(distances[met])]) if len(met) else -1
    free = float(distances[first]) if len(met) else LOOKED
    why = f"back from its lip to what stands within {BRIDGED:g} mm below; a thin stream hangs there before it falls"
    return least("flow.cling", stream.name, free, hangs(wet.process.fluid), "mm", why, place_of(places[first]))
