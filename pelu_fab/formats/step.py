"""The assembly as STEP for CAD programs: named, coloured parts without lettering, proved against the mesh kernel."""

import re

from pelu_fab.errors import FabBug, FabError
from pelu_fab.ir.device import Device
from pelu_fab.kernels.brep import TIME_LIMIT, Brep, build_brep, without_lettering
from pelu_fab.kernels.mesh import build_mesh

MOST_BRANCHES = 2500
KILOBYTES_PER_BRANCH = 40.0  # what a big device's STEP takes
VOLUME_LIMIT = 1e-4  # relative: two kernels, and the file read back, agree on each part's volume
STAMP = "1970-01-01T00:00:00"
FILE_NAME = re.compile(rb"FILE_NAME\(.*?\);", re.DOTALL)
ENTITY = re.compile(rb"#(\d+) = ([A-Z_]+)\((.*?)\);\s", re.DOTALL)
STYLES = b"MECHANICAL_DESIGN_GEOMETRIC_PRESENTATION_REPRESENTATION"
STYLE_CHAIN = (  # from what is drawn to how, each naming the next
    b"%s('',(#%d),#%d)",
    b"STYLED_ITEM('color',(#%d),#%d)",
    b"PRESENTATION_STYLE_ASSIGNMENT((#%d))",
    b"SURFACE_STYLE_USAGE(.BOTH.,#%d)",
    b"SURFACE_SIDE_STYLE('',(#%d))",
    b"SURFACE_STYLE_FILL_AREA(#%d)",
    b"FILL_AREA_STYLE('',(#%d))",
    b"FILL_AREA_STYLE_COLOUR('',#%d)",
)


def to_step(device: Device, *, time_limit: float = TIME_LIMIT) -> bytes:
    """STEP (AP214, mm) of every part at its place, loose parts beside it; the same device gives the same bytes.

    Raises `FabError` above `MOST_BRANCHES` branches, `FabBug` when the kernels differ by more than `VOLUME_LIMIT`.
    """
    branches = len(device.lowered.netlist.ducts)
    if branches > MOST_BRANCHES:
        size = branches * KILOBYTES_PER_BRANCH / 1e3
        what = f"{branches} branches would make about {size:.0f} MB of STEP, the most is {MOST_BRANCHES} branches"
        raise FabError(f"{device.design.name}.step", what, "leave the format step out, or export single layers")
    brep = build_brep(device.parts, device.design.name, time_limit=time_limit)
    _check_volumes(device, brep)
    return with_sorted_styles(with_fixed_header(brep.step, device.design.name), device.design.name)


def with_fixed_header(step: bytes, name: str) -> bytes:
    """The file with a header that tells its name and no clock."""
    told = name.encode("ascii", "replace").replace(b"'", b"''")
    line = b"FILE_NAME('%s','%s',('pelu_fab'),(''),'','pelu_fab','');" % (told, STAMP.encode())
    fixed, count = FILE_NAME.subn(lambda _: line, step, count=1)
    if count != 1:
        raise FabBug(f"{name}: the STEP file has no FILE_NAME")
    return fixed


def with_sorted_styles(step: bytes, name: str) -> bytes:
    """The file with its colours in the order of the solids: the writer's order follows the addresses of its memory."""
    head, mark, _ = step.partition(b"ENDSEC;\nEND-ISO")
    start = head.find(STYLES)
    start = head.rfind(b"#", 0, start)
    if not mark or start < 0:
        raise FabBug(f"{name}: the STEP file has no colours")
    styles = {int(number): (kind, body) for number, kind, body in ENTITY.findall(head[start:])}
    items = []
    for kind, body in styles.values():
        if kind == STYLES:
            item, context = _references(body)
            solid = _references(styles[item][1])[-1]
            while styles[item][0] != b"COLOUR_RGB":
                item = _references(styles[item][1])[0]
            items.append((solid, context, styles[item][1]))
    number = min(styles)
    blocks = [head[:start]]
    for solid, context, colour in sorted(items):
        lines = [STYLE_CHAIN[0] % (STYLES, number + 1, context), STYLE_CHAIN[1] % (number + 2, solid)]
        lines += [line % (number + 3 + k) for k, line in enumerate(STYLE_CHAIN[2:])]
        lines.append(b"COLOUR_RGB(%s)" % colour)
        blocks += [b"#%d = %s;\n" % (number + k, line) for k, line in enumerate(lines)]
        number += len(lines)
    return b"".join(blocks) + step[len(head) :]


def _references(body: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"#(\d+)", body)]


def volume_errors(device: Device, brep: Brep) -> dict[str, float]:
    """Worst relative difference of each part's volume: B-rep, as built and reread, against the mesh kernel."""
    if not len(brep.volumes) == len(brep.reread) == len(device.parts):
        raise FabBug(f"{device.design.name}: STEP holds {len(brep.reread)} solids for {len(device.parts)} parts")
    errors = {}
    for part, built, read in zip(device.parts, brep.volumes, brep.reread, strict=True):
        meshed = build_mesh(without_lettering(part)).volume
        errors[part.name] = max(abs(built - meshed), abs(read - meshed)) / meshed
    return errors


def _check_volumes(device: Device, brep: Brep) -> None:
    for name, error in volume_errors(device, brep).items():
        if error > VOLUME_LIMIT:
            raise FabBug(f"{name}: mesh and B-rep kernels differ by {error:.2e} of the volume")
