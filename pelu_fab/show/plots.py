"""Pictures of a flow and of a forecast as PNG bytes. matplotlib, without a screen."""

from io import BytesIO
from typing import Any

import numpy as np

from pelu_fab.ir.units import MM3_PER_ML
from pelu_fab.sim.flow import Flow
from pelu_fab.sim.forecast import Forecast
from pelu_fab.sim.lagrangian import bucket_energy
from pelu_fab.sim.water import WaterNetwork


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns)


def _png(figure: Any) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})
    return stream.getvalue()


def flow_png(found: Flow, water: WaterNetwork, *, title: str = "") -> bytes:
    """Heads, mouth flows, what is still to spill, and cups over time, of the first run."""
    figure, (heads, flows, energies, cups) = _figure(4, 1, (8.0, 11.0))
    p, trace = found.plumbing, found.trace
    names = [*p.buckets, *p.cups]
    for b, name in enumerate(p.buckets):
        heads.plot(trace.times, np.maximum(trace.heads[:, b], 0.0), label=name)
    for m in range(len(p.mouth_bucket)):
        label = f"{names[p.mouth_bucket[m]]}→{names[p.mouth_target[m]]}"
        flows.plot(trace.times, trace.mouth_flows[:, m] / MM3_PER_ML, label=label, linewidth=1)
    energies.plot(trace.times, bucket_energy(found), label="½ Σ (x² − θ²) of the buckets above their sills")
    for c, (_, label) in enumerate(water.outputs):
        cups.plot(trace.times, trace.cups[:, 0, c] / MM3_PER_ML, label=label)
    cups.axvline(float(found.readout_times()[0]), color="grey", linestyle=":", label="read out")
    for axis, unit in (
        (heads, "head above the sill, mm"),
        (flows, "flow, mL/s"),
        (energies, "energy, mL²"),
        (cups, "cup, mL"),
    ):
        axis.set_ylabel(unit)
        axis.legend(fontsize="x-small", ncols=3)
        axis.set_xlim(0, float(found.readout_times()[0]) * 1.3)
    heads.set_title(title)
    cups.set_xlabel("s")
    return _png(figure)


def forecast_png(found: Forecast, *, title: str = "") -> bytes:
    """Accuracy over the prints, what each cause and each bucket costs (tornado), and the certified budget."""
    figure, grid = _figure(2, 2, (10.0, 7.0))
    values, counts = np.unique(found.accuracy, return_counts=True)
    grid[0, 0].bar(100 * values, counts / counts.sum() * 100, width=100 * 0.8 / max(len(found.gaps), 2))
    grid[0, 0].axvline(100 * found.drawn, color="black", linestyle=":", label="as drawn")
    grid[0, 0].set_xlabel(f"accuracy against {found.against}, %")
    grid[0, 0].set_ylabel("prints, %")
    grid[0, 0].legend()
    for axis, table, what in ((grid[0, 1], found.by_cause, "cause"), (grid[1, 1], found.by_bucket, "bucket")):
        shown = list(table.items())[:12][::-1]
        axis.barh([name for name, _ in shown], [100 * lost for _, lost in shown])
        axis.set_xlabel(f"answers changed by this {what} alone, %")
    gaps = np.sort(found.gaps)
    grid[1, 0].plot(gaps, 100 * np.arange(1, len(gaps) + 1) / len(gaps))
    grid[1, 0].set_xlabel("certified budget, mL")
    grid[1, 0].set_ylabel("samples with less, %")
    figure.suptitle(title)
    return _png(figure)
