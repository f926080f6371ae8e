"""Every refusal's advice is followed here to the letter, and then works."""

import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import pelu_fab
from exports import DESIGNS, export
from pelu_fab import cli
from pelu_fab.errors import FabError
from pelu_fab.ir.device import Device
from pelu_fab.training.data import read_table

HANDED_IN = Path(__file__).parent / "data" / "handed-in"
Follow = Callable[[FabError], Sequence[str]]


def told(error: FabError) -> list[str]:
    """The settings that the advice writes out: each `--set …`, quoted or not."""
    found = re.findall(r"--set (?:'([^']+)'|([^\s,;)]+))", error.remedy)
    assert found, str(error)
    return [quoted or bare for quoted, bare in found]


def instead(*settings: str) -> Follow:
    """What a person does whom the advice names a key: those keys must stand in it."""

    def follow(error: FabError) -> Sequence[str]:
        for setting in settings:
            key = setting.split("=")[0].split(".")[-1]
            assert key in error.remedy, (key, str(error))
        return settings

    return follow


def in_range(key: str, which: int) -> Follow:
    """One end of the range that the error allows."""

    def follow(error: FabError) -> Sequence[str]:
        ends = re.search(r"allowed: (\S+) to (\S+)$", error.what)
        assert ends, str(error)
        return [f"{key}={ends[which]}"]

    return follow


def meant(setting: str) -> Follow:
    """The setting with the name that is suggested."""

    def follow(error: FabError) -> Sequence[str]:
        near = re.search(r"did you mean '(\w[\w-]*)'\?", error.remedy)
        assert near, str(error)
        return [setting.format(near[1])]

    return follow


SLOPE, FLOOR = "process_overrides.channels.min_slope_deg", "process_overrides.printer.floor"
BED = "process_overrides.printer.bed"
CASES: dict[str, tuple[str, list[str], list[str], Follow]] = {
    # what is wrong: design, settings that are wrong, settings besides, how the advice is followed
    "jugs that spill": ("drip", ["input_max=[400]"], [], told),
    "jugs that spill by far": ("drip", ["input_max=[4000]"], [], told),
    "two jugs that spill": ("and-or", ["input_max=[900, 900]"], [], told),
    "a flood": ("drip", ["pour_flow_ml=100"], [], told),
    "a flood through a comb": ("and-or", ["pour_flow_ml=60"], ["pour_flow_ml=60"], instead("max_teeth=40")),
    "a number of too little water": ("sine", ["unit_ml=0.3"], [], told),
    "a bed too short": ("and-or", [f"{BED}=[60, 60, 60]"], [], instead(f"{BED}=[220, 220, 250]")),
    "a bed too low": ("and-or", [f"{BED}=[220, 220, 60]"], [], instead(f"{BED}=[220, 220, 100]")),
    "a bed for nothing": ("drip", [f"{BED}=[40, 40, 40]"], [], instead(f"{BED}=[120, 120, 120]")),
    "too much in a card": ("drip", ["unit_ml=100"], [], instead("unit_ml=1")),
    "too much in a row of cards": ("and-or", ["unit_ml=50"], [], instead("unit_ml=1")),
    "gutters too steep": ("drip", [f"{SLOPE}=45"], [], in_range(SLOPE, 2)),
    "gutters too flat": ("and-or", [f"{SLOPE}=1"], [], in_range(SLOPE, 1)),
    "a thick nozzle": ("drip", ["process_overrides.printer.nozzle=0.6", f"{FLOOR}=1"], [], told),
    "kappa that shuts teeth": (
        "and-or",
        ["process_overrides.comb.kappa=-10"],
        [],
        in_range("process_overrides.comb.kappa", 1),
    ),
    "kappa beyond all teeth": (
        "and-or",
        ["process_overrides.comb.kappa=100"],
        [],
        in_range("process_overrides.comb.kappa", 2),
    ),
    "a value of the process": ("drip", ["printer.nozzle=0.5"], [], told),
    "no value": ("drip", ["unit_ml"], [], told),
    "a key of the process misspelt": (
        "drip",
        ["process_overrides.comb.kapa=2"],
        [],
        meant("process_overrides.comb.{}=2"),
    ),
    "a key misspelt": ("drip", ["unit_m=2"], [], meant("{}=2")),
    "a process misspelt": ("drip", ["process=fdm-pla-watr"], [], meant("process={}")),
    "a choice misspelt": ("drip", ["compensation=proces"], [], lambda _: ["compensation=process"]),
    "jugs of another network": ("drip", ["input_max=[1, 2]"], [], lambda _: ["input_max=[40]"]),
    "a name too long": ("drip", [f'outputs=["{"abcdefghij" * 5}"]'], [], lambda _: ['outputs=["a"]']),
    "a name of another script": ("drip", ['outputs=["עברית"]'], [], lambda _: ['outputs=["a"]']),
}


def compiled(name: str, settings: Sequence[str]) -> Device:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pelu_fab.compile(pelu_fab.load(DESIGNS / name, settings=settings))


@pytest.mark.parametrize("case", CASES)
def test_what_a_refusal_advises_works(case: str) -> None:
    name, wrong, kept, follow = CASES[case]
    with pytest.raises(FabError) as refused:
        compiled(name, wrong)
    kept = [*kept, *(wrong[:1] if FLOOR in str(wrong) else [])]
    assert compiled(name, [*kept, *follow(refused.value)]).findings == ()


@pytest.mark.parametrize("file", ["model-and-ema.pt", "two-state-dicts.pt", "lightning-metric-buffers.pt"])
def test_each_key_that_a_checkpoint_with_several_networks_offers_is_one(file: str) -> None:
    with pytest.raises(FabError) as refused:
        pelu_fab.load(HANDED_IN / file)
    keys = re.findall(r"--key (\w+)", refused.value.remedy)
    assert keys
    for key in keys:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert pelu_fab.load(HANDED_IN / file, settings=[f"key={key}"]).network.widths[0] == 4


def test_the_column_that_is_offered_for_the_label_is_one() -> None:
    with pytest.raises(FabError) as refused:
        read_table(HANDED_IN / "csv-label-first.csv")
    offered = re.search(r"--label (\w+)", refused.value.remedy)
    assert offered, str(refused.value)
    assert len(read_table(HANDED_IN / "csv-label-first.csv", label=offered[1]).classes) < 10


def code_of(*arguments: str | Path) -> int:
    """Exit code of the command line."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(sys, "argv", ["pelu-fab", *map(str, arguments)])
        cli.main()
    return int(left.value.code or 0)


@pytest.fixture(scope="module")
def compiled_drip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export("drip", tmp_path_factory.mktemp("remedies"))


# what is wrong: arguments that are refused, words of the advice, and the same with the advice followed; {} is a folder
COMMANDS: dict[str, tuple[list[str], str, list[list[str]]]] = {
    "nothing to pour": (
        ["simulate", "{}"],
        "add --pour, one number for each jug, or --sample",
        [["simulate", "{}", "--pour", "20"], ["simulate", "{}", "--sample", "20"]],
    ),
    "two things to pour": (
        ["simulate", "{}", "--pour", "20", "--sample", "20"], "give one of them", [["simulate", "{}", "--pour", "20"]],
    ),
    "nothing to try prints with": (
        ["yield", "{}", "--prints", "2"],
        "add --data CSV, or --sample",
        [
            ["yield", "{}", "--prints", "2", "--sample", "20"],
            ["yield", "{}", "--prints", "2", "--sample", "20", "--json"],
            ["yield", "{}", "--prints", "2", "--data", "{}/../one.csv"],
        ],
    ),
    "files that are not ours": (
        ["compile", str(DESIGNS / "drip"), "-o", "{}/../mine"],
        "choose another output folder, or --force",
        [
            ["compile", str(DESIGNS / "drip"), "-o", "{}/../other"],
            ["compile", str(DESIGNS / "drip"), "-o", "{}/../mine", "--force"],
        ],
    ),
    "a folder that is none of ours": (
        ["verify", "{}/../mine"], "give a folder that `pelu-fab compile` wrote", [["verify", "{}"]],
    ),
    "a folder's settings": (
        ["simulate", "{}", "--pour", "20", "--set", "unit_ml=2"],
        "give it to the design instead",
        [["simulate", str(DESIGNS / "drip"), "--pour", "20", "--set", "unit_ml=1"]],
    ),
    "a sample of too many numbers": (
        ["simulate", "{}", "--sample", "1,2"], "give, parted by commas, ", [["simulate", "{}", "--sample", "20"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", COMMANDS)
def test_what_a_command_advises_works(case: str, compiled_drip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = compiled_drip.parent / "mine"
    mine.mkdir(exist_ok=True)
    for left in mine.rglob("*.*"):
        left.unlink()
    (mine / "thesis.txt").write_text("keep me")
    (compiled_drip.parent / "one.csv").write_text("rain\n20\n")
    wrong, advice, right = COMMANDS[case]
    assert code_of(*(one.format(compiled_drip) for one in wrong)) == 2
    assert advice in capsys.readouterr().err
    for arguments in right:
        assert code_of(*(one.format(compiled_drip) for one in arguments)) == 0, capsys.readouterr().err
    assert (mine / "thesis.txt").read_text() == "keep me"
