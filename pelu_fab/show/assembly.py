"""How a device is put together: steps in the order of its parts, for which sign-off finds ways in. A device in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pelu_fab.formats.pour import listed
from pelu_fab.ir.device import Device
from pelu_fab.ir.solid import Part
from pelu_fab.network.names import bucket_name

Vector = tuple[float, float, float]
LIFT = {"stand": 30.0, "tray": 70.0, "card": 60.0}  # mm above its place that a part is shown before it goes in
SLIDE = 55.0  # mm before it, for a cup


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: parts that are put in, by index; the way (mm) that each is away before; and what is said."""

    parts: tuple[int, ...]
    away: Vector
    words: str


def stages(device: Device) -> tuple[Stage, ...]:
    """Parts in their order, those of a kind together; a tray has a step of its own."""
    groups: list[list[int]] = []
    for index, part in enumerate(device.parts):
        if part.transform is None:
            continue
        if groups and part.role != "tray" and _kind(device.parts[groups[-1][-1]]) == _kind(part):
            groups[-1].append(index)
        else:
            groups.append([index])
    return tuple(_stage(device, tuple(group)) for group in groups)


def called(device: Device, part: Part) -> str:
    """What people read on a piece: a card's bucket, a cup's label; else the part's own name."""
    if part.role == "card":
        layer, unit = part.name.removeprefix("card-L").split("-b")
        return bucket_name(int(layer), int(unit))
    if part.role == "cup":
        return device.design.network.outputs[int(part.name[5:])].split(" (")[0]
    return part.name


def _kind(part: Part) -> tuple[str, str]:
    """Role, and which layer or piece of the stand; of sheets all that cross."""
    if part.is_cut:
        return part.role, part.name.rpartition("-rib-")[0] or part.name.rpartition("-")[0]
    return part.role, part.name.split("-")[1] if part.role == "card" else part.name.split("-")[0]


def _stage(device: Device, group: tuple[int, ...]) -> Stage:
    parts = [device.parts[n] for n in group]
    role = parts[0].role
    away = (0.0, SLIDE, 0.0) if role == "cup" else (0.0, 0.0, LIFT[role])
    words = {"cup": _cups, "card": _cards, "tray": _tray, "stand": _stand}[role]
    return Stage(group, away, words(device, group))


def _cups(device: Device, group: Sequence[int]) -> str:
    if len(group) == 1:
        return f"Slide in the cup, its name outward: {called(device, device.parts[group[0]])}."
    return f"Slide in the cups, names outward; from left to right {_names(device, _across(device, group))}."


def _cards(device: Device, group: Sequence[int]) -> str:
    many = len(group) > 1
    hung = {placed.card.name: placed.card for placed in device.layout.hung}
    if (first := called(device, device.parts[group[0]])) in hung:
        comb = "siphon" if hung[first].siphon else "comb"
        cards, combs = ("the cards", f"{comb}s") if many else (f"card {first}", f"its {comb}")
        order = f"; from left to right {_names(device, _across(device, group))}" if many else ""
        return f"Set {cards} into the rack, {combs} to its low front{order}."
    down = sorted(group, key=lambda n: float(device.assembled(n)[..., 1].mean()))
    if many:
        return (
            f"Hang the cards in their seats, combs down the slope; from the highest seat down {_names(device, down)}."
        )
    return f"Hang card {first} in its seat, comb down the slope."


def _tray(device: Device, group: Sequence[int]) -> str:
    name, layout = device.parts[group[0]].name, device.layout
    down = [tray.name for tray in layout.trays]
    number = [tray.name for tray in sorted(layout.trays, key=lambda tray: tray.head[0])].index(name)
    head = "its wings" if layout.trestles[number].straddles else "its head"
    lower = "the rack's back wall" if name == down[-1] else f"the head of {down[down.index(name) + 1]}"
    upper = f"trestle-{number + 1}" if device.design.sheet else _storeys(device, number)[-1]
    return f"Lay on {name}, gutters up: {head} on {upper}, between its horns, its lower end over {lower}."


def _stand(device: Device, group: Sequence[int]) -> str:
    if device.parts[group[0]].is_cut:
        return _sheets(device, group)
    if group[0] == 0:
        racks = "the rack" if len(group) == 1 else f"{_names(device, _across(device, group))} side by side"
        return f"Stand {racks} on the table, low front towards you: there go the cups."
    stood = [_storeys(device, number) for number in range(len(device.layout.trestles))]
    index = {part.name: n for n, part in enumerate(device.parts)}
    back = float(device.assembled(0)[..., 1].min())
    feet = sorted((back - float(device.assembled(index[names[0]])[..., 1].max()), names[0]) for names in stood)
    if len(feet) == 1:
        told = f"{feet[0][1]} {feet[0][0]:.0f} mm behind it, its open side to the back."
    else:
        told = "the trestles behind it, open sides to the back: "
        heights = [device.meshes[index[name]].extents[2] for _, name in feet]
        told += listed([f"{name} ({z:.0f} mm high) {gap:.0f} mm" for (gap, name), z in zip(feet, heights, strict=True)])
        told += " from the rack to their front wall."
    upon = [f" Put {upper} on {lower}." for names in stood for lower, upper in pairwise(names)]
    trays = "trays" if len(device.layout.trays) > 1 else "tray"
    return f"Stand {told}{''.join(upon)} The {trays} will set {'it' if len(feet) == 1 else 'them'} right."


def _sheets(device: Device, group: Sequence[int]) -> str:
    """How flat pieces cross, those that run from front to back from below, and where what they make stands."""
    names = [device.parts[n].name for n in group]
    *along, tie, wall = names
    if group[0] == 0:
        ribs = listed(along) if len(along) < 3 else f"{along[0]} to {along[-1]}, from left to right,"
        return (
            f"Put the rack together: slide {ribs} from below into {wall}, the tall one behind, and {tie}, until all "
            "feet are level. Stand it on the table, its low front towards you: there go the cups."
        )
    rack = [n for n, part in enumerate(device.parts) if part.is_cut and part.name.startswith("rack")]
    back = min(float(device.assembled(n)[..., 1].min()) for n in rack)
    toe = max(float(device.assembled(n)[..., 1].max()) for n in group)
    return (
        f"Put {wall.removesuffix('-wall')} together: slide {listed(along)} from below into {wall} and, at their long "
        f"ends, {tie}, until all feet are level. Stand it {back - toe:.0f} mm behind the rack, {wall} to the front; it "
        f"is {device.meshes[group[-1]].extents[1]:.0f} mm high. The tray will set it right."
    )


def _names(device: Device, group: Sequence[int]) -> str:
    return listed([called(device, device.parts[n]) for n in group])


def _across(device: Device, group: Sequence[int]) -> list[int]:
    """From left to right for who has the cups in front."""
    return sorted(group, key=lambda n: -float(device.assembled(n)[..., 0].max() + device.assembled(n)[..., 0].min()))


def _storeys(device: Device, number: int) -> list[str]:
    """The pieces of a trestle, by its place from the device's head, the lowest first."""
    name = f"trestle-{number + 1}"
    return [part.name for part in device.parts if re.fullmatch(rf"{name}[a-z]*", part.name)]
