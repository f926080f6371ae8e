"""What a prism sweeps: outlines in, a region of the plane out, by manifold3d's 2-D sets."""

from collections.abc import Sequence
from dataclasses import replace
from math import fsum

import numpy as np

from pelu_fab.ir.solid import Outline, Prism


def region(prism: Prism):  # type: ignore[no-untyped-def]
    """The `CrossSection` that a prism sweeps. The plane's axes are in cyclic order, (z, x) for a sweep along y, so that
    no sweep mirrors.
    """
    flip = prism.axis == "y"
    found = _union(prism.outlines, flip)
    return found - _union(prism.voids, flip) if prism.voids else found


def grouped(prisms: Sequence[Prism]) -> list[Prism]:
    """The same solids, those that are swept alike as one: regions are joined far faster than solids."""
    alike: dict[tuple[object, ...], list[Prism]] = {}
    for prism in prisms:
        alike.setdefault((prism.axis, prism.start, prism.end, prism.voids), []).append(prism)
    joined = []
    for first, *others in alike.values():
        apart = [[first], *([one] for one in others)] if first.voids else [[first, *others]]
        joined += [replace(one[0], outlines=tuple(o for p in one for o in p.outlines)) for one in apart]
    return joined


def _union(outlines: Sequence[Outline], flip: bool):  # type: ignore[no-untyped-def]
    from manifold3d import CrossSection, FillRule

    loops = []
    for outline in outlines:
        loop = np.array(outline)[:, ::-1] if flip else np.array(outline)
        is_left = (_turn(outline) > 0.0) is not flip
        loops.append(loop if is_left else loop[::-1])
    return CrossSection(loops, FillRule.Positive)


def _turn(outline: Outline) -> float:
    """Twice its area, positive where it runs counter-clockwise."""
    return fsum(a * d - b * c for (a, b), (c, d) in zip(outline, (*outline[1:], outline[0]), strict=True))
