"""What the printer can make, part by part in its print pose: walls, gaps, overhangs, bridges, islands, hollows."""

import numpy as np

from pelu_fab.ir.process import Printer
from pelu_fab.signoff.flood import hanging_tips
from pelu_fab.signoff.found import place_of
from pelu_fab.signoff.overhangs import ON_BED, overhangs
from pelu_fab.signoff.report import Check, least, most, passed
from pelu_fab.signoff.stl import WRITTEN, Array, Mesh
from pelu_fab.signoff.topology import Topology
from pelu_fab.signoff.walls import narrowest


def part_checks(name: str, mesh: Mesh, shape: Topology, printer: Printer) -> list[Check]:
    """Every rule on one part as it lies on the bed."""
    thin, narrow = printer.blade - WRITTEN, printer.nozzle - WRITTEN
    material, air = narrowest(mesh, shape.pieces, thin, narrow)
    return [
        _width("drc.wall", name, material, thin, "thinnest material"),
        _width("drc.gap", name, air, narrow, "narrowest air between two walls"),
        *overhangs(name, mesh, shape, printer),
        islands(name, mesh, shape),
        most("drc.trapped", name, float(shape.hollows), 0.0, "", "closed hollows that no water or powder leaves"),
    ]


def _width(rule: str, name: str, found: tuple[float, Array] | None, limit: float, why: str) -> Check:
    if found is None:
        return passed(rule, name, "nothing to measure")
    width, at = found
    return least(rule, name, width, limit, "mm", why, place_of(at))


def islands(name: str, mesh: Mesh, shape: Topology) -> Check:
    """Places above the bed where printing would have to start on air."""
    tips, vertices = hanging_tips(mesh, shape.edges)
    high = (
        np.flatnonzero(mesh.points[vertices, 2] > mesh.points[:, 2].min() + ON_BED) if len(tips) else np.zeros(0, int)
    )
    at = place_of(mesh.points[vertices[high[0]]]) if len(high) else None
    return most("drc.island", name, float(len(high)), 0.0, "", "parts of a layer that start on air", at)
