"""Devices for the tests of the water, made without the compiler's stages."""

from itertools import pairwise

import numpy as np

from pelu_fab import hydraulics as h
from pelu_fab.ir.layout import Leg
from pelu_fab.ir.netlist import Bucket, Duct, Netlist
from pelu_fab.network.names import bucket_name, output_name
from pelu_fab.sim.water import WaterBucket, WaterMouth, WaterNetwork
from pelu_fab.sources.process import read_process

DETERGENT = read_process("fdm-pla-detergent")
# A comb before an open pool, not behind a cell for each tooth: its ends take more.
OPEN = DETERGENT.model_copy(update={"comb": DETERGENT.comb.model_copy(update={"kappa": 2.2, "end_excess": 0.084})})
WATER = read_process("fdm-pla-water")
TEETH = 12


def resting_at(head):
    """Detergent whose pools come to rest `head` mm over their sill."""
    return DETERGENT.model_copy(update={"comb": DETERGENT.comb.model_copy(update={"residual_head": head})})


def random_netlist(widths, seed=0):
    """Shares that are whole twelfths, thresholds of 0 to 20 mL; mm3."""
    rng = np.random.default_rng(seed)
    rows, ducts = [], []
    for layer, (size, below) in enumerate(pairwise(widths)):
        last = layer + 2 == len(widths)
        rows.append(tuple(Bucket(bucket_name(layer, i), float(rng.uniform(1000, 20_000))) for i in range(size)))
        for bucket in rows[-1]:
            counts = rng.multinomial(TEETH, rng.dirichlet(np.ones(below)))
            ducts += [
                Duct(bucket.name, output_name(j) if last else bucket_name(layer + 1, j), n / TEETH)
                for j, n in enumerate(counts)
                if n
            ]
    return Netlist(
        "random",
        tuple(rows),
        tuple(ducts),
        tuple((f"in.x{i}", f"input {i}") for i in range(widths[0])),
        tuple((output_name(j), f"class {j}") for j in range(widths[-1])),
    )


def water_of(
    netlist, process=DETERGENT, *, rim_height=15.0, flow=12_000.0, volume=30_000.0, compensate=True, priming=0.0
):
    """Flat buckets about 18 mm deep, sills on layer lines, combs compensated over a pour of `volume` at `flow`.

    Those with several branches keep `priming` more, which is in them when they are ready.
    """
    rows = []
    for layer, row in enumerate(netlist.rows):
        buckets = []
        for bucket in row:
            ducts = netlist.leaving[bucket.name]
            shares, counts = [d.share for d in ducts], [max(1, round(d.share * TEETH)) for d in ducts]
            order = [i for i, n in enumerate(counts) for _ in range(n)]
            width = TEETH * 3.0 + (len(order) - 1) * 0.8
            heads = h.pour_heads(flow, volume, width * 18, [3.0] * len(order), process)
            widths = (
                h.compensated_widths(shares, counts, TEETH * 3.0, heads, process)
                if compensate
                else [(3.0, 3.0)] * len(counts)
            )
            teeth = h.comb_teeth(widths, order)
            centres = h.tooth_centres(teeth, 0.8)
            keeps = bucket.retained_volume + (priming if len(ducts) > 1 else 0.0)
            layer, meniscus, residual = process.printer.layer_height, process.fluid.meniscus, process.comb.residual_head
            sill = max(1, round(keeps / (width * 18) / layer)) * layer
            depth = (keeps - 2 * width * meniscus) / (width * (sill + residual) + 2 * meniscus)
            mouths = tuple(
                WaterMouth(
                    d.target,
                    tuple(t for t, o in zip(teeth, order, strict=True) if o == i),
                    tuple(float(x) for x, o in zip(centres, order, strict=True) if o == i),
                    (Leg(24.0, 8.0, 13.0, 45.0), Leg(80.0, 12.0, 13.0, 10.0)),
                )
                for i, d in enumerate(ducts)
            )
            buckets.append(
                WaterBucket(
                    name=bucket.name,
                    retained_volume=keeps,
                    shares=tuple((d.target, d.share) for d in ducts),
                    drawn_volume=width * depth * sill,
                    area=width * depth,
                    perimeter=2 * (width + depth),
                    width=width,
                    depth=depth,
                    sill_z=100.0 + 80.0 * (len(netlist.rows) - layer),
                    sill_height=sill,
                    rim_height=rim_height,
                    mouths=mouths,
                    priming_volume=keeps - bucket.retained_volume,
                )
            )
        rows.append(tuple(buckets))
    return WaterNetwork(netlist.name, tuple(rows), netlist.inputs, netlist.outputs, flow)
