"""The kill score of sign-off: faults planted in compiled meshes, those caught, and those named by rule and place.

    python benchmarks/kill_score.py [iris] [1-1] [2-5-2 one-hot] [5-4-3-2] [dropped shares]

Prints a row of a Markdown table for each device (default: all), and what was missed or misnamed. Takes minutes each.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from shapes import SHAPES
from test_signoff_faults import IRIS, export, score

import pelu_fab

if __name__ == "__main__":
    for name in sys.argv[1:] or ("iris", *SHAPES):
        with tempfile.TemporaryDirectory() as scratch:
            sound = Path(scratch) / "sound"
            if name == "iris":
                pelu_fab.write(pelu_fab.compile(pelu_fab.load(IRIS)), sound)
            else:
                export(name, sound)
            faults, missed, misnamed = score(sound, Path(scratch))
        caught, named = len(faults) - len(missed), len(faults) - len(missed) - len(misnamed)
        print(f"| {name} | {len(faults)} | {caught} | {named} | {100 * named / len(faults):.0f} % |", flush=True)
        print(
            "".join(f"  missed {n}\n" for n in missed) + "".join(f"  misnamed {n}\n" for n in misnamed),
            end="",
            flush=True,
        )
