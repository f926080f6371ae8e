import errno
import json
import os
import re
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

import pelu_fab
from pelu_fab.cli import application
from pelu_fab.commands.fit_choice import Prints, _chosen, _Look, best, forecast
from pelu_fab.commands.source import rig_of_design
from pelu_fab.errors import FabError
from pelu_fab.files import alone_in
from pelu_fab.ir.process import Process
from pelu_fab.network import algebra
from pelu_fab.sim.noise import Noise
from pelu_fab.sim.readings import readings
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.sources.process import DEFAULT, process_and_bytes
from pelu_fab.training.functions import FUNCTIONS, checked_points, read_points
from pelu_fab.training.functions_design import MOST_KEPT, dealt, design_files, design_of, made_of
from pelu_fab.training.functions_fit import Fit, evened, fit, reduced, refilled, sills, tidied
from pelu_fab.training.functions_nets import KINDS, WaterNet, gather, make_net, restart_idle, water_weights
from pelu_fab.training.functions_step import jump_of
from pelu_fab.training.functions_train import train

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def sine() -> Fit:
    return fit(read_points("sin"), buckets=8, steps=800, volume=150.0)


def test_every_function_is_finite_on_its_usual_range() -> None:
    for name in FUNCTIONS:
        points = read_points(name)
        assert np.isfinite(points.y).all()
        assert (points.places[0], points.places[-1]) == (0.0, 1.0)


def test_the_fitted_water_draws_the_function(sine: Fit) -> None:
    drawn = sine.water(sine.points.x[:, None])[:, 0]
    assert np.abs(drawn - sine.points.y).max() < 0.08
    assert sine.losses["compiled"] == pytest.approx(float(((drawn - sine.points.y) ** 2).sum()))
    assert sine.losses["compiled"] < 1.05 * sine.losses["trained"]
    assert set(sine.losses) == {"trained", "compiled", "relu", "leaky relu"}


def test_segments_are_as_many_as_bends_found_by_bisection(sine: Fit) -> None:
    def slope(x: float, step: float = 1e-6) -> float:
        ends = sine.water(np.array([[x - step], [x + step]]))[:, 0]
        return float(ends[1] - ends[0]) / (2 * step)

    places = np.linspace(sine.points.low + 1e-4, sine.points.high - 1e-4, 997)
    slopes = np.array([slope(x) for x in places])
    bends = []
    for low, high in zip(
        places[:-1][np.abs(np.diff(slopes)) > 1e-4], places[1:][np.abs(np.diff(slopes)) > 1e-4], strict=True
    ):
        below = slope(low)
        for _ in range(40):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if abs(slope(middle) - below) < 1e-5 else (low, middle)
        bends.append(low)
    found = sine.curve.breakpoints[1:-1]
    distinct = [x for i, x in enumerate(bends) if i == 0 or x - bends[i - 1] > 1e-3]
    np.testing.assert_allclose(distinct, found, atol=1e-4)
    assert sine.segments == len(found) + 1


def test_a_fit_can_be_printed(sine: Fit) -> None:
    split, spread = sine.water.network.layers
    assert split.shares.min() > 0.049
    assert sine.live == len(spread.retained) <= 8


def test_the_same_seed_gives_the_same_files() -> None:
    points = read_points("exp")
    first, second = (design_files(fit(points, buckets=3, steps=60, seed=5, beside=())) for _ in range(2))
    assert first == second
    assert first["network.json"] != design_files(fit(points, buckets=3, steps=60, seed=6, beside=()))["network.json"]


def test_a_fitted_design_loads_and_its_readout_gives_the_function(sine: Fit, tmp_path: Path) -> None:
    for name, blob in design_files(sine).items():
        (tmp_path / name).write_bytes(blob)
    design = pelu_fab.load(tmp_path)
    (readout,) = design.network.readouts
    x = np.linspace(sine.points.low, sine.points.high, 50)
    cups = algebra.outputs(design.network, design.network.measures.pours(x[:, None]))
    read = readout.values(cups, design.network.outputs)
    assert np.abs(read - sine.water(x[:, None])[:, 0]).max() < 1e-9 and np.abs(read - np.sin(x)).max() < 0.08
    alone = read_checkpoint(tmp_path / "network.json")
    assert alone.readouts == design.network.readouts and alone.scaling == design.network.scaling


def test_a_straight_line_needs_one_bucket() -> None:
    found = fit(read_points("2x+8"), buckets=6, steps=100, beside=())
    assert (found.segments, found.live) == (1, 1)
    assert found.losses["compiled"] < 1e-20


@pytest.mark.parametrize(("name", "can"), [("exp", True), ("exp(-x)", False)])
def test_a_single_cup_draws_what_is_convex_and_rises_and_no_more(name: str, can: bool) -> None:
    points = read_points(name)
    found = fit(points, readout="single", buckets=6, steps=300, beside=())
    straight = tidied(points, np.empty(0), budget=1)
    floor = float(((straight(points.x)[:, 0] - points.y) ** 2).sum())
    assert (found.losses["compiled"] < 0.05 * floor) == can
    assert (found.curve.bends * np.sign(found.curve.bends[0]) >= 0).all()


def test_bends_that_buy_nothing_are_dropped() -> None:
    points = checked_points("tent", np.linspace(0, 1, 101), np.abs(np.linspace(0, 1, 101) - 0.5))
    curve = tidied(points, np.array([0.2, 0.4999999, 0.5, 0.8]), budget=10)
    np.testing.assert_allclose(curve.breakpoints, [0, 0.5, 1], atol=1e-3)
    np.testing.assert_allclose(curve(points.x)[:, 0], points.y, atol=1e-3)


def test_sills_are_where_the_buckets_start_to_spill() -> None:
    net = make_net("pelu", 5, 3)
    assert isinstance(net, WaterNet)
    for place in sills(net):
        around = torch.tensor([[place - 1e-4], [place + 1e-4]], dtype=torch.float32)
        before, after = (net.spilled(around) > 0).sum(1).tolist()
        assert after > before


def test_dead_buckets_are_restarted_without_a_jump() -> None:
    nets = gather([make_net("pelu", 6, seed) for seed in range(3)])
    u = torch.linspace(0, 1, 50)
    with torch.no_grad():
        nets.state["spread.heights"][1, 2:4] = 9.0
        before = nets(u)
    assert restart_idle(nets, u, torch.Generator().manual_seed(0)) == 2
    torch.testing.assert_close(nets(u), before)
    net = nets.net(1)
    assert isinstance(net, WaterNet)
    assert len(sills(net)) == 6
    assert restart_idle(nets, u, torch.Generator().manual_seed(0)) == 0


def test_of_buckets_that_always_spill_all_but_one_are_restarted_if_asked() -> None:
    nets = gather([make_net("pelu", 6, 0)])
    with torch.no_grad():
        nets.state["spread.heights"][0, 1:4] = 0.0
    u = torch.linspace(0.2, 1, 50)
    assert restart_idle(nets, u, torch.Generator().manual_seed(0)) == 0
    assert restart_idle(nets, u, torch.Generator().manual_seed(0), open_too=True) >= 3
    net = nets.net(0)
    assert isinstance(net, WaterNet)
    assert (sills(net) <= 0.2).sum() == 1


def test_a_dead_bucket_has_no_gradient_and_a_leaky_one_has() -> None:
    for leak, alive in ((0.0, False), (0.05, True)):
        net = WaterNet(3, leak=leak, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            net.spread.heights[1] = 5.0
        net(torch.linspace(0, 1, 20)[:, None]).square().sum().backward()
        assert net.spread.weights.grad is not None
        assert bool(net.spread.weights.grad[1].abs().sum() > 0) == alive


def test_nets_side_by_side_train_as_they_would_alone() -> None:
    u, y = torch.linspace(0, 1, 30), torch.linspace(0, 1, 30) ** 2
    together = gather([make_net("relu", 4, seed) for seed in range(3)])
    alone = gather([make_net("relu", 4, 1)])
    assert train(together, u, y, steps=40)[-1, 1] == pytest.approx(float(train(alone, u, y, steps=40)[-1, 0]), rel=1e-4)


def test_kinds_have_about_as_many_weights() -> None:
    for kind in KINDS:
        count = sum(p.numel() for p in make_net(kind, 10, 0).parameters())
        assert abs(count - water_weights(10)) <= 2


def test_points_from_a_csv_are_sorted_averaged_and_cut_to_the_range(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("x,y\n2,4\n0,0\n1,1\n1,3\n9,81\n")
    points = read_points(str(file), (0.0, 2.0))
    assert (points.name, points.x.tolist(), points.y.tolist()) == ("mine", [0, 1, 2], [0, 2, 4])


def test_points_that_teach_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FabError, match=r"^log: is not finite at x = -1"):
        read_points("log", (-1.0, 1.0))
    with pytest.raises(FabError, match=r"^sine: is neither .*; did you mean 'sin'\?"):
        read_points("sine")
    with pytest.raises(FabError, match=r"^--range: is 2,1; give two numbers, the smaller first"):
        read_points("sin", (2.0, 1.0))
    file = tmp_path / "bad.csv"
    for text, message in (
        ("x,y\n1,2\n", r"has points at 1 place"),
        ("x,y\n1,2\n2,nan\n", r"bad\.csv, line 3, column 2 \(y\): is nan; give a finite number"),
        ("x,y\n1,2\n2,b\n", r"bad\.csv, line 3, column 2 \(y\): is 'b', not a number; give a decimal"),
        ("x,y,z\n1,2,3\n", r"has 3 columns; give two: x and y"),
    ):
        file.write_text(text)
        with pytest.raises(FabError, match=message):
            read_points(str(file))
    with pytest.raises(FabError, match=r"^fit: has 0 buckets"):
        fit(read_points("sin"), buckets=0)


def test_the_command_line_writes_a_design_and_says_what_it_found(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        application(),
        [
            "fit",
            "exp",
            "--range",
            "0,1",
            "--steps",
            "60",
            "-o",
            str(tmp_path / "d"),
            "--json",
            "--buckets",
            "2",
            "--volume",
            "100",
        ],
    )
    assert run.exit_code == 0, run.output
    result = json.loads(run.stdout)
    assert result["range"] == [0.0, 1.0]
    told = result["prints"]
    assert told["prints"] == 1000 and 0.5 < told["rms_percent"] < told["within_95_percent"] < 60
    assert (told["low"], told["high"]) == (pytest.approx(1.0, abs=0.2), pytest.approx(np.e, abs=0.2))
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "design.toml",
        "fit.json",
        "fit.png",
        "network.json",
    ]
    assert (tmp_path / "d" / "fit.png").read_bytes().startswith(b"\x89PNG")
    for arguments, message in (
        (["cos"], "neither a function"),
        (["sin", "--range", "1"], "two numbers"),
        (["sin", "--readout", "x"], "use differential"),
    ):
        run = CliRunner().invoke(application(), ["fit", *arguments])
        assert run.exit_code == 2
        assert message in run.stderr


def test_a_fit_replaces_a_fit_whole_and_no_other_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fitted(*words: str) -> Result:
        words = (
            "--steps",
            "10",
            "--buckets",
            "2",
            "--volume",
            "100",
            "--prints",
            "0",
            "-o",
            str(tmp_path / "d"),
            *words,
        )
        return CliRunner().invoke(application(), ["fit", "exp", "--range", "0,1", *words])

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def content() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (tmp_path / "d").iterdir()}

    assert fitted().exit_code == 0
    first = content()
    monkeypatch.setattr(os, "fsync", full)
    run = fitted("--seed", "7")
    assert run.exit_code == 2 and "No space left on device" in run.stderr and content() == first
    monkeypatch.undo()
    with alone_in(tmp_path / "d"):
        run = fitted("--seed", "7")
    assert run.exit_code == 2 and "another build is writing here" in run.stderr and content() == first
    assert fitted("--seed", "7").exit_code == 0
    assert set(content()) == set(first) and content()["network.json"] != first["network.json"]
    (tmp_path / "d" / "fit.json").unlink()
    mine = content()
    run = fitted()
    assert run.exit_code == 2 and "that is no fit's; choose another folder with -o" in run.stderr.replace("\n", " ")
    assert content() == mine


def test_a_fit_with_fewer_buckets_misses_more_and_keeps_to_its_number(sine: Fit) -> None:
    fewer = [reduced(sine, n) for n in (1, 3, 5)]
    assert [one.live <= n for one, n in zip(fewer, (1, 3, 5), strict=True)] == [True] * 3
    losses = [one.losses["compiled"] for one in (*fewer, sine)]
    assert losses == sorted(losses, reverse=True) and losses[0] > 10 * losses[-1]
    for one in fewer:
        drawn = one.curve(one.points.x)[:, 0]
        assert np.abs(one.water(one.points.x[:, None])[:, 0] - drawn).max() < 1e-9


@pytest.fixture(scope="module")
def chosen() -> tuple[Fit, Fit, list[dict[str, Any]]]:
    """exp(-x) by three buckets; of all that it can be made with what prints read best, and every look."""
    found = fit(read_points("exp(-x)"), buckets=3, steps=60, beside=(), volume=100.0)
    prints = Prints(process_and_bytes(DEFAULT)[0], 16, lambda text: None)
    return found, *best(found, prints, fewer=True, jugs=(100.0, 250.0))


def test_of_all_buckets_shares_and_jugs_those_are_chosen_whose_prints_read_the_function_best(
    chosen: tuple[Fit, Fit, list[dict[str, Any]]],
) -> None:
    found, one, rows = chosen
    made = [row for row in rows if "both" in row]
    least = min(float(row["both"]) for row in made)
    assert {row["buckets"] for row in made} >= {2, 3} and {row["volume"] for row in made} == {100.0, 250.0}
    assert all(row["both"] == pytest.approx(np.hypot(row["curve"], row["prints"])) for row in made)
    (row,) = [row for row in made if (row["buckets"], row["volume"], row["curve"]) == signed(one)]
    assert row["both"] <= 1.05 * least < 0.7 * float(made[0]["both"]), "more water, a finer scale"
    as_good = [other for other in made if other["both"] <= 1.05 * least]
    assert row["cards"] == min(other["cards"] for other in as_good), "of those as good the fewest cards"
    assert one.water.volume > found.water.volume


def signed(one: Fit) -> tuple[int, float, float]:
    """By what a look is told from the others."""
    return one.live, one.water.volume, sqrt(one.losses["compiled"] / len(one.points.x))


def test_a_jug_that_would_spill_when_dumped_is_not_chosen(tmp_path: Path) -> None:
    words = ["fit", "2x+8", "--steps", "20", "--prints", "16", "-o", str(tmp_path / "d"), "--json"]
    run = CliRunner().invoke(application(), words)
    assert run.exit_code == 0, run.output
    result = json.loads(run.stdout)
    rows = result["choices"]
    spilling = [row for row in rows if "would break flow.freeboard" in row.get("refused", "")]
    assert spilling and max(row["volume"] for row in rows if "both" in row) < min(row["volume"] for row in spilling)
    assert not pelu_fab.compile(pelu_fab.load(tmp_path / "d")).findings
    last = next(row for row in rows if "both" in row)
    assert result["prints"]["rms"] == pytest.approx(last["prints"], rel=1e-9), "the files are what was looked at"


@pytest.mark.parametrize("name", ["exp", "1/x", "sin"])
def test_whole_teeth_are_shares_that_a_comb_splits_evenly_and_draw_nearly_as_well(name: str) -> None:
    whole = fit(read_points(name), buckets=4, steps=60, beside=(), volume=200.0)
    evens = evened(whole)
    losses = [even.losses["compiled"] for even in evens[:3]]
    assert len(evens) in (3, 4) and losses == sorted(losses)
    for even in evens:
        (shares,) = even.water.network.layers[0].shares
        teeth = [n for n in range(5, 14) if np.abs(shares * n - np.round(shares * n)).max() < 1e-9]
        drawn = even.water(even.points.x[:, None])[:, 0]
        assert teeth and even.live == whole.live and np.diff(even.curve.breakpoints).min() > 0
        assert np.abs(drawn - even.curve(even.points.x)[:, 0]).max() < 1e-6
        assert even.losses["compiled"] == pytest.approx(float(((drawn - even.points.y) ** 2).sum()))
    assert losses[0] < 0.02 * float(((whole.points.y - whole.points.y.mean()) ** 2).sum())


def test_a_curve_of_several_turns_is_made_of_cards_that_hold_it_and_a_cup_for_each_turn(sine: Fit) -> None:
    plain = replace(evened(reduced(sine, 3))[0], water=refilled(reduced(sine, 3), 380.0).water)
    apart = made_of(replace(plain, cups="apart"))
    kept = plain.water.network.layers[1].retained
    assert kept.max() > MOST_KEPT >= apart.layers[1].retained.max() and made_of(plain).outputs == ("plus", "minus")
    assert apart.outputs == ("plus", "minus", "plus 2") and plain.turns == 3
    (readout,) = apart.readouts
    assert (readout.plus, readout.minus) == (("plus", "plus 2"), ("minus",))
    x = np.linspace(plain.points.low, plain.points.high, 40)
    for network in (apart, made_of(plain)):
        cups = algebra.outputs(network, network.measures.pours(x[:, None]))
        assert np.abs(network.readouts[0].values(cups, network.outputs) - plain.water(x[:, None])[:, 0]).max() < 1e-9
    straight = reduced(sine, 1)
    assert made_of(replace(straight, cups="apart")).outputs == made_of(straight).outputs


def test_cups_apart_make_a_lean_count_less(sine: Fit) -> None:
    process = process_and_bytes(DEFAULT)[0]
    one = refilled(evened(reduced(sine, 3))[-1], 300.0)
    off = [forecast(design_of(replace(one, cups=cups), process), 64)["rms"] for cups in ("together", "apart")]
    lean = [forecast_of(replace(one, cups=cups), process) for cups in ("together", "apart")]
    assert lean[1] < 0.6 * lean[0] and off[1] < off[0]


@pytest.mark.parametrize(("buckets", "volume"), [(3, 475.0), (5, 400.0)])
def test_cards_dealt_out_draw_the_same_curve_and_a_lean_counts_less(sine: Fit, buckets: int, volume: float) -> None:
    one = refilled(evened(reduced(sine, buckets))[0], volume)
    network = dealt(replace(one, cups="balanced"))
    assert network is not None and network.layers[1].retained.max() <= MOST_KEPT
    assert network.layers[1].shares.sum(axis=0).tolist() == [2.0, 2.0, 2.0]
    x = np.linspace(one.points.low, one.points.high, 40)
    cups = algebra.outputs(network, network.measures.pours(x[:, None]))
    assert np.abs(network.readouts[0].values(cups, network.outputs) - one.water(x[:, None])[:, 0]).max() < 1e-9
    process = process_and_bytes(DEFAULT)[0]
    smaller = refilled(one, 200.0)
    together, apart, even = (
        forecast_of(replace(smaller, cups=cups), process) for cups in ("together", "apart", "balanced")
    )
    assert even < 0.7 * apart < 0.7 * together


def test_cards_are_dealt_out_only_where_they_hold_it(sine: Fit) -> None:
    one = evened(reduced(sine, 3))[0]
    assert dealt(refilled(one, 300.0)) and dealt(refilled(one, 900.0)) is None
    crooked = replace(one, water=reduced(sine, 3).water)
    assert crooked.teeth is None and dealt(crooked) is None
    over = replace(refilled(one, 900.0), cups="balanced")
    assert made_of(over).outputs == made_of(replace(over, cups="apart")).outputs == ("plus", "minus", "plus 2")


def forecast_of(one: Fit, process: Process) -> float:
    """By how much more prints read y off on tables that lean than on level ones, rms, in nothing else wrong."""
    rig = rig_of_design(design_of(one, process))
    pours, leans = algebra.pours_up_to(rig.input_max) * rig.unit_volume, Noise.of(process).only("tilt")
    squares = []
    for noise in (leans, Noise()):
        (read,) = readings(rig.water, process, rig.network, pours, rig.unit_volume, prints=64, noise=noise)
        squares.append(float((read.rms**2).mean()))
    return sqrt(squares[0] - squares[1])


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ([(6, 0.02, 0.030), (6, 0.04, 0.029)], 0),  # a little more in all, and steadier
        ([(6, 0.02, 0.050), (6, 0.04, 0.029)], 1),  # that would cost too much
        ([(6, 0.04, 0.030), (5, 0.05, 0.031)], 1),  # none is steady: as good, and fewer cards
        ([(6, 0.04, 0.030), (5, 0.05, 0.040)], 0),
        ([(6, None, None), (5, None, None)], 1),  # nothing can be made
    ],
)
def test_a_choice_scatters_little_if_that_costs_little_and_has_few_cards(
    sine: Fit, rows: list[tuple[int, float | None, float | None]], chosen: int
) -> None:
    looks = [
        _Look(sine, {"cards": cards} | ({} if both is None else {"prints": prints, "both": both}))
        for cards, prints, both in rows
    ]
    assert _chosen(looks, 1.0) is looks[chosen]


def test_what_no_bed_takes_or_fans_out_over_two_trays_is_refused(sine: Fit) -> None:
    wide = refilled(replace(reduced(sine, 6), cups="apart"), 300.0)
    told = forecast(design_of(wide, process_and_bytes(DEFAULT)[0]), 1)
    assert re.search(r"tray-L0b?: (is \d+ mm wide, the bed 220|passes on gutters that lead aside)", told["refused"])


def test_a_jump_is_made_by_a_flush_that_compiles_and_answers_as_it_should(tmp_path: Path) -> None:
    words = ["fit", "step", "--prints", "200", "-o", str(tmp_path / "d")]
    run = CliRunner().invoke(application(), [*words, "--json"])
    assert run.exit_code == 0, run.output
    result = json.loads(run.stdout)
    assert result["jump"] == {"at": 0.0, "from": 0.0, "to": 1.0} and 0.93 < result["prints"]["right"] < 1.0
    design = pelu_fab.load(tmp_path / "d")
    (readout,) = design.network.readouts
    for x in (-1.0, -0.3, -0.01, 0.01, 0.3, 1.0):
        cups = algebra.outputs(design.network, design.network.measures.pours(np.array([[x]])))[0]
        assert readout.says(cups, design.network.outputs).startswith("y = 1: yes" if x > 0 else "y = 1: no")
    pelu_fab.write(pelu_fab.compile(design), tmp_path / "e")
    assert pelu_fab.verify(tmp_path / "e", against=tmp_path / "d").verdict == "pass"
    said = CliRunner().invoke(application(), ["fit", "step", "--prints", "8", "-o", str(tmp_path / "d")]).stdout
    assert "no weir makes a jump: a flush does" in said


@pytest.mark.parametrize(
    ("y", "at"),
    [([0, 0, 5, 5], 1.5), ([0, 1, 2, 2], None), ([5, 5, 0, 0], None), ([0, 5, 0, 5], None), ([3] * 4, None)],
)
def test_a_jump_is_two_levels_the_higher_one_last(y: list[float], at: float | None) -> None:
    jump = jump_of(checked_points("mine", np.arange(4.0), np.array(y, float)))
    assert (jump and jump.at) == at


def test_a_jump_near_an_end_of_the_range_is_refused_with_the_option_that_helps() -> None:
    said = r"step: jumps at 9\d% of its range, a flush wants 30% to 90%; choose another --range"
    with pytest.raises(FabError, match=said):
        jump_of(read_points("step", (-9.8, 0.2)))


def test_weirs_that_were_asked_for_refuse_what_they_miss_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "up-and-down.csv"
    file.write_text("x,y\n" + "\n".join(f"{x},{x // 10 % 2}" for x in range(40)) + "\n")
    words = ["fit", str(file), "--steps", "20", "--prints", "8", "--volume", "200", "-o", str(tmp_path / "d")]
    run = CliRunner().invoke(application(), words)
    said = run.stderr.replace("\n", " ")
    assert run.exit_code == 2 and not (tmp_path / "d").exists()
    assert re.search(r"is no function for weirs: the best, \d of \d buckets, misses by (1[3-9]|[2-9]\d)%", said), said


def test_sills_that_training_lost_are_put_where_the_curve_misses_most() -> None:
    points = read_points("exp")
    losses = []
    for budget in (1, 2, 4, 8):
        curve = tidied(points, np.empty(0), budget=budget)
        assert len(curve.breakpoints) == budget + 1
        losses.append(float(((curve(points.x)[:, 0] - points.y) ** 2).sum()))
    # Twice the pieces, a quarter of the error, a sixteenth of its square: what free knots can do on a smooth curve.
    assert all(finer < 0.1 * coarser for coarser, finer in pairwise(losses))
