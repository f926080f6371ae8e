"""One system of units inside: mm, mm2, mm3, s, g. Other units appear only at the edges, in names."""

GRAVITY = 9810.0  # mm/s2
MM3_PER_ML = 1000.0
GRID_DIGITS = 3  # every drawn dimension lies on the 1 µm grid
TOLERANCE = 1e-6  # mm: far below any printer, far above float dust


def below(found: float, limit: float) -> bool:
    """Whether a length truly falls short: 3 * 0.4 is 1.2000000000000002, and a 1.2 wall is no fault."""
    return found < limit - TOLERANCE


def on_grid(length: float) -> float:
    """Round a length to the 1 µm grid."""
    return round(length, GRID_DIGITS)
