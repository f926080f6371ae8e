"""Dimensions keep the laws that the water needs, for any network and any process."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stagework import DETERGENT, RESIN, WATER, Stages, design_of, network_of, random_network, staged

from pelu_fab.errors import FabError
from pelu_fab.hydraulics.weir import weir_head
from pelu_fab.ir.process import Process
from pelu_fab.ir.sized import SizedBucket

PROCESSES = {"detergent": DETERGENT, "water": WATER, "resin": RESIN}
GRID = 1e-3  # mm


def buckets(stages: Stages) -> list[SizedBucket]:
    return [bucket for row in stages.sized.rows for bucket in row.buckets]


def volume_faults(stages: Stages) -> list[str]:
    """Buckets whose drawn and held water are not what they must retain.

    One µm of depth is the residual of a pool. A bucket whose walls hold more than it retains has no pool; a trench
    shallower than two layers is not worth cutting.
    """
    layer = stages.design.process.printer.layer_height
    found = []
    for bucket in buckets(stages):
        short = bucket.retained_volume - bucket.drawn_volume - bucket.held_volume
        residual = GRID * (bucket.width * (bucket.sill_height + 3.0) + 10.0)
        wrong = short > bucket.width * layer if bucket.drawn_volume == 0.0 else abs(short) > residual
        if wrong:
            found.append(f"{bucket.name}: {short:.3f} mm3 short")
    return found


def share_faults(stages: Stages) -> list[str]:
    """Branches whose section is not in proportion to their share, beyond the grid."""
    ducts = {(d.source, d.target): d.share for d in stages.lowered.netlist.ducts}
    found = []
    for bucket in buckets(stages):
        sections = bucket.branch_sections
        total = sum(sections.values())
        for target, width in sections.items():
            mouths = sum(mouth.target == target for mouth in bucket.mouths)
            wanted = ducts[bucket.name, target] * total
            if abs(width - wanted) > GRID * (mouths + len(bucket.mouths) * ducts[bucket.name, target]) / 2 + 1e-9:
                found.append(f"{bucket.name}->{target}: {width} for {wanted}")
    return found


def rim_faults(stages: Stages) -> list[str]:
    """Rims too low at the design pour for water that splits by the teeth's open widths rather than by the shares."""
    process = stages.design.process
    need = process.channels.meniscus_freeboard + process.channels.slosh_freeboard
    flow = {bucket.name: stages.design.pour_flow_ml * 1000.0 for bucket in stages.sized.rows[0].buckets}
    found = []
    for row in stages.sized.rows:
        for bucket in row.buckets:
            total = sum(sum(mouth.teeth) for mouth in bucket.mouths)
            head = weir_head(flow[bucket.name], total, discharge=process.comb.discharge)
            if row.rim_height < head + need - 1e-6:
                found.append(f"{bucket.name}: {row.rim_height:.2f} mm of rim for a head of {head:.2f} mm")
            for mouth in bucket.mouths:
                flow[mouth.target] = flow.get(mouth.target, 0.0) + flow[bucket.name] * sum(mouth.teeth) / total
    return found


def tooth_faults(stages: Stages) -> list[str]:
    comb, printer = stages.design.process.comb, stages.design.process.printer
    found = []
    for bucket in buckets(stages):
        teeth = [w for mouth in bucket.mouths for w in mouth.teeth]
        if min(teeth) < 0.95 * comb.min_tooth - GRID or max(teeth) > 1.15 * comb.max_tooth:
            found.append(f"{bucket.name}: teeth of {min(teeth)} to {max(teeth)}")
        if abs(sum(teeth) + (len(teeth) - 1) * printer.blade - bucket.width) > GRID / 2 + 1e-9:
            found.append(f"{bucket.name}: teeth and blades do not fill {bucket.width}")
    return found


@settings(max_examples=12)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(PROCESSES)), high=st.sampled_from([0.5, 5.0, 60.0]))
def test_random_networks_keep_their_volumes_shares_and_teeth(seed: int, name: str, high: float) -> None:
    stages = staged(design_of(random_network((3, 4, 2), seed, high=high), PROCESSES[name]))
    assert volume_faults(stages) == []
    assert share_faults(stages) == []
    assert tooth_faults(stages) == []
    for row in stages.sized.rows:
        layers = np.array([b.sill_height for b in row.buckets] + [row.rim_height])
        layers /= stages.design.process.printer.layer_height
        np.testing.assert_allclose(layers, layers.round(), atol=1e-6)
        need = stages.design.process.channels.meniscus_freeboard + stages.design.process.channels.slosh_freeboard
        assert all(row.rim_height >= b.design_head + need - 1e-6 for b in row.buckets)
        assert all(b.width > 0 and b.depth >= 15.0 - 1e-6 for b in row.buckets)


@settings(max_examples=12)
@given(seed=st.integers(0, 10**6), name=st.sampled_from(sorted(PROCESSES)))
def test_the_water_divides_as_trained_at_the_design_head(seed: int, name: str) -> None:
    stages = staged(design_of(random_network((3, 4), seed), PROCESSES[name]))
    ducts = {(d.source, d.target): d.share for d in stages.lowered.netlist.ducts}
    for bucket in buckets(stages):
        shares = dict(bucket.predicted_shares)
        assert sum(shares.values()) == pytest.approx(1.0)
        assert max(abs(shares[t] - ducts[bucket.name, t]) for t in shares) < 0.02


def test_rims_hold_water_that_splits_by_the_open_widths() -> None:
    layers = ([1.0] * 6, [[0.42, 0.58]] * 6), ([1.0] * 2, [[1.0, 0.0], [0.0, 1.0]])
    stages = staged(design_of(network_of(*layers)))
    assert max(bucket.design_head for bucket in buckets(stages)) > 7.5
    assert rim_faults(stages) == []
    low = replace(stages.sized.rows[1], rim_height=14.0)
    assert rim_faults(replace(stages, sized=replace(stages.sized, rows=(stages.sized.rows[0], low))))


@settings(max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_without_compensation_the_open_width_is_the_share(seed: int) -> None:
    stages = staged(design_of(random_network((2, 4), seed), compensation="none"))
    ducts = {(d.source, d.target): d.share for d in stages.lowered.netlist.ducts}
    for bucket in buckets(stages):
        assert bucket.held_volume == 0.0
        total = sum(w for m in bucket.mouths for w in m.teeth)
        for mouth in bucket.mouths:
            assert sum(mouth.teeth) / total == pytest.approx(ducts[bucket.name, mouth.target], abs=2e-4)


def test_common_centroid_mirrors_the_comb_and_leaves_the_section_shares() -> None:
    stages = staged(design_of(random_network((2, 3), 5), comb="common-centroid"))
    assert share_faults(stages) == []
    for bucket in buckets(stages):
        order = [m.target for m in bucket.mouths for _ in m.teeth]
        odd = {t for t in set(order) if order.count(t) % 2}
        mirrored = [(a, b) for a, b in zip(order, order[::-1], strict=True) if a != b]
        assert all(a in odd and b in odd for a, b in mirrored)
        assert len([key for key, _ in groupby(order)]) == len(bucket.mouths)


@pytest.mark.parametrize("units", [0.0, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_tiny_thresholds_are_drawn_or_held(units: float, process: Process) -> None:
    stages = staged(design_of(network_of(([units], [[0.6, 0.4]])), process))
    (bucket,) = buckets(stages)
    assert volume_faults(stages) == []
    assert bucket.drawn_volume <= bucket.retained_volume + 1e-9
    assert bucket.floor_slope > 0.0 or bucket.drawn_volume > 0.0  # never a flat floor that keeps a puddle


def test_planted_faults_are_found() -> None:
    """The checks above catch a sill one layer too low, a spout 10 µm too wide and a tooth 10 % too wide."""
    stages = staged(design_of(random_network((2, 3), 1, high=30.0)))
    row = stages.sized.rows[0]

    def with_first(bucket: SizedBucket) -> Stages:
        changed = replace(row, buckets=(bucket, *row.buckets[1:]))
        return replace(stages, sized=replace(stages.sized, rows=(changed,)))

    first = row.buckets[0]
    low = replace(first, drawn_volume=first.drawn_volume * (1 - 0.2 / first.sill_height))
    mouth = replace(first.mouths[0], section_width=first.mouths[0].section_width + 0.010)
    tooth = replace(first.mouths[0], teeth=(first.mouths[0].teeth[0] * 1.1, *first.mouths[0].teeth[1:]))
    assert volume_faults(with_first(low))[0].startswith("L0.b0: ")
    assert share_faults(with_first(replace(first, mouths=(mouth, *first.mouths[1:]))))[0].startswith("L0.b0->out.y")
    assert tooth_faults(with_first(replace(first, mouths=(tooth, *first.mouths[1:])))) == [
        f"L0.b0: teeth and blades do not fill {first.width}"
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"perimeters": 2}, r"^printer\.perimeters: gives 0\.8 mm of wall, a row needs 1: "),
        ({"max_overhang_deg": 40.0}, r"^printer\.max_overhang_deg: gives 40 degrees, a row needs 45: "),
        ({"max_bridge": 5.0}, r"^printer\.max_bridge: gives 5 mm, a row needs 7\.2: "),
    ],
)
def test_a_printer_that_can_print_no_row_is_refused_by_name(change: dict[str, float], named: str) -> None:
    printer = PROCESSES["detergent"].printer.model_copy(update=change)
    process = PROCESSES["detergent"].model_copy(update={"printer": printer})
    with pytest.raises(FabError, match=named):
        staged(design_of(network_of(([5.0], [[0.6, 0.4]])), process))
