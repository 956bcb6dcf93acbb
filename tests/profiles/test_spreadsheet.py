"""From bytes to named cells."""

import codecs

import pytest
from hypothesis import example, given, strategies as st

from contracts.errors import Invalid
from services.profiles.domain import spreadsheet
from services.profiles.domain.spreadsheet import EmptyFile, FileTooLarge, UnreadableFile, WrongHeader
from tests.profiles.making import COLUMNS, a_file, a_row

NAME = "Zoë Żółć"


class TestEncoding:
    @pytest.mark.parametrize(
        "content",
        [
            a_file([a_row(name=NAME)]),
            codecs.BOM_UTF8 + a_file([a_row(name=NAME)]),
            a_file([a_row(name=NAME)], encoding="utf-16"),
            codecs.BOM_UTF16_BE + a_file([a_row(name=NAME)], encoding="utf-16-be"),
            a_file([a_row(name=NAME)], encoding="utf-16-le"),
            a_file([a_row(name=NAME)], encoding="utf-16-be"),
            a_file([a_row(name=NAME)], encoding="utf-32"),
        ],
        ids=["utf-8", "utf-8 marked", "utf-16 marked", "utf-16-be marked", "utf-16-le", "utf-16-be", "utf-32"],
    )
    def test_is_found_out(self, content: bytes) -> None:
        assert spreadsheet.read(content).rows[0].cells["name"] == NAME

    def test_of_old_spreadsheets_is_read_and_said(self) -> None:
        sheet = spreadsheet.read(a_file([a_row(name="Zoë Müller")], encoding="cp1252"))
        assert sheet.rows[0].cells["name"] == "Zoë Müller"
        assert "Windows-1252" in sheet.notes[0]

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"external_id,name,email\nE1,\x81\xff,\n", "line 2 has the byte 0x81"),
            (codecs.BOM_UTF8 + b"external_id,name,email\nE1,\xff,", "says that it is UTF-8"),
            (b"PK\x03\x04anything", "workbook"),
        ],
    )
    def test_that_cannot_be_found_out_refuses_the_file(self, content: bytes, says: str) -> None:
        with pytest.raises(UnreadableFile, match=says) as refused:
            spreadsheet.read(content)
        assert "CSV UTF-8" in refused.value.remedy


class TestHeader:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_tells_the_delimiter(self, delimiter: str) -> None:
        sheet = spreadsheet.read(a_file([a_row()], delimiter=delimiter))
        assert sheet.rows[0].cells["languages"] == "pl:C2;en:B1"
        assert sheet.columns == tuple(COLUMNS)

    def test_is_forgiving_about_case_blanks_and_order(self) -> None:
        sheet = spreadsheet.read(b'"External ID", NAME ,Email,job-title,,\nE1,A,a@b.cd,x,,\n')
        assert sheet.columns == ("external_id", "name", "email", "job_title")
        assert sheet.rows[0].cells == {"external_id": "E1", "name": "A", "email": "a@b.cd", "job_title": "x"}

    def test_names_every_wrong_and_missing_column_at_once(self) -> None:
        with pytest.raises(WrongHeader, match="row 1") as refused:
            spreadsheet.read(b"external_id,name,langauges,shoe size,name\nE1,A,pl:C2,42,B\n")
        found = {(p.path, p.value): p.remedy for p in refused.value.problems}
        assert found["row 1, column 3", "langauges"] == "Did you mean languages?"
        assert "Remove it" in found["row 1, column 4", "shoe size"]
        assert ("row 1, column 5", "name") in found
        assert found["row 1", ""] == "Add the column email."
        assert len(refused.value.problems) == 4

    def test_may_lack_columns_that_nobody_needs_and_the_notes_say_so(self) -> None:
        sheet = spreadsheet.read(b"external_id;name;email\nE1;A;a@b.cd\n")
        assert "semicolon" in sheet.notes[0]
        assert sheet.notes[1].startswith("Not in the file, and left as they are: job_title, locale")


class TestRows:
    def test_are_counted_as_a_spreadsheet_does(self) -> None:
        content = b'external_id,name,email\nE1,"A\nB",a@b.cd\n,,\nE2,C,c@b.cd\n'
        sheet = spreadsheet.read(content)
        assert [row.number for row in sheet.rows] == [2, 4]
        assert "Skipped empty rows: 1." in sheet.notes

    @pytest.mark.parametrize("formula", ["=1+1", "+48 123", "-", "@SUM(A1)", "\t=1", "  =1", "＝1"])
    def test_with_a_formula_have_a_problem_that_names_the_cell(self, formula: str) -> None:
        row = spreadsheet.read(a_file([a_row(job_title=formula)])).rows[0]
        (problem,) = row.problems
        assert (problem.row, problem.column, problem.value) == (2, "job_title", formula.strip(" ").replace("\t", "�"))
        assert "formula" in problem.message
        assert row.cells["job_title"] == ""

    def test_with_too_many_cells_have_a_problem(self) -> None:
        (row,) = spreadsheet.read(b"external_id,name,email\nE1,Smith, John,j@b.cd\n").rows
        assert (row.problems[0].value, row.problems[0].row) == ("j@b.cd", 2)
        assert "quotation marks" in row.problems[0].remedy

    def test_that_end_early_have_empty_cells(self) -> None:
        (row,) = spreadsheet.read(b"external_id,name,email,team\nE1,John\n").rows
        assert row.cells == {"external_id": "E1", "name": "John", "email": "", "team": ""}
        assert row.problems == ()

    def test_with_stray_quotes_do_not_spoil_the_others(self) -> None:
        rows = spreadsheet.read(b'external_id,name,email\nE1,"A" x,a@b.cd\nE2,B,b@b.cd\n').rows
        assert [(row.number, bool(row.problems)) for row in rows] == [(2, True), (3, False)]

    def test_with_a_quote_that_never_closes_refuse_the_file(self) -> None:
        with pytest.raises(UnreadableFile, match="row 3"):
            spreadsheet.read(b'external_id,name,email\nE1,A,a@b.cd\nE2,"B,b@b.cd\nE3,C,\n')

    def test_with_invisible_characters_or_endless_text_have_a_problem(self) -> None:
        row = spreadsheet.read(a_file([a_row(name="Jan\x00", team="Mill\u202e", job_title="x" * 5001)])).rows[0]
        assert {problem.column for problem in row.problems} == {"name", "team", "job_title"}
        assert all(len(problem.value) <= 121 for problem in row.problems)


class TestSize:
    @pytest.mark.parametrize(
        "content", [b"", b"\n\n", b" ,,\r\n", codecs.BOM_UTF8, b",".join(c.encode() for c in COLUMNS)]
    )
    def test_of_nothing_is_said(self, content: bytes) -> None:
        with pytest.raises(EmptyFile):
            spreadsheet.read(content)

    def test_in_bytes_is_limited(self) -> None:
        with pytest.raises(FileTooLarge, match="2,097,153 bytes"):
            spreadsheet.read(b" " * (spreadsheet.MOST_BYTES + 1))

    def test_in_rows_is_limited(self) -> None:
        lines = b"".join(b"E%d,A,\n" % number for number in range(spreadsheet.MOST_ROWS + 1))
        with pytest.raises(FileTooLarge, match="2,000 people"):
            spreadsheet.read(b"external_id,name,email\n" + lines)


@given(st.binary(max_size=2000) | st.binary(max_size=500).map(lambda tail: b"external_id,name,email\n" + tail))
@example(b"external_id,name,email\n\x00")
@example(b"external_id,name,email\r\rE1,A,")
@example(b'"external_id","name","email\n')
def test_any_bytes_are_read_or_refused_with_a_remedy(content: bytes) -> None:
    refused = None
    try:
        assert spreadsheet.read(content).rows
    except Invalid as error:
        refused = error
    assert refused is None or (refused.message and refused.remedy)
