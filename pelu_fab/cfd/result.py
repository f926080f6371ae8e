"""What a run found, as plain data that goes into cfd.json and comes back. mL, mL/s, s, m/s."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pelu_fab.errors import FabError

SCHEMA = 1
FILE = "cfd.json"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case. `shares` count the whole run, water still on the ramps included; `steady` the later half of the pour.

    `left` is water that went another way, by the opening that it left through. `parts` are the sha256 of the files that
    reach into the case, `key` that of all its files: a case with the same key has the same result.
    """

    at: str
    kind: str
    pour: str
    flow: float
    seconds: float
    process: str
    contact_deg: float
    cells_a_tooth: int
    cells: int
    cpu_s: float
    key: str
    parts: Mapping[str, str]
    poured: float
    start: float
    kept: float
    delivered: Mapping[str, float]
    shares: Mapping[str, float]
    steady: Mapping[str, float]
    left: Mapping[str, float]
    balance: float  # mL of water made (+) or lost (-) by the solver
    below: float = 0.0  # mL that its pool lacked at the start
    teeth: tuple[float, ...] = ()  # of the steady flow, along the comb
    speeds: tuple[float, ...] = ()  # at the sill, tooth by tooth
    lands: Mapping[str, float] = field(default_factory=dict)  # share of what flies off that comes down there
    climb: float = 0.0  # mm over a tray's floor that water stands highest at a wall beyond its landing
    series: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # time and what each target has got
    pictures: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        """Name for files."""
        return slug(self.at, self.pour, self.process)


def slug(at: str, pour: str, process: str) -> str:
    """Name of a case for files and folders."""
    return f"{at.replace('->', '-to-').replace(' ', '-')}-{pour}-{process}"


def to_text(outcomes: Mapping[str, Outcome]) -> str:
    """cfd.json, by name of the case."""
    cases = {name: asdict(outcomes[name]) for name in sorted(outcomes)}
    return json.dumps({"schema": SCHEMA, "cases": _rounded(cases)}, indent=1, sort_keys=True, allow_nan=False) + "\n"


def read_results(folder: Path) -> dict[str, Outcome]:
    """Outcomes that lie in a folder, by name; none if there is no cfd.json, `FabError` if it can't be read."""
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise FabError(str(path), f"has schema {table['schema']!r}", f"delete it, this program reads {SCHEMA}")
        return {name: _outcome(case) for name, case in table["cases"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FabError(str(path), f"can't be read ({error})", "delete it and run pelu-fab cfd again") from error


def fresh(outcomes: Mapping[str, Outcome], digests: Mapping[str, str]) -> dict[str, Outcome]:
    """Those whose parts are still the files that they were run on. `digests` gives sha256 by part."""
    return {
        name: one
        for name, one in outcomes.items()
        if one.parts and all(digests.get(part) == digest for part, digest in one.parts.items())
    }


def _outcome(case: Mapping[str, Any]) -> Outcome:
    lists = {k: tuple(case[k]) for k in ("teeth", "speeds", "pictures")}
    return Outcome(**{**case, **lists, "series": {k: tuple(v) for k, v in case["series"].items()}})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value
