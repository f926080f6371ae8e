"""What stands on a device: whole words, different, drawable, the same on every Python; the rest refused by name."""

import re
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from math import nextafter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelu_fab.errors import FabError
from pelu_fab.ir.layout import PlacedCup
from pelu_fab.ir.sized import SizedCup
from pelu_fab.ir.solid import Outline, Part, Prism, Step, box
from pelu_fab.kernels.mesh import build_mesh
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.sources.process import read_process
from pelu_fab.stages.solids.labels import Label, fitted, labels, least_height, written
from pelu_fab.stages.solids.lettering import CAPITAL, STEPS, characters, glyph, raised, text_width
from pelu_fab.stages.solids.vessels import TICK_LONG, cup_part

HANDED_IN = Path(__file__).parent / "data" / "handed-in"
DESIGNS = Path(__file__).parents[1] / "designs"
TROUBLESOME = "♀♂©®ΘʘקИ①⑩◉◎▣⊕∅ϱְﬦ℗&@%8BgÅçñ"


def area(loops: list[Outline], rule: str) -> float:
    from manifold3d import CrossSection, FillRule

    return float(CrossSection([np.array(loop) for loop in loops], getattr(FillRule, rule)).area()) if loops else 0.0


def upright(loop: Outline) -> Outline:
    """The same loop, counter-clockwise."""
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(loop, loop[1:] + loop[:1], strict=True))
    return loop if twice > 0 else loop[::-1]


def ink(character: str) -> float:
    """Area of a glyph's regions, em²."""
    found = 0.0
    for region in glyph(character).regions:
        found += area([upright(o) for o in region.outlines], "Positive")
        found -= area([upright(v) for v in region.voids], "Positive")
    return found


def ink_by_the_book(character: str) -> float:
    """The same by another library's outlines and TrueType's own rule, non-zero winding."""
    from fontTools.pens.recordingPen import DecomposingRecordingPen
    from fontTools.ttLib import TTFont
    from matplotlib import get_data_path

    face = TTFont(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf", lazy=True)
    glyphs, em = face.getGlyphSet(), face["head"].unitsPerEm
    pen = DecomposingRecordingPen(glyphs)
    glyphs[face.getBestCmap()[ord(character)]].draw(pen)
    loops: list[list[tuple[float, float]]] = []
    for verb, points in pen.value:
        if verb in ("moveTo", "lineTo"):
            if verb == "moveTo":
                loops.append([])
            loops[-1].append(points[0])
        elif verb == "qCurveTo":
            if points[-1] is None:
                middle = tuple((np.array(points[-2]) + np.array(points[0])) / 2)
                loops.append([middle])
                points = (*points[:-1], middle)
            ends = [(np.array(a) + np.array(b)) / 2 for a, b in pairwise(points[:-1])]
            for control, end in zip(points[:-1], [*ends, np.array(points[-1])], strict=True):
                begin = np.array(loops[-1][-1])
                for t in np.arange(1, STEPS + 1) / STEPS:
                    loops[-1].append(tuple((1 - t) ** 2 * begin + 2 * t * (1 - t) * np.array(control) + t * t * end))
    return area([tuple((x / em, y / em) for x, y in loop) for loop in loops if len(loop) > 2], "NonZero")


def test_glyphs_with_islands_mirrored_parts_and_crossing_strokes_have_all_their_ink() -> None:
    for character in TROUBLESOME:
        assert ink(character) == pytest.approx(ink_by_the_book(character), abs=1e-4) and ink(character) > 0.01
    assert ink("Θ") > ink("Ο") and len(glyph("©").regions) == 2 and len(glyph("o").regions) == 1


@pytest.mark.sweep
def test_every_glyph_of_the_face_has_all_its_ink() -> None:
    assert len(characters()) == 5886
    wrong = [c for c in sorted(characters()) if abs(ink(c) - ink_by_the_book(c)) > 1e-4]
    assert wrong == ["▒"], "whose squares meet in points, and are drawn a little smaller"
    assert ink("▒") == pytest.approx(ink_by_the_book("▒"), rel=0.1)
    blank = [c for c in characters() if not glyph(c).regions]
    assert len(blank) == 61 and all(
        not c.strip() or not c.isprintable() or c in "\u034f\u2800\ufffc" or "\ufe00" <= c <= "\ufe0f" for c in blank
    )


def test_troublesome_letters_become_one_closed_body() -> None:
    letters = raised([(TROUBLESOME, 5.0, 0.0, 3.0)], 0.0, -1, 1)
    half = text_width(TROUBLESOME, 5.0) / 2 + 2.0
    wall = box((-half, half), (0.0, 2.0), (0.0, 14.0))
    part = Part("plate", "cup", ((Step("add", (wall,)),), (Step("add", letters),)), None)
    assert len(letters) == 2
    mesh = build_mesh(part)
    drawn = sum(ink(c) for c in TROUBLESOME) * (5.0 / CAPITAL) ** 2 * 0.6
    assert mesh.volume - 2 * half * 2.0 * 14.0 == pytest.approx(drawn, rel=0.01)


@given(
    st.text(st.sampled_from(sorted(characters() - {c for c in characters() if not glyph(c).regions})[::7]), max_size=9)
)
def test_any_letters_side_by_side_are_regions_of_their_prisms(text: str) -> None:
    for prism in raised([(text, 4.0, 0.0, 0.0)], 0.0, 1, -1):
        assert isinstance(prism, Prism) and prism.outlines and prism.is_lettering


# ---- what is written ----


def test_the_name_with_a_symbol_of_venus_is_written_as_it_is() -> None:
    network = read_checkpoint(HANDED_IN / "name-female-sign.json")
    assert labels(network.outputs) == ("♀ flower",)


def test_three_cups_of_wine_have_three_names_and_iris_has_whole_ones() -> None:
    for name, cups in (
        ("wine/wine.safetensors", ("cultivar 1", "cultivar 2", "cultivar 3")),
        ("iris/widget_iris.json", ("setosa", "versicolor", "virginica")),
    ):
        found = labels(read_checkpoint(DESIGNS / name).outputs)
        assert found == cups
        set_out = [fitted(text, 5.0, 36.0, least=least_height(0.4)) for text in found]
        assert [" ".join(label.lines) for label in set_out] == list(cups)


def test_a_unit_is_left_out_unless_it_tells_two_names_apart() -> None:
    assert labels(["sepal length (cm)", "mass (g)"]) == ("sepal length", "mass")
    assert labels(["sepal (cm)", "sepal (mm)"]) == ("sepal (cm)", "sepal (mm)")
    assert labels(["(cm)"]) == ("(cm)",)
    assert labels(["petal_width_cm", "body_mass"], measured=True) == ("petal width", "body mass")
    assert labels(["a_cm", "a_mm"], measured=True) == ("a_cm", "a_mm")
    assert labels(["size m", "size_m"], measured=True) == ("size m", "size")
    assert labels(["size_s", "size_xl"]) == ("size s", "size xl"), "a class has no unit"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("🌹 garden", "rose garden"),
        ("a🌹b", "a rose b"),
        ("👍🏽", "thumbs up sign"),
        ("🇩🇪", "d e"),
        ("ＡＢＣ", "ABC"),
        ("e\u0301te\u0301", "été"),
        ("♥\ufe0f", "♥"),
        ("x²+1 µm", "x²+1 µm"),
        ("a\u2800b", "ab"),
    ],
)
def test_a_symbol_that_the_face_lacks_is_written_as_its_word(name: str, text: str) -> None:
    assert written(name) == text


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("水", r"'水': holds '水', which the typeface lacks; rename it: inputs and outputs in design\.toml, or --set"),
        ("дом東", "holds '東', which the typeface lacks"),
        ("שלום", "holds 'ש', of a script that runs from right to left"),
        ("سلام", "holds 'س', of a script that runs from right to left"),
        ("\u2800\ufe0f", "has nothing that can be drawn"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(name: str, match: str) -> None:
    with pytest.raises(FabError, match=match):
        labels(["fine", name])


@pytest.mark.parametrize("pair", [("A1", "Α1"), ("cat", "сat"), ("🌹", "rose"), ("a (x)", "a  (x)")])
def test_two_names_that_look_alike_are_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(FabError, match=re.escape(f"{pair[1]!r}: would look like {pair[0]!r} on the device")):
        labels(pair)


# ---- how large ----


def test_words_stay_whole_on_two_lines_or_smaller() -> None:
    one, two = fitted("cultivar", 5.0, 60.0, least=2.4), fitted("od280 od315 of diluted wines", 5.0, 40.0, least=2.4)
    assert one == Label(("cultivar",), 5.0)
    assert two.lines == ("od280 od315 of", "diluted wines") and 2.4 <= two.height < 5.0
    assert fitted("od280 od315", 5.0, 40.0, least=2.4, lines=1).lines == ("od280 od315",)
    assert two.tall == pytest.approx(2.7 * two.height) and two.feet(1.0) == (round(1.0 + 1.7 * two.height, 3), 1.0)
    low = fitted("petal length", 5.0, 35.0, least=2.4, tall=4.0)
    assert len(low.lines) == 1 and low.height < fitted("petal length", 5.0, 35.0, least=2.4).height


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Iris-versicolor", ("Iris-", "versicolor")),
        ("SepalLengthCm", ("Sepal", "LengthCm")),
        ("flavanoids/phenols", ("flavanoids/", "phenols")),
    ],
)
def test_joined_words_are_parted_only_where_they_would_not_fit(name: str, lines: tuple[str, str]) -> None:
    assert fitted(name, 5.0, 60.0, least=2.4).lines == (name,)
    narrow = text_width(name, 2.3)
    label = fitted(name, 5.0, narrow, least=2.4)
    assert label.lines == lines and label.height >= 2.4 and all(text_width(line, 2.4) <= narrow for line in lines)
    with pytest.raises(FabError, match="there is room for"):
        fitted(name, 5.0, narrow, least=2.4, lines=1)


def test_a_label_too_long_for_its_place_is_refused_and_the_advice_helps() -> None:
    with pytest.raises(
        FabError,
        match=r"'supercalifragilistic': takes 38\.\d mm .* \(2\.4 mm\), there is room for 30\.0 mm; shorten it",
    ):
        fitted("supercalifragilistic", 5.0, 30.0, least=2.4)
    assert fitted("supercali fragilistic", 5.0, 30.0, least=2.4).lines == ("supercali", "fragilistic")
    with pytest.raises(FabError, match=r"^L0\.b0: takes"):
        fitted("L0.b0", 4.0, 1.0, least=2.4, what="L0.b0")


@given(st.text(st.sampled_from("abcdefg wxyz"), min_size=1, max_size=40).filter(str.strip), st.floats(8.0, 90.0))
def test_what_is_fitted_fits_and_is_whole(text: str, room: float) -> None:
    text = " ".join(text.split())
    try:
        label = fitted(text, 5.0, room, least=2.4)
    except FabError:
        words = text.split()
        ways = [[text], *([" ".join(words[:k]), " ".join(words[k:])] for k in range(1, len(words)))]
        assert all(max(text_width(line, 2.41) for line in way) > room for way in ways)
        return
    assert " ".join(label.lines) == text and 2.4 <= label.height <= 5.0
    assert all(text_width(line, label.height) <= room + 1e-6 for line in label.lines)


@given(st.sampled_from(["virginica", "versicolor", "cultivar 3", "sepal width", "ABCDEFGHIJ"]), st.integers(300, 500))
def test_an_ulp_never_decides(text: str, hundredths: int) -> None:
    """3.12 sums floats with compensation, 3.11 does not: a width at its own limit may differ by an ulp, no label."""
    height = hundredths / 100
    exact = text_width(text, height)
    naive = sum(glyph(c).advance + 0.06 for c in text) * height / CAPITAL
    wanted = (text,)
    for room in (exact, naive, nextafter(exact, 0), nextafter(exact, 99), nextafter(naive, 0), nextafter(naive, 99)):
        assert fitted(text, height, room, least=2.4, lines=1) == Label(wanted, height)


@given(st.text(st.sampled_from("virgnca0123 "), max_size=60), st.floats(1.0, 9.0))
def test_a_width_is_the_exact_sum_rounded_once(text: str, height: float) -> None:
    exact = sum((Fraction(glyph(c).advance + 0.06) for c in text), Fraction(0))
    assert text_width(text, height) == round(float(exact) * height / CAPITAL, 6)


@pytest.mark.parametrize("name", ["cultivar 2", "a", "plum pie", "yes", "Ångström 8"])
@pytest.mark.parametrize("ml", [24, 58, 74, 110])
def test_no_numeral_of_a_cup_meets_its_name_and_each_long_tick_has_one(name: str, ml: int) -> None:
    from shapely.geometry import Polygon
    from shapely.ops import unary_union

    cup = SizedCup("out.y0", name, ml * 1000.0, 30.0, 40.0, ml / 1.2 + 9.0)
    part = cup_part(PlacedCup(cup, 0.0, 30.0, 0.0, 40.0, 0.0), name, read_process("fdm-pla-detergent"))
    prisms = [prism for module in part.modules for step in module for prism in step.prisms if prism.is_lettering]
    pieces = [Polygon(outline) for prism in prisms for outline in prism.outlines]
    apart = unary_union(pieces)
    assert len(getattr(apart, "geoms", [apart])) == len(pieces), "no two outlines touch"
    edge = Counter(piece.bounds[2] for piece in pieces).most_common(1)[0][0]  # where ticks begin
    bars = [piece.bounds for piece in pieces if piece.bounds[2] == edge]
    long = [bar for bar in bars if bar[2] - bar[0] == pytest.approx(TICK_LONG)]
    boxes = [piece.bounds for piece in pieces if piece.bounds[2] != edge]
    beside = [bar for bar in long if any(0 < bar[0] - at[2] < 8 and at[1] < bar[3] < at[3] for at in boxes)]
    assert len(bars) == ml // 2 and len(beside) == len(long) >= ml // 10 - 2, "two lines take two at most"


def test_numerals_of_three_digits_stay_on_the_wall_of_a_narrow_cup() -> None:
    """They hung in the air beside it, a ring of a 0 and all, once."""
    cup = SizedCup("out.y0", "y0", 110_000.0, 20.0, 60.0, 101.0)
    part = cup_part(PlacedCup(cup, 0.0, 20.0, 0.0, 60.0, 0.0), "y0", read_process("fdm-pla-detergent"))
    prisms = [prism for module in part.modules for step in module for prism in step.prisms]
    (low, *_), *_, (high, *_) = sorted(prisms[0].outlines[0])  # of the body, outside
    places = [x for prism in prisms if prism.is_lettering for outline in prism.outlines for x, _ in outline]
    assert low < min(places) and max(places) < high
    assert build_mesh(part).genus == 0
