"""What a stand is cut from that is not printed: plywood or acrylic, flat. mm."""

from dataclasses import dataclass
from typing import Literal

Frame = Literal["printed", "sheet"]  # of the stand
MARGIN, GAP = 3.0, 3.0  # mm kept free at a sheet's edges and between two pieces


@dataclass(frozen=True, slots=True)
class Sheet:
    """Thickness as measured, what a slot is wider than that, what the cut takes away, and how large a sheet is.

    >>> Sheet(thickness=4.0).slot
    4.1
    """

    thickness: float = 3.0
    clearance: float = 0.1
    kerf: float = 0.15
    size: tuple[float, float] = (600.0, 400.0)

    @property
    def slot(self) -> float:
        """Width of a slot in which another piece stands."""
        return round(self.thickness + self.clearance, 6)

    @property
    def room(self) -> tuple[float, float]:
        """The largest piece that it takes."""
        return self.size[0] - 2 * MARGIN - self.kerf, self.size[1] - 2 * MARGIN - self.kerf
