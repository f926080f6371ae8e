"""Which files an export holds: names of formats in, the files that each adds out."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from pelu_fab.errors import FabError
from pelu_fab.files import safe_name
from pelu_fab.ir.device import Device
from pelu_fab.worker import WorkerFailed

ALWAYS = "stl"  # with netlist, networks and manifest: without them nothing can be signed off
DEFAULT = ("stl", "svg", "3mf", "report")
PACKAGES = {"step": "pelu_fab[step]", "pictures": "pelu_fab[pictures]"}  # what brings what a format needs


def _svg(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.svg import to_svg

    return {"layout.svg": to_svg(device)}


def _report(device: Device) -> dict[str, bytes]:
    """What the report needs and no mesh says; the report itself follows the sign-off."""
    from pelu_fab.formats.manifest import to_json
    from pelu_fab.show.assembly import stages
    from pelu_fab.show.scene import scene_of, to_scene_table

    table = to_scene_table(scene_of(device))
    table["protocol"] = [{"title": title, "units": list(units)} for title, units in device.design.protocol]
    table["steps"] = [stage.words for stage in stages(device)]
    table["readouts"] = [asdict(readout) for readout in device.design.network.readouts]
    return {"scene.json": to_json(table)}


def _3mf(device: Device) -> dict[str, bytes]:
    from pelu_fab.formats.threemf import to_plates

    return to_plates(device)


def _booklet(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.booklet import to_booklet

    return {"booklet.pdf": to_booklet(device)}


def _glb(device: Device) -> dict[str, bytes]:
    from pelu_fab.formats.glb import to_glb

    return {"device.glb": to_glb(device)}


def _step(device: Device) -> dict[str, bytes]:
    from pelu_fab.formats.step import to_step

    return {f"{safe_name(device.design.name)}.step": to_step(device)}


def _pictures(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.pictures import to_pictures

    return to_pictures(device)


def _gif(device: Device) -> dict[str, bytes]:
    from pelu_fab.show.animation import to_gif

    return {"pour.gif": to_gif(device)}


WRITERS: Mapping[str, Callable[[Device], dict[str, bytes]]] = {
    "svg": _svg,
    "3mf": _3mf,
    "glb": _glb,
    "report": _report,
    "booklet": _booklet,
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


@dataclass(frozen=True, slots=True)
class Skipped:
    """An output that can't be made on this machine, why, and what to do about it. All others are made.

    >>> Skipped("step", "cadquery is not installed", "pip install 'pelu_fab[step]'").remedy
    "pip install 'pelu_fab[step]'"
    """

    format: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return f"SKIPPED {self.format}: {self.why}; {self.remedy}"


def to_chosen_files(device: Device, formats: Sequence[str] | None) -> tuple[dict[str, bytes], tuple[Skipped, ...]]:
    """Files of the chosen formats by name, without those that every export holds; and what had to be left out."""
    files: dict[str, bytes] = {}
    skipped = []
    for name in chosen(formats):
        if name not in WRITERS:
            continue
        try:
            files |= WRITERS[name](device)
        except (ImportError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the loader's
                raise
            remedy = f"pip install '{PACKAGES.get(name, 'pelu_fab')}'"
            skipped.append(Skipped(name, str(error), remedy + _library(error)))
        except WorkerFailed as error:
            skipped.append(Skipped(name, f"the renderer {error}", "install OpenGL (libGL), or leave the format out"))
    return files, tuple(skipped)


def _library(error: Exception) -> str:
    """What to say besides where a package is there, but not a library of the system that it needs."""
    found = re.search(r"lib\S+\.so[.\d]*", str(error))
    return f" and the system's {found[0]}" if found else ""
