"""Does the device still compute the network? The data set through what was recovered, and a bound for every input."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pelu_fab.network.model import Network
from pelu_fab.network.readout import EVEN
from pelu_fab.signoff.mass import Book
from pelu_fab.signoff.report import Check, most, skipped
from pelu_fab.signoff.stl import Array, Index

CHANGED = 0.02  # of the rows: answers that may differ, whichever way, before the device counts as another network
OFF = 0.05  # of a number's range: how far the device may read off where the design states no limit
ALONG, AT_RANDOM = 201, 300  # pours at which read-outs are compared
STATED = 1e-6  # mL by which a stated bound may be rounded


def l1_bound(one: Book, other: Book, input_max: Array) -> float:
    """Largest sum over cups of |difference| (mm3) that any pour within `input_max` can make.

    A layer is non-expansive in L1, so differences made above only add up: each layer adds |h² - h'²| of every bucket,
    and its fullest spill times the L1 distance of its shares. A flush that any difference reaches may answer otherwise,
    and adds all that it lets out at once.
    """
    differences = []
    for depth, ((kept, shares), (kept2, shares2)) in enumerate(zip(one.layers, other.layers, strict=True)):
        jumps, jumps2 = one.jumps(depth), other.jumps(depth)
        met = np.where(jumps + jumps2 > 0.0, np.abs(kept + jumps - kept2 - jumps2), 0.0)
        differences.append((np.abs(kept - kept2) + met, np.abs(shares - shares2).sum(axis=1)))
    return _added_up(one, other, input_max, differences)


def _added_up(one: Book, other: Book, input_max: Array, off: Sequence[tuple[Array, Array]]) -> float:
    """Sum over layers of what buckets keep otherwise, and of the fullest spill times the shares' L1 distance."""
    gap, fullest = 0.0, input_max
    for depth, ((kept, shares), (kept2, shares2), (keeps, sends)) in enumerate(
        zip(one.layers, other.layers, off, strict=True)
    ):
        spill = np.maximum(fullest - np.minimum(kept, kept2), 0.0)
        jumps = np.maximum(one.jumps(depth), other.jumps(depth))
        gap += float(jumps[(keeps > 0.0) | (gap > 0.0)].sum())
        gap += float(np.minimum(keeps, fullest).sum() + spill @ sends)
        fullest = np.maximum(spill @ shares, spill @ shares2)
    return gap


def bound_checks(
    trained: Book,
    lowered: Book,
    built: Book,
    input_max: Array,
    tolerances: Sequence[tuple[Array, Array]],
    unit_volume: float,
    *,
    stated_ml: float,
) -> tuple[list[Check], dict[str, Any]]:
    """Two bounds over every pour: what lowering moves, held to what the manifest states, and what building adds.

    The first is how far the answers may lie from the trained network's where there are no data to say it better. The
    second's limit is what lvs.retained and lvs.share let pass (`lvs.tolerances`), added up on the same way.
    """
    scale = 1.0 / unit_volume
    to_lowered = l1_bound(lowered, built, input_max) * scale
    to_trained = l1_bound(trained, built, input_max) * scale
    lowering = l1_bound(trained, lowered, input_max) * scale
    limit = _added_up(lowered, built, input_max, tolerances) * scale
    why = f"any pour up to the jugs' marks; beside what lowering did, {lowering:.3g} units"
    moved = "sum over cups of what lowering moves, whatever is poured up to the jugs' marks; the manifest's statement"
    stated = most("equivalence.lowering", "all inputs", lowering * unit_volume / 1e3, stated_ml + STATED, "mL", moved)
    checks = [stated, most("equivalence.bound", "all inputs", to_lowered, limit, "units", why)]
    facts = {"bound_units": to_trained, "bound_to_lowered_units": to_lowered, "bound_of_lowering_units": lowering}
    return checks, facts


def data_checks(
    trained: Book,
    lowered: Book,
    built: Book,
    samples: tuple[Array, Index | None] | None,
    unit_volume: float,
    why: str,
    rivals: Sequence[int] | None = None,
) -> tuple[list[Check], dict[str, Any]]:
    """The data set as trained, as lowered and as built: rows whose answer changed, either way, and errors.

    The answer is the fullest of the `rivals`, cups by index; of all where none are told.
    Without samples, `why` says so, and `equivalence.lowering` decides.
    """
    if samples is None:
        return [skipped("equivalence.data", "data", why)], {}
    rows, labels = samples
    cups = [book.pour(rows * unit_volume)[1] / unit_volume for book in (trained, lowered, built)]
    chosen = np.arange(cups[0].shape[1]) if rivals is None else np.array(rivals)
    picks = [chosen[c[:, chosen].argmax(axis=1)] for c in cups]
    changed = np.flatnonzero(picks[2] != picks[0])
    ordered = np.sort(cups[2][:, chosen], axis=1)
    margin = ordered[:, -1] - ordered[:, -2] if ordered.shape[1] > 1 else ordered[:, -1]
    facts: dict[str, Any] = {
        "rows": len(rows),
        "changed": changed.tolist(),
        "changed_by_lowering": np.flatnonzero(picks[1] != picks[0]).tolist(),
        "smallest_margin_units": float(margin.min()),
        "largest_difference_units": float(np.abs(cups[2] - cups[0]).max()),
    }
    told = f"{len(changed)} of {len(rows)} answers changed, {100 * CHANGED:g} % may"
    if labels is not None:
        errors = [int((p != labels).sum()) for p in picks]
        facts |= {"errors_trained": errors[0], "errors_lowered": errors[1], "errors": errors[2]}
        right = [100 * (1 - e / len(rows)) for e in errors]
        told += "; right: checkpoint {:.1f} %, lowered {:.1f} %, as built {:.1f} %".format(*right)
    return [most("equivalence.data", "data", len(changed), CHANGED * len(rows), "rows", told)], facts


def pours_of(input_max: Array, samples: tuple[Array, Index | None] | None, unit_volume: float) -> Array:
    """Pours (rows, in), mm3, at which read-outs are compared: along the one jug, else the data, else at random."""
    if len(input_max) > 1 and samples is not None:
        return samples[0] * unit_volume
    if len(input_max) == 1:
        return np.linspace(0.0, input_max, ALONG)
    return np.random.default_rng(0).uniform(0.0, 1.0, (AT_RANDOM, len(input_max))) * input_max


def readout_checks(
    network: Network, books: Mapping[str, Book], pours: Array, unit_volume: float
) -> tuple[list[Check], list[dict[str, Any]]]:
    """What the cups say over `pours` (mm3): each number and each yes or no, of the device against the trained network.

    `books`: trained, lowered, built, and predicted at the design head. A number may lie off by its read-out's limit;
    where the design states none, by a part of the range that it runs through.
    """
    cups = {name: book.pour(pours)[1] / unit_volume for name, book in books.items()}
    checks, facts = [], []
    for readout in network.readouts:
        if readout.kind == "fullest":
            continue
        values = {name: readout.values(held, network.outputs) for name, held in cups.items()}
        wanted = values.pop("trained")
        off = {name: np.abs(found - wanted) for name, found in values.items()}
        worst = {name: float(gap.max()) for name, gap in off.items()}
        rms = {name: float(np.sqrt((gap**2).mean())) for name, gap in off.items()}
        told = ", ".join(f"{name} {worst[name]:.3g} (rms {rms[name]:.3g})" for name in off)
        span = f"{float(wanted.min()):.4g} to {float(wanted.max()):.4g} over {len(pours)} pours; off by at most: {told}"
        unit = readout.unit if readout.kind == "difference" else "units"
        stated = readout.limit is not None
        limit = readout.limit if readout.limit is not None else OFF * max(float(np.ptp(wanted)), EVEN)
        if readout.kind == "difference" or stated:
            whose = "the design's limit" if stated else f"{100 * OFF:g} % of its range, no limit is stated"
            checks.append(most("equivalence.readout", readout.name, worst["built"], limit, unit, f"{span}; {whose}"))
        row = {"name": readout.name, "kind": readout.kind, "pours": len(pours), "max": worst, "rms": rms}
        if readout.kind == "above":
            said = (values["built"] > readout.above) != (wanted > readout.above)
            row["changed"] = int(said.sum())
            why = f"{row['changed']} of {len(pours)} pours are told otherwise; {span}"
            checks.append(most("equivalence.readout", readout.name, said.sum(), CHANGED * len(pours), "pours", why))
        facts.append(row)
    return checks, facts


def certified(trained: Book, rows: Array, bound_units: float, unit_volume: float) -> int:
    """Rows whose two highest cups lie further apart than the bound: no device within it can change them."""
    cups = np.sort(trained.pour(rows * unit_volume)[1] / unit_volume, axis=1)
    return int((cups[:, -1] - cups[:, -2] > bound_units).sum()) if cups.shape[1] > 1 else len(rows)
