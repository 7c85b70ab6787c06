"""A CSV file keeps every byte that is not asked to change."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.lms.table import TableError, csv_text, decimal_comma, number, parse, read_table, safe

FILES = {
    "plain": b"a,b\n1,2\n",
    "byte order mark and CRLF": b"\xef\xbb\xbf\"a\",b\r\n1,\"2,\"\"x\"\"\"\r\n",
    "no last line end": b"a,b\r\n1,2",
    "blank lines": b"\r\na,b\n\n1,2\n\n\n",
    "old Macintosh": b"a,b\r1,2\r",
    "semicolons": b"a;b;c\n\"1,5\";2,5;x\n",
    "tabs": b"a\tb\n1\t2\n",
    "line ends in cells": b'a,"b\nc\r\nd"\n"1\n",2\n',
    "no UTF-8": b"a,caf\xe9\n\xff,\xfe\n",
    "spaces": b" a , b \n 1 , 2 \n",
    "written on": b'a,b\n"1"x,2\n',
    "short rows": b"a,b,c\n1\n,2\n",
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_every_byte_stays(case: str) -> None:
    data = FILES[case]
    table = parse(data, "x.csv")
    assert table.with_cells({}) == data
    # Writing what a cell says already changes nothing either, but for text that follows a closing quote.
    same = {(r, c): cell.value for r, row in enumerate(table.rows) for c, cell in enumerate(row)}
    if case not in ("spaces", "written on"):
        assert table.with_cells(same) == data


def test_one_cell_changes() -> None:
    table = parse(FILES["byte order mark and CRLF"], "x.csv")
    assert (table.header, table.value(1, 1)) == (["a", "b"], '2,"x"')
    assert table.with_cells({(1, 0): "9", (1, 1): "7"}) == b'\xef\xbb\xbf"a",b\r\n9,"7"\r\n'
    assert table.with_cells({(1, 0): 'a "b", c\n'}) == b'\xef\xbb\xbf"a",b\r\n"a ""b"", c\n","2,""x"""\r\n'


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=8)


@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=5), st.sampled_from([0, 3]), st.data())
def test_cells_are_those_of_the_csv_module(rows: list[list[str]], quoting: int, data: st.DataObject) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL if quoting == 3 else csv.QUOTE_MINIMAL).writerows([["a", "b", "c"], *rows])
    raw = buffer.getvalue().encode()
    table = parse(raw, "x.csv")
    assert [[cell.value for cell in row] for row in table.rows] == [["a", "b", "c"], *rows]
    assert table.with_cells({}) == raw
    row, column, value = data.draw(st.integers(1, len(rows))), data.draw(st.integers(0, 2)), data.draw(cells)
    changed = table.with_cells({(row, column): value}).decode()
    expected = [list(one) for one in rows]
    expected[row - 1][column] = value
    assert list(csv.reader(io.StringIO(changed, newline=""))) == [["a", "b", "c"], *expected]


@given(st.binary(max_size=200).filter(lambda data: b"\0" not in data))
def test_any_bytes_stay_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(TableError):
        assert parse(data, "x.csv").with_cells({}) == data


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "x.csv: is empty; name the file that was exported"),
        (b"\n\n", "x.csv: is empty"),
        (b'a,b\n\n"1,2\n', "x.csv:3: a quote opens and does not close; take the file as it was exported"),
        (b'a,b\n1,"\n",3\n', "x.csv:2: has 3 cells and the header 2; take the file as it was exported"),
        (b"\xff\xfea\0", "x.csv: is no CSV file in UTF-8; take it as it was exported, or save it as CSV UTF-8"),
        (b"PK\3\4", "x.csv: is no CSV file in UTF-8"),
        (b"a\0b", "x.csv: is no CSV file in UTF-8"),
    ],
)
def test_refused(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(data)
    with pytest.raises(TableError) as refused:
        read_table(tmp_path / "x.csv")
    assert str(refused.value).startswith(problem)


def test_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"gone\.csv: cannot be read \(No such file or directory\); name the file"):
        read_table(tmp_path / "gone.csv")
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    with pytest.raises(TableError, match=r"large\.csv: is larger than 64 MB; name the file that was exported"):
        read_table(tmp_path / "large.csv")


def test_numbers() -> None:
    assert [number(value, False) for value in (0.0, 87.5, 100, 1 / 3, 99.999)] == ["0", "87.5", "100", "0.33", "100"]
    assert number(87.5, True) == "87,5"
    assert [number(87.5, False, there) for there in ("87.50", "87,500", "87.51", "EX")] == ["87.50", "87,500", "87.5", "87.5"]
    assert decimal_comma(["87,50"], ",")
    assert decimal_comma([""], ";")
    assert not decimal_comma(["87.5"], ";")
    assert not decimal_comma(["87"], ",")


def test_our_own_tables_hold_no_formula() -> None:
    assert csv_text([["=1+1", "-", "--", "-x", 3, 'a"b']]) == "'=1+1,-,--,'-x,3,\"a\"\"b\"\r\n"
    assert safe("＝1") == "'＝1"
