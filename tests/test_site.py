"""The site: every page of the project and each design's, links that lead on, nothing fetched from elsewhere."""

import importlib.util
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from exports import export
from pelu_fab.cfd.record import Said, merged, read_record, to_csv

HOME = Path(__file__).parents[1]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_of_docs", HOME / "docs" / "site.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModuleType, Path]:
    """With drip as the only design that was compiled; links to the others are then broken, and nothing else is."""
    module, home = script(), tmp_path_factory.mktemp("site")
    module.build(home / "site", {"drip": export("drip", home)})
    return module, home / "site"


def test_every_text_of_the_project_is_a_page_and_every_link_leads_on(built: tuple[ModuleType, Path]) -> None:
    module, site = built
    pages = {file.relative_to(site).as_posix() for file in site.rglob("*.html")}
    assert {"index.html", "gallery.html", "docs/tutorial.html", "docs/signoff.html", "CHANGELOG.html"} <= pages
    assert "The notebook itself" in (site / "docs" / "notebook.html").read_text()
    assert (site / "docs" / "notebook.ipynb").read_bytes() == (HOME / "docs" / "notebook.ipynb").read_bytes()
    assert {"designs/drip/index.html", "designs/drip/report.html"} <= pages
    lost = module.broken(site)
    assert {link.partition(": ")[2].partition("#")[0].split("/")[-2] for link in lost} <= {
        folder.name for folder in (HOME / "designs").iterdir()
    } - {"drip"}, lost
    for page in pages - {"designs/drip/report.html"}:
        assert not re.search(r"<(script|link|iframe|img[^>]+src=.https?:)", (site / page).read_text()), page


def test_a_card_tells_what_it_is_and_what_was_not_looked_at(built: tuple[ModuleType, Path]) -> None:
    page = (built[1] / "designs" / "drip" / "index.html").read_text()
    for words in (
        "drip: one bucket, one cup",
        "sign-off",
        "pass, ",
        "none yet",
        "no samples to try them with",
        "drip.json, sha256 ",
    ):
        assert words in page
    by = "estimated by fdm-pla-detergent"
    assert re.search(rf"filament</th><td>\d+ g, estimated<.*printing</th><td>\d+\.\d h, {by}<", page)
    assert (built[1] / "designs" / "drip" / "device.png").read_bytes().startswith(b"\x89PNG")
    assert "drip" in (built[1] / "gallery.html").read_text()


@pytest.mark.parametrize(
    "planted", ['<a href="docs/nowhere.html">', '<img src="gone.png">', '<a href="#no-such-head">']
)
def test_a_link_that_leads_nowhere_is_found(planted: str, built: tuple[ModuleType, Path], tmp_path: Path) -> None:
    module, site = built
    shutil.copytree(site, tmp_path / "site")
    page = tmp_path / "site" / "index.html"
    before = module.broken(tmp_path / "site")
    page.write_text(page.read_text().replace("<main>", f"<main>{planted}"))
    (lost,) = [link for link in module.broken(tmp_path / "site") if link not in before]
    assert lost == f"index.html: {planted.split(chr(34))[1]}"


def test_a_forecast_is_told_in_its_own_words(built: tuple[ModuleType, Path]) -> None:
    told, rates = built[0].forecast_of, {"yield": {"0.96": 0.5, "0.9": 1.0}, "prints": 4096}
    assert told(rates) == "100 % at least 90 % right; 50 % at least 96 % right (4,096 imagined)"
    number = {"kind": "difference", "name": "height", "rms": 0.0962, "unit": "m", "rms_percent": 2.34}
    assert told({**rates, "readouts": [number]}) == "height off by 0.096 m, 2.3 % of its range (4,096 imagined)"
    decision = {"kind": "above", "name": "odd", "right": 0.957}
    assert told({**rates, "readouts": [decision]}) == "odd right 95.7 % of the time (4,096 imagined)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("petals", "96 starts, 3000 steps, seed 0; shaken: thresholds by 0.8 units, shares by 8 %, pours by 0.8 units"),
        ("iris", "by no recipe: written by hand, or given"),
    ],
)
def test_a_card_says_how_its_checkpoint_came_to_be(name: str, words: str, built: tuple[ModuleType, Path]) -> None:
    assert built[0].recipe(name) == words


def test_what_a_solver_found_stands_on_the_page_with_its_date_and_whose_parts_they_were(
    built: tuple[ModuleType, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = built
    folder, kept = export("and-or", tmp_path), tmp_path / "designs" / "and-or"
    kept.mkdir(parents=True)
    shutil.copy(HOME / "designs" / "and-or" / "design.toml", kept)
    monkeypatch.setattr(module, "HOME", tmp_path)
    now = module.parts_now(folder)
    old = Said("2026-11-25", "L0.b0", "middle, 12.0 mL/s", "fdm-pla-detergent", 900, 1.5, "half", 2.5, 0.01, "", {})
    new = replace(old, cells=9000, off=1.2, parts={"card-L0-b0": now["card-L0-b0"][:12]})
    for rows, told, times in (
        ([], "none yet", 0),
        ([old], "2.5 points off at most, 1 run, 2026-11-25, of parts as they were then", 1),
        ([old, new], "1.2 points off at most, 2 runs, 2026-11-25, of parts as they were then", 1),
        ([new], "1.2 points off at most, 1 run, 2026-11-25", 0),
    ):
        (kept / "cfd.csv").write_text(to_csv(rows))
        facts = module.read_facts(folder)
        assert dict(module.told(facts, folder))["solver"] == told
        page = module.card_page(facts, folder)
        assert page.count("<td>2026-11-25 †</td>") == times and page.count("<td>2026-11-25</td>") == (new in rows)
        assert ("† of the parts as they were then" in page) == (times > 0)
        assert ("<p>None yet.</p>" in page) == (not rows)


def test_every_result_that_is_kept_is_of_a_design_and_can_be_read() -> None:
    kept = sorted(HOME.glob("designs/*/cfd.csv"))
    assert {file.parent.name for file in kept} >= {"petals", "iris"}
    for file in kept:
        rows = read_record(file)
        assert rows and merged([], rows) == rows and to_csv(rows) == file.read_text(), file
