"""What surface tension holds back: heads at which a tooth stops and starts, and the water that stays. mm, mm2, mm3."""

from math import cos, inf, radians, sin, sqrt

from pelu_fab.ir.process import Fluid


def _tongue(tooth_width: float, lift_deg: float, wall_deg: float, capillary_length: float) -> float:
    """Head that a tongue of water between two walls needs: sqrt(a² + p²) - a, p the puddle, a the walls' pull."""
    pull = 2.0 * capillary_length**2 * cos(radians(wall_deg)) / tooth_width
    puddle = 2.0 * capillary_length * sin(radians(min(lift_deg, 180.0)) / 2.0)
    return sqrt(pull**2 + puddle**2) - pull


def residual_head(tooth_width: float, fluid: Fluid) -> float:
    """Head (mm) at which a tooth stops: h_res = sqrt(a² + (2 l_c sin(θ/2))²) - a, a = 2 l_c² cos θ / w, θ receding.

    Horizontal force balance of the tongue on a flat floor between two walls; `inf` gives the wide sill, 2 l_c sin(θ/2)
    (de Gennes, Brochard-Wyart, Quéré). Good to 0.3 mm against CFD at 70 degrees, w 3 to 18 mm.
    """
    return _tongue(tooth_width, fluid.receding_deg, fluid.receding_deg, fluid.capillary_length)


def start_head(fluid: Fluid, tooth_width: float = inf, *, brim_deg: float = 90.0) -> float:
    """Head (mm) at which a dry tooth starts: the tongue's balance with the advancing angle, turned by the brim (Gibbs).

    `brim_deg`: how far the surface turns down behind the sill: 0 flat, 45 ramp, 90 vertical drop. Against CFD with a
    vertical drop and 3 mm teeth: 3.9 for 3.2 mm (water, 70 degrees), 1.5 for 1.3 to 1.5 mm (detergent, 20 degrees);
    so it is on the safe side, within 0.8 mm.
    """
    wall_deg = min(fluid.advancing_deg, 90.0)
    return _tongue(tooth_width, fluid.advancing_deg + brim_deg, wall_deg, fluid.capillary_length)


def held_volume(area: float, perimeter: float, fluid: Fluid, residual_head: float) -> float:
    """Water (mm3) that stays beyond the drawn cavity: area * h_res, and l_c² cos θ_R on each mm of wetted wall.

    Force balance on vertical walls, however near to each other, as long as they stand higher than water climbs. A level
    below the sill (h_res < 0) takes away.
    """
    return area * residual_head + perimeter * fluid.meniscus


def held_on_slope(width: float, depth: float, floor_slope: float, fluid: Fluid, residual_head: float) -> float:
    """Water (mm3) that stays on a floor falling to the sill (rise over run): a wedge of head `residual_head`.

    For buckets that retain nothing. The meniscus counts on the wetted walls only: the sill side and the wedge's two.
    """
    if floor_slope <= 0.0:
        return held_volume(width * depth, 2.0 * (width + depth), fluid, residual_head)
    residual_head = max(residual_head, 0.0)
    length = min(depth, residual_head / floor_slope)
    wedge = width * (residual_head * length - floor_slope * length**2 / 2.0)
    return wedge + (width + 2.0 * length) * fluid.meniscus * min(1.0, length / fluid.capillary_length)
