"""A course's folder, handing out, and taking in what an LMS gives."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import re
import zipfile

import nbformat
import pandas as pd
import pytest
import teaching
from hypothesis import given
from hypothesis import strategies as st

from crkit import assignments, course, datasets, handin, handout, intake, nbgrader_form
from crkit.cli import main
from crkit.course import Late, Student
from crkit.questions.core import Question

ROSTER = "student,name\ns001,Ada Lovelace\ns002,Bo Öström\n"
DUE = datetime.datetime(2027, 3, 19, 23, 59, tzinfo=datetime.UTC)


@pytest.fixture
def its(tmp_path):
    return teaching.make_course(tmp_path / "course", ROSTER)


# ---------------------------------------------------------------------------------------------------------- the course


def test_a_new_course_can_be_read_as_it_is(tmp_path, capsys):
    folder = tmp_path / "mycourse"
    assert main(["course", "init", str(folder)]) == 0
    its = course.read(folder)
    assert set(its.tasks) == set(assignments.names())
    assert len(its.secret) == 32
    assert its.roster[0].name == "Ada Example"
    assert all(task.due is not None and task.due.utcoffset() is not None for task in its.tasks.values())
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^(\d)\. ", readme, re.MULTILINE) == list("123456")
    secret = its.secret
    assert main(["course", "init", str(folder)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert course.read(folder).secret == secret
    course.init(tmp_path / "other")
    assert course.read(tmp_path / "other").secret != secret


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("time_zone", "timezone", "timezone is unknown"),
        ("Europe/Berlin", "Berlin", "time_zone is 'Berlin'"),
        ('secret = "5e', 'secret = "xx', "secret is not a hexadecimal number"),
        (f'secret = "{"5e" * 32}"', 'secret = "5e5e"', "shorter than 32"),
        ('rule = "percent"', 'rule = "half"', "rule is 'half'"),
        ("percent_a_day = 10", "percent_a_day = 110", "percent_a_day is 110"),
        ("cell_seconds = 2", "cell_seconds = 0", "cell_seconds is 0"),
        ("memory_mb = 400", "memory_mb = 400.5", "a whole number"),
        ("2027-03-19T23:59:00", '"soon"', "due is 'soon'"),
        ("[late]", "[late", "not valid TOML"),
        ('folder = "exercises/tiny"', "", "there is no assignment 'tiny'"),
        ("[late]", "late = 3\n[later]", "later is unknown"),
    ],
)
def test_a_wrong_course_is_refused_with_a_sentence(its, old, new, says):
    file = its.folder / "course.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(says)):
        course.read(its.folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column 'student'"),
        ("student,name\n", "names no student"),
        ("id,name\n1,Ada\n", "has no column 'student'; its columns are id, name"),
        ("student,name\na b,Ada\n", "line 2: student is 'a b'"),
        ("student,name\n../x,Ada\n", "line 2: student is '../x'"),
        ("student,name\ns1,Ada\nS1,Bo\n", "line 3: student S1 stands in line 2 already"),
        ("student,name,canvas_id\ns1,Ada,7\ns2,Bo,7\n", "line 3: canvas_id 7 stands in line 2 already"),
        ("student,name\ns1,\n", "line 2: student s1 has no name"),
    ],
)
def test_a_wrong_roster_is_refused_with_its_line(its, text, says):
    (its.folder / "roster.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(says)):
        course.read(its.folder)


def test_a_roster_as_excel_saves_it(its):
    (its.folder / "roster.csv").write_bytes("student;name;email\ns1;Bo Öström;bo@x.org\n\n".encode("utf-8-sig"))
    assert course.read(its.folder).roster == (Student("s1", "Bo Öström", "bo@x.org"),)
    (its.folder / "roster.csv").write_bytes("student,name\ns1,Bo Öström\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8"):
        course.read(its.folder)


@pytest.mark.parametrize(
    ("late", "after", "expected"),
    [
        (Late("percent", 10, 15), {"minutes": 15}, (0, 0.0)),
        (Late("percent", 10, 15), {"minutes": 15, "seconds": 1}, (1, 10.0)),
        (Late("percent", 10, 15), {"days": 1, "minutes": 15}, (1, 10.0)),
        (Late("percent", 10, 15), {"days": 1, "minutes": 16}, (2, 20.0)),
        (Late("percent", 40, 0), {"days": 9}, (9, 100.0)),
        (Late("zero", 0, 0), {"seconds": 1}, (1, 100.0)),
        (Late("none", 50, 0), {"days": 3}, (3, 0.0)),
        (Late("zero", 0, 0), {"days": -3}, (0, 0.0)),
    ],
)
def test_late_work(late, after, expected):
    assert late.applied(DUE + datetime.timedelta(**after), DUE) == expected
    assert late.applied(None, DUE) == late.applied(DUE, None) == (0, 0.0)


@given(
    st.integers(-100_000, 10_000_000),
    st.integers(0, 1_000_000),
    st.floats(0, 100),
    st.integers(-12, 14),
)
def test_later_is_never_better_and_the_clock_on_the_wall_does_not_matter(seconds, more, percent, hours):
    late = Late("percent", percent, 10)
    at = DUE + datetime.timedelta(seconds=seconds)
    days, taken = late.applied(at, DUE)
    assert (days, taken) == late.applied(at.astimezone(datetime.timezone(datetime.timedelta(hours=hours))), DUE)
    later_days, later = late.applied(at + datetime.timedelta(seconds=more), DUE)
    assert later_days >= days
    assert 100 >= later >= taken >= 0


# --------------------------------------------------------------------------------------------------------- handing out


def unpacked(path):
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def code_of(notebook):
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def solution_lines(folder):
    found = re.findall(
        r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", code_of(handout.source_notebook(folder)), re.DOTALL
    )
    lines = {line.strip() for block in found for line in block.splitlines()}
    return {line for line in lines if len(line) > 12}


@pytest.mark.parametrize("name", assignments.names())
def test_a_zip_holds_no_solution_no_truth_and_no_secret(tmp_path, name):
    secret = bytes.fromhex("5e" * 32)
    its = teaching.make_course(tmp_path / "course", "student,name\ns001,Ada Lovelace\n")
    task = its.task("tiny")._replace(name=name, folder=assignments.find(name))
    handed = list(handout.hand_out(its, task, tmp_path / "out", jobs=1))
    files = unpacked(handed[0].zip)
    assignment = assignments.load(task.folder)
    tables = {f"data/{table}.csv" for table in (*assignment.tables, *assignment.extra)}
    assert set(files) == {f"{name}.ipynb", "questions.json", "READ_ME.txt", "COLUMNS.txt", *tables}
    notebook = nbformat.reads(files[f"{name}.ipynb"].decode(), as_version=4)
    nbformat.validate(notebook)
    text = b"\n".join(files.values()).decode()
    drawn = assignments.draw(assignment, secret, "s001")
    for hidden in (secret.hex(), "SOLUTION", "misconception", "../", str(drawn.company.seed), drawn.company.scenario):
        assert hidden not in text, hidden
    assert {line for line in solution_lines(task.folder) if line in code_of(notebook)} == set()
    planted = {"drop_day", "dropped_at", "buying_rate", "alive_at_end"} | set(drawn.company.truth.columns)
    for table in tables - {f"data/{each}.csv" for each in assignment.extra}:
        known = {field.name for field in datasets.fields(table[5:-4])}
        columns = set(pd.read_csv(io.BytesIO(files[table]), nrows=0).columns)
        assert columns <= known
        assert not (columns & planted) - {"customer_id", *known}
    asked = json.loads(files["questions.json"])
    assert {key for each in asked for key in each} == {"form", "title", "points"}
    asks = " ".join(question.ask for question in assignment.questions)
    says = " ".join(known.says for question in assignment.questions for known in question.misconceptions)
    told = [each for each in re.split(r"[.:;] ", says) if len(each) > 30 and each not in asks and each in text]
    assert told == []
    # what is judged on is what the student has, to the last digit
    own = handout.own_source(assignment, secret, "s001")
    for table, frame in own.tables.items():
        pd.testing.assert_frame_equal(frame, datasets.read_files({table: files[f"data/{table}.csv"]})[table])
        if table in assignment.tables:
            pd.testing.assert_frame_equal(frame, drawn.source[table].reset_index(drop=True))


def test_each_student_has_a_company_of_their_own_and_always_the_same(its, tmp_path):
    task = its.task("tiny")
    first = list(handout.hand_out(its, task, tmp_path / "a", jobs=1))
    again = list(handout.hand_out(its, task, tmp_path / "b", jobs=2))
    assert [each.zip.read_bytes() for each in first] == [each.zip.read_bytes() for each in again]
    ada, bo = (unpacked(each.zip) for each in first)
    assert ada["data/orders.csv"] != bo["data/orders.csv"]
    other = assignments.draw(assignments.load(task.folder), b"another secret, as long", "s001")
    assert handout.tables_as_files(other.source)["data/orders.csv"] != ada["data/orders.csv"]
    spread = (tmp_path / "a" / "spread.html").read_text(encoding="utf-8")
    assert {each.scenario for each in first} <= {word for word in ("healthy", "impersonal") if word in spread}
    merge = pd.read_csv(tmp_path / "a" / "handout.csv")
    assert merge["zip"].tolist() == ["s001_tiny.zip", "s002_tiny.zip"]
    assert merge["name"].tolist() == ["Ada Lovelace", "Bo Öström"]
    assert pd.read_csv(tmp_path / "a" / "spread.csv")["student"].tolist() == ["s001", "s002"]


def test_an_unfit_company_is_drawn_again_and_the_report_says_how_often(its, tmp_path):
    file = its.task("tiny").folder / "questions.py"
    counts = [
        len(assignments.draw(assignments.load(file.parent), its.secret, each.student).source["orders"])
        for each in its.roster
    ]
    needed = min(counts) + 1
    file.write_text(file.read_text().replace("< 300", f"< {needed}"), encoding="utf-8")
    assignments._load.cache_clear()
    handed = list(handout.hand_out(its, its.task("tiny"), tmp_path / "out", jobs=1))
    assert sum(len(each.unfit) for each in handed) > 0
    assert all(each.difficulty["orders"] >= needed for each in handed)
    assert "too few orders" in (tmp_path / "out" / "spread.html").read_text(encoding="utf-8")
    file.write_text(file.read_text().replace(f"< {needed}", "< 10**9"), encoding="utf-8")
    assignments._load.cache_clear()
    with pytest.raises(ValueError, match="none of 200 companies is fit for s001"):
        list(handout.hand_out(its, its.task("tiny"), tmp_path / "out", jobs=1))


def test_the_students_notebook_runs_from_its_files_alone_and_shows_what_is_read(its, tmp_path, monkeypatch):
    handed = next(iter(handout.hand_out(its, its.task("tiny"), tmp_path / "out", jobs=1)))
    for name, content in unpacked(handed.zip).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)

    def shown(answers):
        space = {}
        for cell in teaching.submission(its, "s001", answers).cells:
            if cell.cell_type == "code" and cell.id != "last":
                exec(cell.source, space)
        read = handin.show(space)
        assert all(text in read._repr_html_() for text in read.table["title"])
        return read.table["what is read"].tolist()

    blank = shown({})
    assert blank.pop(1) == "nothing: the function does nothing yet"
    assert all(text.startswith("nothing: Replace") for text in blank)
    read = shown(teaching.SOLUTIONS)
    assert read[1:3] == [
        "a function; it is called when it is graded",
        "a table of 4 rows by channel, with amount_eur",
    ]
    assert read[3].startswith("number: ")
    assert "Ada calls on Monday." in read[3]
    wrong = shown(
        {"1": 'answer_1 = "12"', "2": "answer_2 = 3", "3": "answer_33 = 1\ndel answer_33", "4": "answer_4 = {}"}
    )
    assert wrong[0].startswith("cannot be read: '12' is text")
    assert wrong[1].startswith("cannot be read: This question takes a function")
    assert wrong[2] == "nothing: there is no answer_3"
    assert wrong[3].startswith("nothing: The decision is empty")
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"no questions\.json here"):
        handin.show({})
    with pytest.raises(FileNotFoundError, match="keep the notebook beside the folder"):
        datasets.read_folder("data")


def test_marks_of_solutions_that_do_not_pair_are_refused(its):
    source = handout.source_notebook(its.task("tiny").folder)
    source.cells[3].source = "### BEGIN SOLUTION\nanswer_1 = 1"
    with pytest.raises(ValueError, match="do not stand in pairs"):
        handout.student_notebook(source, "tiny", "s001")
    source.cells[3].source = "### BEGIN SOLUTION\nanswer = 1\n### END SOLUTION"
    with pytest.raises(ValueError, match="answers no question"):
        handout.student_notebook(source, "tiny", "s001")


def test_the_form_for_nbgrader_judges_without_knowing_the_way(its, tmp_path):
    made = nbgrader_form.write(its, its.task("tiny"), tmp_path)
    notebook = nbformat.read(made[0], as_version=4)
    tests = {c.id: c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade") and "test" in c.id}
    assert {name: cell.metadata["nbgrader"]["points"] for name, cell in tests.items()} == {
        "test-1": 2, "test-2": 3, "test-3": 1, "test-4": 2,
    }  # fmt: skip
    by_hand = [c.metadata["nbgrader"] for c in notebook.cells if c.metadata["nbgrader"]["grade"] and c.id == "a4"]
    assert [(told["points"], told["solution"]) for told in by_hand] == [(2, True)]
    with contextlib.chdir(made[0].parent):
        space = {}
        exec(code_of(nbformat.v4.new_notebook(cells=[c for c in notebook.cells if c.id != "last"])), space)
        wrong = {"answer_1": space["orders"]["amount_eur"].mean(), "answer_2": lambda *_: 0, "answer_3": ...}
        for name, answer in {**wrong, "answer_4": {"claim": "", "number": 3, "action": ""}}.items():
            with pytest.raises(AssertionError, match=f"Question {name[-1]}"):
                exec(tests[f"test-{name[-1]}"].source, {**space, name: answer})


# ----------------------------------------------------------------------------------------------------------- taking in

CLASS = (
    Student("s001", "Ada Lovelace", canvas_id="1234", sis_login="alove"),
    Student("s002", "Bo Öström"),
    Student("s003", "Ana María de la Cruz", moodle_id="M-77"),
    Student("s004", "Bo Nguyen"),
    Student("s005", "Nguyen Bo"),
)


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    its = teaching.make_course(tmp_path_factory.mktemp("in") / "course", ROSTER)
    notebook = teaching.submission(its, "s002")
    notebook.metadata.pop("crkit")
    return teaching.as_bytes(notebook)


def sorted_in(names, content, **more):
    uploads = [intake.Upload(name, content, None, "") for name in names]
    return intake.sort(uploads, CLASS, "tiny", ["segments"], None, **more)


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("lovelaceada_1234_99_tiny.ipynb", "s001"),
        ("lovelaceada_LATE_1234_99_tiny-3.ipynb", "s001"),
        ("somebodyelse_1234_99_tiny.ipynb", "s001"),
        ("strmbo_7_99_tiny.ipynb", None),
        ("ostrombo_7_99_tiny.ipynb", "s002"),
        ("Bo Öström_4321_assignsubmission_file_/tiny.ipynb", "s002"),
        ("Ana María de la Cruz_4321_assignsubmission_file_/x.ipynb", "s003"),
        ("de la Cruz, Ana Maria_4321_assignsubmission_file_/x.ipynb", "s003"),
        ("Nobody Here_4321_assignsubmission_file_/tiny.ipynb", None),
        ("all.zip/s003/segments (1) FINAL.ipynb", "s003"),
        ("tiny_S003.ipynb", "s003"),
        ("M-77.ipynb", "s003"),
        ("alove/tiny.ipynb", "s001"),
        ("Ada Lovelace tiny.ipynb", "s001"),
        ("s0031.ipynb", None),
        ("s001 and s002.ipynb", None),
        ("bonguyen_7_99_tiny.ipynb", None),
        ("tiny.ipynb", None),
    ],
)
def test_whose_a_file_is(name, student, blank):
    (found,) = sorted_in([name], blank)
    if student is None:
        assert found.became == "unknown student"
        assert "Put the student's identifier into the file's name." in found.why
    else:
        assert (found.became, found.student.student) == ("graded", student)


def test_who_the_lms_says_it_is_counts_more_than_what_the_notebook_says(its):
    """A stranger with a copy of a student's notebook does not hand in for that student."""
    content = teaching.as_bytes(teaching.submission(its, "s001"))
    for name in ("strangerx_1999_9009_tiny.ipynb", "Some Body_77_assignsubmission_file_/tiny.ipynb"):
        (found,) = sorted_in([name], content)
        assert (found.became, found.student) == ("unknown student", None)
        assert "who is not in the roster" in found.why
    for name in ("Participant_77_assignsubmission_file_/tiny.ipynb", "anonymous_77_88_tiny.ipynb"):
        (found,) = sorted_in([name], content)
        assert (found.became, found.student.student) == ("graded", "s001")


def test_a_notebook_of_another_course_is_not_graded(its):
    source = handout.source_notebook(its.task("tiny").folder)
    notebook = handout.student_notebook(source, "tiny", "s001", its.mark)
    assert its.secret.hex() not in nbformat.writes(notebook)
    (found,) = sorted_in(["s001.ipynb"], teaching.as_bytes(notebook), mark=its.mark)
    assert found.became == "graded"
    (found,) = sorted_in(["s001.ipynb"], teaching.as_bytes(notebook), mark="0123456789abcdef")
    assert found.became == "wrong assignment"
    assert "the secret in course.toml has changed" in found.why


def test_a_notebook_may_say_itself_whose_it_is_and_the_path_counts_more(its):
    content = teaching.as_bytes(teaching.submission(its, "s002"))
    (found,) = sorted_in(["Untitled.ipynb"], content)
    assert (found.became, found.student.student, found.made_for) == ("graded", "s002", "s002")
    (found,) = sorted_in(["s001.ipynb"], content)
    assert (found.student.student, found.made_for) == ("s001", "s002")
    (found,) = sorted_in(["s001 or s003.ipynb"], content)
    assert found.became == "unknown student"


@pytest.mark.parametrize(
    ("name", "content", "became", "why"),
    [
        ("s001.ipynb", b"", "empty", "empty"),
        ("s001.ipynb", b" \n", "empty", "empty"),
        ("s001.pdf", b"%PDF-1.7", "no notebook", "It is .pdf"),
        ("s001", b"text", "no notebook", "a file without an ending"),
        ("s001.ipynb", b"{", "unreadable", "cannot be read as a notebook"),
        ("s001.ipynb", b"\xff\xfe\x00", "unreadable", "not UTF-8"),
        ("s001.ipynb", b'{"cells": 3, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "unreadable", "notebook"),
        ("s001.ipynb", b"[" * 100_000, "unreadable", "notebook"),
        ("s001.ipynb", teaching.as_bytes(nbformat.v4.new_notebook()), "wrong assignment", "no assignment"),
        (
            "s001.ipynb",
            teaching.as_bytes(nbformat.v4.new_notebook(metadata={"crkit": {"assignment": "segments"}})),
            "wrong assignment",
            "the assignment segments",
        ),
    ],
)
def test_what_cannot_be_graded_is_listed_with_why(name, content, became, why):
    (found,) = sorted_in([name], content)
    assert found.became == became
    assert why in found.why
    assert json.loads(intake.as_json([found]))[0]["became"] == became


def test_stripped_metadata_and_a_lost_title_cost_nothing(blank):
    notebook = nbformat.reads(blank.decode(), as_version=4)
    notebook.cells, notebook.metadata = notebook.cells[1:], {}
    (found,) = sorted_in(["s001 - notebook.ipynb"], teaching.as_bytes(notebook))
    assert found.became == "graded"


def test_the_last_try_in_time_counts_and_the_others_are_listed(blank):
    def at(hour):
        return DUE.replace(hour=hour, minute=0)

    tries = {"a": 10, "b": 22, "c": 23, "d": None}
    uploads = [
        intake.Upload(f"{name}/s001.ipynb", blank, None if hour is None else at(hour), "zip")
        for name, hour in tries.items()
    ]
    for order in (uploads, uploads[::-1]):
        found = {each.upload.name[0]: each for each in intake.sort(order, CLASS, "tiny", [], at(22))}
        assert {name: each.became for name, each in found.items()} == dict.fromkeys("acd", "superseded") | {
            "b": "graded"
        }
        assert found["a"].why == "Another try counts: b/s001.ipynb."
        late = intake.sort(order[:3] if order is uploads else order[1:], CLASS, "tiny", [], at(9))
        assert [each.upload.name[0] for each in late if each.became == "graded"] == ["c"]


def test_tries_of_one_moment_go_by_the_number_that_canvas_gives(blank):
    names = [
        f"lovelaceada_1234_{number}_tiny{more}.ipynb"
        for number, more in ((98, ""), (99, "-1"), (99, "-10"), (99, "-9"))
    ]
    found = sorted_in(names, blank)
    assert [each.became for each in found].count("graded") == 1
    assert found[2].became == "graded"


def test_zips_in_zips_folders_and_times(tmp_path, blank):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(zipfile.ZipInfo("tiny/tiny.ipynb", (2027, 3, 18, 12, 0, 0)), blank)
        archive.writestr("tiny/data/orders.csv", b"a\n1\n")
    teaching.make_zip(
        tmp_path / "all.zip",
        {"s001_tiny.zip": inner.getvalue(), "s002.ipynb": blank, "broken.zip": b"PK no"},
        (2027, 3, 19, 23, 59, 58),
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "s003.ipynb").write_bytes(blank)
    os.utime(tmp_path / "more" / "s003.ipynb", (1_800_000_000, 1_800_000_000))
    found = {upload.name: upload for upload in intake.collect(tmp_path, "Europe/Berlin")}
    assert set(found) == {
        "all.zip/s001_tiny.zip/tiny/tiny.ipynb", "all.zip/s001_tiny.zip/tiny/data/orders.csv", "all.zip/s002.ipynb",
        "all.zip/broken.zip", "more/s003.ipynb",
    }  # fmt: skip
    assert found["all.zip/s001_tiny.zip/tiny/tiny.ipynb"].submitted_at.isoformat() == "2027-03-18T12:00:00+01:00"
    assert found["more/s003.ipynb"].submitted_at.timestamp() == 1_800_000_000
    assert "no zip that can be opened" in found["all.zip/broken.zip"].why
    (tmp_path / "times.csv").write_text("file,submitted_at\ns002.ipynb,2027-03-20T00:10:00\n", encoding="utf-8")
    found = {upload.name: upload for upload in intake.collect(tmp_path, "Europe/Berlin")}
    assert found["all.zip/s002.ipynb"].time_from == "times.csv"
    assert found["all.zip/s002.ipynb"].submitted_at.isoformat() == "2027-03-20T00:10:00+01:00"
    for text, says in (
        ("file,submitted_at\ns009.ipynb,2027-03-20\n", "not among the submissions"),
        ("file,submitted_at\ns002.ipynb,soon\n", "line 2: 'soon' is no moment"),
        ("name,when\n", "needs the columns file and submitted_at"),
    ):
        (tmp_path / "times.csv").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=re.escape(says)):
            intake.collect(tmp_path, "Europe/Berlin")


def test_a_zip_that_swells_is_not_read_whole(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("s001.ipynb", b"0" * (intake.MOST_BYTES + 1))
        archive.writestr("s002.ipynb", b"{}")
    found = {upload.name: upload for upload in intake.collect(tmp_path / "bomb.zip", "UTC")}
    assert found["bomb.zip/s001.ipynb"].content == b""
    assert "more than is read" in found["bomb.zip/s001.ipynb"].why
    assert found["bomb.zip/s002.ipynb"].content == b"{}"


def test_nothing_to_grade_is_said(tmp_path):
    with pytest.raises(ValueError, match="there is nothing at"):
        intake.collect(tmp_path / "none", "UTC")
    with pytest.raises(ValueError, match="holds no file"):
        intake.collect(tmp_path, "UTC")


def test_the_forms_of_all_assignments_can_be_read_back():
    for name in assignments.names():
        questions = assignments.load(assignments.find(name)).questions
        asked = json.loads(handout.forms(assignments.load(assignments.find(name))))
        assert [each["form"]["name"] for each in asked] == [question.name for question in questions]
        assert all(isinstance(question, Question) for question in questions)
