"""A printed siphon in place of a comb: an inverted U from the bucket's floor over a crown down to a dry outlet. mm.

Local coordinates of its card: x across, y down the gutters with 0 at the front wall's inner face, z up with 0 at the
crown's invert, the highest point of the lowest path.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, fsum, pi, sin, tau

from pelu_fab.ir.solid import Outline

SIDES = 24  # corners of a round leg in plan, whose area is that of the circle
NARROW = 0.9  # of the bore: the intake's and the crown's width; their roofs close at 45 degrees, so they print
STEEP, GUTTER, LEAST_GUTTER = 2.0, 0.18, 0.4  # rise of a pit's sides and of the gutter to it; mm of that at the pit
OFF, PAST = 0.3, 0.05  # mm beside a leg's middle, where the floors under it part; past its sides, where they end
UPRIGHT = 0.7  # of the bore: their walls up to there


@dataclass(frozen=True, slots=True)
class Siphon:
    """What water sees of it; elevations from the crown's invert, which is the sill of its bucket."""

    bore: float  # inner diameter of the legs
    crest: float  # length of the crown's sill across the flow
    intake_z: float  # highest point of the rising leg's mouth: half a bore above it the siphon draws air
    outlet_z: float  # mouth of the falling leg, in air
    length: float  # of the bore, along its middle

    @property
    def break_z(self) -> float:
        """Level at which it draws air and breaks."""
        return self.intake_z + self.bore / 2.0


@dataclass(frozen=True, slots=True)
class Pillar:
    """The siphon as a solid: two legs side by side in a pillar before the front wall, a sump before its intake.

    `x_up` and `x_down` are the legs' middles, `y` is that of both. The sump takes y from -`trench`: along the wall runs
    a gutter, from the inside's sides at `floor_z` down to a steep pit, whose floor at `trench_z` reaches `foot` to both
    sides. Where a pool takes the flush, the pillar stands in it, and the falling leg opens into a passage across its
    foot, whose ridge is the outlet; `sole` is that one's floor under the leg, and `fall` how much a mm it falls aside.
    """

    siphon: Siphon
    x_up: float
    x_down: float
    y: float
    wall: float
    trench: float
    trench_z: float
    floor_z: float
    foot: float
    sole: float | None = None
    fall: float = 0.0

    @property
    def span(self) -> tuple[float, float]:
        """x of the pillar's faces."""
        half = self.siphon.bore / 2.0 + self.wall
        ends = sorted((self.x_up, self.x_down))
        return round(ends[0] - half, 3), round(ends[1] + half, 3)

    @property
    def front(self) -> float:
        """y of its front face."""
        return round(self.y + self.siphon.bore / 2.0 + self.wall, 3)

    @property
    def top_z(self) -> float:
        """Its highest point: a wall over the crown's roof."""
        return round(peak(self.siphon.bore) + self.wall * 2**0.5, 3)

    def leg(self, x: float) -> Outline:
        """A leg in plan (x, y)."""
        radius = self.siphon.bore / 2.0 * (2.0 * pi / SIDES / sin(tau / SIDES)) ** 0.5
        turns = [tau * (k + 0.5) / SIDES for k in range(SIDES)]
        return tuple((round(x + radius * cos(t), 3), round(self.y + radius * sin(t), 3)) for t in turns)

    @property
    def intake(self) -> Outline:
        """The opening from the trench to the rising leg, in (x, z)."""
        return gable(self.x_up, self.trench_z, self.siphon.bore)

    @property
    def crown(self) -> Outline:
        """The passage from leg to leg, in (y, z)."""
        return gable(self.y, 0.0, self.siphon.bore)

    @property
    def passage(self) -> Outline:
        """The way out of the falling leg, across the pillar's foot to both its sides, in (y, z)."""
        assert self.sole is not None
        half, ridge = round(self.siphon.bore / 2.0 + PAST, 3), self.siphon.outlet_z
        back, front, eaves = round(self.y - half, 3), round(self.y + half, 3), round(ridge - half, 3)
        return ((back, self.sole), (front, self.sole), (front, eaves), (self.y, ridge), (back, eaves))

    @property
    def floors(self) -> Outline:
        """Its floors, which fall from under the leg to both sides, in (x, z), and a little of what is over them."""
        assert self.sole is not None
        (left, right), middle, over = self.span, round(self.x_down - OFF, 3), round(self.sole + 0.2, 3)
        low = [round(self.sole - self.fall * abs(x - middle), 3) for x in (left - 1.0, right + 1.0)]
        return (
            (left - 1.0, low[0]),
            (middle, self.sole),
            (right + 1.0, low[1]),
            (right + 1.0, over),
            (left - 1.0, over),
        )

    def sump(self, x0: float, x1: float) -> Outline:
        """The sump's section in (x, z) between the inside's walls, drawn up to `floor_z`."""
        foot, rim, brink = self._pit(x1 - x0)
        left, right = round(self.x_up - foot, 3), round(self.x_up + foot, 3)
        low, high = round(max(self.x_up - rim, x0), 3), round(min(self.x_up + rim, x1), 3)
        pit = ((low, brink), (left, self.trench_z), (right, self.trench_z), (high, brink))
        return (*pit, (x1, self.floor_z), (x0, self.floor_z))

    def _pit(self, width: float) -> tuple[float, float, float]:
        """From its middle to the ends of its foot and of its rim, and where that is, between walls `width` apart."""
        foot, deep = self.foot, self.floor_z - self.trench_z
        far = (width + self.x_down - self.x_up) / 2.0  # to the farther wall
        gutter = max(GUTTER * (far - foot - deep / STEEP) / (1.0 - GUTTER / STEEP), LEAST_GUTTER)
        return foot, foot + (deep - gutter) / STEEP, round(self.floor_z - gutter, 3)

    @property
    def leg_area(self) -> float:
        """Section of a leg, mm2."""
        return pi * self.siphon.bore**2 / 4.0

    @property
    def leg_edge(self) -> float:
        """Its length around, mm: a rising leg holds a meniscus as well."""
        return pi * self.siphon.bore

    def trench_below(self, level: float, width: float) -> float:
        """Water (mm3) below `level`, at most the floor's, in a sump so wide at its top, the intake and the leg."""
        return self.trench * self.sump_below(level, width) + self.volume_below(level)

    def sump_below(self, level: float, width: float) -> float:
        """Its section (mm2) along x below `level`, at most the floor's."""
        foot, rim, brink = self._pit(width)
        deep, over = max(min(level, brink) - self.trench_z, 0.0), max(level - brink, 0.0)
        pit = 2.0 * foot * deep + deep**2 / STEEP
        return pit + 2.0 * rim * over + (width - 2.0 * rim) * over**2 / (2.0 * (self.floor_z - brink))

    def volume_below(self, level: float) -> float:
        """Water (mm3) in intake and rising leg below `level`, at most the crown's."""
        bore = self.siphon.bore
        up = self.leg_area * max(min(level, 0.0) - self.trench_z, 0.0)
        straight = min(max(level - self.trench_z, 0.0), peak(bore))
        half, walls = NARROW * bore / 2.0, UPRIGHT * bore
        above = max(straight - walls, 0.0)
        section = 2.0 * half * min(straight, walls) + 2.0 * half * above - above**2
        return up + section * _through_wall(bore, self.y)

    def moved(self, x: float) -> "Pillar":
        """The pillar `x` further along."""
        return replace(self, x_up=round(self.x_up + x, 3), x_down=round(self.x_down + x, 3))


@lru_cache
def _through_wall(bore: float, y: float) -> float:
    """Mean run (mm) of an intake from the sump to a round leg whose middle is at `y`, over its width."""
    radius, half, count = bore / 2.0, NARROW * bore / 2.0, 200
    places = [half * (2.0 * (k + 0.5) / count - 1.0) for k in range(count)]
    return y - float(fsum((radius**2 - x**2) ** 0.5 for x in places)) / count


def peak(bore: float) -> float:
    """Height of a roofed passage of a bore, from its floor to its ridge."""
    return round((UPRIGHT + NARROW / 2.0) * bore, 3)


def gable(middle: float, foot: float, bore: float) -> Outline:
    """Section of a roofed passage: upright walls, then a roof at 45 degrees; a little larger than the bore."""
    half, eaves = round(NARROW * bore / 2.0, 3), round(foot + UPRIGHT * bore, 3)
    return (
        (round(middle - half, 3), foot),
        (round(middle + half, 3), foot),
        (round(middle + half, 3), eaves),
        (middle, round(foot + peak(bore), 3)),
        (round(middle - half, 3), eaves),
    )
