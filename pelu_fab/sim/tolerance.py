"""Prints that differ from the drawing: a water network, a process and a noise in, perturbed networks and answers out.

Vectorised over prints × samples. Volumes in mm3. `Noise` is shared with tolerance training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pelu_fab.hydraulics import BREAKING_SCATTER, PRIMING_SCATTER, bore_flow, comb_head
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.noise import CAUSES, Noise
from pelu_fab.sim.plumbing import Conditions, Plumbing, plumb
from pelu_fab.sim.water import WaterNetwork

__all__ = ["CAUSES", "Blank", "Noise", "Prints", "answers", "blank", "draw", "fullest", "hand_errors", "outputs"]
__all__ += ["pour_errors", "read_cups"]

Array = NDArray[np.float64]
Answers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
NARROWEST = 0.2  # mm: a tooth printed narrower than this is shut, but still a number
BLOCK = 64  # prints judged at a time
FILM_SPREAD = 0.25  # of the mean film loss, from gutter to gutter


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """`retained[l]` (prints, in) of the pour, `shares[l]` (prints, in, out), `film[l]` (prints, out) lost; mm3.

    `primed[l]` (in,): whether a bucket is got ready with V0 each time. `jumps[l]` (prints, in): how much a flush lets
    out at least, its threshold less what it leaves; 0 of a weir. Empty where no bucket is a flush.
    """

    retained: tuple[Array, ...]
    shares: tuple[Array, ...]
    film: tuple[Array, ...]
    primed: tuple[NDArray[np.bool_], ...]
    jumps: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Blank:
    """What a draw starts from: the drawn device as arrays, worked out once. Lengths mm, volumes mm3."""

    plumbing: Plumbing
    split: NDArray[np.int64]  # teeth of the buckets that have more than one target
    is_split: NDArray[np.bool_]  # M: mouths of those buckets
    heads: Array  # B: of real water at the design pour
    drawn: Array  # B
    perimeter: Array  # B
    depth: Array  # B, of the surface along the flow
    stop: Array  # B: head at which the last tooth stops
    drawn_on: Array  # B, at most 0: where a pool that its teeth draw on comes to rest, against its sill
    off_layer: Array  # B: how far the nearest layer line lies above the drawn sill
    meniscus: float  # mm2
    sizes: tuple[tuple[int, int], ...]  # (in, out) by row

    @property
    def rows(self) -> int:
        """Rows of buckets."""
        return len(self.sizes)


def blank(water: WaterNetwork, process: Process) -> Blank:
    """Prepare a device for drawing prints of it."""
    p = plumb(water, process, Conditions(mode="real"))
    layer, buckets = process.printer.layer_height, water.buckets
    sills = np.array([b.sill_height for b in buckets])
    flows = [bore_flow(b.siphon, process) if b.siphon else water.design_flow for b in buckets]
    several = np.array([len({m.target for m in b.mouths}) > 1 for b in buckets])
    return Blank(
        plumbing=p,
        split=np.flatnonzero(several[p.tooth_bucket]),
        is_split=several[p.mouth_bucket],
        heads=np.array([comb_head(flow, b.teeth, process) for flow, b in zip(flows, buckets, strict=True)]),
        drawn=np.array([b.drawn_volume for b in buckets]),
        perimeter=np.array([b.perimeter for b in buckets]),
        depth=np.array([b.depth for b in buckets]),
        stop=np.array([p.law.residual_heads(np.array(b.teeth)).min() for b in buckets]),
        drawn_on=np.array([0.0 if b.siphon else process.comb.drawn_on for b in buckets]),
        off_layer=np.round(sills / layer) * layer - sills,
        meniscus=process.fluid.meniscus,
        sizes=tuple((len(row), len(water.targets(r))) for r, row in enumerate(water.rows)),
    )


def draw(device: Blank, noise: Noise, prints: int, rng: np.random.Generator) -> Prints:
    """Print the device `prints` times, each on its own table. Zero noise gives the drawn device in real water."""
    p = device.plumbing
    buckets = len(p.buckets)
    shift = noise.xy * rng.standard_normal((prints, 1))
    own = np.float32(noise.xy_local) * rng.standard_normal((prints, len(device.split)), dtype=np.float32)
    lift = noise.z * rng.standard_normal((prints, buckets)) + device.off_layer
    kappa: Any = np.float32(noise.kappa) * rng.standard_normal((prints, 1), dtype=np.float32)
    common, local = rng.standard_normal((2, prints, 1)), rng.standard_normal((2, prints, buckets))
    residual, held = noise.shared**0.5 * common + (1.0 - noise.shared) ** 0.5 * local
    residual, held = residual * noise.residual_head, held * noise.held_ml * MM3_PER_ML
    slopes = np.tan(np.radians(noise.tilt_deg * rng.standard_normal((prints, 2))))
    films = noise.film_ml * MM3_PER_ML * (1.0 + FILM_SPREAD * rng.standard_normal((prints, len(p.transit))))
    own += (p.tooth_width[device.split] + shift).astype(np.float32)
    widths = np.maximum(own, np.float32(NARROWEST), out=own)
    shares = _shares(device, widths, kappa, residual, slopes)
    retained = _retained(device, shift, lift, slopes) + held
    loss = np.maximum(films, 0.0) @ p.reaches
    jumps = None
    if p.siphons is not None:
        retained, jumps = _flushed(device, noise, retained, (shift, lift, slopes), rng)
    return _by_row(device, retained, shares, loss, jumps)


def _shares(device: Blank, widths: Any, kappa: Array, residual: Array, slopes: Array) -> Array:
    """Share of its bucket's flow by mouth, (prints, M), at the design pour. The law runs in float32: half the bytes."""
    p, split = device.plumbing, device.split
    bucket = p.tooth_bucket[split]
    stops: Any = np.maximum(p.law.residual + residual, 0.0).astype(np.float32)[:, bucket]
    law = replace(p.law, kappa0=p.law.kappa0 + kappa, residual=stops)
    across: Any = slopes[:, :1].astype(np.float32)
    heads = device.heads.astype(np.float32)[bucket] + p.tooth_place[split].astype(np.float32) * across
    teeth = law.flows(widths, heads, p.tooth_end[split].astype(np.float32))
    flows = (teeth @ p.gather[split].astype(np.float32)).astype(np.float64) + 1e-9
    shares = flows / ((flows @ p.leaves) @ p.leaves.T)
    return np.asarray(np.where(device.is_split, shares, p.mouth_share))


def _retained(device: Blank, shift: Array, lift: Array, slopes: Array) -> Array:
    """Water of the pour that a bucket keeps, (prints, B).

    The cavity and its layer errors, residual head and meniscus, less V0 and what a tilt down the gutters lets out.
    """
    p = device.plumbing
    grown = 1.0 + shift * device.perimeter / 2.0 / np.maximum(p.area, 1.0) * (p.area > 0.0)
    cavity = device.drawn * grown + p.area * grown * lift
    level = (p.above(device.stop) + p.area * device.drawn_on) * grown + device.perimeter * device.meniscus
    tilted = p.area * device.depth / 2.0 * slopes[:, 1:]
    return np.asarray(np.maximum(cavity + level - tilted, 0.0) - p.start_volume)


def _flushed(
    device: Blank, noise: Noise, retained: Array, moved: tuple[Array, Array, Array], rng: np.random.Generator
) -> tuple[Array, Array]:
    """What each bucket keeps (prints, B), with what flushes leave, and how much these let out at least.

    The levels at which a siphon primes and breaks have a scatter of their own; its cavity is `moved` as any other's.
    """
    p, (shift, lift, slopes) = device.plumbing, moved
    assert p.siphons is not None
    own, drawn = p.siphons.bucket, rng.standard_normal((2, len(retained), len(p.siphons.bucket)))
    grown = shift * device.perimeter[own] / 2.0 / p.area[own]
    low = p.siphons.breaks * (1.0 + grown) + p.siphons.foot * noise.siphon * BREAKING_SCATTER * drawn[0]
    priming = noise.siphon * PRIMING_SCATTER * drawn[1]
    tilted = p.area[own] * device.depth[own] / 2.0 * slopes[:, 1:]
    high = p.siphons.primes * (1.0 + grown) + p.area[own] * (lift[:, own] + priming) - tilted
    left, jumps = retained.copy(), np.zeros_like(retained)
    left[:, own] = np.maximum(low, 0.0)
    jumps[:, own] = np.maximum(high - left[:, own], 0.0)
    return left, jumps


def _by_row(device: Blank, retained: Array, shares: Array, loss: Array, flushed: Array | None) -> Prints:
    """Flat arrays to one matrix a row."""
    p = device.plumbing
    prints = len(retained)
    kept, matrices, films, primed, jumps = [], [], [], [], []
    first = 0
    for row, (size_in, size_out) in enumerate(device.sizes):
        after = first + size_in
        matrix = np.zeros((prints, size_in, size_out))
        for m in np.flatnonzero(p.row[p.mouth_bucket] == row):
            matrix[:, p.mouth_bucket[m] - first, p.mouth_target[m] - after] += shares[:, m]
        kept.append(retained[:, first:after])
        matrices.append(matrix)
        films.append(loss[:, after : after + size_out])
        primed.append(p.start_volume[first:after] > 0.0)
        jumps += [flushed[:, first:after]] if flushed is not None else []
        first = after
    return Prints(tuple(kept), tuple(matrices), tuple(films), tuple(primed), tuple(jumps))


def outputs(prints: Prints, pours: Floats) -> Floats:
    """What reaches the cups, (prints, out, samples); `pours` (in, samples) or (prints, in, samples). Keeps its dtype.

    Samples come last so that every pass runs along memory.
    """
    volumes = np.broadcast_to(pours, (len(prints.retained[0]), *pours.shape[-2:])).copy()
    return _pass(_matrices(prints, pours.dtype), volumes, {}, None, [])


class _Row(NamedTuple):
    """What each bucket keeps (prints, in, 1), shares (prints, out, in); losses (prints, out, 1), jumps as what is kept.

    Either of the last two is None where there is none.
    """

    retained: Floats
    shares: Floats
    film: Floats | None
    jumps: Floats | None

    def part(self, block: slice) -> "_Row":
        """Of some of the prints."""
        return _Row(*(None if one is None else one[block] for one in self))  # type: ignore[arg-type]


def _matrices(prints: Prints, kind: "np.dtype[Any]") -> list[_Row]:
    """Each row, laid out for speed."""
    rows: list[_Row] = []
    for index, (retained, shares, film) in enumerate(zip(prints.retained, prints.shares, prints.film, strict=True)):
        turned = np.ascontiguousarray(shares.transpose(0, 2, 1), dtype=kind)
        lost = film[:, :, None].astype(kind) if film.any() else None
        jumps = prints.jumps[index][:, :, None].astype(kind) if prints.jumps and prints.jumps[index].any() else None
        rows.append(_Row(retained[:, :, None].astype(kind), turned, lost, jumps))
    return rows


def _pass(
    rows: list[_Row],
    volumes: Floats,
    buffers: dict[int, Floats],
    errors: "_Errors | None",
    deviations: Sequence[Floats],
) -> Floats:
    """Run `volumes` (prints, in, samples) through all rows, overwriting them; `buffers` are kept between calls.

    Before each row, and at the cups, `errors` of the hand are added: `deviations` by unit, mm3.
    """
    for index, (retained, shares, film, jumps) in enumerate(rows):
        if errors is not None:
            errors.add(volumes, deviations[index])
        np.subtract(volumes, retained, out=volumes)
        np.maximum(volumes, 0.0, out=volumes)
        if jumps is not None:
            volumes[volumes < jumps] = 0.0
        shape = (*shares.shape[:2], volumes.shape[2])
        if index not in buffers or buffers[index].shape != shape:
            buffers[index] = np.empty(shape, dtype=volumes.dtype)
        volumes = np.matmul(shares, volumes, out=buffers[index])
        if film is not None:
            np.subtract(volumes, film, out=volumes)
            np.maximum(volumes, 0.0, out=volumes)
    if errors is not None:
        errors.add(volumes, deviations[len(rows)])
    return volumes


def fullest(cups: Floats) -> Answers:
    """Index of the fullest cup, (prints, samples), from (prints, out, samples); the first of equals."""
    best, index = cups[:, 0], np.zeros(cups[:, 0].shape, dtype=np.uint8 if cups.shape[1] <= 256 else np.int64)
    for j in range(1, cups.shape[1]):
        np.copyto(index, j, where=cups[:, j] > best)
        best = np.maximum(best, cups[:, j])
    return index


def hand_errors(prints: Prints, noise: Noise) -> list[Floats]:
    """Standard deviations (units,), mm3, of what a hand adds or misses at each row, and of reading the cups last.

    V0 in a bucket counts like water poured in; in the first row it adds to the jug's own error.
    """
    found = [noise.priming_ml * primed for primed in prints.primed]
    found[0] = np.hypot(found[0], noise.pour_ml)
    cups = np.full(prints.shares[-1].shape[2], noise.read_ml)
    return [np.asarray(one * MM3_PER_ML, dtype=np.float32) for one in (*found, cups)]


def pour_errors(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A pool of standard normal numbers, drawn once and entered at a random place: drawing them afresh costs most."""
    return rng.standard_normal(count, dtype=np.float32)


class _Errors:
    """Standard normal numbers: one after the other out of a pool, from a random place, or fresh where it is short."""

    def __init__(self, pool: NDArray[np.float32] | None, rng: np.random.Generator) -> None:
        self.pool = pool if pool is not None else np.empty(0, dtype=np.float32)
        self.rng, self.at = rng, 0
        if len(self.pool):
            self.at = int(rng.integers(len(self.pool)))

    def add(self, volumes: Floats, deviations: Floats) -> None:
        """Errors of these `deviations` (units,) on volumes (prints, units, samples), in place."""
        if not deviations.any():
            return
        need = volumes.size
        if need > len(self.pool):
            errors = self.rng.standard_normal(need, dtype=np.float32)
        else:
            if self.at + need > len(self.pool):
                self.at = int(self.rng.integers(len(self.pool) - need + 1))
            errors = self.pool[self.at : self.at + need]
            self.at += need
        np.add(volumes, errors.reshape(volumes.shape) * deviations[:, None], out=volumes)


def answers(
    prints: Prints, pours: Array, noise: Noise, rng: np.random.Generator, *, pool: NDArray[np.float32] | None = None
) -> Answers:
    """Index of the fullest cup as it is read, (prints, samples); see `read_cups`."""
    return np.concatenate([fullest(cups) for cups in read_cups(prints, pours, noise, rng, pool=pool)])


def read_cups(
    prints: Prints, pours: Array, noise: Noise, rng: np.random.Generator, *, pool: NDArray[np.float32] | None = None
) -> Iterator[Floats]:
    """What is read off the cups, (prints, out, samples) mm3, each time got ready, poured and read by a hand.

    `pours` (samples, in). `pool`: standard normal numbers to take the hand's errors from, instead of fresh ones. Comes
    in blocks of prints that stay in the cache; each is overwritten by the next.
    """
    exact = np.ascontiguousarray(np.asarray(pours).T, dtype=np.float32)
    count = len(prints.retained[0])
    deviations = hand_errors(prints, noise)
    errors = _Errors(pool, rng) if any(d.any() for d in deviations) else None
    rows = _matrices(prints, exact.dtype)
    buffers = dict[int, Floats]()
    poured = np.empty((min(BLOCK, count), *exact.shape), dtype=np.float32)
    for first in range(0, count, BLOCK):
        block = slice(first, min(first + BLOCK, count))
        volumes = poured[: block.stop - first]
        volumes[:] = exact
        own = [row.part(block) for row in rows]
        yield _pass(own, volumes, buffers, errors, deviations)
