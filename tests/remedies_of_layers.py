"""Refusals of people's Python: torch layers, fits, water, and how their advice is followed."""
# ruff: noqa: E501 - a refusal and what follows it stand in one line

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from refusals import Case
from test_calibrate import BASE, BUCKET, CUPS, GOOD, REST, WATER, csv_of, first
from test_high_order_water import layer_of
from torch import nn

from pelu_fab.hydraulics.comb import predicted_shares
from pelu_fab.ir.netlist import Bucket, Duct, Netlist, check_netlist
from pelu_fab.layers import high_order_conv, lagrangians
from pelu_fab.layers.energy import NeuronLayer, ReluLayer, SoftmaxLayer, descend
from pelu_fab.layers.energy_network import NetworkEnergy
from pelu_fab.layers.flush import Flush
from pelu_fab.layers.high_order import high_order_fc_layers
from pelu_fab.layers.high_order_mlp import HighOrderMLP
from pelu_fab.layers.pelu import PeLU, to_network
from pelu_fab.layers.refine import hp_refine_high_order_mlp, interpolate_high_order_mlp, refine
from pelu_fab.layers.to_pelu import to_pelu
from pelu_fab.layers.to_pelu_water import Curve, add_in_water
from pelu_fab.network import algebra
from pelu_fab.network.capacity import bends_along
from pelu_fab.network.model import Layer, Network
from pelu_fab.sim.calibrate import Calibration, Measured, _check_fit, calibrate, parse_measured
from pelu_fab.sim.plumbing import Conditions, plumb
from pelu_fab.sim.schedule import Pour, from_pours, one_by_one
from pelu_fab.sim.water import check_water
from pelu_fab.training.data import parse_table
from pelu_fab.training.functions import read_points
from pelu_fab.training.functions_fit import fit
from pelu_fab.training.functions_nets import WaterNet
from pelu_fab.training.functions_step import jump_of
from pelu_fab.training.judge import check_device
from pelu_fab.training.readout import scores
from pelu_fab.training.recipe import recipe_of
from pelu_fab.training.train import cross_validate, reading

X = torch.zeros(2, 3)
ONE = Network((Layer(np.array([4.0]), np.array([[0.25, 0.75]]), np.array([4.0])),), ("a",), ("y0", "y1"))
FLUSH = replace(ONE, layers=(Layer(np.array([1.0]), np.array([[0.25, 0.75]]), np.array([4.0])),))


def do(make: Callable[[], object]) -> Callable[..., object]:
    """What is done the same whatever it is given."""
    return lambda *_: make()


def layer(
    kind: str, n: int | None = 2, inputs: int = 1, outputs: int = 1, segments: int | None = 2, **choices: Any
) -> nn.Module:
    return high_order_fc_layers(
        kind, n, inputs, outputs, segments, generator=torch.Generator().manual_seed(0), **choices
    )


def plain(volume: float = 3000.0) -> object:
    return to_pelu(layer("continuous"), volume=volume)


def spoilt() -> nn.Module:
    made: Any = layer("continuous")
    with torch.no_grad():
        made.w.fill_(float("nan"))
    return made


def trained_option(value: float) -> object:
    made = SoftmaxLayer(3, init_lagrangian={"beta": 1.0}, train_lagrangian=True)
    with torch.no_grad():
        made.get_parameter("beta").fill_(value)
    return made.energy(torch.ones(3))


def conv(shape: tuple[int, ...], kernel: Any = 3) -> Callable[..., object]:
    made = high_order_conv.high_order_convolution_layers("continuous2d", 2, 1, 1, kernel, segments=2)
    return lambda *_: made(torch.zeros(shape))


def mlp(**choices: Any) -> HighOrderMLP:
    told: dict[str, Any] = {
        "layer_type": "continuous",
        "n": 2,
        "in_width": 1,
        "out_width": 1,
        "hidden_layers": 1,
        "hidden_width": 2,
        "segments": 2,
    }
    return HighOrderMLP(**told | choices)


def jumping() -> HighOrderMLP:
    made, seeded = mlp(layer_type="discontinuous", normalize=False), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_(0.3 * torch.rand(weights.shape, generator=seeded))  # a hidden axis ends at 1
    return made


def curve(x: list[float], y: list[float]) -> Callable[..., object]:
    return lambda *_: Curve(np.array(x), np.array(y))


def netlist(share: float, target: str = "out.y0") -> Netlist:
    return Netlist(
        "n", ((Bucket("L0.b0", 1000.0),),), (Duct("L0.b0", target, share),), (("in.x0", "a"),), (("out.y0", "y"),)
    )


def water(**changes: Any) -> object:
    """The coupon's water, its bucket changed so."""
    bucket = replace(WATER.rows[0][0], **changes)
    return check_water(replace(WATER, rows=((bucket,),)))


def measured(text: str) -> Callable[..., object]:
    return lambda *_: parse_measured(text.encode(), "t.csv", cups=CUPS, flow=12_000.0)


def fitted(found: Measured) -> Callable[..., object]:
    return lambda *_: good() if found is GOOD else calibrate(found, BUCKET, BASE, CUPS)


@cache
def good() -> Calibration:
    return calibrate(GOOD, BUCKET, BASE, CUPS)


def folded(text: str, folds: int, **choices: Any) -> object:
    recipe = recipe_of({"folds": folds, "steps": 2, "restarts": 1, "hidden": [2], "scaling": "minmax"} | choices, "t")
    return cross_validate(parse_table(text.encode(), "t.csv", is_number="readout" in choices), recipe)


def read_as_a_number(share: float) -> Network:
    """As another seed might end: plus and minus alike, or not."""
    net = Network((Layer(np.array([0.0]), np.array([[share, 1 - share]])),), ("a",), ("y +", "y -"))
    table = parse_table(("a,y\n" + "".join(f"{k},{k}\n" for k in range(9))).encode(), "t.csv", is_number=True)
    return reading(net, table, np.ones(9, dtype=bool))


def points(name: str, span: tuple[float, float] | None = None) -> Callable[..., object]:
    return lambda *_: read_points(name, span)


def from_csv(text: str) -> Callable[..., object]:
    def read(folder: Path, *_: object) -> object:
        (folder / "p.csv").write_text(text)
        return read_points(str(folder / "p.csv"))

    return read


FLOWERS = "a,class\n" + "1,x\n2,y\n" * 6
WEIGHED = csv_of(GOOD)
LAYERS = [
    Case("layers/energy.py NeuronLayer.__init__ 1", do(lambda: ReluLayer(0)), r"sizes of at least 1", do(lambda: ReluLayer(1))),
    Case("layers/energy.py NeuronLayer.__init__ 2", do(lambda: ReluLayer(1, tau=0.0)), r"time constant above 0", do(lambda: ReluLayer(1, tau=0.1))),
    Case("layers/energy.py NeuronLayer._option 1", do(lambda: trained_option(-1.0)), r"keep it above 0", do(lambda: trained_option(0.1))),
    Case("layers/energy.py NeuronLayer._check 1", do(lambda: ReluLayer(3).energy(torch.zeros(2))), r"end in \(3,\)", do(lambda: ReluLayer(3).energy(torch.zeros(3)))),
    Case("layers/energy.py NeuronLayer._check 2", do(lambda: ReluLayer(1).energy(torch.tensor([float("nan")]))), r"where the states come from", do(lambda: ReluLayer(1).energy(torch.zeros(1)))),
    Case("layers/energy.py descend 1", do(lambda: descend(ReluLayer(1), torch.ones(1), 0.0, 1)), r"dt above 0 and at least 1 step", do(lambda: descend(ReluLayer(1), torch.ones(1), 0.1, 1))),
    Case("layers/energy.py make_layer.__init__ 1", do(lambda: SoftmaxLayer(2, init_lagrangian={"gamma": 1.0})), r"use (\w+)",
         lambda _, m: SoftmaxLayer(2, init_lagrangian={m[1]: 1.0})),
    Case("layers/energy_network.py NetworkEnergy.__init__ 1", do(lambda: NetworkEnergy(FLUSH)), r"PeLU layers alone", do(lambda: NetworkEnergy(ONE))),
    Case("layers/energy_network.py NetworkEnergy.descend 1", do(lambda: NetworkEnergy(ONE).descend(torch.zeros(1, 2))), r"give 1 volumes of at least 0 a row",
         do(lambda: NetworkEnergy(ONE).descend(torch.ones(1, 1), steps=2))),
    Case("layers/flush.py Flush.__init__ 1", do(lambda: Flush(1, 1, ramp=0.0)), r"a ramp above 0", do(lambda: Flush(1, 1, ramp=0.1))),
    Case("layers/flush.py Flush.__init__ 2", do(lambda: Flush(1, 1, residue=-1.0)), r"residues of at least 0", do(lambda: Flush(1, 1, residue=0.0))),
    Case("layers/high_order.py checked_inputs 1", do(lambda: layer("continuous")(X)), r"\(rows, 1\)", do(lambda: layer("continuous")(X[:, :1]))),
    Case("layers/high_order.py checked_inputs 2", do(lambda: layer("continuous")(torch.full((1, 1), torch.nan))), r"where the numbers come from", do(lambda: layer("continuous")(X[:, :1]))),
    Case("layers/high_order.py checked_inputs 3", do(lambda: layer("polynomial", 3)(torch.full((1, 1), 9.0))), r"scale it into \[-1, 1\], or mirror it by periodicity=(\d)",
         (do(lambda: layer("polynomial", 3)(torch.full((1, 1), 0.9))), lambda _, m: layer("polynomial", 3, periodicity=float(m[1]))(torch.full((1, 1), 9.0)))),
    Case("layers/high_order.py _check_axis 1", do(lambda: layer("continuous", scale=0.0)), r"2 for \[-1, 1\]", do(lambda: layer("continuous", scale=2.0))),
    Case("layers/high_order.py _check_axis 2", do(lambda: layer("continuous", periodicity=9.0)), r"above 0 and at most (\d)", lambda _, m: layer("continuous", periodicity=float(m[1]))),
    Case("layers/high_order.py _check_counts 1", do(lambda: layer("continuous", inputs=0)), r"at least 1", do(lambda: layer("continuous", inputs=1))),
    Case("layers/high_order.py make_basis 1", do(lambda: layer("continuos")), r"did you mean '(\w+)'", lambda _, m: layer(m[1])),
    Case("layers/high_order.py make_basis 2", do(lambda: layer("continuous", 0)), r"at least 1 node", do(lambda: layer("discontinuous", 1))),
    Case("layers/high_order.py make_basis 3", do(lambda: layer("continuous", 1)), r'"(discontinuous)" .* or n = (\d)', (lambda _, m: layer(m[1], 1), lambda _, m: layer("continuous", int(m[2])))),
    Case("layers/high_order.py make_basis 4", do(lambda: layer("continuous", segments=0)), r"at least 1 segment", do(lambda: layer("continuous", segments=1))),
    Case("layers/high_order_conv.py HighOrderConvolution.forward 1", conv((1, 2, 5, 5)), r"\(rows, 1, and 2 sizes\)", conv((1, 1, 5, 5))),
    Case("layers/high_order_conv.py HighOrderConvolution._folded 1", conv((1, 1, 2, 2)), r"pad it or use a smaller kernel", conv((1, 1, 2, 2), 2)),
    Case("layers/high_order_conv.py _sizes 1", lambda _: conv((1, 1, 5, 5), (3, 3, 3)), r"2 whole number\(s\) of at least 1", lambda *_: conv((1, 1, 5, 5), (3, 3))),
    Case("layers/high_order_mlp.py HighOrderMLP.__init__ 1", do(lambda: mlp(hidden_layers=-1)), r"at least 0", do(lambda: mlp(hidden_layers=0))),
    Case("layers/lagrangians.py check_convex 1", do(lambda: NeuronLayer(lambda x: x.sum(), 2)), r"sum over the last axis only", do(lambda: NeuronLayer(lambda x: x.sum(-1), 2))),
    Case("layers/lagrangians.py check_convex 2", do(lambda: NeuronLayer(lambda x: (x * 1e300).exp().sum(-1), 2)), r"finite everywhere", do(lambda: NeuronLayer(lagrangians.relu, 2))),
    Case("layers/lagrangians.py check_convex 3", do(lambda: NeuronLayer(lambda x: -(x**2).sum(-1), 2)), r"a convex Lagrangian", do(lambda: NeuronLayer(lambda x: (x**2).sum(-1), 2))),
    Case("layers/pelu.py PeLU.__init__ 1", do(lambda: PeLU(0, 1)), r"at least 1 of each", do(lambda: PeLU(1, 1))),
    Case("layers/pelu.py to_network 1", do(lambda: to_network(nn.Sequential(PeLU(1, 1), nn.ReLU()))), r"PeLU and Flush layers only", do(lambda: to_network(nn.Sequential(PeLU(1, 1), Flush(1, 1))))),
    Case("layers/refine.py refine 1", do(lambda: refine(nn.Linear(1, 1), n=3)), r"a high-order layer", do(lambda: refine(layer("continuous"), n=3))),
    Case("layers/refine.py hp_refine_high_order_mlp 1", do(lambda: hp_refine_high_order_mlp(mlp(), mlp(hidden_width=3))), r"the same widths", do(lambda: hp_refine_high_order_mlp(mlp(), mlp(n=3)))),
    Case("layers/refine.py hp_refine_high_order_mlp 2", do(lambda: hp_refine_high_order_mlp(mlp(), mlp(layer_type="discontinuous"))), r"the same layer type", do(lambda: hp_refine_high_order_mlp(mlp(), mlp(n=3)))),
    Case("layers/refine.py interpolate_high_order_mlp 1", do(lambda: interpolate_high_order_mlp(mlp(), mlp(segments=4))), r"use hp_refine_high_order_mlp", do(lambda: hp_refine_high_order_mlp(mlp(), mlp(segments=4)))),
    Case("layers/refine.py finer_basis 1", do(lambda: refine(layer("continuous", 3), n=2)), r"refine upwards", do(lambda: refine(layer("continuous", 3), n=4))),
    Case("layers/refine.py finer_basis 2", do(lambda: refine(layer("polynomial", 3), segments=2)), r"raise n instead", do(lambda: refine(layer("polynomial", 3), n=4))),
    Case("layers/refine.py finer_basis 3", do(lambda: refine(layer("continuous"), segments=3)), r"a multiple of that", do(lambda: refine(layer("continuous"), segments=4))),
    Case("layers/to_pelu.py to_pelu 1", do(lambda: to_pelu(layer("continuous"), 0.0)), r"an error above 0", do(plain)),
    Case("layers/to_pelu.py _one_curve 1", do(lambda: to_pelu(nn.Sequential(nn.Linear(1, 1)))), r"made by high_order_fc_layers", do(lambda: to_pelu(mlp(normalize=False), 0.5, volume=1e5))),
    Case("layers/to_pelu.py _one_curve 2", do(lambda: to_pelu(mlp(in_width=2))), r"one sum layer, or a network of one input", (do(plain), do(lambda: to_pelu(mlp(normalize=False), 0.5, volume=1e5)))),
    Case("layers/to_pelu.py _one_curve 3", do(lambda: to_pelu(mlp(periodicity=2.0))), r"without periodicity", do(lambda: to_pelu(mlp(normalize=False), 0.5, volume=1e5))),
    Case("layers/to_pelu.py _one_curve 4", do(lambda: to_pelu(jumping(), 1e-9, volume=1e5)), r"a larger error", do(lambda: to_pelu(jumping(), 50.0, volume=1e5))),
    Case("layers/to_pelu.py _convertible 1", do(lambda: to_pelu(layer("product", None, 2, segments=None))), r"use a sum layer", do(plain)),
    Case("layers/to_pelu.py _convertible 2", do(lambda: to_pelu(nn.Linear(1, 1))), r"made by high_order_fc_layers", do(plain)),
    Case("layers/to_pelu.py _convertible 3", do(lambda: to_pelu(layer("discontinuous"))), r"a continuous layer", do(plain)),
    Case("layers/to_pelu.py _convertible 4", do(lambda: to_pelu(layer("continuous", periodicity=2.0))), r"without periodicity", do(plain)),
    Case("layers/to_pelu.py _convertible 5", do(lambda: to_pelu(spoilt())), r"retrain it", do(plain)),
    Case("layers/to_pelu.py _check_readable 1", do(lambda: to_pelu(layer_of("continuous", 2, 1, 2, 8))), r"pour more \(volume=(\d+)\)", lambda _, m: to_pelu(layer_of("continuous", 2, 1, 2, 8), volume=float(m[1]))),
    Case("layers/to_pelu.py _segments 1", do(lambda: to_pelu(layer_of("polynomial", 5), 1e-9)), r"a larger error", do(lambda: to_pelu(layer_of("polynomial", 5), 0.5, volume=1e5))),
    Case("layers/to_pelu_water.py Curve.__post_init__ 1", curve([0.0], [0.0]), r"2 or more of each", curve([0.0, 1.0], [0.0, 1.0])),
    Case("layers/to_pelu_water.py Curve.__post_init__ 2", curve([0.0, 1.0], [0.0, np.nan]), r"where the function is defined", curve([0.0, 1.0], [0.0, 1.0])),
    Case("layers/to_pelu_water.py Curve.__post_init__ 3", curve([1.0, 0.0], [0.0, 1.0]), r"sort them, and give each once", curve([0.0, 1.0], [1.0, 0.0])),
    Case("layers/to_pelu_water.py WaterSum.volumes 1", do(lambda: to_pelu(layer("continuous"), volume=3000.0)(np.array([[9.0]]))), r"within the range that was compiled", do(lambda: to_pelu(layer("continuous"), volume=3000.0)(np.array([[1.0]])))),
    Case("layers/to_pelu_water.py _split 1", do(lambda: add_in_water([Curve(np.arange(4.0), np.array([0.0, 1.0, 0.0, 1.0]))], least_share=0.4)), r"fewer segments",
         do(lambda: add_in_water([Curve(np.arange(3.0), np.array([0.0, 1.0, 0.0]))], least_share=0.4))),
    Case("training/functions.py read_points 1", points("sin", (2.0, 1.0)), r"the smaller first", points("sin", (1.0, 2.0))),
    Case("training/functions.py read_points 2", points("sine"), r"did you mean '(\w+)'", lambda _, m: read_points(m[1])),
    Case("training/functions.py checked_points 1", points("log", (-1.0, 1.0)), r"a range where it is", points("log", (1.0, 2.0))),
    Case("training/functions.py checked_points 2", from_csv("x,y\n1,2\n1,3\n"), r"two or more different x", from_csv("x,y\n1,2\n2,3\n")),
    Case("training/functions.py _from_csv 1", from_csv("x,y,z\n1,2,3\n"), r"give two: x and y", from_csv("x,y\n1,2\n2,3\n")),
    Case("training/functions_step.py jump_of 1", do(lambda: jump_of(read_points("step", (-0.01, 1.0)))), r"another --range", do(lambda: jump_of(read_points("step", (-1.0, 1.0))))),
    Case("training/functions_fit.py fit 1", do(lambda: fit(read_points("exp"), buckets=0)), r"at least 1 of each", do(lambda: fit(read_points("exp"), buckets=1, steps=2, beside=()))),
    Case("training/functions_nets.py WaterNet.__init__ 1", do(lambda: WaterNet(0, generator=torch.Generator())), r"at least 1", do(lambda: WaterNet(1, generator=torch.Generator()))),
    Case("training/judge.py check_device 1", do(lambda: check_device("abacus")), r"numpy, (cpu), or a device of this machine", lambda _, m: check_device(m[1])),
    Case("training/readout.py scores 1", do(lambda: scores(X, "differential")), r"two a class", do(lambda: scores(X[:, :2], "differential"))),
    Case("training/train.py reading 1", do(lambda: read_as_a_number(0.5)), r"more restarts, or another seed", do(lambda: read_as_a_number(0.7))),
    Case("training/train.py cross_validate 1", do(lambda: folded(FLOWERS, 1)), r"at least 2", do(lambda: folded(FLOWERS, 2))),
    Case("training/train.py cross_validate 2", do(lambda: folded("a,y\n" + "".join(f"{k},{k}\n" for k in range(20)), 2, readout="number")), r"leave folds out", do(lambda: folded(FLOWERS, 2))),
]  # fmt: skip
WATERS = [
    Case("hydraulics/comb.py _taken 1", do(lambda: predicted_shares([[3.0], [3.0]], 0.0, BASE)), r"give a larger head", do(lambda: predicted_shares([[3.0], [3.0]], 3.0, BASE))),
    Case("ir/netlist.py check_netlist 1", do(lambda: check_netlist(netlist(0.9))), r"add up to 1", do(lambda: check_netlist(netlist(1.0)))),
    Case("ir/netlist.py check_netlist 2", do(lambda: check_netlist(netlist(1.0, "L1.b0"))), r"each row to the next only", do(lambda: check_netlist(netlist(1.0)))),
    Case("sim/schedule.py one_by_one 1", do(lambda: one_by_one(np.ones(2), 1.0, order=[0, 0])), r"each of the 2 inputs once", do(lambda: one_by_one(np.ones(2), 1.0, order=[1, 0]))),
    Case("sim/schedule.py from_pours 1", do(lambda: from_pours([Pour(1, 1.0, 0.0, 1.0)], 1)), r"count inputs from 0", do(lambda: from_pours([Pour(0, 1.0, 0.0, 1.0)], 1))),
    Case("sim/schedule.py from_pours 2", do(lambda: from_pours([Pour(0, -1.0, 0.0, 1.0)], 1)), r"finite volumes and times", do(lambda: from_pours([Pour(0, 1.0, 0.0, 1.0)], 1))),
    Case("sim/schedule.py from_pours 3", do(lambda: from_pours([Pour(0, 1.0, 0.0, 0.0)], 1)), r"a time above 0", do(lambda: from_pours([Pour(0, 1.0, 0.0, 1.0)], 1))),
    Case("sim/plumbing.py plumb 1", do(lambda: plumb(WATER, BASE, Conditions(mode="wet"))), r"use (ideal) or (real)",  # type: ignore[arg-type]
         (lambda _, m: plumb(WATER, BASE, Conditions(mode=m[1])), lambda _, m: plumb(WATER, BASE, Conditions(mode=m[2])))),
    Case("sim/plumbing.py _mouth_shares 1", do(lambda: plumb(replace(WATER, rows=((replace(BUCKET, mouths=BUCKET.mouths[:-1]),),)), BASE, Conditions())), r"give it teeth", do(lambda: plumb(WATER, BASE, Conditions()))),
    Case("sim/water.py check_water 1", do(lambda: check_water(replace(WATER, rows=()))), r"one bucket for each input", do(lambda: check_water(WATER))),
    Case("sim/water.py check_water 2", do(lambda: water(rim_height=0.0)), r"all three", do(lambda: water(rim_height=9.0))),
    Case("sim/water.py check_water 3", do(lambda: water(siphon=(1.0,), residue=-1.0)), r"a residue below its crown's volume", do(lambda: water())),
    Case("sim/water.py check_water 4", do(lambda: check_water(replace(WATER, outputs=WATER.outputs[:-1]))), r"rename it", do(lambda: check_water(WATER))),
    Case("network/algebra.py run 1", do(lambda: algebra.run(ONE, np.ones((1, 2)))), r"one for each of the 1 inputs", do(lambda: algebra.run(ONE, np.ones((1, 1))))),
    Case("network/algebra.py run 2", do(lambda: algebra.run(ONE, -np.ones((1, 1)))), r"finite volumes of at least 0", do(lambda: algebra.run(ONE, np.ones((1, 1))))),
    Case("network/capacity.py bends_along 1", do(lambda: bends_along(FLUSH, np.zeros(1), np.ones(1))), r"count regions over data instead", do(lambda: bends_along(ONE, np.zeros(1), np.ones(1)))),
    Case("sim/calibrate.py parse_measured 1", lambda _: parse_measured("é".encode("latin-1"), "t", cups=CUPS, flow=1.0), r"CSV UTF-8", measured(WEIGHED)),
    Case("sim/calibrate.py parse_measured 2", measured("a,b\n1,2\n"), r"run,what,value, as in the coupon's measured\.csv", measured(WEIGHED)),
    Case("sim/calibrate.py parse_measured 3", measured("run,what,value\n1,out.y9,3\n"), r"use poured, .*(width) or (depth)", lambda _, m: measured(f"run,what,value\n,{m[1]},3\n,{m[2]},3\n")()),
    Case("sim/calibrate.py _number 1", measured("run,what,value\n1,poured,sixty\n"), r"with a decimal point", measured(WEIGHED)),
    Case("sim/calibrate.py _number 2", measured("run,what,value\n1,poured,-3\n"), r"weigh again", measured(WEIGHED)),
    Case("sim/calibrate.py _weighing 1", measured("run,what,value\n1,poured,60\n"), r"what was poured and every cup", measured(WEIGHED)),
    Case("sim/calibrate.py _check 1", fitted(replace(GOOD, weighings=REST[:2])), r"pour and weigh at least 3", fitted(GOOD)),
    Case("sim/calibrate.py _check 2", fitted(replace(GOOD, widths=())), r"measure the bucket inside, both ways", fitted(GOOD)),
    Case("sim/calibrate.py _check 3", fitted(replace(GOOD, widths=(BUCKET.width / 25.4,))), r"measure inside, in mm", fitted(GOOD)),
    Case("sim/calibrate.py _check 4", fitted(first(cups=(30.0, 30.0, 30.0))), r"tare the cups, in grams", fitted(GOOD)),
    Case("sim/calibrate.py _check 5", fitted(first(poured=8.0, cups=(0.1, 0.1, 0.1))), r"pour at least (\d+) g", fitted(GOOD)),
    Case("sim/calibrate.py _check_fit 1", do(lambda: _check_fit(replace(good(), value=good().value | {"xy": 9.0}))), r"weigh again", do(lambda: _check_fit(good()))),
    Case("sim/calibrate.py _check_fit 2", do(lambda: _check_fit(replace(good(), chi2=99.0))), r"level the coupon, wet it first, and weigh again", do(lambda: _check_fit(good()))),
]  # fmt: skip
CASES = [*LAYERS, *WATERS]
