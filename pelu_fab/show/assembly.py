"""How a device is put together: steps in the order of its parts, for which sign-off finds ways in. A device in."""

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
    """Role, and which layer or piece of the stand."""
    return part.role, part.name.split("-")[1] if part.role == "card" else part.name.split("-")[0]


def _stage(device: Device, group: tuple[int, ...]) -> Stage:
    parts = [device.parts[n] for n in group]
    names, many = listed([called(device, part) for part in parts]), len(group) > 1
    role = parts[0].role
    if role == "cup":
        cups = "cups, names" if many else "cup, its name"
        return Stage(group, (0.0, SLIDE, 0.0), f"Slide in the {cups} outward: {names}.")
    away = (0.0, 0.0, LIFT[role])
    if role == "tray":
        below = [part.name for part in device.parts[: group[0]] if part.role == "tray"]
        over = f" Its lower end lies over the head of {below[-1]}." if below else ""
        return Stage(group, away, f"Lay on {names}, gutters up, sloping towards the cups.{over}")
    if role == "card":
        cards = "cards" if many else "card"
        if called(device, parts[0]) in {placed.card.name for placed in device.layout.hung}:
            return Stage(group, away, f"Set {cards} {names} into the rack, combs over the cups.")
        return Stage(group, away, f"Hang {cards} {names} in the seats, combs down the slope.")
    if group[0] == 0:
        return Stage(group, away, f"Stand {names} on the table, low front towards you: there go the cups.")
    return Stage(group, away, f"Stand {names} behind it: {_gaps(device, group)}. The trays will set them right.")


def _gaps(device: Device, group: Sequence[int]) -> str:
    """How far behind each other the feet stand, from the front backwards."""
    spans = {n: device.assembled(n)[..., 1] for n in (0, *group)}
    row = sorted(spans, key=lambda n: -float(spans[n].max()))
    return listed(
        [
            f"{device.parts[back].name} {float(spans[front].min() - spans[back].max()):.0f} mm behind "
            f"{device.parts[front].name}"
            for front, back in pairwise(row)
        ]
    )
