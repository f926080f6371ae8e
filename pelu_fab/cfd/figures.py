"""Pictures of a run: shares over time, the surface from above, the water along the stream. PNG bytes."""

import io
from pathlib import Path

import numpy as np

from pelu_fab.cfd import foam
from pelu_fab.cfd.case import Case
from pelu_fab.cfd.result import Outcome
from pelu_fab.signoff.stl import Array

WATER, WALL, SAVED = "Blues", "#d8d2c4", {"Software": "pelu_fab"}


def pictures(case: Case, folder: Path, found: Outcome) -> dict[str, bytes]:
    """Figures by file name: what each branch got over time, and the water near the end of the pour."""
    files = {f"{found.slug}-shares.png": shares_png(found)}
    written = [path for t, path in foam.times(folder) if t <= case.inflow.stop + 1e-3] or [
        path for _, path in foam.times(folder)
    ]
    if written:
        water = case.of_cells(np.clip(foam.field(written[-1] / "alpha.water"), 0.0, 1.0))
        files[f"{found.slug}-water.png"] = water_png(case, water, f"{found.at}, {found.pour}: {written[-1].name} s")
    return files


def shares_png(found: Outcome) -> bytes:
    """Water that each target has got, and its share, over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    volume, share = figure.subplots(1, 2, sharex=True)
    t = np.array(found.series["t"])
    got = {name: np.array(v) for name, v in found.series.items() if name != "t"}
    total = np.maximum(sum(got.values(), np.zeros(len(t))), 1e-9)
    for name, v in got.items():
        volume.plot(t, v, label=name)
        share.plot(t[total > 0.5], (v / total)[total > 0.5])
    volume.set(xlabel="s", ylabel="mL delivered", title=f"{found.at}, {found.pour}")
    share.set(xlabel="s", ylabel="share so far", ylim=(0, 1))
    volume.legend(frameon=False)
    return _png(figure)


def water_png(case: Case, water: Array, title: str) -> bytes:
    """Height of the surface from above, and two sections: along the way, and across just before the sill."""
    from matplotlib.figure import Figure

    grid, wet = case.grid, np.nan_to_num(water)
    depth = (wet * np.diff(grid.z)[None, None, :]).sum(axis=2)
    open_column = case.fluid.any(axis=2)
    figure = Figure(figsize=(7.0, 8.0), layout="compressed")
    figure.suptitle(title, fontsize=10)
    above, along, across = figure.subplots(3, 1)
    plan = above.pcolormesh(grid.x, grid.y, np.where(open_column, depth, np.nan).T, cmap=WATER)
    figure.colorbar(plan, ax=above, label="water, mm")
    above.set(aspect="equal", xlabel="mm; from above", ylabel="mm")
    i = int(np.argmax(wet.sum(axis=(1, 2))))
    j = max(int(np.searchsorted(grid.y, 0.0)) - 2, 0) if case.kind == "bucket" else int(np.argmax(wet.sum(axis=(0, 2))))
    along.pcolormesh(grid.y, grid.z, water[i].T, cmap=WATER, vmin=0, vmax=1)
    across.pcolormesh(grid.x, grid.z, water[:, j].T, cmap=WATER, vmin=0, vmax=1)
    for axes, name in (
        (along, f"along, x = {grid.middles[0][i]:.1f}"),
        (across, f"across, y = {grid.middles[1][j]:.1f}"),
    ):
        axes.set(aspect="equal", ylabel="mm", xlabel=f"mm; {name}", facecolor=WALL)
    return _png(figure)


def _png(figure: object) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata=SAVED)  # type: ignore[attr-defined]
    return out.getvalue()
