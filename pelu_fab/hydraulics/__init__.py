"""What real water does at a sill, in a tooth and in a channel: formulas with their source, units and range.

mm, mm2, mm3, s, mm3/s; contact angles and slopes in degrees. Pure functions; nothing here knows a device.
"""

from pelu_fab.hydraulics.capillary import held_on_slope, held_volume, residual_head, start_head
from pelu_fab.hydraulics.channel import (
    channel_capacity,
    critical_depth,
    gutter_depth,
    normal_depth,
    self_draining_slope_deg,
    transit_time,
)
from pelu_fab.hydraulics.comb import (
    comb_head,
    comb_teeth,
    compensated_widths,
    end_flags,
    pour_heads,
    predicted_shares,
    share_slack,
    tooth_centres,
    tooth_widths,
)
from pelu_fab.hydraulics.ranges import range_notes
from pelu_fab.hydraulics.siphon import (
    BREAKING_SCATTER,
    PRIMING_SCATTER,
    bore_flow,
    bubble_froude,
    crest_flow,
    flush_volume,
    full_flow,
    full_head,
    priming_flow,
    priming_head,
)
from pelu_fab.hydraulics.tooth import ToothLaw, excess_at, kappa_at, tooth_flow, tooth_law
from pelu_fab.hydraulics.weir import (
    drain_time,
    rim_height_needed,
    screen_head,
    start_flow,
    viscous_head,
    weir_coefficient,
    weir_flow,
    weir_head,
)

__all__ = [
    "BREAKING_SCATTER",
    "PRIMING_SCATTER",
    "ToothLaw",
    "bore_flow",
    "bubble_froude",
    "channel_capacity",
    "comb_head",
    "comb_teeth",
    "compensated_widths",
    "crest_flow",
    "critical_depth",
    "drain_time",
    "end_flags",
    "excess_at",
    "flush_volume",
    "full_flow",
    "full_head",
    "gutter_depth",
    "held_on_slope",
    "held_volume",
    "kappa_at",
    "normal_depth",
    "pour_heads",
    "predicted_shares",
    "priming_flow",
    "priming_head",
    "range_notes",
    "residual_head",
    "rim_height_needed",
    "screen_head",
    "self_draining_slope_deg",
    "share_slack",
    "start_flow",
    "start_head",
    "tooth_centres",
    "tooth_flow",
    "tooth_law",
    "tooth_widths",
    "transit_time",
    "viscous_head",
    "weir_coefficient",
    "weir_flow",
    "weir_head",
]
