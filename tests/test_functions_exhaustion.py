from dataclasses import replace

import numpy as np
import pytest
import torch

from pelu_fab.training.exhaustion import CASES, CONTESTANTS, DEEP, SEEDS, STEPS, Case, Outcome, Phase, _bends, study
from pelu_fab.training.exhaustion_report import files, summary, verdict
from pelu_fab.training.functions_nets import DeepNet

torch.set_num_threads(1)
LINES = Case(
    "up and down",
    (0.0, 1.0),
    (Phase("up", lambda x: x, (0.0, 1.0)), Phase("down", lambda x: -x, (0.0, 1.0))),
    buckets=3,
)


def outcome(**changes: object) -> Outcome:
    usual = Outcome("case", "pelu", 1, "f", 0.01, 0.01, SEEDS, 2, 1, 3, np.zeros(0), np.zeros((3, 5)))
    return replace(usual, **changes)


@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_a_study_is_deterministic_and_counts_every_unit(contestant: str) -> None:
    first, second = (study(LINES, contestant, steps=60, seeds=3) for _ in range(2))
    assert [o.label for o in first] == ["up", "down"]
    for a, b in zip(first, second, strict=True):
        assert (a.loss, a.fresh, a.live, a.dead) == (b.loss, b.fresh, b.live, b.dead)
        np.testing.assert_array_equal(a.bends, b.bends)
        assert 0 <= a.live + a.dead <= a.units
        assert ((a.bends >= 0) & (a.bends <= 1)).all()
    assert first[0].loss == first[0].fresh


def test_a_net_whose_buckets_all_died_stays_frozen_and_a_restarted_one_does_not() -> None:
    case = next(case for case in CASES if case.name == "exp to exp(-x)")
    frozen, thawed = (study(case, contestant, steps=1000, seeds=2)[1] for contestant in ("pelu", "pelu restarted"))
    assert frozen.dead >= 5 > thawed.dead
    assert frozen.loss > 10 * thawed.loss


@pytest.mark.slow
def test_a_deep_net_of_relus_freezes_where_a_leaky_one_thaws() -> None:
    case = CASES[-1]
    assert case.is_raw and case.contestants == DEEP and not set(DEEP) & set(CONTESTANTS)
    stiff, leaky = (study(replace(case, phases=case.phases[:2]), kind, steps=STEPS, seeds=SEEDS)[1] for kind in DEEP)
    assert stiff.recovered < leaky.recovered and stiff.units == leaky.units == 30
    assert stiff.loss > 10 * leaky.loss and stiff.dead > leaky.dead


def test_a_deep_nets_bends_are_where_its_slope_changes() -> None:
    net = DeepNet((-5.0, 5.0), generator=torch.Generator().manual_seed(3)).double()
    places = _bends(net)
    u = torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        slopes = torch.diff(net(u)[:, 0]).numpy()
    turns = u[1:-1, 0].numpy()[np.abs(np.diff(slopes)) > 1e-9]
    assert len(turns) and all(np.abs(places - turn).min() < 1e-3 for turn in turns)


def test_verdicts_need_a_majority_and_something_to_recover() -> None:
    assert verdict(outcome()) == f"{SEEDS}/{SEEDS} recovered"
    assert verdict(outcome(recovered=SEEDS // 2)) == f"{SEEDS // 2}/{SEEDS} frozen"
    assert verdict(outcome(fresh=0.5)) == "fresh fails too"
    assert verdict(outcome(phase=0)) == "first"


def test_the_summary_leaves_out_what_a_fresh_net_cannot_learn() -> None:
    outcomes = [
        outcome(contestant=contestant, case=case, fresh=fresh, recovered=recovered)
        for contestant in CONTESTANTS
        for case, fresh, recovered in (("a", 0.01, 1), ("b", 0.9, 0))
    ]
    assert summary(outcomes)[2] == f"| pelu | 1 of {SEEDS} ({1 / SEEDS:.0%}) | 33% |"


def test_the_report_has_a_table_and_a_figure_for_each_case() -> None:
    outcomes = [o for contestant in CONTESTANTS for o in study(LINES, contestant, steps=5, seeds=2)]
    written = files(outcomes, [LINES])
    assert sorted(written) == ["exhaustion.md", "figures/exhaustion-up-and-down.png"]
    text = written["exhaustion.md"].decode()
    assert text.count("| down |") == len(CONTESTANTS)
    assert "](figures/exhaustion-up-and-down.png)" in text
    assert written == files(outcomes, [LINES])
