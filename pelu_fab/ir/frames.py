"""Measures that layout and parts share: where side frames stand beside a row. mm."""

SIDE_GAP, SIDE = 6.0, 3.6  # air between a row's end and its side frame; thickness of a side frame
STEP_IN, STEP_OUT = 2.1, 6.0  # behind a side frame between bays: head of the next bay's gutters; the hole that feeds it
TAB_OUT = 1.0  # that a tab shows outside
