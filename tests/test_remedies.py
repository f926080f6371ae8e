"""Every refusal's advice is followed here to the letter, and then works; or it is said why none can follow it."""

from pathlib import Path

import pytest
import remedies_of_devices
import remedies_of_layers
import remedies_of_readers
from refusals import Case, follow, sites

CASES = (*remedies_of_readers.CASES, *remedies_of_layers.CASES, *remedies_of_devices.CASES)

LATER = "a file of a later version: there is no such program yet"
UNREACHED = "kept for what an earlier check lets through: it has no input of its own"
SYSTEM = "the machine's: a package, a program or a disk that a test can't give it"
TORCH = "PyTorch would have to be missing: the like is followed for checkpoints, which have another way out"
SOLVER = "the solver's: a program that a test need not have, and hours of its work"
CHOICE = "fit's own, between designs: why one of them is not chosen"
SHUT = "only of a mesh that sign-off fails: the advice is to look at it there"
REASONS: dict[str, str] = {
    "__init__.py _leave 1": "said in a report, not raised: tests/test_remembered.py judges again",
    "__init__.py _leave 2": "said in a report, not raised: verify.json is there to see",
    "cfd/bucket.py _inlet 1": SHUT,
    "cfd/bucket.py _refuse_leak 1": SHUT,
    "cfd/bucket.py bucket_case 1": SHUT,
    "cfd/siphon.py siphon_case 3": SHUT,
    "cfd/transfer.py gutter_at 1": SHUT,
    "cfd/transfer.py over_case 1": SHUT,
    "cfd/way.py way_of 1": SHUT,
    "cfd/foam.py solve 1": SOLVER,
    "cfd/foam.py solve 2": SOLVER,
    "cfd/foam.py solve 3": SOLVER,
    "cfd/run.py run_all 1": SOLVER,
    "commands/source.py _check_trays 1": CHOICE,
    "commands/source.py _check_trays 2": CHOICE,
    "commands/fit.py fit 2": TORCH,
    "commands/train.py train 1": TORCH,
    "commands/yield_.py _judge 1": TORCH,
    "files.py _unreadable 5": SYSTEM,
    "files.py _unwritable 2": SYSTEM,
    "formats/slicer.py _run 1": SYSTEM,
    "formats/slicer.py _run 2": SYSTEM,
    "formats/slicer.py estimate 1": SYSTEM,
    "formats/slicer.py _sliced 1": SYSTEM,
    "formats/slicer.py slice_times 1": SYSTEM,
    "formats/step.py to_step 1": "thousands of branches, minutes to compile: all other exports here are without it",
    "pipeline.py _check_bed 1": "tried, and told, by _that_does, which is followed",
    "signoff/dossier.py _manifest 1": LATER,
    "sources/checkpoint.py _check_schema 1": LATER,
    "sources/design.py _design_file 3": LATER,
    "signoff/stl.py _wrong 3": UNREACHED,
    "sim/sweep.py _cluster 1": SYSTEM,
    "sim/sweep.py _cluster 2": SYSTEM,
    "training/exhaustion_report.py main 1": "the authors' own study, minutes long once its folder is there",
}


def named(case: Case) -> str:
    return case.site.replace(" ", ":")


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=named(case), marks=[pytest.mark.slow] if case.slow else []) for case in CASES]
)
def test_what_a_refusal_advises_works(case: Case, tmp_path: Path) -> None:
    follow(case, tmp_path)


def test_every_refusal_is_followed_or_says_why_none_can() -> None:
    followed, known = {case.site for case in CASES}, set(sites())
    assert sorted(known - followed - set(REASONS)) == [], "refusals whose advice nobody has followed"
    assert sorted((followed | set(REASONS)) - known) == [], "no such refusals"
    assert sorted(followed & set(REASONS)) == [], "followed, and said that none can"
