"""Pieces of HTML that every section uses: texts in, escaped HTML out; nothing is styled in place."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files


@cache
def asset(name: str) -> str:
    """A file of the package's assets, as text."""
    return (files("pelu_fab.show") / "assets" / name).read_text(encoding="utf-8")


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
