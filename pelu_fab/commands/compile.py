"""`pelu-fab compile`: a checkpoint or design to files that print, ending with their sign-off."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pelu_fab.commands import CHECK_FAILED, frame_settings, key_setting, print_json, printable, step
from pelu_fab.commands.tables import print_report
from pelu_fab.commands.verify import Asked, signed_off

if TYPE_CHECKING:
    from pelu_fab.exports import Skipped


def compile_design(
    source: Annotated[
        Path, typer.Argument(help="Design folder, design.toml, or a bare checkpoint.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Output folder; exports/NAME if not given.")] = None,
    process: Annotated[str | None, typer.Option(help="Built-in process profile, or a TOML file.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="key=value, over the design file.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Which network, where the checkpoint holds several; as --set key=NAME.")
    ] = None,
    frame: Annotated[
        str | None, typer.Option(help="The stand: printed, or sheet, cut from plywood or acrylic; as --set frame=….")
    ] = None,
    sheet_thickness: Annotated[
        float | None, typer.Option(help="mm of that sheet, as measured; as --set sheet.thickness=….")
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="Names with commas between, or all. If not given: stl,svg,3mf,report.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that are not ours; make what would spill.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Compile a trained network into parts to print, and sign them off."""
    import pelu_fab
    from pelu_fab.exports import chosen
    from pelu_fab.files import safe_name
    from pelu_fab.pipeline import cut_written, first_of, is_current, parts_written, plates_written, sheets_written

    wanted = formats.split(",") if formats else None
    chosen(wanted)  # before any work
    settings = [*(setting or []), *frame_settings(frame, sheet_thickness)]
    with step(f"reading {source}"):
        design = pelu_fab.load(source, process=process, settings=[*settings, *key_setting(key)])
    directory = out or Path("exports") / safe_name(design.name)
    unchanged = is_current(design, directory, wanted)
    before = parts_written(directory)
    skipped: Sequence[Skipped] = ()
    figures = ""
    if not unchanged:
        with step(f"compiling {design.name}") as say:
            device = pelu_fab.compile(design, say, force=force)
        figures = device.figures
        if device.findings:
            print(printable(f"WARNING {device.findings[0].where}: {first_of(device.findings)}"), file=sys.stderr)
        with step(f"writing {directory}"):
            skipped = pelu_fab.write(device, directory, force=force, formats=wanted)
    with step(f"verifying {directory}") as say:
        signed = signed_off(directory, say, Asked(source, process, settings))
    if json:
        result = {"design": design.name, "directory": str(directory), "unchanged": unchanged, "report": signed.table}
        print_json(result | {"skipped": [asdict(one) for one in skipped]})
    else:
        print_report(signed.table)
        print(printable(f"files: {directory}" + (" (unchanged, not built again)" if unchanged else "")))
        if figures:
            print(figures)
        if plates := plates_written(directory):
            print(printable(f"plates: {plates}, one bed and one filament each ({directory / 'plates'})"))
        if drawn := sheets_written(directory):
            print(printable(f"sheets: {drawn}, each as SVG and DXF ({directory / 'sheets'})"))
        if before and not unchanged:
            print(printable(_reprint(before, parts_written(directory), cut_written(directory))))
        for one in skipped:
            print(printable(str(one)))
        for path in signed.places:
            print(printable(f"where: {path}"))
        if signed.page is not None:
            print(printable(f"to look at: {signed.page} (pelu-fab view {directory})"))
    if signed.table["verdict"] != "pass":
        raise typer.Exit(CHECK_FAILED)


def _reprint(before: Mapping[str, str], now: Mapping[str, str], cut: Collection[str]) -> str:
    """What a maker who made the export before this one prints, and cuts, again."""
    changed = [name for name, told in now.items() if before.get(name) != told]
    if not changed:
        return f"reprint 0 of {len(now)}: the parts are as in the export before"
    told = []
    for word, own in (("reprint", now.keys() - cut), ("cut again", now.keys() & cut)):
        names = [name for name in changed if name in own]
        if own and (names or word == "reprint"):
            told.append(f"{word} {len(names)} of {len(own)}" + (f": {', '.join(names)}" if names else ""))
    return "; ".join(told)
