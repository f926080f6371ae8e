import copy
import inspect
from functools import partial

import numpy as np
import pytest
import torch

from pelu_fab.errors import FabError
from pelu_fab.layers import energy, lagrangians
from pelu_fab.layers.energy import NeuronLayer, descend, make_layer
from pelu_fab.layers.energy_network import bucket_layer
from pelu_fab.layers.pelu import PeLU

torch.set_num_threads(1)


def _normalised(x: torch.Tensor) -> torch.Tensor:
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()


CLOSED_FORMS = {
    "identity": (lagrangians.identity, lambda x: x),
    "relu": (lagrangians.relu, torch.relu),
    "repu": (partial(lagrangians.repu, power=3.0), lambda x: torch.relu(x) ** 2),
    "exp": (partial(lagrangians.exp, beta=0.7), lambda x: torch.exp(0.7 * x)),
    "exp with a floor": (partial(lagrangians.exp, floor=-0.5), lambda x: torch.exp(x.clamp(min=-0.5))),
    "softmax": (partial(lagrangians.softmax, beta=2.0), lambda x: torch.softmax(2.0 * x, -1)),
    "tanh": (partial(lagrangians.tanh, beta=1.5), lambda x: torch.tanh(1.5 * x)),
    "sigmoid": (partial(lagrangians.sigmoid, beta=3.0), lambda x: torch.sigmoid(3.0 * x)),
    "layer norm": (partial(lagrangians.layer_norm, gain=1.3, shift=0.2), lambda x: 1.3 * _normalised(x) + 0.2),
    "spherical norm": (lagrangians.spherical_norm, lambda x: x / ((x**2).sum(-1, keepdim=True) + 1e-5).sqrt()),
}
every_lagrangian = pytest.mark.parametrize("kind", CLOSED_FORMS)
both_shapes = pytest.mark.parametrize("shape", [(5,), (2, 3, 5)])


def random_states(*shape: int, scale: float = 1.0, seed: int = 0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@every_lagrangian
@both_shapes
def test_the_activation_is_the_closed_form_gradient(kind: str, shape: tuple[int, ...]) -> None:
    lagrangian, closed = CLOSED_FORMS[kind]
    layer, x = NeuronLayer(lagrangian, shape), random_states(7, *shape)
    torch.testing.assert_close(layer.g(x), closed(x), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(layer.activation(x[0]), closed(x[0]), rtol=1e-9, atol=1e-9)


@every_lagrangian
@both_shapes
def test_the_energy_is_one_number_a_state_and_never_below_that_of_zero(kind: str, shape: tuple[int, ...]) -> None:
    lagrangian, closed = CLOSED_FORMS[kind]
    layer, x = NeuronLayer(lagrangian, shape), random_states(200, *shape, scale=3.0)
    axes = tuple(range(1, 1 + len(shape)))
    by_hand = (x * closed(x)).sum(axes) - layer.lagrangian(x)
    torch.testing.assert_close(layer(x), by_hand, rtol=1e-9, atol=1e-9)
    bottom = layer.energy(torch.zeros(shape, dtype=torch.float64))
    assert layer(x).shape == (200,)
    assert (layer(x) >= bottom - 1e-9).all()


@every_lagrangian
@pytest.mark.parametrize("scale", [0.1, 2.0])
def test_the_energy_never_rises_on_the_way_down(kind: str, scale: float) -> None:
    layer = NeuronLayer(CLOSED_FORMS[kind][0], (4, 6), tau=2.0)
    path = descend(layer, random_states(20, 4, 6, scale=scale), dt=0.01, steps=60)
    assert (path.energies.diff(dim=0) <= 1e-12).all()
    assert (path.energies[-1] < path.energies[0]).any()


def test_descent_of_the_identity_is_the_exponential() -> None:
    layer, x0 = energy.IdentityLayer(3, tau=0.5), random_states(3)
    path = descend(layer, x0, dt=1e-3, steps=500)
    torch.testing.assert_close(path.rest, x0 * np.exp(-1.0), rtol=2e-3, atol=0.0)


@pytest.mark.parametrize("scheme", ["explicit", "implicit"])
def test_a_disconnected_bucket_comes_to_rest_at_what_it_retains(scheme: energy.Scheme) -> None:
    thresholds, x0 = torch.tensor([0.0, 1.5, 20.0, 40.0]).double(), torch.tensor([5.0, 5.0, 5.0, 90.0]).double()
    dt, steps = (9.0, 15) if scheme == "implicit" else (0.01, 1000)
    path = descend(bucket_layer(thresholds.tolist()), x0, dt=dt, steps=steps, scheme=scheme)
    retained = torch.minimum(x0, thresholds)
    # An explicit step may land one step below the sill; an implicit one stops on it.
    rtol, atol = (0.0, 1e-9) if scheme == "implicit" else (0.01, 1e-3)
    torch.testing.assert_close(path.rest, retained, rtol=rtol, atol=atol)
    assert path.energies[0] == pytest.approx(0.5 * ((x0**2 - thresholds**2).clamp(min=0)).sum().item())


def test_what_a_bucket_layer_activates_is_what_pelu_spills() -> None:
    thresholds = np.array([0.0, 2.0, 7.5])
    volumes = np.random.default_rng(1).uniform(0, 12, (50, 3))
    spilled = bucket_layer(thresholds.tolist()).g(torch.tensor(volumes)).numpy()
    np.testing.assert_allclose(spilled, np.maximum(volumes - thresholds, 0.0), atol=1e-12)


def test_the_bias_is_a_threshold() -> None:
    layer = energy.ReluLayer(2, use_bias=True).double()
    with torch.no_grad():
        layer.get_parameter("bias").copy_(torch.tensor([1.0, -1.0]))
    np.testing.assert_allclose(layer.g(torch.tensor([1.5, 1.5]).double()).detach(), [0.5, 2.5])


def test_a_named_layer_keeps_docstring_options_and_prints_itself() -> None:
    layer = energy.SoftmaxLayer(4, name="memory", beta=2.0)
    assert list(inspect.signature(energy.SoftmaxLayer).parameters)[:5] == ["shape", "tau", "use_bias", "name", "beta"]
    assert "softmax(βx)" in (energy.SoftmaxLayer.__doc__ or "")
    assert repr(layer) == "SoftmaxLayer(softmax, beta=2.0, shape=(4,), tau=1, use_bias=False, name='memory')"
    np.testing.assert_allclose(layer.g(torch.zeros(4)), 0.25)
    with pytest.raises(TypeError, match="betta"):
        energy.SoftmaxLayer(4, betta=2.0)


def test_states_start_at_zero_or_at_seeded_random() -> None:
    layer = energy.TanhLayer((2, 2, 3))
    assert layer.init_state().abs().sum() == 0
    assert layer.init_state(5).shape == (5, 2, 2, 3)
    first, second = (layer.init_state(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.std() > 0.5


def test_bad_layers_and_states_are_refused_by_name() -> None:
    with pytest.raises(FabError, match=r"^dent: the Lagrangian: is not convex: .* < 0; use a convex Lagrangian"):
        NeuronLayer(lambda x: torch.cos(x).sum(-1), 3, name="dent")
    with pytest.raises(FabError, match=r"gives shape \(\) for x \(64, 3\); sum over the last axis only"):
        NeuronLayer(lambda x: x.pow(2).sum(), 3)
    with pytest.raises(FabError, match=r"^IdentityLayer: got states of shape \(4,\); make them end in \(3,\)"):
        energy.IdentityLayer(3)(torch.zeros(4))
    with pytest.raises(FabError, match="got a state that is NaN"):
        energy.IdentityLayer(1)(torch.tensor([torch.nan]))
    with pytest.raises(FabError, match="has tau 0; use a time constant above 0"):
        energy.IdentityLayer(1, tau=0)
    with pytest.raises(FabError, match="descends with dt -1 in 5 steps"):
        descend(energy.IdentityLayer(1), torch.zeros(1), -1, 5)


def test_a_users_convex_lagrangian_makes_a_layer() -> None:
    def huber(x: torch.Tensor) -> torch.Tensor:
        """Quadratic within 1, straight beyond."""
        return torch.where(x.abs() < 1, 0.5 * x**2, x.abs() - 0.5).sum(-1)

    layer = make_layer("HuberLayer", huber)(4)
    np.testing.assert_allclose(layer.g(torch.tensor([-3.0, -0.5, 0.5, 3.0])), [-1, -0.5, 0.5, 1])


def test_a_bias_has_the_shape_of_the_layer_a_threshold_for_each_neuron() -> None:
    layer = energy.ReluLayer((2, 3, 4), use_bias=True)
    assert layer.get_parameter("bias").shape == (2, 3, 4)
    with torch.no_grad():
        layer.get_parameter("bias").copy_(torch.arange(24.0).reshape(2, 3, 4))
    spilled = layer.g(torch.full((5, 2, 3, 4), 10.0)).detach()
    assert torch.equal(spilled, (10.0 - torch.arange(24.0)).relu().reshape(2, 3, 4).expand(5, -1, -1, -1))


@pytest.mark.parametrize("name", ["SoftmaxLayer", "TanhLayer", "SigmoidLayer", "ExpLayer"])
def test_beta_trains_its_gradient_by_finite_differences_and_it_finds_what_drew_the_states(name: str) -> None:
    made = getattr(energy, name)
    layer = made(4, init_lagrangian={"beta": 0.7}, train_lagrangian=True).double()
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    beta = layer.get_parameter("beta")
    assert [n for n, _ in layer.named_parameters()] == ["beta"] and "beta=0.7," in repr(layer)
    (slope,) = torch.autograd.grad(layer.energy(x).sum(), beta)
    higher, lower = (made(4, beta=0.7 + step).double().energy(x).sum() for step in (1e-6, -1e-6))
    assert slope.item() == pytest.approx((higher - lower).item() / 2e-6, rel=1e-4)
    wanted, adam = made(4, beta=1.5).double().g(x), torch.optim.Adam(layer.parameters(), 0.05)
    for _ in range(200):
        adam.zero_grad()
        ((layer.g(x) - wanted) ** 2).sum().backward()
        adam.step()
    assert beta.item() == pytest.approx(1.5, rel=1e-2)
    again = copy.deepcopy(layer)
    with torch.no_grad():
        again.get_parameter("beta").fill_(3.0)
    assert torch.allclose(again.g(x), made(4, beta=3.0).double().g(x)) and not torch.allclose(again.g(x), layer.g(x))


def test_options_that_would_have_no_bottom_or_no_meaning_are_refused() -> None:
    layer = energy.SoftmaxLayer(4, train_lagrangian=True)
    with torch.no_grad():
        layer.get_parameter("beta").fill_(-0.1)
    with pytest.raises(
        FabError, match=r"^SoftmaxLayer: beta: has trained to -0.1, L isn't convex there; keep it above"
    ):
        layer.g(torch.zeros(4))
    with pytest.raises(FabError, match=r"^SoftmaxLayer: init_lagrangian: holds 'power'; use beta"):
        energy.SoftmaxLayer(4, init_lagrangian={"power": 2.0})
    with pytest.raises(FabError, match=r"holds 'beta'; leave it out: this Lagrangian has none"):
        energy.ReluLayer(4, init_lagrangian={"beta": 2.0})


def test_a_sill_moves_by_twice_its_h_and_not_at_all_where_h_is_none() -> None:
    """d relu(v - h²) / dh = -2h above the sill, of a PeLU layer; the bucket layer's own bias has the slope -1."""
    for h in (0.0, 0.5, 3.0):
        bucket = PeLU(1, 1).double()
        with torch.no_grad():
            bucket.heights.fill_(h)
        (slope,) = torch.autograd.grad(bucket(torch.tensor([[20.0]], dtype=torch.float64)).sum(), bucket.heights)
        assert slope.item() == pytest.approx(-2 * h)
    layer = energy.ReluLayer(1, use_bias=True).double()
    (slope,) = torch.autograd.grad(layer.g(torch.tensor([20.0], dtype=torch.float64)).sum(), layer.bias)
    assert slope.item() == -1.0
