"""network.json and samples.csv: what is written reads back, and nonsense is refused by name."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelu_fab.errors import FabError
from pelu_fab.network.files import from_network_json, from_samples_csv, to_network_json, to_samples_csv
from pelu_fab.network.model import Layer, Network

VOLUME = st.floats(0, 1e6)


@given(st.lists(VOLUME, min_size=2, max_size=2), st.floats(0, 1), st.floats(1e-6, 1e6), st.text(), st.text())
def test_a_network_reads_back_bit_by_bit(
    retained: list[float], share: float, scale: float, first: str, last: str
) -> None:
    network = Network(
        (Layer(np.array(retained), np.array([[share, 1 - share], [0, 1]])),), (first, "b"), ("y", last), scale
    )
    again = from_network_json(to_network_json(network), "network.json")
    assert (again.inputs, again.outputs, again.input_scale) == (network.inputs, network.outputs, network.input_scale)
    (a,), (b,) = network.layers, again.layers
    assert np.array_equal(a.retained, b.retained) and np.array_equal(a.shares, b.shares)


@given(st.lists(st.tuples(VOLUME, VOLUME, st.integers(0, 9)), min_size=1, max_size=6), st.booleans())
def test_samples_read_back_bit_by_bit(rows: list[tuple[float, float, int]], labelled: bool) -> None:
    inputs = np.array([row[:2] for row in rows])
    labels = np.array([row[2] for row in rows]) if labelled else None
    again, read = from_samples_csv(to_samples_csv(inputs, labels), "samples.csv")
    assert np.array_equal(again, inputs)
    assert read is None if labels is None else np.array_equal(read, labels)  # type: ignore[arg-type]


GOOD = json.loads(to_network_json(Network((Layer(np.ones(1), np.ones((1, 1))),), ("a",), ("y",))))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"layers": None}, "is no network"),
        ({"layers": []}, "has 0 layers"),
        ({"layers": [{"h": [1.0], "w": [["x"]]}]}, "is no network"),
        ({"layers": [{"h": [float("nan")], "w": [[1.0]]}]}, "is nan"),
        ({"layers": [{"h": [1.0], "w": [[0.5]]}]}, "add up to 0.5"),
        ({"inputs": ["a", "b"]}, "names 2 inputs"),
        ({"input_scale": 0.0}, "input_scale is 0"),
    ],
)
def test_what_is_no_network_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(FabError, match=f"^network.json.*{why}"):
        from_network_json(json.dumps(GOOD | change).encode(), "network.json")


@pytest.mark.parametrize("blob", [b"", b"\xff", b"[]", b"{}", b"[" * 100_000, b"null"])
def test_what_is_no_table_is_refused(blob: bytes) -> None:
    with pytest.raises(FabError, match=r"^network\.json: is no network"):
        from_network_json(blob, "network.json")


@pytest.mark.parametrize(
    "blob", [b"", b"a,label\n", b"a\nx\n", b"a\n-1\n", b"a\nnan\n", b"a,b\n1,2\n3\n", b"a\n1,2\n", b"\xff"]
)
def test_what_are_no_samples_is_refused(blob: bytes) -> None:
    with pytest.raises(FabError, match=r"^samples\.csv: "):
        from_samples_csv(blob, "samples.csv")
