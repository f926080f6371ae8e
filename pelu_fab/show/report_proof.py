"""Asked against built, every check, and the data set poured. Facts in, HTML out."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pelu_fab.network.model import Layer
from pelu_fab.network.names import bucket_name, target_name
from pelu_fab.show.report_data import SOLVED, Facts, Table, confusion
from pelu_fab.show.report_html import image, table

WORDS = {"pass": "passed", "fail": "failed", "skipped": "skipped"}
GROUPS = {
    "source": "it is the network that was asked for",
    "manifest": "what is believed can be meant",
    "file": "every file is as it was compiled",
    "lower": "what making it printable changed is on the list",
    "mesh": "the files are sound solids",
    "drc": "the printer can make it, and water runs downhill",
    "flow": "moving water lands and stays where it should",
    "hands": "it can be put together, moved within its play and emptied",
    "read": "cups can be read and told apart",
    "lvs": "what was built is what was trained",
    "mass": "no water is made or lost",
    "equivalence": "it answers as the network does",
}


def numbers(facts: Facts) -> dict[str, Table]:
    """What the viewer tells of a bucket: trained, lowered and as built, mL."""
    unit = float(facts.manifest["unit_ml"])
    books = [facts.trained.layers, facts.lowered.layers, facts.recovered]
    inputs = facts.lowered.inputs
    told: dict[str, Table] = {}
    for depth, layer in enumerate(books[1]):
        for i in range(len(layer.retained)):
            values = [_keeps(book[depth], i, unit) if len(book) > depth else "?" for book in books]
            built = (books[2] or books[1])[depth].shares[i]
            names = _targets(facts, depth, len(built))
            spills = ", ".join(f"{share:.1%} to {names[j]}" for j, share in enumerate(built) if share > 0)
            told[bucket_name(depth, i)] = {
                "label": inputs[i] if depth == 0 else "",
                **dict(zip(("trained", "lowered", "built"), values, strict=True)),
                "spills": spills,
            }
    return told


def _keeps(layer: Layer, unit: int, ml: float) -> str:
    """What a unit keeps, mL: of a flush its threshold, and what then stays."""
    told = f"{layer.thresholds[unit] * ml:z.2f}"
    return f"{told}, then {layer.retained[unit] * ml:z.2f}" if layer.flushes[unit] else told


def _targets(facts: Facts, depth: int, count: int) -> list[str]:
    last = depth + 1 == len(facts.lowered.layers)
    outputs = facts.lowered.outputs
    return [str(outputs[j]) if last else bucket_name(depth + 1, j) for j in range(count)]


def asked_and_built(facts: Facts) -> str:
    """Thresholds and shares: trained, lowered, measured."""
    buckets = []
    for name, values in numbers(facts).items():
        title = escape(name + (f" · {values['label']}" if values["label"] else ""))
        now = f'<span data-now="{name}">–</span>'
        buckets.append([title, values["trained"], values["lowered"], values["built"], now])
    marks = [f'data-bucket="{name}"' for name in numbers(facts)]
    thresholds = table(["card keeps, mL", "trained", "printable", "in the STL", "now"], buckets, marks)
    rows, owners = [], []
    sections = [layer.get("sections") for layer in facts.verify.get("recovered", {}).get("layers", [])]
    trained, lowered, built = facts.trained.layers, facts.lowered.layers, facts.recovered
    for depth, layer in enumerate(lowered):
        names = [target_name(depth, j, layers=len(lowered)) for j in range(layer.shares.shape[1])]
        for i, j in np.argwhere((layer.shares > 0) | (trained[depth].shares > 0)).tolist():
            found = f"{100 * built[depth].shares[i, j]:.2f}" if built else "?"
            section = f"{100 * sections[depth][i][j]:.2f}" if sections and sections[depth] else "?"
            asked = [100 * book[depth].shares[i, j] for book in (trained, lowered)]
            printed = f"{asked[1]:.2f}" if asked[1] > 0 else "not printed"
            cells = [f"{asked[0]:.2f}", printed, section, found, *_solved(facts, bucket_name(depth, i), names[j])]
            rows.append([escape(f"{bucket_name(depth, i)} → {names[j]}"), *cells])
            owners.append(f'data-bucket="{bucket_name(depth, i)}"')
    head = ["share, %", "trained", "printable", "section", "flow", *(["CFD"] if facts.verify.get("cfd") else [])]
    shares = table(head, rows, owners)
    return (
        '<section><div class="wrap"><h2>Asked and built</h2><p>On the left what training asked for; on the right '
        "what sign-off found again "
        "in the triangles of the STL files, without looking at how they were made. <em>Section</em> is the cut "
        "through a branch, which a "
        "calliper can check; <em>flow</em> is the share that water takes, teeth and surface tension included.</p>"
        f'<div class="two"><div>{thresholds}</div><div>{shares}</div></div>{_water(facts)}</div></section>'
    )


def _solved(facts: Facts, bucket: str, target: str) -> list[str]:
    """The cell of an independent solver's shares, pour by pour; none where nothing was solved."""
    rows = [row for row in facts.verify.get("cfd", []) if row["at"] == bucket and target in row["shares"]]
    told = "<br>".join(f"{100 * row['shares'][target]:.2f} {escape(row['pour'])}" for row in rows)
    return [told] if facts.verify.get("cfd") else []


def _water(facts: Facts) -> str:
    """What an independent solver found about these files, case by case, with its pictures."""
    solved = facts.verify.get("cfd", [])
    if not solved:
        return ""
    rows = []
    for row in solved:
        told = [", ".join(f"{escape(k)} {100 * v:.1f} %" for k, v in row[key].items()) for key in ("shares", "lands")]
        left = ", ".join(f"{escape(k)} {v:.2f}" for k, v in row["left"].items() if v > 0.005)
        pour = f"{row['pour']}, {row['flow']:.1f} mL/s, {row['process']}"
        rows.append([escape(str(row["at"])), escape(pour), told[0] or told[1], left])
    drawn = [name for row in solved for name in row["pictures"] if f"{SOLVED}/{name}" in facts.files]
    shown = "".join(f"<figure>{image(facts.files[f'{SOLVED}/{name}'], name)}</figure>" for name in drawn)
    return (
        "<h3>In an independent solver</h3><p>OpenFOAM's interFoam on the same STL files.</p>"
        + table(["where", "pour", "goes to", "left elsewhere, mL"], rows)
        + f"<details><summary>{len(drawn)} pictures</summary>{shown}</details>"
    )


def proof(facts: Facts) -> str:
    """Verdict and every check, worst first."""
    checks = facts.verify["checks"]
    counts = facts.verify["counts"]
    verdict = str(facts.verify["verdict"])
    open_ones = [check for check in checks if check["status"] != "pass"]
    worst = _checks(open_ones, facts) if open_ones else '<p class="hush">Nothing failed and nothing was skipped.</p>'
    passed = sorted((c for c in checks if c["status"] == "pass"), key=lambda c: (str(c["id"]), str(c["where"])))
    folded = []
    for group, members in groupby(passed, key=lambda check: str(check["id"]).split(".")[0]):
        listed = list(members)
        meaning = GROUPS.get(group, "")
        folded.append(
            f"<details><summary><b>{escape(group)}</b> {len(listed)} "
            f"passed<small>{meaning}</small></summary>{_checks(listed, facts)}</details>"
        )
    return (
        '<section><div class="wrap"><h2>The proof</h2><div class="verdict">'
        f'<span class="badge {verdict}">{verdict}</span><span>{counts["passed"]} of {counts["run"]} checks passed, '
        f"{counts['failed']} failed, "
        f"{counts['skipped']} skipped.</span></div><p>Sign-off opened the files that you print, found every bucket, "
        "comb, gutter and cup in "
        f"them, and recovered the network from that. It is held against {_against(facts)}.</p>"
        f"{worst}{''.join(folded)}{_data(facts)}</div></section>"
    )


def _against(facts: Facts) -> str:
    """What the trained network was read from."""
    told = facts.verify.get("against", {})
    if "file" not in told:
        return "the copy of the trained network in this folder"
    return f"<b>{escape(str(told['file']))}</b> itself (sha256 {escape(str(told['sha256'])[:12])}…)"


def _checks(checks: Sequence[Table], facts: Facts) -> str:
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
        for title, book in (("checkpoint", facts.trained.layers), ("as built", facts.recovered))
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
    labels = [escape(str(label)) for label in facts.lowered.outputs]
    rows = []
    for i, label in enumerate(labels):
        kinds = ["hit" if i == j else "miss" if cells[i, j] else "" for j in range(len(labels))]
        row = "".join(f'<td class="{kind}">{cells[i, j]}</td>' for j, kind in enumerate(kinds))
        rows.append(f'<tr><th scope="row">{label}</th>{row}</tr>')
    head = "".join(f'<th scope="col">{label}</th>' for label in labels)
    right = int(np.trace(cells))
    return (
        '<div class="scroll"><table><thead><tr><th scope="col">is ↓ · cup says '
        f"→</th>{head}</tr></thead><tbody>{''.join(rows)}"
        f"</tbody></table></div><p>{right} of {cells.sum()} right, {100 * right / max(cells.sum(), 1):.1f} %.</p>"
    )
