"""What `pelu-fab inspect` says of a network: a checkpoint or design in, tables of its buckets and branches out."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pelu_fab.commands import key_setting, print_json, printable
from pelu_fab.ir.design import Design
from pelu_fab.network.capacity import Capacity, branch_table, capacity, capacity_table
from pelu_fab.network.model import Array

DRAWN = 1000  # pours, where there are no data


def is_network(path: Path) -> bool:
    """Whether a path names a checkpoint or a design, rather than a mesh or a compiled folder."""
    from pelu_fab.files import is_missing
    from pelu_fab.sources.checkpoint import PAGES, SUFFIXES
    from pelu_fab.sources.design import DESIGN_FILE

    return path.suffix.lower() in (*SUFFIXES, *PAGES, ".toml") or not is_missing(path / DESIGN_FILE)


def show_capacity(path: Path, *, json: bool, data: Path | None = None, key: str | None = None) -> None:
    """Load the network at `path` and print its capacity report, over its own data, `data`, or drawn pours."""
    from pelu_fab.files import read_input
    from pelu_fab.sources.data import parse_samples
    from pelu_fab.sources.design import load

    design = load(path, settings=key_setting(key))
    if data is not None:
        pours, over = parse_samples(read_input(data), str(data), design.network).inputs, data.name
    elif design.samples is not None:
        pours, over = design.samples.inputs, "the design's data"
    else:
        pours, over = _drawn(design), f"{DRAWN} pours drawn at random"
    most = np.maximum(design.input_max, pours.max(axis=0))
    report = capacity(design.network, pours, input_max=most.tolist())
    if json:
        print_json(_to_dict(report, over))
    else:
        print("\n".join(_lines(report, over, len(pours))))


def _drawn(design: Design) -> Array:
    fill = np.random.default_rng(0).uniform(0.0, 1.0, (DRAWN, len(design.input_max)))
    return np.asarray(fill * np.asarray(design.input_max))


def _to_dict(report: Capacity, over: str) -> dict[str, Any]:
    return {
        "over": over,
        "rows": len(report.margins),
        "buckets": [
            asdict(b) | {"dead": b.is_dead, "dry": b.is_dry, "always_open": b.is_always_open} for b in report.buckets
        ],
        "branches": [asdict(b) for b in report.branches],
        "regions": report.regions,
        "margins": dict(
            zip(("least", "p05", "median"), np.quantile(report.margins, [0, 0.05, 0.5]).tolist(), strict=True)
        ),
    }


def _lines(report: Capacity, over: str, rows: int) -> list[str]:
    low, middle = np.quantile(report.margins, [0.05, 0.5])
    return [
        *_aligned(capacity_table(report)),
        "",
        *_aligned(branch_table(report)),
        "",
        f"all in units, over {over} ({rows} rows); the most is over all pours up to full jugs, and exact",
        f"linear regions visited: {report.regions}",
        f"lead of the fullest cup: least {report.certified:.3f}, 5 % below {low:.2f}, median {middle:.2f}",
    ]


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        printable("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        for row in rows
    ]
