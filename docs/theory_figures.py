"""Draw the figures of theory.md: `python docs/theory_figures.py` writes docs/figures/theory-*.png in ten seconds."""

import sys
from pathlib import Path

import numpy as np
import torch

import pelu_fab
from pelu_fab.layers import energy
from pelu_fab.layers.energy_network import NetworkEnergy, bucket_layer
from pelu_fab.layers.high_order import high_order_fc_layers
from pelu_fab.layers.to_pelu import to_pelu
from pelu_fab.network import algebra
from pelu_fab.training.functions import read_points
from pelu_fab.training.functions_plot import EARTH, INK, WATER, blank, png
from pelu_fab.training.segments import segments_gif, segments_png, watched

HERE = Path(__file__).parent
LAYERS = (
    energy.IdentityLayer(8),
    energy.ReluLayer(8),
    energy.ExpLayer(8, beta=0.5),
    energy.SoftmaxLayer(8, beta=2.0),
    energy.TanhLayer(8),
    energy.SigmoidLayer(8),
    energy.LayerNormLayer(8),
    energy.SphericalNormLayer(8),
)


def descents() -> bytes:
    """Energy against step of every layer, from small and from large states."""
    figure = blank(10.0, 4.6)
    for axes, layer in zip(figure.subplots(2, 4).flat, LAYERS, strict=True):
        for scale, colour in ((0.3, WATER), (3.0, EARTH)):
            start = scale * layer.init_state(6, torch.Generator().manual_seed(0)).double()
            energies = energy.descend(layer, start, dt=0.03, steps=150).energies
            axes.plot(energies.numpy(), color=colour, linewidth=0.9)
        axes.set_title(layer.label, fontsize=8)
        axes.tick_params(labelsize=6)
    figure.supxlabel("step of dt = 0.03 τ; x(0) normal times 0.3 (blue) and 3 (orange)", fontsize=8)
    figure.supylabel("energy", fontsize=8)
    return png(figure)


def bucket() -> bytes:
    """A bucket's L, activation and energy over volume; and descents that stop at min(x, θ)."""
    figure = blank(8.0, 2.8)
    left, right = figure.subplots(1, 2)
    theta, x = 4.0, torch.linspace(0, 8, 200).double()[:, None]
    layer = bucket_layer([theta])
    for values, label, colour in (
        (layer.lagrangian(x), "L", "#999999"),
        (layer.g(x)[:, 0], "g: what spills", WATER),
        (layer.energy(x), "E", EARTH),
    ):
        left.plot(x, values.detach(), label=label, color=colour)
    left.axvline(theta, color=INK, linestyle=":", linewidth=0.8)
    left.set_xlabel("volume x (θ dotted)")
    left.legend()
    path = energy.descend(layer, torch.linspace(1, 8, 8).double()[:, None], dt=0.02, steps=60, scheme="implicit")
    right.plot(0.02 * np.arange(61), path.states[..., 0], color=WATER)
    right.axhline(theta, color=INK, linestyle=":", linewidth=0.8)
    right.set_xlabel("time, τ")
    right.set_ylabel("x stops at min(x, θ)")
    return png(figure)


def network() -> bytes:
    """The network energy of Iris falling for three flowers, and how far the buckets still are from what they keep."""
    iris = pelu_fab.load(HERE.parent / "designs" / "iris").network
    pours = np.array([[51.0, 35.0, 14.0, 2.0], [70.0, 32.0, 47.0, 14.0], [63.0, 33.0, 60.0, 25.0]])
    device = NetworkEnergy(iris)
    path = device.descend(torch.tensor(pours), steps=1500)
    kept = torch.stack(list(device.retained(path.states).values()), -1)
    wanted = np.hstack(algebra.run(iris, pours).kept)
    figure = blank(8.0, 2.8)
    left, right = figure.subplots(1, 2)
    left.semilogy(path.energies + 1e-18)
    left.set_xlabel("step")
    left.set_ylabel("network energy, units²")
    right.semilogy((kept - torch.tensor(wanted)).abs().amax(-1) + 1e-18)
    right.set_xlabel("step")
    right.set_ylabel("worst bucket's error, units")
    left.legend(["setosa", "versicolor", "virginica"])
    return png(figure)


def five_pieces() -> bytes:
    """sin, exp and a step by one synapse of five pieces, solved by least squares."""
    figure = blank(9.0, 2.8)
    x = ((torch.arange(400, dtype=torch.float64) + 0.5) / 200 - 1.0)[:, None]
    functions = {"sin": torch.sin(np.pi * x), "exp": x.exp(), "step": (x > 0.2).double()}
    for axes, (name, y) in zip(figure.subplots(1, 3), functions.items(), strict=True):
        axes.plot(x, y, color="#999999", linewidth=4, alpha=0.6, label="target")
        for layer_type, n, colour in (("continuous", 2, WATER), ("continuous", 3, EARTH), ("discontinuous", 2, INK)):
            layer = high_order_fc_layers(layer_type, n, 1, 1, 5).double()
            index, factor = layer.active(x)
            basis = torch.zeros(len(x), layer.basis.nodes).double().scatter_(1, index[:, 0], factor[:, 0].detach())
            found = basis @ torch.linalg.lstsq(basis, y).solution
            label = f"{layer_type} n={n}: rms {float((found - y).square().mean().sqrt()):.1e}"
            axes.plot(x, found, color=colour, linewidth=1.0, label=label)
        axes.set_title(name, fontsize=9)
        axes.legend(fontsize=6)
    return png(figure)


def straightened() -> bytes:
    """Segments that to_pelu takes for a tolerance, its bound and the error found, for three kinds of synapse."""
    figure = blank(8.0, 2.8)
    left, right = figure.subplots(1, 2)
    tolerances = np.geomspace(0.3, 0.003, 9)
    for kind, n, colour in (("continuous", 3, WATER), ("polynomial", 5, EARTH), ("fourier", 5, INK)):
        layer = high_order_fc_layers(kind, n, 2, 1, 4, generator=torch.Generator().manual_seed(1)).double()
        with torch.no_grad():
            layer.w.copy_(torch.randn(layer.w.shape, generator=torch.Generator().manual_seed(2)))
        waters = [to_pelu(layer, float(tolerance), volume=3000.0) for tolerance in tolerances]
        left.loglog(tolerances, [w.segments for w in waters], ".-", color=colour, label=f"{kind} n={n}")
        right.loglog(tolerances, [w.bound for w in waters], color=colour, linewidth=0.8)
        right.loglog(tolerances, [w.error for w in waters], ".", color=colour)
    left.set_xlabel("tolerance")
    left.set_ylabel("segments")
    left.legend(fontsize=7)
    right.set_xlabel("tolerance")
    right.set_ylabel("bound (line), found (dots)")
    return png(figure)


def sine() -> bytes:
    """What designs/sine reads over a full turn, and its cups."""
    design = pelu_fab.load(HERE.parent / "designs" / "sine")
    degrees = np.linspace(0, 360, 361)
    cups = algebra.outputs(design.network, degrees[:, None] * design.network.input_scale)
    (readout,) = design.network.readouts
    names = design.network.outputs
    read = readout.values(cups, names)
    figure = blank(8.0, 2.8)
    left, right = figure.subplots(1, 2)
    left.plot(degrees, np.sin(np.radians(degrees)), color="#999999", linewidth=4, alpha=0.6, label="sin")
    left.plot(degrees, read, color=WATER, label="(plus − minus) · scale")
    left.set_xlabel("angle, degrees = 2 per mL")
    left.legend(fontsize=7)
    for name, column, colour in zip(names, cups.T, (WATER, EARTH), strict=True):
        right.plot(degrees, column, color=colour, label=name)
    right.set_xlabel("angle, degrees")
    right.set_ylabel("cup, mL")
    right.legend(fontsize=7)
    return png(figure)


def segments() -> dict[str, bytes]:
    """Where the bends of a net lie while it learns a sine, as a figure and as a film."""
    found = watched(read_points("sin"), buckets=8, steps=1500)
    return {"theory-segments.png": segments_png(found), "theory-segments.gif": segments_gif(found)}


def main() -> None:
    """Write every figure."""
    torch.set_num_threads(1)
    (HERE / "figures").mkdir(exist_ok=True)
    for draw in (descents, bucket, network, five_pieces, straightened, sine):
        (HERE / "figures" / f"theory-{draw.__name__.replace('_', '-')}.png").write_bytes(draw())
        print(draw.__name__, file=sys.stderr)
    for name, blob in segments().items():
        (HERE / "figures" / name).write_bytes(blob)


if __name__ == "__main__":
    main()
