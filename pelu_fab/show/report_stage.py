"""The top of the report: title and verdict, the device in 3-D, jugs and cups. Facts in, HTML out."""

from collections.abc import Sequence
from html import escape
from string import Template

import numpy as np

from pelu_fab.network.names import bucket_name
from pelu_fab.show.report_data import Facts
from pelu_fab.show.report_html import asset, image
from pelu_fab.show.report_parts import MOST_PAINTED, picture_of_device


def heading(facts: Facts) -> str:
    """Title and verdict."""
    verdict = str(facts.verify["verdict"])
    said = "signed off from its STL files" if verdict == "pass" else "sign-off found faults: see the proof"
    return (
        f'<header class="wrap"><div class="title"><h1>{escape(facts.name)}</h1><span><span class="badge {verdict}">'
        f'{escape(verdict)}</span> <span class="hush said">{said}</span></span></div>'
        '<p class="lead">A neural network that runs on water. Cards keep what they learned to keep, combs share out '
        f"the rest, and {_answer(facts)}.</p></header>"
    )


def figures(facts: Facts) -> str:
    """How large it is, what it takes to print, how often it is right."""
    widths = [len(layer.retained) for layer in facts.lowered.layers]
    cups, parts = len(facts.manifest["outputs"]), facts.parts
    pieces, cut = (sum(part.count for part in parts if part.is_cut == is_cut) for is_cut in (False, True))
    grams, hours = (sum(getattr(part, name) * part.count for part in parts) for name in ("grams", "hours"))
    sliced = all(part.is_sliced for part in parts)
    built = facts.verify.get("as_built", {})
    told = [
        (" → ".join(str(count) for count in (*widths, cups)), "cards, layer by layer, and cups"),
        (f"{pieces}", "printed pieces"),
        *([(f"{cut}", f"pieces cut from {facts.manifest['sheet']['thickness']:g} mm sheet")] if cut else []),
        (
            f"{grams:.0f} g",
            "of " + escape(facts.manifest["process"]["material"]["name"]) + ("" if sliced else ", estimated"),
        ),
        (f"{hours:.0f} h", "of printing" + ("" if sliced else ", estimated")),
    ]
    if built.get("rows") and built.get("errors") is not None:
        told.append((f"{100 * (1 - built['errors'] / built['rows']):.1f} %", f"right, of {built['rows']} in its data"))
    items = "".join(f"<li><b>{value}</b>{label}</li>" for value, label in told)
    return f'<ul class="facts">{items}</ul>'


def _answer(facts: Facts) -> str:
    """Where the answer is read off."""
    names = ", ".join(escape(str(readout["name"])) for readout in facts.scene.get("readouts", []))
    return f"the cups say {names}" if names else "the fullest cup is the answer"


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
    return Template(asset("stage.html")).substitute(
        picture=picture, panel=panel(facts), ticks=ticks, ready=_ready(facts) + figures(facts)
    )


def _ready(facts: Facts) -> str:
    """What to do before a pour, and how to pour."""
    volume, flow = float(facts.manifest["priming_ml"]), float(facts.manifest["design_flow"]) / 1000.0
    cards = [
        bucket_name(depth, i)
        for depth, layer in enumerate(facts.lowered.layers)
        for i in np.flatnonzero((layer.shares > 0).sum(1) > 1).tolist()
    ]
    primed = f"V0, {volume:g} mL, into each of <b>{', '.join(cards)}</b>" if volume > 0.0 and cards else ""
    first = f"Get ready: empty cards and cups{', then pour ' + primed if primed else ''}."
    return (
        f'<p class="ready">{first} Then pour one jug after the other, about {flow:g} mL a second, each into its own '
        "card, behind its walls. The water above starts out ready.</p>"
    )


def panel(facts: Facts) -> str:
    """Jugs, buttons and cups; nothing where sign-off recovered no network."""
    if not facts.recovered:
        return ""
    jugs, worth = _jugs(facts)
    cups = "".join(
        f'<div class="cup" id="cup-{j}"><div class="glass"><i id="cup-level-{j}"></i></div><span '
        f'class="who">{escape(str(label))}</span>'
        f'<b><span id="cup-ml-{j}">0.0</span> mL</b><small id="cup-soon-{j}"></small></div>'
        for j, label in enumerate(facts.lowered.outputs)
    )
    return Template(asset("panel.html")).substitute(presets=_presets(facts, worth), jugs=jugs, cups=cups)


def _jugs(facts: Facts) -> tuple[str, str]:
    """A slider for each measurement, in the user's unit, and what one of it pours."""
    network, measures = facts.lowered, facts.lowered.measures
    limits = [float(most) for most in facts.manifest.get("input_max") or [50.0] * len(network.inputs)]
    start = facts.samples[0][0].tolist() if facts.samples is not None else [most / 2 for most in limits]
    top = _nice(max(most / network.input_scale for most in limits)) or 10.0
    sliders = []
    for m, feature in enumerate(measures.measured):
        i = measures.columns.index(m)
        value = feature.value(start[i])
        ends = sorted(feature.value(units) or 0.0 for units in (0.0, limits[i]))
        if network.scaling is None:
            ends = [0.0, top]
        name = network.inputs[i] if measures.columns.count(m) == 1 else feature.title
        sliders.append(_jug(m, name, feature.offset if value is None else value, ends))
    if network.scaling is not None:
        return "".join(sliders), "in the units of the data"
    return "".join(sliders), f"1 in a jug is {network.input_scale * float(facts.manifest['unit_ml']):g} mL"


def _jug(i: int, name: str, value: float, ends: Sequence[float]) -> str:
    low, top = ends
    step = (top - low) / 100 or 1.0
    least = ' min="0"' if low == 0.0 else ""
    return (
        f'<div class="jug"><label for="jug-{i}"><span>{escape(name)}</span><output id="jug-ml-{i}"></output></label>'
        f'<input type="range" id="jug-{i}" min="{low:g}" max="{top:g}" step="{step:g}" value="{value:g}">'
        f'<input type="number" id="jug-field-{i}"{least} step="any" value="{value:.7g}" '
        f'aria-label="{escape(name)}"></div>'
    )


def _presets(facts: Facts, worth: str) -> str:
    """A button for the first of every kind in the data, one for any, and a field for a row."""
    told = f'<span class="worth">{worth}</span>'
    if facts.samples is None or facts.scene.get("readouts"):
        pours = "".join(
            f'<button type="button" data-pour="{escape(str(list(pour["units"])))}">'
            f"{escape(str(pour['title']))}</button>"
            for pour in facts.scene.get("protocol", [])
        )
        return (
            f'<div class="presets"><div class="buttons" role="group" aria-label="Pours">{pours}</div>'
            f'<p class="inline">{told}</p></div>'
        )
    inputs, labels = facts.samples
    first = (
        {} if labels is None else {int(label): int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)}
    )
    outputs = facts.lowered.outputs
    buttons = [
        f'<button type="button" data-row="{row}">{escape(str(outputs[label]))}</button>' for label, row in first.items()
    ]
    if not buttons:
        buttons = ['<button type="button" data-row="0">first row</button>']
    return (
        f'<div class="presets"><div class="buttons" role="group" aria-label="From the data">{"".join(buttons)}'
        '<button type="button" id="any">any</button></div>'
        '<p class="inline"><label for="row">row</label><input type="number" id="row" min="0" '
        f'max="{len(inputs) - 1}" value="0"> '
        f"of {len(inputs)}{told}</p></div>"
    )


def _nice(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …"""
    if value <= 0:
        return 0.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value - 1e-9))
