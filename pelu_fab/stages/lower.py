"""Network in, netlist out: shares that no comb can carry are dropped or floored, and the change is accounted for."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pelu_fab.errors import FabError
from pelu_fab.ir.design import Design
from pelu_fab.ir.lowered import Change, Lowered
from pelu_fab.ir.netlist import Bucket, Duct, Netlist, check_netlist
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.network.algebra import outputs, predict, spilled
from pelu_fab.network.capacity import dead_buckets
from pelu_fab.network.model import Layer, Network
from pelu_fab.network.names import bucket_name, duct_name, input_name, output_name, target_name

Array = NDArray[np.float64]
Place = tuple[int, int, int]  # layer, source, target
CLOSE, MOST_CHOICES = 1.25, 32  # how alike two ways are to be weighed by data; how many are weighed
NOTHING = 1e-9  # units: a threshold that nobody trained


def lower(design: Design) -> Lowered:
    """Turn the trained network into one that the process can print, moving it as little as possible.

    A share below the least that a comb carries (`least_share`) is dropped, the others scaled up, or floored at that
    least, whichever moves its row less in L1: 2 a for dropping, 2 (least - a) for flooring. Where these differ by less
    than a quarter and there is data, the choice is improved greedily by predictions changed, then by the outputs' L1.
    A bucket that no pour up to the jugs' marks makes spill (proven by pouring them all full: inflows are monotone)
    keeps only its widest branch, as an overflow; one that no water can reach is not built. Where one branch is left, a
    threshold of less than half of what held water scatters by (`Scatter.held_ml`) is none: no pool keeps so little.
    """
    trained = design.network
    _check_data(design)
    dead, printable = _printable(design, dead_buckets(trained, design.input_max))
    netlist = _netlist(design, printable)
    lowered = Lowered(
        netlist=netlist,
        network=printable,
        changes=tuple(_changes(trained, printable, netlist, dead)),
        l1_bound=_l1_bound(trained, printable, design),
    )
    return _with_predictions(lowered, design)


def _printable(design: Design, dead: frozenset[str]) -> tuple[frozenset[str], Network]:
    """The printable network, and which of the `dead` buckets stay dead in it: shares scaled up may fill one."""
    network = _with_one_branch(design.network, dead)
    floors = [_row_floors(layer, design) for layer in network.layers]
    small = [
        (index, int(i), int(j))
        for index, layer in enumerate(network.layers)
        for i, j in np.argwhere((layer.shares > 0) & (layer.shares < floors[index][:, None]))
    ]
    kept = {p for p in small if network.layers[p[0]].shares[p[1:]] >= floors[p[0]][p[1]] / 2}
    if design.samples is not None:
        close = [p for p in small if _is_close_call(network.layers[p[0]].shares[p[1:]], floors[p[0]][p[1]])]
        kept = _best_choice(network, floors, small, close[:MOST_CHOICES], kept, design.samples.inputs)
    printable = _levelled(_with_choice(network, floors, small, kept), design)
    still = dead & dead_buckets(printable, design.input_max)
    return (dead, printable) if still == dead else _printable(design, still)


def least_share(branches: int, design: Design) -> float:
    """The smallest share that a comb of `branches` carries: one narrow tooth against all others wide.

    (w_min + κ) / (w_min + κ + (N - 1)(w_max + κ)), N the most teeth that a comb may have.
    """
    comb = design.process.comb
    kappa = comb.kappa if design.compensation == "process" else 0.0
    narrow, wide = comb.min_tooth + kappa, comb.max_tooth + kappa
    return narrow / (narrow + (most_teeth(branches, design) - 1) * wide) if branches > 1 else 0.0


def most_teeth(branches: int, design: Design) -> int:
    """Teeth that one comb may have: the design's limit, or two a branch where there are many."""
    return max(design.max_teeth, 2 * branches)


def _check_data(design: Design) -> None:
    if design.samples is None:
        return
    if design.samples.inputs.shape[1] != design.network.widths[0]:
        raise FabError(
            design.name,
            f"data has {design.samples.inputs.shape[1]} features, the network takes {design.network.widths[0]}",
            "give the data file the network's inputs, in order",
        )


def _is_close_call(share: float, floor: float) -> bool:
    """Whether dropping `share` and lifting it to `floor` move the row alike."""
    return bool(max(share, floor - share) <= CLOSE * min(share, floor - share))


def _best_choice(
    network: Network,
    floors: list[Array],
    small: list[Place],
    close: list[Place],
    kept: set[Place],
    inputs: Array,
) -> set[Place]:
    """Flip one close call after the other, as long as the network's answers to `inputs` gain by it."""
    trained = outputs(network, inputs)

    def cost(choice: set[Place]) -> tuple[int, float]:
        found = outputs(_with_choice(network, floors, small, choice), inputs)
        changed = int((found.argmax(axis=1) != trained.argmax(axis=1)).sum())
        return changed, float(np.abs(found - trained).sum(axis=1).mean())

    best = cost(kept)
    improved = True
    while improved:
        improved = False
        for place in close:
            if (found := cost(kept ^ {place})) < best:
                kept, best, improved = kept ^ {place}, found, True
    return kept


def _row_floors(layer: Layer, design: Design) -> Array:
    return np.array([least_share(int(np.count_nonzero(row)), design) for row in layer.shares])


def _with_choice(network: Network, floors: list[Array], small: list[Place], kept: set[Place]) -> Network:
    layers = []
    for index, layer in enumerate(network.layers):
        shares = layer.shares.copy()
        for place in (p for p in small if p[0] == index and p not in kept):
            shares[place[1:]] = 0.0
        shares /= shares.sum(axis=1, keepdims=True)
        layers.append(replace(layer, shares=_floored(shares, floors[index])))
    return replace(network, layers=tuple(layers))


def _floored(shares: Array, floors: Array) -> Array:
    """Raise the small shares of each row to its floor and scale the others down, until none is below."""
    return np.array([_floored_row(row, float(floor)) for row, floor in zip(shares, floors, strict=True)])


def _floored_row(row: Array, floor: float) -> Array:
    pinned: set[int] = set()
    while low := {int(j) for j in np.flatnonzero((row > 0) & (row < floor - 1e-12))} - pinned:
        pinned |= low
        at_floor = np.isin(np.arange(len(row)), sorted(pinned))
        rest = (1.0 - floor * len(pinned)) / row[~at_floor].sum()
        row = np.where(at_floor, floor, row * rest)
    return row


def _levelled(network: Network, design: Design) -> Network:
    """The network without thresholds that no pool is small enough for, where one branch leaves."""
    least = design.process.scatter.held_ml / 2 * MM3_PER_ML / design.unit_volume
    layers = []
    for layer in network.layers:
        tiny = (layer.retained > NOTHING) & (layer.retained < least) & ~layer.flushes
        tiny &= np.count_nonzero(layer.shares, axis=1) == 1
        layers.append(replace(layer, retained=np.where(tiny, 0.0, layer.retained)))
    return replace(network, layers=tuple(layers))


def _netlist(design: Design, network: Network) -> Netlist:
    """Buckets that some input reaches, by row; a bucket that none reaches is not built."""
    unit = design.unit_volume
    reached: NDArray[np.bool_] = np.ones(network.widths[0], dtype=np.bool_)
    rows: list[tuple[Bucket, ...]] = []
    ducts: list[Duct] = []
    for index, layer in enumerate(network.layers):
        live = np.flatnonzero(reached)
        met = np.where(layer.flushes, layer.thresholds, 0.0) * unit
        rows.append(
            tuple(Bucket(bucket_name(index, int(i)), float(layer.retained[i]) * unit, float(met[i])) for i in live)
        )
        for i in live:
            row = layer.shares[i]
            carried = np.flatnonzero(row)
            exact = row[carried] / row[carried].sum()
            ducts += [
                Duct(bucket_name(index, int(i)), target_name(index, int(j), layers=len(network.layers)), float(a))
                for j, a in zip(carried, exact, strict=True)
            ]
        reached = np.asarray((layer.shares[live] > 0).any(axis=0), dtype=np.bool_)
    netlist = Netlist(
        name=design.name,
        rows=tuple(rows),
        ducts=tuple(ducts),
        inputs=tuple((input_name(i), label) for i, label in enumerate(network.inputs)),
        outputs=tuple((output_name(i), label) for i, label in enumerate(network.outputs)),
    )
    check_netlist(netlist)
    return netlist


def _with_one_branch(network: Network, names: frozenset[str]) -> Network:
    """The network with one-hot shares for the named buckets: they never spill, so no cup notices."""
    layers = []
    for index, layer in enumerate(network.layers):
        shares = layer.shares.copy()
        for unit in (u for u in range(len(shares)) if bucket_name(index, u) in names):
            shares[unit] = np.eye(shares.shape[1])[int(shares[unit].argmax())]
        layers.append(replace(layer, shares=shares))
    return replace(network, layers=tuple(layers))


def _changes(trained: Network, lowered: Network, netlist: Netlist, dead: frozenset[str]) -> list[Change]:
    built = {bucket.name for bucket in netlist.buckets}
    changes = []
    for index, (before, after) in enumerate(zip(trained.layers, lowered.layers, strict=True)):
        for i in range(len(before.retained)):
            source = bucket_name(index, i)
            if source not in built:
                changes.append(Change(source, "removed", float(before.retained[i]), 0.0))
                continue
            if after.retained[i] != before.retained[i]:
                changes.append(Change(source, "levelled", float(before.retained[i]), float(after.retained[i])))
            for j in np.flatnonzero(before.shares[i]):
                was, now = float(before.shares[i, j]), float(after.shares[i, j])
                target = target_name(index, int(j), layers=len(trained.layers))
                if now == 0.0:
                    changes.append(Change(duct_name(source, target), "idle" if source in dead else "dropped", was, now))
                elif now > was and _is_floor(before.shares[i], after.shares[i], int(j)):
                    changes.append(Change(duct_name(source, target), "floored", was, now))
    return changes


def _is_floor(before: Array, after: Array, j: int) -> bool:
    """Whether share j was lifted to the row's floor, rather than scaled up with the rest."""
    scale = after[j] / before[j]
    others = [after[k] / before[k] for k in np.flatnonzero(after) if k != j]
    return any(scale > other * (1.0 + 1e-9) for other in others)


def _l1_bound(trained: Network, lowered: Network, design: Design) -> float:
    """Most units by which the outputs can move, in sum: thresholds left out, each row's change times what spills there.

    A PeLU layer does not expand L1 distances, so a bucket's own change reaches the cups at most whole.
    """
    most = np.asarray(design.input_max, dtype=np.float64)
    bound = 0.0
    for before, after in zip(trained.layers, lowered.layers, strict=True):
        spill = np.maximum(spilled(before, most), spilled(after, most))
        bound += float(np.abs(after.retained - before.retained).sum())
        bound += float(spill @ np.abs(after.shares - before.shares).sum(axis=1))
        most = np.maximum(spill @ before.shares, spill @ after.shares)
    return bound


def _with_predictions(lowered: Lowered, design: Design) -> Lowered:
    if design.samples is None:
        return lowered
    before = predict(design.network, design.samples.inputs)
    after = predict(lowered.network, design.samples.inputs)
    labels = design.samples.labels
    return replace(
        lowered,
        rows=len(before),
        changed=int((before != after).sum()),
        errors_trained=None if labels is None else int((before != labels).sum()),
        errors_lowered=None if labels is None else int((after != labels).sum()),
    )
