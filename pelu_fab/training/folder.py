"""A table that somebody has to a design that compiles: what to train it with, and the files of its folder."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pelu_fab.network.scaling import unit_in
from pelu_fab.sources.cells import plain_name
from pelu_fab.sources.tables import name_fault
from pelu_fab.training.data import Rows, Table
from pelu_fab.training.recipe import Recipe

DATA, HELD_OUT = "data.csv", "held-out.csv"  # beside the design and its checkpoint
FULL = 50.0  # mL of a full jug: easy to measure, and four fit a glass
FULL_FOR_A_NUMBER = 80.0  # mL where cups are read as a number: the more water, the finer its scale
LEAST_ROWS = 5  # of a class, of which one is then held out
ROWS_AT_ONCE = 8000  # of all starts together: what a minute or two train
COMMON: dict[str, Any] = {  # of classes and numbers
    "scaling": "minmax",
    "init": "open",
    "steps": 3000,
    "learning_rate": 0.03,
    "schedule": "cycle",
    "least_share": 0.05,
    "teeth": 13,
}


def proposed(table: Table) -> dict[str, Any]:
    """A training table for a device worth printing, of data in any unit: each measurement's range fills its jug."""
    inputs, classes, rows = len(table.inputs), len(table.classes), len(table.labels)
    hidden = max(3, classes)
    dense = hidden * (inputs + classes)
    can_test = np.bincount(table.labels).min() >= LEAST_ROWS
    if table.targets is not None:
        return _proposed_for_a_number(inputs, rows, can_test=can_test and rows >= 4 * LEAST_ROWS)
    return COMMON | {
        "full": FULL,
        "hidden": [hidden],
        "restarts": max(1, min(8, ROWS_AT_ONCE // max(rows, 1) // 2)),
        "branches": max(inputs + hidden + 3, dense // 2),
        "accept": 0.95,
        **({"test": 0.2} if can_test else {}),
        "noise": {"height": 0.8, "share": 0.08, "pour": 0.8},
    }


def _proposed_for_a_number(inputs: int, rows: int, *, can_test: bool) -> dict[str, Any]:
    """As for classes; few buckets, or their prints scatter more than they draw."""
    hidden = max(3, inputs + 1)
    return COMMON | {
        "full": FULL_FOR_A_NUMBER,
        "hidden": [hidden],
        "restarts": max(2, min(16, ROWS_AT_ONCE // max(rows, 1) // 2)),
        "branches": inputs * hidden + hidden,
        "readout": "number",
        **({"test": 0.2} if can_test else {}),
        "noise": {"height": 0.4, "share": 0.03, "pour": 0.5},
    }


def spoken(names: Sequence[str]) -> tuple[str, ...]:
    """Columns' names as one says them, which break into lines on a jug: `bill_length_mm` is `bill length (mm)`."""
    found = []
    for name in names:
        unit, words = unit_in(name), name.replace("_", " ").split()
        is_behind = "_" in name and len(words) > 1 and words[-1] == unit
        found.append(" ".join(words[:-1]) + f" ({unit})" if is_behind else " ".join(words))
    alike = len({plain_name(name) for name in found}) < len(found) or not all(found)
    return tuple(names) if alike or any(name_fault(name) for name in found) else tuple(found)


def table_csv(table: Table, rows: Rows | None = None) -> bytes:
    """A table as it was measured, of some rows alone: features in order, the label last. `table` of scale 1."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    if table.targets is None:
        names, last = spoken(table.inputs), [table.classes[label] for label in table.labels]
        writer.writerow([*names, "class" if "class" not in names else "label"])
    else:
        last = [f"{value:.15g}" for value in table.targets.tolist()]
        writer.writerow(spoken([*table.inputs, *table.classes]))
    used = rows if rows is not None else table.labels >= 0
    for values, told, is_used in zip(table.pours.tolist(), last, used, strict=True):
        if is_used:
            writer.writerow([*(f"{value:.15g}" for value in values), told])
    return text.getvalue().encode()


def design_toml(name: str, checkpoint: str, recipe: Recipe, source: str) -> str:
    """The folder's design file; its `[training]` table trains the same checkpoint again."""
    table = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"data"})
    lines = [
        f"# Trained by `pelu-fab train` on {' '.join(source.split())}.",
        "# `pelu-fab train FOLDER` trains this folder's checkpoint again, `pelu-fab compile FOLDER` makes its parts.",
        "schema = 1",
        f"name = {_text(name)}",
        f"checkpoint = {_text(checkpoint)}",
        f"data = {_text(DATA)}  # as measured; the checkpoint knows what each pours",
        "",
        *_toml("training", table),
    ]
    return "\n".join(lines) + "\n"


def _toml(title: str, table: Mapping[str, Any]) -> list[str]:
    """A table and those in it; of texts, numbers, truths and lists of them."""
    lines = [f"[{title}]", *(f"{key} = {_text(value)}" for key, value in table.items() if not isinstance(value, dict))]
    for key, below in table.items():
        if isinstance(below, dict):
            lines += ["", *_toml(f"{title}.{key}", below)]
    return lines


def _text(value: str | float | Sequence[Any]) -> str:
    """A value as TOML has it, which is how JSON has it too."""
    return json.dumps(value)
