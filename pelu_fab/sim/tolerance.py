"""Prints that differ from the drawing: a water network, a process and a noise in, perturbed networks and answers out.

Vectorised over prints × samples. Volumes in mm3. `Noise` is shared with tolerance training.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.hydraulics import comb_head, weir_flow
from pelu_fab.ir.process import Process
from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.noise import CAUSES, Noise
from pelu_fab.sim.plumbing import Conditions, Plumbing, plumb
from pelu_fab.sim.water import WaterNetwork

__all__ = ["CAUSES", "Blank", "Noise", "Prints", "answers", "blank", "draw", "fullest", "outputs", "pour_errors"]

Array = NDArray[np.float64]
Answers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
NARROWEST = 0.2  # mm: a tooth printed narrower than this is shut, but still a number
BLOCK = 64  # prints judged at a time
FILM_SPREAD = 0.25  # of the mean film loss, from chute to chute


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """`retained[l]` (prints, in), `shares[l]` (prints, in, out), `film[l]` (prints, out) lost on the way down; mm3."""

    retained: tuple[Array, ...]
    shares: tuple[Array, ...]
    film: tuple[Array, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Blank:
    """What a draw starts from: the drawn device as arrays, worked out once. Lengths mm, volumes mm3."""

    plumbing: Plumbing
    split: NDArray[np.int64]  # teeth of the buckets that have more than one target
    is_split: NDArray[np.bool_]  # M: mouths of those buckets
    heads: Array  # B: of real water at the design pour
    drawn: Array  # B
    perimeter: Array  # B
    width: Array  # B, inside
    depth: Array  # B, inside
    slope: Array  # B
    stop: Array  # B: head at which the last tooth stops
    pool: Array  # B: floor area below the sill
    off_layer: Array  # B: how far the nearest layer line lies above the drawn sill
    meniscus: float  # mm2
    capillary: float  # l_c, mm
    sizes: tuple[tuple[int, int], ...]  # (in, out) by row

    @property
    def rows(self) -> int:
        """Rows of buckets."""
        return len(self.sizes)


def blank(water: WaterNetwork, process: Process) -> Blank:
    """Prepare a device for drawing prints of it."""
    p = plumb(water, process, Conditions(mode="real"))
    layer, buckets = process.printer.layer_height, water.buckets
    flows = [weir_flow(sum(b.teeth), b.design_head, discharge=process.comb.discharge) for b in buckets]
    sills = np.array([b.sill_height for b in buckets])
    drawn = np.array([b.drawn_volume for b in buckets])
    several = np.array([len({m.target for m in b.mouths}) > 1 for b in buckets])
    return Blank(
        plumbing=p,
        split=np.flatnonzero(several[p.tooth_bucket]),
        is_split=several[p.mouth_bucket],
        heads=np.array([comb_head(q, b.teeth, process) for q, b in zip(flows, buckets, strict=True)]),
        drawn=drawn,
        perimeter=np.array([b.perimeter for b in buckets]),
        width=np.array([b.width for b in buckets]),
        depth=np.array([b.depth for b in buckets]),
        slope=np.array([b.floor_slope for b in buckets]),
        stop=np.array([p.law.residual_heads(np.array(b.teeth)).min() for b in buckets]),
        pool=np.where(sills > 0, drawn / np.maximum(sills, 1e-9), 0.0),
        off_layer=np.round(sills / layer) * layer - sills,
        meniscus=process.fluid.meniscus,
        capillary=process.fluid.capillary_length,
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
    common, local = rng.standard_normal((prints, 1)), rng.standard_normal((prints, buckets))
    residual = noise.residual_head * (noise.shared**0.5 * common + (1.0 - noise.shared) ** 0.5 * local)
    slopes = np.tan(np.radians(noise.tilt_deg * rng.standard_normal((prints, 2))))
    films = noise.film_ml * MM3_PER_ML * (1.0 + FILM_SPREAD * rng.standard_normal((prints, len(p.transit))))
    own += (p.tooth_width[device.split] + shift).astype(np.float32)
    widths = np.maximum(own, np.float32(NARROWEST), out=own)
    shares = _shares(device, widths, kappa, residual, slopes)
    retained = _retained(device, shift, lift, residual, slopes)
    loss = np.maximum(films, 0.0) @ p.reaches
    return _by_row(device, retained, shares, loss)


def _shares(device: Blank, widths: Any, kappa: Array, residual: Array, slopes: Array) -> Array:
    """Share of its bucket's flow by mouth, (prints, M), at the design pour. The law runs in float32: half the bytes."""
    p, split = device.plumbing, device.split
    bucket = p.tooth_bucket[split]
    stops: Any = np.maximum(p.law.residual + residual, 0.0).astype(np.float32)[:, bucket]
    law = replace(p.law, kappa0=p.law.kappa0 + kappa, residual=stops)
    heads = device.heads.astype(np.float32)[bucket] + (
        p.tooth_place[split].astype(np.float32) * slopes.astype(np.float32)[:, p.row[bucket] % 2]
    )
    teeth = law.flows(widths, heads, p.tooth_end[split].astype(np.float32))
    flows = (teeth @ p.gather[split].astype(np.float32)).astype(np.float64) + 1e-9
    shares = flows / ((flows @ p.leaves) @ p.leaves.T)
    return np.asarray(np.where(device.is_split, shares, p.mouth_share))


def _retained(device: Blank, shift: Array, lift: Array, residual: Array, slopes: Array) -> Array:
    """Water kept by bucket, (prints, B): cavity + layer errors + residual head + meniscus - what a tilt lets out."""
    p = device.plumbing
    grown = 1.0 + shift * device.perimeter / 2.0 / p.area
    cavity = device.drawn * grown + device.pool * grown * lift
    stop = np.maximum(device.stop + residual, 0.0)
    level = p.area * grown * stop + device.perimeter * device.meniscus
    wedge_run = np.minimum(device.depth, stop / np.maximum(device.slope, 1e-9))
    wedge = device.width * (stop * wedge_run - device.slope * wedge_run**2 / 2.0)
    wedge += (device.width + 2.0 * wedge_run) * device.meniscus * np.minimum(1.0, wedge_run / device.capillary)
    tilted = p.area * device.depth / 2.0 * slopes[:, (p.row + 1) % 2]
    return np.maximum(cavity + np.where(device.slope > 0.0, wedge, level - tilted), 0.0)


def _by_row(device: Blank, retained: Array, shares: Array, loss: Array) -> Prints:
    """Flat arrays to one matrix a row."""
    p = device.plumbing
    prints = len(retained)
    kept, matrices, films = [], [], []
    first = 0
    for row, (size_in, size_out) in enumerate(device.sizes):
        after = first + size_in
        matrix = np.zeros((prints, size_in, size_out))
        for m in np.flatnonzero(p.row[p.mouth_bucket] == row):
            matrix[:, p.mouth_bucket[m] - first, p.mouth_target[m] - after] += shares[:, m]
        kept.append(retained[:, first:after])
        matrices.append(matrix)
        films.append(loss[:, after : after + size_out])
        first = after
    return Prints(tuple(kept), tuple(matrices), tuple(films))


def outputs(prints: Prints, pours: Floats) -> Floats:
    """What reaches the cups, (prints, out, samples); `pours` (in, samples) or (prints, in, samples). Keeps its dtype.

    Samples come last so that every pass runs along memory.
    """
    volumes = np.broadcast_to(pours, (len(prints.retained[0]), *pours.shape[-2:])).copy()
    return _pass(_matrices(prints, pours.dtype), volumes, {})


def _matrices(prints: Prints, kind: "np.dtype[Any]") -> list[tuple[Floats, Floats, Floats | None]]:
    """Thresholds (prints, in, 1), shares (prints, out, in), losses (prints, out, 1) of each row, laid out for speed."""
    rows: list[tuple[Floats, Floats, Floats | None]] = []
    for retained, shares, film in zip(prints.retained, prints.shares, prints.film, strict=True):
        turned = np.ascontiguousarray(shares.transpose(0, 2, 1), dtype=kind)
        rows.append((retained[:, :, None].astype(kind), turned, film[:, :, None].astype(kind) if film.any() else None))
    return rows


def _pass(rows: list[tuple[Floats, Floats, Floats | None]], volumes: Floats, buffers: dict[int, Floats]) -> Floats:
    """Run `volumes` (prints, in, samples) through all rows, overwriting them; `buffers` are kept between calls."""
    for index, (retained, shares, film) in enumerate(rows):
        np.subtract(volumes, retained, out=volumes)
        np.maximum(volumes, 0.0, out=volumes)
        shape = (*shares.shape[:2], volumes.shape[2])
        if index not in buffers or buffers[index].shape != shape:
            buffers[index] = np.empty(shape, dtype=volumes.dtype)
        volumes = np.matmul(shares, volumes, out=buffers[index])
        if film is not None:
            np.subtract(volumes, film, out=volumes)
            np.maximum(volumes, 0.0, out=volumes)
    return volumes


def fullest(cups: Floats) -> Answers:
    """Index of the fullest cup, (prints, samples), from (prints, out, samples); the first of equals."""
    best, index = cups[:, 0], np.zeros(cups[:, 0].shape, dtype=np.uint8 if cups.shape[1] <= 256 else np.int64)
    for j in range(1, cups.shape[1]):
        np.copyto(index, j, where=cups[:, j] > best)
        best = np.maximum(best, cups[:, j])
    return index


def pour_errors(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A pool of standard normal numbers, drawn once and entered at a random place: drawing them afresh costs most."""
    return rng.standard_normal(count, dtype=np.float32)


def answers(
    prints: Prints, pours: Array, noise: Noise, rng: np.random.Generator, *, pool: NDArray[np.float32] | None = None
) -> Answers:
    """Index of the fullest cup, (prints, samples), each jug of `pours` (samples, in) misread by `noise.pour_ml`.

    `pool`: standard normal numbers to take the misreadings from, at a random place, instead of fresh ones. Works
    through the prints in blocks that stay in the cache.
    """
    exact = np.ascontiguousarray(np.asarray(pours).T, dtype=np.float32)
    count = len(prints.retained[0])
    need = count * exact.size
    if pool is None or len(pool) <= need:
        pool = rng.standard_normal(need + 1 if noise.pour_ml > 0.0 else 0, dtype=np.float32)
    start = int(rng.integers(len(pool) - need)) if noise.pour_ml > 0.0 else 0
    deviation = np.float32(noise.pour_ml * MM3_PER_ML)
    rows = _matrices(prints, exact.dtype)
    found, buffers = [], dict[int, Floats]()
    poured = np.empty((min(BLOCK, count), *exact.shape), dtype=np.float32)
    for first in range(0, count, BLOCK):
        block = slice(first, min(first + BLOCK, count))
        volumes = poured[: block.stop - first]
        if noise.pour_ml > 0.0:
            errors = pool[start + first * exact.size : start + block.stop * exact.size].reshape(volumes.shape)
            np.multiply(errors, deviation, out=volumes)
            np.add(volumes, exact, out=volumes)
        else:
            volumes[:] = exact
        own = [(r[block], s[block], None if f is None else f[block]) for r, s, f in rows]
        found.append(fullest(_pass(own, volumes, buffers)))
    return np.concatenate(found)
