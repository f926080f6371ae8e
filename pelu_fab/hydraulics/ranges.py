"""Where the formulas hold: plain sentences about what lies outside."""


def range_notes(
    *,
    head: float | None = None,
    tooth_width: float | None = None,
    sill_height: float | None = None,
    bucket_width: float | None = None,
) -> tuple[str, ...]:
    """What is outside the range in which the model was checked (mm); empty where all is inside."""
    notes = []
    if head is not None and head < 1.0:
        notes.append(f"head {head:.2f} mm is below 1 mm: capillary regime, shares not predicted")
    elif head is not None and head < 2.0:
        notes.append(f"head {head:.2f} mm is below 2 mm: shares only to 1 or 2 percentage points")
    if head is not None and head > 15.0:
        notes.append(f"head {head:.1f} mm is above 15 mm: the tooth law was checked from 1 to 15 mm")
    if tooth_width is not None and tooth_width < 2.0:
        notes.append(f"tooth {tooth_width:.2f} mm is narrower than 2 mm: surface tension may hold it shut")
    if tooth_width is not None and tooth_width > 18.0:
        notes.append(f"tooth {tooth_width:.1f} mm is wider than any that was checked (18 mm)")
    if head is not None and sill_height is not None and sill_height < 2.0 * head:
        notes.append(f"sill {sill_height:.1f} mm above the floor is less than twice the head: discharge rises with H/P")
    if head is not None and bucket_width is not None and head > 0.5 * bucket_width:
        notes.append(f"head {head:.1f} mm is more than half the bucket's width {bucket_width:.1f} mm")
    return tuple(notes)
