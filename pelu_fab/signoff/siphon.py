"""Siphons, found blind: what covers the way out of a pool is a siphon if it traps air. Triangles in, lengths out.

Turned upside down, a siphon holds air as a bucket holds water: up to the highest place where air gets in, be it the
intake, a hole in the crown or a short leg. The same flood finds both: the crown as the pool's saddle, the highest point
of the lowest path, and the air's way in as the pocket's. mm, mm2, mm3, s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi, sqrt

import numpy as np
from shapely import LineString, Point, Polygon
from shapely.ops import polygonize

from pelu_fab.ir.process import Process
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.flight import inside
from pelu_fab.signoff.flood import flood, water_below
from pelu_fab.signoff.sections import cut
from pelu_fab.signoff.stl import Array, Mesh
from pelu_fab.signoff.surface import Surface
from pelu_fab.signoff.water import GRAVITY, capillary_square

TRAPPED = 1.0  # mm of air below a crown: less is no siphon
THIN = 0.02  # mm: no cut is made between two heights that are nearer
BESIDE = 8.0  # mm about a leg in which other air counts as next to its wall
HEADS = 3.0  # velocity heads that a full siphon loses beside friction: jet 1, intake 1/2, two bends 3/4 each
WIDER = 2.0  # times its section, and a leg has ended
NUDGES = np.array([[x, y, 0.0] for x in (-0.05, 0.0, 0.05) for y in (-0.05, 0.0, 0.05)])  # mm about a saddle or axis


Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class FoundSiphon:
    """Elevations as measured. `residue` is the pool's water when the bore draws air, half a bore above `intake_z`."""

    crown_z: float
    intake_z: float  # highest place where air gets in
    outlet_z: float
    bore: float  # of a circle as large as the least section on the way
    bore_at: Place
    crest: float  # width of the crown's floor
    wall: float  # least, about crown and legs
    wall_at: Place
    length: float
    residue: float
    foot: float  # area of the water there
    axis: tuple[float, float]  # of the falling leg, in plan

    @property
    def breaks(self) -> float:
        """How far below its crown the water stands when it draws air."""
        return self.crown_z - self.intake_z - self.bore / 2.0

    @property
    def head(self) -> float:
        """From the crown down to the outlet."""
        return self.crown_z - self.outlet_z


def siphon_of(surface: Surface, number: int) -> FoundSiphon | None:
    """The siphon over whose crown a basin spills, if it does over one."""
    basin, part = surface.basins[number], int(surface.part_of_basin[number])
    near = np.array(basin.exit_at) + NUDGES
    query, face, z, facing = surface.columns.crossings(near)
    above = (z > near[query, 2] + 1e-3) & (surface.part_of_face[face] == part)
    roofs, inside = (np.bincount(query[above], weights, len(near)) for weights in (None, facing[above]))
    if not ((roofs > 0) & (np.abs(inside) < 0.5)).any():
        return None  # open to the sky: a weir
    own = np.arange(len(surface.corners))[surface.faces_of_part(part)]
    used, local = np.unique(surface.mesh.faces[own], return_inverse=True)
    flip = np.array([1.0, 1.0, -1.0])
    faces = local.reshape(-1, 3)[:, ::-1].copy()
    upside = Mesh(surface.mesh.points[used] * flip, faces, surface.mesh.normals[own] * flip)
    found, corners = flood(upside, Columns(upside.corners), min_depth=TRAPPED), surface.corners[own]
    pocket = int(found.of_vertex[np.searchsorted(used, basin.exit_vertex)])
    if pocket < 0 or -found.basins[pocket].level > basin.level - TRAPPED:
        return None
    intake_z = -found.basins[pocket].level
    legs = _axes(corners[found.basins[pocket].faces], basin.level - TRAPPED / 2.0)
    if len(legs) != 2:
        return None
    below, _ = surface.columns.below(np.array([[*leg, basin.level] for leg in legs]))
    rising = [bool(face >= 0 and surface.basin_of_face[face] == number) for face in below]
    if sum(rising) != 1:
        return None
    up, down = (legs[rising.index(side)] for side in (True, False))
    return _measured(surface, number, corners, (up, down), intake_z)


def _faces(corners: Array, z: float) -> list[Polygon]:
    """Every region, of air or of material, into which a cut at `z` parts the plane."""
    return list(polygonize([LineString(s) for s in cut(corners, z)[0].round(4)]))


def _axes(walls: Array, z: float) -> list[Array]:
    """Middles of the loops in which a pocket's walls cross a height."""
    return [np.array([face.centroid.x, face.centroid.y]) for face in _faces(walls, z) if face.area > 1.0]


def _section(faces: Sequence[Polygon], leg: Array) -> Polygon | None:
    """The region that a leg's middle lies in."""
    return min((face for face in faces if face.covers(Point(*leg))), key=lambda face: face.area, default=None)


def _measured(surface: Surface, number: int, corners: Array, legs: tuple[Array, Array], intake_z: float) -> FoundSiphon:
    """Every height at which a leg can change, from the crown down: the rising one to its intake, the other to its end.

    `legs` are their middles in plan.
    """
    crown_z = surface.basins[number].level
    plan = np.array(legs)
    low, high = plan.min(axis=0) - BESIDE, plan.max(axis=0) + BESIDE
    near = (corners[:, :, :2].max(axis=1) >= low).all(axis=1) & (corners[:, :, :2].min(axis=1) <= high).all(axis=1)
    z = corners[near][:, :, 2].reshape(-1)
    bends = np.unique(np.round(z[z < crown_z - THIN], 3)).tolist()
    start = (round(float(legs[1][0]), 3), round(float(legs[1][1]), 3), round(crown_z, 3))
    bore, wall, outlet_z = (np.inf, start), (np.inf, start), crown_z
    for leg, end in ((legs[0], intake_z), (legs[1], -np.inf)):
        whole = 0.0
        for upper, lower in pairwise([crown_z, *reversed(bends)]):
            if upper - lower < THIN:
                continue
            if lower < end:
                break
            tube = True
            for height in (upper - THIN / 4, (upper + lower) / 2, lower + THIN / 4):
                faces = _faces(corners, height)
                section = _section(faces, leg)
                place = (round(float(leg[0]), 3), round(float(leg[1]), 3), round(height, 3))
                if section is not None and section.interiors and inside(surface, place + NUDGES).any():  # blocked
                    bore = min(bore, (0.0, place))
                    continue
                whole = whole or (section.area if section is not None else 0.0)
                if section is None or section.area > WIDER * whole:
                    tube = False
                    break
                bore = min(bore, (sqrt(4.0 * section.area / pi), place))
                wall = min(wall, (_thickness(faces, section), place))
            if not tube:
                break
            outlet_z = lower if leg is legs[1] else outlet_z
    crest, area = _passage(corners, legs, crown_z)
    bore = min(bore, (sqrt(4.0 * area / pi), start))
    under = surface.corners[surface.faces_of_basin(number)]
    residue, foot, _ = water_below(under, intake_z + bore[0] / 2.0)
    length = 2.0 * crown_z - float(under[:, :, 2].min()) - outlet_z + float(np.linalg.norm(legs[1] - legs[0]))
    length += _from_pool(_faces(corners, crown_z - TRAPPED / 2.0), legs[0])
    axis = (float(legs[1][0]), float(legs[1][1]))
    lengths = (crown_z, intake_z, outlet_z, float(bore[0]), bore[1], crest, float(wall[0]), wall[1], length)
    return FoundSiphon(*lengths, residue, foot, axis)


def _thickness(faces: Sequence[Polygon], section: Polygon) -> float:
    """From a leg to the next air, through the material round it."""
    around = [face for face in faces if any(Polygon(hole).equals(section) for hole in face.interiors)]
    rings = [ring for face in around for ring in (face.exterior, *face.interiors)]
    apart = [section.distance(ring) for ring in rings]
    return min((gap for gap in apart if gap > 1e-6), default=np.inf)


def _from_pool(faces: Sequence[Polygon], leg: Array) -> float:
    """From the pool, the largest water, to the rising leg's middle: what its intake runs through."""
    waters = [Polygon(hole) for face in faces for hole in face.interiors]
    pool = max(waters, key=lambda water: water.area, default=None)
    return 0.0 if pool is None else float(pool.distance(Point(*leg)))


def _passage(corners: Array, legs: Sequence[Array], crown_z: float) -> tuple[float, float]:
    """Width of the crown's floor and area of its passage, in an upright cut half-way between the legs."""
    way = legs[1] - legs[0]
    along = way / np.linalg.norm(way)
    side = np.array([-along[1], along[0]])
    turned = np.stack([corners[:, :, :2] @ side, corners[:, :, 2], corners[:, :, :2] @ along], axis=2)
    middle = (legs[0] + legs[1]) / 2.0
    section = _section(_faces(turned, float(middle @ along)), np.array([middle @ side, crown_z + 0.1]))
    if section is None or section.interiors:
        return 0.0, 0.0
    floor = LineString([(middle @ side + reach, crown_z + THIN) for reach in (-BESIDE, BESIDE)])
    return float(section.intersection(floor).length), float(section.area)


# ---- what water does in it, written out again ----


def priming(bore: float, process: Process) -> float:
    """Flow (mm3/s) that carries a bubble down an upright pipe: Fr sqrt(g d) A, after Viana and others (2003)."""
    if bore <= 0.0:
        return 0.0
    eotvos = bore**2 / capillary_square(process.fluid)
    froude = 0.34 * (1.0 + 3805.0 * eotvos**-3.06) ** -0.58
    return float(froude * sqrt(GRAVITY * bore) * pi / 4.0 * bore**2)


def passes(found: FoundSiphon, process: Process, below: float = 0.0) -> float:
    """Flow (mm3/s) of the full bore with water at the crown, or so far `below`: v² / 2g (losses + f L / d), f of smooth
    pipes.
    """
    head = found.head - below
    low, high = 0.0, sqrt(2.0 * GRAVITY * max(head, 0.0))
    for _ in range(60):
        speed = (low + high) / 2.0
        reynolds = max(speed * found.bore / process.fluid.viscosity, 1.0)
        friction = max(64.0 / reynolds, 0.316 * reynolds**-0.25)
        lost = speed**2 / (2.0 * GRAVITY) * (HEADS + friction * found.length / max(found.bore, 1e-3))
        low, high = (speed, high) if lost < head else (low, speed)
    return low * pi / 4.0 * found.bore**2


def primes_at(found: FoundSiphon, process: Process) -> float:
    """Level (mm) above the crown at which it passes the priming flow, by Poleni's weir."""
    weir = 2.0 / 3.0 * process.comb.discharge * sqrt(2.0 * GRAVITY) * max(found.crest, 1e-3)
    return float((priming(found.bore, process) / weir) ** (2.0 / 3.0))


def over_crown(found: FoundSiphon, area: float, flow: float, process: Process) -> float:
    """Water (mm3) that comes in at `flow` between the full cavity and the flush, some of it trickling over the crown.

    The crown is a weir (Poleni) till it passes the priming flow; dV = S dh Q / (Q - q(h)), by Simpson's rule.
    """
    weir = 2.0 / 3.0 * process.comb.discharge * sqrt(2.0 * GRAVITY) * found.crest
    if weir <= 0.0 or flow <= priming(found.bore, process):
        return float("inf")
    head = primes_at(found, process)
    places = np.linspace(0.0, head, 201)
    weights = np.r_[1.0, np.tile([4.0, 2.0], 100)[:-1], 1.0] * head / 600.0
    return area * float(weights @ (flow / (flow - weir * places**1.5)))
