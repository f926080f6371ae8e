"""The project as a static site: README, docs, and every design with its page. `python docs/site.py [build/site]`.

Works from disk, asks for nothing from elsewhere; a link that leads nowhere ends it. What was compiled before and has
not changed since is not compiled again.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from markdown_it import MarkdownIt
from PIL import Image

import pelu_fab
from pelu_fab.cfd.compare import digests
from pelu_fab.cfd.record import RECORD, Said, merged, read_record, said
from pelu_fab.pipeline import is_current
from pelu_fab.show.booklet import COLOURS, LOOM, SIGHT
from pelu_fab.show.linework import Piece, View, composed, drawn
from pelu_fab.show.report_data import Facts, read_facts
from pelu_fab.signoff.dossier import read_dossier

HOME = Path(__file__).parents[1]
TEXTS = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/*.md",
    "docs/*.ipynb",
    "designs/*/README.md",
    "benchmarks/README.md",
)
FILES = (
    "docs/figures/*",
    "docs/*.ipynb",
    "designs/*/cfd.csv",
    "LICENSE",
    "CITATION.cff",
    "pelu_fab/signoff/*.py",
    "tests/*.py",
)
OFFERED = {  # of an export, and what it is
    "report.html": "the device in 3-D, with water to pour, and the proof",
    "booklet.pdf": "the booklet: print, put together, pour",
    "bom.txt": "pieces and plates",
    "pour.md": "what to pour",
    "netlist.txt": "the network",
}
FORMATS = ("stl", "svg", "3mf", "report", "booklet")
THEN = " †"
BAR = {
    "index.html": "pelu_fab",
    "gallery.html": "Gallery",
    "docs/tutorial.html": "Tutorial",
    "docs/notebook.html": "Notebook",
    "docs/worksheet.html": "Lesson",
    "docs/faq.html": "Questions",
}
STYLE = """
:root{color-scheme:light dark;--ink:#1d2a35;--soft:#5b6a76;--paper:#fbfaf7;--line:#e4e1da;--link:#155d8b}
@media (prefers-color-scheme:dark){:root{--ink:#e8edf1;--soft:#a3b1bc;--paper:#12181d;--line:#2a3640;--link:#8bcdf2}}
body{margin:0 auto;max-width:54rem;padding:0 1.2rem 4rem;background:var(--paper);color:var(--ink);font:16px/1.6
system-ui,sans-serif}a{color:var(--link)}nav{display:flex;flex-wrap:wrap;
gap:.2rem 1.4rem;padding:1rem 0;border-bottom:1px solid var(--line)}
h1,h2,h3{font-family:Georgia,serif;line-height:1.2}img{max-width:100%;height:auto;background:#fff;border-radius:10px}
pre{overflow-x:auto;padding:.8rem 1rem;border:1px solid var(--line);border-radius:10px;font-size:.85rem}
code{font-size:.9em;overflow-wrap:anywhere}pre code{overflow-wrap:normal}img[src="device.png"]{max-height:34rem}
table{display:block;overflow-x:auto;border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.runs td:first-child,.runs td:last-child{white-space:nowrap}.runs td:nth-child(2){min-width:7rem}
.runs td:nth-child(3){min-width:12rem}
@media print{nav{display:none}:root{--paper:#fff}img[src="device.png"]{max-height:18rem}}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1.2rem;padding:0;list-style:none}
.cards img{width:100%;aspect-ratio:4/3;object-fit:contain}.cards small{color:var(--soft);display:block}
"""


def target(source: str) -> str:
    """Where a page of the project stands in the site."""
    path = PurePosixPath(source)
    return str(path.with_name("index.html") if path.name == "README.md" else path.with_suffix(".html"))


def text_of(source: str) -> str:
    """A page's Markdown; of a notebook its cells, and where to take it from."""
    text = (HOME / source).read_text()
    if not source.endswith(".ipynb"):
        return text
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    told = [words if kind == "markdown" else f"```python\n{words}\n```" for kind, words in cells]
    return "\n\n".join([*told, f'<a href="{PurePosixPath(source).name}" download>The notebook itself</a>']) + "\n"


def html_of(text: str, page: str, texts: frozenset[str]) -> str:
    """Markdown as HTML; links to other pages and folders of the project lead to their places in the site."""
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(text)
    for here, token in enumerate(tokens):
        if token.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", tokens[here + 1].content.lower()).replace(" ", "-")
            token.attrSet("id", words)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", _led(str(child.attrGet("href")), page, texts))
    return str(parser.renderer.render(tokens, parser.options, {}))


def _led(href: str, page: str, texts: frozenset[str]) -> str:
    path, mark, anchor = href.partition("#")
    if "://" in href or not path:
        return href
    whole = os.path.normpath(PurePosixPath(page).parent / path)
    found = next((name for name in (whole, f"{whole}/README.md") if name in texts), None)
    goal = f"{whole}/index.html" if (HOME / whole).is_dir() else whole if found is None else target(found)
    return os.path.relpath(goal, PurePosixPath(page).parent) + mark + anchor


def framed(title: str, body: str, page: str) -> str:
    """A whole page."""
    up = "../" * (len(PurePosixPath(page).parts) - 1)
    bar = "".join(f'<a href="{up}{place}">{words}</a>' for place, words in BAR.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
        f'initial-scale=1"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><nav>{bar}</nav><main>{body}</main></body></html>\n"
    )


def build(out: Path, exports: Mapping[str, Path]) -> None:
    """Write the site; `exports` are signed-off folders by design."""
    sources = sorted({file.relative_to(HOME).as_posix() for pattern in TEXTS for file in HOME.glob(pattern)})
    cards = {name: read_facts(folder) for name, folder in exports.items()}
    texts = frozenset(sources)
    for source in sources:
        text = text_of(source)
        body = html_of(text, source, texts)
        if source.startswith("designs/"):
            name = source.split("/")[1]
            if name not in cards:
                continue
            body = body + card_page(cards[name], exports[name])
        _write(out / target(source), framed(text.splitlines()[0].lstrip("# "), body, target(source)).encode())
    for name, facts in cards.items():
        home = out / "designs" / name
        if not (home / "index.html").exists():
            page = f"designs/{name}/index.html"
            body = f"<h1>{escape(name)}</h1>{card_page(facts, exports[name])}"
            _write(out / page, framed(name, body, page).encode())
        _write(home / "device.png", picture_of(facts))
        for file in OFFERED:
            if (exports[name] / file).is_file():
                _write(home / file, (exports[name] / file).read_bytes())
    _write(out / "gallery.html", framed("Gallery", gallery(cards, exports), "gallery.html").encode())
    for file in (file for pattern in FILES for file in HOME.glob(pattern)):
        _write(out / file.relative_to(HOME), file.read_bytes())


def _write(path: Path, blob: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(blob)


def told(facts: Facts, export: Path) -> Iterator[tuple[str, str]]:
    """A design's model card: what it takes, does, came from, how right it is; what was not looked at is said so."""
    built, manifest = facts.verify["as_built"], facts.manifest
    yield "layers", " → ".join(str(width) for width in (*facts.lowered.widths,))
    asked, kept = (sum(int((layer.shares > 0).sum()) for layer in net.layers) for net in (facts.trained, facts.lowered))
    yield "branches", f"{asked} trained, {kept} printed"
    yield "measures", "; ".join(facts.trained.inputs)
    yield "answers", "; ".join(facts.trained.outputs)
    yield "trained", recipe(facts.name)
    yield "pieces", str(sum(part.count for part in facts.parts))
    sliced = all(part.is_sliced for part in facts.parts)
    grams, hours = (sum(getattr(part, what) * part.count for part in facts.parts) for what in ("grams", "hours"))
    by = "by a slicer" if sliced else f"estimated by {manifest['process']['name']}"
    yield "filament", f"{grams:.0f} g, {'by a slicer' if sliced else 'estimated'}"
    yield "printing", f"{hours:.1f} h, {by}"
    if built.get("rows") and built.get("errors") is not None:
        right = {key: 100 * (1 - built[key] / built["rows"]) for key in ("errors_trained", "errors")}
        yield "right as trained", f"{right['errors_trained']:.1f} % of {built['rows']}"
        yield "right as built", f"{right['errors']:.1f} %"
    forecast = export / "yield.json"
    yield (
        "prints",
        forecast_of(json.loads(forecast.read_text())) if forecast.is_file() else "no samples to try them with",
    )
    yield "sign-off", f"{facts.verify['verdict']}, {facts.verify['counts']['run']} checks"
    yield "solver", _summary(solved(facts.name, export), parts_now(export))
    for kind, source in manifest["sources"].items():
        yield kind, f"{source['file']}, sha256 {source['sha256'][:12]}…"


def forecast_of(table: Mapping[str, Any]) -> str:
    """How many imagined prints are how right, or how far they read a number off."""
    told = []
    for one in table.get("readouts", ()):
        if one["kind"] == "difference":
            told.append(
                f"{one['name']} off by {one['rms']:.2g} {one['unit']}".rstrip()
                + f", {one['rms_percent']:.1f} % of its range"
            )
        elif one["kind"] == "above":
            told.append(f"{one['name']} right {100 * one['right']:.1f} % of the time")
    if not told:
        told = [
            f"{100 * share:.0f} % at least {100 * float(least):.0f} % right"
            for least, share in sorted(table["yield"].items())
        ]
    return f"{'; '.join(told)} ({table['prints']:,} imagined)"


def recipe(name: str) -> str:
    """How a design's checkpoint came to be, by its [training] table."""
    table = tomllib.loads((HOME / "designs" / name / "design.toml").read_text()).get("training")
    if table is None:
        return "by no recipe: written by hand, or given"
    words = [f"{table[key]} {what}" for key, what in (("restarts", "starts"), ("steps", "steps")) if key in table]
    noise = table.get("noise", {})
    shaken = [
        f"{what} by {factor * noise[key]:g} {unit}"
        for key, what, factor, unit in (
            ("height", "thresholds", 1, "units"),
            ("share", "shares", 100, "%"),
            ("pour", "pours", 1, "units"),
        )
        if key in noise
    ]
    seed = f"seed {table.get('seed', 0)}"
    return "; ".join(
        part for part in (", ".join([*words, seed]), "shaken: " * bool(shaken) + ", ".join(shaken)) if part
    )


def solved(name: str, export: Path) -> list[Said]:
    """What OpenFOAM saw of a design: of what is kept beside it and what lies in its export the latest."""
    return merged(read_record(HOME / "designs" / name / RECORD), said(export))


def parts_now(export: Path) -> dict[str, str]:
    """sha256 of an export's parts as they are, by name."""
    return digests(export, read_dossier(export).manifest.parts)


def _summary(rows: Sequence[Said], now: Mapping[str, str]) -> str:
    """How far off the trained shares, on the finest grid of each card; and how old that is."""
    if not rows:
        return "none yet"
    finest = {row.at: row.off for row in sorted(rows, key=lambda row: row.cells) if row.off is not None}
    worst = f"{max(finest.values()):.1f} points off at most, " if finest else ""
    runs = f"{len(rows)} run{'s' if len(rows) > 1 else ''}, {max(row.date for row in rows)}"
    then = "" if all(row.is_of(now) for row in rows) else ", of parts as they were then"
    return worst + runs + then


def solver_table(rows: Sequence[Said], now: Mapping[str, str]) -> str:
    """Every run, its date, and whether of the parts as they are."""
    if not rows:
        return "<p>None yet.</p>"
    head = ("of", "pour", "found, % (trained)", "points off", "astray, mL", "cells", "when")
    cells = [
        (
            row.at,
            row.pour,
            row.found,
            "" if row.off is None else f"{row.off:.2f}",
            "" if row.astray is None else f"{row.astray:.3f}",
            f"{row.cells:,}",
            row.date + ("" if row.is_of(now) else THEN),
        )
        for row in rows
    ]
    lines = "".join(f"<tr>{''.join(f'<td>{escape(words)}</td>' for words in row)}</tr>" for row in cells)
    table = f'<table class="runs"><tr>{"".join(f"<th>{words}</th>" for words in head)}</tr>{lines}</table>'
    note = f"<p>{THEN} of the parts as they were then: they are others now, or nobody wrote down which.</p>"
    return table + note * any(not row.is_of(now) for row in rows)


def card_page(facts: Facts, export: Path) -> str:
    """Picture, card and files of one design."""
    rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(words)}</td></tr>" for key, words in told(facts, export))
    files = "".join(
        f'<li><a href="{file}">{escape(file)}</a>: {words}</li>'
        for file, words in OFFERED.items()
        if (export / file).is_file()
    )
    picture = f'<p><img src="device.png" alt="{escape(facts.name)}, assembled"></p>'
    runs = solver_table(solved(facts.name, export), parts_now(export))
    about = '<p>An independent solver: <a href="../../docs/cfd.html">how, and how far to trust it</a>.</p>'
    water = f"<h2>In OpenFOAM</h2>{about}{runs}"
    return f"{picture}<h2>Model card</h2><table>{rows}</table>{water}<h2>Files</h2><ul>{files}</ul>"


def gallery(cards: Mapping[str, Facts], exports: Mapping[str, Path]) -> str:
    """All designs side by side."""
    items = []
    for name, facts in cards.items():
        table = dict(told(facts, exports[name]))
        words = " · ".join(
            f"{key} {table[key]}"
            for key in ("layers", "pieces", "filament", "printing", "right as built", "prints", "solver")
            if key in table
        )
        items.append(
            f'<li><a href="designs/{name}/index.html"><img src="designs/{name}/device.png" alt=""><b>{escape(name)}</b>'
            f"</a><small>{escape(words)}</small></li>"
        )
    return f'<h1>Gallery</h1><ul class="cards">{"".join(items)}</ul>'


def picture_of(facts: Facts) -> bytes:
    """The device as the booklet draws it."""
    placed = [part for part in facts.parts if part.placed is not None and len(part.placed)]
    points = np.concatenate([part.placed.reshape(-1, 3) for part in placed]).astype(float)
    view = View(SIGHT, 2400.0 / float(np.ptp(View(SIGHT, 1.0).flat(points), axis=0).max()))
    pieces = [Piece(drawn(part.placed, view), COLOURS.get(part.role, LOOM)) for part in placed]
    stream = BytesIO()
    Image.fromarray(composed(pieces, view).pixels).reduce(3).quantize(64).save(stream, "PNG", optimize=True)
    return stream.getvalue()


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.marks: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep where it leads, and what may be led to."""
        for key, value in attrs:
            if value and (key == "id" or (tag == "a" and key == "name")):
                self.marks.add(value)
            elif value and (key, tag) in (("href", "a"), ("src", "img"), ("src", "script"), ("href", "link")):
                self.links.append(value)


def broken(out: Path) -> list[str]:
    """Links of the site's pages that lead nowhere, and what they would fetch from elsewhere, `page: link`."""
    pages = {file: _Links() for file in sorted(out.rglob("*.html"))}
    for file, reader in pages.items():
        reader.feed(file.read_text())
    found = []
    for file, reader in pages.items():
        for link in reader.links:
            path, _, mark = link.partition("#")
            goal = (file.parent / path).resolve() if path else file
            if "://" in link or link.startswith("data:"):
                continue
            if not goal.is_file() or (mark and goal in pages and mark not in pages[goal].marks):
                found.append(f"{file.relative_to(out)}: {link}")
    return found


def exported(name: str, folder: Path) -> Path:
    """A design compiled, signed off and forecast in `folder`, if it is not there already."""
    design = pelu_fab.load(HOME / "designs" / name)
    if not is_current(design, folder, FORMATS):
        pelu_fab.write(pelu_fab.compile(design), folder, formats=FORMATS)
    pelu_fab.verify(folder, against=HOME / "designs" / name)
    if not (folder / "yield.json").is_file():
        command = [sys.executable, "-m", "pelu_fab", "yield", str(folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            (folder / "yield.json").write_text(done.stdout)
        elif "no samples" not in done.stderr:
            raise SystemExit(f"{name}: {done.stderr}")
    return folder


def main() -> None:
    """Every design of the gallery; the exit code says whether each link leads somewhere."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HOME / "build" / "site"
    shutil.rmtree(out, ignore_errors=True)
    names = sorted(file.parent.name for file in HOME.glob("designs/*/design.toml"))
    exports = {}
    for name in names:
        print(f"designs/{name}", flush=True)
        exports[name] = exported(name, HOME / "build" / "exports" / name)
    build(out, exports)
    lost = broken(out)
    print("\n".join([*lost, f"{out / 'index.html'}: {len(list(out.rglob('*.html')))} pages, {len(lost)} broken links"]))
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
