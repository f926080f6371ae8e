"""Draw the device's figures (iris, water, booklet, findings) in docs/figures: `python docs/device_figures.py`."""

import io
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh
from matplotlib.transforms import Bbox
from PIL import Image

import pelu_fab
from pelu_fab.show.animation import to_gif
from pelu_fab.show.booklet import pages
from pelu_fab.show.pictures import to_pictures
from pelu_fab.show.sheets import plain

HERE = Path(__file__).parent
IRIS, FIGURES = HERE.parent / "designs" / "iris", HERE / "figures"
CARD, TOOTH = "L0.b1", ("L1.b2", 0)  # where a drop of glue falls
SHOWN = 605  # px of findings.svg


def command(*arguments: object) -> int:
    """Run `pelu-fab` and return its exit code."""
    return subprocess.run([sys.executable, "-m", "pelu_fab", *map(str, arguments)], check=False).returncode


def glue(device: pelu_fab.Device, folder: Path) -> None:
    """A drop in one tooth: its part is written again, the tooth filled."""
    placed = next(p for p in device.layout.cards if p.card.name == CARD)
    teeth = next(m for m in placed.card.mouths if m.target == TOOTH[0]).teeth
    x0, x1 = teeth[TOOTH[1]]
    low, high = (x0 - 0.2, placed.y + 0.4, placed.z - 0.3), (x1 + 0.2, placed.y + 1.2, placed.z + 3.0)
    drop = trimesh.creation.box(bounds=[low, high])
    parts = json.loads((folder / "manifest.json").read_text())["parts"]
    part = next(p for p in parts if p["name"] == f"card-{CARD.replace('.', '-')}")
    drop.apply_transform(np.linalg.inv(np.array(part["transform"])))
    file = folder / part["file"]
    trimesh.boolean.union([trimesh.load_mesh(file), drop], engine="manifold").export(file)


def booklet_step(device: pelu_fab.Device) -> None:
    """Step six of the booklet: the lower half of its sixth page."""
    with plain():
        page = pages(device)[5]
        stream = io.BytesIO()
        low, high = (0.48, 0.5), (7.8, 5.55)  # inches from the page's lower left corner
        page.figure.savefig(stream, format="png", dpi=460, bbox_inches=Bbox([low, high]))
    picture = Image.open(stream).convert("RGB").reduce(4)
    picture.quantize(64).save(FIGURES / "booklet-step.png", optimize=True)


def main() -> None:
    """Every figure, from designs/iris alone."""
    design = pelu_fab.load(IRIS)
    device = pelu_fab.compile(design)
    pictures = to_pictures(device)
    (FIGURES / "iris.png").write_bytes(pictures["hero.png"])
    (FIGURES / "iris-section.png").write_bytes(pictures["section.png"])
    booklet_step(device)
    virginica = replace(device, design=replace(design, protocol=design.protocol[-1:]))
    (FIGURES / "iris-pour.gif").write_bytes(to_gif(virginica))
    command("simulate", IRIS, "--row", 100, "--plot", FIGURES / "water-flow.png")
    command("yield", IRIS, "--plot", FIGURES / "water-yield.png")
    with tempfile.TemporaryDirectory() as folder:
        plugged = Path(folder) / "plugged"
        pelu_fab.write(device, plugged)
        glue(device, plugged)
        command("verify", plugged, "--against", IRIS)
        drawn = (plugged / "findings.svg").read_text()
        height = re.search(r'height="(\d+)"', drawn)[1]  # of the whole sheet; the first two findings are enough
        (FIGURES / "findings.svg").write_text(
            drawn.replace(f' {height}"', f' {SHOWN}"', 1).replace(f'"{height}"', f'"{SHOWN}"', 1)
        )


if __name__ == "__main__":
    main()
