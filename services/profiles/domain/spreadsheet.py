"""Bytes of a CSV file, as spreadsheets really write them, to named cells.

What concerns the whole file (its encoding, its header, its size) refuses the file; what concerns one row is that row's problem.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from contracts.errors import Invalid, Problem
from contracts.profiles import RowProblem
from services.profiles.domain import formulas, values

COLUMNS = (
    *("external_id", "name", "email", "job_title", "locale", "zone", "languages", "team", "manager"),
    *("career_stage", "industry", "function", "education", "region"),
    *("availability", "criticism", "offers", "needs", "role", "capacity"),
)
REQUIRED = ("external_id", "name", "email")
MOST_BYTES = 2 * 1024 * 1024
MOST_ROWS = 2_000
LONGEST_CELL = 5_000  # characters

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_MARKS = (  # UTF-32 first: its little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8", "UTF-8 with a byte order mark"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "UTF-16"),
)
_AGAIN = 'Save it as "CSV UTF-8" and try again.'


class UnreadableFile(Invalid):
    """Nothing of the file can be taken; nothing was changed."""


class FileTooLarge(Invalid):
    """The file has more bytes or more rows than one import takes; nothing was changed."""


class EmptyFile(Invalid):
    """There is nobody in the file."""


class WrongHeader(Invalid):
    """The first row does not name the columns as it should; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person's cells, by column and stripped of blanks; ``number`` as a spreadsheet counts, the header being row 1."""

    number: int
    cells: Mapping[str, str]
    problems: tuple[RowProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file as read: its rows, the columns that it has, and notes about how it was understood."""

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def read(content: bytes) -> Sheet:
    """The people in a CSV file; FileTooLarge, UnreadableFile, EmptyFile, WrongHeader."""
    if len(content) > MOST_BYTES:
        raise FileTooLarge(
            f"The file has {len(content):,} bytes; an import takes {MOST_BYTES:,}.",
            remedy="Split it into several files, each with the header; managers may be in an earlier one.",
        )
    text, encoding = _decoded(content)
    delimiter = _delimiter(text)
    records = _records(text, delimiter)
    header_number, header = next(
        ((number, cells) for number, cells, _ in records if any(cell.strip("\ufeff").strip() for cell in cells)),
        (0, []),
    )
    if not header:
        raise EmptyFile("The file is empty.", remedy=f"The first row names the columns: {', '.join(COLUMNS)}.")
    columns = _columns(header, number=header_number)
    rows: list[Row] = []
    blank = 0
    for number, cells, broken in records:
        if broken is None and not any(map(str.strip, cells)):
            blank += 1
            continue
        if len(rows) == MOST_ROWS:
            raise FileTooLarge(
                f"The file has more than {MOST_ROWS:,} people.",
                remedy="Split it into several files, each with the header; managers may be in an earlier one.",
            )
        rows.append(_row(number, cells, columns=columns, broken=broken))
    if not rows:
        raise EmptyFile("The file has a header and nobody below it.", remedy="Add a row for each person.")
    present = tuple(column for column in columns if column)
    return Sheet(tuple(rows), present, tuple(_notes(encoding, delimiter, present, blank=blank)))


def _decoded(content: bytes) -> tuple[str, str]:
    """The text and what the encoding is called."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableFile("This is a workbook, not a CSV file.", remedy=_AGAIN)
    for mark, codec, called in _MARKS:
        if content.startswith(mark):
            try:
                return content[len(mark) :].decode(codec), called
            except UnicodeDecodeError as error:
                raise UnreadableFile(
                    f"The file says that it is {called} and is not, at byte {error.start + len(mark)}.", remedy=_AGAIN
                ) from None
    # Without a mark UTF-16 shows itself by a zero byte beside the header's first letter; it would also pass as UTF-8.
    if 0 in content[:2]:
        codec = "utf-16-be" if content[0] == 0 else "utf-16-le"
        try:
            return content.decode(codec), "UTF-16"
        except UnicodeDecodeError:
            raise UnreadableFile("The file's encoding cannot be found out.", remedy=_AGAIN) from None
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "Windows-1252 (if names look wrong, save the file as CSV UTF-8)"
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            f"The file is neither UTF-8 nor UTF-16 nor Windows-1252: line {line} has the byte {content[error.start]:#04x}.",
            remedy=_AGAIN,
        ) from None


def _delimiter(text: str) -> str:
    """The delimiter by which the first line with anything in it names most of our columns; then the one that cuts it most."""
    first = next((line for line in text.replace("\r", "\n").split("\n") if line.strip("\ufeff \t,;")), "")

    def fit(delimiter: str) -> tuple[int, int]:
        cells = first.split(delimiter)
        return sum(_column_name(cell) in COLUMNS for cell in cells), len(cells)

    return max(_DELIMITERS, key=fit)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Number, cells and perhaps what is broken, of each record; UnreadableFile when the quotes do not close."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            yield number, next(reader), None
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                raise UnreadableFile(
                    f"A quotation mark opened in row {number} is never closed, so that the rows after it cannot be told apart.",
                    remedy='Close it, or write "" for a quotation mark inside a quoted cell.',
                ) from None
            yield number, [], str(error)


def _columns(header: list[str], *, number: int) -> list[str]:
    """The columns' names, "" for a nameless one; WrongHeader with every problem at once."""
    names = [_column_name(cell) for cell in header]
    while names and not names[-1]:
        names.pop()
    problems: list[Problem] = []
    missing = [column for column in COLUMNS if column not in names]
    for index, (cell, name) in enumerate(zip(header, names, strict=False)):
        where = f"row {number}, column {index + 1}"
        if name in names[:index] and name:
            problems.append(
                Problem(where, "names a column that is there already", values.shown(cell), "Keep one of them.")
            )
        elif name and name not in COLUMNS:
            near = get_close_matches(name, missing or COLUMNS, n=1, cutoff=0.6)
            remedy = f"Did you mean {near[0]}?" if near else f"Remove it, or use one of: {', '.join(COLUMNS)}."
            problems.append(Problem(where, "is not a column that we know", values.shown(cell), remedy))
    problems += [
        Problem(f"row {number}", f"lacks the column {column}", "", f"Add the column {column}.")
        for column in REQUIRED
        if column in missing
    ]
    if problems:
        raise WrongHeader(
            f"The header in row {number} does not name the columns as it should; nothing was taken.",
            remedy="Mend the header and try again.",
            problems=tuple(problems),
        )
    return names


def _column_name(cell: str) -> str:
    return "_".join(cell.strip('\ufeff" ').casefold().replace("-", " ").replace("_", " ").split())


def _row(number: int, cells: list[str], *, columns: list[str], broken: str | None) -> Row:
    if broken is not None:
        remedy = 'A cell with a quotation mark begins and ends with one, and "" stands for each inside.'
        return Row(number, {}, (RowProblem(row=number, column="", value="", message=broken, remedy=remedy),))
    problems: list[RowProblem] = []
    named = dict.fromkeys((column for column in columns if column), "")
    for index, cell in enumerate(cells):
        stripped = cell.strip()
        if not stripped:
            continue
        column = columns[index] if index < len(columns) else ""
        found: tuple[str, str] | None = None
        if not column:
            found = (
                f"stands in column {index + 1}, which has no name",
                "Put text that contains the delimiter in quotation marks, or name the column.",
            )
        elif len(stripped) > LONGEST_CELL:
            found = f"has {len(stripped):,} characters", f"Use at most {LONGEST_CELL:,}."
        elif formulas.is_formula(cell):
            found = "is a formula to a spreadsheet", "Begin the cell with a letter or a digit."
        elif not values.is_visible(" ".join(stripped.split())):
            found = "contains a character that cannot be seen", "Type it again instead of pasting it."
        if found:
            problems.append(
                RowProblem(
                    row=number, column=column, value=values.shown(cell.strip(" ")), message=found[0], remedy=found[1]
                )
            )
        elif column:
            named[column] = stripped
    return Row(number, named, tuple(problems))


def _notes(encoding: str, delimiter: str, columns: tuple[str, ...], *, blank: int) -> Iterator[str]:
    yield f"Read as {encoding}, cells separated by {_DELIMITERS[delimiter]}."
    if absent := [column for column in COLUMNS if column not in columns]:
        yield f"Not in the file, and left as they are: {', '.join(absent)}."
    if blank:
        yield f"Skipped empty rows: {blank}."
