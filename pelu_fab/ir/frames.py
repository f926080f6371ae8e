"""Measures that layout and parts share: where side frames stand beside a row. mm."""

from math import radians, sin

SIDE_GAP, SIDE = 6.0, 3.6  # air between a row's end and its side frame; thickness of a side frame
STEP_IN = 2.1  # from behind a side frame between bays to the head of the next bay's gutters
STEP_OUT = 6.0  # from the same line to the hole that feeds them, at least
STEP_LIP = 0.4  # from the top of that head's wall, which leans forward, to the hole
TAB_OUT = 1.0  # that a tab shows outside


def step_out(gutter_wall: float, slope_deg: float) -> float:
    """From a side frame between bays to the hole that feeds the next bay's gutters."""
    return round(max(STEP_OUT, STEP_IN + gutter_wall * sin(radians(slope_deg)) + STEP_LIP), 3)


def letters(number: int) -> str:
    """a to z, then aa, ab and so on: the name of a bay."""
    name = ""
    while number >= 0:
        name = chr(ord("a") + number % 26) + name
        number = number // 26 - 1
    return name
