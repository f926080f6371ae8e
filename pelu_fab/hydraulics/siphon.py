"""A siphon that primes itself, runs full and breaks: lengths and levels in, flows out. mm, mm3/s, s.

One-dimensional: how air leaves the bore is Viana's law for round upright pipes, and the intake is taken to draw air
below half a bore of water. Three short CFD runs saw it prime and run (docs/cfd.md); no print has been tried.
"""

from math import inf, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from pelu_fab.hydraulics.weir import weir_coefficient, weir_head
from pelu_fab.ir.process import Fluid, Process
from pelu_fab.ir.siphon import Siphon
from pelu_fab.ir.units import GRAVITY

Array = NDArray[np.float64]
LOSSES = 3.0  # velocity heads beside friction: the jet's own, the intake's half, three quarters for each bend
ROUNDS = 4  # of friction, which moves slowly with the flow
PRIMING_SCATTER, BREAKING_SCATTER = 0.5, 0.9  # mm of level, one standard deviation: assumed, till a coupon says


def bubble_froude(bore: float, fluid: Fluid) -> float:
    """Speed of a long air bubble in an upright pipe over sqrt(g d): 0.34 / (1 + 3805 / Eo^3.06)^0.58, Eo = ρ g d² / γ.

    Viana, Pardo, Yanez, Trallero, Joseph, J. Fluid Mech. 494 (2003) 379; for Reynolds numbers above 200.
    """
    eotvos = (bore / fluid.capillary_length) ** 2
    return float(0.34 / (1.0 + 3805.0 / eotvos**3.06) ** 0.58)


def priming_flow(bore: float, fluid: Fluid) -> float:
    """Flow (mm3/s) over the crown that carries the air of the falling leg away: Fr sqrt(g d) π d² / 4."""
    return bubble_froude(bore, fluid) * sqrt(GRAVITY * bore) * pi * bore**2 / 4.0


def priming_head(siphon: Siphon, process: Process) -> float:
    """Level (mm) above the crown at which its sill passes the priming flow: there it flushes."""
    return weir_head(priming_flow(siphon.bore, process.fluid), siphon.crest, discharge=process.comb.discharge)


def full_flow(head: Array, bore: Array, length: Array, viscosity: float) -> Array:
    """Flow (mm3/s) of a full bore under `head` (mm) from the level to its outlet.

    Darcy-Weisbach, f the larger of 64/Re and Blasius' 0.316/Re^0.25, and `LOSSES` velocity heads. Bores of 4, 5, 6 and
    8 mm, 100 mm long, pass 6.7, 11, 16 and 29 mL/s of water at 60 mm.
    """
    driving = np.sqrt(2.0 * GRAVITY * np.maximum(head, 0.0))
    speed = driving / sqrt(LOSSES + 1.0)
    for _ in range(ROUNDS):
        reynolds = np.maximum(speed * bore / viscosity, 1.0)
        friction = np.maximum(64.0 / reynolds, 0.316 / reynolds**0.25)
        speed = driving / np.sqrt(LOSSES + friction * length / bore)
    return np.asarray(speed * pi * bore**2 / 4.0)


def bore_flow(siphon: Siphon, process: Process, level: float = 0.0) -> float:
    """Flow (mm3/s) of the full bore with the water at its crown, or at another `level` from there."""
    head, bore, length = (np.asarray(one) for one in (level - siphon.outlet_z, siphon.bore, siphon.length))
    return float(full_flow(head, bore, length, process.fluid.viscosity))


def full_head(flow: float, siphon: Siphon, process: Process) -> float:
    """Head (mm) from the level to the outlet at which a full siphon passes `flow` (mm3/s): `full_flow` turned round."""
    bore, length = np.asarray(siphon.bore), np.asarray(siphon.length)
    low, high = 0.0, 1.0
    while full_flow(np.asarray(high), bore, length, process.fluid.viscosity) < flow:
        high *= 2.0
    for _ in range(50):
        middle = (low + high) / 2.0
        short = bool(full_flow(np.asarray(middle), bore, length, process.fluid.viscosity) < flow)
        low, high = (middle, high) if short else (low, middle)
    return high


def crest_flow(head: Array, crest: Array, process: Process) -> Array:
    """Flow (mm3/s) that trickles over the crown of a siphon that has not primed: a weir `crest` long."""
    return np.asarray(weir_coefficient(process.comb.discharge) * crest * np.maximum(head, 0.0) ** 1.5)


def flush_volume(
    siphon: Siphon, area: float, below: float, inflow: float, process: Process, *, steps: int = 400
) -> float:
    """What has flowed in (mm3) when a bucket with `below` mm3 under the crown, `area` mm2 there, flushes; inf: never.

    At `inflow` mm3/s some trickles over the crown before: dV/dh = S Q / (Q - Q_crest(h)).
    """
    head = priming_head(siphon, process)
    middles = (np.arange(steps) + 0.5) * head / steps
    left = inflow - crest_flow(middles, np.asarray(siphon.crest), process)
    if inflow <= priming_flow(siphon.bore, process.fluid):
        return inf
    return below + area * inflow * float((head / steps / left).sum())
