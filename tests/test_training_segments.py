"""Segments over training: bends are where the drawn curve bends, and the film is of all steps."""

import io

import numpy as np
import pytest
from PIL import Image

from pelu_fab.training.functions import read_points
from pelu_fab.training.segments import Watched, segments_gif, segments_png, watched


@pytest.fixture(scope="module")
def seen() -> Watched:
    return watched(read_points("sin"), buckets=5, steps=300, seed=1)


def test_bends_are_where_the_drawn_curve_changes_its_slope_at_every_look(seen: Watched) -> None:
    """Straight between two bends, whatever the look: second differences vanish there."""
    x, width = seen.points.x, seen.points.x[1] - seen.points.x[0]
    for drawn, bends in zip(seen.drawn, seen.bends, strict=True):
        curved = np.abs(np.diff(drawn, 2)) > 1e-4
        assert all(np.abs(bends - place).min() <= width + 1e-9 for place in x[1:-1][curved])
    assert seen.steps[0] == 0 and seen.steps[-1] == 300 and (np.diff(seen.steps) > 0).all()


def test_the_net_learns_while_it_is_watched_and_the_same_seed_goes_the_same_way(seen: Watched) -> None:
    assert seen.rms[-1] < 0.25 * seen.rms[0]
    assert np.array_equal(watched(read_points("sin"), buckets=5, steps=300, seed=1).drawn, seen.drawn)


def test_figure_and_film_show_the_run_and_are_the_same_bytes_again(seen: Watched) -> None:
    assert segments_png(seen) == segments_png(seen)
    film = segments_gif(seen)
    assert film == segments_gif(seen)
    with Image.open(io.BytesIO(film)) as image:
        assert 20 < image.n_frames <= 40
        first = np.asarray(image.convert("L"), dtype=float)
        image.seek(image.n_frames - 1)
        assert np.abs(np.asarray(image.convert("L"), dtype=float) - first).mean() > 1.0
