"""The booklet: pages on which nothing overlaps, steps that hands can take, the numbers of pour.md, the same bytes."""

import json
import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pelu_fab
from exports import device, export
from pelu_fab.formats.pour import to_pour
from pelu_fab.ir.solid import IDENTITY, Part, Step, box
from pelu_fab.kernels.mesh import build_mesh
from pelu_fab.show import booklet
from pelu_fab.show.assembly import stages
from pelu_fab.show.booklet import pages, to_booklet
from pelu_fab.show.linework import INK, Piece, View, composed, drawn
from pelu_fab.show.sheets import HEIGHT, WIDTH, Sheet, breadth, plain, wrapped
from pelu_fab.signoff.dossier import open_folder
from pelu_fab.signoff.moving import FAR, room
from pelu_fab.signoff.recovery import read_parts

NAMES = ("drip", "and-or", pytest.param("iris", marks=pytest.mark.slow))
SIGHT = (1.0, 1.0, 1.0)


def block(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Any:
    part = Part("block", "card", ((Step("add", (box(x, y, z),)),),), IDENTITY)
    return build_mesh(part).corners


def test_a_block_covers_the_pixels_that_its_sides_throw_on_the_page() -> None:
    """A parallel view of a box: the three sides that are seen, each by the cosine of its normal to the eye."""
    view = View(booklet.SIGHT, 6.0)
    one = drawn(block((0.0, 20.0), (0.0, 30.0), (0.0, 10.0)), view)
    cosines = np.array(view.sight) / np.linalg.norm(view.sight)
    wanted = (cosines * (30.0 * 10.0, 20.0 * 10.0, 20.0 * 30.0)).sum() * view.scale**2
    assert np.isfinite(one.depth).sum() == pytest.approx(wanted, rel=0.01)
    assert one.depth.max() == pytest.approx(float(np.array([20.0, 30.0, 10.0]) @ cosines), abs=0.3)
    assert len(np.unique(one.shade[np.isfinite(one.depth)])) == 3, "three sides, three shades"


def test_its_edges_are_drawn_where_its_sides_meet_and_nowhere_else() -> None:
    view = View((2.0, 1.0, 0.7), 6.0)
    one = drawn(block((0.0, 20.0), (0.0, 30.0), (0.0, 10.0)), view)
    near = np.array([20.0, 30.0, 10.0])
    ends = [view.flat(np.array([near, near - np.eye(3)[k] * near]))[:, :] for k in range(3)]
    rows, columns = np.nonzero(one.line)
    places = np.column_stack([columns + one.left, rows + one.top])
    gaps = []
    for start, end in ends:
        along = (end - start) / np.linalg.norm(end - start)
        off = places - start
        t = np.clip(off @ along, 0.0, np.linalg.norm(end - start))
        gaps.append(np.linalg.norm(off - t[:, None] * along, axis=1))
    assert np.min(gaps, axis=0).max() < 1.6
    assert len(places) > 0.9 * sum(np.abs(end - start).max() for start, end in ends)


def test_what_is_nearer_hides_what_is_behind_it_and_a_part_moves_by_whole_pixels() -> None:
    view = View(SIGHT, 4.0)
    cube = drawn(block((0.0, 10.0), (0.0, 10.0), (0.0, 10.0)), view)
    red, blue = (255, 0, 0), (0, 0, 255)
    towards = tuple(30.0 * v for v in np.array(SIGHT) / np.linalg.norm(SIGHT))
    for first, second, seen in ((red, blue, blue), (blue, red, red)):
        shown = composed([Piece(cube, first), Piece(cube, second, towards)], view).pixels
        tones = {tuple(pixel) for pixel in shown.reshape(-1, 3).tolist()} - {(255, 255, 255), INK}
        assert tones and all(np.argmax(tone) == np.argmax(seen) for tone in tones)
    apart = composed([Piece(cube, red), Piece(cube, blue, (0.0, 0.0, 50.0))], view).pixels
    painted = [apart[..., k] > 100 + apart[..., 2 - k].astype(int) for k in (0, 2)]
    shapes = [mask[np.ix_(mask.any(axis=1), mask.any(axis=0))] for mask in painted]
    assert shapes[0].sum() > 1000 and np.array_equal(*shapes), "the same pixels elsewhere"


def test_lines_are_no_wider_than_they_may_and_lose_no_word() -> None:
    words = "Pour V0 into every card that divides its water, and go on within five minutes."
    for width in (30.0, 60.0, 120.0):
        lines = wrapped(words, width, 10.0)
        assert " ".join(lines) == words and max(breadth(line, 10.0) for line in lines) <= width
        longer = [f"{a} {b.split()[0]}" for a, b in pairwise(lines)]
        assert all(breadth(line, 10.0) > width for line in longer)


def texts(sheet: Sheet) -> list[tuple[str, Any]]:
    """Every line of text on a page with its box, points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(sheet.figure).get_renderer()
    return [(one.get_text(), one.get_window_extent(renderer)) for one in sheet.axes.texts if one.get_text()]


@pytest.mark.parametrize("name", NAMES)
def test_every_word_lies_on_its_page_and_over_no_other(name: str) -> None:
    with plain():
        sheets = pages(device(name))
        for sheet in sheets:
            found = texts(sheet)
            whole = sheet.figure.bbox
            for words, box in found:
                assert whole.x0 + 10.0 < box.x0 and box.x1 < whole.x1 - 10.0 and 10.0 < box.y0 < box.y1 < whole.y1, (
                    words
                )
            for (one, a), (two, b) in combinations(found, 2):
                over = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
                assert min(over) < 1.0, f"{one!r} over {two!r}"
        assert (sheets[0].figure.get_size_inches() * 25.4).tolist() == pytest.approx([WIDTH, HEIGHT])


@pytest.mark.parametrize("name", NAMES)
def test_it_names_every_piece_and_tells_the_numbers_of_the_pour_protocol(name: str) -> None:
    found = device(name)
    with plain():
        said = [words for sheet in pages(found) for words, _ in texts(sheet)]
    for part in found.parts:
        assert any(part.name in words for words in said), part.name
    for line in to_pour(found).splitlines():
        for number in re.findall(r"\| (\d+\.\d) (?:mL|g) (?=\|)", line.rpartition("|")[0].rpartition("|")[0] + "|"):
            assert number in said, line
    v0 = found.sized.priming_volume / 1000.0
    everything = " ".join(said)
    if v0:
        assert f"V0 = {v0:.1f} mL ({v0 * found.design.process.fluid.density:.1f} g)" in everything
        assert "Go on within 5 minutes" in everything
    assert "level" in everything and "leak" in everything and "Rinse" in everything


@pytest.mark.parametrize("name", NAMES)
def test_hands_can_take_each_step_as_the_judge_sees_the_files(name: str, tmp_path: Path) -> None:
    """Each part comes in along the booklet's way past all that stands already, by the judge's own collisions."""
    found, folder = device(name), export(name, tmp_path)
    opened = open_folder(folder)
    loaded, _ = read_parts(folder, opened.inside, lambda _: None)
    here = room(loaded)
    numbers = {part.entry.name: k for k, part in enumerate(here.parts)}
    standing: list[int] = []
    for stage in stages(found):
        way = tuple(float(v) for v in np.array(stage.away) / np.linalg.norm(stage.away))
        for index in stage.parts:
            number = numbers[found.parts[index].name]
            assert here.free(number, way, FAR, np.array(standing, np.int64)) >= FAR, found.parts[index].name
            standing.append(number)
    assert sorted(standing) == list(range(len(here.parts)))


def test_a_way_that_is_blocked_is_found(tmp_path: Path) -> None:
    """The comparison above can fail: a cup does not come in from behind, through the rack."""
    folder = export("drip", tmp_path)
    loaded, _ = read_parts(folder, open_folder(folder).inside, lambda _: None)
    here = room(loaded)
    (cup,) = (k for k, part in enumerate(here.parts) if part.entry.role == "cup")
    others = np.array([k for k in range(len(here.parts)) if k != cup])
    assert here.free(cup, (0.0, -1.0, 0.0), FAR, others) < FAR


def test_it_is_a_pdf_of_the_same_bytes_that_the_manifest_lists(tmp_path: Path) -> None:
    blob = to_booklet(device("drip"))
    assert blob.startswith(b"%PDF-") and blob.rstrip().endswith(b"%%EOF") and b"/CreationDate" not in blob
    assert blob == to_booklet(device("drip"))
    assert pelu_fab.write(device("drip"), tmp_path / "d", formats=["booklet"]) == ()
    assert (tmp_path / "d" / "booklet.pdf").read_bytes() == blob
    assert "booklet.pdf" in json.loads((tmp_path / "d" / "manifest.json").read_text())["files"]
