"""Where drops end, and how walls are looked at: cases that once made sign-off cry wolf."""

import numpy as np
from handmade import box, stl_bytes
from manifold3d import CrossSection, Manifold
from shapely import box as area

from pelu_fab.signoff.channels import SLIT
from pelu_fab.signoff.columns import Columns
from pelu_fab.signoff.comb import _channels
from pelu_fab.signoff.drops import BASIN, trace
from pelu_fab.signoff.flood import flood
from pelu_fab.signoff.sections import Segments
from pelu_fab.signoff.stl import read_stl, weld
from pelu_fab.signoff.surface import Surface, join
from pelu_fab.signoff.topology import topology


def surface_of(*solids: Manifold) -> Surface:
    meshes = [weld(read_stl(stl_bytes(solid), "part")) for solid in solids]
    floods = [flood(mesh, Columns(mesh.corners)) for mesh in meshes]
    columns = Columns(np.concatenate([mesh.corners for mesh in meshes]))
    return join(["part"] * len(meshes), meshes, [topology(mesh) for mesh in meshes], floods, columns)


def test_a_drop_that_slides_into_water_ends_at_its_edge_and_not_at_the_wall_beneath() -> None:
    inside = CrossSection([[(0.0, 12.0), (20.0, -8.0), (20.0, 30.0), (0.0, 30.0)]]).extrude(60.0)
    floor = inside.rotate([90.0, 0.0, 0.0]).translate([0.0, 60.0, 0.0])
    solid = box((-2, -2, -12), (22, 62, 20)) - floor - box((19.0, 55.0, 0.0), (23.0, 60.0, 30.0))
    surface = surface_of(solid)
    high = surface.columns.below(np.array([[2.0, 10.0, 19.0]]))
    drops = trace(surface, np.array([[2.0, 10.0, high[1][0]]]), high[0])
    assert drops.state[0] == BASIN
    assert drops.slope[0] > 0.7  # it never had to run along the level foot of the wall


def test_no_channel_is_looked_for_where_no_drop_passes() -> None:
    assert _channels(np.zeros((1, 3, 3)), np.array([1.0]), [], np.array([1.0, 0.0])) == []


def test_a_ray_in_a_plan_that_nothing_lies_in_meets_nothing() -> None:
    lines = Segments(np.array([[[0.0, 0.0], [1.0, 0.0]]]), np.array([0]), 2)
    from_below, up = np.array([[0.5, -1.0]] * 2), np.array([[0.0, 1.0]] * 2)
    assert lines.reach(from_below, up, 5.0, np.array([0, 1])).tolist() == [1.0, np.inf]


def test_a_sliver_of_rounding_before_a_wall_joins_no_channels() -> None:
    plate, walls = area(0, 0, 30, 20), area(0, 9, 30 - SLIT / 4, 11)
    assert plate.difference(walls).geom_type == "Polygon"  # they meet round the wall's end
    assert len(plate.difference(walls.buffer(SLIT / 2, join_style="mitre")).geoms) == 2
