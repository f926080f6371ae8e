"""Process profiles: every number has a source, and every fault is told by its key."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from pelu_fab.errors import FabError
from pelu_fab.sources.process import builtin_processes, read_process

PROFILES = resources.files("pelu_fab") / "processes"
TEXT = (PROFILES / "fdm-pla-detergent.toml").read_text()


def write(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in TEXT
    path = folder / "mine.toml"
    path.write_text(TEXT.replace(old, new, 1) if old else TEXT)
    return path


def test_three_profiles_are_built_in() -> None:
    assert builtin_processes() == ("fdm-pla-detergent", "fdm-pla-water", "resin")


@pytest.mark.parametrize("name", builtin_processes())
def test_every_number_of_a_built_in_profile_says_where_it_comes_from(name: str) -> None:
    table = tomllib.loads((PROFILES / f"{name}.toml").read_text())
    process = read_process(name)
    assert process.name == name
    numbers = {
        f"{group}.{key}"
        for group, values in table.items()
        if isinstance(values, dict) and group != "sources"
        for key, value in values.items()
        if not isinstance(value, str)
    }
    assert len(numbers) > 30
    assert numbers == set(table["sources"])
    assert all(len(source) >= 10 for source in table["sources"].values())


def test_a_users_profile_reads_as_the_built_in_it_was_copied_from(tmp_path: Path) -> None:
    assert read_process(write(tmp_path)) == read_process("fdm-pla-detergent")
    assert read_process(str(write(tmp_path))) == read_process("fdm-pla-detergent")


def test_an_override_replaces_one_number_and_says_so() -> None:
    plain, changed = read_process("resin"), read_process("resin", overrides={"comb": {"tooth": 3.2}})
    assert changed.comb.tooth == 3.2 and changed.sources["comb.tooth"] == "override"
    assert changed.comb.model_copy(update={"tooth": plain.comb.tooth}) == plain.comb
    with pytest.raises(FabError, match=r"overrides: comb\.toth is no key that is known; did you mean 'tooth'\?"):
        read_process("resin", overrides={"comb": {"toth": 3.2}})


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(FabError, match=r"^process 'fdm-pla-watr': is neither built in .* did you mean 'fdm-pla-water'"):
        read_process("fdm-pla-watr")
    with pytest.raises(FabError, match=r"choose from fdm-pla-detergent, fdm-pla-water, resin$"):
        read_process("zzz")
    with pytest.raises(FabError, match=r"zzz\.toml: does not exist"):
        read_process("zzz.toml")


FAULTS = {
    "unknown key": ("nozzle = ", "nozle = ", r"printer\.nozzle is missing; printer\.nozle is no key"),
    "unknown table": ("[scatter]", "[scater]", r"scatter is missing; scater is no key that is known"),
    "suggestion": ("[comb]", "[comb]\nend_exces = 0.1", r"comb\.end_exces is no key .* mean 'end_excess'\?"),
    "boolean": ("perimeters = 3", "perimeters = true", r"printer\.perimeters is true; allowed: integer"),
    "text": ("nozzle = 0.4", 'nozzle = "2,5 µm"', r"printer\.nozzle is '2,5 µm'; allowed: number"),
    "nan": ("nozzle = 0.4", "nozzle = nan", r"printer\.nozzle is nan; allowed: a finite number"),
    "infinity": ("max_bridge = 20.0", "max_bridge = inf", r"printer\.max_bridge is inf; allowed: a finite number"),
    "negative": ("floor = 1.2", "floor = -1.2", r"printer\.floor is -1\.2; allowed: greater than 0"),
    "zero": ("nozzle = 0.4", "nozzle = 0", r"printer\.nozzle is 0; allowed: greater than 0"),
    "min above max": ("min_tooth = 2.4", "min_tooth = 5.0", r"comb need min_tooth <= tooth <= max_tooth, found 5\.0"),
    "finer than the nozzle": (
        "min_tooth = 2.4",
        "min_tooth = 0.3",
        r"comb\.min_tooth 0\.3 is finer than the nozzle 0\.4",
    ),
    "inches": ("bed = [220.0, 220.0, 250.0]", "bed = [8.7, 8.7, 9.8]", r"printer\.bed is 8\.7 mm, plausible is 30"),
    "metres": ("nozzle = 0.4", "nozzle = 0.0004", r"printer\.nozzle is 0\.0004 mm, plausible is 0\.05 to 2 mm; give"),
    "slope of 45 degrees": (
        "min_slope_deg = 8.0",
        "min_slope_deg = 45.0",
        r"channels\.min_slope_deg is 45; allowed: 8 to",
    ),
    "level gutters": ("min_slope_deg = 8.0", "min_slope_deg = 2.0", r"channels\.min_slope_deg is 2; allowed: 8 to 12"),
    "teeth that kappa shuts": ("kappa = 3.2", "kappa = -10.0", r"comb\.kappa is -10; allowed: -1\.2 to 10"),
    "teeth that kappa all but shuts": (
        "min_tooth = 2.4\nmax_tooth = 4.2\nkappa = 3.2",
        "min_tooth = 2.0\nmax_tooth = 4.2\nkappa = -1.1",
        r"comb\.kappa -1\.1 closes most of a tooth of 2 mm \(comb\.min_tooth\); make it -1 or more",
    ),
    "kappa of metres": ("kappa = 3.2", "kappa = 1e308", r"comb\.kappa is 1e\+308; allowed: -1\.2 to 10"),
    "a floor of one line": (
        "floor = 1.2",
        "floor = 0.5",
        r"printer\.floor is 0\.5 mm, less than two lines of a 0\.4 mm",
    ),
    "a floor of a metre": ("floor = 1.2", "floor = 1000.0", r"printer\.floor is 1000; allowed: 0\.4 to 10"),
    "a sharp sill": ("sill_length = 1.6", "sill_length = 1e-9", r"comb\.sill_length is 1e-09; allowed: 0\.8 to 3"),
    "one perimeter": ("perimeters = 3", "perimeters = 1", r"printer\.perimeters is 1; allowed: 2 to 10"),
    "no overhang": ("max_overhang_deg = 50.0", "max_overhang_deg = 30.0", r"max_overhang_deg is 30; allowed: 45 to"),
    "no bridge": ("max_bridge = 20.0", "max_bridge = 5.0", r"printer\.max_bridge is 5; allowed: 10 to 200"),
    "honey": ("viscosity = 1.0", "viscosity = 2000.0", r"fluid\.viscosity is 2000; allowed: 0\.1 to 5"),
    "density in kg": ("density = 0.998", "density = 998.0", r"fluid\.density is 998; allowed: 0\.5 to 3"),
    "two lengths": ("bed = [220.0, 220.0, 250.0]", "bed = [220.0, 220.0]", r"printer\.bed\.2 is missing|printer\.bed"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_in_a_profile_is_told_by_key_value_and_range(tmp_path: Path, case: str) -> None:
    old, new, match = FAULTS[case]
    path = write(tmp_path, old, new)
    with pytest.raises(FabError, match=match) as caught:
        read_process(path)
    assert caught.value.where.startswith(str(path))


def test_all_faults_of_a_profile_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "layer_height = 0.2\nperimeters = 3", "layer_height = -1\nperimeters = 0")
    with pytest.raises(FabError, match=r"layer_height is -1; allowed.*|printer\.perimeters is 0") as caught:
        read_process(path)
    assert "printer.layer_height is -1" in str(caught.value) and "printer.perimeters is 0" in str(caught.value)
