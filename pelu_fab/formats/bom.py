"""The bill of materials and the settings to print it with: for people and for PrusaSlicer."""

from collections.abc import Mapping
from math import fsum
from textwrap import wrap

from pelu_fab.formats.plates import plates_of
from pelu_fab.formats.sheets import lying
from pelu_fab.ir.device import Device, cut_length
from pelu_fab.ir.process import Process

FLOORS, ROOFS, FILL = 5, 4, 15  # layers of a bottom and of a top; % of what is inside


def to_bom(device: Device) -> str:
    """Parts in print order, with volume, bounding box, and what each weighs and takes, estimated without a slicer."""
    density = device.design.process.material.density
    first = "trays" if device.cut else "stand and trays"
    per_cm3 = device.design.process.printer.hours_per_cm3
    lines = [
        f"{device.design.name}: {device.pieces} pieces",
        "",
        f"{'part':<16}{'count':>6}{'cm3':>9}{'g*':>9}{'x mm':>8}{'y mm':>8}{'z mm':>8}{'hours*':>8}",
    ]
    printed_parts = [(part, mesh) for part, mesh in zip(device.parts, device.meshes, strict=True) if not part.is_cut]
    for part, mesh in printed_parts:
        printed = mesh.printed_volume / 1000.0
        x, y, z = mesh.extents
        amount = f"{part.count:>6}{mesh.volume / 1000.0:>9.2f}{printed * density:>9.1f}"
        lines.append(f"{part.name:<16}{amount}{x:>8.1f}{y:>8.1f}{z:>8.1f}{printed * per_cm3:>8.1f}")
    whole = fsum(part.count * mesh.volume for part, mesh in printed_parts) / 1000.0
    lines += [
        f"{'all':<22}{whole:>9.2f}{device.grams:>9.1f}{'':>24}{device.hours:>8.1f}",
        "",
        *_beds(device),
        "",
        *_sheets(device),
        f"Print the {first} first, then one card: it shows whether your cards hang in their seats. No supports;",
        "parts lie as exported. Cards hold water: coat one that weeps. Cups in clear filament show their level.",
        f"* estimated from volume and surface by the profile {device.design.process.name}; your slicer knows better.",
        "print-preset.ini is for PrusaSlicer.",
    ]
    return "\n".join(lines) + "\n"


def _beds(device: Device) -> list[str]:
    """What each bed holds, as in plates/plate-N.3mf, a line or more each."""
    lines = []
    for number, plate in enumerate(plates_of(device), 1):
        names = ", ".join(device.parts[piece.part].name for piece in plate.pieces)
        head = f"plate {number}, {plate.filament} filament: "
        lines += wrap(head + names, 118, subsequent_indent=" " * len(head))
    return lines


def _sheets(device: Device) -> list[str]:
    """Pieces to cut, the sheet that each lies on, and what to mind; nothing where the stand is printed."""
    sheet = device.design.sheet
    if sheet is None:
        return []
    t, kerf = sheet.thickness, sheet.kerf
    lines = [f"cut from {t:g} mm sheet: {len(device.cut)} pieces", ""]
    lines.append(f"{'piece':<22}{'sheet':>6}{'x mm':>9}{'y mm':>9}{'cut mm':>9}")
    for piece in lying(device):
        (mesh,) = (m for p, m in zip(device.parts, device.meshes, strict=True) if p is piece.part)
        x, y, _ = mesh.extents
        lines.append(f"{piece.part.name:<22}{piece.sheet + 1:>6}{x:>9.1f}{y:>9.1f}{cut_length(piece.part):>9.0f}")
    lines += [f"{'all':<46}{device.cut_length:>9.0f}", ""]
    words = (
        "sheets/sheet-N.svg and .dxf, mm: red lines (layer cut) are cut, blue ones (engrave) are names, to engrave "
        f"first. Measure your plywood or acrylic: slots are {sheet.slot:g} mm wide for {t:g} mm (--sheet-thickness). A "
        f"line is {kerf / 2:g} mm outside of its piece for a kerf of {kerf:g} mm: give --set sheet.kerf=0 where your "
        "software offsets. Cut one leg and its tie first: they should slide together by hand, and hold. No glue: ribs "
        "and legs go from below into what crosses them. Varnish plywood, it stands by water."
    )
    return [*lines, *wrap(words, 118), ""]


def to_print_preset(process: Process) -> str:
    """print-preset.ini, for PrusaSlicer: what the sizes of the parts assume, and nothing about a printer."""
    printer = process.printer
    width = f"{printer.nozzle:g}"
    settings = {
        "layer_height": f"{printer.layer_height:g}",
        "first_layer_height": f"{printer.layer_height:g}",
        "perimeters": f"{printer.perimeters}",
        "top_solid_layers": f"{ROOFS}",
        "bottom_solid_layers": f"{FLOORS}",
        "fill_density": f"{FILL}%",
        "fill_pattern": "grid",
        "seam_position": "aligned",
        "support_material": "0",
        "skirt_distance": "2",
        **{f"{kind}extrusion_width": width for kind in ("", "perimeter_", "external_perimeter_", "infill_")},
        **{f"{kind}extrusion_width": width for kind in ("solid_infill_", "top_infill_")},
    }
    return as_ini(settings)


def to_usual_printer(process: Process) -> str:
    """A printer of the process's bed and nozzle with the speeds of a current one, to estimate with: 4 m/s2, as from
    about 2023 on. An older one at 60 mm/s takes half as long again.
    """
    printer = process.printer
    x, y, z = printer.bed
    settings = {
        "nozzle_diameter": f"{printer.nozzle:g}",
        "filament_diameter": "1.75",
        "filament_density": f"{process.material.density:g}",
        "bed_shape": f"0x0,{x:g}x0,{x:g}x{y:g},0x{y:g}",
        "max_print_height": f"{z:g}",
        "temperature": "210",
        "first_layer_temperature": "215",
        "bed_temperature": "60",
        "first_layer_speed": "50",
        "perimeter_speed": "170",
        "external_perimeter_speed": "120",
        "small_perimeter_speed": "100",
        "infill_speed": "200",
        "solid_infill_speed": "180",
        "top_solid_infill_speed": "120",
        "gap_fill_speed": "100",
        "bridge_speed": "50",
        "travel_speed": "300",
        "max_print_speed": "200",
        "default_acceleration": "4000",
        "perimeter_acceleration": "3000",
        "infill_acceleration": "4000",
        "filament_max_volumetric_speed": "15",
        "slowdown_below_layer_time": "8",
        "retract_length": "0.8",
        "gcode_flavor": "marlin2",
        **{f"machine_max_acceleration_{kind}": "4000" for kind in ("x", "y", "extruding", "travel")},
        **{f"machine_max_feedrate_{axis}": "300" for axis in ("x", "y")},
        **{f"machine_max_jerk_{axis}": "8" for axis in ("x", "y")},
    }
    return as_ini(settings)


def as_ini(settings: Mapping[str, str]) -> str:
    """One `key = value` a line, sorted."""
    return "".join(f"{key} = {value}\n" for key, value in sorted(settings.items()))
