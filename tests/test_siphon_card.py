"""The card with a siphon: what the judge finds in the triangles alone, and faults planted in it, each by its rule."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely import LineString, Polygon

import pelu_fab
from pelu_fab.cfd.plan import Device, cases_of
from pelu_fab.cfd.pour import pour_of
from pelu_fab.errors import FabError
from pelu_fab.ir.card import Card
from pelu_fab.ir.solid import Prism, Step, box
from pelu_fab.network import algebra
from pelu_fab.signoff import Report, verify
from pelu_fab.signoff.recovery import recover_folder
from pelu_fab.sim.flow import flow
from pelu_fab.sim.plumbing import Conditions
from pelu_fab.sim.schedule import design_pour
from pelu_fab.sim.water import water_of
from pelu_fab.stages import siphon as makers_siphon
from pelu_fab.stages.solids import card as makers_card
from pelu_fab.stages.solids.siphon import flush_body

STEP = Path(__file__).parents[1] / "designs" / "step"
Plant = Callable[[Card], tuple[Step, ...]]


def device(settings: tuple[str, ...] = ()) -> Any:
    return pelu_fab.compile(pelu_fab.load(STEP, settings=settings))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("siphon") / "step"
    pelu_fab.write(device(), folder, formats=())
    return folder


def failing(report: Report) -> set[tuple[str, str]]:
    return {(check.id, check.where) for check in report.failures}


def test_a_sound_card_passes_against_its_checkpoint(sound: Path) -> None:
    report = pelu_fab.verify(sound, against=STEP / "step.json")
    assert report.failures == () and report.verdict == "pass"
    ran = {check.id for check in report.checks if check.status == "pass"}
    assert {"lvs.threshold", "lvs.siphon", "flow.reach", "source.residue"} <= ran


def test_the_judge_finds_every_length_in_the_triangles(sound: Path) -> None:
    """Crown, intake, outlet, bore, wall and crest of the drawn siphon, which it never saw."""
    (card,) = device().layout.layers[0]
    pillar, z = card.card.siphon, card.z
    (vessel,) = (v for v in recover_folder(sound).found.vessels if v.siphon)
    found, drawn = vessel.siphon, pillar.siphon
    assert (found.crown_z, found.intake_z, found.outlet_z) == pytest.approx(
        (z, z + drawn.intake_z, z + drawn.outlet_z), abs=1e-3
    )
    assert (found.bore, found.crest) == pytest.approx((drawn.bore, drawn.crest), abs=2e-2)
    assert found.wall == pytest.approx(pillar.wall, abs=0.03) and found.wall >= pillar.wall - 1e-3
    assert found.length == pytest.approx(drawn.length, rel=0.02)
    assert vessel.volume == pytest.approx(card.card.drawn_volume, abs=3.0)
    assert found.residue == pytest.approx(card.card.volume_below(drawn.break_z), abs=5.0)
    assert found.axis == pytest.approx((pillar.x_down, card.y + pillar.y), abs=1e-2)


def middle(card: Card, name: str) -> tuple[float, float]:
    x = getattr(card.siphon, name)
    return x - 0.5, x + 0.5


def across(card: Card) -> tuple[float, float]:
    return card.siphon.y - 0.5, card.siphon.y + 0.5


FAULTS: dict[str, tuple[Plant, str]] = {
    "a pinhole in the crown": (
        lambda c: (Step("cut", (box(middle(c, "x_down"), across(c), (1.0, 60.0)),)),), "L0.b0",
    ),
    "a pinhole from the pool into the rising leg": (
        lambda c: (Step("cut", (box(middle(c, "x_up"), (-1.0, c.siphon.y), (-12.0, -11.0)),)),), "L0.b0 leaves",
    ),
    "a pinhole through the front of the falling leg": (
        lambda c: (Step("cut", (box(middle(c, "x_down"), (c.siphon.y, 60.0), (-9.0, -8.0)),)),), "L0.b0 leaves",
    ),
    "a bore half blocked": (
        lambda c: (Step("add", (box((c.siphon.x_down - 3, c.siphon.x_down + 3), (1.0, c.siphon.y), (-9.0, -6.0)),)),),
        "L0.b0 passes",
    ),
    "a rising leg half blocked": (
        lambda c: (Step("add", (box((c.siphon.x_up - 3, c.siphon.x_up + 3), (1.0, c.siphon.y), (-9.0, -6.0)),)),),
        "L0.b0 passes",
    ),
    "a crown half blocked": (
        lambda c: (Step("add", (box((-0.5, 0.5), (0.5, 7.0), (2.0, 8.0)),)),), "L0.b0 passes",
    ),
    "a short leg": (
        lambda c: (Step("cut", (box((0.3, 20.0), (c.sill - 0.4, 20.0), (-60.0, -18.0)),)),), "L0.b0 leg",
    ),
    "a low outlet": (
        lambda c: (
            Step("add", (box((c.siphon.x_down - 4, c.siphon.x_down + 4), (2.0, 9.0), (-41.0, -30.0)),)),
            Step("cut", (box((c.siphon.x_down - 2.5, c.siphon.x_down + 2.5), (1.5, 6.0), (-60.0, -2.0)),)),
        ), "L0.b0 outlet",
    ),
    "a wall of one line": (
        lambda c: (Step("cut", (box((2.0, 4.0), (c.siphon.front - 0.8, 60.0), (-20.0, -15.0)),)),),
        "L0.b0 tight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_planted_in_the_siphon_fails_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, where = FAULTS[name]
    with monkeypatch.context() as patch:
        patch.setattr(makers_card, "flush_body", lambda card, inside: (*flush_body(card, inside), *plant(card)))
        pelu_fab.write(device(), tmp_path / "faulty", formats=())
    assert ("lvs.siphon", where) in failing(verify(tmp_path / "faulty"))


def test_a_bore_wholly_blocked_leaves_the_branch_without_water(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blocked(card: Card, inside: tuple[Prism, ...]) -> tuple[Step, ...]:
        x, y = card.siphon.x_down, card.siphon.y
        return (*flush_body(card, inside), Step("add", (box((x - 3, x + 3), (y - 3, y + 3), (-9.0, -6.0)),)))

    monkeypatch.setattr(makers_card, "flush_body", blocked)
    pelu_fab.write(device(), tmp_path / "shut", formats=())
    assert {rule for rule, _ in failing(verify(tmp_path / "shut"))} >= {"lvs.siphon", "lvs.open"}


def test_a_maker_with_other_physics_of_priming_fails_the_threshold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = makers_siphon.flush_volume
    monkeypatch.setattr(makers_siphon, "flush_volume", lambda *given: 1.5 * true(*given))
    pelu_fab.write(device(), tmp_path / "wet", formats=())
    assert ("lvs.threshold", "L0.b0") in failing(verify(tmp_path / "wet"))


def test_a_weir_that_is_asked_for_a_siphon_fails_and_so_does_the_reverse(sound: Path, tmp_path: Path) -> None:
    """The same parts beside another question."""
    other = tmp_path / "other"
    other.mkdir()
    for path in sound.rglob("*"):
        if path.is_file():
            (other / path.relative_to(sound)).parent.mkdir(parents=True, exist_ok=True)
            (other / path.relative_to(sound)).write_bytes(path.read_bytes())
    for name in ("network.json", "lowered.json"):
        table = json.loads((other / name).read_text())
        del table["layers"][0]["r"]
        (other / name).write_text(json.dumps(table))
    assert ("lvs.siphon", "L0.b0") in failing(verify(other))


@pytest.mark.parametrize("flow_ml", [6, 7, 8])
def test_simulated_water_flushes_at_the_threshold_that_was_asked(flow_ml: int) -> None:
    made = device((f"pour_flow_ml={flow_ml}",))
    water = water_of(made.lowered.netlist, made.sized, made.layout)
    pours = np.array([[16_000.0], [17_900.0], [18_150.0], [24_000.0]])
    found = flow(water, made.design.process, design_pour(pours, 1000.0 * flow_ml), Conditions(mode="real"))
    asked = algebra.outputs(made.lowered.netlist, pours)
    assert np.abs(found.mass_error()).max() < 1e-6
    assert found.cups[:2, 0].max() < 1_500 and found.spilled.max() == 0.0, "no more than stands above the crown"
    assert np.abs(found.cups[2:, 0] - asked[2:, 0]).max() < 150


def test_what_no_siphon_does_is_refused_by_name(tmp_path: Path) -> None:
    def asked(change: Callable[[dict[str, Any]], None]) -> Any:
        table = json.loads((STEP / "step.json").read_text())
        change(table)
        (tmp_path / "net.json").write_text(json.dumps(table))
        return pelu_fab.compile(pelu_fab.load(tmp_path / "net.json", settings=("pour_flow_ml=8",)))

    def layers(*made: Any, outputs: int = 1) -> Callable[[dict[str, Any]], None]:
        names = {"inputs": [f"x{i}" for i in range(len(made[0]["h"]))], "outputs": [f"y{i}" for i in range(outputs)]}
        return lambda table: table.update(layers=list(made), **names)

    with pytest.raises(FabError, match=r"L0\.b0.*leaves 0\.10 mL.*residue of at least 0\.\d"):
        asked(layers({"h": [18.0], "r": [0.1], "w": [[1.0]]}))
    with pytest.raises(FabError, match=r"flushes at 900\.00 mL"):
        asked(layers({"h": [900.0], "r": [1.0], "w": [[1.0]]}))
    with pytest.raises(FabError, match=r"L0\.b0.*leaves 0\.20 mL.*residue of at least 0\.\d"):
        asked(layers({"h": [18.0], "r": [0.2], "w": [[0.5, 0.5]]}, outputs=2))
    for flow_ml, what in ((0.2, "may only trickle"), (60.0, "a siphon passes")):
        with pytest.raises(FabError, match=what):
            device((f"pour_flow_ml={flow_ml}",))


def test_a_card_says_its_volumes_as_a_fine_sum_does() -> None:
    """Slices of 0.05 mm of the drawn section, the leg and the intake, up to any level."""
    (placed,) = device().layout.layers[0]
    card = placed.card
    for level in (-33.0, -30.0, -20.0, -3.0, 0.0):
        assert card.volume_below(level) == pytest.approx(sliced(card, level), rel=2e-3)


def sliced(card: Card, level: float) -> float:
    pillar, step = card.siphon, 0.05
    total, bore = 0.0, pillar.siphon.bore
    for z in np.arange(pillar.trench_z + step / 2, level, step):
        reach = min(card.depth, card.pool + (z - card.floor_z) / card.rise)
        if z < card.floor_z:
            cut = Polygon(pillar.sump(card.x0, card.x1)).intersection(LineString([(card.x0, z), (card.x1, z)]))
            reach = pillar.trench * cut.length / (card.x1 - card.x0)
        up, half = z - pillar.trench_z, 0.45 * bore
        wide = 2 * min(half, max(half - (up - 0.7 * bore), 0.0))
        x = np.linspace(-wide / 2, wide / 2, 400) if wide > 0 else np.zeros(1)
        through = wide * float((pillar.y - np.sqrt(bore**2 / 4 - x**2)).mean())
        total += step * ((card.x1 - card.x0) * reach + np.pi * bore**2 / 4 + through)
    return total


def test_cards_of_a_row_reach_down_to_one_level_and_keep_their_own_thresholds(tmp_path: Path) -> None:
    table = json.loads((STEP / "step.json").read_text())
    table |= {"inputs": ["a", "b"], "outputs": ["y", "z"]}
    table["layers"] = [{"h": [14.0, 22.0], "r": [1.0, 2.0], "w": [[1.0, 0.0], [0.0, 1.0]]}]
    (tmp_path / "two.json").write_text(json.dumps(table))
    settings = ("pour_flow_ml=8", "input_max=[30, 30]")
    made = pelu_fab.compile(pelu_fab.load(tmp_path / "two.json", settings=settings))
    one, two = (placed.card for placed in made.layout.layers[0])
    assert one.under == two.under and one.depth == two.depth
    assert replace(one, name="") != replace(two, name="")
    pelu_fab.write(made, tmp_path / "two", formats=())
    assert verify(tmp_path / "two").failures == ()


def test_the_solvers_case_holds_pool_legs_and_crown_and_opens_at_the_outlet_alone(sound: Path) -> None:
    """Cells below the crown against the cavity in the file; faces of the outlet against the bore."""
    whole = Device(recover_folder(sound))
    (case,) = cases_of(whole, "L0.b0", pour_of("even", flow=8.0, seconds=0.4, drain=2.0, below=0.6), 6)
    vessel = whole.vessels["L0.b0"]
    _, _, z = case.grid.centres
    under = case.zones["pool"] & (z < 0.0)
    assert float(case.grid.volumes[under].sum()) == pytest.approx(vessel.volume, rel=0.08)
    outlet = case.mesh.areas[case.mesh.faces_of("o0")]
    assert -float(outlet[:, 2].sum()) == pytest.approx(np.pi * 2.5**2, rel=0.12)
    assert {name for name, _, _ in case.mesh.patches} == {"walls", "inlet", "top", "o0"}
    assert float(case.grid.volumes[case.water].sum()) == pytest.approx(vessel.volume - 600.0, rel=0.1)
    assert case.zones["leg"].any() and not (case.zones["leg"] & case.water).any(), "the falling leg starts dry"
    with pytest.raises(FabError, match="use --pour even"):
        cases_of(whole, "L0.b0", pour_of("middle"), 6)
    with pytest.raises(FabError, match="leaves through a siphon"):
        cases_of(whole, "L0.b0->out.y0", pour_of("even"), 6)
