"""The B-rep kernel builds what the mesh kernel builds, survives its own crashes, and writes the same STEP twice."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pelu_fab import load, pipeline
from pelu_fab.errors import FabBug, FabError
from pelu_fab.formats.step import MOST_BRANCHES, to_step, volume_errors, with_fixed_header, with_sorted_styles
from pelu_fab.ir.device import Device
from pelu_fab.ir.netlist import Duct
from pelu_fab.ir.solid import IDENTITY, Part, Prism, Step, box, rectangle
from pelu_fab.kernels import brep
from pelu_fab.kernels.brep import build_brep, without_lettering
from pelu_fab.kernels.mesh import build_mesh

IRIS = Path(__file__).parent.parent / "designs" / "iris"
BOX = box((0.0, 10.0), (0.0, 8.0), (0.0, 6.0))
ROOM = box((1.0, 9.0), (1.0, 7.0), (1.0, 7.0))
TEXT = Prism("y", -0.6, 0.3, (rectangle(2.0, 4.0, 2.0, 4.0),), is_lettering=True)
L_SHAPE = ((0.0, 0.0), (5.0, 0.0), (5.0, 1.0), (1.0, 1.0), (1.0, 4.0), (0.0, 4.0))


def part(name: str, *modules: tuple[Step, ...], loose: bool = False) -> Part:
    return Part(name, "row", modules, None if loose else IDENTITY)


CUP = part("cup", (Step("add", (BOX,)), Step("cut", (ROOM,))), (Step("add", (TEXT,)),))
CUP_VOLUME = 10 * 8 * 6 - 8 * 6 * 5


@pytest.fixture(scope="module")
def iris() -> Device:
    return pipeline.compile_design(load(IRIS))


def test_a_cup_has_the_volume_that_is_worked_out_by_hand_and_no_letters() -> None:
    built = build_brep([CUP], "cup")
    assert built.volumes == pytest.approx([CUP_VOLUME])
    assert built.reread == pytest.approx([CUP_VOLUME])
    assert build_mesh(CUP).volume == pytest.approx(CUP_VOLUME + 2 * 2 * 0.6)


def test_prisms_along_every_axis_are_swept_the_right_way_and_never_inside_out() -> None:
    """An L of area 8 in each plane, off the origin, with a void: an inverted sweep would change the box it fills."""
    parts = []
    for axis in ("x", "y", "z"):
        prism = Prism(axis, 2.0, 5.0, (L_SHAPE, rectangle(4.0, 6.0, 0.5, 3.0)), (rectangle(0.2, 0.8, 1.5, 2.5),))
        parts.append(part(axis, (Step("add", (prism,)),)))
    volume = 3.0 * (8.0 + (2.0 * 2.5 - 1.0 * 0.5) - 0.6)
    assert build_brep(parts, "axes").volumes == pytest.approx([volume] * 3)
    assert [build_mesh(one).volume for one in parts] == pytest.approx([volume] * 3)


def test_modules_that_do_not_meet_are_refused_by_both_kernels() -> None:
    far = box((12.0, 14.0), (0.0, 2.0), (0.0, 2.0))
    split = part("split", (Step("add", (BOX,)),), (Step("add", (far,)),))
    with pytest.raises(FabBug, match=r"split: 2 bodies instead of one"):
        build_brep([split], "split")
    with pytest.raises(FabBug, match=r"split: 2 bodies instead of one"):
        build_mesh(split)


def test_a_kernel_that_hangs_or_dies_is_reported_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FabBug, match=r"^slow: the B-rep kernel took more than 0\.05 s$"):
        build_brep([CUP], "slow", time_limit=0.05)
    monkeypatch.setattr(brep, "__name__", "os")  # the worker then runs `from os import work`
    with pytest.raises(
        FabBug, match=r"^dead: the B-rep kernel failed: ImportError: cannot import name 'work' from 'os'"
    ):
        build_brep([CUP], "dead")
    monkeypatch.setattr(brep, "__name__", "signal")
    fatal = "import signal, os; signal.work = lambda _: os.kill(os.getpid(), signal.SIGSEGV)"
    monkeypatch.setattr(subprocess, "run", _running_first(fatal))
    with pytest.raises(FabBug, match=r"^dead: the B-rep kernel failed: exit status -11, no reason given$"):
        build_brep([CUP], "dead")


def _running_first(code: str):  # type: ignore[no-untyped-def]
    real = subprocess.run

    def run(command, **options):  # type: ignore[no-untyped-def]
        return real([*command[:2], f"{code}; {command[2]}"], **options)

    return run


def test_a_script_without_main_guard_can_build() -> None:
    """Multiprocessing by spawn would run the script again in the worker, and again in that one's."""
    code = (
        "from pelu_fab.ir.solid import Part, Step, box, IDENTITY\n"
        "from pelu_fab.kernels.brep import build_brep\n"
        "p = Part('p', 'row', ((Step('add', (box((0., 1.), (0., 2.), (0., 3.)),)),),), IDENTITY)\n"
        "print('started', round(build_brep([p], 'p').volumes[0], 6))\n"
    )
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, timeout=120)
    assert done.stdout == "started 6.0\n", done.stderr


@pytest.mark.slow
def test_iris_in_step_is_the_same_bytes_twice_and_every_volume_agrees(iris: Device, tmp_path: Path) -> None:
    import cadquery as cq

    first = to_step(iris)
    assert to_step(iris) == first
    (tmp_path / "iris.step").write_bytes(first)
    solids = cq.importers.importStep(str(tmp_path / "iris.step")).solids().vals()
    expected = [build_mesh(without_lettering(p)).volume for p in iris.parts]
    assert [s.Volume() for s in solids] == pytest.approx(expected, rel=1e-5)
    boxes = [s.BoundingBox() for s in solids]
    assembled = [iris.assembled(k).reshape(-1, 3) for k, p in enumerate(iris.parts) if p.transform is not None]
    low, high = min(float(a[:, 2].min()) for a in assembled), max(float(a[:, 2].max()) for a in assembled)
    placed = [b for b, p in zip(boxes, iris.parts, strict=True) if p.transform is not None]
    assert (min(b.zmin for b in placed), max(b.zmax for b in placed)) == pytest.approx((low, high), abs=1e-3)
    for name in (p.name for p in iris.parts):
        assert f"PRODUCT('{name}'".encode() in first
    assert len(set(re.findall(rb"COLOUR_RGB\(([^)]*)\)", first))) >= 4


def test_the_styles_are_sorted_whatever_order_the_writer_chose(iris: Device) -> None:
    parts = [replace(CUP, name=f"c{k}", role=role) for k, role in enumerate(("row", "jug", "cup", "frame"))]
    step = build_brep(parts, "many").step
    fixed = with_sorted_styles(step, "many")
    solids = [int(n) for n in re.findall(rb"STYLED_ITEM\('color',\(#\d+\),#(\d+)\)", fixed)]
    assert solids == sorted(solids) and len(solids) == 4
    numbers = [int(n) for n in re.findall(rb"^#(\d+) = ", fixed, re.MULTILINE)]
    assert len(numbers) == len(set(numbers))
    assert with_sorted_styles(fixed, "many") == fixed
    with pytest.raises(FabBug, match=r"^x: the STEP file has no colours$"):
        with_sorted_styles(b"ISO-10303-21;\nENDSEC;\nEND-ISO-10303-21;\n", "x")


def test_the_header_tells_a_fixed_time_and_an_escaped_name() -> None:
    told = b"HEADER;\nFILE_NAME('a','2031-01-01T00:00:00',('x'),('y'),'z',\n 'w','');\nENDSEC;"
    assert with_fixed_header(told, "it's").count(b"FILE_NAME('it''s','1970-01-01T00:00:00'") == 1
    with pytest.raises(FabBug, match=r"^n: the STEP file has no FILE_NAME$"):
        with_fixed_header(b"HEADER;", "n")


def test_a_planted_difference_of_volumes_is_found(iris: Device) -> None:
    good = [build_mesh(without_lettering(p)).volume for p in iris.parts]
    bad = [*good[:-1], good[-1] * 1.0005]
    fake = brep.Brep(b"", tuple(good), tuple(bad))
    assert max(volume_errors(iris, fake), key=lambda name: volume_errors(iris, fake)[name]) == iris.parts[-1].name
    with pytest.raises(FabBug, match="STEP holds"):
        volume_errors(iris, brep.Brep(b"", tuple(good), tuple(good[1:])))


def test_a_device_too_large_for_step_is_refused_with_an_estimate(iris: Device) -> None:
    ducts = tuple(Duct("a", "b", 1.0) for _ in range(MOST_BRANCHES + 1))
    large = replace(iris, lowered=replace(iris.lowered, netlist=replace(iris.lowered.netlist, ducts=ducts)))
    with pytest.raises(FabError, match=r"^iris\.step: 2501 branches would make about 100 MB of STEP, the most is 2500"):
        to_step(large)
