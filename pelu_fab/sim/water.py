"""The device as water sees it: areas, sills, rims, teeth and ways down, without places. mm, mm2, mm3.

Made from the drawing (`water_of`), or from what sign-off recovers from the STL: fill the same classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pelu_fab.errors import FabError
from pelu_fab.hydraulics import held_volume
from pelu_fab.ir.card import Card
from pelu_fab.ir.layout import Layout, Leg, PlacedCard
from pelu_fab.ir.netlist import Duct, Netlist
from pelu_fab.ir.process import Fluid
from pelu_fab.ir.siphon import Siphon
from pelu_fab.ir.sized import Sized
from pelu_fab.network.names import duct_name


@dataclass(frozen=True, slots=True)
class WaterMouth:
    """Adjacent teeth that lead one way, in comb order; `places` are their middles along the sill, from the pool's."""

    target: str
    teeth: tuple[float, ...]
    places: tuple[float, ...]
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Screen:
    """A wall across the inlet: mm2 of holes through it, its top above the sill."""

    opening: float
    top: float


@dataclass(frozen=True, slots=True)
class WaterBucket:
    """One bucket. `retained_volume` and `shares` are what is wanted; `drawn_volume` and `mouths` what is built.

    Above the sill its water widens by `flare` (mm2 a mm) up to the head `brim`; `area` is 0 where the floor falls to
    the sill. `priming_volume` of what it retains is poured in to get it ready.
    With a `siphon` its crown is the sill: it keeps all below `flush_volume`, and of a flush `retained_volume`, drawn
    `residue`. Its one mouth has one tooth, its outlet; or it falls into a pool with a comb, whose mouths these are.
    """

    name: str
    retained_volume: float
    shares: tuple[tuple[str, float], ...]  # by target; they sum to 1
    drawn_volume: float  # of the cavity below the sill
    area: float  # of the water's surface at the sill
    perimeter: float  # of the walls that hold a meniscus there
    width: float  # inside, along the comb
    depth: float  # inside at the sill, along the flow
    sill_z: float  # elevation above the cups' floor
    sill_height: float  # above the bucket's floor; 0 where the floor falls to the sill
    rim_height: float  # above the sill
    mouths: tuple[WaterMouth, ...]  # in comb order
    priming_volume: float = 0.0
    flare: float = 0.0
    brim: float = 0.0
    screens: tuple[Screen, ...] = ()  # from the comb back to where water comes in
    siphon: Siphon | None = None
    flush_volume: float = 0.0  # wanted
    residue: float = 0.0  # of the cavity below the level at which the siphon breaks
    foot: float = 0.0  # area of the surface there; 0: as at the crown
    pool: float = 0.0  # area (mm2) of the pool that the siphon falls into; 0: there is none

    @property
    def teeth(self) -> tuple[float, ...]:
        """Widths of all teeth in comb order."""
        return tuple(w for mouth in self.mouths for w in mouth.teeth)

    @property
    def places(self) -> tuple[float, ...]:
        """Middles of all teeth in comb order."""
        return tuple(x for mouth in self.mouths for x in mouth.places)

    @property
    def threshold(self) -> float:
        """What it retains of the pour: the network's h squared."""
        return self.retained_volume - self.priming_volume

    def held(self, fluid: Fluid, residual_head: float) -> float:
        """Water (mm3) that stays above the drawn cavity when the last drop has left."""
        return held_volume(self.area, self.perimeter, fluid, residual_head)


@dataclass(frozen=True, slots=True)
class WaterNetwork:
    """Rows of buckets upstream first; `inputs` and `outputs` pair each port with people's name for it.

    Port `in.x<i>` pours into the i-th bucket of the first row. `design_flow` (mm3/s): one jug's, and no bucket ever
    sees more of it.
    """

    name: str
    rows: tuple[tuple[WaterBucket, ...], ...]
    inputs: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    design_flow: float = 12_000.0
    cup_area: float = 900.0  # mm2, of one read-out cup

    @property
    def buckets(self) -> tuple[WaterBucket, ...]:
        """All buckets, upstream first."""
        return tuple(bucket for row in self.rows for bucket in row)

    def targets(self, layer: int) -> tuple[str, ...]:
        """What row `layer` feeds: the next row's buckets, or the cups."""
        if layer + 1 < len(self.rows):
            return tuple(bucket.name for bucket in self.rows[layer + 1])
        return tuple(port for port, _ in self.outputs)


def check_water(water: WaterNetwork) -> None:
    """Refuse a description that can't run: no teeth, no rim, a mouth that leads nowhere."""
    if not water.rows or len(water.inputs) != len(water.rows[0]):
        raise FabError(water.name, "has no row of buckets for its inputs", "give one bucket for each input")
    for index, row in enumerate(water.rows):
        targets = set(water.targets(index))
        for bucket in row:
            if max(bucket.area, bucket.flare) <= 0 or bucket.rim_height <= 0 or not bucket.teeth:
                raise FabError(bucket.name, "has no area, no rim or no tooth", "give each bucket all three")
            if bucket.siphon and not 0.0 <= bucket.residue < bucket.drawn_volume:
                what = "has a siphon, and a residue that is not part of what it holds"
                raise FabError(bucket.name, what, "give its siphon a residue below its crown's volume")
            for target in {m.target for m in bucket.mouths} | {t for t, _ in bucket.shares}:
                if target not in targets:
                    raise FabError(duct_name(bucket.name, target), "leads to nothing in the row below", "rename it")


def water_of(netlist: Netlist, sized: Sized, layout: Layout) -> WaterNetwork:
    """The drawn device, its rows in the netlist's order: cards may stand in another."""
    ways = {(run.source, run.target): run.legs for run in layout.runs()}
    stands = {placed.card.name: placed for row in layout.layers for placed in row}
    ground, left = min(cup.floor_z for cup in layout.cups), {b.name: b.retained_volume for b in netlist.buckets}
    rows = tuple(
        tuple(
            _bucket(stands[b.name], sized.priming_volume, netlist.leaving[b.name], ways, ground, left[b.name])
            for b in row
        )
        for row in netlist.rows
    )
    cup, flow = sized.cups[0], max(card.design_flow for card in sized.cards.values())
    return WaterNetwork(netlist.name, rows, netlist.inputs, netlist.outputs, flow, cup.width * cup.depth)


def _bucket(
    placed: PlacedCard,
    priming_volume: float,
    ducts: Sequence[Duct],
    ways: dict[tuple[str, str], tuple[Leg, ...]],
    ground: float,
    left: float,
) -> WaterBucket:
    """`left` is what stays of a flush."""
    card = placed.card
    flush = card.siphon.siphon if card.siphon else None
    return WaterBucket(
        name=card.name,
        retained_volume=left if flush else card.retained_volume,
        shares=tuple((d.target, d.share) for d in ducts),
        drawn_volume=card.drawn_volume,
        area=card.water_area(),
        perimeter=card.edge() if card.reach() > 0.0 else 0.0,
        width=card.x1 - card.x0,
        depth=card.reach(),
        sill_z=placed.z - ground,
        sill_height=-card.floor_z,
        rim_height=card.rim_z,
        mouths=_mouths(card, ways),
        priming_volume=priming_volume if card.is_primed else 0.0,
        flare=(card.x1 - card.x0) / card.rise if card.brim > 0.0 else 0.0,
        brim=max(card.brim, 0.0),
        screens=tuple(Screen(card.opening(plate), plate.top_z) for plate in reversed(card.plates)),
        siphon=flush,
        flush_volume=card.retained_volume if flush else 0.0,
        residue=card.volume_below(flush.break_z) if flush else 0.0,
        foot=(card.x1 - card.x0) * card.pool if flush else 0.0,
        pool=(card.x1 - card.x0) * card.comb.depth if card.spread else 0.0,
    )


def _mouths(card: Card, ways: dict[tuple[str, str], tuple[Leg, ...]]) -> tuple[WaterMouth, ...]:
    middle = (card.x0 + card.x1) / 2
    return tuple(
        WaterMouth(
            mouth.target,
            tuple(b - a for a, b in mouth.teeth),
            tuple((a + b) / 2 - middle for a, b in mouth.teeth),
            ways[card.name, mouth.target],
        )
        for mouth in sorted(card.mouths, key=lambda mouth: mouth.opening)
    )
