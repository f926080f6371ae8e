"""A failed sign-off leaves a file that shows the places; a clean one leaves none."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import trimesh

import pelu_fab
from pelu_fab.formats.markers import METRES, write_markers

DRIP = Path(__file__).parents[1] / "designs" / "drip"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("markers") / "drip"
    pelu_fab.write(pelu_fab.compile(pelu_fab.load(DRIP)), folder, formats=["stl"])
    return folder


def test_a_clean_report_leaves_no_markers_and_takes_old_ones_away(sound: Path) -> None:
    (sound / "markers.glb").write_bytes(b"old")
    assert write_markers(sound, {"checks": [{"id": "a", "where": "b", "status": "pass", "at": [0, 0, 0]}]}) is None
    assert not (sound / "markers.glb").exists()


def test_a_ball_stands_at_the_place_in_metres_with_y_up(sound: Path) -> None:
    at = [10.0, 20.0, 30.0]
    checks = [{"id": "lvs.share", "where": "L0.b0->out.y0", "status": "fail", "at": at}]
    path = write_markers(sound, {"checks": checks})
    assert path is not None
    scene = trimesh.load(BytesIO(path.read_bytes()), file_type="glb")
    ball = scene.geometry["1 lvs.share L0.b0->out.y0"]
    np.testing.assert_allclose(ball.vertices.mean(axis=0), np.array([10.0, 30.0, -20.0]) * METRES, atol=1e-6)
