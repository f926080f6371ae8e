"""report.html: one offline page with the device, live water, the proof and what to print. A folder in, HTML out."""

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path

from pelu_fab.files import PAGE, write_file
from pelu_fab.show.report_data import Facts, Table, read_facts
from pelu_fab.show.report_html import asset
from pelu_fab.show.report_parts import pack
from pelu_fab.show.report_print import pouring, printing
from pelu_fab.show.report_proof import asked_and_built, numbers, proof
from pelu_fab.show.report_stage import heading, stage


def write_report(directory: Path) -> Path | None:
    """Write `report.html` beside a signed-off export; None where the export was made without `--formats report`."""
    if not (directory / "scene.json").is_file() or not (directory / "verify.json").is_file():
        return None
    write_file(directory / PAGE, to_report(read_facts(directory)))
    return directory / PAGE


def to_report(facts: Facts) -> bytes:
    """The whole page; the same facts give the same bytes."""
    script, style = asset("viewer.js"), asset("report.css")
    tables, mesh = pack(facts.parts)
    data = _data(facts, tables)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    licence = "3-D by three.js (MIT licence, © three.js authors)"
    page = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        'content="light dark">',
        f"<title>{escape(facts.name)} · pelu_fab</title><style>{style}</style></head><body>",
        heading(facts),
        f'<main><section><div class="wrap">{stage(facts)}</div></section>',
        asked_and_built(facts),
        proof(facts),
        printing(facts),
        pouring(facts),
        f'</main><footer><div class="wrap">Made by pelu_fab {escape(_version())} from what sign-off found in the STL '
        f"files. {licence}.</div></footer>",
        f'<script type="application/json" id="data">{_safe_json(data)}</script>',
        f'<script type="text/plain" id="mesh">{mesh}</script><script>{script}</script></body></html>',
    ]
    return ("\n".join(page) + "\n").encode()


def _data(facts: Facts, tables: list[Table]) -> Table:
    """What the viewer reads; volumes in units, lengths in mm."""
    samples, measures = None, facts.lowered.measures
    if facts.samples is not None:
        inputs, labels = facts.samples
        measures = measures.ranged(inputs)
        samples = {"inputs": inputs.tolist(), "labels": None if labels is None else labels.tolist()}
    return {
        "name": facts.name,
        "unit_ml": facts.manifest["unit_ml"],
        "measures": {
            "features": measures.to_table(),
            "columns": measures.columns,
            "most": facts.manifest.get("input_max") or [],
        },
        "design_flow": facts.manifest.get("design_flow") or 12000.0,
        "inputs": facts.lowered.inputs,
        "outputs": facts.lowered.outputs,
        "parts": tables,
        "scene": facts.scene,
        "recovered": [
            {"retained_units": layer.retained.tolist(), "shares": layer.shares.tolist()}
            | ({"flush_units": layer.thresholds.tolist()} if layer.flushes.any() else {})
            for layer in facts.recovered
        ],
        "numbers": numbers(facts),
        "samples": samples or {"inputs": [], "labels": None},
    }


def _safe_json(table: Table) -> str:
    """JSON that no name can break out of: `<`, `>` and `&` escaped."""
    text = json.dumps(table, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("pelu_fab")
    except PackageNotFoundError:
        return "from source"
