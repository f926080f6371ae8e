"""findings.svg: sections through the worst findings. Placed triangles and a report's table in, SVG bytes out.

Each finding is a card: cut level and upright through its place, to scale, with what was found written beside it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Parts = Sequence[tuple[str, Array]]  # name, corners (triangles, 3, 3) in the assembly, mm

MOST, SAME = 8, 4.0  # cards; mm within which two findings share one
REACH, SCALE = 24.0, 5.0  # mm shown on each side of the place; units of the drawing per mm
OFF = 0.0137, 0.0137, 0.21  # mm beside the place along x, y and z: a cut along a face shows nothing
PANEL, GAP, HEAD, WORDS, LINES = 2 * REACH * SCALE, 24.0, 56.0, 60, 11
VIEWS = ((2, 0, 1, "level, from above"), (1, 0, 2, "upright, along y"), (0, 1, 2, "upright, along x"))
STYLE = """
.sheet{fill:#fbfaf7}.frame{fill:#fff;stroke:#8d939c}.part{stroke:#4d5763;fill-rule:evenodd}
.mark{fill:none;stroke:#dc1e28;stroke-width:2.5}.cross{stroke:#dc1e28;stroke-width:1}
text{font:13px "Helvetica Neue",Helvetica,Arial,sans-serif;fill:#26313b}.title{font-size:22px;font-weight:600}
.rule{font-weight:600;fill:#b3151e}.note{fill:#5d6872}.bar{stroke:#26313b;stroke-width:2}
"""
FILLS = ("#d8cfe3", "#cfe0d8", "#e9dcc3", "#d5dae0", "#e3cfcf", "#c9dbe8")


def to_findings(parts: Parts, failed: Sequence[Mapping[str, Any]]) -> bytes:
    """One sheet of cards, the worst finding first; findings at one place share a card."""
    cards = _grouped(failed)
    width = GAP + len(VIEWS) * (PANEL + GAP) + 430.0
    height = HEAD + len(cards) * (PANEL + 2 * GAP) + GAP
    fills = {name: FILLS[number % len(FILLS)] for number, (name, _) in enumerate(parts)}
    body = [
        _card(parts, fills, at, checks, HEAD + number * (PANEL + 2 * GAP)) for number, (at, checks) in enumerate(cards)
    ]
    told = sum(len(checks) for _, checks in cards)
    title = f"{len(failed)} findings" if len(failed) != 1 else "1 finding"
    rest = "" if told == len(failed) else f"; {len(failed) - told} more in verify.json"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" role="img" aria-label="{title} in section">\n<title>{title} in section</title>'
        f'<style>{STYLE}</style>\n<rect class="sheet" width="{width:.0f}" height="{height:.0f}"/>\n'
        f'<text class="title" x="{GAP}" y="36">{title}{escape(rest)}</text>'
    )
    return "\n".join([head, *body, "</svg>\n"]).encode()


def _grouped(failed: Sequence[Mapping[str, Any]]) -> list[tuple[Array, list[Mapping[str, Any]]]]:
    cards: list[tuple[Array, list[Mapping[str, Any]]]] = []
    for check in failed:
        at = np.array(check["at"], dtype=np.float64)
        near = next((own for place, own in cards if np.linalg.norm(place - at) < SAME), None)
        if near is not None:
            near.append(check)
        elif len(cards) < MOST:
            cards.append((at, [check]))
    return cards


def _card(parts: Parts, fills: Mapping[str, str], at: Array, checks: Sequence[Mapping[str, Any]], top: float) -> str:
    panels = [_panel(parts, fills, at, view, GAP + number * (PANEL + GAP), top) for number, view in enumerate(VIEWS)]
    return "\n".join(["<g>", *panels, _words(at, checks, GAP + len(VIEWS) * (PANEL + GAP), top), "</g>"])


def _panel(
    parts: Parts, fills: Mapping[str, str], at: Array, view: tuple[int, int, int, str], left: float, top: float
) -> str:
    axis, right, up, caption = view
    low, high = at[[right, up]] - REACH, at[[right, up]] + REACH
    shapes = []
    for name, corners in parts:
        rings = _rings(corners[:, :, [right, up, axis]], at[axis] + OFF[axis], low, high)
        if rings:
            shapes.append(f'<path class="part" fill="{fills[name]}" d="{_path(rings, low)}">{_title(name)}</path>')
    middle = PANEL / 2
    return (
        f'<svg x="{left:.1f}" y="{top:.1f}" width="{PANEL:.0f}" height="{PANEL:.0f}">'
        f'<rect class="frame" width="{PANEL:.0f}" height="{PANEL:.0f}"/>{"".join(shapes)}'
        f'<circle class="mark" cx="{middle:.0f}" cy="{middle:.0f}" r="14"/>'
        f'<path class="cross" d="M{middle - 22:.0f} {middle:.0f}h44M{middle:.0f} {middle - 22:.0f}v44"/></svg>'
        f'<text class="note" x="{left:.1f}" y="{top + PANEL + 16:.1f}">{caption}, at '
        f'{"xyz"[axis]} = {at[axis] + OFF[axis]:.2f} mm</text>'
    )  # fmt: skip


def _rings(corners: Array, level: float, low: Array, high: Array) -> list[Array]:
    """Closed (or broken off) lines of a part's section at a level of its last axis, if any comes into the window."""
    z = corners[:, :, 2]
    across = (z.min(axis=1) < level) & (z.max(axis=1) >= level)
    plan = corners[across][:, :, :2]
    if not len(plan) or not ((plan.min(axis=1) < high) & (plan.max(axis=1) > low)).all(axis=1).any():
        return []
    corners, above = corners[across], z[across] >= level
    lone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), above.argmin(axis=1))
    rows = np.arange(len(lone))
    tip = corners[rows, lone]
    one, two = (_crossing(tip, corners[rows, (lone + k) % 3], level) for k in (1, 2))
    upward = (above.sum(axis=1) == 1)[:, None]
    return _chained(np.where(upward, one, two), np.where(upward, two, one))


def _crossing(start: Array, end: Array, level: float) -> Array:
    way = end - start
    return np.asarray(start[:, :2] + way[:, :2] * ((level - start[:, 2]) / way[:, 2])[:, None])


def _chained(start: Array, end: Array) -> list[Array]:
    """Segments that follow each other, joined."""
    first, last = (np.round(points, 4) for points in (start, end))
    following: dict[tuple[float, float], list[int]] = defaultdict(list)
    for index, point in enumerate(first.tolist()):
        following[point[0], point[1]].append(index)
    used, rings = np.zeros(len(first), bool), []
    for begin in range(len(first)):
        if used[begin]:
            continue
        ring, at = [first[begin]], begin
        while not used[at]:
            used[at] = True
            ring.append(last[at])
            at = next((k for k in following[last[at][0], last[at][1]] if not used[k]), at)
        rings.append(np.array(ring))
    return rings


def _path(rings: Sequence[Array], low: Array) -> str:
    lines = []
    for ring in rings:
        points = (ring - low) * SCALE
        points[:, 1] = PANEL - points[:, 1]
        lines.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist()) + "Z")
    return "".join(lines)


def _words(at: Array, checks: Sequence[Mapping[str, Any]], left: float, top: float) -> str:
    lines: list[tuple[str, str]] = []
    for check in checks:
        lines.append(("rule", f"{check['id']} at {check['where']}"))
        unit = f" {check['unit']}" if check.get("unit") else ""
        numbers = [f"{k} {_number(check[k])}{unit}" for k in ("found", "limit") if check.get(k) is not None]
        text = "; ".join([*numbers, *([str(check["why"])] if check.get("why") else [])])
        lines += [("", line) for line in wrap(text, WORDS)]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], ("note", f"and more at this place: {len(checks)} findings in all")]
    place = ", ".join(f"{v:.1f}" for v in at)
    texts = [
        f'<text class="{kind}" x="{left:.1f}" y="{top + 14 + 18 * number:.1f}">{escape(line)}</text>'
        for number, (kind, line) in enumerate(lines)
    ]
    bar = f'<path class="bar" d="M{left:.1f} {top + PANEL - 4:.1f}h{10 * SCALE:.0f}"/>'
    note = f'<text class="note" x="{left + 10 * SCALE + 8:.1f}" y="{top + PANEL:.1f}">10 mm; at ({place}) mm</text>'
    return "".join([*texts, bar, note])


def _title(name: str) -> str:
    return f"<title>{escape(name)}</title>"


def _number(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
