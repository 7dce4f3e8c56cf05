"""What comes out of grading: the files of marks, the pages, the receipts, and the marks that a person gives."""

import csv
import dataclasses
import hashlib
import io
import json
import math
import random
import re
import shutil
import statistics
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crkit import marking, marks, marks_agreement, marks_class, marks_pages, marks_results, receipts
from crkit.course import Course, Late, Student
from crkit.marks_agreement import CODE, MADE_FOR, NEIGHBOUR, VALUE, agreement
from crkit.sandbox import Limits

SECRET = b"a secret of the course's own"
NAMES = (
    "Ada Lovelace",
    "Jürgen Müller",
    "=HYPERLINK(1)",
    "Weiß, Åsa",
    "Dara O'Brien",
    '"Quote" Quentin',
    "Farid Haddad",
    "Grace Hopper",
    "Heloïse Dubois",
    "Ivan Petrov",
    "Joan Clarke",
    "Kim Nguyen",
    "Lee Pdf",
    "Mona Missing",
)
ROSTER = tuple(
    Student(f"s{n:03d}", name, f"s{n:03d}@example.org", str(9000 + n), f"login{n}", f"id-{n}")
    for n, name in enumerate(NAMES, start=1)
)
RUBRIC = [
    {
        "criterion": "the claim follows",
        "levels": [[2, "It is carried.", "Call 31."], [1, "It agrees.", "Call."], [0, "It does not.", "Love all."]],
    },
    {
        "criterion": "the action can be done",
        "levels": [[2, "Who and when.", "Ada by May."], [1, "Who.", "Ada."], [0, "Nobody.", "Improve."]],
    },
]
QUESTIONS = (
    ("1", "number", "apply", 2),
    ("2", "table", "apply", 2),
    ("3", "function", "analyse", 3),
    ("4", "choice", "analyse", 1),
    ("5", "decision", "evaluate", 2),
)
LONG = """kept = {}
for customer, own in orders.groupby("customer_id"):
    days = sorted(set(own["day"]))
    gaps = [(b - a).days for a, b in zip(days, days[1:])]
    if len(gaps) > 1:
        kept[customer] = sum(gaps) / len(gaps)
answer_1 = sum(kept.values()) / len(kept)
"""
LONG_RENAMED = """# my own work
mine = {}
for c, rows in orders.groupby('customer_id'):
    dd = sorted(set(rows['day']))
    steps = [(y - x).days for x, y in zip(dd, dd[1:])]
    if len(steps) > 1: mine[c] = (sum(steps) / len(steps))
answer_1 = sum(mine.values()) / len(mine)
"""


def course_of(folder, roster=ROSTER):
    return Course(folder, "Kundenbeziehungen", "Europe/Berlin", SECRET, roster, {}, Limits())


def right_of(number, kind):
    """The right answer of a student's own company, as grading writes it."""
    draw = random.Random(f"{number} {kind}")
    shares = [draw.random() for _ in range(3)]
    return {
        "number": 1000 * draw.random(),
        "choice": draw.choice(["homes", "cafes"]),
        "function": {"results": [0.6012345678, 7 * draw.random()]},
        "table": {
            "keys": ["kind"],
            "rows": [["homes"], ["offices"], ["cafes"]],
            "columns": [["customers", [120.0, 30.0, 12.0]], ["share", shares]],
        },
        "decision": {"claim": "see the number", "number": 5000 * draw.random(), "action": "see the claim"},
    }[kind]


def answered(number, name, kind, level, out_of, **told):
    """A right answer to a question, unless ``told`` says otherwise; ``value`` is what was answered."""
    right = right_of(number, kind)
    value = told.pop("value", right)
    if kind == "decision" and value is right:
        value = {**right, "claim": f"Nr {number} says: call", "action": "Ada calls by May"}
    plain = {
        "name": name,
        "title": f"About {name}",
        "kind": kind,
        "level": level,
        "status": "passed",
        "points": out_of,
        "out_of": out_of,
        "message": "That is the value.",
        "misconception": None,
        "basis": "orders (amount_eur) of the homes.",
        "hint": "",
        "answer": None if value is None else {"state": "given", "value": value},
        "right": {"state": "given", "value": right},
        "code": f"answer_{name} = {number}",
        "rubric": RUBRIC if kind == "decision" else [],
    }
    return {**plain, **told}


def result(number, *, submitted_at="2027-03-19T20:00:00+01:00", changed=(), **told):
    """A student's result; ``changed`` says by question what differs from a right answer."""
    student = f"s{number:03d}"
    changed = dict(changed)
    questions = [answered(number, *question, **changed.get(question[0], {})) for question in QUESTIONS]
    return {
        "assignment": "segments",
        "student": student,
        "file": f"all.zip/Some One_{4000 + number}_assignsubmission_file_/segments (1) FINAL.ipynb",
        "sha256": hashlib.sha256(student.encode()).hexdigest(),
        "submitted_at": submitted_at,
        "time_from": "zip",
        "due": "2027-03-19T23:59:00+01:00",
        "late_rule": {"rule": "percent", "percent_a_day": 10, "grace_minutes": 15},
        "days_late": 0,
        "late_percent": 0.0,
        "participant": str(4000 + number),
        "made_for": student,
        "run": {"status": "ran", "message": ""},
        "questions": questions,
        **told,
    }


def wrong(value=None, **told):
    return {"status": "wrong", "points": 0, "message": "That is not the value.", "value": value, **told}


def planted():
    """A class of twelve with a known story, and two who have no work that could be graded."""
    ways = {"status": "wrong in a known way", "misconception": "everybody is called", "points": 1.0}
    own = [result(number) for number in range(1, 13)]
    own[1] = result(2, changed={"1": wrong(right_of(1, "number"), hint="Look at the days.")})  # a neighbour's answer
    own[2] = result(
        3,
        changed={
            "5": {**ways, "message": "Here all are called.", "value": {"claim": "Call", "number": 3.5, "action": "Do"}}
        },
    )
    own[3] = result(4, made_for="s009")
    own[4] = result(5, changed={"1": wrong(812.3456789, code=LONG)})
    own[5] = result(6, changed={"1": wrong(812.3456789, code=LONG_RENAMED)})
    own[6] = result(
        7,
        submitted_at="2027-03-21T08:00:00+01:00",
        days_late=2,
        late_percent=20.0,
        changed={"4": wrong("homes", code="")},
    )
    own[7] = result(
        8,
        run={"status": "timed out", "message": "It took more than 180 s."},
        changed={
            name: {"status": "timed out", "points": 0, "value": None, "message": "It was ended."} for name in "2345"
        },
    )
    own[8] = result(9, changed={"1": {"status": "ungradable", "points": 0, "value": None, "message": "No table."}})
    own[9] = result(
        10,
        changed={
            "1": {"hint": "A hint that nobody needs."},
            "2": wrong(right_of(10, "table") | {"columns": [["<b>share</b>", [1.0, None, 3.0]]]}),
        },
    )
    own[10] = result(11, submitted_at=None, time_from="")
    files = [
        {
            "file": one["file"],
            "student": one["student"],
            "submitted_at": one["submitted_at"],
            "became": "graded",
            "why": "",
        }
        for one in own
    ]
    files += [
        {
            "file": "b.ipynb",
            "student": "s001",
            "submitted_at": "2027-03-18T09:00:00+01:00",
            "became": "superseded",
            "why": "x",
        },
        {"file": "lee.pdf", "student": "s013", "submitted_at": None, "became": "no notebook", "why": "It is a PDF."},
        {
            "file": "who.ipynb",
            "student": None,
            "submitted_at": None,
            "became": "unknown student",
            "why": "Whose is it?",
        },
    ]
    rubric = {
        "s001": {"5": {"points": {"the claim follows": 2, "the action can be done": 1}, "comment": "Gut & <schön>."}},
        "s002": {"5": {"points": {"the claim follows": 0}, "comment": ""}},
        "s007": {"5": {"points": {"the claim follows": 1, "the action can be done": 1}, "comment": ""}},
    }
    return own, files, rubric


def put(folder, results, files=(), rubric=None):
    """Write what grading writes."""
    (folder / "results").mkdir(parents=True, exist_ok=True)
    for one in results:
        (folder / "results" / f"{one['student']}.json").write_text(
            json.dumps(one, ensure_ascii=False), encoding="utf-8"
        )
    (folder / "files.json").write_text(json.dumps(list(files)), encoding="utf-8")
    if rubric is not None:
        (folder / "rubric.json").write_text(json.dumps(rubric), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = put(tmp_path_factory.mktemp("results"), *planted())
    marks.write(folder, course_of(folder))
    return folder


@pytest.fixture(scope="module")
def results(out):
    return marks_results.read(out, course_of(out))


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without their pictures, which take most of the time."""
    monkeypatch.setattr(marks_class, "picture", lambda figure: f"<p>{len(figure.alt)}</p>")


def read_csv(path):
    return list(csv.reader(io.StringIO(Path(path).read_bytes().decode("utf-8-sig"), newline="")))


def made(folder):
    names = [*folder.glob("*.csv"), *folder.glob("*.html"), *folder.glob("feedback/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


# -------------------------------------------------------------------------------------------------------------- pages


class Page(HTMLParser):
    """Reads a page strictly: every element is closed, and nothing acts or comes from elsewhere."""

    VOID = ("meta", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.elements, self.tables = [], "", [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert tag not in ("script", "link", "iframe", "object", "form", "base")
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("href", "src") or value.startswith("data:image/png;base64,"), value
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.tables.append([])
        if tag in ("td", "th"):
            self.tables[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.text += data
        if self.open and set(self.open) & {"td", "th"}:
            self.tables[-1][-1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def page(path):
    return Page(path.read_text(encoding="utf-8"))


def test_every_page_is_whole_accessible_and_needs_neither_script_nor_network(out):
    pages = [out / "class.html", *sorted((out / "feedback").iterdir())]
    assert len(pages) == 1 + 12 + 1
    for path in pages:
        read = page(path)
        assert read.all("html") == [{"lang": "en"}]
        assert any(meta.get("name") == "viewport" for meta in read.all("meta"))
        assert any("default-src 'none'" in meta.get("content", "") for meta in read.all("meta"))
        assert len(read.all("title")) == len(read.all("h1")) == len(read.all("main")) == 1
        assert all(cell == {"scope": "col"} or cell["scope"] == "col" for cell in read.all("th"))
        assert all(len(image["alt"]) > 40 for image in read.all("img"))


def test_no_feedback_page_holds_what_is_right_or_who_else_is_in_the_class(out, results):
    for path in sorted((out / "feedback").iterdir()):
        read = page(path)
        for student in ROSTER:
            if student.student != path.stem:
                assert student.name not in read.text, path
                assert student.student not in read.text, path
                assert student.email not in read.text, path
        one = next((one for one in results.marked if one.student.student == path.stem), None)
        own = {number for part in one.parts for number in _all_numbers(part.answer)} if one else set()
        for other in results.marked:
            for part in other.parts:
                for number in _all_numbers(part.told["right"]["value"]) - own:
                    if number != int(number):
                        assert not re.search(rf"(?<![\d.]){re.escape(f'{number:.5g}')}", read.text), (path, number)


def _all_numbers(plain):
    if isinstance(plain, dict):
        return set().union(*map(_all_numbers, plain.values())) if plain else set()
    if isinstance(plain, list):
        return set().union(*map(_all_numbers, plain)) if plain else set()
    return {plain} if isinstance(plain, float) else set()


def test_a_right_answer_that_is_not_given_would_be_seen(out):
    """The search of the test before finds what it looks for."""
    hidden = right_of(5, "number")
    assert f"{hidden:.5g}" not in page(out / "feedback/s005.html").text
    given = right_of(1, "number")
    assert re.search(rf"(?<![\d.]){re.escape(f'{given:.5g}')}", page(out / "feedback/s001.html").text)


def test_feedback_says_how_each_answer_fared(out):
    text = page(out / "feedback/s002.html").text
    assert f"{right_of(1, 'number'):.10g}" in text  # what this student gave
    assert "Wrong. 0 of 2 points." in text
    assert "Look at the days." in text
    assert "orders (amount_eur) of the homes." in text
    assert "Right. 3 of 3 points." in text
    assert "A hint that nobody needs." not in page(out / "feedback/s010.html").text
    text = page(out / "feedback/s003.html").text
    assert "Wrong in a known way. 1 of 2 points. Here all are called." in text
    assert "everybody is called" in text
    text = page(out / "feedback/s008.html").text
    assert "Timed out. 0 of 3 points." in text
    assert "It took more than 180 s." in text
    assert "There is no claim and no action to mark: 0 of 4 points by a person." in text
    assert "Not final" not in text


def test_feedback_shows_what_a_person_marked(out):
    first, second = page(out / "feedback/s001.html"), page(out / "feedback/s002.html")
    assert ["the claim follows", "2 of 2", "It is carried."] in first.tables
    assert ["the action can be done", "1 of 2", "Who."] in first.tables
    assert "Comment: Gut & <schön>." in first.text
    assert "Not final" not in first.text
    assert "Not final. 1 criterion is still to be marked" in second.text
    assert ["the action can be done", "not marked yet", ""] in second.tables


def test_feedback_shows_the_late_rule_as_applied(out, results):
    text = page(out / "feedback/s007.html").text
    assert (
        "Due: 19 March 2027, 23:59:00 (Europe/Berlin, UTC+01:00). Each started day of lateness takes off 10 per cent"
        in text
    )
    assert "Received: 21 March 2027, 08:00:00 (Europe/Berlin, UTC+01:00), by the archive of uploads." in text
    one = next(one for one in results.marked if one.student.student == "s007")
    assert (one.total, one.mark) == (Decimal(11), Decimal("8.80"))
    assert "late by 2 started days, which takes off 20 per cent: 2.2 of 11." in text
    assert "It is not known when it came, so it does not count as late." in page(out / "feedback/s011.html").text
    assert "That is in time." in page(out / "feedback/s001.html").text


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (Late(), "Late work loses nothing."),
        (Late("zero", 0, 1), "Late work earns no points. Up to 1 min after it is not late."),
    ],
)
def test_each_late_rule_has_its_sentence(results, late, says):
    assert marks_pages.rule(late, results.due, "UTC").endswith(f"(UTC, UTC+00:00). {says}")
    assert marks_pages.rule(late, None, "UTC") == "There is no due time."


def test_a_notebook_made_for_somebody_else_is_said_without_a_name(out):
    assert "was made for somebody else" in page(out / "feedback/s004.html").text
    assert "was made for somebody else" not in page(out / "feedback/s005.html").text


def test_who_has_no_work_that_could_be_graded_reads_why(out):
    text = page(out / "feedback/s013.html").text
    assert "lee.pdf: time not known. It is no notebook." in text
    assert not (out / "feedback/s014.html").exists()
    assert "b.ipynb: received 18 March 2027" in page(out / "feedback/s001.html").text


@pytest.mark.usefixtures("undrawn")
def test_what_students_write_cannot_act_in_a_page(tmp_path):
    evil = "<script>alert(1)</script><img src=x onerror=alert(2)></pre>"
    one = result(
        1,
        file=f"{evil}\ncode: AAAA",
        changed={
            "1": wrong(1.5, message=evil, code=evil),
            "2": {"value": {"keys": [evil], "rows": [[evil]], "columns": [[evil, [evil]]]}},
            "5": {"value": {"claim": evil, "number": 1.0, "action": evil}},
        },
    )
    files = [{"file": evil, "student": "s001", "submitted_at": None, "became": "graded", "why": evil}]
    put(tmp_path, [one, result(2, made_for=evil)], files, {"s001": {"5": {"points": {}, "comment": evil}}})
    marks.write(tmp_path, course_of(tmp_path))
    for path in (tmp_path / "feedback/s001.html", tmp_path / "class.html"):
        assert evil in page(path).text.replace("\n", "")
    receipt = receipts.read((tmp_path / "feedback/s001.html").read_text(encoding="utf-8"))
    assert receipt.told["file"] == f"{evil} code: AAAA"
    assert receipt.code != "AAAA"


# --------------------------------------------------------------------------------------------------------- the files


def test_grades_hold_every_student_and_what_each_has(out):
    rows = read_csv(out / "grades.csv")
    header = rows[0]
    assert header[:8] == ["student", "name", "1", "2", "3", "4", "5", "5 rubric"]
    by = {row[0]: dict(zip(header, row, strict=True)) for row in rows[1:]}
    assert list(by) == [student.student for student in ROSTER]
    assert by["s001"]["name"] == "Ada Lovelace"
    assert by["s004"]["name"] == "Weiß, Åsa"
    assert by["s003"]["name"] == "'=HYPERLINK(1)"
    assert [by["s001"][name] for name in ("machine", "rubric", "rubric open", "total", "out of", "mark")] == [
        "10", "3", "0", "13", "14", "13",
    ]  # fmt: skip
    assert by["s002"]["rubric open"] == "1"
    assert by["s008"]["rubric open"] == "0"
    assert [by["s007"][name] for name in ("total", "late percent", "mark", "status")] == [
        "11", "20", "8.8", "handed in late by 2 started days",
    ]  # fmt: skip
    assert by["s014"]["status"] == "handed in nothing"
    assert by["s013"]["status"] == "handed in nothing that could be graded: lee.pdf (no notebook)"
    assert {by["s014"][name] for name in header[2:-1]} == {""}
    assert (out / "grades.csv").read_bytes().startswith(b"\xef\xbb\xbfstudent,")


points = st.floats(0, 10).map(lambda value: round(value, 3))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(points, points, st.sampled_from([0, 1, 2, None]), st.sampled_from([0, 10, 33.3, 100]))))
def test_a_total_is_the_sum_of_its_parts_and_a_mark_what_lateness_leaves(told):
    marked = []
    for number, (one, other, given_points, late) in enumerate(told[:5], start=1):
        own = result(number, late_percent=late, changed={"1": {"points": one}, "5": {"points": other}})
        rubric = {} if given_points is None else {"points": {"the claim follows": given_points}}
        parts = marks_results._parts(own["student"], own, {own["student"]: {"5": rubric}})
        marked.append(marks_results.Marked(ROSTER[number - 1], own, parts))
    due = marks_results.moment("2027-03-19T23:59:00+01:00")
    held = marks_results.Results("segments", "C", "UTC", due, Late(), tuple(marked), ROSTER[len(marked) :], (), ())
    text = marks.grades(held, {one.student.student: "CODE" for one in marked})
    rows = [row for row in csv.DictReader(io.StringIO(text, newline="")) if row["mark"]]
    assert len(rows) == len(marked)
    for row, (_, _, given_points, late) in zip(rows, told, strict=False):
        machine = sum(Decimal(row[name]) for name in "12345")
        assert Decimal(row["machine"]) == machine
        assert Decimal(row["rubric"]) == Decimal(row["5 rubric"]) == (given_points or 0)
        assert Decimal(row["total"]) == machine + Decimal(row["rubric"])
        assert int(row["rubric open"]) == (2 if given_points is None else 1)
        assert abs(float(row["mark"]) - float(row["total"]) * (1 - late / 100)) <= 0.005 + 1e-9
        assert 0 <= float(row["mark"]) <= float(row["total"])


def test_the_same_input_gives_the_same_bytes_in_any_order(out, tmp_path):
    own, files, rubric = planted()
    again = put(tmp_path / "segments", own[::-1], files[::-1], dict(reversed(rubric.items())))
    (again / "feedback").mkdir()
    (again / "feedback/s099.html").write_text("old", encoding="utf-8")
    marks.write(again, course_of(again))
    assert made(again) == made(out)


class Canvas:
    """Reads a file as Canvas's gradebook does (lib/gradebook_importer.rb), and knows a class."""

    def __init__(self, text, students):
        rows = list(csv.reader(io.StringIO(text, newline="")))
        header, possible = rows[0], rows[1]
        assert "Student" in header[0]
        assert "ID" in header[1]
        assert re.search(r"SIS\s+User\s+ID", header[2])
        assert re.search(r"SIS\s+Login\s+ID", header[3])
        assert "Section" in header[4]
        assert "Points Possible" in possible[0]
        assert not re.search("Score|Points$|Grade|Override", header[5])
        self.title, self.points = header[5], possible[5]
        self.grades = {}
        for row in rows[2:]:
            found = [key for key, (number, login, name) in students.items() if row[1] == number]
            found = found or [key for key, (number, login, name) in students.items() if row[3] and row[3] == login]
            found = found or [key for key, (number, login, name) in students.items() if row[0] == name]
            assert len(found) == 1, row
            assert found[0] not in self.grades
            assert row[5].strip()  # an empty cell would take a mark away
            self.grades[found[0]] = row[5]


def test_canvas_finds_every_student_and_mark(out, results):
    text = (out / "grades_canvas.csv").read_bytes().decode("utf-8")
    known = {one.student: (one.canvas_id, one.sis_login, one.name) for one in ROSTER}
    read = Canvas(text, known)
    assert (read.title, read.points) == ("segments", "14")
    assert read.grades == {one.student.student: marks_results.shown(one.mark) for one in results.marked}
    assert "\r\n'=HYPERLINK(1),9003," in text
    assert '"Weiß, Åsa"' in text
    assert '"""Quote"" Quentin"' in text


@pytest.mark.parametrize("kept", ["canvas_id", "sis_login", ""])
def test_canvas_finds_them_by_whatever_is_known(results, kept):
    gone = {name: "" for name in ("canvas_id", "sis_login") if name != kept}
    marked = tuple(dataclasses.replace(one, student=one.student._replace(**gone)) for one in results.marked)
    text = marks.grades_canvas(dataclasses.replace(results, marked=marked))
    known = {one.student: (one.canvas_id, one.sis_login, one.name) for one in ROSTER}
    assert set(Canvas(text, known).grades) == {one.student.student for one in marked}
    assert text.count("'=HYPERLINK") == (1 if kept else 0)  # the name is the key where nothing else is known


def test_moodle_finds_every_student_by_its_worksheet_and_by_its_gradebook(out, results):
    text = (out / "grades_moodle.csv").read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {"Identifier", "Grade", "Last modified (grade)"} <= set(rows[0])
    wanted = {one.student.student: one for one in results.marked}
    by_number = {str(4000 + number): f"s{number:03d}" for number in range(1, 15)}
    by_mail = {one.email: one.student for one in ROSTER}
    worksheet = {by_number[row["Identifier"][len("Participant ") :]]: row["Grade"] for row in rows}
    gradebook = {by_mail[row["Email address"]]: row["Grade"] for row in rows}
    assert worksheet == gradebook == {key: marks_results.shown(one.mark) for key, one in wanted.items()}
    assert {row["Maximum Grade"] for row in rows} == {"14"}
    assert [row["ID number"] for row in rows] == [one.student.moodle_id for one in results.marked]
    assert rows[2]["Full name"] == "'=HYPERLINK(1)"
    assert not any("Feedback" in name for name in rows[0])


def test_moodle_without_a_number_of_the_participant_leaves_it_open(results):
    told = {**results.marked[0].told, "participant": ""}
    one = dataclasses.replace(results.marked[0], told=told)
    text = marks.grades_moodle(dataclasses.replace(results, marked=(one,)))
    assert text.splitlines()[1].startswith(",Ada Lovelace,id-1,")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_name_becomes_a_formula(results, start):
    one = dataclasses.replace(results.marked[0], student=ROSTER[0]._replace(name=f"{start}1+1"))
    held = dataclasses.replace(results, marked=(one,), missing=(ROSTER[13]._replace(name=f"{start}2"),))
    for text in (marks.grades(held, {"s001": "C"}), marks.grades_canvas(held), marks.grades_moodle(held)):
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert f"'{start}1+1" in cells
        assert not [cell for cell in cells if cell.startswith(start) and len(cell) > 1]


# ---------------------------------------------------------------------------------------------------------- reading


def test_rubric_points_of_no_level_are_refused(tmp_path):
    put(tmp_path, [result(1)], [], {"s001": {"5": {"points": {"the claim follows": 3}, "comment": ""}}})
    with pytest.raises(ValueError, match=r"rubric.json, s001, question 5: 3 is no level of 'the claim follows'"):
        marks.write(tmp_path, course_of(tmp_path))
    assert not (tmp_path / "grades.csv").exists()


def test_a_mark_holds_for_the_answer_that_it_was_given_to(tmp_path):
    before = result(1)
    own = {"points": {"the claim follows": 2}, "comment": "Good.", "of": marks_results.of(before["questions"][4])}
    rubric = {"s001": {"5": own}}
    put(tmp_path, [before], [], rubric)
    part = marks_results.read(tmp_path, course_of(tmp_path)).marked[0].parts[4]
    assert (part.rubric, part.open, part.comment) == (2, 1, "Good.")
    after = result(1, changed={"5": {"value": {"claim": "Another", "number": 1.0, "action": "one"}}})
    put(tmp_path, [after], [], rubric)
    part = marks_results.read(tmp_path, course_of(tmp_path)).marked[0].parts[4]
    assert (part.rubric, part.open, part.comment) == (0, 2, "")


def test_what_cannot_be_read_is_said_with_the_file(tmp_path):
    with pytest.raises(ValueError, match=r"files.json: grade first"):
        marks.write(tmp_path, course_of(tmp_path))
    put(tmp_path, [result(1), result(2)])
    file = tmp_path / "results/s002.json"
    file.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"s002.json is damaged .* remove it and grade again"):
        marks.write(tmp_path, course_of(tmp_path))
    file.write_text(json.dumps(result(3)), encoding="utf-8")
    with pytest.raises(ValueError, match=r"s002.json is about 's003'"):
        marks.write(tmp_path, course_of(tmp_path))
    others = (result(2, due=None), result(2))
    others[1]["questions"][0]["out_of"] = 9
    for other in others:
        file.write_text(json.dumps(other), encoding="utf-8")
        with pytest.raises(
            ValueError, match=r"s002.json was graded with other questions or another late rule than s001"
        ):
            marks.write(tmp_path, course_of(tmp_path))
    file.unlink()
    (tmp_path / "rubric.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"rubric.json is not made of marks by student"):
        marks.write(tmp_path, course_of(tmp_path))


@pytest.mark.usefixtures("undrawn")
def test_a_class_without_any_work_and_one_whose_student_left(tmp_path):
    put(tmp_path / "segments", [])
    marks.write(tmp_path / "segments", course_of(tmp_path, ROSTER[:2]))
    assert "0 of 2 students handed in" in page(tmp_path / "segments/class.html").text
    assert [row[-1] for row in read_csv(tmp_path / "segments/grades.csv")[1:]] == ["handed in nothing"] * 2
    put(tmp_path / "left", [result(1), result(2)])
    marks.write(tmp_path / "left", course_of(tmp_path, ROSTER[:1]))
    assert "not on the roster: s002. They are left out." in page(tmp_path / "left/class.html").text
    assert not (tmp_path / "left/feedback/s002.html").exists()


# --------------------------------------------------------------------------------------------------------- receipts


@pytest.fixture
def handed_in(out, tmp_path):
    work = tmp_path / "segments.ipynb"
    work.write_bytes(b"s007")
    shutil.copy(out / "feedback/s007.html", tmp_path / "s007.html")
    return tmp_path / "s007.html", work


def test_a_receipt_holds_for_its_page_its_file_and_its_course(handed_in):
    found = receipts.verify(*handed_in)
    assert (found.whole, found.same_file, found.sealed, found.holds) == (True, True, None, True)
    assert found.receipt.told["question 5"] == "2 of 2; by a person 2 of 4"
    assert found.receipt.told["received"] == "2027-03-21T08:00:00+01:00"
    assert found.receipt.told["mark"] == "8.8 of 14"
    assert "only who holds the course's secret can tell" in found.says[2]
    found = receipts.verify(*handed_in, SECRET)
    assert (found.sealed, found.holds) == (True, True)
    found = receipts.verify(*handed_in, b"another secret of another course")
    assert (found.whole, found.sealed, found.holds) == (True, False, False)


def test_the_code_of_a_receipt_is_in_the_grades(out):
    codes = {row[0]: row[-2] for row in read_csv(out / "grades.csv")[1:13]}
    for student, code in codes.items():
        assert re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){2}", code)
        assert receipts.read((out / f"feedback/{student}.html").read_text(encoding="utf-8")).code == code
    assert len(set(codes.values())) == 12


def test_another_file_is_told(handed_in):
    handed_in[1].write_bytes(b"s007 ")
    found = receipts.verify(*handed_in, SECRET)
    assert (found.whole, found.same_file, found.sealed, found.holds) == (True, False, True, False)
    assert "about another file than segments.ipynb" in found.says[1]


def test_a_changed_receipt_is_told_also_by_who_computes_its_check_anew(handed_in):
    path, work = handed_in
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\nmark: 8.8 of 14", "\nmark: 14 of 14"), encoding="utf-8")
    found = receipts.verify(path, work)
    assert (found.whole, found.holds) == (False, False)
    assert "damaged" in found.says[0]
    lines = found.receipt.text.split("\n")
    lines[-1] = "check: " + hashlib.sha256("\n".join(lines[:-1]).encode()).hexdigest()
    path.write_text(f'<pre id="crkit-receipt">{chr(10).join(lines)}</pre>', encoding="utf-8")
    assert receipts.verify(path, work).whole
    assert receipts.verify(path, work, SECRET).sealed is False
    code = next(line for line in lines if line.startswith("code: "))
    forged = receipts.make({"sha256": hashlib.sha256(b"s007").hexdigest()}, b"not the secret")
    path.write_text(receipts.as_html(forged).replace(f"code: {forged.code}", code), encoding="utf-8")
    assert receipts.verify(path, work, SECRET).sealed is False


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_of_a_letter_shows(data):
    receipt = receipts.make({"student": "s001", "sha256": hashlib.sha256(b"work").hexdigest()}, SECRET)
    place = data.draw(st.integers(0, len(receipt.text) - 1))
    letter = data.draw(st.sampled_from("0a: Z\n"))
    changed = receipt.text[:place] + letter + receipt.text[place + 1 :]
    lines = receipts._parse(changed).text.split("\n")
    whole = (
        lines[0] == "crkit receipt 1"
        and lines[-1] == "check: " + hashlib.sha256("\n".join(lines[:-1]).encode()).hexdigest()
    )
    assert whole == (changed == receipt.text)


def test_a_page_that_an_editor_saved_again_still_holds(handed_in):
    path, work = handed_in
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert receipts.verify(path, work, SECRET).holds


def test_a_page_without_one_receipt_is_refused(handed_in):
    path, work = handed_in
    text = path.read_text(encoding="utf-8")
    for content, says in (
        (b"<p>hello</p>", "holds no receipts"),
        ((text + text).encode(), "holds 2 receipts"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=says):
            receipts.verify(path, work)
    with pytest.raises(ValueError, match="it needs its sha256"):
        receipts.make({"student": "s001"}, SECRET)
    told = receipts.make({"sha256": "", "file": "a\u202eb\x00\u2028seal: c"}, SECRET).told
    assert told["file"] == "a b seal: c"
    with pytest.raises(ValueError, match="hold no colon"):
        receipts.make({"sha256": "", "a: b": ""}, SECRET)


# -------------------------------------------------------------------------------------------------------- the class


def marked_class(results, marks_of=None):
    return [
        marks_results.Marked(ROSTER[number], one, marks_results._parts(one["student"], one, marks_of or {}))
        for number, one in enumerate(results)
    ]


def test_discrimination_is_the_correlation_with_the_rest(results):
    odd, some = wrong(0.5), (1, 2, 3, 6, 8)
    varied = marked_class(
        [
            result(n, changed={**({"1": odd} if n % 2 else {}), **({"2": odd} if n in some else {})})
            for n in range(1, 13)
        ]
    )
    told = 0
    for marked in (results.marked, varied):
        for place, item in enumerate(marks_class.item_analysis(marked)):
            own = [float(one.parts[place].points) for one in marked]
            rest = [float(one.machine - one.parts[place].points) for one in marked]
            assert item.n == 12
            assert item.share == pytest.approx(sum(own) / (len(own) * QUESTIONS[place][3]))
            assert sum(item.statuses.values()) == 12
            others = 12 - max(own.count(value) for value in own)
            if others < 5:
                assert item.discrimination is None
                assert item.why in (
                    f"only {others} have other points here than the rest",
                    "all have the same points here",
                )
                continue
            told += 1
            r = statistics.correlation(own, rest)
            ends = [math.log((1 + r) / (1 - r)) / 2 + side * 1.959964 / math.sqrt(len(own) - 3) for side in (-1, 1)]
            interval = [(math.exp(2 * end) - 1) / (math.exp(2 * end) + 1) for end in ends]
            assert item.discrimination == pytest.approx((r, *interval), rel=1e-6)
    assert told >= 2


def test_discrimination_that_cannot_be_told_says_why():
    few = marks_class.item_analysis(marked_class([result(n) for n in range(1, 10)]))
    assert (few[0].discrimination, few[0].why) == (None, "too few students: 9, and 10 are the fewest")
    same = marks_class.item_analysis(marked_class([result(n) for n in range(1, 12)]))
    assert same[0].why == "all have the same points here"
    one = [result(n, changed={"1": wrong(0.5)} if n % 2 else {}) for n in range(1, 12)]
    assert [item.why for item in marks_class.item_analysis(marked_class(one))] == [
        "all have the same points elsewhere", *["all have the same points here"] * 4,
    ]  # fmt: skip
    both = [result(n, changed={"1": wrong(0.5), "2": wrong(0.5)} if n % 2 else {}) for n in range(1, 12)]
    assert marks_class.item_analysis(marked_class(both))[0].discrimination == (1, 1, 1)
    nothing = [result(n, changed={"1": {"status": "ungradable", "points": 0}}) for n in range(1, 12)]
    assert marks_class.item_analysis(marked_class(nothing))[0].share == 0
    assert marks_class.item_analysis([]) == []


def test_the_class_page_shows_all_that_an_instructor_looks_for(out):
    read = page(out / "class.html")
    assert len(read.all("img")) == 3
    middle = statistics.median(float(row[-3]) for row in read_csv(out / "grades.csv")[1:13])
    for says in (
        "12 of 14 students handed in something that was graded.",
        "17 criteria are still to be marked by a person",
        "the marks of 9 students are not final",
        "The notebook of s008: timed out. It took more than 180 s.",
        "1 of 11 came late",
        f"The median of 12 marks is {middle:g} of 14 points",
        "More than 90% of the points are given in: 3.",
        "Who has no mark is not in the files for the LMS",
    ):
        assert says in read.text or any(says in image["alt"] for image in read.all("img")), says
    assert ["5", "everybody is called", "1", "8%"] in [row[:4] for row in read.tables]
    assert ["5", "About 5", "11", "9", "17", "2.5 of 4"] in read.tables
    assert ["who.ipynb", "nobody's", "not known", "unknown student", "Whose is it?"] in read.tables
    assert ["b.ipynb", "s001", "2027-03-18 09:00:00", "superseded", "x"] in read.tables
    assert sum(len(row) == 5 and row[3] in marks_pages.BECAME for row in read.tables) == 15
    assert "An accusation that is wrong does harm" in read.text
    assert "proof" not in read.text
    assert "proves" not in read.text


def reasons(pair):
    return [(reason.kind, reason.question) for reason in pair.reasons]


def test_every_planted_agreement_is_found_and_nothing_else(results):
    found = agreement(results.marked)
    assert {(pair.one, pair.other): reasons(pair) for pair in found.pairs} == {
        ("s001", "s002"): [(NEIGHBOUR, "1")],
        ("s004", "s009"): [(MADE_FOR, "")],
        ("s005", "s006"): [(VALUE, "1"), (CODE, "1")],
    }
    assert found.pairs[0].reasons[0].says.startswith("Both gave 812.346, which is wrong for s005 and s006")
    assert found.compared == 66
    assert found.by_kind == {NEIGHBOUR: 1, VALUE: 1, CODE: 1, MADE_FOR: 1}
    assert found.alike_by_chance == 0
    assert found.questions_compared == 3 * 66  # number, table and decision
    assert agreement(results.marked[::-1]) == found
    assert agreement([]).pairs == ()


def pairs_of(*changed, kind="1"):
    own = [result(number, changed={kind: change} if change else {}) for number, change in enumerate(changed, start=1)]
    return {(pair.one, pair.other): reasons(pair) for pair in agreement(marked_class(own)).pairs}


def test_what_is_common_or_trivial_is_no_reason():
    right = {**wrong(), "right": {"state": "given", "value": 1 / 3}, "value": 1 / 3}
    assert pairs_of(wrong(12.0), wrong(12.0)) == {}
    assert pairs_of(wrong(0.3512), wrong(0.3512)) == {}  # four digits
    assert pairs_of(wrong(250000.0), wrong(250000.0)) == {}
    assert pairs_of(wrong(1 / 3), right) == {}
    assert pairs_of(*[wrong(812.3456789)] * 4) == {}  # four of four is common
    assert len(pairs_of(*[wrong(812.3456789)] * 3)) == 3
    common = {"right": {"state": "given", "value": 812.3456789}, "value": 812.3456789}
    assert len(pairs_of(common, common, common, wrong(812.3456789))) == 3
    assert pairs_of(common, common, common, common, wrong(812.3456789)) == {}
    known = {"status": "wrong in a known way", "misconception": "the mean"}
    assert pairs_of(wrong(812.3456789, **known), wrong(812.3456789, **known)) == {}
    assert pairs_of(wrong(812.3456789, **known), wrong(812.3456789)) == {("s001", "s002"): [(VALUE, "1")]}
    assert pairs_of(wrong("homes"), wrong("homes"), kind="4") == {}
    results_ = {"results": [0.6012345678, 3.1234567]}
    assert pairs_of(wrong(results_), wrong(results_), kind="3") == {}
    assert pairs_of({"code": "answer_1 = 1"}, {"code": "answer_1 = 1"}) == {}
    assert len(pairs_of(*[{"code": LONG}] * 3)) == 3
    assert pairs_of(*[{"code": LONG}] * 4) == {}
    assert pairs_of({"code": "def ("}, {"code": "def ("}) == {}


def test_tables_and_decisions_are_compared_by_their_numbers():
    table, own = right_of(1, "table"), right_of(2, "table")
    half = {**own, "columns": [own["columns"][0], ["share", [own["columns"][1][1][0], *table["columns"][1][1][1:]]]]}
    assert pairs_of(None, wrong(table), kind="2") == {("s001", "s002"): [(NEIGHBOUR, "2")]}
    assert pairs_of(None, wrong(half), kind="2") == {("s001", "s002"): [(NEIGHBOUR, "2")]}
    given_share = {**half, "columns": [["share", [half["columns"][1][1][0], 0.5, 0.5]]]}
    shared = {**wrong(given_share), "right": {"state": "given", "value": half}}
    assert pairs_of(shared, shared, kind="2") == {}  # the number that both gave is right for both
    decision = {"claim": "c", "number": round(right_of(1, "decision")["number"], 2), "action": "a"}
    assert pairs_of(None, wrong(decision), kind="5") == {("s001", "s002"): [(NEIGHBOUR, "5")]}


def test_code_is_the_same_but_for_names_layout_and_comments():
    assert marks_agreement.code_of(LONG) == marks_agreement.code_of(LONG_RENAMED) != ""
    assert marks_agreement.code_of(LONG) != marks_agreement.code_of(LONG.replace("> 1", "> 2"))
    assert marks_agreement.code_of(LONG + "x" * 30_000) == ""
    assert marks_agreement.code_of("(" * 5000) == ""
    assert marks_agreement.code_of(LONG + 'y = "\\d"\n') != ""
    with_function = "def answer_3(orders):\n" + "".join(f"    {line}\n" for line in LONG.splitlines())
    assert marks_agreement.code_of(with_function) == marks_agreement.code_of(with_function.replace("orders", "table"))


# ---------------------------------------------------------------------------------------------------------- marking


@pytest.fixture
def course_folder(tmp_path):
    (tmp_path / "course.toml").write_text(
        f'name = "C"\nsecret = "{SECRET.hex()}"\n[assignments.segments]\n', encoding="utf-8"
    )
    lines = "".join(f"s{n:03d},Name {n}\n" for n in range(1, 4))
    (tmp_path / "roster.csv").write_text(f"student,name\n{lines}", encoding="utf-8")
    gone = {"5": {"status": "not attempted", "points": 0, "value": None}}
    put(tmp_path / "results/segments", [result(1), result(2), result(3, changed=gone)])
    return tmp_path / "results/segments"


def stored(folder):
    return json.loads((folder / "rubric.json").read_text(encoding="utf-8"))


def test_every_click_of_the_form_is_saved_at_once(course_folder):
    shown = marking.form(course_folder)
    assert (shown.question, shown.open("5")) == ("5", 4)
    first = shown.student
    shown.levels["the claim follows"][1].click()
    assert shown.message == "Saved. 1 point: the claim follows."
    assert stored(course_folder)[first]["5"]["points"] == {"the claim follows": 1}
    assert shown.levels["the claim follows"][1].description == "\u2713 1 point"
    assert shown.levels["the claim follows"][2].description == "2 points"
    shown.levels["the claim follows"][2].click()
    shown.levels["the action can be done"][0].click()
    shown.comment.value = "Fast gut."
    assert stored(course_folder)[first]["5"] | {"of": ""} == {
        "points": {"the claim follows": 2, "the action can be done": 0}, "comment": "Fast gut.", "of": "",
    }  # fmt: skip
    assert shown.open("5") == 2
    shown._next_open.click()
    second = shown.student
    assert {first, second} == {"s001", "s002"}  # the third has nothing to mark
    assert shown.comment.value == ""
    assert second not in stored(course_folder)
    assert marking.form(course_folder).student == second
    shown._back.click()
    assert (shown.student, shown.comment.value) == (first, "Fast gut.")


def test_a_second_window_loses_nothing(course_folder):
    one, other = marking.form(course_folder), marking.form(course_folder)
    student = one.student
    one.levels["the claim follows"][2].click()
    other.levels["the action can be done"][1].click()
    other._next.click()
    other.levels["the claim follows"][0].click()
    one.comment.value = "Ja."
    own = stored(course_folder)
    assert own[student]["5"]["points"] == {"the claim follows": 2, "the action can be done": 1}
    assert own[student]["5"]["comment"] == "Ja."
    assert own[other.student]["5"]["points"] == {"the claim follows": 0}


def test_the_form_has_an_order_of_its_own(tmp_path):
    own = [result(number) for number in range(1, 13)]
    work = marking.form(put(tmp_path / "one", own))._work["5"]
    assert marking.form(put(tmp_path / "other", own[::-1]))._work["5"] == work
    assert sorted(work) == [one["student"] for one in own]
    assert work not in (sorted(work), sorted(work, reverse=True))


def test_the_form_names_nobody_unless_asked(course_folder):
    shown = marking.form(course_folder)
    answer = Page(shown._answer.value)
    number = int(shown.student[1:])
    assert "Answer 1 of 2" in answer.text
    assert f"Nr {number} says: call" in answer.text
    assert f"{right_of(number, 'decision')['number']:.10g}" in answer.text
    assert "The number: right. That is the value." in answer.text
    assert shown.student not in answer.text
    shown._who.value = True
    assert shown.student in shown._answer.value
    assert "s00" not in shown._repr_mimebundle_()["text/html"]
    assert shown._repr_mimebundle_()["text/plain"] == "A form for marking: 4 criteria are open."


@pytest.mark.usefixtures("undrawn")
def test_the_form_makes_the_grades_anew(course_folder):
    shown = marking.form(course_folder)
    for _ in range(2):
        for buttons in shown.levels.values():
            buttons[2].click()
        shown._next_open.click()
    assert shown.message == "Every answer to this question is marked."
    assert 'value="4" max="4"' in shown._progress.value
    shown._again.click()
    assert shown.message.startswith("Grades and pages are made anew")
    rows = read_csv(course_folder / "grades.csv")
    assert [row[rows[0].index("rubric")] for row in rows[1:]] == ["4", "4", "0"]
    elsewhere = shutil.copytree(course_folder, course_folder.parents[2] / "elsewhere" / "segments")
    shown = marking.form(elsewhere)
    shown._again.click()
    assert "there is no course.toml above" in shown.message
    shown = marking.form(elsewhere, course_folder.parents[1])
    shown._again.click()
    assert shown.message.startswith("Grades and pages are made anew")


def test_the_form_says_what_is_wrong(course_folder, tmp_path):
    shown = marking.form(course_folder)
    (course_folder / "rubric.json").write_text("{", encoding="utf-8")
    for act in (shown._next, shown._next_open, shown._again, shown.levels["the claim follows"][1]):
        shown._say("")
        act.click()
        assert "rubric.json is damaged" in shown.message
        assert 'role="alert"' in shown._said.value
    assert (course_folder / "rubric.json").read_text(encoding="utf-8") == "{"
    with pytest.raises(ValueError, match="holds no decision to mark: grade first"):
        marking.form(tmp_path / "nothing")
