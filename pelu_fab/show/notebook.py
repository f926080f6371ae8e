"""How a device and a sign-off report show themselves in a notebook: an object in, a bundle of MIME types out."""

from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pelu_fab.ir.device import Device

MOST = 1_500_000  # bytes of all that goes into one cell of a notebook
Bundle = dict[str, str]
METHOD = "_repr_mimebundle_"  # what notebooks call


def device_bundle(device: "Device") -> Bundle:
    """Text, the layout as SVG, and both as HTML."""
    return _guarded(device, lambda: _device(device))


def report_bundle(report: Any) -> Bundle:
    """Text and HTML: the verdict, what failed and what was skipped."""
    return _guarded(report, lambda: _report(report))


def show_as(kind: type, bundle: Callable[[Any], Bundle]) -> None:
    """Let notebooks show every `kind` by `bundle`: from outside, so that data knows nothing of pictures."""

    def shown(self: object, include: object = None, exclude: object = None) -> Bundle:
        return bundle(self)

    setattr(kind, METHOD, shown)


def _guarded(shown: object, make: Callable[[], Bundle]) -> Bundle:
    """A notebook must not fail because something can't be drawn: then it says so, as text."""
    try:
        bundle = make()
    except Exception as error:
        return {"text/plain": f"<{type(shown).__name__}: can't be shown: {error}>"}
    if sum(len(text) for text in bundle.values()) > MOST:
        return {"text/plain": bundle["text/plain"][:MOST]}
    return bundle


def _device(device: "Device") -> Bundle:
    from pelu_fab.show.svg import to_svg

    widths = " → ".join([*(str(len(row)) for row in device.lowered.netlist.rows), str(len(device.layout.cups))])
    text = f"{device.design.name}: {widths}, {device.pieces} pieces, about {device.grams:.0f} g"
    drawing = to_svg(device)
    source = b64encode(drawing).decode()
    html = f'<p><b>{escape(text)}</b></p><img alt="layout" width="720" src="data:image/svg+xml;base64,{source}">'
    return {"text/plain": text, "image/svg+xml": drawing.decode(), "text/html": html}


def _report(report: Any) -> Bundle:
    counts = report.counts
    head = f"{report.verdict}: {counts['passed']} of {counts['run']} checks passed, {counts['skipped']} skipped"
    open_ones = [check for check in report.checks if check.status != "pass"]
    text = "\n".join([head, *(str(check) for check in open_ones[:50])])
    rows = "".join(
        f"<tr><td>{check.status}</td><td>{escape(check.id)}</td><td>{escape(check.where)}</td>"
        f"<td>{escape(check.why)}</td></tr>"
        for check in open_ones[:50]
    )
    return {"text/plain": text, "text/html": f"<p><b>{escape(head)}</b></p><table>{rows}</table>"}
