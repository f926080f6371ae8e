"""The flush as a torch module: a bucket with a siphon in place of its comb, which answers all at once.

    Flush(v; A, h, r) = (v - r)·[v ≥ h²] · softmax(A)

Below its threshold h² a unit keeps everything; once that is met, all but a residue r leaves. With r ≥ h² it is a PeLU.
"""

import torch
from torch import Tensor

from pelu_fab.errors import FabError
from pelu_fab.layers.pelu import Init, PeLU, ShareFunction


class Flush(PeLU):
    """One layer, beside `PeLU` in an `nn.Sequential`. Volumes in units.

    `residue`: what stays of a flush, one number or one a unit; its card's, so it is no parameter. `scatter`: standard
    deviations of the threshold and of the residue from print to print and pour to pour, drawn afresh for every row
    while training. A step has no gradient: the backward pass sees a sigmoid of slope 1/`ramp` at the threshold
    (straight-through). With `soft` the forward pass while training sees it as well; steepen it by lowering `ramp`.
    In evaluation mode the step is sharp and nothing is drawn.

    >>> bucket = Flush(1, 1, residue=1.0).eval()
    >>> _ = bucket.heights.data.fill_(4.0)  # answers at h² = 16
    >>> bucket(torch.tensor([[15.0], [18.0]])).tolist()
    [[0.0], [17.0]]
    """

    residues: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        residue: float | Tensor = 0.4,
        ramp: float = 1.0,
        soft: bool = False,
        scatter: tuple[float, float] = (0.0, 0.0),
        init: Init = "normal",
        share_function: ShareFunction = "softmax",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_features, out_features, init=init, share_function=share_function, device=device, dtype=dtype
        )
        if not ramp > 0 or min(scatter) < 0:
            raise FabError("Flush", f"has a ramp of {ramp} and scatters {scatter}", "give a ramp above 0, no negative")
        residues = torch.as_tensor(residue, device=device, dtype=self.heights.dtype).expand(in_features).clone()
        if not bool((residues >= 0).all()):
            raise FabError("Flush", f"leaves {residues.tolist()} units", "give residues of at least 0")
        self.ramp, self.soft, self.scatter = ramp, soft, scatter
        self.register_buffer("residues", residues)

    def forward(self, volumes: Tensor) -> Tensor:
        """Volumes (..., in) poured in to volumes (..., out) that arrive below."""
        thresholds, residues = self.heights**2, self.residues
        if self.training and max(self.scatter) > 0:
            thresholds = torch.relu(thresholds + self.scatter[0] * torch.randn_like(volumes))
            residues = torch.relu(residues + self.scatter[1] * torch.randn_like(volumes))
        above = volumes - thresholds
        gate = (above >= 0).to(volumes.dtype)
        if self.training:
            ramp = torch.sigmoid(4.0 / self.ramp * above)
            gate = ramp if self.soft else gate + ramp - ramp.detach()
        return (torch.relu(volumes - torch.minimum(residues, thresholds)) * gate) @ self.shares()
