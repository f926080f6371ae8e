"""In: images (rows, channels, W) or (rows, channels, H, W) in [−1, 1]. Out: convolutions with functions as synapses.

Every pixel goes once through a `SumLayer` that has one output for each channel and place of the kernel; folding adds
these up where they meet. So a convolution, too, evaluates only the active segments, and zero padding adds nothing.
"""

from collections.abc import Sequence
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from pelu_fab.errors import FabError
from pelu_fab.layers.high_order import Kind, SumLayer, make_basis

Size = int | Sequence[int]
CONVOLUTIONS = tuple(f"{kind}{dims}d" for kind in get_args(Kind) for dims in (1, 2))


class HighOrderConvolution(nn.Module):
    """y[q] = Σ_d f_d(x[q·stride + d·dilation − padding]), as torch's `Conv`: (rows, in, *space) → (rows, out, *space').

    `synapses` holds the weights, (in, nodes, out · kernel places); there is no bias, since the functions have one.
    """

    transposed = False

    def __init__(
        self,
        synapses: SumLayer,
        kernel_size: Sequence[int],
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
    ) -> None:
        super().__init__()
        self.synapses = synapses
        self.kernel_size, self.stride = tuple(kernel_size), tuple(stride)
        self.padding, self.dilation = tuple(padding), tuple(dilation)

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of each row."""
        channels, dims = self.synapses.in_features, len(self.kernel_size)
        if x.ndim != dims + 2 or x.shape[1] != channels:
            raise FabError("input", f"has shape {tuple(x.shape)}", f"give (rows, {channels}, and {dims} sizes)")
        flat = dims == 1
        image = x[:, :, None] if flat else x
        parts = self.synapses(image.movedim(1, -1).reshape(-1, channels))
        folded = self._folded(parts.reshape(x.shape[0], -1, parts.shape[-1]).movedim(1, -1), tuple(image.shape[2:]))
        return folded[:, :, 0] if flat else folded

    def _plane(self, values: tuple[int, ...], other: int) -> tuple[int, int]:
        return (other, values[0]) if len(values) == 1 else (values[0], values[1])

    def _folded(self, parts: Tensor, space: tuple[int, ...]) -> Tensor:
        kernel, dilation = self._plane(self.kernel_size, 1), self._plane(self.dilation, 1)
        stride, padding = self._plane(self.stride, 1), self._plane(self.padding, 0)
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if self.transposed:
            full = [(n - 1) * s + r + 1 for n, s, r in zip(space, stride, reach, strict=True)]
            cut = [-p for p in padding]
            image = functional.fold(parts, tuple(full), kernel, dilation=dilation, stride=stride)
        else:
            # A convolution is the fold of the mirrored kernel, of which only each stride-th pixel is kept.
            mirrored = parts.reshape(len(parts), -1, *kernel, parts.shape[-1]).flip(2, 3).flatten(1, 3)
            full = [n + r for n, r in zip(space, reach, strict=True)]
            cut = [p - r for p, r in zip(padding, reach, strict=True)]
            image = functional.fold(mirrored, tuple(full), kernel, dilation=dilation)
        sizes = [f + 2 * c for f, c in zip(full, cut, strict=True)]
        if min(sizes) < 1:
            raise FabError("input", f"of {space} is smaller than the kernel", "pad it or use a smaller kernel")
        image = functional.pad(image, (cut[1], cut[1], cut[0], cut[0]))
        return image if self.transposed else image[:, :, :: stride[0], :: stride[1]]


class HighOrderConvolutionTranspose(HighOrderConvolution):
    """y[p·stride + d·dilation − padding] += f_d(x[p]): the transposed convolution, like torch's `ConvTranspose`."""

    transposed = True


def high_order_convolution_layers(
    layer_type: str,
    n: int,
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    segments: int | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    periodicity: float | None = None,
    rescale_output: bool = False,
    scale: float = 2.0,
    device: torch.device | str | None = None,
    *,
    transposed: bool = False,
    generator: torch.Generator | None = None,
) -> HighOrderConvolution:
    """A convolution of `layer_type` "continuous1d", "continuous2d", …: also discontinuous, polynomial and fourier.

    Sizes as in torch: one number, or one for each of the 1 or 2 axes. `rescale_output` divides each sum by its number
    of synapses, channels times places of the kernel; `scale` and `device` as for `high_order_fc_layers`. `FabError`
    names what is wrong.

    >>> layer = high_order_convolution_layers("continuous1d", 2, 1, 4, kernel_size=3, segments=2)
    >>> layer(torch.zeros(7, 1, 10)).shape
    torch.Size([7, 4, 8])
    """
    if layer_type not in CONVOLUTIONS:
        make_basis(layer_type, n, segments, CONVOLUTIONS)
    basis, dims = make_basis(layer_type[:-2], n, segments), int(layer_type[-2])
    kernel = _sizes("kernel_size", kernel_size, dims, 1)
    places = kernel[0] * (kernel[1] if dims == 2 else 1)
    gain = 1.0 / max(in_channels * places, 1) if rescale_output else 1.0
    axis: dict[str, Any] = {"periodicity": periodicity, "scale": scale, "generator": generator}
    synapses = SumLayer(basis, in_channels, out_channels * places, gain=gain, **axis)
    made = HighOrderConvolutionTranspose if transposed else HighOrderConvolution
    return made(
        synapses,
        kernel,
        stride=_sizes("stride", stride, dims, 1),
        padding=_sizes("padding", padding, dims, 0),
        dilation=_sizes("dilation", dilation, dims, 1),
    ).to(device)


def high_order_convolution_transpose_layers(
    layer_type: str,
    n: int,
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    segments: int | None = None,
    stride: Size = 1,
    padding: Size = 0,
    dilation: Size = 1,
    periodicity: float | None = None,
    rescale_output: bool = False,
    scale: float = 2.0,
    device: torch.device | str | None = None,
    *,
    generator: torch.Generator | None = None,
) -> HighOrderConvolution:
    """The transposed convolution of `layer_type`, with the same arguments as `high_order_convolution_layers`.

    >>> layer = high_order_convolution_transpose_layers("polynomial1d", 3, 1, 4, kernel_size=3)
    >>> layer(torch.zeros(7, 1, 8)).shape
    torch.Size([7, 4, 10])
    """
    return high_order_convolution_layers(
        layer_type,
        n,
        in_channels,
        out_channels,
        kernel_size,
        segments,
        stride,
        padding,
        dilation,
        periodicity,
        rescale_output,
        scale,
        device,
        transposed=True,
        generator=generator,
    )


def _sizes(name: str, given: Size, dims: int, least: int) -> tuple[int, ...]:
    sizes = (given,) * dims if isinstance(given, int) else tuple(given)
    if len(sizes) != dims or min(sizes) < least:
        raise FabError(name, f"is {given}", f"give {dims} whole number(s) of at least {least}")
    return sizes
