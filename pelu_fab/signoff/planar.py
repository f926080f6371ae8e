"""Cuts as polygons. Triangles in, shapely areas of material out; shapely is at home here."""

import numpy as np
from numpy.typing import NDArray
from shapely import (
    Polygon,
    STRtree,
    get_parts,
    line_merge,
    linestrings,
    multilinestrings,
    points,
    polygonize,
    unary_union,
)
from shapely.geometry.base import BaseGeometry

from pelu_fab.signoff.sections import cut
from pelu_fab.signoff.stl import Array, cross

SNAP = 6  # decimals of a mm: corners nearer than this are one


def solid_at(corners: Array, z: float) -> BaseGeometry:
    """Material in the plane at `z`, holes and all; an open mesh gives what closes."""
    segments, _ = cut(corners, z)
    return solid_of(segments)


def solid_of(segments: Array) -> BaseGeometry:
    """Area that lies left of its directed boundary segments (k, 2, 2)."""
    segments = np.round(segments, SNAP)
    way = segments[:, 1] - segments[:, 0]
    length = np.linalg.norm(way, axis=1)
    segments, way, length = segments[length > 0], way[length > 0], length[length > 0]
    if not len(segments):
        return Polygon()
    faces = areas_between(segments)
    if not len(faces):
        return Polygon()
    # A face is material if it lies just left of some piece of the boundary.
    long = length > 1e-3
    side = np.stack([-way[long, 1], way[long, 0]], axis=1) / length[long][:, None]
    left = segments[long].mean(axis=1) + 1e-4 * side
    hits = STRtree(faces).query(points(left), predicate="within")[1]
    return unary_union(faces[np.unique(hits)])


def areas_between(segments: Array, *others: BaseGeometry) -> NDArray[np.object_]:
    """Every area that segments (k, 2, 2) and other lines part from the rest, polygons."""
    # Strung together they are cut at their crossings twice as fast.
    lines = line_merge(multilinestrings(linestrings(segments)))
    return np.asarray(get_parts(polygonize([unary_union([lines, *others])])))


def upright(normals: Array) -> Array:
    """3x3 rotation that turns a normal (..., 3) to point up; none where there is none."""
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    up = np.divide(normals, length, out=np.zeros(np.shape(normals)), where=length > 0.0)
    first = cross(np.where(np.abs(up[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), up)
    first /= np.maximum(np.linalg.norm(first, axis=-1, keepdims=True), 1e-9)
    turn = np.stack([first, cross(up, first), up], axis=-2)
    return np.asarray(np.where(length[..., None] > 0.0, turn, np.eye(3)))
