"""Write this design's data, a tide by its formula: `python designs/tide/make.py`, then train the design."""

from math import cos, pi, sqrt
from pathlib import Path

import numpy as np

LEVEL, MOON, SUN = 3.0, 1.65, 0.45  # m: mean height, and the amplitudes of moon (M2) and sun (S2) in a made-up harbour
MONTH = 29.53 / 2  # days from spring tide to spring tide
FALL = 12.42 / 2  # hours from low water to high water
HOURS, DAYS = 15, 9


def amplitude(days: float) -> float:
    """Half the rise of a tide so many days after springs, m: two waves that run apart add up as arrows do."""
    return sqrt(MOON**2 + SUN**2 + 2 * MOON * SUN * cos(2 * pi * days / MONTH))


def height(hours: float, days: float) -> float:
    """Of the water, m, so many hours after low water."""
    return LEVEL - amplitude(days) * cos(pi * hours / FALL)


def main() -> None:
    """Write the table beside this file: to the minute, the tenth of a day and the centimetre."""
    rows = ["since low water (h),since springs (days),height (m)"]
    for days in np.linspace(0.0, MONTH / 2, DAYS).round(1).tolist():
        for hours in np.linspace(0.0, FALL, HOURS).round(2).tolist():
            rows.append(f"{hours:g},{days:g},{height(hours, days):.2f}")
    Path(__file__).with_name("tide.csv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
