"""The open sill as a weir: heads and widths in, flows and times out. mm, mm3/s, s."""

from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

from pelu_fab.ir.process import Process
from pelu_fab.ir.units import GRAVITY

Array = NDArray[np.float64]


def weir_coefficient(discharge: float) -> float:
    """(2/3) C_d sqrt(2 g), mm^0.5/s: flow per mm of width is this times head^1.5."""
    return 2.0 / 3.0 * discharge * sqrt(2.0 * GRAVITY)


def weir_flow(width: float, head: float, *, discharge: float = 0.6) -> float:
    """Flow (mm3/s) over `width` mm of sill at `head` mm: Q = (2/3) C_d sqrt(2 g) b H^1.5 (Poleni; Bos 1989).

    Standards ask for heads of 30 mm and more (ISO 1438); at 3 to 15 mm CFD keeps the exponent, C_d 0.60 to 0.80.
    """
    return float(weir_coefficient(discharge) * width * max(head, 0.0) ** 1.5)


def weir_head(flow: float, width: float, *, discharge: float = 0.6) -> float:
    """Head (mm) at which `width` mm of sill carries `flow` (mm3/s): the inverse of `weir_flow`."""
    return float((max(flow, 0.0) / (weir_coefficient(discharge) * width)) ** (2.0 / 3.0))


def screen_head(
    flow: Array, behind: Array, opening: Array, length: Array, top: Array, *, discharge: float = 0.6
) -> Array:
    """Level (mm) before a wall with `opening` mm2 of holes under water that stands at `behind` on its other side.

    Through the holes, and between the wall's `top` (`length` long) and `behind` where that is higher, goes
    C_d A sqrt(2 g (level - behind)) (Torricelli); above both, water goes over as over a weir. `opening` inf: no wall.
    """
    none = np.isinf(opening)
    over = np.maximum(top, behind)
    area = discharge * (np.where(none, 0.0, opening) + length * (over - top))
    crest = weir_coefficient(discharge) * length
    by_holes = behind + np.square(flow / np.maximum(area, 1e-3)) / (2.0 * GRAVITY)
    low, high = np.broadcast_arrays(behind, np.minimum(by_holes, over + (flow / crest) ** (2.0 / 3.0)))
    for _ in range(40):
        level = (low + high) / 2.0
        through = area * np.sqrt(2.0 * GRAVITY * np.maximum(level - behind, 0.0))
        short = through + crest * np.maximum(level - over, 0.0) ** 1.5 < flow
        low, high = np.where(short, level, low), np.where(short, high, level)
    return np.asarray(np.where(none, behind, high))


def viscous_head(*, viscosity: float = 1.0, sill_length: float = 2.0, discharge: float = 0.6) -> float:
    """Head (mm) below which the film on the sill is viscous: (12 ν L_s (2/3) C_d sqrt(2 g) / g)^0.4.

    There q = g H^4 / (12 ν L_s) per mm equals the weir's q. 0.45 mm for water on a 2 mm sill.
    """
    return float((12.0 * viscosity * sill_length * weir_coefficient(discharge) / GRAVITY) ** 0.4)


def drain_time(
    area: float,
    width: float,
    head0: float,
    head1: float,
    *,
    discharge: float = 0.6,
    viscosity: float = 0.0,
    sill_length: float = 2.0,
) -> float:
    """Seconds in which a bucket of `area` (mm2) drains from `head0` to `head1` over `width` mm of sill.

    Inertial part: (2 S / K)(H1^-0.5 - H0^-0.5). With a viscosity (mm2/s) the film adds
    (4 ν L_s S / (b g))(H1^-3 - H0^-3): the two resistances in series, q^-1 = q_i^-1 + q_v^-1.
    No capillary stop: that ends the drain earlier.
    """
    if head1 >= head0:
        return 0.0
    if head1 <= 0.0:
        return inf
    inertial = 2.0 * area / (weir_coefficient(discharge) * width) * (head1**-0.5 - head0**-0.5)
    viscous = 4.0 * viscosity * sill_length * area / (width * GRAVITY) * (head1**-3 - head0**-3)
    return float(inertial + viscous)


def start_flow(total_width: float, head: float, *, discharge: float = 0.6) -> float:
    """Pour (mm3/s) that lifts the level to `head`, so that every tooth of a dry comb starts: W q(h_start)."""
    return weir_flow(total_width, head, discharge=discharge)


def rim_height_needed(peak_head: float, process: Process) -> float:
    """Height (mm) of the rim above the sill for a peak head: head + meniscus + slosh."""
    return peak_head + process.channels.meniscus_freeboard + process.channels.slosh_freeboard
