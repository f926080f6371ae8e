"""The booklet: pages on which nothing overlaps, steps that hands can take, the numbers of pour.md, the same bytes."""

import json
import re
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pelu_fab
from exports import device, export
from pelu_fab.formats.bom import to_print_preset
from pelu_fab.formats.pour import to_pour
from pelu_fab.ir.solid import IDENTITY, Part, Step, box
from pelu_fab.kernels.mesh import build_mesh
from pelu_fab.show import booklet
from pelu_fab.show.assembly import called, stages
from pelu_fab.show.booklet import pages, to_booklet
from pelu_fab.show.linework import INK, Piece, View, composed, drawn
from pelu_fab.show.sheets import HEIGHT, WIDTH, Sheet, breadth, plain, wrapped
from pelu_fab.signoff.dossier import open_folder
from pelu_fab.signoff.moving import FAR, room
from pelu_fab.signoff.recovery import read_parts

NAMES = ("drip", "half-adder", "and-or", pytest.param("iris", marks=pytest.mark.slow))
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


@cache
def laid(name: str) -> tuple[Sheet, ...]:
    """A design's booklet."""
    with plain():
        return tuple(pages(device(name)))


@cache
def said(name: str) -> tuple[str, ...]:
    """Every line of it."""
    with plain():
        return tuple(words for sheet in laid(name) for words, _ in texts(sheet))


def texts(sheet: Sheet) -> list[tuple[str, Any]]:
    """Every line of text on a page with its box, points."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(sheet.figure).get_renderer()
    return [(one.get_text(), one.get_window_extent(renderer)) for one in sheet.axes.texts if one.get_text()]


@pytest.mark.parametrize("name", NAMES)
def test_every_word_lies_on_its_page_and_over_no_other(name: str) -> None:
    with plain():
        sheets = laid(name)
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
    for part in found.parts:
        assert any(part.name in words for words in said(name)), part.name
    for line in to_pour(found).splitlines():
        for number in re.findall(r"\| (\d+\.\d) (?:mL|g) (?=\|)", line.rpartition("|")[0].rpartition("|")[0] + "|"):
            assert number in said(name), line
    v0 = found.sized.priming_volume / 1000.0
    everything = " ".join(said(name))
    if v0:
        assert f"V0 = {v0:.1f} mL ({v0 * found.design.process.fluid.density:.1f} g)" in everything
        assert "Go on within 5 minutes" in everything
    assert "level" in everything and "leak" in everything and "Rinse" in everything


@pytest.mark.parametrize("name", ["petals", "and-or", pytest.param("tide", marks=pytest.mark.slow)])
def test_the_order_that_a_step_tells_is_that_of_the_places_and_of_its_picture(name: str) -> None:
    """Cards over one rack look alike: told by their numbers alone, they would be hung in another order."""
    found = device(name)
    told = stages(found)
    index = {called(found, part): n for n, part in enumerate(found.parts)}
    orders = 0
    for stage in told:
        if not (order := re.search(r"from (left to right|the highest seat down) (.*)\.$", stage.words)):
            continue
        names = re.split(r", | and ", order[2])
        assert sorted(index[one] for one in names) == sorted(stage.parts)
        middles = np.array([found.assembled(index[one]).reshape(-1, 3).mean(axis=0) for one in names])
        across = order[1] == "left to right"
        assert (np.diff(middles[:, 0]) < -10.0 if across else np.diff(middles[:, 1]) > 10.0).all(), stage.words
        if across:  # x goes to the left for who looks at the cups, on the page as well
            assert (np.diff(View(booklet.SIGHT, 1.0).flat(middles)[:, 0]) > 0.0).all()
        orders += 1
    assert orders >= 2


@pytest.mark.parametrize("name", ["petals", pytest.param("tide", marks=pytest.mark.slow)])
def test_stands_are_told_where_they_stand_and_trays_what_they_lie_on(name: str) -> None:
    """Distances from the rack, and under both ends of every tray the part that its step names, within 3 mm."""
    found = device(name)
    index = {part.name: n for n, part in enumerate(found.parts)}
    back = found.assembled(0)[..., 1].min()
    words = next(stage.words for stage in stages(found) if "trestle" in stage.words)
    stood = re.findall(r"(trestle-\w+)(?: \(\d+ mm high\))? (\d+) mm", words)
    assert len(stood) == len(found.layout.trestles)
    for one, gap in stood:
        assert (
            float(gap) == pytest.approx(back - found.assembled(index[one])[..., 1].max(), abs=0.5) and float(gap) > 1.0
        )
    lying = [
        re.match(r"Lay on (\S+), .* on (\S+), between .* over (?:the head of (\S+)\.|the rack)", s.words)
        for s in told(found)
    ]
    assert len(lying) == len(found.layout.trays)
    for tray, upper, lower in (match.groups() for match in lying if match):
        lies, under = (found.assembled(index[n]).reshape(-1, 3) for n in (tray, upper))
        assert lies[:, 1].min() < under[:, 1].max() < lies[:, 1].max(), f"{upper} under {tray}"
        head = next(t for t in found.layout.trays if t.name == tray)
        assert head.floor_z(under[:, 1].max()) == pytest.approx(under[:, 2].max() - 8.0, abs=3.0), "below its horns"
        end = found.assembled(index[lower] if lower else 0).reshape(-1, 3)
        assert end[:, 1].min() - 1.0 < head.at(head.length)[0] < end[:, 1].max(), f"{tray} ends over {lower}"


def told(found: Any) -> list[Any]:
    return [stage for stage in stages(found) if stage.words.startswith("Lay on")]


def test_what_must_be_set_is_what_the_preset_sets(tmp_path: Path) -> None:
    found = device("and-or")
    preset = dict(line.split(" = ") for line in to_print_preset(found.design.process).splitlines())
    told = " ".join(said("and-or"))
    assert f"{preset['layer_height']} mm high, the first one too" in told and preset["first_layer_height"] == "0.2"
    assert f"{preset['perimeters']} perimeters, each {preset['extrusion_width']} mm wide" in told
    assert f"{preset['bottom_solid_layers']} layers below, {preset['top_solid_layers']} above" in told
    assert preset["fill_density"].replace("%", " %") in told
    assert "clearance=0.25" in told and found.design.process.printer.clearance == 0.2


def test_a_siphon_is_sealed_before_the_first_pour_and_rulers_are_told_where_there_are_some() -> None:
    siphon, comb = (" ".join(said(name)) for name in ("half-adder", "petals"))
    assert "Seal L1.b0: it has a siphon" in siphon and "Thin varnish in its bore" in siphon and "Seal" not in comb
    assert "a siphon trickles, never runs" in siphon and "siphon" not in comb
    assert "the mark of so many mL" in siphon and "your number on the side" in comb
    assert "petal_length_cm x 10" in comb and "two within 1 mL are too close to tell" in comb


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


@pytest.mark.parametrize("name", ["and-or", pytest.param("tide", marks=pytest.mark.slow)])
def test_cards_that_no_hand_can_lift_alone_are_those_that_are_told_to_lie_under_a_tray(
    name: str, tmp_path: Path
) -> None:
    found, folder = device(name), export(name, tmp_path)
    loaded, _ = read_parts(folder, open_folder(folder).inside, lambda _: None)
    here = room(loaded)
    stuck = set()
    for number, part in enumerate(here.parts):
        others = np.array([k for k in range(len(here.parts)) if k != number])
        if part.entry.role == "card" and here.free(number, (0.0, 0.0, 1.0), FAR, others) < FAR:
            stuck.add(called(found, next(one for one in found.parts if one.name == part.entry.name)))
    stuck -= {placed.card.name for placed in found.layout.hung}  # these come forwards
    assert {placed.card.name for placed in found.layout.covered} == stuck
    assert bool(stuck) == (name == "tide") == ("lie under a tray: undo steps" in " ".join(said(name)))
    assert ("under a tray" in to_pour(found)) == bool(stuck)


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
