"""Inlets: no straight line leads from where water comes down in a bucket to its comb, below the rim. mm."""

from collections.abc import Mapping

import numpy as np

from pelu_fab.signoff.found import Vessel, place_of
from pelu_fab.signoff.gravity import Wet
from pelu_fab.signoff.report import Check, failed, passed
from pelu_fab.signoff.stl import Array, Mask, boxes_of, cross, touching

FROM_UP, TO_UP = (2.0, 6.0), (1.0, 3.0, 5.0)  # mm above the sill: where jets are deflected, and water in a tooth
APART, MOST = 4.0, 6  # mm between the landings that are looked from; of them, and of the teeth looked at
PARALLEL = 1e-12
LARGEST = 32  # triangles looked at first
BLOCK = 200_000  # pairs of line and triangle looked at together
HARDLY = 300.0  # mm3 below the sill: what a threshold may be off by, so that no more is lost where a jet jumps over it


def inlets(wet: Wet, landed: Mapping[int, Array]) -> list[Check]:
    """`landed` holds where water comes down (n, 3) in each vessel."""
    vessels = enumerate(wet.found.vessels)
    buckets = [(index, one) for index, one in vessels if one.teeth and index in landed]
    return [_inlet(wet, wet.names.get(index, vessel.part), vessel, landed[index]) for index, vessel in buckets]


def _inlet(wet: Wet, name: str, vessel: Vessel, places: Array) -> Check:
    if vessel.volume <= HARDLY:
        return passed(
            "flow.inlet", name, f"{vessel.volume / 1e3:.2f} mL below its sill: no more is lost by a jet over it"
        )
    _, first = np.unique(np.round(places[:, :2] / APART), axis=0, return_index=True)
    plan = places[first, :2]
    plan = plan[np.linspace(0, len(plan) - 1, min(len(plan), MOST)).astype(int)]
    teeth = np.array([tooth.at for tooth in vessel.teeth])
    teeth = teeth[np.linspace(0, len(teeth) - 1, min(len(teeth), MOST)).astype(int), :2]
    start = np.array([(x, y, vessel.level + up) for x, y in plan for up in FROM_UP])
    end = np.array([(x, y, vessel.level + up) for x, y in teeth for up in TO_UP])
    a, b = np.repeat(start, len(end), axis=0), np.tile(end, (len(start), 1))
    own = wet.surface.corners[wet.surface.faces_of_part(wet.surface.names.index(vessel.part))]
    free = np.flatnonzero(~crossed(a, b, own))
    if len(free):
        why = f"water that comes down here sees {len(free)} of {len(a)} places of the comb: a jet crosses it uncounted"
        return failed("flow.inlet", name, why, place_of(a[free[0]]), float(len(free)))
    return passed("flow.inlet", name, f"none of {len(a)} lines from {len(plan)} landings reaches the comb")


def crossed(start: Array, end: Array, corners: Array) -> Mask:
    """Whether each stretch (n, 3) to (n, 3) meets any triangle (m, 3, 3): the largest ones stop nearly all."""
    low = np.minimum(start.min(axis=0), end.min(axis=0))
    high = np.maximum(start.max(axis=0), end.max(axis=0))
    near = corners.compress(touching(*boxes_of(corners), low, high), axis=0) - low
    normals = cross(near[:, 1] - near[:, 0], near[:, 2] - near[:, 0])
    near = near[np.argsort(-np.einsum("ij,ij->i", normals, normals), kind="stable")]
    free, done, many = np.arange(len(start)), 0, LARGEST
    while done < len(near) and len(free):
        many = max(min(2 * many, BLOCK // len(free)), 1)
        free = free[~_met(start[free] - low, (end - start)[free], near[done : done + many])]
        done += many
    found = np.ones(len(start), bool)
    found[free] = False
    return found


def _met(origin: Array, way: Array, triangles: Array) -> Mask:
    """Whether each stretch meets any triangle, by Moeller and Trumbore's triple products."""
    a, b, c = triangles.transpose(1, 0, 2)
    one, two = b - a, c - a
    normal, turning = cross(one, two), cross(origin, way)
    # Lines times triangles; all three are `det` times a weight or a part.
    det = -way @ normal.T
    u = turning @ two.T + way @ cross(a, two).T
    v = -turning @ one.T - way @ cross(a, one).T
    t = origin @ normal.T - np.einsum("ij,ij->i", a, normal)
    scale = np.where(np.abs(det) > PARALLEL, det, np.inf)
    u, v, t = u / scale, v / scale, t / scale
    met = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1) & np.isfinite(scale)
    return np.asarray(met.any(axis=1))
