"""The report's sections as HTML: facts in, escaped text out. Nothing here is styled in place and nothing runs."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.formats.report_data import Facts, Table, confusion, layers_of
from pelu_fab.formats.report_parts import MOST_PAINTED, picture_of, picture_of_device
from pelu_fab.ir.network import bucket_name, output_name

WORDS = {"pass": "passed", "fail": "failed", "skipped": "skipped"}
GROUPS = {
    "mesh": "the files are sound solids",
    "drc": "the printer can make it, and water runs downhill",
    "lvs": "what was built is what was trained",
    "mass": "no water is made or lost",
    "equivalence": "it answers as the network does",
}


def image(blob: bytes, alt: str, kind: str = "image/png") -> str:
    """A picture inside the page."""
    return f'<img alt="{escape(alt)}" src="data:{kind};base64,{b64encode(blob).decode()}">'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], attributes: Iterable[str] = ()) -> str:
    """A table of cells that are HTML already; `attributes` go with the rows."""
    names = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    told = list(attributes)
    body = "".join(
        f"<tr{' ' + told[number] if told else ''}>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for number, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def heading(facts: Facts) -> str:
    """Title, verdict and the figures one wants first."""
    widths = [len(layer.retained) for layer in layers_of(facts.lowered)]
    cups, parts = len(facts.manifest["outputs"]), facts.parts
    pieces = sum(part.count for part in parts)
    grams, hours = (sum(getattr(part, name) * part.count for part in parts) for name in ("grams", "hours"))
    sliced = all(part.is_sliced for part in parts)
    built = facts.verify.get("as_built", {})
    figures = [
        (" → ".join(str(count) for count in (*widths, cups)), "buckets, row by row, and cups"),
        (f"{pieces}", "printed pieces"),
        (
            f"{grams:.0f} g",
            "of " + escape(facts.manifest["process"]["material"]["name"]) + ("" if sliced else ", if solid"),
        ),
        (f"{hours:.0f} h", "of printing" + ("" if sliced else ", estimated")),
    ]
    if built.get("rows") and built.get("errors") is not None:
        figures.append(
            (f"{100 * (1 - built['errors'] / built['rows']):.1f} %", f"right, of {built['rows']} in its data")
        )
    items = "".join(f"<li><b>{value}</b>{label}</li>" for value, label in figures)
    verdict = str(facts.verify["verdict"])
    said = "signed off from its STL files" if verdict == "pass" else "sign-off found faults: see the proof"
    return (
        '<header class="wrap"><p class="eyebrow">a neural network that runs on water</p>'
        f'<h1>{escape(facts.name)}</h1><p class="lead">Pour the numbers in. Buckets keep what they learned to keep, combs share out '
        "the rest, and the fullest cup is the answer. No power, no electronics: gravity does the arithmetic.</p>"
        f'<p><span class="badge {verdict}">{escape(verdict)}</span> <span class="hush">{said}</span></p>'
        f'<ul class="facts">{items}</ul></header>'
    )


def stage(facts: Facts) -> str:
    """The device in 3-D with its tools; a still picture stands in where there is no WebGL, and on paper."""
    triangles = sum(len(part.corners) for part in facts.parts)
    still = picture_of_device(facts.parts) if triangles <= MOST_PAINTED else None
    if still is not None:
        picture = image(still, f"{facts.name}, assembled")
    elif "layout.svg" in facts.files:
        picture = image(facts.files["layout.svg"], f"{facts.name}, layout", "image/svg+xml")
    else:
        picture = f"<p>{len(facts.parts)} parts, {triangles} triangles</p>"
    ticks = "".join(
        f'<label><input type="checkbox" data-part="{escape(part.name)}" checked> {escape(part.name)}</label>'
        for part in facts.parts
        if part.placed is not None
    )
    return (
        f'<div class="stage"><div class="still">{picture}</div><canvas id="view" tabindex="0" role="img" '
        'aria-label="The device in 3-D. Arrow keys turn it, plus and minus zoom, 0 goes back."></canvas>'
        '<div id="labels" aria-hidden="true"></div><p id="chosen" hidden aria-live="polite"></p><p id="no-stage-why"></p></div>'
        f'{{panel}}</div><div class="tools" role="group" aria-label="View">'
        '<label>take apart <input type="range" id="explode" min="0" max="1" step="0.01" value="0"></label>'
        '<label>cut <select id="section-axis"><option value="none">nothing</option><option value="x">across x</option>'
        '<option value="y">across y</option><option value="z">level</option></select></label>'
        '<label><span>at</span><input type="range" id="section-place" min="0" max="1" step="0.005" value="0.5" disabled '
        'aria-label="where to cut"></label>'
        '<label>colours <select id="colours"><option value="porcelain">porcelain</option><option value="part">by part</option>'
        '<option value="water">by water: parts like glass</option></select></label>'
        '<label><input type="checkbox" id="names" checked> names</label><button type="button" id="home">whole device</button></div>'
        f'<details><summary>Show and hide parts</summary><div class="ticks">{ticks}</div></details>'
    )


def panel(facts: Facts) -> str:
    """Jugs, buttons and cups."""
    scale, unit = float(facts.lowered["input_scale"]), float(facts.manifest["unit_ml"])
    limits = [
        value / scale for value in facts.manifest.get("input_max") or [50.0 * scale] * len(facts.lowered["inputs"])
    ]
    top = _nice(max(limits)) or 10.0
    start = facts.samples[0][0] / scale if facts.samples is not None else np.array(limits) / 2
    jugs = "".join(_jug(i, str(name), float(start[i]), top) for i, name in enumerate(facts.lowered["inputs"]))
    cups = "".join(
        f'<div class="cup" id="cup-{j}"><div class="glass"><i id="cup-level-{j}"></i></div><span class="who">{escape(str(label))}</span>'
        f'<b><span id="cup-ml-{j}">0.0</span> mL</b><small id="cup-soon-{j}"></small></div>'
        for j, label in enumerate(facts.lowered["outputs"])
    )
    worth = f"1 = {scale * unit:g} mL"
    return (
        f'<div class="panel"><div><h3>Pour</h3><p class="hush">{worth}</p>{_presets(facts)}</div><div>{jugs}'
        '<div class="buttons"><button type="button" class="first" id="pour">Pour</button><button type="button" id="pour-more">Pour more'
        '</button><button type="button" id="empty">Drain</button><button type="button" id="skip">To the end</button></div></div>'
        '<div class="inline"><label for="speed">speed</label><select id="speed"><option value="0.25">¼</option><option value="1" selected>1</option>'
        '<option value="3">3</option><option value="10">10</option></select><span id="clock" aria-label="time">0.0 s</span></div>'
        f'<div class="cups">{cups}</div><p id="answer" role="status" aria-live="polite"></p>'
        "<noscript><p>Live water needs JavaScript; everything else on this page does not.</p></noscript></div>"
    )


def _jug(i: int, name: str, value: float, top: float) -> str:
    step = top / 100
    return (
        f'<div class="jug"><label for="jug-{i}"><span>{escape(name)}</span><output id="jug-ml-{i}"></output></label>'
        f'<input type="range" id="jug-{i}" min="0" max="{top:g}" step="{step:g}" value="{value:g}">'
        f'<input type="number" id="jug-field-{i}" min="0" step="any" value="{value:g}" aria-label="{escape(name)}"></div>'
    )


def _presets(facts: Facts) -> str:
    """A button for the first of every kind in the data, one for any, and a field for a row."""
    if facts.samples is None:
        return ""
    inputs, labels = facts.samples
    first = (
        {} if labels is None else {int(label): int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)}
    )
    outputs = facts.lowered["outputs"]
    buttons = [
        f'<button type="button" data-row="{row}">{escape(str(outputs[label]))}</button>' for label, row in first.items()
    ]
    if not buttons:
        buttons = ['<button type="button" data-row="0">first row</button>']
    return (
        f'<div class="buttons" role="group" aria-label="From the data">{"".join(buttons)}<button type="button" id="any">any</button></div>'
        f'<p class="inline"><label for="row">row</label><input type="number" id="row" min="0" max="{len(inputs) - 1}" value="0"> '
        f"of {len(inputs)}</p>"
    )


def _nice(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    if value <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value - 1e-9))


def numbers(facts: Facts) -> dict[str, Table]:
    """What the viewer tells of a bucket: trained, lowered and as built, mL."""
    unit = float(facts.manifest["unit_ml"])
    books = [layers_of(facts.trained), layers_of(facts.lowered), facts.recovered]
    inputs = facts.lowered["inputs"]
    told: dict[str, Table] = {}
    for depth, layer in enumerate(books[1]):
        for i in range(len(layer.retained)):
            values = [f"{book[depth].retained[i] * unit:.2f}" if len(book) > depth else "?" for book in books]
            built = (books[2] or books[1])[depth].shares[i]
            names = _targets(facts, depth, len(built))
            spills = ", ".join(f"{share:.1%} to {names[j]}" for j, share in enumerate(built) if share > 0)
            told[bucket_name(depth, i)] = {
                "label": inputs[i] if depth == 0 else "",
                **dict(zip(("trained", "lowered", "built"), values, strict=True)),
                "spills": spills,
            }
    return told


def _targets(facts: Facts, depth: int, count: int) -> list[str]:
    last = depth + 1 == len(facts.lowered["layers"])
    outputs = facts.lowered["outputs"]
    return [str(outputs[j]) if last else bucket_name(depth + 1, j) for j in range(count)]


def asked_and_built(facts: Facts) -> str:
    """Thresholds and shares: trained, lowered, measured."""
    buckets = [
        [
            escape(name + (f" · {values['label']}" if values["label"] else "")),
            values["trained"],
            values["lowered"],
            values["built"],
        ]
        + [f'<span data-now="{name}">–</span>']
        for name, values in numbers(facts).items()
    ]
    marks = [f'data-bucket="{name}"' for name in numbers(facts)]
    thresholds = table(["bucket keeps, mL", "trained", "printable", "in the STL", "now"], buckets, marks)
    rows, owners = [], []
    sections = [layer.get("sections") for layer in facts.verify.get("recovered", {}).get("layers", [])]
    trained, lowered, built = layers_of(facts.trained), layers_of(facts.lowered), facts.recovered
    for depth, layer in enumerate(lowered):
        names = [
            output_name(j) if depth + 1 == len(lowered) else bucket_name(depth + 1, j)
            for j in range(layer.shares.shape[1])
        ]
        for i, j in np.argwhere((layer.shares > 0) | (trained[depth].shares > 0)).tolist():
            found = f"{100 * built[depth].shares[i, j]:.2f}" if built else "?"
            section = f"{100 * sections[depth][i][j]:.2f}" if sections and sections[depth] else "?"
            asked = [100 * book[depth].shares[i, j] for book in (trained, lowered)]
            printed = f"{asked[1]:.2f}" if asked[1] > 0 else "not printed"
            rows.append([escape(f"{bucket_name(depth, i)} → {names[j]}"), f"{asked[0]:.2f}", printed, section, found])
            owners.append(f'data-bucket="{bucket_name(depth, i)}"')
    shares = table(["share, %", "trained", "printable", "section", "flow"], rows, owners)
    return (
        '<section><div class="wrap"><h2>Asked and built</h2><p>On the left what training asked for; on the right what sign-off found again '
        "in the triangles of the STL files, without looking at how they were made. <em>Section</em> is the cut through a chute, which a "
        "calliper can check; <em>flow</em> is the share that water takes, teeth and surface tension included.</p>"
        f'<div class="two"><div>{thresholds}</div><div>{shares}</div></div></div></section>'
    )


def proof(facts: Facts) -> str:
    """Verdict and every check, worst first."""
    checks = facts.verify["checks"]
    counts = facts.verify["counts"]
    verdict = str(facts.verify["verdict"])
    open_ones = [check for check in checks if check["status"] != "pass"]
    worst = _checks(open_ones) if open_ones else '<p class="hush">Nothing failed and nothing was skipped.</p>'
    passed = sorted((c for c in checks if c["status"] == "pass"), key=lambda c: (str(c["id"]), str(c["where"])))
    folded = []
    for group, members in groupby(passed, key=lambda check: str(check["id"]).split(".")[0]):
        listed = list(members)
        meaning = GROUPS.get(group, "")
        folded.append(
            f"<details><summary><b>{escape(group)}</b> {len(listed)} passed<small>{meaning}</small></summary>{_checks(listed)}</details>"
        )
    return (
        '<section><div class="wrap"><h2>The proof</h2><div class="verdict">'
        f'<span class="badge {verdict}">{verdict}</span><span>{counts["passed"]} of {counts["run"]} checks passed, {counts["failed"]} failed, '
        f"{counts['skipped']} skipped.</span></div><p>Sign-off opened the files that you print, found every bucket, comb, chute and cup in "
        f"them, and recovered the network from that.</p>{worst}{''.join(folded)}{_data(facts)}</div></section>"
    )


def _checks(checks: Sequence[Table]) -> str:
    rows = []
    for check in checks:
        status = str(check["status"])
        place = check.get("at")
        show = f'<button type="button" data-at="{escape(str(list(place)))}">show</button>' if place else ""
        unit = f" {check['unit']}" if check.get("unit") else ""
        measured = [
            f"{_value(check.get(key))}{unit if check.get(key) is not None else ''}" for key in ("found", "limit")
        ]
        rows.append(
            [
                f'<span class="{status}">{WORDS.get(status, escape(status))}</span>',
                escape(str(check["id"])),
                escape(str(check["where"])),
            ]
            + [escape(cell) for cell in measured]
            + [escape(str(check.get("why") or "")), show]
        )
    return table(["", "rule", "where", "found", "limit", "", ""], rows)


def _value(value: Any) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _data(facts: Facts) -> str:
    """Confusion of the data set, trained against built, and the plots of the yield forecast where there are any."""
    plots = "".join(
        f"<figure>{image(facts.files[name], caption)}<figcaption>{caption}</figcaption></figure>"
        for name, caption in (("yield.png", "Prints that still compute"), ("tolerance.png", "What tolerances cost"))
        if name in facts.files
    )
    built = facts.verify.get("as_built", {})
    found = [
        (title, confusion(book, facts))
        for title, book in (("checkpoint", layers_of(facts.trained)), ("as built", facts.recovered))
    ]
    tables = "".join(
        f"<div><h3>{title}</h3>{_confusion(facts, cells)}</div>" for title, cells in found if cells is not None
    )
    if not tables:
        return plots
    changed = built.get("changed") or []
    told = f"{len(changed)} of {built.get('rows')} answers differ from the checkpoint's" + (
        f" (rows {', '.join(map(str, changed[:12]))}{' …' if len(changed) > 12 else ''})" if changed else ""
    )
    return f'<h3>Its data, poured</h3><p>{told}.</p><div class="two">{tables}</div>{plots}'


def _confusion(facts: Facts, cells: NDArray[np.int64]) -> str:
    labels = [escape(str(label)) for label in facts.lowered["outputs"]]
    rows = []
    for i, label in enumerate(labels):
        kinds = ["hit" if i == j else "miss" if cells[i, j] else "" for j in range(len(labels))]
        row = "".join(f'<td class="{kind}">{cells[i, j]}</td>' for j, kind in enumerate(kinds))
        rows.append(f'<tr><th scope="row">{label}</th>{row}</tr>')
    head = "".join(f'<th scope="col">{label}</th>' for label in labels)
    right = int(np.trace(cells))
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">is ↓ · cup says →</th>{head}</tr></thead><tbody>{"".join(rows)}'
        f"</tbody></table></div><p>{right} of {cells.sum()} right, {100 * right / max(cells.sum(), 1):.1f} %.</p>"
    )


def printing(facts: Facts) -> str:
    """Parts with pictures, settings, how to put them together, how to pour."""
    painted = sum(len(part.corners) for part in facts.parts) <= MOST_PAINTED
    items = []
    for part in facts.parts:
        x, y, z = part.size
        about = "" if part.is_sliced else "about "
        solid = "" if part.is_sliced else " if solid"
        picture = image(picture_of(part), part.name) if painted else ""
        items.append(
            f"<li>{picture}<b>{escape(part.name)}</b>{f' × {part.count}' if part.count > 1 else ''}<br>{x:.0f} × {y:.0f} × {z:.0f} mm<br>"
            f"{part.grams:.0f} g{solid} · {about}{_hours(part.hours)}</li>"
        )
    exploded = picture_of_device(facts.parts, 0.8) if painted else None
    drawn = (
        f"<figure>{image(exploded, 'The device, taken apart')}<figcaption>Taken apart.</figcaption></figure>"
        if exploded
        else ""
    )
    layout = ""
    if "layout.svg" in facts.files:
        layout = f"<figure>{image(facts.files['layout.svg'], 'Plan and elevations to scale', 'image/svg+xml')}<figcaption>Plan and elevations, to scale.</figcaption></figure>"
    estimated = (
        ""
        if all(part.is_sliced for part in facts.parts)
        else (
            '<p class="hush">Grams count every part as solid and hours come from its volume: estimates. Your slicer knows better.</p>'
        )
    )
    return (
        f'<section><div class="wrap"><h2>Print it</h2>{_settings(facts)}{estimated}<ul class="parts">{"".join(items)}</ul>'
        f"<h3>Put it together</h3>{_assembly(facts)}{drawn}{layout}</div></section>"
    )


def _hours(hours: float) -> str:
    minutes = max(round(hours * 60), 1)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _settings(facts: Facts) -> str:
    process = facts.manifest["process"]
    printer, fluid = process["printer"], process["fluid"]
    bed = " × ".join(f"{length:g}" for length in printer["bed"])
    return (
        f"<p>Process <b>{escape(process['name'])}</b>: {escape(process['material']['name'])}, nozzle {printer['nozzle']:g} mm, layers of "
        f"{printer['layer_height']:g} mm, {printer['perimeters']} perimeters, bed {bed} mm, no supports, parts as they lie in the files. "
        f"It runs on {escape(fluid['name'])}. <code>print.ini</code> holds these settings for PrusaSlicer; <code>device.3mf</code> holds "
        "all parts on plates.</p>"
    )


def _assembly(facts: Facts) -> str:
    by_role: dict[str, list[str]] = {}
    for part in facts.parts:
        by_role.setdefault(part.role, []).append(f"<b>{escape(part.name)}</b>")
    rows = sorted(by_role.get("row", []))
    steps = [
        "Dry-fit the frame first: it shows whether your printer's parts slide. File a window rather than force a tab."
    ]
    if rows:
        told = ", ".join(rows)
        steps.append(
            f"For each row ({told}): lay one of its side frames flat, stand the row and the trays below it in the windows by their tabs, and "
            "press the other side frame on from above."
        )
    rails = [name for name in by_role.get("frame", []) if "rail" in name]
    if rails:
        steps.append(f"Stand everything up and press the rails on: {', '.join(rails)}.")
    if by_role.get("cup"):
        steps.append(f"Set the cups below the last spouts, names outward: {', '.join(by_role['cup'])}.")
    steps.append(
        "Push the wedges under the frame until the level on the back of the top row says that it stands level."
    )
    return '<ol class="steps">' + "".join(f"<li>{step}</li>" for step in steps) + "</ol>"


def pouring(facts: Facts) -> str:
    """pour.md, as it is."""
    if "pour.md" not in facts.files:
        return ""
    from markdown_it import MarkdownIt

    told = MarkdownIt("commonmark", {"html": False}).enable("table").render(facts.files["pour.md"].decode())
    return f'<section class="pour"><div class="wrap">{told}</div></section>'
