"""Prints that differ from the drawing: a water network, a process and a noise in, perturbed networks and answers out.

Vectorised over prints × samples. Volumes in mm3. `Noise` is shared with tolerance training.
"""

from dataclasses import dataclass, replace

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
Floats = NDArray[np.float32] | Array
NARROWEST = 0.2  # mm: a tooth printed narrower than this is shut, but still a number
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
    return Blank(
        plumbing=p,
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
    buckets, teeth = len(p.buckets), len(p.tooth_width)
    shift = noise.xy * rng.standard_normal((prints, 1))
    own = noise.xy_local * rng.standard_normal((prints, teeth))
    lift = noise.z * rng.standard_normal((prints, buckets)) + device.off_layer
    kappa = noise.kappa * rng.standard_normal((prints, 1))
    common, local = rng.standard_normal((prints, 1)), rng.standard_normal((prints, buckets))
    residual = noise.residual_head * (noise.shared**0.5 * common + (1.0 - noise.shared) ** 0.5 * local)
    slopes = np.tan(np.radians(noise.tilt_deg * rng.standard_normal((prints, 2))))
    films = noise.film_ml * MM3_PER_ML * (1.0 + FILM_SPREAD * rng.standard_normal((prints, len(p.transit))))
    widths = np.maximum(p.tooth_width + shift + own, NARROWEST)
    shares = _shares(device, widths, kappa, residual, slopes)
    retained = _retained(device, shift, lift, residual, slopes)
    loss = np.maximum(films, 0.0) @ p.reaches
    return _by_row(device, retained, shares, loss)


def _shares(device: Blank, widths: Array, kappa: Array, residual: Array, slopes: Array) -> Array:
    """Share of its bucket's flow by mouth, (prints, M), at the design pour."""
    p = device.plumbing
    bucket = p.tooth_bucket
    law = replace(p.law, kappa0=p.law.kappa0 + kappa, residual=np.maximum(p.law.residual + residual[:, bucket], 0.0))
    heads = device.heads[bucket] + p.tooth_place * slopes[:, p.row[bucket] % 2]
    flows = law.flows(widths, heads, p.tooth_end) @ p.gather + 1e-9
    return np.asarray(flows / ((flows @ p.leaves) @ p.leaves.T))


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
    volumes, kind = pours, pours.dtype
    for retained, shares, film in zip(prints.retained, prints.shares, prints.film, strict=True):
        spilled = volumes - retained[:, :, None].astype(kind)
        np.maximum(spilled, 0.0, out=spilled)
        volumes = np.ascontiguousarray(shares.transpose(0, 2, 1), dtype=kind) @ spilled
        if film.any():
            volumes -= film[:, :, None].astype(kind)
            np.maximum(volumes, 0.0, out=volumes)
    return volumes


def fullest(cups: Floats) -> NDArray[np.int64]:
    """Index of the fullest cup, (prints, samples), from (prints, out, samples); the first of equals."""
    best, index = cups[:, 0].copy(), np.zeros(cups[:, 0].shape, dtype=np.int64)
    for j in range(1, cups.shape[1]):
        index[cups[:, j] > best] = j
        np.maximum(best, cups[:, j], out=best)
    return index


def pour_errors(count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A pool of standard normal numbers, drawn once and entered at a random place: drawing them afresh costs most."""
    return rng.standard_normal(count, dtype=np.float32)


def answers(
    prints: Prints, pours: Array, noise: Noise, rng: np.random.Generator, *, pool: NDArray[np.float32] | None = None
) -> NDArray[np.int64]:
    """Index of the fullest cup, (prints, samples), each jug of `pours` (samples, in) misread by `noise.pour_ml`.

    `pool`: standard normal numbers to take the misreadings from, at a random place, instead of fresh ones.
    """
    exact = np.ascontiguousarray(np.asarray(pours).T, dtype=np.float32)
    if noise.pour_ml <= 0.0:
        return fullest(outputs(prints, exact))
    size = (len(prints.retained[0]), *exact.shape)
    need = size[0] * size[1] * size[2]
    if pool is None or len(pool) <= need:
        errors = rng.standard_normal(size, dtype=np.float32)
    else:
        start = int(rng.integers(len(pool) - need))
        errors = pool[start : start + need].reshape(size)
    poured = errors * np.float32(noise.pour_ml * MM3_PER_ML)
    poured += exact
    return fullest(outputs(prints, poured))
