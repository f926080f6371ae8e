"""Which files an export holds: names of formats in, the files that each adds out."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from pelu_fab.errors import FabError
from pelu_fab.files import safe_name
from pelu_fab.ir.device import Device

ALWAYS = "stl"  # with netlist, networks and manifest: without them nothing can be signed off
DEFAULT = ("stl", "svg", "3mf", "report")


def _svg(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.svg import to_svg

    return {"layout.svg": to_svg(device)}


def _report(device: Device) -> dict[str, bytes]:
    """What the report needs and no mesh says; the report itself follows the sign-off."""
    from pelu_fab.formats.manifest import to_json
    from pelu_fab.show.scene import scene_of, to_scene_table

    table = to_scene_table(scene_of(device))
    table["protocol"] = [{"title": title, "units": list(units)} for title, units in device.design.protocol]
    table["readouts"] = [asdict(readout) for readout in device.design.readouts]
    return {"scene.json": to_json(table)}


def _3mf(device: Device) -> dict[str, bytes]:
    from pelu_fab.formats.threemf import to_3mf

    return {"device.3mf": to_3mf(device)}


def _glb(device: Device) -> dict[str, bytes]:
    from pelu_fab.formats.glb import to_glb

    return {"device.glb": to_glb(device)}


def _step(device: Device) -> dict[str, bytes]:
    from pelu_fab.formats.step import to_step

    return {f"{safe_name(device.design.name)}.step": to_step(device)}


def _pictures(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.pictures import to_hero, to_section

    return {"hero.png": to_hero(device), "section.png": to_section(device)}


def _gif(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.animation import to_gif

    return {"pour.gif": to_gif(device)}


WRITERS: Mapping[str, Callable[[Device], dict[str, bytes]]] = {
    "svg": _svg,
    "3mf": _3mf,
    "glb": _glb,
    "report": _report,
    "step": _step,
    "pictures": _pictures,
    "gif": _gif,
}


def chosen(formats: Sequence[str] | None) -> tuple[str, ...]:
    """Names of formats in a fixed order: the default ones if None, every one for `all`; an unknown one is refused."""
    known = (ALWAYS, *WRITERS)
    wanted = list(DEFAULT if formats is None else (name.strip() for name in formats))
    for name in wanted:
        if name != "all" and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)} or all"
            raise FabError("--formats", f"knows no {name!r}", remedy)
    return tuple(name for name in known if name in wanted or "all" in wanted)


def to_chosen_files(device: Device, formats: Sequence[str] | None) -> dict[str, bytes]:
    """Files of the chosen formats by name, without those that every export holds."""
    files: dict[str, bytes] = {}
    for name in chosen(formats):
        if name in WRITERS:
            files |= WRITERS[name](device)
    return files
