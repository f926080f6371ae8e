"""A CSV as people write it: bytes in, a header and rows of cells out, each with its place. The one reader of tables.

The separator is a comma, or what `sep=` or the header shows; decimal commas are read where the separator is another.
What is read otherwise than it stands there is said (`FabWarning`); what could mean two things is refused.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pelu_fab.errors import FabError, warn
from pelu_fab.sources.tables import name_fault, nearest, text_of

MAX_ROWS, MAX_COLUMNS = 100_000, 4096
LARGEST = 1e15  # of a number in a table
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
WITH_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+")
SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cells:
    """A table of texts, stripped of blanks: `header`, and `rows` of as many cells, each with its line in the file."""

    where: str
    line: int  # of the header
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    has_decimal_commas: bool = False
    origin: tuple[int, ...] = ()  # where each column stands in the file, if not in its place

    def place(self, line: int, column: int) -> str:
        """Where a cell stands, for errors; columns count from 0 here and from 1 there."""
        name = self.header[column] if column < len(self.header) else ""
        named = f" ({name})" if name.isprintable() and 0 < len(name) <= 60 else ""
        return f"{self.where}, line {line}, column {self.position(column)}{named}"

    def position(self, column: int) -> int:
        """Which column of the file it is, counted from 1."""
        return 1 + (self.origin[column] if self.origin else column)

    def find(self, name: str, what: str) -> int:
        """The column of a name, however its case and marks are written; `FabError` says `what` asked for it."""
        if name in self.header:
            return self.header.index(name)
        alike = [k for k, other in enumerate(self.header) if plain_name(other) == plain_name(name)]
        if len(alike) != 1:
            raise FabError(f"{what} {name}", f"names no column of {self.where}", nearest(name, self.header))
        return alike[0]

    def arranged(self, columns: Sequence[int]) -> "Cells":
        """These columns alone, in this order."""
        rows = tuple((line, tuple(cells[k] for k in columns)) for line, cells in self.rows)
        header, origin = tuple(self.header[k] for k in columns), tuple(self.position(k) - 1 for k in columns)
        return replace(self, header=header, rows=rows, origin=origin)

    def column(self, index: int) -> list[str]:
        """The cells of a column; -1 is the last."""
        return [cells[index] for _, cells in self.rows]

    def names(self, columns: range) -> tuple[str, ...]:
        """The header's names of some columns, fit for a network; the first that is not raises `FabError`."""
        seen: dict[str, int] = {}
        for column in columns:
            name = self.header[column]
            fault = name_fault(name)
            if fault is not None:
                index = column == 0 and not name and counts_rows(self.column(0))
                remedy = "leave out the column that numbers the rows (pandas: index=False)" if index else "rename it"
                place = f"{self.where}, line {self.line}, column {self.position(column)}"
                raise FabError(place, f"has a name that {fault}", remedy)
            if NUMBER.fullmatch(name):
                what = f"holds the number {name} where the column's name belongs"
                place = f"{self.where}, line {self.line}, column {self.position(column)}"
                raise FabError(place, what, "name every column")
            if name in seen:
                what = f"has the same name as column {self.position(seen[name])}"
                raise FabError(self.place(self.line, column), what, "rename one of them")
            seen[name] = column
        return tuple(self.header[column] for column in columns)

    def number(self, row: int, column: int) -> float:
        """A cell as a finite number, or `FabError` with its place."""
        line, cells = self.rows[row]
        cell = cells[column]
        plain = cell.replace(",", ".") if self.has_decimal_commas and WITH_COMMA.fullmatch(cell) else cell
        if NUMBER.fullmatch(plain) is None:
            if plain.lstrip("+-").casefold() in ("nan", "inf", "infinity"):
                raise FabError(self.place(line, column), f"is {cell}", "give a finite number, or leave the row out")
            if not cell:
                others = self.column(column).count("") - 1
                more = f", as {others} more of its column are" if others else ""
                what = f"is empty, not a number{more}"
                raise FabError(self.place(line, column), what, "fill it in, or leave the row out")
            raise FabError(self.place(line, column), f"is {cell!r}, not a number", "give a decimal number with a point")
        value = float(plain)
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise FabError(self.place(line, column), f"is {cell}, at most {LARGEST:g} is read", "rescale that column")
        return value


def read_cells(blob: bytes, where: str) -> Cells:
    """Every row that is neither blank nor a comment (`#`), as long as the header; any other raises `FabError`."""
    text = text_of(blob, where)
    separator = _separator(text, where)
    lines: list[tuple[int, list[str]]] = []
    comments: list[str] = []
    reader = csv.reader(_physical(text, separator, where, comments), delimiter=separator, strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                lines.append((reader.line_num, stripped))
            if len(lines) > MAX_ROWS + 1:
                raise FabError(where, f"holds more than {MAX_ROWS:,} rows", "give a sample of them")
    except csv.Error as error:
        raise FabError(f"{where}, line {reader.line_num}", f"is not valid CSV: {error}", "correct it there") from error
    if len(lines) < 2:
        raise FabError(where, "holds no rows of data", "give a header and at least one row")
    _drop_empty_last_column(lines, where)
    (line, header), *rows = lines
    _check_header(header, comments, separator, where)
    _check_lengths(header, rows, where)
    commas = _has_decimal_commas([cell for _, cells in rows for cell in cells], separator, where)
    return Cells(where, line, tuple(header), tuple((at, tuple(cells)) for at, cells in rows), commas)


def plain_name(name: str) -> str:
    """A column's name without its case and marks: what is left when two people write it."""
    return re.sub(r"[\W_]+", "", name).casefold()


def is_number(text: str) -> bool:
    """Whether a text is one finite decimal number, written with digits and a point (so `1_0` and `nan` are none)."""
    return NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def counts_rows(column: Sequence[str]) -> bool:
    """Whether a column numbers the rows: whole numbers one after the other, in any order."""
    if len(column) < 3 or not all(cell.isascii() and cell.isdigit() and len(cell) < 16 for cell in column):
        return False
    numbers = sorted(map(int, column))
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _physical(text: str, separator: str, where: str, comments: list[str]) -> Iterator[str]:
    """Lines for the CSV reader: comments and a leading `sep=` blanked, so that line numbers stay."""
    is_first = True
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if line.count(separator) >= MAX_COLUMNS:
            what = f"has {line.count(separator) + 1:,} cells, at most {MAX_COLUMNS:,} are read"
            raise FabError(f"{where}, line {number}", what, "give fewer columns")
        if line.startswith("#"):
            comments.append(line)
            yield "\n"
        elif is_first and line.strip() and SEP_LINE.fullmatch(line):
            yield "\n"
        else:
            yield line
        is_first = is_first and not line.strip()


def _separator(text: str, where: str) -> str:
    """As a `sep=` line says, else what cuts the first two lines into most cells alike; a comma where nothing does."""
    first = [line for line in io.StringIO(text[:65536]) if line.strip() and not line.startswith("#")][:2]
    told = SEP_LINE.fullmatch(first[0]) if first else None
    if told is not None:
        if told[1] not in SEPARATORS:
            raise FabError(where, f"says that {told[1]!r} separates its columns", "save it with commas")
        return told[1]
    counts = {mark: {_count(line, mark) for line in first} for mark in SEPARATORS}
    alike = {mark: max(found) for mark, found in counts.items() if len(found) == 1}
    best = max(alike, key=lambda mark: (alike[mark], mark == ","), default=",")
    if best == "," or alike[best] == 0:
        return ","
    warn(where, f"has {SEPARATORS[best]} between its columns, and is read so", "save it with commas to be sure")
    return best


def _count(line: str, mark: str) -> int:
    return re.sub(r'"[^"]*"', "", line).count(mark)


def _drop_empty_last_column(lines: list[tuple[int, list[str]]], where: str) -> None:
    width = len(lines[0][1])
    if not lines[0][1][-1] and width > 1:
        width -= 1
    elif not all(len(cells) == width + 1 for _, cells in lines[1:]):
        return
    if all(len(cells) <= width or (len(cells) == width + 1 and not cells[-1]) for _, cells in lines):
        for _, cells in lines:
            del cells[width:]
        warn(where, "has an empty last column (every line ends in a separator), which is left out", "save it without")


def _check_header(header: Sequence[str], comments: Sequence[str], separator: str, where: str) -> None:
    if all(is_number(cell) for cell in header[:-1] or header):  # the last may be a label
        behind = any(line.count(separator) == len(header) - 1 for line in comments)
        remedy = "take the # away from their names" if behind else "name the columns in the first line"
        raise FabError(where, "has no header, its first line holds numbers", remedy)


def _check_lengths(header: Sequence[str], rows: Sequence[tuple[int, list[str]]], where: str) -> None:
    for line, cells in rows:
        if len(cells) != len(header):
            remedy = "complete the row"
            if len(cells) == len(header) + 1 and counts_rows([row[0] for _, row in rows]):
                remedy = "leave out the column that numbers the rows (in R: row.names=FALSE)"
            raise FabError(f"{where}, line {line}", f"has {len(cells)} cells, the header {len(header)}", remedy)


def _has_decimal_commas(cells: Sequence[str], separator: str, where: str) -> bool:
    """Whether numbers are written 5,1; refused where that could be thousands, or points are decimal too."""
    if separator == ",":
        return False
    commas = [cell for cell in cells if WITH_COMMA.fullmatch(cell) or THOUSANDS.fullmatch(cell)]
    if not commas:
        return False
    points = next((cell for cell in cells if "." in cell and NUMBER.fullmatch(cell)), None)
    if points is not None:
        raise FabError(where, f"holds {commas[0]} and {points}: commas and points in numbers", "use points alone")
    if all(THOUSANDS.fullmatch(cell) for cell in commas):
        raise FabError(where, f"holds {commas[0]}, with a comma for thousands or decimals", "use points for decimals")
    warn(
        where, f"has decimal commas, and {commas[0]} is read as {commas[0].replace(',', '.')}", "use points to be sure"
    )
    return True
