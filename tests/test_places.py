"""A failed sign-off leaves files that show the places; a clean one leaves none."""

import re
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh

from pelu_fab.files import PLACES
from pelu_fab.formats.glb import METRES
from pelu_fab.show.findings import MOST, PANEL, REACH, SCALE, to_findings
from pelu_fab.show.markers import to_markers
from pelu_fab.show.places import write_places

SVG = "{http://www.w3.org/2000/svg}"
CUBE = np.array(trimesh.creation.box(bounds=[[0.0, 14.0, 26.0], [20.0, 26.0, 34.0]]).triangles)
PARTS = [("card-L0-b0", CUBE)]
SHARE = {
    "id": "lvs.share",
    "where": "L0.b0->out.y0",
    "status": "fail",
    "at": [10.0, 20.0, 30.0],
    "found": 4.5,
    "limit": 0.05,
    "unit": "pp",
    "why": "delivers 60 %, wanted 56 %",
}


def panels(svg: bytes) -> list[ElementTree.Element]:
    return [e for e in ElementTree.fromstring(svg).iter(f"{SVG}svg") if e.get("x")]


def extent(panel: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, right, low and high end of what is drawn, mm from the middle."""
    numbers = [float(v) for v in re.findall(r"-?[\d.]+", panel.find(f"{SVG}path").get("d"))]
    x, y = np.array(numbers[::2]) / SCALE - REACH, REACH - np.array(numbers[1::2]) / SCALE
    return float(x.min()), float(x.max()), float(y.min()), float(y.max())


def test_a_clean_report_leaves_no_markers_and_takes_old_ones_away(tmp_path: Path) -> None:
    for name in PLACES:
        (tmp_path / name).write_bytes(b"old")
    assert write_places(tmp_path, {"checks": [{**SHARE, "status": "pass"}]}, PARTS) == []
    assert write_places(tmp_path, {"checks": [{**SHARE, "at": None}]}, PARTS) == []
    assert list(tmp_path.iterdir()) == []


def test_a_failed_report_leaves_both_files(tmp_path: Path) -> None:
    paths = write_places(tmp_path, {"checks": [SHARE]}, PARTS)
    assert paths == [tmp_path / "markers.glb", tmp_path / "findings.svg"]
    assert paths[1].read_bytes() == to_findings(PARTS, [SHARE])


def test_a_ball_stands_at_the_place_in_metres_with_y_up() -> None:
    scene = trimesh.load(BytesIO(to_markers(PARTS, [SHARE])), file_type="glb")
    ball = scene.geometry["1 lvs.share L0.b0->out.y0"]
    np.testing.assert_allclose(ball.vertices.mean(axis=0), np.array([10.0, 30.0, -20.0]) * METRES, atol=1e-6)
    assert "card-L0-b0" in scene.geometry


def test_a_card_shows_the_three_sections_through_its_place_to_scale() -> None:
    level, front, side = panels(to_findings(PARTS, [SHARE]))
    assert extent(level) == pytest.approx((-10, 10, -6, 6), abs=0.02)
    assert extent(front) == pytest.approx((-10, 10, -4, 4), abs=0.02)
    assert extent(side) == pytest.approx((-6, 6, -4, 4), abs=0.02)
    assert float(level.get("width")) == PANEL


def test_findings_at_one_place_share_a_card_and_the_rest_is_counted() -> None:
    apart = [{**SHARE, "at": [100.0 * k, 0.0, 0.0]} for k in range(MOST + 2)]
    svg = to_findings(PARTS, [SHARE, {**SHARE, "id": "lvs.tooth"}, *apart])
    assert len(panels(svg)) == 3 * MOST
    assert b"lvs.tooth at L0.b0" in svg and f"{MOST + 4} findings; 3 more in verify.json".encode() in svg


def test_a_broken_mesh_is_drawn_as_far_as_it_goes() -> None:
    level, *_ = panels(to_findings([("card-L0-b0", CUBE[:-3])], [SHARE]))
    assert level.find(f"{SVG}path").get("class") == "part"


def test_names_with_markup_stay_text() -> None:
    svg = to_findings([("<b>&", CUBE)], [{**SHARE, "where": "<script>alert(1)</script>", "why": "a & b"}])
    assert {e.tag.removeprefix(SVG) for e in ElementTree.fromstring(svg).iter()} == {
        "svg", "title", "style", "rect", "text", "g", "path", "circle",
    }  # fmt: skip
