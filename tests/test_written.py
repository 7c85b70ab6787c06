"""Written answers: a sheet that hides names, points that come back from it, and bad sheets of which nothing counts."""

from __future__ import annotations

import copy
import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autograder import cli
from autograder.authoring.declare import load_assignment
from autograder.checks.grader import answer_heading
from autograder.checks.question import Written
from autograder.grading import written
from autograder.grading.written import Answer, WrittenError, attach, code_of, codes_of, columns, in_order, merged, parse_sheet

from .conftest import ASSIGNMENT, ROOT, write_package

Run = Callable[..., "subprocess.CompletedProcess[str]"]
RUBRIC = ((1.0, "Names it."), (2.0, "Says why."))
HARD = Written("hardest", "G5", "Which is hardest?", 3.0, 10, RUBRIC, (("The last.", "It is near."),))
COST = Written("cost", "G6", "What does it cost?", 1.0, 5, ((1.0, "Time."),))
ASKED = (HARD, COST)
NAMES = ["ann", "bob", "cy"]
CODES = codes_of(NAMES, "s")
ANN, BOB, CY = (code_of(name, "s") for name in NAMES)
HOSTILE = "</textarea></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'"


def sheet(*rows: str, head: str = "code,question,points 1,points 2,comment", sign: str = ",") -> bytes:
    return "\r\n".join([head.replace(",", sign), *rows, ""]).encode()


def parsed(*rows: str, **given: str) -> dict[str, dict[str, Any]]:
    return parse_sheet(sheet(*rows, **given), "sheet.csv", ASKED, CODES)


# ---------------------------------------------------------------- the sheet


def test_codes_tell_no_name_and_depend_on_the_seed() -> None:
    assert len(set(CODES)) == 3
    assert code_of("ann", "s") != code_of("ann", "t")
    assert all(code_of(str(n), "s").isalpha() for n in range(300)), "a spreadsheet saves 12345678e9 as 1.23E+16"
    assert CODES[ANN] == "ann"
    assert codes_of(["ann", "ann"], "s") == {ANN: "ann"}


def test_two_names_with_one_code_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "code_of", lambda name, seed: "same")
    with pytest.raises(WrittenError, match="another one with --seed"):
        codes_of(["ann", "bob"], "s")


def test_each_question_has_an_order_of_its_own_and_empty_answers_come_last() -> None:
    answers = [Answer(f"{i:02}", number, "" if i == 3 else "text") for i in range(20) for number in ("G5", "G6")]
    ordered = in_order(answers, "s")
    assert ordered == in_order(answers[::-1], "s")
    orders = [[one.code for one in ordered if one.number == number] for number in ("G5", "G6")]
    assert orders[0] != orders[1] != sorted(orders[1])
    assert [order[-1] for order in orders] == ["03", "03"]
    assert in_order(answers, "t") != ordered


def test_the_csv_has_a_row_an_answer_that_no_spreadsheet_runs() -> None:
    answers = [Answer(ANN, "G5", "=1+1, \"so\"\ntwo", (("cell 3", "1e-8"),)), Answer(ANN, "G6", "")]
    rows = list(csv.DictReader(io.StringIO(written.sheet_csv(ASKED, answers), newline="")))
    assert columns(ASKED) == ["code", "question", "points 1", "points 2", "comment"]
    assert [(row["code"], row["question"], row["points 1"]) for row in rows] == [(ANN, "G5", ""), (ANN, "G6", "")]
    assert rows[0]["answer"] == "'=1+1, \"so\"\ntwo"
    assert rows[0]["measured"] == "cell 3\n1e-8"
    assert rows[0]["rubric"] == "1 (1): Names it.\n2 (2): Says why."


def page(folder: Path, *answers: Answer) -> Path:
    path = folder / "sheet.html"
    path.write_text(written.sheet_page(ASKED, answers, title="A toy", stem="sheet"), encoding="utf-8")
    return path


def test_points_entered_in_the_browser_come_back(open_page: Callable[..., Any], tmp_path: Path) -> None:
    answers = [Answer(ANN, "G5", "first"), Answer(BOB, "G5", "last"), Answer(ANN, "G6", "time")]
    shown = open_page(page(tmp_path, *answers))
    assert shown.text_content("#said") == "0 of 3 graded"
    shown.fill(f"#a-G5-{ANN} input >> nth=0", "1")
    assert shown.text_content("#said") == "0 of 3 graded, 1 partly or out of range"
    shown.click("#save")
    assert "not saved" in shown.text_content("#said")
    shown.fill(f"#a-G5-{ANN} input >> nth=1", "1.5")
    shown.fill(f"#a-G5-{ANN} textarea", '=well, "almost"\nand 2')
    shown.fill(f"#a-G6-{ANN} input", "0")
    assert shown.text_content("#said") == "2 of 3 graded"
    shown.keyboard.press("Tab")
    with shown.expect_download() as download:
        shown.click("#save")
    assert download.value.suggested_filename == "sheet.csv"
    found = parse_sheet(Path(download.value.path()).read_bytes(), "sheet.csv", ASKED, CODES)
    assert found["ann"]["G5"] == {"points": [1.0, 1.5], "comment": '=well, "almost"\nand 2'}
    assert found == {"ann": {"G5": found["ann"]["G5"], "G6": {"points": [0.0], "comment": ""}}}
    for _ in range(20):  # kept, should the window close; a busy browser writes what a page keeps a moment later
        shown.reload()
        if shown.input_value(f"#a-G5-{ANN} input >> nth=1"):
            break
        shown.wait_for_timeout(200)
    assert shown.input_value(f"#a-G5-{ANN} input >> nth=1") == "1.5"
    assert shown.text_content("#said") == "2 of 3 graded"
    shown.fill(f"#a-G5-{ANN} input >> nth=1", "2.5")
    assert "1 partly or out of range" in shown.text_content("#said")


def test_hostile_answers_stay_text(open_page: Callable[..., Any], tmp_path: Path) -> None:
    shown = open_page(page(tmp_path, Answer(ANN, "G5", f"{HOSTILE}\n\n# no *heading*", ((HOSTILE, HOSTILE),))), width=380)
    assert shown.locator("img").count() == 0
    assert shown.locator("script").count() == 1
    assert shown.locator(".answer > p").all_text_contents() == [HOSTILE, "# no *heading*"]
    assert shown.evaluate("document.documentElement.scrollWidth") == 380


def test_the_sheet_is_accessible(accessible: Callable[[Path], None], tmp_path: Path) -> None:
    answers = [Answer(ANN, "G5", "first", (("cell 3", "1e-8"),)), Answer(BOB, "G5", ""), Answer(ANN, "G6", "time")]
    accessible(page(tmp_path, *answers))


# ---------------------------------------------------------------- points back


def test_points_are_read_by_item() -> None:
    found = parsed(f"{ANN},G5,1,1.5,good", f"{BOB},G6,0,,", f"{BOB},G5,,,")
    assert found == {"ann": {"G5": {"points": [1.0, 1.5], "comment": "good"}}, "bob": {"G6": {"points": [0.0], "comment": ""}}}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("sign", [";", "\t"])
def test_what_spreadsheets_save_is_read(mark: bytes, sign: str) -> None:
    data = mark + sheet(sign.join([ANN, "G5", "1", "0,5", '"a; b"']), sign.join(["", "", "", "", ""]), sign=sign)
    assert parse_sheet(data, "sheet.csv", ASKED, CODES)["ann"]["G5"] == {"points": [1.0, 0.5], "comment": "a; b"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("nobody,G5,1,1,", "row 2: the code 'nobody' stands for nobody; is the sheet of other results or another seed?"),
        (f"{ANN},G7,1,1,", "row 2: there is no written question 'G7'; there are G5, G6"),
        (f"{ANN},G5,1,2.5,", "row 2: G5: 'points 2' is '2.5'; write a number from 0 to 2"),
        (f"{ANN},G5,-1,0,", "'points 1' is '-1'; write a number from 0 to 1"),
        (f"{ANN},G5,nan,0,", "'points 1' is 'nan'; write a number from 0 to 1"),
        (f"{ANN},G5,\x1bone,0,", "'points 1' is '\\u001bone'; write a number from 0 to 1"),
        (f"{ANN},G5,1,,", "'points 2' is empty and others are not; fill in all of them, or none"),
        (f"{ANN},G6,1,1,", "G6 has 1 items; 'points 2' belongs to none"),
        (f"{ANN},G6,,1,", "G6 has 1 items; 'points 2' belongs to none"),
    ],
)
def test_wrong_rows_are_refused(row: str, message: str) -> None:
    with pytest.raises(WrittenError) as error:
        parsed(row)
    assert message in str(error.value)
    assert str(error.value).endswith("nothing was merged")


def test_all_wrong_rows_are_told_and_nothing_counts() -> None:
    with pytest.raises(WrittenError) as error:
        parsed(f"{ANN},G5,1,1,", f"{ANN},G5,1,1,", "x,G5,1,1,", *["y,G5,0,0,"] * 20)
    lines = str(error.value).splitlines()
    assert lines[0] == f"sheet.csv: row 3: {ANN}, G5 is there twice; keep one row"
    assert "row 4: the code 'x'" in lines[1]
    assert lines[-2:] == ["and 10 more", "nothing was merged"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe", "is not UTF-8; save it as CSV UTF-8"), (b"", "has no column code, question, points 1"),
        (b"code,question\n", "has no column points 1"), (b'code,question,points 1\n"a', "is no CSV"),
        (b"code,question,points 1,code\n", "a column is there twice"),
    ],
)  # fmt: skip
def test_what_is_no_sheet_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(WrittenError, match=message):
        parse_sheet(data, "sheet.csv", ASKED, CODES)


def test_merging_twice_changes_nothing_and_other_points_replace() -> None:
    first, new, other = merged({}, parsed(f"{ANN},G5,1,1,", f"{BOB},G6,1,,"), NAMES)
    assert (new, other) == (2, 0)
    again, new, other = merged(first, parsed(f"{ANN},G5,1,1,"), NAMES)
    assert (again, new, other) == (first, 0, 0)
    changed, new, other = merged(first, parsed(f"{ANN},G5,0,1,"), NAMES)
    assert (new, other) == (0, 1)
    assert changed["ann"]["G5"]["points"] == [0.0, 1.0]
    assert changed["bob"] == first["bob"]
    assert merged(first, {}, ["bob"])[0] == {"bob": first["bob"]}  # who is gone is gone


def test_points_stand_beside_a_record_that_stays_as_it_is() -> None:
    record = {"submission": "ann", "total": 7.0}
    points = {"ann": {"G5": {"points": [1.0, 0.5], "comment": "good"}}}
    found = attach(record, points, ASKED)
    assert found == {**record, "written": [{"name": "hardest", "number": "G5", "earned": 1.5, "possible": 3.0,
                                            "points": [1.0, 0.5], "comment": "good"}]}  # fmt: skip
    assert attach(found, points, ASKED) == found
    assert attach(found, {}, ASKED) == record
    assert record == {"submission": "ann", "total": 7.0}


@pytest.mark.parametrize(
    "text",
    ["", "3", "[]", '{"seed": 3, "points": {}}', '{"seed": "s"}', '{"seed": "s", "points": {"a": 1}}',
     '{"seed": "s", "points": {"a": {"G5": {"points": ["1"], "comment": ""}}}}',
     '{"seed": "s", "points": {"a": {"G5": {"points": [1], "comment": 3}}}}',
     '{"seed": "s", "points": {"a": {"G5": {"points": [NaN], "comment": ""}}}}'],
)  # fmt: skip
def test_a_damaged_file_of_points_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / written.NAME).write_text(text)
    with pytest.raises(WrittenError, match="is damaged; restore it"):
        written.read_points(tmp_path)


# ---------------------------------------------------------------- the command

TEMPLATE = json.loads((ROOT / "student_template" / "memory_in_networks.ipynb").read_text(encoding="utf-8"))
TEXTS = {"ann": "The first token: 30 factors.", "bob": HOSTILE, "cy": ""}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A graded folder of three, and the submissions beside it: ann's notebook has numbers, cy's is as it was given."""
    assignment = load_assignment(ASSIGNMENT)
    folder = tmp_path / "results"
    for name, answer in TEXTS.items():
        questions = [
            {"name": q.name, "number": q.number, "module": q.module, "verdict": "passed", "earned": q.points,
             "possible": q.points, "optional": q.optional, "outputs": [], "cases": []}
            for q in assignment.questions
        ]  # fmt: skip
        record = {"submission": name, "content": "", "bundle": "b", "status": "graded", "problem": "", "notes": [],
                  "printed": "", "total": 109.0, "possible": 95.0, "questions": questions}  # fmt: skip
        (folder / "records").mkdir(parents=True, exist_ok=True)
        (folder / "records" / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
        book = copy.deepcopy(TEMPLATE)
        for cell in book["cells"]:
            if cell["metadata"].get("autograder", {}).get("answer") == "G5" and answer:
                cell["source"] = [f"{answer_heading('G5')}\n", "\n", answer]
            if cell["cell_type"] == "code" and "gradient_norms(" in "".join(cell["source"]) and name == "ann":
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "t = 0: 3.1e-09"}]
        place = write_package(tmp_path / "submissions" / name, {"rnn": b"raise SystemExit\n"})
        (place / "memory_in_networks.ipynb").write_text(json.dumps(book), encoding="utf-8")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(*arguments: object) -> int:
    return cli.main(["written", *map(str, arguments)])


def test_from_a_sheet_to_points_and_back(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet_path = results.parent / "sheet"
    assert command(results, results.parent / "submissions", "--out", sheet_path, "--seed", "s") == 0
    assert "G5 hardest_part: 2 answers, 1 submissions without one" in capsys.readouterr().out
    html, table = (sheet_path.with_suffix(end).read_text(encoding="utf-8-sig") for end in (".html", ".csv"))
    for text in (html, table):
        assert not any(f">{name}<" in text or f"{name}," in text for name in TEXTS)
        assert ANN in text
        assert "t = 0: 3.1e-09" in text
        assert "gradient_norms: right" in text
    assert "Names the first token" in html
    before = (results / "records" / "ann.json").read_bytes()
    filled = results.parent / "filled.csv"
    head = "code,question,points 1,points 2,points 3,points 4,comment\n"
    filled.write_text(f"{head}{ANN},G5,1,1,0.5,0,good\n{BOB},G6,1,,,,\n", encoding="utf-8")
    assert command(results, "--merge", filled) == 0
    assert "2 answers newly graded, 0 graded anew; ungraded: 2 of G5, 2 of G6" in capsys.readouterr().out
    record = json.loads((results / "records" / "ann.json").read_bytes())
    assert record.pop("written")[0]["earned"] == 2.5
    assert record == json.loads(before)
    page_text = (results / "feedback" / "ann.html").read_text(encoding="utf-8")
    assert "2.5 of 4" in page_text
    grades = list(csv.DictReader(io.StringIO((results / "grades.csv").read_text(encoding="utf-8"))))
    shown = [(row["total"], row["hardest_part"], row["buys_and_costs"]) for row in grades]
    assert shown == [("109", "2.5", ""), ("109", "", "1"), ("109", "", "")]
    once = files(results)
    assert command(results, "--merge", filled, filled) == 0
    assert files(results) == once
    bad = results.parent / "bad.csv"
    bad.write_text(f"{head}{CY},G5,1,1,1,1,\n{CY},G6,7,,,,\n", encoding="utf-8")
    assert command(results, "--merge", filled, bad) == 2
    assert "row 3: G6: 'points 1' is '7'" in capsys.readouterr().err
    assert files(results) == once


def test_exports_count_merged_points_and_say_which_are_not_there(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "journal.jsonl").write_text('{"assignment": "memory-in-networks"}\n', encoding="utf-8")
    export = ["export", str(results), "--csv", "--gradescope", "--junit"]

    def points() -> list[tuple[str, str, str]]:
        text = (results / "export" / "students.csv").read_text(encoding="utf-8")
        return [(row["points"], row["possible"], row.get("hardest_part", "-")) for row in csv.DictReader(io.StringIO(text))]

    assert cli.main(export) == 0
    assert (points(), capsys.readouterr().err) == ([("109", "95", "-")] * 3, "")
    assert command(results, results.parent / "submissions", "--out", results.parent / "sheet", "--seed", "s") == 0
    assert cli.main(export) == 1
    assert "a sheet for written answers was made, and no points of it are merged yet" in capsys.readouterr().err
    filled = results.parent / "filled.csv"
    head = "code,question,points 1,points 2,points 3,points 4,comment\n"
    filled.write_text(f"{head}{ANN},G5,1,1,0.5,0,good\n", encoding="utf-8")
    assert command(results, "--merge", filled) == 0
    capsys.readouterr()
    assert cli.main(export) == 1
    said = "G5 hardest_part: 2 of 3 submissions, such as bob, have no points for it yet, and are exported without"
    assert capsys.readouterr().err.splitlines() == [said]
    assert points() == [("111.5", "99", "2.5"), ("109", "95", ""), ("109", "95", "")]
    uploaded = json.loads((results / "export/gradescope/ann/results.json").read_bytes())
    assert uploaded["score"] == 111.5
    assert {test["visibility"] for test in uploaded["tests"] if "score" in test} == {"after_due_date"}
    filled.write_text(head + "".join(f"{code},G5,1,1,1,0,\n" for code in (BOB, CY)), encoding="utf-8")
    assert command(results, "--merge", filled) == 0
    capsys.readouterr()
    assert cli.main(export) == 0
    assert (points()[1], capsys.readouterr().err) == (("112", "99", "3.0"), "")


def test_a_sheet_made_again_has_the_same_codes(results: Path) -> None:
    submissions, one, two = results.parent / "submissions", results.parent / "one.html", results.parent / "two.csv"
    assert command(results, submissions, "--out", one) == 0
    assert command(results, submissions, "--out", two) == 0
    assert one.with_suffix(".csv").read_bytes() == two.read_bytes()
    assert written.read_points(results)["seed"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{results}"], "give either --out SHEET, to make a sheet, or --merge FILE.csv"),
        (["{results}", "{results}", "--out", "x", "--merge", "y"], "give either --out SHEET"),
        (["{results}", "--out", "x"], "name the submissions too"),
        (["{results}/records", "--merge", "x.csv"], "no sheet was made of it; make one with --out, or give its --seed"),
        (["{results}/records", "--seed", "s", "--merge", "x.csv"], "holds no records"),
        (["{results}", "--seed", "s", "--merge", "missing.csv"], "missing.csv: No such file"),
        (["{results}", "{results}/records", "--out", "x"], ""),
    ],
)
def test_bad_commands_are_refused(
    arguments: list[str], message: str, results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(results.parent)
    given = [argument.format(results=results) for argument in arguments]
    assert command(*given, "--assignment", ASSIGNMENT) == 2
    assert message in capsys.readouterr().err
    assert not (results / written.NAME).exists()


def test_who_has_no_record_is_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (results / "records" / "cy.json").unlink()
    assert command(results, results.parent / "submissions", "--out", results.parent / "sheet") == 0
    assert "cy: has no record in" in capsys.readouterr().err


def test_an_assignment_without_written_questions_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    toy = tmp_path / "assignments" / "toy"
    (toy / "questions").mkdir(parents=True)
    for name in ("properties.py", "oracles.py"):
        (toy / name).write_bytes((ASSIGNMENT / name).read_bytes())
    (toy / "questions" / "order.py").write_bytes((ASSIGNMENT / "questions" / "order.py").read_bytes())
    (toy / "assignment.toml").write_text(
        'name = "toy"\ntitle = "Toy"\nversion = "1"\npackage = "toy"\nquestions = ["order"]\n'
        'hidden_seed = "drawn by chance, they say"\n[parts]\nA = "Order"\n',
        encoding="utf-8",
    )
    assert command(results, results, "--out", "x", "--assignment", toy) == 2
    assert "declares no [[written]] question" in capsys.readouterr().err
