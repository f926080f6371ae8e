"""STL as it is found in the wild: read by its grammar, whole or not at all, and what is no STL told by what it is."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelu_fab.errors import FabError
from pelu_fab.signoff.inspection import inspect, unit_hint
from pelu_fab.signoff.stl import RECORD, read_stl, read_stl_file

HANDED_IN = Path(__file__).parent / "data" / "handed-in"
FACET = "facet normal 0 0 1\n outer loop\n  vertex 0 0 0\n  vertex 1 0 0\n  vertex 0 1 2.5e1\n endloop\nendfacet\n"
ONE = f"solid a\n{FACET}endsolid a\n"
CORNERS = [[[0, 0, 0], [1, 0, 0], [0, 1, 25]]]


def binary(corners: np.ndarray, header: bytes = b"") -> bytes:
    table = np.zeros(len(corners), dtype=RECORD)
    table["corners"] = corners
    return header.ljust(80, b"\0") + len(corners).to_bytes(4, "little") + table.tobytes()


def refused(text: str | bytes, match: str) -> None:
    with pytest.raises(FabError, match=match):
        read_stl(text if isinstance(text, bytes) else text.encode(), "x")


WILD = ["upper-case", "leading-space", "bom", "long-first-line", "end-solid", "name-holds-vertex", "name-holds-facet"]


@pytest.mark.parametrize("name", WILD)
def test_a_cup_written_by_any_exporter_holds_its_2_ml(name: str) -> None:
    (facts,) = inspect(HANDED_IN / f"stl-{name}.stl").meshes
    assert facts.triangles == 28 and facts.closed and facts.oriented
    assert [b.volume for b in facts.buckets] == [pytest.approx(2048.0)]


@pytest.mark.parametrize(
    "text",
    [
        ONE.upper(),
        ONE.replace("\n", "\r\n"),
        ONE.replace("\n", "\r"),
        ONE.replace(" ", "\t  "),
        "\n \n" + ONE + "\n \n",
        ONE.replace("normal 0 0 1", "normal -nan(ind) nan 1.#QNAN"),
        ONE.replace("endloop", "end loop").replace("endfacet", "End Facet").replace("endsolid", "END SOLID"),
        ONE.replace("solid a", "solid"),
        ONE.replace("solid a", "solid facet vertex endsolid normal 1 2 3 ünïcödé", 1),
        ONE.removesuffix(" a\n"),
        ONE.replace("2.5e1", "+.25E+2"),
    ],
)
def test_what_the_grammar_lets_through_is_the_same_triangle(text: str) -> None:
    assert read_stl(text.encode(), "x").tolist() == CORNERS
    assert read_stl(b"\xef\xbb\xbf" + text.encode(), "x").tolist() == CORNERS


def test_several_solids_are_all_read() -> None:
    assert len(read_stl((ONE + "\n" + ONE).encode(), "x")) == 2


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (ONE.replace("endsolid a", ""), r"^x: ends in line 8, where `facet` or `endsolid` is due; .* cut off$"),
        (ONE + "solid b\n" + FACET, "ends in line 17, where `facet` or `endsolid` is due"),
        (ONE + "solid b", "where `facet` or `endsolid` is due"),
        (ONE.replace("endfacet\n", ""), "^x, line 8: has 'endsolid' where `endfacet` is due; export it again$"),
        (ONE.replace(" endloop\n", ""), "line 7: has 'endfacet' where `endloop` is due"),
        (ONE.replace("  vertex 1 0 0\n", ""), "line 6: has 'endloop' where `vertex` is due"),
        (ONE.replace(" endloop", "  vertex 1 1 1\n endloop"), "line 7: has 'vertex' where `endloop` is due"),
        (ONE.replace("vertex 1 0 0", "vertex 1 0"), "line 6: has 'vertex' where `a number` is due"),
        (ONE.replace("vertex 1 0 0", "vertex 1 0 zero"), "line 5: has 'zero' where `a number` is due; export it"),
        (ONE.replace("vertex 1 0 0", "vertex 1_0 0 0"), "has '1_0' where `a number` is due"),
        (ONE.replace("vertex 1 0 0", "vertex 1,5 0 0"), "has '1,5' where `a number` is due; .*points, not commas"),
        (ONE.replace("vertex 1 0 0", "vertex 1 0 nan"), "^x: triangle 0 has a coordinate that is not finite"),
        (ONE.replace("vertex 1 0 0", "vertex 1 0 1e99"), "^x: triangle 0 has a coordinate that is not finite"),
        (ONE.replace("vertex 1 0 0", "vertex 1 0 1e9"), r"^x: reaches 1e\+09 mm, at most 100000; check its unit"),
        ("solid a\nendsolid a\n", "^x: holds 0 triangles"),
        (ONE + "rubbish", "line 10: has 'rubbish' where `solid` is due"),
        (FACET, r"announces .* is no STL$"),
    ],
)
def test_a_text_that_breaks_the_grammar_is_refused_by_its_line(text: str, match: str) -> None:
    refused(text, match)


def test_a_text_cut_off_anywhere_is_refused() -> None:
    blob = (HANDED_IN / "stl-upper-case.stl").read_bytes()
    for end in range(1, len(blob.rstrip()) - len(b"ENDSOLID CUP") + 7):
        refused(blob[:end], "is due|has .* bytes")


@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=9, max_size=9), min_size=1, max_size=20))
def test_ascii_and_binary_forms_of_a_mesh_are_the_same_triangles(rows: list[list[float]]) -> None:
    corners = np.array(rows, dtype=np.float32).reshape(-1, 3, 3)
    facets = [
        "facet normal 0 0 0\nouter loop\n"
        + "".join(f"vertex {x!r} {y!r} {z!r}\n" for x, y, z in tri)
        + "endloop\nendfacet\n"
        for tri in corners.tolist()
    ]
    text = "solid it\n" + "".join(facets) + "endsolid it\n"
    assert np.array_equal(read_stl(text.encode(), "x"), read_stl(binary(corners), "x"))
    assert np.array_equal(read_stl(binary(corners), "x").astype(np.float32), corners)


def test_a_binary_file_whose_header_says_solid_is_binary() -> None:
    assert read_stl(binary(np.array(CORNERS), b"solid facet normal"), "x").tolist() == CORNERS
    refused(binary(np.array(CORNERS), b"solid facet normal")[:-1], r"announces 1 triangles \(134 bytes\) but has 133")


def test_bytes_too_many_are_counted() -> None:
    blob = (HANDED_IN / "stl-binary-crlf-behind.stl").read_bytes()
    refused(blob, "^x: has 2 bytes too many behind its 28 triangles; export it again as binary$")
    assert len(read_stl(blob[:-2], "x")) == 28


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("stl-is-lfs-pointer.stl", "is a Git LFS pointer instead of the file; fetch the file: git lfs pull$"),
        ("stl-is-html.stl", "is an HTML page; a web page was saved instead of the file: download it again$"),
        ("stl-utf16.stl", "is UTF-16 text; save it as UTF-8, or export it as binary$"),
        ("stl-second-solid-lost.stl", "ends in line 199, where `facet` or `endsolid` is due; .* cut off$"),
        ("stl-missing-endfacet.stl", "line 197: has 'endsolid' where `endfacet` is due"),
    ],
)
def test_what_is_no_stl_is_told_by_what_it_is(name: str, match: str) -> None:
    with pytest.raises(FabError, match=match):
        inspect(HANDED_IN / name)


@pytest.mark.parametrize(
    ("head", "match"),
    [
        (b"PK\x03\x04" + b"\0" * 26 + b"3D/3dmodel.model" + b"\0" * 99, r"is a zip archive \(3MF\?\); export"),
        (b"# Blender\no cube\nv 1.0 1.0 1.0\n" + b"v 1 1 1\n" * 20, "is a Wavefront OBJ mesh; export the mesh as STL"),
        (b"ply\nformat ascii 1.0\n" + b" " * 99, "is a PLY mesh"),
        (b"ISO-10303-21;\nHEADER;" + b" " * 99, "is a STEP file"),
        (b"glTF\2\0\0\0" + b"\0" * 99, r"is a glTF binary"),
        (b"; generated by a slicer\nG28\n" + b" " * 99, "is G-code; give the mesh that was sliced"),
        (b"<?xml version='1.0'?><Error/>" + b" " * 99, "is XML text"),
        (b"%PDF-1.7" + b" " * 99, "is a PDF document"),
    ],
)
def test_other_peoples_files_named_stl_are_told_too(tmp_path: Path, head: bytes, match: str) -> None:
    (tmp_path / "part.STL").write_bytes(head)
    with pytest.raises(FabError, match=match):
        read_stl_file(tmp_path / "part.STL", "part.STL")


def test_suffixes_count_in_any_case(tmp_path: Path) -> None:
    for name in ("a.STL", "b.Stl", "parts/c.stl", "parts/d.sTL", "note.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((HANDED_IN / "stl-bom.stl").read_bytes())
    assert [mesh.name for mesh in inspect(tmp_path).meshes] == ["a.STL", "b.Stl", "c.stl", "d.sTL"]


def test_a_sparse_file_of_3_gib_is_judged_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.stl"
    with path.open("wb") as file:
        file.write(binary(np.array(CORNERS)))
        file.truncate(3 << 30)
    with pytest.raises(FabError, match=r"announces 1 triangles \(134 bytes\) but has 3221225472 bytes"):
        inspect(path)
    with path.open("r+b") as file:
        file.seek(80)
        file.write(((3 << 30) // 50).to_bytes(4, "little"))
        file.truncate(84 + (3 << 30) // 50 * 50)
    with pytest.raises(FabError, match=r"is 3072\.0 MiB large, at most 512 MiB are read; simplify the mesh"):
        inspect(path)


def test_a_doubt_of_the_unit_is_said_with_what_would_fit() -> None:
    (facts,) = inspect(HANDED_IN / "stl-inches.stl").meshes
    assert facts.hint is not None and re.search(r"0\.787 mm: is it in inches \(20 mm\) or metres", facts.hint)
    assert inspect(HANDED_IN / "stl-bom.stl").meshes[0].hint is None
    assert unit_hint(0.2) == "the longest side is 0.2 mm: is it in metres (200 mm)? An STL is read in mm"
    assert unit_hint(200_000.0) is not None and "µm (200 mm)" in str(unit_hint(200_000.0))
    assert unit_hint(5.0) is None and unit_hint(3000.0) is None


def test_a_long_number_or_gap_costs_no_more_than_its_length() -> None:
    for inside in ("1" * 10**6 + "x", " " * 10**6 + "x", "1." * 10**5, "facet normal " * 10**5):
        refused(ONE.replace("vertex 1 0 0", f"vertex {inside}"), "is due")
