"""Tables as people write them: every dialect is read right, said, or refused by line and column."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pelu_fab.errors import FabError, FabWarning
from pelu_fab.sources.cells import MAX_COLUMNS, counts_rows, is_number, read_cells
from pelu_fab.training.data import check_amounts, read_table

HANDED_IN = Path(__file__).parent / "data" / "handed-in"
IRIS = Path(__file__).parents[1] / "designs" / "iris" / "iris.csv"


def refused(text: str, match: str) -> None:
    with pytest.raises(FabError, match=match):
        read_cells(text.encode(), "t.csv")


def said(text: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FabWarning)
        read_cells(text.encode(), "t.csv")
    return [str(warning.message) for warning in caught]


def table(tmp_path: Path, text: str) -> Path:
    (tmp_path / "t.csv").write_text(text)
    return tmp_path / "t.csv"


@pytest.mark.parametrize("name", ["semicolon-comma", "sep-line", "trailing-comma"])
def test_three_dialects_hold_the_same_flowers(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FabWarning)
        found = read_table(HANDED_IN / f"csv-{name}.csv")
    flowers = read_table(IRIS)
    assert np.array_equal(found.pours, flowers.pours) and np.array_equal(found.labels, flowers.labels)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("semicolon-comma", "has semicolons between its columns, and is read so; save it with commas to be sure"),
        ("semicolon-comma", "has decimal commas, and 5,1 is read as 5.1; use points to be sure"),
        ("trailing-comma", "has an empty last column (every line ends in a separator), which is left out"),
        ("id-column", "line 1, column 1 (Id): counts the rows, and is trained on like a measurement; leave that"),
        (
            "label-upper-lower",
            "line 3, column 5 (species): has the class 'setosa' beside 'Setosa': two cups; write both",
        ),
    ],
)
def test_what_is_read_otherwise_than_it_stands_there_is_said(name: str, note: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FabWarning)
        read_table(HANDED_IN / f"csv-{name}.csv")
    assert any(note in str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("double-column", r"line 1, column 2 \(a\): has the same name as column 1; rename one of them"),
        (
            "nameless-index",
            r"line 1, column 1: has a name that is blank; leave out the column .* \(pandas: index=False\)",
        ),
        (
            "missing-label",
            r"line 22, column 5 \(species\): has a label that is blank; fill it in, or leave the row out",
        ),
        ("long-header", "line 1, column 1: has a name that has 80 characters, at most 60 are allowed; rename it"),
        ("counts-as-header", "line 1, column 1: holds the number 150 where the column's name belongs; name every"),
        ("label-first", r"column 5 \(d\): holds 22 different numbers, .*; put the label last, .* column 1 \(class\)"),
        ("regression", r"column 4 \(y\): holds 22 different numbers, like a measurement .*say --target y to learn"),
    ],
)
def test_a_table_that_no_checkpoint_could_be_named_after_is_refused_before_training(name: str, match: str) -> None:
    with pytest.raises(FabError, match=match):
        read_table(HANDED_IN / f"csv-{name}.csv")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "\n\n a , b \n\n1, 2\n\n",
        "# made by hand\na,b\n# a comment\n1,2\n",
        "sep=,\na,b\n1,2\n",
        "sep=;\r\na;b\r\n1;2\r\n",
        '"sep=|"\na|b\n1|2\n',
        '"a","b"\n"1","2"\n',
        "\ufeffa,b\r1,2\r",
        "a\tb\n1\t2\n",
        "a;b\n1;2\n",
        "a,b,\n1,2,\n",
        "a,b,\n1,2\n",
        "a,b\n1,2,\n",
    ],
)
def test_one_table_in_many_dialects(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FabWarning)
        cells = read_cells(text.encode(), "t.csv")
    assert cells.header == ("a", "b") and [row for _, row in cells.rows] == [("1", "2")]
    assert [cells.number(0, k) for k in (0, 1)] == [1.0, 2.0]


def test_line_numbers_are_the_files_whatever_is_left_out() -> None:
    cells = read_cells(b"sep=,\n# note\n\na,b\n\n1,2\n# note\n3,x\n", "t.csv")
    assert cells.line == 4 and [line for line, _ in cells.rows] == [6, 8]
    with pytest.raises(FabError, match=r"^t\.csv, line 8, column 2 \(b\): is 'x', not a number; give a decimal number"):
        cells.number(1, 1)


def test_semicolons_with_points_and_commas_in_texts_are_told_apart() -> None:
    note = "t.csv: has semicolons between its columns, and is read so; save it with commas to be sure"
    assert said("a,x;b\n1.5;2\n") == [note]
    assert said("a;b;c\n1.5;2;x\n") == [
        "t.csv: has semicolons between its columns, and is read so; save it with commas to be sure"
    ]
    assert said("a,b\n1,2\n") == [] and said('"a;b",c\n1,2\n') == []


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a;b\n1,5;2.5\n", "holds 1,5 and 2.5: commas and points in numbers; use points alone"),
        ("a;b\n1,234;2\n", "holds 1,234, with a comma for thousands or decimals; use points for decimals"),
        ("sep=x\na,b\n1,2\n", "says that 'x' separates its columns; save it with commas"),
        ("#a,b\n1,2\n3,4\n", "has no header, its first line holds numbers; take the # away from their names"),
        ("1,2\n3,4\n", "has no header, its first line holds numbers; name the columns in the first line"),
        ("a,b\n1,1,2\n2,3,4\n3,5,6\n", r"line 2: has 3 cells, the header 2; .* \(in R: row\.names=FALSE\)"),
        ("a,b\n1\n", "line 2: has 1 cells, the header 2; complete the row"),
        ("a,b\n1,2,\n3,4,5\n", "line 2: has 3 cells, the header 2"),
        ('a,b\n"1,2\n', "line 2: is not valid CSV"),
        ("a,b\n", "holds no rows of data"),
        ("," * MAX_COLUMNS + "\n1,2\n", "line 1: has 4,097 cells, at most 4,096 are read"),
        ("a\n" + "1\n" * 100_001, "holds more than 100,000 rows"),
    ],
)
def test_what_could_mean_two_things_is_refused(text: str, match: str) -> None:
    refused(text, match)


@pytest.mark.parametrize(
    "text", ["1_0", "１２", "0x10", "1e", "", ".", "1,5", "--1", "1 0", "nan", "inf", "١", "1e999"]
)
def test_what_python_takes_for_a_number_and_people_do_not_is_none(text: str) -> None:
    assert not is_number(text)


@given(st.floats(-1e15, 1e15))
def test_a_number_is_read_as_it_is_written(value: float) -> None:
    for text in (repr(value), f"{value:.17e}", f"+{abs(value)!r}"):
        assert is_number(text)
    assert read_cells(f"a,b\n{value!r},x\n".encode(), "t").number(0, 0) == value


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        ("1e308", r"line 2, column 1 \(a\): is 1e308, at most 1e\+15 is read; rescale that column"),
        ("-1e308", "at most"),
        ("nan", "is nan; give a finite number, or leave the row out"),
        ("1_0", "is '1_0', not a number"),
        ("", "is empty, not a number; fill it in, or leave the row out"),
    ],
)
def test_a_cell_that_is_no_number_is_told_by_its_place(tmp_path: Path, cell: str, match: str) -> None:
    with pytest.raises(FabError, match=match):
        read_table(table(tmp_path, f"a,b,c\n{cell},1,x\n1,2,y\n"))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('"a\nb",c\n1,x\n2,y\n', r"line 2, column 1: has a name that holds a character that does not print: 'a\\nb'"),
        ('a,c\n1,x\n2,"y\nz"\n', r"column 2 \(c\): has a label that holds a character that does not print"),
        (
            "a,c\n1,x\n2," + "y" * 61 + "\n",
            "has a label that has 61 characters, at most 60 are allowed; rename that class",
        ),
        ("a,c\n1,x\n2,x\n", r"column 2 \(c\): has 1 class; give at least 2 classes"),
        ("a b c\n1 2 x\n2 3 y\n", "has 1 column; give the features, then the label, with commas between"),
    ],
)
def test_headers_and_labels_are_held_to_the_rules_of_names(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(FabError, match=match):
        read_table(table(tmp_path, text))


def test_a_column_that_counts_rows_is_told_in_any_order() -> None:
    assert counts_rows(["1", "2", "3"]) and counts_rows(["7", "9", "8"]) and counts_rows(["0", "1", "2"])
    assert not counts_rows(["1", "2"]) and not counts_rows(["1", "2", "4"]) and not counts_rows(["1.0", "2", "3"])


def test_many_classes_are_doubted(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k * 3 % 50}\n" for k in range(0, 100, 2))
    with pytest.warns(FabWarning, match="has 25 classes for 50 rows: as many cups; check that the label stands last"):
        read_table(table(tmp_path, "a,c\n" + rows))


def test_amounts_too_small_or_too_large_to_pour_come_with_the_scale_that_helps() -> None:
    with pytest.warns(
        FabWarning, match=r"pours at most 7\.9 units, the smallest 0\.1: hard to measure .* scale=10, for at most 79"
    ):
        check_amounts(read_table(IRIS), "x")
    with pytest.warns(
        FabWarning, match=r"pours at most 7\.9e\+03 units: litres of water; try --set scale=10, for at most 79"
    ):
        check_amounts(read_table(IRIS, scale=1000.0), "x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_amounts(read_table(IRIS, scale=10.0), "x")
