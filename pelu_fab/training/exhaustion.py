"""Learn one function, then another: does a net recover, or is it exhausted? In: a seed. Out: results, by case and kind.

`python -m pelu_fab.training.exhaustion_report docs` writes docs/exhaustion.md and its figures. Each net learns one
function, then, from where that left it, the next; a fresh net of the same kind and size on the next alone says what
could have been reached.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pelu_fab.training.functions_nets import (
    SLOPE,
    DeepNet,
    Ensemble,
    ReluNet,
    WaterNet,
    gather,
    make_net,
    restart_idle,
    water_scale,
)
from pelu_fab.training.functions_train import train

Array = NDArray[np.float64]
Contestant = Literal["pelu", "pelu restarted", "leaky pelu", "relu", "leaky relu", "deep relu", "deep leaky relu"]
DEEP: tuple[Contestant, ...] = ("deep relu", "deep leaky relu")
CONTESTANTS: tuple[Contestant, ...] = tuple(one for one in get_args(Contestant) if one not in DEEP)
STEPS, SEEDS, ROWS = 1500, 6, 200
RECOVERED, FLOOR = 3.0, 1e-2  # a loss of 3 times a fresh net's, or 1 % of the variance, counts as recovered
FINE = 2001  # places at which a deep net's bends are looked for
LEARNT = 0.2  # of the variance: a fresh net above it has not learnt, and there is nothing to recover


@dataclass(frozen=True, slots=True)
class Phase:
    """A function of x, by `label`, learnt on `span`."""

    label: str
    function: Callable[[Array], Array]
    span: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """Phases one after another by nets of `buckets`, on one `axis` from an empty to a full jug."""

    name: str
    axis: tuple[float, float]
    phases: tuple[Phase, ...]
    buckets: int = 10
    contestants: tuple[Contestant, ...] = CONTESTANTS
    is_raw: bool = False  # targets as they are, not of mean 0 and variance 1


def _falling(x: Array) -> Array:
    return np.exp(-x)


def _step(at: float) -> Callable[[Array], Array]:
    return lambda x: (x >= at).astype(np.float64)


_EXP, _NEXP = Phase("exp", np.exp, (-2.0, 2.0)), Phase("exp(-x)", _falling, (-2.0, 2.0))
_POLE = (0.25, 1.75)
CASES: tuple[Case, ...] = (
    Case("exp to exp(-x)", (-2.0, 2.0), (_EXP, _NEXP)),
    Case(
        "1/x to 1/(x-2)",
        (0.0, 2.0),
        (Phase("1/x", lambda x: 1 / x, _POLE), Phase("1/(x-2)", lambda x: 1 / (x - 2), _POLE)),
    ),
    Case(
        "step to step at 2",
        (-4.0, 4.0),
        (Phase("step", _step(0.0), (-4.0, 4.0)), Phase("step at 2", _step(2.0), (-4.0, 4.0))),
    ),
    Case("exp and exp(-x) in turn", (-2.0, 2.0), (_EXP, _NEXP, _EXP, _NEXP, _EXP)),
    *(
        Case(
            f"sin, {count} units",
            (-10.0, 15.0),
            tuple(Phase(f"sin ({a:g},{b:g})", np.sin, (a, b)) for a, b in ((-5, 5), (-10, 10), (5, 15))),
            count,
        )
        for count in (10, 30)
    ),
    Case(
        "a deep net, exp and exp(-x) in turn on (-5, 5)",
        (-5.0, 5.0),
        tuple(Phase(one.label, one.function, (-5.0, 5.0)) for one in (_EXP, _NEXP, _EXP, _NEXP)),
        contestants=DEEP,
        is_raw=True,
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One contestant after one phase of a case. Losses are medians over seeds, as parts of the target's variance.

    Of the units (medians): `live` bend within the phase's span, `dead` are inactive all over it, the rest are always
    active. `bends` are places along the axis in [0, 1] and `drawn` the curve, both of the first seed.
    """

    case: str
    contestant: Contestant
    phase: int
    label: str
    loss: float
    fresh: float
    recovered: int  # nets out of SEEDS
    live: int
    dead: int
    units: int
    bends: Array
    drawn: Array


def study(case: Case, contestant: Contestant, *, steps: int = STEPS, seeds: int = SEEDS) -> tuple[Outcome, ...]:
    """All phases of a case by one contestant; deterministic."""
    revive = 0 if contestant == "pelu restarted" else None

    def fresh_nets(phase: Phase) -> Ensemble:
        if contestant in DEEP:
            slope = SLOPE if contestant == "deep leaky relu" else 0.0
            starts = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
            return gather([DeepNet(case.axis, slope=slope, generator=start) for start in starts])
        kind: Any = "pelu" if contestant == "pelu restarted" else contestant
        scale = water_scale(*_points(case, phase), case.buckets)
        return gather([make_net(kind, case.buckets, seed, scale=scale) for seed in range(seeds)])

    nets, outcomes = fresh_nets(case.phases[0]), []
    alone: dict[str, Array] = {}
    for number, phase in enumerate(case.phases):
        u, y = _points(case, phase)
        if number and revive is not None:
            restart_idle(nets, u, torch.Generator().manual_seed(number), open_too=True)
        spread = float(y.var(correction=0)) if case.is_raw else 1.0
        losses = train(nets, u, y, steps=steps, learning_rate=0.02, revive=revive)[-1].double().numpy() / spread
        if phase.label not in alone:
            alone[phase.label] = losses
            if number:
                other = train(fresh_nets(phase), u, y, steps=steps, learning_rate=0.02, revive=revive)
                alone[phase.label] = other[-1].double().numpy() / spread
        limit = max(RECOVERED * float(np.median(alone[phase.label])), FLOOR)
        active = np.stack([_active(nets.net(index), u) for index in range(seeds)])
        part = active.mean(axis=-1)
        outcomes.append(
            Outcome(
                case=case.name,
                contestant=contestant,
                phase=number,
                label=phase.label,
                loss=float(np.median(losses)),
                fresh=float(np.median(alone[phase.label])),
                recovered=int((losses <= limit).sum()),
                live=int(np.median(((part > 0) & (part < 1)).sum(axis=1))),
                dead=int(np.median((part == 0).sum(axis=1))),
                units=part.shape[1],
                bends=_bends(nets.net(0)),
                drawn=_drawn(nets, case, phase),
            )
        )
    return tuple(outcomes)


def _points(case: Case, phase: Phase) -> tuple[torch.Tensor, torch.Tensor]:
    """Places along the axis in [0, 1] and targets, of mean 0 and variance 1 unless `is_raw`; both (rows,)."""
    x = np.linspace(*phase.span, ROWS)
    y = phase.function(x)
    low, high = case.axis
    places = torch.tensor((x - low) / (high - low), dtype=torch.float32)
    return places, torch.tensor(y if case.is_raw else (y - y.mean()) / y.std(), dtype=torch.float32)


def _drawn(nets: Ensemble, case: Case, phase: Phase) -> Array:
    """Rows of x, target and the first net's y, (3, rows)."""
    u, y = _points(case, phase)
    with torch.no_grad():
        found = nets(u)[0]
    return np.stack([np.linspace(*phase.span, ROWS), y.double().numpy(), found.double().numpy()])


def _active(net: nn.Module, u: torch.Tensor) -> NDArray[np.bool_]:
    """Which unit is past its threshold at u (rows,), (units, rows)."""
    with torch.no_grad():
        if isinstance(net, WaterNet):
            arrived = (1.0 - net.leak) * net.split(u[:, None] * net.buckets)
            return np.asarray((arrived > net.spread.heights**2).T.numpy())
        if isinstance(net, ReluNet):
            return np.asarray((net.first(2.0 * u[:, None] - 1.0) > 0).T.numpy())
        if isinstance(net, DeepNet):
            return np.asarray((torch.cat(net.bent(u[:, None]), dim=1) > 0).T.numpy())
    raise TypeError(type(net).__name__)


def _bends(net: nn.Module) -> Array:
    """Places along the axis where a unit passes its threshold; those within [0, 1], sorted."""
    with torch.no_grad():
        if isinstance(net, WaterNet):
            reach = net.split.shares()[0] * net.buckets * (1.0 - net.leak)
            places = net.spread.heights**2 / reach
        elif isinstance(net, ReluNet):
            places = 0.5 * (1.0 - net.first.bias / net.first.weight[:, 0])
        elif isinstance(net, DeepNet):  # between the two of many places where a unit's sign changes
            u = torch.linspace(0, 1, FINE, dtype=next(net.parameters()).dtype)
            turned = _active(net, u)
            places = torch.cat([0.5 * (u[1:] + u[:-1])[row[1:] != row[:-1]] for row in turned])
        else:
            raise TypeError(type(net).__name__)
    found = np.sort(places.double().numpy())
    return found[(found >= 0) & (found <= 1)]


def run_all(
    cases: Sequence[Case] = CASES, *, steps: int = STEPS, seeds: int = SEEDS, say: Callable[[str], None] | None = None
) -> tuple[Outcome, ...]:
    """Every case by every contestant."""
    outcomes: list[Outcome] = []
    for case in cases:
        for contestant in case.contestants:
            if say is not None:
                say(f"{case.name}: {contestant}")
            outcomes += study(case, contestant, steps=steps, seeds=seeds)
    return tuple(outcomes)
