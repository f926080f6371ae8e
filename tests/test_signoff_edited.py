"""Parts that other programs cut, moved and exported again: OpenSCAD, admesh and PrusaSlicer, on Iris."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from faults import Device, frame_of

from exports import export
from pelu_fab.signoff import Report, verify
from pelu_fab.signoff.found import Tooth
from pelu_fab.signoff.recovery import recover_folder

CARD = "card-L0-b0"
MOVE = "translate([57.3, -12.25, 8]) rotate([0, 0, 125.5])"


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: edits by it are not judged here")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return export("iris", tmp_path)


def in_openscad(folder: Path, solid: str) -> None:
    """Replace the card by what OpenSCAD makes of it, as ASCII STL. `solid` says what, PART standing for the card."""
    file = folder / "parts" / f"{CARD}.stl"
    script = folder / "edit.scad"
    script.write_text(solid.replace("PART", f'import("{file}");'))
    edited = folder / "edited.stl"
    subprocess.run([needs("openscad"), "-o", str(edited), str(script)], check=True, capture_output=True, timeout=120)
    assert edited.read_bytes().startswith(b"solid OpenSCAD")
    edited.replace(file)


def block(folder: Path, tooth: Tooth, low: float, high: float, width: float, ahead: float = 0.0) -> str:
    """OpenSCAD for a box over a tooth's sill, and so far `ahead` over the ramp, in the card's own coordinates."""
    entries = json.loads((folder / "manifest.json").read_text())["parts"]
    matrix = np.array(next(part["transform"] for part in entries if part["name"] == CARD))
    at, along, out = frame_of(tooth)
    length = 1.61 + ahead
    middle = matrix[:3, :3].T @ (at + out * (ahead - length / 2) + [0, 0, low] - matrix[:3, 3])
    turned = matrix[:3, :3].T @ along
    angle = float(np.degrees(np.arctan2(turned[1], turned[0])))
    size = f"[{width:.4f}, {length:.4f}, {high - low:.4f}]"
    place = f"[{middle[0]:.4f}, {middle[1]:.4f}, {middle[2] + (high - low) / 2:.4f}]"
    return f"translate({place}) rotate([0, 0, {angle:.4f}]) cube({size}, center=true);"


def moved_back(report: Report) -> list[str]:
    return [c.where for c in report.checks if c.id == "mesh.file" and "moved back by" in c.why]


def test_a_card_moved_turned_and_exported_as_ascii_by_openscad_passes(folder: Path) -> None:
    sound = verify(folder)
    in_openscad(folder, f"{MOVE} PART")
    report = verify(folder)
    assert report.failures == ()
    again = [check.id for check in report.checks if check.status == "skipped"]
    assert again == ["file.assembly"], "it still holds the part as it was compiled"
    assert report.counts["run"] == sound.counts["run"] - len(again)
    assert moved_back(report) == [CARD] and moved_back(sound) == []


def test_a_harmless_cut_in_openscad_passes(folder: Path) -> None:
    in_openscad(folder, f"{MOVE} difference() {{ PART translate([-1, -1, 0]) cube([1.5, 1.5, 1]); }}")
    report = verify(folder)
    assert report.failures == ()
    assert moved_back(report) == [CARD]


def test_a_sill_that_openscad_cut_lower_is_named_at_its_tooth(folder: Path) -> None:
    device = Device(recover_folder(folder))
    bucket = "L0.b0"
    vessel = next(v for _, name, v in device.buckets() if name == bucket)
    tooth = vessel.teeth[2]
    in_openscad(folder, f"{MOVE} difference() {{ PART {block(folder, tooth, -0.5, 0.1, tooth.width, 0.6)} }}")
    report = verify(folder)
    (level,) = [c for c in report.failures if c.id == "lvs.level"]
    assert level.where == bucket and level.found == pytest.approx(0.5, abs=2e-3)
    assert level.at is not None and np.linalg.norm(np.array(level.at) - tooth.at) < 1.0
    assert "lvs.retained" in {c.id for c in report.failures if c.where == bucket}
    assert moved_back(report) == [CARD]


def test_a_mouth_that_openscad_plugged_is_named(folder: Path) -> None:
    device = Device(recover_folder(folder))
    vessel = next(v for _, name, v in device.buckets() if name == "L0.b0")
    mouth = min(vessel.mouths, key=lambda m: len(m.teeth))
    plugs = " ".join(block(folder, t, -0.3, 14.0, t.width + 0.2) for t in (vessel.teeth[k] for k in mouth.teeth))
    in_openscad(folder, f"{MOVE} union() {{ PART {plugs} }}")
    report = verify(folder)
    goal = device.names[mouth.goal]
    assert f"L0.b0->{goal}" in {c.where for c in report.failures if c.id in ("lvs.open", "lvs.share")}
    assert moved_back(report) == [CARD]


def test_a_card_that_openscad_mirrored_is_another_part(folder: Path) -> None:
    in_openscad(folder, "mirror([1, 0, 0]) PART")
    report = verify(folder)
    assert report.verdict == "fail"
    assert "L0.b" in next(c.where for c in report.failures if c.id.startswith("lvs."))


def test_a_card_moved_and_turned_by_admesh_passes(folder: Path) -> None:
    file = folder / "parts" / f"{CARD}.stl"
    command = [needs("admesh"), "--z-rotate=-90", "--translate=10,20,30", f"--write-ascii-stl={file}.ascii", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    Path(f"{file}.ascii").replace(file)
    report = verify(folder)
    assert report.failures == () and moved_back(report) == [CARD]


def test_a_card_that_prusaslicer_repaired_and_exported_passes(folder: Path) -> None:
    file = folder / "parts" / f"{CARD}.stl"
    command = [needs("prusa-slicer"), "--export-stl", "--rotate", "180", "--output", f"{file}.new.stl", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    Path(f"{file}.new.stl").replace(file)
    report = verify(folder)
    assert report.failures == () and moved_back(report) == [CARD]
