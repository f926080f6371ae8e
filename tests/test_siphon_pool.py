"""Flushes over gutters and in any layer: a siphon that falls into a pool on its own card, whose comb divides it."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults import Device, over_tooth
from manifold3d import Manifold

import pelu_fab
from pelu_fab.network import algebra
from pelu_fab.signoff import Report, verify
from pelu_fab.signoff.pools import standing
from pelu_fab.signoff.recovery import recover_folder
from pelu_fab.signoff.siphon import passes
from pelu_fab.sim.flow import flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import design_pour, one_by_one
from pelu_fab.sim.water import water_of
from pelu_fab.stages import courses as makers_courses
from pelu_fab.stages import siphon_pool as makers_pool

DESIGNS = Path(__file__).parents[1] / "designs"
FLUSH = {"h": [18.0], "r": [1.0], "w": [[0.3, 0.7]]}
Layers = tuple[dict[str, Any], ...]


def made(folder: Path, *layers: dict[str, Any]) -> Any:
    """A device of these layers, 8 mL/s, jugs of 40 mL."""
    count, outputs = len(layers[0]["h"]), len(layers[-1]["w"][0])
    names = {"inputs": [f"x{i}" for i in range(count)], "outputs": [f"y{j}" for j in range(outputs)]}
    table = {"format": "pelu-widget", "input_scale": 1, "layers": layers, **names}
    (folder / "net.json").write_text(json.dumps(table))
    settings = ("pour_flow_ml=8", f"input_max={[40] * count}")
    return pelu_fab.compile(pelu_fab.load(folder / "net.json", settings=settings))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return made(tmp_path_factory.mktemp("net"), FLUSH)


@pytest.fixture(scope="module")
def sound(device: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("pool") / "sound"
    pelu_fab.write(device, folder, formats=())
    return folder


def failing(report: Report) -> set[tuple[str, str]]:
    return {(check.id, check.where) for check in report.failures}


def test_a_flush_with_shares_passes_and_its_pool_is_found_in_the_triangles(device: Any, sound: Path) -> None:
    """Flow, head and level of the pool as the judge finds them, against what the maker drew."""
    report = verify(sound)
    assert report.failures == () and report.verdict == "pass"
    recovery = recover_folder(sound)
    ((bucket, number),) = recovery.found.pools.items()
    vessel, pool, process = recovery.found.vessels[bucket], recovery.found.vessels[number], device.design.process
    assert (recovery.names[bucket], recovery.names[number]) == ("L0.b0", "L0.b0.pool")
    card = device.layout.layers[0][0].card
    assert passes(vessel.siphon, process) == pytest.approx(card.comb.design_flow, rel=2e-3)
    assert pool.volume == 0.0 and pool.branches == 2
    assert vessel.volume == pytest.approx(card.drawn_volume, abs=5.0)
    level = standing(recovery.surface, pool, vessel.siphon, process)
    assert card.comb.design_head + sum(makers_pool.EVEN) == pytest.approx(level - pool.level, abs=1.5)
    assert vessel.siphon.outlet_z - level > 2.0
    assert report.recovered["layers"][0]["shares"][0] == pytest.approx([0.3, 0.7], abs=5e-4)


def block(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Manifold:
    size = [b - a for a, b in (x, y, z)]
    return Manifold.cube(size).translate([x[0], y[0], z[0]])


def faults(device: Device, card: Any) -> dict[str, tuple[Callable[[Manifold], Manifold], set[tuple[str, str]]]]:
    """Each with what it must fail by; any one of them."""
    ((bucket, number),) = device.recovery.found.pools.items()
    siphon, pool = device.recovery.found.vessels[bucket].siphon, device.recovery.found.vessels[number]
    (x0, y0), (x1, y1) = pool.bounds
    z, (x, y) = pool.level, siphon.axis
    first, slotted = (plate for plate in card.comb.plates)
    ys = [tuple(y1 + edge for edge in (plate.y0, plate.y1)) for plate in (first, slotted)]
    few = [tooth for tooth in pool.teeth if tooth.goal == pool.teeth[0].goal]

    def blocked(solid: Manifold) -> Manifold:
        return solid + over_tooth(pool.teeth[1], -0.3, 14.0, pool.teeth[1].width + 0.2)

    def shut(solid: Manifold) -> Manifold:
        for tooth in few:
            solid = solid + over_tooth(tooth, -0.3, 14.0, tooth.width + 0.2)
        return solid

    return {
        "a tooth of the pool's comb blocked": (blocked, {("lvs.share", "L0.b0->out.y0"), ("lvs.tooth", "L0.b0")}),
        "one branch of the pool's comb blocked": (shut, {("lvs.open", f"L0.b0->{device.names[few[0].goal]}")}),
        "a ridge across the pool, which then keeps water": (
            lambda s: s + block((x0 - 0.5, x1 + 0.5), (y1 - 2.4, y1 - 0.5), (z - 2.0, z + 2.0)),
            {("lvs.siphon", "L0.b0 drains")},
        ),
        "a hollow in the pool's floor": (
            lambda s: s - block((x0 + 2, x0 + 12), (ys[0][0] - 5.0, ys[0][0] - 1.0), (z - 1.0, z + 8.0)),
            {("drc.puddle", "L0.b0->L0.b0.pool")},
        ),
        "slots of the first wall a millimetre high": (
            lambda s: s + block((x0 - 0.5, x1 + 0.5), ys[0], (z + card.comb.floor_at(first.y0) + 1.0, z + 12.0)),
            {("flow.depth", "L0.b0.pool"), ("drc.freeboard", "L0.b0.pool")},
        ),
        "a wall that lets nothing through": (
            lambda s: s + block((x0 - 0.5, x1 + 0.5), ys[1], (z - 1.0, z + 15.0)),
            {("flow.depth", "L0.b0.pool"), ("lvs.siphon", "L0.b0 drains"), ("lvs.siphon", "L0.b0 pool")},
        ),
        "a passage that ends in the water": (
            lambda s: (
                s
                + block((x - 9.0, x - 2.4), (y - 2.7, y + 2.7), (z + 11.0, siphon.outlet_z + 1.0))
                + block((x + 2.4, x + 3.5), (y - 2.7, y + 2.7), (z + 11.0, siphon.outlet_z + 1.0))
            ),
            {("flow.depth", "L0.b0.pool")},
        ),
        "a pool's rim cut low": (
            lambda s: s - block((x0 - 9, x0 + 3), (y0 + 2, ys[0][0] - 1.0), (z + 9.0, z + 60.0)),
            {("drc.freeboard", "L0.b0.pool")},
        ),
    }


@pytest.mark.fault
@pytest.mark.parametrize("number", range(8))
def test_a_fault_planted_in_the_pool_fails_by_name(number: int, device: Any, sound: Path, tmp_path: Path) -> None:
    whole = Device(recover_folder(sound))
    name, (change, wanted) = list(faults(whole, device.layout.layers[0][0].card).items())[number]
    shutil.copytree(sound, tmp_path / "faulty")
    whole.edit("card-L0-b0", change)(tmp_path / "faulty")
    found = failing(verify(tmp_path / "faulty"))
    named = {(rule, place) for rule, place in found for want, where in wanted if rule == want and where in place}
    assert named, f"{name}: {sorted(found)}"


@pytest.mark.fault
def test_a_maker_that_swaps_its_shares_or_misjudges_its_siphon_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut, head = makers_courses.cut_comb, makers_pool.bore_flow
    with monkeypatch.context() as patch:
        patch.setattr(makers_courses, "cut_comb", lambda name, shares, *given: cut(name, shares[::-1], *given))
        patch.setattr(makers_courses, "trimmed_teeth", lambda shares, counts, *given: _same(shares, counts, *given))
        pelu_fab.write(made(tmp_path, FLUSH), tmp_path / "swapped", formats=())
    assert ("lvs.share", "L0.b0->out.y0") in failing(verify(tmp_path / "swapped"))
    with monkeypatch.context() as patch:
        patch.setattr(makers_pool, "bore_flow", lambda *given: 0.3 * head(*given))
        pelu_fab.write(made(tmp_path, FLUSH), tmp_path / "slow", formats=())
    assert {rule for rule, _ in failing(verify(tmp_path / "slow"))} & {"flow.depth", "lvs.tooth", "drc.freeboard"}


def _same(shares: Any, counts: Any, *given: Any) -> Any:
    """Trims for the shares the other way round, as they were cut."""
    from pelu_fab.stages.combs import trimmed_teeth

    return trimmed_teeth(shares[::-1], counts, *given)


NETWORKS: dict[str, Layers] = {
    "one branch into the next layer's bucket": (
        {"h": [18.0], "r": [1.0], "w": [[1.0]]},
        {"h": [2.0], "w": [[1.0]]},
    ),
    "a flush into a flush into a weir": (
        {"h": [18.0], "r": [1.0], "w": [[1.0]]},
        {"h": [12.0], "r": [1.0], "w": [[1.0]]},
        {"h": [0.0], "w": [[1.0]]},
    ),
    "beside a weir in a row over the cups": ({"h": [18.0, 3.0], "r": [1.0, 3.0], "w": [[1.0, 0.0], [0.0, 1.0]]},),
    "beside a weir over gutters, both with shares": (
        {"h": [18.0, 3.0], "r": [1.0, 3.0], "w": [[0.4, 0.6], [0.7, 0.3]]},
        {"h": [2.0, 4.0], "w": [[1.0, 0.0], [0.0, 1.0]]},
    ),
    "with shares below a layer of weirs": (
        {"h": [0.0, 3.0], "w": [[0.5, 0.5], [0.4, 0.6]]},
        {"h": [12.0, 14.0], "r": [1.0, 1.0], "w": [[0.4, 0.6], [0.3, 0.7]]},
        {"h": [0.0, 0.0], "w": [[1.0, 0.0], [0.0, 1.0]]},
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (k in (1, 4))) for k, n in enumerate(NETWORKS)]
)
def test_a_flush_in_any_layer_compiles_and_passes(name: str, tmp_path: Path) -> None:
    device = made(tmp_path, *NETWORKS[name])
    pelu_fab.write(device, tmp_path / "made", formats=())
    report = verify(tmp_path / "made")
    assert report.failures == () and report.verdict == "pass"
    flushes = {bucket.name for bucket in device.lowered.netlist.buckets if bucket.flush_volume}
    assert {card.name for card in device.sized.cards.values() if card.siphon} == flushes
    assert not any(card.is_primed for card in device.sized.cards.values() if card.siphon)


def test_simulated_water_is_divided_by_the_pools_comb(device: Any) -> None:
    """Below the threshold nothing, above it all but the residue, in the shares that were asked, at three pours."""
    water = water_of(device.lowered.netlist, device.sized, device.layout)
    pours = np.array([[16_000.0], [17_900.0], [18_300.0], [25_000.0], [36_000.0]])
    asked = algebra.outputs(device.lowered.netlist, pours)
    for mode in ("real", "ideal"):
        found = flow(water, device.design.process, design_pour(pours, 8000.0), Conditions(mode=mode))
        assert np.abs(found.mass_error()).max() < 1e-6 and found.spilled.max() == 0.0
        assert found.cups[:2].sum(axis=1).max() < 1_500
        assert np.abs(found.cups[2:] - asked[2:]).max() < 200
        assert found.cups[2:, 0] / found.cups[2:].sum(axis=1) == pytest.approx(np.full(3, 0.3), abs=0.006)


def test_a_full_bucket_stands_between_its_ears(device: Any) -> None:
    """The middle of all the water that it can hold, whose weight alone could tip it back."""
    (placed,) = device.layout.layers[0]
    card = placed.card
    y = np.linspace(-card.depth, 0.0, 400)
    deep = card.rim_z - np.maximum(card.floor_z + np.maximum(-y - card.pool, 0.0) * card.rise, card.floor_z)
    water = float((y * deep).sum() / deep.sum())
    assert card.under.bottom_z < card.floor_z and placed.ear[0] < water < placed.ear[1]


def test_parity_is_neither_convex_nor_told_by_one_cup() -> None:
    """Odd and even of all eight pours as the read-out has them; halfway between two pours lies above their mean."""
    design = pelu_fab.load(DESIGNS / "parity")
    pours = np.array(list(product((0.0, 24.0), repeat=3)))
    found = algebra.outputs(design.network, pours)
    ones = (pours > 0).sum(axis=1)
    assert ((found[:, 0] - found[:, 1] > 4.0) == (ones % 2 == 1)).all()
    by_count = [found[ones == n][0] for n in range(4)]
    assert all((b >= a).all() for a, b in pairwise(by_count)), "every cup rises with every jug"
    ends = algebra.outputs(design.network, np.array([[24.0, 24.0, 0.0], [24.0, 24.0, 24.0], [24.0, 24.0, 19.0]]))
    assert ends[2, 0] > ends[0, 0] + 19.0 / 24.0 * (ends[1, 0] - ends[0, 0]), "not convex"


@pytest.mark.slow
def test_parity_is_right_in_real_water_for_every_pour_and_with_pauses(tmp_path: Path) -> None:
    design = pelu_fab.load(DESIGNS / "parity")
    device = pelu_fab.compile(design)
    pelu_fab.write(device, tmp_path / "parity", formats=())
    report = verify(tmp_path / "parity", against=None)
    assert report.failures == () and device.sized.priming_volume == 0.0
    water = water_of(device.lowered.netlist, device.sized, device.layout)
    pours = np.array(list(product((0.0, 24_000.0), repeat=3)))
    for pause in (0.0, 15.0):
        found = flow(water, design.process, one_by_one(pours, 8000.0, pause=pause), Conditions(mode="real"))
        odd = found.cups[:, 0] - found.cups[:, 1] > 4_000.0
        assert (odd == ((pours > 0).sum(axis=1) % 2 == 1)).all()
