"""The kill score: every fault planted in a compiled device's meshes is caught, by the right rule at the right place."""

from pathlib import Path

import pytest
from faults import Device, Fault, all_faults, frame_of, judge, oriented_box, planted
from shapes import SHAPES, shape

import pelu_fab
from pelu_fab.ir.design import Design
from pelu_fab.signoff import verify
from pelu_fab.signoff.recovery import recover_folder
from pelu_fab.sources.process import read_process

IRIS = Path(__file__).parents[1] / "designs" / "iris"


def export(name: str, folder: Path) -> Path:
    network = shape(name)
    process = read_process("fdm-pla-detergent")
    design = Design("faulty", network, process, input_max=(40.0,) * network.widths[0])
    pelu_fab.write(pelu_fab.compile(design), folder)
    return folder


def score(folder: Path, tmp_path: Path) -> tuple[list[Fault], list[str], list[str]]:
    """Faults planted, those missed, and those caught under a wrong name."""
    device = Device(recover_folder(folder))
    sound = {(c.id, c.where) for c in verify(folder).failures}
    faults, missed, misnamed = all_faults(device), [], []
    for number, fault in enumerate(faults):
        report = verify(planted(device, fault, tmp_path / str(number))).to_dict()
        report["checks"] = [c for c in report["checks"] if (c["id"], c["where"]) not in sound]
        caught, named = judge(report, fault)
        if not caught or not any(c["status"] == "fail" for c in report["checks"]):
            missed.append(fault.name)
        elif not named:
            misnamed.append(fault.name)
    return faults, missed, misnamed


def test_every_fault_in_a_card_over_two_gutters_is_caught_and_named(tmp_path: Path) -> None:
    faults, missed, misnamed = score(export("1-2", tmp_path / "sound"), tmp_path)
    assert len(faults) >= 40
    assert (missed, misnamed) == ([], [])


def test_a_narrower_tooth_changes_no_answer_where_one_branch_takes_all_and_a_higher_sill_fails(tmp_path: Path) -> None:
    """What was counted as missed once: a card with one branch has no shares, whatever its teeth; it has a threshold."""
    device = Device(recover_folder(export("1-1", tmp_path / "sound")))
    ((_, name, vessel),) = device.buckets()
    tooth, sound = vessel.teeth[1], verify(device.folder)
    at, along, out = frame_of(tooth)
    post = oriented_box(
        at + 0.46 * tooth.width * along - 0.8 * out - [0, 0, 0.3], along, (0.1 * tooth.width, 1.5, 12.0)
    )
    narrower = Fault("narrower", device.edit(vessel.part, lambda solid: solid + post), (), ())
    report = verify(planted(device, narrower, tmp_path / "narrower"))
    assert report.verdict == sound.verdict == "pass"
    (was,), (now,) = (told.recovered["layers"] for told in (sound, report))
    found = recover_folder(tmp_path / "narrower").found.vessels
    assert min(t.width for v in found for t in v.teeth) == pytest.approx(0.91 * tooth.width, abs=0.02 * tooth.width)
    assert now["shares"][0] == pytest.approx([1.0]) == was["shares"][0]
    assert now["retained_units"] == pytest.approx(was["retained_units"], abs=0.01)
    raised = next(fault for fault in all_faults(device) if fault.name == f"sill +0.3 {name}")
    report = verify(planted(device, raised, tmp_path / "raised"))
    assert ("lvs.retained", name) in {(check.id, check.where) for check in report.failures}


@pytest.mark.sweep
def test_every_fault_in_a_card_over_its_cup_is_caught_and_named(tmp_path: Path) -> None:
    faults, missed, misnamed = score(export("1-1", tmp_path / "sound"), tmp_path)
    assert len(faults) >= 20
    assert (missed, misnamed) == ([], [])


@pytest.mark.sweep
def test_every_fault_in_two_trays_and_a_row_is_caught_and_nearly_all_are_named(tmp_path: Path) -> None:
    faults, missed, misnamed = score(export("2-5-2 one-hot", tmp_path / "sound"), tmp_path)
    assert len(faults) >= 60
    assert missed == []
    assert len(misnamed) <= 0.05 * len(faults), misnamed


@pytest.mark.sweep
@pytest.mark.parametrize("name", SHAPES[3:])
def test_every_fault_is_caught_and_nearly_all_are_named(name: str, tmp_path: Path) -> None:
    faults, missed, misnamed = score(export(name, tmp_path / "sound"), tmp_path)
    assert len(faults) >= 50
    assert missed == []
    assert len(misnamed) <= 0.05 * len(faults), misnamed


@pytest.mark.sweep
def test_every_fault_in_iris_is_caught_and_nearly_all_are_named(tmp_path: Path) -> None:
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(IRIS)), tmp_path / "sound")
    faults, missed, misnamed = score(tmp_path / "sound", tmp_path)
    assert len(faults) >= 60
    assert missed == []
    assert len(misnamed) <= 0.05 * len(faults), misnamed
