"""Canvas's gradebook: one column is filled in, for those who are surely meant, and every other byte stays."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.lms.canvas import fill
from autograder.lms.students import Filled
from autograder.lms.table import TableError, parse

from .records import of, record

HEAD = "Student,ID,SIS User ID,SIS Login ID,Section,Other (7),Memory in Networks (201),Final Score"
BOOK = f"""\ufeff{HEAD}\r
,,,,,Manual Posting,,\r
    Points Possible,,,,,10,100,(read only)\r
"Doe, Jane",1001,SIS01,jdoe1,Sec 1,9.00,,8,\r
"O""Neil, =Zoë",1002,0202,zoe@school.invalid,Sec 1,,"1.50",\r
佐藤 花子,1003,SIS03,hsato,"Sec 1, 2",,EX,\r
"Doe, Jane",1004,SIS04,jdoe2,Sec 2,,3,\r
"Roe, Dan",1005,SIS05,roe,Sec 2,,-,\r
"Student, Test",1006,,abc,Sec 2,,,\r
""".replace(",8,\r", ",8\r")
TITLE = "memory-in-networks"


def filled(book: str, records: list, **settings: str) -> Filled:
    return fill(parse(book.encode("utf-8", "surrogateescape"), "book.csv"), records, title=TITLE, **settings)


def after(*changes: tuple[str, str]) -> bytes:
    text = BOOK
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text.encode()


def test_one_column_is_filled_in() -> None:
    found = filled(BOOK, [of("doejane_1001", 87.5, name="doejane", canvas="1001"), of("b", 2 / 3, sid="0202")])
    assert found.data == after(("9.00,,8", "9.00,87.5,8"), ('"1.50"', '"0.67"'))
    assert (found.said, found.problems) == ("2 of 6 students filled in, column 'Memory in Networks (201)'", ())


MATCHES = {
    "Canvas's number": ({"canvas": "1005", "name": "roedan"}, ()),
    "the school's number": ({"sid": "SIS05"}, ()),
    "login": ({"login": "ROE"}, ()),
    "name as Canvas cuts it": ({"name": "roedan"}, ()),
    "name": ({"name": "Dan Roe"}, ()),
    "name in another order": ({"name": "Roe, Dan"}, ()),
    "number before name": ({"canvas": "1005", "name": "Jane Doe"}, ()),
    "unknown number, known name": ({"sid": "99", "name": "Dan Roe"}, ()),
    "two of that name": ({"name": "Jane Doe"}, ("x (Jane Doe): fits 2 rows, none is filled in",)),
    "another of that name": ({"canvas": "1999", "name": "roedan"}, ("x (roedan): fits no row",)),
    "nobody": ({"name": "Eve"}, ("x (Eve): fits no row",)),
    "anonymous": ({"canvas": "anon_a1B2c"}, ("x: fits no row",)),
    "part of a number": ({"canvas": "100"}, ("x: fits no row",)),
    "leading zero": ({"sid": "202"}, ("x (202): fits no row",)),
}


@pytest.mark.parametrize("case", MATCHES)
def test_matching(case: str) -> None:
    student, problems = MATCHES[case]
    found = filled(BOOK, [of("x", 5, **student)])
    assert found.data == (BOOK.encode() if problems else after(("Sec 2,,-,", "Sec 2,,5,")))
    assert found.problems == problems


@pytest.mark.parametrize("other", ["रमा", "राम्", "र"])
def test_a_vowel_sign_makes_another_name(other: str) -> None:
    found = filled(BOOK.replace("佐藤 花子", "राम"), [of("x", 5, name=other)])
    assert found.problems == (f"x ({other}): fits no row",)


@pytest.mark.parametrize("name", ["1005", "SIS05", "roe", "Dan Roe", "roe_dan"])
def test_matching_by_the_name_of_a_folder(name: str) -> None:
    found = filled(BOOK, [record(name, 5)])
    assert (found.data, found.problems) == (after(("Sec 2,,-,", "Sec 2,,5,")), ())


def test_a_folder_that_may_be_two() -> None:
    book = BOOK.replace("Sec 2,,-,", "Sec 2,,-,").replace("SIS05", "1001")
    assert filled(book, [record("1001", 5)]).problems == ("1001: fits 2 rows, none is filled in",)


def test_a_group_is_filled_in_for_every_member() -> None:
    both = record("g", 5, students=[{"canvas": "1001"}, {"login": "zoe@school.invalid"}, {"name": "Eve"}])
    found = filled(BOOK, [both])
    assert found.data == after(("9.00,,8", "9.00,5,8"), ('"1.50"', '"5"'))
    assert found.problems == ("g (Eve): fits no row",)


def test_what_is_not_filled_in_is_said() -> None:
    found = filled(BOOK, [
        of("a", canvas="1001"), of("b", canvas="1001"), of("c", canvas="1003"),
        {**of("d", canvas="1005"), "status": "grader_error"},
    ])  # fmt: skip
    assert found.data == BOOK.encode()
    assert found.problems == (
        "d: the grader could not judge it, nothing is filled in",
        "c: is excused, which stays",
        "a, b: fit the same row, which is not filled in",
    )


def test_other_points_possible_are_said() -> None:
    found = filled(BOOK.replace(",10,100,", ",10,50,"), [of("x", canvas="1001")])
    assert found.problems == ("Points Possible is 50 in the gradebook and 100 in the records; points are not scaled",)


def test_semicolons_and_decimal_commas() -> None:
    book = "Student;ID;Section;Memory in Networks (201)\n    Points Possible;;;100,00\n\"Doe; Jane\";1001;S;\nRoe;1002;S;1,5\n"
    found = filled(book, [of("a", 87.5, canvas="1001"), of("b", 3, canvas="1002")])
    assert found.data == book.replace(";S;\n", ";S;87,5\n").replace("1,5", "3").encode()


def test_last_and_first_name_apart() -> None:
    book = "LastName,FirstName,ID,Section,Memory in Networks (201)\nDoe,Jane,1001,S,\n"
    assert filled(book, [of("a", 5, name="doejane")]).data == book.replace("S,\n", "S,5\n").encode()


def test_bytes_of_another_encoding_stay() -> None:
    book = BOOK.encode().replace("Zoë".encode(), b"Zo\xeb").decode("utf-8", "surrogateescape")
    found = filled(book, [of("a", 5, canvas="1001")])
    assert found.data == book.encode("utf-8", "surrogateescape").replace(b"9.00,,8", b"9.00,5,8")


COLUMNS = {
    "by title": (HEAD, {}, 6),
    "the only one": ("Student,ID,Section,Homework 4 (9)", {}, 3),
    "by header": (HEAD, {"column": "Other (7)"}, 5),
    "by number": (HEAD, {"column": "7"}, 5),
    "a title with parentheses": ("Student,ID,Section,A (1) (2),Memory (in) Networks (3)", {}, 4),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_the_column(case: str) -> None:
    header, settings, place = COLUMNS[case]
    row = ["Doe", "1001"] + [""] * (header.count(",") - 1)
    found = filled(f"{header}\n{','.join(row)}\n", [of("a", 5, canvas="1001")], **settings)
    row[place] = "5"
    assert found.data.decode() == f"{header}\n{','.join(row)}\n"


REFUSED = {
    "no gradebook": ("a,b\n1,2\n", {}, "book.csv: is no Canvas gradebook: the columns Student and ID are missing; export"),
    "several columns": (
        "Student,ID,Section,A (1),B (2)\nDoe,1,S,,\n", {},
        "book.csv: it is not plain which column is meant; name one with --column (A (1), B (2))"),
    "a title that is not there": (
        f"{HEAD}\nDoe,1,,,,,,\n", {"column": "New"},
        "book.csv: no column, or several, New; name one with --column (Other (7), Memory in Networks (201))"),
    "read only": (
        "Student,ID,Section,A (1)\n    Points Possible,,,(read only)\nDoe,1,S,\n", {},
        "book.csv: it is not plain which column is meant; name one with --column (none)"),
    "read only, and another beside": (
        "Student,ID,Section,Memory in Networks (1),B (2)\n    Points Possible,,,(read only),10\nDoe,1,S,,\n", {},
        "book.csv: Memory in Networks (1) is read only; let Canvas take grades for it, and export the gradebook again"),
    "the same twice": (
        "Student,ID,Section,A (1),A (1)\nDoe,1,S,,\n", {"column": "A (1)"}, "book.csv: no column, or several, A"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    book, settings, problem = REFUSED[case]
    with pytest.raises(TableError) as refused:
        filled(book, [], **settings)
    assert str(refused.value).startswith(problem)


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufeff"), max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=6), st.sampled_from(",;\t"), st.booleans(),
       st.sampled_from(["\n", "\r\n"]), st.booleans(), st.data())  # fmt: skip
def test_of_any_gradebook_only_that_column_changes(
    people: list[tuple[str, str]], separator: str, quoted: bool, end: str, mark: bool, data: st.DataObject
) -> None:
    """Whatever names and remarks say, those who were graded get their points, and the bytes between stay."""
    buffer = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=separator, quoting=quoting, lineterminator=end)
    rows = [["Student", "ID", "Section", "Homework (7)", "Memory in Networks (201)", "Remark"]]
    rows += [[f"x{name}", str(1000 + n), remark, "", "", remark] for n, (name, remark) in enumerate(people)]
    writer.writerows(rows)
    raw = ("\ufeff" if mark else "") + buffer.getvalue()
    graded = data.draw(st.sets(st.sampled_from(range(len(people)))))
    found = filled(raw, [of(f"s{n}", n + 5, canvas=str(1000 + n)) for n in graded])
    for n in graded:
        rows[n + 1][4] = str(n + 5)
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
    assert found.data.decode() == ("\ufeff" if mark else "") + buffer.getvalue()
    assert found.problems == ()
