"""What to print, how to put it together and how to pour. Facts in, HTML out."""

from html import escape

from pelu_fab.show.report_data import Facts
from pelu_fab.show.report_html import image
from pelu_fab.show.report_parts import MOST_PAINTED, picture_of, picture_of_device


def printing(facts: Facts) -> str:
    """Parts with pictures, settings, how to put them together, how to pour."""
    painted = sum(len(part.corners) for part in facts.parts) <= MOST_PAINTED
    items = []
    for part in facts.parts:
        x, y, z = part.size
        about = "" if part.is_sliced else "about "
        made = "cut from a sheet" if part.is_cut else f"{about}{part.grams:.0f} g · {about}{_hours(part.hours)}"
        picture = image(picture_of(part), part.name) if painted else ""
        items.append(
            f"<li>{picture}<b>{escape(part.name)}</b>{f' × {part.count}' if part.count > 1 else ''}<br>{x:.0f} × "
            f"{y:.0f} × {z:.0f} mm<br>"
            f"{made}</li>"
        )
    exploded = picture_of_device(facts.parts, 0.8) if painted else None
    drawn = (
        f"<figure>{image(exploded, 'The device, taken apart')}<figcaption>Taken apart.</figcaption></figure>"
        if exploded
        else ""
    )
    layout = ""
    if "layout.svg" in facts.files:
        caption = "Plan and elevations, to scale."
        sheet = image(facts.files["layout.svg"], caption, "image/svg+xml")
        layout = f"<figure>{sheet}<figcaption>{caption}</figcaption></figure>"
    estimated = (
        ""
        if all(part.is_sliced for part in facts.parts)
        else ('<p class="hush">Grams and hours are estimated from volume and surface; your slicer knows better.</p>')
    )
    return (
        f'<section><div class="wrap"><h2>Print it</h2>{_settings(facts)}{estimated}<ul '
        f'class="parts">{"".join(items)}</ul>'
        f"{_sheets(facts)}<h3>Put it together</h3>{_assembly(facts)}{drawn}{layout}</div></section>"
    )


def _sheets(facts: Facts) -> str:
    """Of a stand that is cut: its drawings, and what they assume."""
    sheet = facts.manifest.get("sheet")
    if not sheet:
        return ""
    drawings = sorted(name for name in facts.manifest["files"] if name.startswith("sheets/"))
    return (
        f"<h3>Cut the stand</h3><p>From plywood or acrylic that measures {sheet['thickness']:g} mm: measure yours, and "
        "compile for it (<code>--sheet-thickness</code>). Red lines are cut, blue ones are names, engraved first. They "
        f"lie {sheet['kerf'] / 2:g} mm outside of the pieces, for a kerf of {sheet['kerf']:g} mm: set "
        "<code>sheet.kerf=0</code> where your software offsets. Slots are "
        f"{sheet['thickness'] + sheet['clearance']:g} mm wide: cut one crossing first. "
        + ", ".join(f"<code>{escape(name)}</code>" for name in drawings)
        + ".</p>"
    )


def _hours(hours: float) -> str:
    minutes = max(round(hours * 60), 1)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _settings(facts: Facts) -> str:
    process = facts.manifest["process"]
    printer, fluid = process["printer"], process["fluid"]
    plates = sum(name.startswith("plates/") for name in facts.manifest["files"])
    plated = f"; <code>plates</code> holds the parts on {plates} {'bed' if plates == 1 else 'beds'}" if plates else ""
    bed = " × ".join(f"{length:g}" for length in printer["bed"])
    return (
        f"<p>Process <b>{escape(process['name'])}</b>: {escape(process['material']['name'])}, nozzle "
        f"{printer['nozzle']:g} mm, layers of "
        f"{printer['layer_height']:g} mm, {printer['perimeters']} perimeters, bed {bed} mm, no supports, parts as "
        "they lie in the files. "
        f"It runs on {escape(fluid['name'])}. <code>print-preset.ini</code> holds these settings for "
        f"PrusaSlicer{plated}.</p>"
    )


def _assembly(facts: Facts) -> str:
    """The booklet's steps, in the order that sign-off found a way in for."""
    steps = [escape(words) for words in facts.scene.get("steps", [])]
    steps.append("Level it, along a card's comb and across it, with paper under the feet: see below.")
    return '<ol class="steps">' + "".join(f"<li>{step}</li>" for step in steps) + "</ol>"


def pouring(facts: Facts) -> str:
    """pour.md, as it is."""
    if "pour.md" not in facts.files:
        return ""
    from markdown_it import MarkdownIt

    told = MarkdownIt("commonmark", {"html": False}).enable("table").render(facts.files["pour.md"].decode())
    return f'<section class="pour"><div class="wrap">{told}</div></section>'
