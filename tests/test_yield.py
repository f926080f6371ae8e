"""Prints on paper: zero noise is the drawing, errors do what their cause says, any number of workers agrees."""

from dataclasses import replace

import numpy as np
import pytest
from waterworks import DETERGENT, random_netlist, water_of

from pelu_fab.errors import FabError
from pelu_fab.network import algebra
from pelu_fab.sim.forecast import certified_pairs, forecast, jobs_of, run_job, to_json
from pelu_fab.sim.noise import CAUSES, Noise
from pelu_fab.sim.sweep import runner
from pelu_fab.sim.tilt import tilt_sensitivity
from pelu_fab.sim.tolerance import answers, blank, draw, fullest, hand_errors, outputs, pour_errors

NETLIST = random_netlist((4, 3, 3), seed=1)
LAYERS = NETLIST.layers
WATER = water_of(NETLIST, priming=11_000.0)
DEVICE = blank(WATER, DETERGENT)
RNG = np.random.default_rng(5)
POURS = RNG.uniform(0, 60_000, (80, 4))
NOISE = Noise.of(DETERGENT)


def rng():
    return np.random.default_rng(7)


def test_without_noise_every_print_is_the_drawing_and_near_the_network():
    prints = draw(DEVICE, Noise(), 3, rng())
    for layer, retained, shares in zip(LAYERS, prints.retained, prints.shares, strict=True):
        assert np.ptp(retained, axis=0).max() == 0 and np.ptp(shares, axis=0).max() < 1e-12
        assert np.abs(retained - layer.retained).max() < 60  # mm3
        assert np.abs(shares - layer.shares).max() < 0.01
        assert shares.sum(2) == pytest.approx(np.ones(shares.shape[:2]))


def test_outputs_of_a_print_equal_the_algebra_with_its_parameters():
    prints = draw(DEVICE, NOISE, 5, rng())
    found = outputs(prints, POURS.T.copy())
    for k in range(5):
        layers = [
            replace(a, retained=r[k], shares=s[k])
            for a, r, s in zip(LAYERS, prints.retained, prints.shares, strict=True)
        ]
        exact = algebra.outputs(layers, POURS)
        assert np.abs(found[k].T - exact).max() < 1e-6
        assert (fullest(found)[k] == exact.argmax(1)).all()


def test_each_cause_moves_what_it_should_and_by_what_it_should():
    still = draw(DEVICE, Noise(), 1, rng())
    area = WATER.rows[0][0].area
    moved = {c: draw(DEVICE, replace(NOISE, film_ml=0.04).only(c), 4000, rng()) for c in CAUSES}
    spread = {c: m.retained[0][:, 0].std() for c, m in moved.items()}
    assert spread["z"] == pytest.approx(DETERGENT.scatter.z * area, rel=0.05)
    assert spread["held water"] == pytest.approx(1000 * DETERGENT.scatter.held_ml, rel=0.05)
    tilted = area * WATER.rows[0][0].depth / 2 * np.tan(np.radians(DETERGENT.scatter.tilt_deg))
    assert spread["tilt"] == pytest.approx(tilted, rel=0.05)
    by_hand = ("priming", "pour", "reading")
    assert max(spread[c] for c in ("kappa", "residual_head", "film", *by_hand)) < 1e-9
    turned = {c: m.shares[0].std(axis=0).max() for c, m in moved.items()}
    assert min(turned["kappa"], turned["xy"], turned["residual_head"]) > 0 and turned["tilt"] > turned["kappa"]
    assert max(turned[c] for c in ("z", "held water", "film", *by_hand)) < 1e-12
    assert all(np.abs(m.film[0]).max() == 0 for c, m in moved.items() if c != "film")
    assert moved["film"].film[0].sum(1).mean() == pytest.approx(40 * np.count_nonzero(LAYERS[0].shares), rel=0.02)
    assert (moved["film"].retained[0] == still.retained[0]).all()


def test_a_whole_print_grows_or_shrinks_together():
    prints = draw(DEVICE, NOISE.only("xy"), 4000, rng())
    assert np.corrcoef(prints.retained[0][:, 0], prints.retained[1][:, 0])[0, 1] > 0.95
    apart = draw(DEVICE, NOISE.only("z"), 4000, rng())
    assert abs(np.corrcoef(apart.retained[0][:, 0], apart.retained[1][:, 0])[0, 1]) < 0.05


def test_held_water_has_a_cause_in_common():
    prints = draw(DEVICE, NOISE.only("held water"), 6000, rng())
    both = np.corrcoef(prints.retained[0][:, 0], prints.retained[1][:, 1])[0, 1]
    assert both == pytest.approx(NOISE.shared, abs=0.04)


def test_a_hand_misreads_priming_volumes_jugs_and_cups_by_their_own_deviations():
    """One bucket and one cup each, poured far above its threshold: errors add up, volume by volume."""
    prints = draw(DEVICE, Noise(), 1, rng())
    several = [p.tolist() for p in prints.primed]
    assert several == [[len(NETLIST.leaving[b.name]) > 1 for b in row] for row in NETLIST.rows]
    assert any(map(any, several))
    hand = hand_errors(prints, Noise(priming_ml=0.3, pour_ml=0.4, read_ml=0.2))
    assert hand[0] == pytest.approx([500.0 if p else 400.0 for p in several[0]])
    assert hand[1] == pytest.approx([300.0 if p else 0.0 for p in several[1]])
    assert hand[2] == pytest.approx([200.0] * 3)


@pytest.mark.parametrize("cause", ["priming", "pour", "reading"])
def test_each_slip_of_the_hand_changes_answers_anew_at_each_pour(cause):
    prints = draw(DEVICE, Noise(), 300, rng())
    found = answers(prints, POURS, NOISE.only(cause).scaled(4.0), np.random.default_rng(1))
    exact = answers(prints, POURS, Noise(), rng())
    changed = (found != exact).mean(axis=0)  # by sample, over prints that are all alike
    assert (exact == exact[0]).all()
    assert ((changed > 0.0) & (changed < 1.0)).sum() > 3


def test_misread_jugs_scatter_the_answers_alike_from_the_pool_and_afresh():
    prints = draw(DEVICE, Noise(), 400, rng())
    noise = Noise(pour_ml=2.0)
    fresh = answers(prints, POURS, noise, np.random.default_rng(1))
    pooled = answers(prints, POURS, noise, np.random.default_rng(2), pool=pour_errors(1 << 20, rng()))
    exact = algebra.predict(LAYERS, POURS)
    assert abs((fresh != exact).mean() - (pooled != exact).mean()) < 0.01
    assert (fresh != exact).mean() > 0


def test_what_is_certified_never_changes():
    prints = draw(DEVICE, replace(NOISE, film_ml=0.04), 300, rng())
    certain = certified_pairs(LAYERS, prints, POURS)
    found = fullest(outputs(prints, POURS.T.copy()))
    changed = found != algebra.predict(LAYERS, POURS)
    assert certain.any() and changed.any()
    assert not (certain & changed).any()


def test_more_scatter_never_helps_and_none_at_all_gives_the_drawing():
    quiet = forecast(WATER, DETERGENT, LAYERS, POURS, prints=300, noise=Noise(), causes=False)
    assert (quiet.accuracy == quiet.drawn).all() and quiet.against == "trained network"
    once, thrice = (
        forecast(WATER, DETERGENT, LAYERS, POURS, prints=600, noise=NOISE.scaled(s), causes=False) for s in (1.0, 3.0)
    )
    assert thrice.accuracy.mean() < once.accuracy.mean() < quiet.drawn + 1e-9
    assert thrice.certified < once.certified < quiet.certified


def test_the_same_seed_gives_the_same_numbers_and_another_does_not():
    one, two, other = (forecast(WATER, DETERGENT, LAYERS, POURS, prints=300, seed=s, causes=False) for s in (3, 3, 4))
    assert (one.accuracy == two.accuracy).all()
    assert (one.accuracy != other.accuracy).any()


def test_causes_and_buckets_are_all_named_and_ranked():
    found = forecast(WATER, DETERGENT, LAYERS, POURS, prints=300, noise=NOISE.scaled(2))
    assert set(found.by_cause) == set(CAUSES) - {"siphon"}  # it has none
    assert set(found.by_bucket) == {b.name for b in WATER.buckets}
    assert list(found.by_cause.values()) == sorted(found.by_cause.values(), reverse=True)
    table = to_json(found, (0.9, 1.0))
    assert sum(table["histogram"].values()) == 300
    assert table["yield"]["0.9"] == found.share_at_least(0.9) >= table["yield"]["1"]


def test_processes_and_a_dask_cluster_give_the_same_forecast():
    distributed = pytest.importorskip("distributed")
    jobs = [j for _, j in jobs_of(WATER, DETERGENT, LAYERS, POURS, None, prints=600, noise=NOISE, seed=0, causes=False)]
    here = [run_job(job).accuracy for job in jobs]
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        runner(scheduler=cluster.scheduler_address) as run,
    ):
        there = [part.accuracy for part in run(run_job, jobs)]
    assert all((a == b).all() for a, b in zip(here, there, strict=True))


@pytest.mark.slow
def test_worker_processes_give_the_same_forecast():
    jobs = [j for _, j in jobs_of(WATER, DETERGENT, LAYERS, POURS, None, prints=600, noise=NOISE, seed=0, causes=False)]
    with runner(workers=2) as run:
        spread = [part.accuracy for part in run(run_job, jobs)]
    assert all((run_job(a).accuracy == b).all() for a, b in zip(jobs, spread, strict=True))


def test_torch_judges_as_numpy_does():
    pytest.importorskip("torch")
    from pelu_fab.training.judge import check_device, torch_answers

    prints = draw(DEVICE, replace(NOISE, film_ml=0.04), 200, rng())
    assert (torch_answers(prints, POURS, Noise(), rng()) == answers(prints, POURS, Noise(), rng())).mean() > 0.9999
    noisy = [
        judge(prints, POURS, Noise(pour_ml=2.0, read_ml=1.0, priming_ml=1.0), rng()) != algebra.predict(LAYERS, POURS)
        for judge in (torch_answers, answers)
    ]
    assert noisy[0].mean() == pytest.approx(noisy[1].mean(), abs=0.01)
    check_device("cpu")
    with pytest.raises(FabError, match=r"^--device abacus: can't be used"):
        check_device("abacus")


def test_a_scheduler_that_is_not_there_is_the_users_error():
    pytest.importorskip("distributed")
    with pytest.raises(FabError, match="does not answer"), runner(scheduler="nowhere://x"):
        pass


def test_tilt_moves_grouped_combs_and_mirrored_ones_not():
    found = tilt_sensitivity(WATER, DETERGENT)
    assert found.worst > 0.01 and 0 < found.level_deg < 1
    rows = []
    for row in WATER.rows:
        mirrored = []
        for bucket in row:
            halves = [replace(m, places=tuple(x - 40.0 for x in m.places)) for m in bucket.mouths]
            others = [replace(m, teeth=m.teeth[::-1], places=tuple(-x for x in m.places[::-1])) for m in halves[::-1]]
            mirrored.append(replace(bucket, mouths=(*halves, *others)))
        rows.append(tuple(mirrored))
    assert tilt_sensitivity(replace(WATER, rows=tuple(rows)), DETERGENT).worst < 1e-9


def test_a_causes_noise_alone_and_its_absence_add_up():
    for cause, names in CAUSES.items():
        for name in names:
            assert getattr(NOISE.only(cause), name) == getattr(NOISE, name)
            assert getattr(NOISE.without(cause), name) == 0
    assert Noise.of(DETERGENT, primed=False).film_ml == DETERGENT.scatter.film_ml
