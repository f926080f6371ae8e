"""Chutes and gutters: open rectangular channels on a slope. mm, mm3/s, degrees."""

from math import asin, cos, degrees, inf, radians, sin, sqrt

from pelu_fab.ir.process import Fluid
from pelu_fab.ir.units import GRAVITY


def critical_depth(flow: float, width: float) -> float:
    """Depth (mm) at which a rectangular channel passes `flow` with the least energy: (Q² / (g w²))^(1/3)."""
    return float((flow**2 / (GRAVITY * width**2)) ** (1.0 / 3.0))


def _uniform_flow(depth: float, width: float, slope_deg: float, friction: float) -> float:
    """Darcy-Weisbach: u = sqrt(8 g R sin β / f), R = w d / (w + 2 d)."""
    radius = width * depth / (width + 2.0 * depth)
    return width * depth * sqrt(8.0 * GRAVITY * radius * sin(radians(slope_deg)) / friction)


def normal_depth(flow: float, width: float, slope_deg: float, friction: float) -> float:
    """Depth (mm) at which `flow` runs uniformly down a rectangular channel (Darcy-Weisbach, friction f).

    Range: slopes above about 1 degree, Re 1e3 to 1e4 (f 0.03 to 0.08); a thinner laminar film runs deeper.
    """
    if flow <= 0.0:
        return 0.0
    # Q = sqrt(8 g sin β / f) (w d)^1.5 / (w + 2 d)^0.5, turned round: each turn leaves a third of the error at most.
    head = flow**2 * friction / (8.0 * GRAVITY * sin(radians(slope_deg)))
    depth, before = 0.0, inf
    while abs(depth - before) > 1e-14 * depth:
        depth, before = (head * (width + 2.0 * depth)) ** (1.0 / 3.0) / width, depth
    return float(depth)


def channel_capacity(width: float, wall: float, slope_deg: float, friction: float, *, fill: float = 0.5) -> float:
    """Flow (mm3/s) that a chute takes at `fill` of its wall: the lesser of its entry, w sqrt(g) d^1.5, and its run."""
    depth = fill * wall
    entry = float(width * sqrt(GRAVITY) * depth**1.5)
    return min(entry, _uniform_flow(depth, width, slope_deg, friction))


def gutter_depth(flow: float, width: float, slope_deg: float, friction: float) -> float:
    """Deepest water (mm) in a gutter that gathers `flow` along its length and falls freely at its end.

    The larger of normal depth and sqrt(3) critical depth, which a level gutter of even inflow reaches at its closed end
    (Beij 1934, J. Res. NBS 12): on the safe side for a sloped one.
    """
    return max(normal_depth(flow, width, slope_deg, friction), sqrt(3.0) * critical_depth(flow, width))


def transit_time(length: float, flow: float, width: float, slope_deg: float, friction: float) -> float:
    """Seconds a chute holds its water: length over the lesser of free-fall and uniform speed. physics §4, tau_e."""
    depth = normal_depth(flow, width, slope_deg, friction)
    uniform = flow / (width * depth) if depth > 0.0 else 0.0
    falling = sqrt(2.0 * GRAVITY * length * sin(radians(slope_deg)))
    return length / min(uniform, falling) if uniform > 0.0 and falling > 0.0 else 0.0


def self_draining_slope_deg(fluid: Fluid, *, drop_length: float = 5.0, drop_height: float = 2.0) -> float:
    """Least slope (degrees) on which a drop slides: sin β = l_c² (cos θ_R - cos θ_A) / (h L) (Furmidge 1962)."""
    hysteresis = cos(radians(fluid.receding_deg)) - cos(radians(fluid.advancing_deg))
    sine = fluid.capillary_length**2 * hysteresis / (drop_height * drop_length)
    return degrees(asin(min(max(sine, 0.0), 1.0)))
