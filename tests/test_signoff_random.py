"""No false alarms: sign-off passes every device that compiles, whatever network it is."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from shapes import PATTERNS, drawn

import pelu_fab
from pelu_fab.errors import FabError
from pelu_fab.ir.design import Design
from pelu_fab.signoff import Report, verify
from pelu_fab.sources.process import read_process

PROCESSES = ("fdm-pla-detergent", "fdm-pla-water", "resin")
DEPTHS = range(1, 7)
EXAMPLES = 12  # of each process and depth: 216 devices in all
BEDS = (None, 400.0, 1500.0)  # mm; None: the printer's own

shapes_of_depth = {
    depth: st.tuples(st.tuples(*[st.integers(1, 8)] * (depth + 1)), st.tuples(*[st.sampled_from(PATTERNS)] * depth))
    for depth in DEPTHS
}


def judged(process: str, bed: float | None, network: dict[str, Any], **choices: Any) -> Report:
    """Compile, write and verify; `FabError` where the network does not fit the printer."""
    rules = read_process(process)
    if bed is not None:
        rules = rules.model_copy(update={"printer": rules.printer.model_copy(update={"bed": (bed, bed, 5e3)})})
    made = drawn(**network)
    most = choices.pop("most_poured")
    design = Design("random", made, rules, input_max=(most,) * made.widths[0], **choices)
    with TemporaryDirectory() as scratch:
        pelu_fab.write(pelu_fab.compile(design), Path(scratch) / "device", formats=())
        return verify(Path(scratch) / "device")


@pytest.mark.slow
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("process", PROCESSES)
def test_sign_off_passes_whatever_compiles(process: str, depth: int) -> None:
    judged_devices = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        shape=shapes_of_depth[depth],
        seed=st.integers(0, 2**32 - 1),
        most_retained=st.sampled_from((4.0, 15.0, 60.0)),
        most_poured=st.sampled_from((20.0, 50.0, 90.0)),
        compensation=st.sampled_from(("process", "process", "none")),
        comb=st.sampled_from(("grouped", "grouped", "common-centroid")),
        bed=st.sampled_from(BEDS),
    )
    def passes(
        shape: tuple[tuple[int, ...], tuple[str, ...]],
        seed: int,
        most_retained: float,
        bed: float | None,
        **choices: Any,
    ) -> None:
        network = {"widths": shape[0], "patterns": shape[1], "most_retained": most_retained, "seed": seed}
        try:
            report = judged(process, bed, network, **choices)
        except FabError:
            reject()  # refused by name: there is no device to judge
        judged_devices.append(shape)
        assert [str(c) for c in report.failures] == []
        assert report.verdict == "pass"

    passes()
    assert len(judged_devices) >= EXAMPLES
