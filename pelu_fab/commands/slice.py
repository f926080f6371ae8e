"""`pelu-fab slice`: what an export weighs and how long it prints, by PrusaSlicer's own estimate."""

from pathlib import Path
from typing import Annotated

import typer

from pelu_fab.commands import CHECK_FAILED, print_json, printable, step


def slice_parts(
    directory: Annotated[Path, typer.Argument(help="What compile wrote.", show_default=False)],
    printer_profile: Annotated[
        Path | None, typer.Option(help="Your printer's configuration, exported from PrusaSlicer; else a usual one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Slice every part and plate with the export's print-preset.ini; writes DIR/slices.json, which the report shows."""
    from json import loads

    from pelu_fab.files import read_input, recover, write_file
    from pelu_fab.formats.manifest import to_json
    from pelu_fab.formats.slicer import slice_times, to_slices_table

    recover(directory)
    with step(f"slicing {directory}") as say:
        sliced = slice_times(directory, say, printer_profile)
    write_file(directory / "slices.json", to_json(to_slices_table(sliced)))
    entries = loads(read_input(directory / "manifest.json"))["parts"]
    counts = {entry["name"]: int(entry["count"]) for entry in entries if entry.get("made") != "cut"}
    plates = [one for name, one in sliced.items() if name not in counts]
    grams = sum(sliced[name].grams * count for name, count in counts.items())
    hours = sum(sliced[name].seconds * count for name, count in counts.items()) / 3600.0
    on_plates = sum(one.seconds for one in plates) / 3600.0
    profile = "a usual printer" if printer_profile is None else printer_profile.name
    warnings = [f"{name}: {line}" for name, one in sliced.items() for line in one.warnings]
    if json:
        print_json(
            {
                "parts": to_slices_table(sliced),
                "grams": grams,
                "hours": hours,
                "hours_on_plates": on_plates if plates else None,
                "profile": profile,
                "warnings": warnings,
            }
        )
    else:
        for name, one in sliced.items():
            pieces = f" x {counts[name]}" if counts.get(name, 1) > 1 else ""
            print(printable(f"{name:<20}{one.grams:>8.1f} g{one.seconds / 3600.0:>8.2f} h{pieces}"))
        for line in warnings:
            print(printable(f"WARNING {line}"))
        print(printable(f"{'all, each alone':<20}{grams:>8.1f} g{hours:>8.2f} h, on {profile}"))
        if plates:
            print(printable(f"{'all, by the plate':<20}{sum(one.grams for one in plates):>8.1f} g{on_plates:>8.2f} h"))
    if warnings:
        raise typer.Exit(CHECK_FAILED)
