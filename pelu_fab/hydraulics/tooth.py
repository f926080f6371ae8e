"""The real tooth: inertia, capillary pull, viscous film, residual head and end excess in one law. mm, mm3/s.

Constants: PULL, STOP_LENGTH and WIDTH_EFFECT were chosen looking at one CFD case (three slots, water at 70 degrees),
END_GROWTH at another (detergent, 8 mL/s); `docs/water.md` sets all other cases beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians

import numpy as np
from numpy.typing import NDArray

from pelu_fab.hydraulics.weir import weir_coefficient
from pelu_fab.ir.process import Fluid, Process
from pelu_fab.ir.units import GRAVITY

Array = NDArray[np.float64]

PULL = 0.67  # share of the walls' pull a = 2 l_c² cos θ / w that adds to the head
WIDTH_EFFECT = 0.5  # of eq. (6)'s dependence of the residual head on the width
STOP_LENGTH = 0.3  # mm of head over which a tooth comes to rest
REFERENCE_HEAD = 2.6  # mm: a profile states kappa and end excess where a design pour runs, 12 mL/s over a usual comb
END_KNEE = 3.0  # mm: the end excess is constant above this head
END_GROWTH = 1.0  # per mm below the knee, for two mm: 6 % becomes 12 % at 2 mm (CFD: 6 to 16 %), 18 % at 1 mm (24 %)


@dataclass(frozen=True, slots=True)
class ToothLaw:
    """The law's numbers for one process. A field may be an array (prints, 1, ...) that broadcasts over the teeth.

    Q = c (w + κ0) [(H + 0.67 a)^1.5 - (h + 0.67 a)^1.5 exp(-(H - h)/0.3 mm)] for H > h, a = suction / w, in series with
    the viscous film g H^4 / (12 ν L_s). h(w) is the residual head of a tooth.
    """

    coefficient: float  # c = (2/3) C_d sqrt(2 g)
    kappa0: float | Array  # κ without its capillary part
    suction: float  # 2 l_c² cos θ, mm2
    residual: float | Array  # of a tooth of `reference_tooth`
    reference_tooth: float
    puddle: float  # 2 l_c sin(θ_R/2)
    receding_pull: float  # 2 l_c² cos θ_R, mm2
    end_excess: float | Array  # above END_KNEE
    viscosity: float
    sill_length: float

    def residual_heads(self, widths: Array) -> Array:
        """Head at which teeth of these widths stop: the profile's value, and half of eq. (6)'s dependence on width."""
        return np.maximum(
            self.residual + WIDTH_EFFECT * (self._tongue(widths) - self._tongue(self.reference_tooth)), 0.0
        )

    def _tongue(self, widths: float | Array) -> Array:
        pull = self.receding_pull / widths
        return np.asarray(np.sqrt(pull**2 + self.puddle**2) - pull)

    def end_factor(self, widths: Array, heads: Array) -> Array:
        """How much more an end tooth takes: 1 + e at the usual width, less for wider; grows below END_KNEE."""
        return np.asarray(1.0 + self.end_excess * _growth(heads) * np.minimum(1.0, self.reference_tooth / widths))

    def flows(self, widths: Array, heads: Array, ends: Array) -> Array:
        """Flow (mm3/s) of teeth `widths` at `heads`; `ends` is 1 for the two end teeth, else 0. Broadcasts."""
        return self.of(widths, ends)(heads)

    def of(self, widths: Array, ends: Array) -> Callable[[Array], Array]:
        """The flow of these teeth as a function of their heads alone."""
        residual, pull = self.residual_heads(widths), PULL * self.suction / widths
        pinned = residual + pull
        held, wide = pinned * np.sqrt(pinned), self.coefficient * np.maximum(widths + self.kappa0, 0.0)
        viscous = GRAVITY / (12.0 * self.viscosity * self.sill_length)

        def flows(heads: Array) -> Array:
            above = np.maximum(heads - residual, 0.0)
            driven = above + pinned
            quick = wide * (driven * np.sqrt(driven) - held * np.exp(above * (-1.0 / STOP_LENGTH)))
            deep = np.square(np.maximum(heads, 1e-9))
            film = widths * np.square(deep) * viscous
            flow = quick * film / (quick + film + 1e-300)
            return np.asarray(flow * (1.0 + ends * (self.end_factor(widths, heads) - 1.0)))

        return flows


def _growth(heads: float | Array) -> float | Array:
    """End excess at a head against that above END_KNEE."""
    return 1.0 + END_GROWTH * np.minimum(np.maximum(END_KNEE - heads, 0.0), 2.0)


def _pull_slope(suction: float, width: float, head: float) -> float:
    """-d ln[(H + 0.67 a)^1.5] / d w: how much less the walls of a wider tooth pull, 1/mm."""
    pull = PULL * suction / width
    return 1.5 * pull / (width * (head + pull))


def _flow_cosine(fluid: Fluid) -> float:
    """cos θ of a wall that water both wets and leaves: the mean of advancing and receding."""
    return (cos(radians(fluid.advancing_deg)) + cos(radians(fluid.receding_deg))) / 2.0


def tooth_law(process: Process) -> ToothLaw:
    """The law of a process: its κ, residual head and end excess, and its fluid's angles."""
    fluid, comb = process.fluid, process.comb
    square = fluid.capillary_length**2
    suction = 2.0 * square * _flow_cosine(fluid)
    return ToothLaw(
        coefficient=weir_coefficient(comb.discharge),
        kappa0=1.0 / (1.0 / (comb.tooth + comb.kappa) + _pull_slope(suction, comb.tooth, REFERENCE_HEAD)) - comb.tooth,
        suction=suction,
        residual=comb.residual_head,
        reference_tooth=comb.tooth,
        puddle=2.0 * fluid.capillary_length * float(np.sin(radians(fluid.receding_deg) / 2.0)),
        receding_pull=2.0 * square * cos(radians(fluid.receding_deg)),
        end_excess=comb.end_excess / float(_growth(REFERENCE_HEAD)),
        viscosity=fluid.viscosity,
        sill_length=comb.sill_length,
    )


def kappa_at(head: float, process: Process) -> float:
    """Extra hydraulic width (mm) of a tooth at `head`: the κ for which w + κ has the slope of the tooth law in w.

    1/(w + κ) = 1/(w + κ0) - 1.5 p/(w (H + p)), p = 0.67 a. Range: 2 to 15 mm, teeth of 2 to 4.5 mm, where w + κ follows
    the law within 1 %. At REFERENCE_HEAD it is the profile's. CFD gives +0.5 (10 to 25 mm) and +1.5 (3 to 5 mm) for
    water at 70 degrees.
    """
    law, tooth = tooth_law(process), process.comb.tooth
    return float(1.0 / (1.0 / (tooth + law.kappa0) - _pull_slope(law.suction, tooth, head)) - tooth)


def excess_at(head: float, process: Process) -> float:
    """How much more an end tooth takes at `head`, as a fraction; at REFERENCE_HEAD it is the profile's."""
    return float(tooth_law(process).end_excess * _growth(head))


def tooth_flow(width: float, head: float, process: Process, *, end: bool = False) -> float:
    """Flow (mm3/s) of one tooth `width` mm wide at `head` mm above the sill; `end` for one at the bucket's side wall.

    Range: head 1 to 15 mm, tooth 2 to 18 mm; shares good to 1 percentage point, below 2 mm of head only roughly.
    """
    return float(tooth_law(process).flows(np.array(width), np.array(head), np.array(float(end))))
