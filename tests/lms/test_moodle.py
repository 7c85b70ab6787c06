"""Moodle's worksheet: grades and feedback are filled in, in any language, and every other byte stays."""

from __future__ import annotations

import io
import zipfile

import pytest

from autograder.lms.moodle import comment, feedback_zip, fill
from autograder.lms.students import Filled
from autograder.lms.table import TableError, parse

from .records import of, record

ENGLISH = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\n'
    '"Participant 657717","Jane Doe",jane@school.invalid,"Submitted for grading - ",,100.00,Yes,'
    '"Monday, 3 March 2025, 9:12 AM",-,\n'
    '"Participant 657718","Jo =1+1",jo@school.invalid,"No submission - ",50.00,100.00,Yes,-,'
    '"Tuesday, 4 March 2025, 9:12 AM","old, ""text"""\n'
)
FRENCH = (
    '\ufeff"Identifiant","Nom complet","Adresse de courriel","Statut","Note","Note maximale","La note peut être modifiée",'
    '"Dernière modification (travail remis)","Dernière modification (note)","Feedbacks par commentaires"\r\n'
    '"Participant 657717","Jane Doe","jane@school.invalid","Remis","","100,00","Oui","lundi 3 mars 2025, 09:12","-",""\r\n'
    '"Participant 657718","Zoé Roe","zoe@school.invalid","Non remis","12,50","100,00","Oui","-","-",""\r\n'
)
CHINESE = (
    '编号,状态,成绩,最高分,可更改成绩,"最后修改 (提交)","最后修改 (成绩)",反馈评论\n'
    '参与者657717,已提交,-,100.00,是,"2025年03月3日 星期一 09:12",-,\n'
    '参与者657718,未提交,-,100.00,是,-,-,\n'
)  # fmt: skip
TEAMS = (
    'Identifier,"Full name","Email address",Status,Group,Grade,"Maximum Grade","Grade can be changed","Last modified (grade)"\n'
    '"Participant 12","Jane Doe",jane@school.invalid,Submitted,"Team Blue",,100.00,Yes,-\n'
    '"Participant 13","Dan Roe",dan@school.invalid,Submitted,"Team Blue",,100.00,Yes,-\n'
    '"Participant 14","Eve Poe",eve@school.invalid,Submitted,"Team Red",,100.00,Yes,-\n'
)
JANE = of("Jane Doe_657717", 87.5, name="Jane Doe", moodle="657717")
BLIND = [of(f"Teilnehmer_{n}", 87.5, moodle=str(n)) for n in (657717,)]
SAID = "87.5 of 100 points<br>A1 scale: 87.5 of 99<br>B1 rnn_step: 0 of 1"


def filled(sheet: str, *records: dict, **settings: str) -> Filled:
    return fill(parse(sheet.encode(), "sheet.csv"), records, **settings)


def test_english() -> None:
    jo = of("Jo =1+1_657718", 3, name="Jo =1+1", moodle="657718")
    found = filled(ENGLISH, JANE, jo)
    expected = ENGLISH.replace(",,100.00", ",87.5,100.00").replace(",-,\n", f",-,{SAID}\n")
    expected = expected.replace("50.00", "3").replace(
        '"old, ""text"""', '"3 of 100 points<br>A1 scale: 3 of 99<br>B1 rnn_step: 0 of 1"'
    )
    assert found.data.decode() == expected
    assert found.said == "2 of 2 participants filled in, column 'Grade', feedback in 'Feedback comments'"
    assert found.problems == ()


def test_french_with_decimal_commas() -> None:
    found = filled(FRENCH, JANE)
    assert found.data.decode() == FRENCH.replace('"Remis",""', '"Remis","87,5"').replace('"-",""', f'"-","{SAID}"', 1)
    assert found.said == "1 of 2 participants filled in, column 'Note', feedback in 'Feedbacks par commentaires'"


def test_chinese_and_blind() -> None:
    found = filled(CHINESE, *BLIND)
    assert found.data.decode() == CHINESE.replace("已提交,-", "已提交,87.5").replace("-,\n", f"-,{SAID}\n", 1)
    # The one word for all participants, which a folder of one or two submissions does not tell from a name.
    assert filled(CHINESE, of("参与者_657717", 87.5, name="参与者", moodle="657717")).data == found.data


def test_teams_get_their_grade_by_the_groups_name() -> None:
    """A team's folder has the team's number, which may be some participant's by chance."""
    found = filled(TEAMS, of("Team Blue_14", 87.5, name="Team Blue", moodle="14"))
    assert found.data.decode() == TEAMS.replace('"Team Blue",', '"Team Blue",87.5')
    assert found.said == "2 of 3 participants filled in, column 'Grade'; the worksheet has no column for feedback"
    assert found.problems == ()


def test_another_worksheet_is_filled_in_for_nobody() -> None:
    """Numbers are of one assignment: there the same number is somebody else, and the same name has another."""
    dan, jane = of("Dan Roe_657717", name="Dan Roe", moodle="657717"), of("Jane Doe_9", name="Jane Doe", moodle="9")
    found = filled(ENGLISH, dan, jane)
    assert found.data.decode() == ENGLISH
    assert found.problems == ("Dan Roe_657717: fits no row", "Jane Doe_9: fits no row")


@pytest.mark.parametrize("student", [{"email": "JANE@school.invalid"}, {"name": "Jane Doe"}, None])
def test_submissions_of_another_system(student: dict[str, str] | None) -> None:
    one = of("x", **student) if student else record("jane_doe")
    assert filled(ENGLISH, one).data.decode().count(SAID) == 1


def test_what_is_not_filled_in_is_said() -> None:
    broken = {**JANE, "status": "grader_error", "submission": "broken"}
    twice = filled(ENGLISH, JANE, {**JANE, "submission": "again"}, broken)
    assert twice.data.decode() == ENGLISH
    assert twice.problems == (
        "broken: the grader could not judge it, nothing is filled in",
        "Jane Doe_657717, again: fit the same row, which is not filled in",
    )
    high = filled(ENGLISH, of("Jane Doe_657717", 109, name="Jane Doe", moodle="657717"))
    assert high.data.decode() == ENGLISH
    assert high.problems == (
        "Jane Doe_657717: 109 is above the maximum grade 100, which Moodle refuses; it is not filled in",
    )
    rival = filled(TEAMS, of("Team Blue_1", name="Team Blue", moodle="1"), of("Jane Doe_12", name="Jane Doe", moodle="12"))
    assert rival.problems == ("Team Blue_1: fits rows that are another's, none is filled in",)


def test_columns_can_be_named() -> None:
    sheet = 'Id,Punkte,Stand,Text,Ende\nTeilnehmer 5,,,a,b\n'
    found = filled(sheet, of("x_5", moodle="5"), grade="Stand", feedback="Ende")
    assert found.data.decode() == sheet.replace(",,,a,b", f",,87.5,a,{SAID}")


REFUSED = {
    "no worksheet": ("a,b\nx,y\n", {}, "sheet.csv: is no grading worksheet of Moodle: no participant's number in its first"),
    "no plain column": (
        "Id,a,b\nTeilnehmer 5,x,y\n", {},
        "sheet.csv: it is not plain which column takes the grade; name it with --grade-column (Id, a, b)"),
    "no such column": ("Id,a,b\nTeilnehmer 5,x,y\n", {"grade": "c"}, "sheet.csv: has no columns c; it has Id, a, b"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    sheet, settings, problem = REFUSED[case]
    with pytest.raises(TableError) as refused:
        filled(sheet, JANE, **settings)
    assert str(refused.value).startswith(problem)


def test_the_comment_is_html_and_no_formula() -> None:
    text = comment(record("x", 0, problem='<script>"&\u202e=\n'))
    assert text == "0 of 100 points<br>&lt;script&gt;&quot;&amp;\\u202e=\\u000a"


def test_feedback_files() -> None:
    odd = of("A_b: c\\u202e_7", name="x", moodle="7")
    found = feedback_zip([JANE, odd, record("plain"), of("no page", moodle="8")],
                         {"Jane Doe_657717": b"<p>1", odd["submission"]: b"<p>2", "plain": b""})  # fmt: skip
    assert _unzipped(found.data) == {
        "Jane Doe_657717_assignsubmission_file/feedback.html": b"<p>1",
        "A b c u202e_7_assignsubmission_file/feedback.html": b"<p>2",
    }
    assert found.problems == ("plain: is of no participant of Moodle, left out", "no page: has no page, left out")
    assert found.said == "2 pages; if teams handed in, add --moodle WORKSHEET, which says who is in them"
    again = feedback_zip([odd, JANE], {"Jane Doe_657717": b"<p>1", odd["submission"]: b"<p>2"})
    assert again.data == found.data


def _unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_teams_page_goes_to_its_members_alone() -> None:
    """The team's number 14 is Eve's, who is in another team."""
    blue = of("Team Blue_14", name="Team Blue", moodle="14")
    found = feedback_zip([blue], {"Team Blue_14": b"<p>"}, parse(TEAMS.encode(), "sheet.csv"))
    assert list(_unzipped(found.data)) == [f"Team Blue_{n}_assignsubmission_file/feedback.html" for n in (12, 13)]
    assert (found.said, found.problems) == ("2 pages", ())


def test_a_member_under_the_teams_name_and_those_of_no_team() -> None:
    """Up to Moodle 4.0 each member has a folder, the team's name before one's own; of no team has no number."""
    eve, rest = of("Team Red-Eve Poe_14", 8, name="Team Red-Eve Poe", moodle="14"), record("Team Blue", 9, group="Team Blue")
    found = filled(TEAMS, eve, rest)
    assert found.data.decode() == TEAMS.replace('"Team Blue",', '"Team Blue",9').replace('"Team Red",', '"Team Red",8')
    assert found.problems == ()
    blind = [of(f"Team {n}-参与者_65771{n}", name=f"Team {n}-参与者", moodle=f"65771{n}") for n in (7, 8)]
    assert filled(CHINESE, *blind).problems == ()
