"""Designs: folder, design.toml and bare checkpoint; what is left out, and every fault told with its place."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from pelu_fab.errors import FabError
from pelu_fab.sources.checkpoint import read_checkpoint
from pelu_fab.sources.design import load, read_design_file

IRIS = Path(__file__).parents[1] / "designs" / "iris"
MINIMAL = 'schema = 1\nname = "iris"\ncheckpoint = "widget_iris.json"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A design folder with the iris network and its data, and a design.toml of three lines."""
    for name in ("widget_iris.json", "iris.csv"):
        shutil.copy(IRIS / name, tmp_path / name)
    (tmp_path / "design.toml").write_text(MINIMAL)
    return tmp_path


def extended(folder: Path, lines: str, *, text: str = MINIMAL) -> Path:
    (folder / "design.toml").write_text(text + lines)
    return folder


def refused(folder: Path, match: str, settings: tuple[str, ...] = ()) -> None:
    with pytest.raises(FabError, match=match):
        load(folder, settings=settings)


def test_the_iris_design_is_the_blogs_network_with_150_flowers() -> None:
    design = load(IRIS)
    assert design.name == "iris" and design.network.widths == (4, 3, 3) and design.network.branches == 21
    assert design.samples is not None and design.samples.inputs.shape == (150, 4)
    assert design.samples.labels is not None and np.bincount(design.samples.labels).tolist() == [50, 50, 50]
    assert np.allclose(design.samples.inputs[0], [51, 35, 14, 2])
    assert [title for title, _ in design.protocol] == ["a setosa", "a versicolor", "a virginica"]
    assert design.protocol[2][1] == (63, 33, 60, 25)
    assert design.process.name == "fdm-pla-detergent" and design.unit_volume == 1000


def test_folder_file_and_network_from_a_wrong_place_are_one_design(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    by_folder, by_file, relative = load(folder), load(folder / "design.toml"), load(folder.name)
    assert by_folder.sources == by_file.sources == relative.sources
    assert [(kind, name) for kind, name, _ in by_folder.sources] == [
        ("design", "design.toml"),
        ("checkpoint", "widget_iris.json"),
        ("process", "fdm-pla-detergent.toml"),
    ]


def test_a_bare_checkpoint_is_a_design_with_its_own_name_and_defaults(tmp_path: Path) -> None:
    save_file({"0.heights": np.ones(2), "0.weights": np.zeros((2, 2))}, tmp_path / "My net (2).safetensors")
    design = load(tmp_path / "My net (2).safetensors", process="resin", settings=["unit_ml=2", 'outputs=["a","b"]'])
    assert design.name == "My-net-2" and design.process.name == "resin" and design.unit_ml == 2
    assert design.network.outputs == ("a", "b") and design.network.inputs == ("x0", "x1")
    assert design.input_max == (100, 100) and design.protocol == (("half-full jugs", (50, 50)),)


def test_jugs_hold_five_percent_more_than_the_data_and_one_flower_of_each_class_is_poured(folder: Path) -> None:
    design = load(extended(folder, 'data = "iris.csv"\n'))
    assert design.input_max == (83, 47, 73, 27)  # 79, 44, 69, 25 mL, and 5 %, up to a whole unit
    assert [title for title, _ in design.protocol] == ["setosa (row 0)", "versicolor (row 50)", "virginica (row 100)"]
    assert design.protocol[1][1] == (70, 32, 47, 14)


def test_a_design_renames_rescales_and_overrides(folder: Path) -> None:
    lines = 'inputs = ["a", "b", "c", "d"]\ninput_scale = 20\n[process_overrides.comb]\ntooth = 3.2\n'
    design = load(extended(folder, lines))
    assert design.network.inputs == ("a", "b", "c", "d") and design.network.input_scale == 20
    assert design.process.comb.tooth == 3.2
    assert load(folder, settings=["process_overrides.comb.tooth=3.4"]).process.comb.tooth == 3.4


def test_settings_are_laid_over_the_file_and_held_to_the_same_schema(folder: Path) -> None:
    design = load(folder, settings=["unit_ml=0.5", "compensation=none", "data=iris.csv", "name=other"])
    assert (design.unit_ml, design.compensation, design.name) == (0.5, "none", "other")
    assert design.samples is not None
    refused(folder, r"with --set: unit_m is no key that is known; did you mean 'unit_ml'\?", ("unit_m=2",))
    refused(folder, r"^--set unit_ml: is not of the form key=value", ("unit_ml",))
    refused(folder, r"^--set comb\.tooth=3: .* write --set process_overrides\.comb\.tooth=3", ("comb.tooth=3",))
    refused(folder, r"unit_ml is '1\\nname = 2'; allowed: number", ("unit_ml=1\nname = 2",))


def test_the_trainers_table_is_left_alone(folder: Path) -> None:
    file = read_design_file(extended(folder, '[training]\nepochs = 3\nanything = ["goes"]\n'))
    assert file.training == {"epochs": 3, "anything": ["goes"]}
    refused(extended(folder, "training = 3\n"), r"training is 3; allowed: dictionary")


def test_a_byte_order_mark_and_windows_line_ends_are_fine(folder: Path) -> None:
    (folder / "design.toml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load(folder).name == "iris"


def test_process_files_lie_beside_the_design_unless_given_by_hand(folder: Path, tmp_path: Path) -> None:
    profile = Path(__file__).parents[1] / "pelu_fab" / "processes" / "resin.toml"
    (folder / "mine.toml").write_text(profile.read_text().replace('name = "resin"', 'name = "mine"'))
    extended(folder, 'process = "mine.toml"\n')
    assert load(folder).process.name == "mine"
    assert load(folder, process="fdm-pla-water").process.name == "fdm-pla-water"


FAULTS = {
    "syntax": ("unit_ml = = 2\n", r"design\.toml: is not valid TOML: .*\(at line 4, column 11\)"),
    "cut off": ("name2 = [1,", r"is not valid TOML: .*\(at line 4, the end\)"),
    "key twice": ('name = "b"\n', r"is not valid TOML: Cannot overwrite a value \(at line 4, column \d+\)"),
    "unknown key": ("unti_ml = 2\n", r"unti_ml is no key that is known; did you mean 'unit_ml'\?"),
    "boolean": ("unit_ml = true\n", r"unit_ml is true; allowed: number"),
    "integer as boolean": ("max_teeth = true\n", r"max_teeth is true; allowed: integer"),
    "nan": ("unit_ml = nan\n", r"unit_ml is nan; allowed: a finite number"),
    "infinity": ("unit_ml = inf\n", r"unit_ml is inf; allowed: a finite number"),
    "unit in text": ('pour_flow_ml = "2,5 mL"\n', r"pour_flow_ml is '2,5 mL'; allowed: number"),
    "litres a second": ("pour_flow_ml = 0.012\n", r"pour_flow_ml is 0\.012; allowed: greater than or equal to 0\.1"),
    "litres": ("unit_ml = 0.001\n", r"unit_ml is 0\.001; allowed: greater than or equal to 0\.01"),
    "choice": ('compensation = "all"\n', r"compensation is 'all'; allowed: 'process' or 'none'"),
    "later schema": ("", r"is of schema 2, this version reads up to 1; update pelu_fab"),
    "other checkpoint": (f'sha256 = "{"0" * 64}"\n', r"widget_iris\.json: has sha256 ff5b.*, the design pins 0000"),
    "bad pin": ('sha256 = "abc"\n', r"sha256 is 'abc'; allowed"),
    "no such data": ('data = "irsi.csv"\n', r"irsi\.csv: does not exist; did you mean iris\.csv\?"),
    "no such process": ('process = "fdm"\n', r"process 'fdm': is neither built in nor a file"),
    "too few names": ('outputs = ["a"]\n', r"names 1 outputs, but the network has 3; give 3 names"),
    "input_max": ("input_max = [1]\n", r"input_max has 1 values, the network has 4 inputs; give 4"),
    "no row": ('[[protocol]]\ntitle = "a"\nrow = 0\n', r"protocol\.0 \(a\): asks for row 0, the data have 0"),
    "pour or row": ('[[protocol]]\ntitle = "a"\n', r"protocol\.0 needs either pour or row"),
    "short pour": (
        '[[protocol]]\ntitle = "a"\npour = [1, 2]\n',
        r"protocol\.0 \(a\): pours 2 volumes; give one for each of 4 inputs",
    ),
    "full jug": (
        '[[protocol]]\ntitle = "a"\npour = [1, 2, 3, 101]\n',
        r"pours 101 units of petal width \(cm\), its jug holds 100; raise input_max",
    ),
    "unknown in protocol": (
        '[[protocol]]\ntitle = "a"\nrwo = 1\n',
        r"protocol\.0\.rwo is no key that is known; did you mean 'row'\?",
    ),
    "bucket beyond the printer": (
        "unit_ml = 100\n[process_overrides.printer]\nbed = [50.0, 50.0, 50.0]\n",
        r"L0\.b2: keeps 0\.426 L of water, the printer's whole space is 0\.125 L; lower unit_ml",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_in_a_design_file_is_told_with_its_place(folder: Path, case: str) -> None:
    lines, match = FAULTS[case]
    text = MINIMAL.replace("schema = 1", "schema = 2") if case == "later schema" else MINIMAL
    refused(extended(folder, lines, text=text), match)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_to_a_design_file_escapes_as_another_error(folder: Path, data: st.DataObject) -> None:
    blob = bytearray((IRIS / "design.toml").read_bytes())
    start = data.draw(st.integers(0, len(blob) - 1))
    blob[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    (folder / "design.toml").write_bytes(blob)
    try:
        design = load(folder)
    except FabError:
        return
    assert design.network.widths == (4, 3, 3)


@pytest.mark.parametrize("path", ["x" * 300, "a\0b", "/dev/zero", "/", ""])
def test_paths_that_no_file_can_have_are_told(folder: Path, path: str) -> None:
    refused(Path(path), "File name too long|NUL character|is a device|holds no design.toml")
    text = MINIMAL.replace("widget_iris.json", path.replace("\0", "\\u0000"))
    refused(
        extended(folder, "", text=text),
        "too long|NUL char|is a device|is a folder|no kind of checkpoint|checkpoint is ''",
    )


def test_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    for blob, match in (
        (MINIMAL.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (MINIMAL.encode() + b"\0", "holds a NUL byte at offset 57"),
        (MINIMAL.encode() + b"\xff", "is not UTF-8: byte 0xff at offset 57"),
        (MINIMAL.encode() + b"#" * (1 << 20), "is 1.0 MiB large, at most 1 MiB are read"),
        (MINIMAL.encode() + b"training = " + b"[" * 10**5, "is nested too deeply"),
        (b"", r"is empty \(0 bytes\)"),
    ):
        (folder / "design.toml").write_bytes(blob)
        refused(folder, match)


def test_a_source_that_is_no_design_is_told(folder: Path) -> None:
    (folder / "design.toml").unlink()
    refused(folder, r"holds no design\.toml; give the checkpoint itself, .*widget_iris\.json")
    refused(folder / "iris.csv", "is no design; give a design folder, a .toml, or a checkpoint")
    refused(folder / "nowhere", "does not exist")


def test_a_checkpoint_that_was_moved_is_told_with_the_path_that_was_tried(folder: Path) -> None:
    (folder / "widget_iris.json").rename(folder / "moved.json")
    refused(folder, rf"^{folder / 'widget_iris.json'}: does not exist; ")
    (folder / "below").mkdir()
    extended(folder / "below", "", text=MINIMAL.replace("widget_iris.json", "../moved.json"))
    assert load(folder / "below").network.widths == read_checkpoint(folder / "moved.json").widths


DATA_FAULTS = {
    "negative": ("1,-2,3,4,setosa", r"line 2, column 2 \(b\): is -2, allowed: 0 or more; water can't be negative"),
    "nan": ("1,2,nan,4,setosa", r"line 2, column 3 \(c\): is nan; give a finite number"),
    "text": ("1,2,x,4,setosa", r"line 2, column 3 \(c\): is 'x', not a number"),
    "decimal comma": (
        '"1,5",2,3,4,setosa',
        r"line 2, column 1 \(a\): is '1,5', not a number; give a decimal number with a point",
    ),
    "label": (
        "1,2,3,4,setsoa",
        r"line 2, column 5 \(species\): has the label 'setsoa', which names no output; did you mean 'setosa'",
    ),
    "short row": ("1,2,3,4", r"line 2: has 4 cells, the header 5; complete the row"),
    "none": ("", "holds no rows of data"),
    "quote": ('1,2,3,4,"setosa', r"is not valid CSV: unexpected end of data"),
}


@pytest.mark.parametrize("case", DATA_FAULTS)
def test_a_fault_in_the_data_is_told_by_line_and_column(folder: Path, case: str) -> None:
    row, match = DATA_FAULTS[case]
    (folder / "rows.csv").write_text(f"a,b,c,d,species\n{row}\n")
    refused(extended(folder, 'data = "rows.csv"\n'), rf"rows\.csv.*{match}")


def test_data_may_lack_labels_or_count_them(folder: Path) -> None:
    extended(folder, 'data = "rows.csv"\n')
    (folder / "rows.csv").write_text("a,b,c,d\n1,2,3,4\n\n5,6,7,8\n")
    plain = load(folder)
    assert plain.samples is not None and plain.samples.labels is None and plain.samples.inputs[1, 3] == 80
    assert [title for title, _ in plain.protocol] == ["row 0", "row 1"]
    (folder / "rows.csv").write_text("a,b,c,d,y\n1,2,3,4,2\n")
    counted = load(folder)
    assert counted.samples is not None and counted.samples.labels is not None and counted.samples.labels.tolist() == [2]


def test_columns_in_another_order_than_the_inputs_are_refused(folder: Path) -> None:
    text = (folder / "iris.csv").read_text()
    (folder / "iris.csv").write_text(
        text.replace("sepal_length_cm,sepal_width_cm", "sepal_width_cm,sepal_length_cm", 1)
    )
    refused(extended(folder, 'data = "iris.csv"\n'), "has its columns in the order sepal_width_cm, .*put the columns")
    (folder / "iris.csv").write_text("\n".join(text.splitlines()[1:]))
    refused(folder, "has no header, its first line holds numbers; name the columns")
    (folder / "iris.csv").write_text("a,b\n1,2\n")
    refused(folder, "has 2 columns, the network takes 4 inputs; give 4 feature columns")


def test_data_that_overfill_a_given_jug_are_refused(folder: Path) -> None:
    refused(
        extended(folder, 'data = "iris.csv"\ninput_max = [70, 50, 80, 30]\n'), r"data: pours 79 units of sepal length"
    )
