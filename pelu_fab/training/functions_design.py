"""In: a fit. Out: the files of a design that compiles: checkpoint, design.toml, picture, figures."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise, product
from math import ceil, inf
from typing import NamedTuple

import numpy as np

from pelu_fab.files import safe_name
from pelu_fab.ir.design import Design
from pelu_fab.ir.process import Process
from pelu_fab.layers.to_pelu_water import WaterSum
from pelu_fab.network.files import to_network_json
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.readout import Readout
from pelu_fab.network.scaling import Feature, Scaling
from pelu_fab.training.functions_fit import TEETH, Fit
from pelu_fab.training.functions_plot import fit_png

FIGURES = "fit.json"
MOST_KEPT = 57.5  # mL that one card over the cups keeps
ABREAST, CARDS = 2, 3  # cards over each cup where they are dealt out evenly; that one bucket becomes then, at most


def design_files(fit: Fit, *, picture: bool = True) -> dict[str, bytes]:
    """Bytes by file name: `design.toml`, the checkpoint it names, `fit.json` and, if asked, `fit.png`."""
    name = safe_name(f"fit-{fit.points.name}")
    note = f"{fit.points.name} on [{fit.points.low:g}, {fit.points.high:g}], fitted with {fit.live} buckets."
    network = made_of(fit)
    return {
        "network.json": to_network_json(network),
        "design.toml": design_toml(name, network, note=note).encode(),
        FIGURES: (json.dumps(figures(fit), indent=1, sort_keys=True) + "\n").encode(),
        **({"fit.png": fit_png(fit)} if picture else {}),
    }


def design_of(fit: Fit, process: Process) -> Design:
    """The design that `design_files` write, of a process."""
    return Design(
        safe_name(f"fit-{fit.points.name}"), made_of(fit), process, input_max=(float(ceil(fit.water.volume)),)
    )


def made_of(fit: Fit) -> Network:
    """The fit as cards and cups that can be printed: the same function of x.

    A bucket that asks for more than a card keeps becomes several alike, which share its water. Where plus and minus
    follow each other more than once along the axis, and `fit.cups` says so, each turn has a cup of its own: then the
    comb's branches stand as their bends do, and a table that leans moves hardly any water from plus to minus.
    """
    network = network_of(fit.water)
    if len(network.outputs) > 2:
        return network
    if fit.turns < 3 or fit.cups == "together":
        return _several(network)
    return (dealt(fit) if fit.cups == "balanced" else None) or _apart(_several(network))


def _several(network: Network) -> Network:
    """Each bucket of the second row as so many like ones that a card keeps what each must."""
    first, second = network.layers
    counts = np.maximum(np.ceil(second.retained / MOST_KEPT - 1e-9).astype(int), 1)
    rows = np.repeat(np.arange(len(counts)), counts)
    return replace(
        network,
        layers=(
            Layer(first.retained, (first.shares / counts)[:, rows]),
            Layer((second.retained / counts)[rows], second.shares[rows]),
        ),
    )


def _apart(network: Network) -> Network:
    """A cup for each run of buckets that fill the same one: `plus`, `minus`, `plus 2` and so on."""
    return _into(network, _runs(network))


def _runs(network: Network) -> list[int]:
    """For each bucket of the second row which run of those that fill the same cup it belongs to."""
    sides = network.layers[1].shares.argmax(axis=1)
    return [int(k) for k in np.cumsum(np.diff(sides, prepend=sides[0]) != 0)]


def _into(network: Network, cups: Sequence[int]) -> Network:
    """The network whose second row's buckets fill these cups, each of one side."""
    first, second = network.layers
    sides = dict(zip(cups, second.shares.argmax(axis=1).tolist(), strict=True))
    order = sorted(sides)
    names = [_nth(network.outputs[sides[k]], sum(sides[j] == sides[k] for j in order if j < k)) for k in order]
    (readout,) = network.readouts
    plus, minus = ([n for n, k in zip(names, order, strict=True) if sides[k] == side] for side in (0, 1))
    return replace(
        network,
        layers=(first, Layer(second.retained, np.eye(len(order))[list(cups)])),
        outputs=tuple(names),
        readouts=(replace(readout, plus=tuple(plus), minus=tuple(minus)),),
    )


def dealt(fit: Fit) -> Network | None:
    """A cup for each run, as many cards to each cup, of whole teeth: of all ways the one that a lean moves least.

    A bucket's teeth may be dealt out to several cards, over any cups of its side. None where no way has room.
    """
    network = network_of(fit.water)
    if fit.teeth is None or len(network.outputs) > 2:
        return None
    found = [deal for times in (1, 2) if (deal := _deal(network, fit.teeth * times, fit.water.volume))]
    if not found:
        return None
    teeth, cards = min(found)[2:]
    rows, parts = [card.bucket for card in cards], np.array([card.teeth for card in cards])
    first, second = network.layers
    whole = first.shares[0, rows] * teeth
    split = Layer(first.retained, (parts / teeth)[None])
    spread = Layer(second.retained[rows] * parts / whole, second.shares[rows])
    return _into(replace(network, layers=(split, spread)), [card.cup for card in cards])


class _Card(NamedTuple):
    """One of the second row, over a cup: part of a bucket, by its teeth in the first comb."""

    cup: int
    bucket: int
    teeth: int


def _deal(network: Network, teeth: int, volume: float) -> tuple[float, float, int, list[_Card]] | None:
    """What a lean moves, how uneven the cards are, of how many teeth, and the cards by cup; None without room."""
    first, second = network.layers
    shares, kept = first.shares[0], second.retained
    counts, sides = (shares * teeth).round().astype(int).tolist(), second.shares.argmax(axis=1).tolist()
    if teeth > max(TEETH):
        return None
    side_of = dict(zip(_runs(network), sides, strict=True))
    ways = [
        [
            [_Card(cup, bucket, n) for n, cup in way]
            for parts in _parts(count, int(MOST_KEPT * count / max(kept[bucket], 1e-9) + 1e-9))
            for way in _homes(parts, [cup for cup in side_of if side_of[cup] == side])
        ]
        for bucket, (count, side) in enumerate(zip(counts, sides, strict=True))
    ]
    best: tuple[float, float, int, list[_Card]] | None = None
    for choice in product(*ways):
        cards = sorted(card for way in choice for card in way)
        if Counter(card.cup for card in cards) == dict.fromkeys(side_of, ABREAST):
            moved = round(_leaning(cards, (kept / shares / volume).tolist(), sides), 9)
            uneven = sum(card.teeth**2 for card in cards) / teeth**2
            best = min(best or (inf, inf, 0, cards), (moved, uneven, teeth, cards))
    return best


def _parts(count: int, most: int) -> list[tuple[int, ...]]:
    """Ways to write `count` teeth as at most `CARDS` cards of at most `most`, the larger first."""
    found: list[tuple[int, ...]] = [(count,)] if 0 < count <= most else []
    for largest in range(min(count - 1, most), 0, -1):
        found += [(largest, *rest) for rest in _parts(count - largest, min(largest, most))]
    return [parts for parts in found if len(parts) <= CARDS]


def _homes(parts: Sequence[int], cups: Sequence[int]) -> set[tuple[tuple[int, int], ...]]:
    """Ways to give each part one of the cups, (teeth, cup) in order."""
    return {tuple(sorted(zip(parts, homes, strict=True))) for homes in product(cups, repeat=len(parts))}


def _leaning(cards: Sequence[_Card], places: Sequence[float], sides: Sequence[int]) -> float:
    """By how much a table that leans across moves plus - minus over the axis: mean square, of like teeth side by side.

    What a tooth gets moves with its place from the comb's middle, and counts where the pour is above its sill's place.
    """
    total, left = sum(card.teeth for card in cards), 0
    middles: dict[int, float] = {}
    for cup, group in groupby(cards, key=lambda card: card.cup):
        width = sum(card.teeth for card in group)
        middles[cup] = (left + width / 2) / total - 0.5
        left += width
    found = 0.0
    for low, high in pairwise([*sorted(set(places)), 1.0]):
        above = [card for card in cards if places[card.bucket] <= low]
        moved = sum((1 - 2 * sides[card.bucket]) * card.teeth / total * middles[card.cup] for card in above)
        found += moved**2 * (high**3 - low**3) / 3
    return found


def _nth(name: str, before: int) -> str:
    return f"{name} {before + 1}" if before else name


def network_of(water: WaterSum, *, inputs: str = "x", quantity: str = "y") -> Network:
    """A one-input sum as a network that knows what x pours, from an empty jug to a full one, and how y is read."""
    low, high = float(water.low[0]), float(water.high[0])
    feature = Feature(inputs, water.volume / (high - low), low, low=low, high=high)
    plus, minus = water.network.outputs[:2]
    readout = Readout(quantity, plus=(plus,), minus=(minus,), scale=water.scale, offset=float(water.offset[0]))
    return replace(water.network, scaling=Scaling((feature,)), readouts=(readout,))


def design_toml(name: str, network: Network, *, note: str, checkpoint: str = "network.json") -> str:
    """A design file for a one-input sum: its jug, its read-out, and three pours that show it."""
    (feature,), (readout,) = network.measures.features, network.readouts
    low, high = feature.low or 0.0, feature.high or 0.0
    volume = (high - low) * feature.factor
    lines = [
        f"# {note}",
        "schema = 1",
        f'name = "{name}"',
        f'checkpoint = "{checkpoint}"',
        f"input_max = [{ceil(volume - 1e-9)}]",
        "",
        f"# Pour (x - {low:.6g}) * {feature.factor:.6g} units, then read as follows.",
        "[[readout]]",
        f'name = "{readout.name}"',
        f"plus = {_cups(readout.plus)}",
        f"minus = {_cups(readout.minus)}",
        f"scale = {readout.scale!r}",
        f"offset = {readout.offset!r}",
    ]
    for part in (0.25, 0.5, 0.75):
        x = low + part * (high - low)
        lines += ["", "[[protocol]]", f'title = "x = {x:.4g}"', f"pour = [{part * volume:.6g}]"]
    return "\n".join(lines) + "\n"


def _cups(names: Sequence[str]) -> str:
    """One cup, or a list of them, as TOML."""
    return json.dumps(names[0] if len(names) == 1 else list(names))


def figures(fit: Fit) -> dict[str, object]:
    """What a fit achieved, for people and scripts; losses are sums of squares over the points."""
    return {
        "function": fit.points.name,
        "range": [fit.points.low, fit.points.high],
        "points": len(fit.points.x),
        "readout": fit.readout,
        "segments": fit.segments,
        "bends": [float(place) for place in fit.curve.breakpoints[1:-1]],
        "buckets": {"asked": fit.buckets, "live": fit.live},
        "branches": fit.water.network.branches,
        "loss": fit.losses,
        "loss_summed_over_training": fit.learning,
        "scale": fit.water.scale,
        "range_units": float(np.ptp(fit.curve.values)) / fit.water.scale,
        "offset": float(fit.water.offset[0]),
        "unit_per_x": fit.water.volume / (fit.points.high - fit.points.low),
    }
