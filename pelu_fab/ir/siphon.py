"""A printed siphon in place of a comb: an inverted U from the bucket's floor over a crown down to a dry outlet. mm."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Siphon:
    """Elevations from the crown's invert, the highest point of the lowest path, which is the sill of its bucket."""

    bore: float  # inner diameter, and height of the crown's passage at least
    crest: float  # length of the crown's sill across the flow
    intake_z: float  # mouth of the rising leg: a bore's radius above it the siphon draws air
    outlet_z: float  # mouth of the falling leg, in air
    length: float  # of the bore, along its middle

    @property
    def break_z(self) -> float:
        """Level at which it draws air and breaks."""
        return self.intake_z + self.bore / 2.0
